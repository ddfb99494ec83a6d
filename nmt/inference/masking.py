"""Masking of protected spans before decoding, and their restoration in the translation.

A network that has learned placeholders (Post et al. 2019, "An Exploration of Placeholding in Neural Machine
Translation") reads each span as a placeholder character and copies it. For other networks, the spans are removed from
the source and inserted into the translation by means of the word alignment.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nmt.text.alignment import AlignedSpan
from nmt.text.placeholders import PLACEHOLDER_CHARACTERS
from nmt.text.protected_spans import ProtectedSpan
from nmt.text.scripts import is_spaced_word_character, is_unspaced_script
from nmt.text.tag_projection import InlineTag, TagKind, project_tags

MAX_PLACEHOLDERS = len(PLACEHOLDER_CHARACTERS)
"""Maximum number of placeholders in a chunk."""

_PLACEHOLDER = re.compile(f"[{PLACEHOLDER_CHARACTERS[0]}-{PLACEHOLDER_CHARACTERS[-1]}]")
_BRACKETS = ("()", "[]", "{}", "“”", "«»", '""', "''")
_CLOSING = re.compile(r"[\s.,;:!?…)\]}»”’。，、！？]|$")


class MaskedSpan(NamedTuple):
    """A protected span that is masked."""

    text: str
    """Text of the span."""
    source: tuple[int, int]
    """Range of the span in the unmasked text, in code points."""
    position: int
    """Offset in the masked text of the placeholder, or of the gap that the span leaves."""
    placeholder: str
    """Placeholder character; empty if the span is removed."""


@dataclass(frozen=True, slots=True)
class MaskedText:
    """A text whose protected spans are masked."""

    text: str
    spans: tuple[MaskedSpan, ...] = ()
    origins: Sequence[int] | None = None
    """Offset in the unmasked text of each code point of the masked text and of its end; None if nothing is masked."""

    def placeholders(self, start: int, end: int) -> list[str]:
        """Return the placeholder characters in a range of the masked text."""
        return [span.placeholder for span in self.spans if span.placeholder and start <= span.position < end]

    def ranges(self, length: int) -> Iterator[tuple[int, int]]:
        """Yield ranges of a text of the given length in which no placeholder occurs twice."""
        start = 0
        for number in range(MAX_PLACEHOLDERS, len(self.spans), MAX_PLACEHOLDERS):
            if self.spans[number].placeholder:
                end = self.spans[number].position
                yield start, end
                start = end
        yield start, length


class RestoredText(NamedTuple):
    """Translation with the protected spans."""

    text: str
    alignment: tuple[AlignedSpan, ...] | None


def mask_spans(text: str, spans: Sequence[ProtectedSpan], with_placeholders: bool) -> MaskedText:
    """Replace protected spans by placeholder characters, or remove them if the network has not learned placeholders."""
    if not spans:
        return MaskedText(text)
    masked: list[str] = []  # single characters
    origins: list[int] = []
    found: list[MaskedSpan] = []
    end = 0
    for number, (start, stop, _) in enumerate(spans):
        if not with_placeholders and text[start - 1 : start] + text[stop : stop + 1] in _BRACKETS and start > end:
            start, stop = start - 1, stop + 1  # brackets move with the span
        masked += text[end:start]
        origins += range(end, start)
        end = stop
        placeholder = PLACEHOLDER_CHARACTERS[number % MAX_PLACEHOLDERS] if with_placeholders else ""
        if not with_placeholders and (not masked or masked[-1] == " ") and _CLOSING.match(text[stop : stop + 1]):
            # One of the two spaces around a removed span goes with it.
            if masked:
                del masked[-1], origins[-1]
            elif text[stop : stop + 1] == " ":
                end = stop + 1
        found.append(MaskedSpan(text[start:stop], (start, stop), len(masked), placeholder))
        masked += placeholder
        origins += [start] * len(placeholder)
    masked += text[end:]
    origins += range(end, len(text) + 1)
    return MaskedText("".join(masked), tuple(found), origins)


def restore_spans(
    source: MaskedText, unmasked: str, target: str, alignment: Sequence[AlignedSpan] | None, texts: Sequence[str]
) -> RestoredText:
    """Restore the protected spans in a translation.

    Each placeholder in the translation becomes its span. Placeholders that are missing, and spans that were removed
    from the source, are inserted by means of the word alignment. Each span occurs exactly once.

    Args:
        source: Masked source text.
        unmasked: Source text before masking.
        target: Translation of the masked text.
        alignment: Word alignment of the masked text with the translation.
        texts: Text to put in the place of each span.

    Returns:
        The translation, and its alignment with the unmasked text.
    """
    edits, missing = _replacements(source, target, texts)
    if missing:
        edits = sorted([*edits, *_insertions(source, unmasked, target, alignment, missing, texts)], key=_edit_order)
    parts: list[str] = []
    starts, shifts = [0], [0]  # shift of the offsets from each start on
    places: list[AlignedSpan] = []
    length = end = 0
    for edit in edits:
        before, after = _required_spaces(edit, parts, target, end)
        kept = target[end : edit.start]
        replacement = before + edit.text + after
        parts += (kept, replacement)
        length += len(kept) + len(before)
        if edit.span is not None:
            places.append((*source.spans[edit.span].source, length, length + len(edit.text)))
        length += len(edit.text) + len(after)
        end = max(end, edit.end)
        starts.append(end)
        shifts.append(length - end)
    parts.append(target[end:])
    restored = "".join(parts)
    if alignment is None:
        return RestoredText(restored, None)
    return RestoredText(restored, _shift_alignment(source, target, alignment, starts, shifts, places))


class _Edit(NamedTuple):
    """Replacement of a range of the translation by text."""

    start: int
    end: int
    text: str
    span: int | None
    """Number of the span that the text restores; None if the edit deletes a superfluous placeholder."""
    spaced: tuple[bool, bool]
    """Whether the span is separate from the text before and after it in the source."""
    touching: tuple[bool, bool] = (False, False)
    """Whether an inserted span may touch the word before and after it, as the tag in ``<b>word`` does."""


def _edit_order(edit: _Edit) -> tuple[int, int]:
    return edit.start, -1 if edit.span is None else edit.span


def _replacements(source: MaskedText, target: str, texts: Sequence[str]) -> tuple[list[_Edit], list[int]]:
    """Return the edits that replace placeholders by their spans, and the numbers of the spans without placeholder."""
    waiting: dict[str, list[int]] = {}
    for n, span in enumerate(source.spans):
        waiting.setdefault(span.placeholder, []).append(n)
    missing = waiting.pop("", [])
    edits = []
    for match in _PLACEHOLDER.finditer(target):
        start, end = match.span()
        if numbers := waiting.get(match.group()):
            number = numbers.pop(0)
            edits.append(_Edit(start, end, texts[number], number, _spacing(source, number)))
        else:
            is_spaced = target[start - 1 : start] in {"", " "} and target[end : end + 1] == " "
            edits.append(_Edit(start, end + is_spaced, "", None, (False, False)))
    return edits, sorted(missing + [number for numbers in waiting.values() for number in numbers])


def _spacing(source: MaskedText, number: int) -> tuple[bool, bool]:
    """Return whether a placeholder is separate from the word before and after it in the source."""
    position = source.spans[number].position
    before, after = source.text[position - 1 : position], source.text[position + 1 : position + 2]
    return not (before and is_spaced_word_character(before)), not (after and is_spaced_word_character(after))


def _insertions(
    source: MaskedText,
    unmasked: str,
    target: str,
    alignment: Sequence[AlignedSpan] | None,
    missing: Sequence[int],
    texts: Sequence[str],
) -> list[_Edit]:
    """Return the edits that insert the spans with the given numbers into the translation."""
    tags = [InlineTag(TagKind.STANDALONE, source.spans[n].position, source.spans[n].position) for n in missing]
    offsets = project_tags(tags, source.text, target, alignment)
    edits = []
    for number, offset in zip(missing, offsets, strict=True):
        start, end = source.spans[number].source
        before, after = unmasked[:start][-1:], unmasked[end : end + 1]
        text = source.spans[number].text
        touching = _can_touch(before, text[0]), _can_touch(after, text[-1])
        edits.append(_Edit(offset, offset, texts[number], number, (before in {" ", ""}, after in {" ", ""}), touching))
    return edits


def _can_touch(neighbour: str, edge: str) -> bool:
    """Return whether a span with this character at its edge touches a word in the source without being part of it."""
    return neighbour != "" and is_spaced_word_character(neighbour) and not is_spaced_word_character(edge)


def _required_spaces(edit: _Edit, parts: Sequence[str], target: str, end: int) -> tuple[str, str]:
    """Return the spaces to put before and after the text of an edit, so that it is not joined to a neighbouring word.

    A replaced placeholder needs a space only where it would be joined to a word and the source has a space there. An
    inserted span is separated as in the source.
    """
    if not edit.text:
        return "", ""
    previous = target[edit.start - 1 : edit.start] if edit.start > end else (parts[-1][-1:] if parts else "")
    next_kept = max(end, edit.end)
    following = target[next_kept : next_kept + 1]
    inserted = edit.start == edit.end
    before = previous not in {"", " "} and _needs_space(previous, edit.spaced[0], inserted) and not edit.touching[0]
    after = not _CLOSING.match(following) and _needs_space(following, edit.spaced[1], inserted)
    after = after and not edit.touching[1]
    return " " * before, " " * after


def _needs_space(neighbour: str, spaced: bool, inserted: bool) -> bool:
    """Return whether a space must separate a span from a neighbouring character.

    ``spaced`` is true if the span is separate from this neighbour in the source, ``inserted`` if it replaces nothing.
    """
    if not inserted:
        return spaced and is_spaced_word_character(neighbour)
    return is_spaced_word_character(neighbour) or (spaced and not is_unspaced_script(neighbour))


def _shift_alignment(
    source: MaskedText,
    target: str,
    alignment: Sequence[AlignedSpan],
    starts: Sequence[int],
    shifts: Sequence[int],
    places: Sequence[AlignedSpan],
) -> tuple[AlignedSpan, ...]:
    """Return the alignment of the unmasked source with the restored translation."""
    origins = source.origins
    shifted = []
    for source_start, source_end, target_start, target_end in alignment:
        if _PLACEHOLDER.search(target, target_start, target_end):
            continue  # replaced by an element of `places`
        shift = shifts[bisect_right(starts, target_start) - 1]
        if origins is not None:
            source_start, source_end = origins[source_start], origins[source_end - 1] + 1
        shifted.append((source_start, source_end, target_start + shift, target_end + shift))
    return tuple(sorted([*shifted, *places], key=lambda span: span[2:]))
