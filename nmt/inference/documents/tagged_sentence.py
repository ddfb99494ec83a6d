"""Sentences with inline tags.

The inline tags of a sentence are removed before translation and inserted into the translation in the same order, unless
the format allows elements to change their order. The output always has the same tags, comments and other markup as the
source. A sentence that the translation leaves
unchanged is copied, including its character references and line breaks.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from nmt.inference.documents.block_cuts import Cut, find_cuts
from nmt.inference.documents.document import flag_adjacent_spans, to_single_line
from nmt.inference.documents.text_block import BlockTag, TextBlock
from nmt.text.sentence_splitting import separate_from_next, split_sentences
from nmt.text.tag_projection import InlineTag, TagKind, project_tags

if TYPE_CHECKING:
    from nmt.inference.translation import Translation
    from nmt.text.alignment import AlignedSpan

Escape = Callable[[str], str]
"""Function that returns text as it is written in the source format."""
CopyRange = Callable[[int, int], str]
"""Function that returns a range of the source in which nested sentences are translated."""

# Marks without a space after them, and before them.
_OPENING_MARKS = "([{«“„‘‹¿¡"
_CLOSING_MARKS = ".,;:!?…)]}»”’›%。，、！？；：）"


class Markup(NamedTuple):
    """Markup of a tag in the source."""

    start: int
    stop: int
    is_visible: bool


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """A sentence of a document with its inline tags."""

    text: str
    start: int
    """Start offset in the source of the text that the translation replaces."""
    stop: int
    """End offset in the source of the text that the translation replaces."""
    tags: Sequence[InlineTag]
    """Inline tags of the sentence."""
    markup: Sequence[Markup]
    """Markup of each tag."""
    touches_next: bool
    """True if the next sentence follows without a space."""
    escapes: Sequence[Escape]
    """Functions for the text before each tag and after the last one."""
    may_reorder: bool = False
    """Whether elements change their order if the words in them do."""

    def render(self, translation: Translation, copy: CopyRange) -> str:
        """Return the translation with the tags inserted, as it is written in the source format."""
        target = to_single_line(translation.text)
        if target == self.text:
            return copy(self.start, self.stop)
        if self.touches_next:
            target = separate_from_next(target)
        parts: list[str] = []
        end = position = 0
        for index, offset in self._place_tags(target, translation.alignment):
            tag, markup, escape = self.tags[index], self.markup[index], self.escapes[index]
            before = after = ""
            if markup.is_visible and tag.kind is TagKind.STANDALONE:
                # Another tag may be next to it that is not in the source.
                is_apart = bool(parts) and offset == end and tag.position != position
                before, after = self._spaces(tag, target, offset, is_apart)
            parts += (escape(target[end:offset]), before, copy(markup.start, markup.stop), after)
            end, position = offset, tag.position
        return "".join((*parts, self.escapes[-1](target[end:])))

    def _place_tags(self, target: str, alignment: Sequence[AlignedSpan] | None) -> list[tuple[int, int]]:
        """Return the index and the offset in the translation of each tag, in the order of the translation.

        Elements are placed independently of each other if they may change their order and then do not overlap.
        """
        elements = _top_level_elements(self.tags) if self.may_reorder and alignment else []
        if len(elements) > 1:
            placed: list[list[tuple[int, int]]] = []
            for indices in elements:
                offsets = project_tags([self.tags[n] for n in indices], self.text, target, alignment)
                placed.append(list(zip(indices, offsets, strict=True)))
            placed.sort(key=lambda tags: (tags[0][1], tags[-1][1]))
            if all(before[-1][1] <= after[0][1] for before, after in pairwise(placed)):
                return [each for tags in placed for each in tags]
        return list(enumerate(project_tags(self.tags, self.text, target, alignment)))

    def _spaces(self, tag: InlineTag, target: str, offset: int, is_apart: bool) -> tuple[str, str]:
        """Return the spaces to put before and after a standalone tag, which may represent a word, such as an image.

        They are those that it has in the source, and one before it if ``is_apart`` is true, or if it follows
        punctuation in the source and a word in the translation.
        """
        before, after = _neighbours(self.text, tag.position)
        target_before, target_after = _neighbours(target, offset)
        space_before = before.isspace() and not target_before.isspace() and target_before not in _OPENING_MARKS
        space_after = after.isspace() and not target_after.isspace() and target_after not in _CLOSING_MARKS
        is_apart = is_apart or (before != "" and before in _CLOSING_MARKS and target_before.isalnum())
        return " " * (space_before or is_apart), " " * space_after


def _top_level_elements(tags: Sequence[InlineTag]) -> list[range]:
    """Return the indices of the tags of each element that is in no other one.

    There are none if some tags are standalone, or the start or end of an element is in another sentence.
    """
    elements: list[range] = []
    depth = start = 0
    for index, tag in enumerate(tags):
        depth += {TagKind.OPENING: 1, TagKind.CLOSING: -1}.get(tag.kind, -len(tags) - 1)
        if depth < 0:
            return []
        if depth == 0:
            elements.append(range(start, index + 1))
            start = index + 1
    return elements if depth == 0 else []


def split_block(
    block: TextBlock, language: str, escapes: Callable[[BlockTag | None], Escape], *, may_reorder: bool = False
) -> list[TaggedSentence]:
    """Return the sentences of a text block, each with the tags that may move within it.

    Args:
        block: Text block.
        language: Language code of the text, which determines the rules for splitting.
        escapes: Returns the function that escapes the text after a tag or, given None, at the start of the block.
        may_reorder: Whether elements change their order if the words in them do; all text must be escaped alike.
    """
    cuts = [Cut(0, 0), *find_cuts(block), Cut(len(block.text), len(block.tags))]
    sentences = [sentence for piece in pairwise(cuts) for sentence in _split_piece(block, *piece, language, escapes)]
    return [replace(sentence, may_reorder=True) for sentence in sentences] if may_reorder else sentences


def _split_piece(
    block: TextBlock, first: Cut, last: Cut, language: str, escapes: Callable[[BlockTag | None], Escape]
) -> Iterator[TaggedSentence]:
    """Yield the sentences of a block between two cuts."""
    offsets = [tag.offset for tag in block.tags[first.tag_index : last.tag_index]]
    text = block.text[first.offset : last.offset]
    spans = [(first.offset + start, first.offset + stop) for start, stop in split_sentences(text, language)]
    next_tag = first.tag_index
    for (start, stop), touches_next in zip(spans, flag_adjacent_spans(spans), strict=True):
        nearby = range(
            max(next_tag, first.tag_index + bisect_left(offsets, start)), first.tag_index + bisect_right(offsets, stop)
        )
        # Tags at the edge of a sentence stay there, unless the matching tag is inside the sentence.
        moving = [n for n in nearby if _is_inside(block.tags[n], start, stop)]
        tags = block.tags[moving[0] : moving[-1] + 1] if moving else []
        next_tag = moving[-1] + 1 if moving else next_tag
        before = moving[0] if moving else first.tag_index + bisect_right(offsets, start)
        yield TaggedSentence(
            block.text[start:stop],
            min([block.source_start(start), *(tag.start for tag in tags[:1])]),
            max([block.source_stop(stop - 1), *(tag.stop for tag in tags[-1:])]),
            [_clip_tag(tag, start, stop) for tag in tags],
            [Markup(tag.start, tag.stop, tag.is_visible) for tag in tags],
            touches_next,
            [escapes(block.tags[before - 1] if before else None), *map(escapes, tags)],
        )


def _is_inside(tag: BlockTag, start: int, stop: int) -> bool:
    return start < tag.offset < stop or start < tag.matching_offset < stop


def _clip_tag(tag: BlockTag, start: int, stop: int) -> InlineTag:
    """Return a tag of a text block as a tag of the sentence ``[start, stop)``, to which its range is clipped."""
    begin, end = sorted(min(max(offset, start), stop) - start for offset in (tag.offset, tag.matching_offset))
    return InlineTag(tag.kind, begin, end)


def _neighbours(text: str, offset: int) -> tuple[str, str]:
    """Return the characters before and after an offset, or empty strings at the edges of the text."""
    return text[max(offset - 1, 0) : offset], text[offset : offset + 1]
