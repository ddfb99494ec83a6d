r"""The lines of a text: taken out for translation, put back with all that stood between them.

A text is gap, line, gap, …, gap. A *line* is what stands between two line breaks, less the white space around
it. Gaps are copied, never rebuilt, so that line breaks of any kind, indents and trailing space survive.

    ""              no lines, the gap is ""
    " "             no lines, the gap is " "
    "hi"            the line "hi" at 0 between two empty gaps
    " a\r\n\r\nb "  the lines "a" at 1 and "b" at 6; the gaps are " ", "\r\n\r\n" and " "
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from nmt.text.normalise import is_translatable

if TYPE_CHECKING:
    from nmt.translator import Translation

# All that Unicode and str.splitlines() call a line break; a model has seen none of them.
_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_BREAK = re.compile(f"[{_BREAKS}]")
_LINE = re.compile(f"[^{_BREAKS}]+")


@dataclass(frozen=True, slots=True)
class Line:
    """A stretch of a text that is translated by itself, and where it begins (in code points)."""

    start: int
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole text's translation: its lines' translations, combined."""

    text: str
    alternatives: tuple[str, ...]
    score: float
    confidence: float | None
    alignment: tuple[tuple[int, int, int, int], ...] | None
    truncated: bool


def split(text: str) -> list[Line]:
    """The lines of ``text`` that hold something to translate."""
    lines = []
    for match in _LINE.finditer(text):
        line = match.group().strip()
        if is_translatable(line):
            lines.append(Line(text.index(line, match.start()), line))
    return lines


def assemble(text: str, lines: Sequence[Line], translations: Sequence[Translation]) -> Answer:
    """The translation of ``text``, given the translation of each of its ``lines``.

    Score and confidence are the lines' means; a text without lines is its own translation, with the score of
    certainty (0) and no confidence.
    """
    translated, offsets = _fill(text, lines, [translation.text for translation in translations])
    confidences = [each.confidence for each in translations if each.confidence is not None]
    return Answer(
        text=translated,
        alternatives=_alternatives(text, lines, translations, best=translated),
        score=fmean(each.score for each in translations) if translations else 0.0,
        confidence=fmean(confidences) if confidences and len(confidences) == len(translations) else None,
        alignment=_alignment(lines, offsets, translations),
        truncated=any(each.truncated for each in translations),
    )


def _fill(text: str, lines: Sequence[Line], replacements: Sequence[str]) -> tuple[str, list[int]]:
    """``text`` with each line replaced, and where each replacement begins."""
    parts: list[str] = []
    offsets: list[int] = []
    end = length = 0
    for line, replacement in zip(lines, replacements, strict=True):
        gap = text[end : line.start]
        offsets.append(length + len(gap))
        # One character for one, so that the alignment still holds.
        parts += (gap, _BREAK.sub(" ", replacement))
        length += len(gap) + len(replacement)
        end = line.start + len(line.text)
    parts.append(text[end:])
    return "".join(parts), offsets


def _alternatives(
    text: str, lines: Sequence[Line], translations: Sequence[Translation], *, best: str
) -> tuple[str, ...]:
    """Other translations of the whole text: the n-th is made of each line's n-th, failing that its best."""
    most = max((len(each.alternatives) for each in translations), default=0)
    others = []
    for n in range(most):
        chosen = [each.alternatives[n].text if n < len(each.alternatives) else each.text for each in translations]
        others.append(_fill(text, lines, chosen)[0])
    # Two token sequences may spell the same text.
    return tuple(other for other in dict.fromkeys(others) if other != best)


def _alignment(
    lines: Sequence[Line], offsets: Sequence[int], translations: Sequence[Translation]
) -> tuple[tuple[int, int, int, int], ...] | None:
    """The lines' alignments, counted from the start of the whole text; None if any line has none."""
    links: list[tuple[int, int, int, int]] = []
    for line, offset, translation in zip(lines, offsets, translations, strict=True):
        if translation.alignment is None:
            return None
        for source_start, source_end, target_start, target_end in translation.alignment:
            links.append(
                (
                    line.start + source_start,
                    line.start + source_end,
                    offset + target_start,
                    offset + target_end,
                )
            )
    return tuple(links)
