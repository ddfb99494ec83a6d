"""HTML documents, in which sentences are translated and everything that is not text is copied byte for byte.

The inline tags of a sentence are removed before translation and inserted into the translation in the same order, so
the output always has the same tags, comments and other markup as the source. A sentence that the translation leaves
unchanged is copied, including its character references and line breaks.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from nmt.inference.documents.document import (
    DocumentTranslation,
    combine_translations,
    flag_adjacent_spans,
    replace_spans,
    to_single_line,
)
from nmt.inference.documents.html_parser import BlockTag, TextBlock, parse_text_blocks
from nmt.text.sentence_splitting import separate_from_next, split_sentences
from nmt.text.tag_projection import InlineTag, TagKind, project_tags

if TYPE_CHECKING:
    from nmt.inference.translation import Translation


class HtmlDocument:
    """An HTML page or fragment, which need not be well-formed."""

    def __init__(self, html: str, language: str) -> None:
        self._html = html
        self._sentences = [s for block in parse_text_blocks(html) for s in _split_block(block, html, language)]
        self.segments: Sequence[str] = [sentence.text for sentence in self._sentences]

    def assemble(self, translations: Sequence[Translation]) -> DocumentTranslation:
        """Return the translation of the document, without an alignment, given the translations of all segments."""
        return combine_translations(translations, self._render, alignment=None)

    def _render(self, translations: Sequence[Translation]) -> str:
        spans = [(sentence.start, sentence.stop) for sentence in self._sentences]
        sentences = zip(self._sentences, translations, strict=True)
        return replace_spans(self._html, spans, [sentence.render(each, self._html) for sentence, each in sentences])


def extract_visible_text(html: str) -> str:
    """Return the text of an HTML document without tags, comments, scripts and code."""
    return "\n".join(filter(None, (block.text.strip() for block in parse_text_blocks(html))))


@dataclass(frozen=True, slots=True)
class _HtmlSentence:
    """A sentence of an HTML document with its inline tags."""

    text: str
    start: int
    """Start offset in the HTML of the text that the translation replaces."""
    stop: int
    """End offset in the HTML of the text that the translation replaces."""
    tags: Sequence[InlineTag]
    """Inline tags of the sentence."""
    markup: Sequence[str]
    """HTML of each tag."""
    touches_next: bool
    """True if the next sentence follows without a space."""

    def render(self, translation: Translation, html: str) -> str:
        """Return the translation as HTML with the tags inserted."""
        target = to_single_line(translation.text)
        if target == self.text:
            return html[self.start : self.stop]
        if self.touches_next:
            target = separate_from_next(target)
        offsets = project_tags(self.tags, self.text, target, translation.alignment)
        parts: list[str] = []
        end = 0
        for tag, markup, offset in zip(self.tags, self.markup, offsets, strict=True):
            parts += (escape(target[end:offset], quote=False), self._add_spaces(tag, markup, target, offset))
            end = offset
        return "".join((*parts, escape(target[end:], quote=False)))

    def _add_spaces(self, tag: InlineTag, markup: str, target: str, offset: int) -> str:
        """Return the HTML of a tag, with the spaces that a standalone tag has around it in the source.

        A standalone tag, such as an image, may represent a word.
        """
        if tag.kind is not TagKind.STANDALONE:
            return markup
        before = offset > 0 and _is_space(self.text, tag.position - 1) and not _is_space(target, offset - 1)
        after = offset < len(target) and _is_space(self.text, tag.position) and not _is_space(target, offset)
        return " " * before + markup + " " * after


def _split_block(block: TextBlock, html: str, language: str) -> Iterator[_HtmlSentence]:
    """Yield the sentences of a text block, each with the tags that may move within it."""
    text = block.text
    offsets = [tag.offset for tag in block.tags]
    next_tag = 0
    spans = split_sentences(text, language)
    for (start, stop), touches in zip(spans, flag_adjacent_spans(spans), strict=True):
        nearby = range(max(next_tag, bisect_left(offsets, start)), bisect_right(offsets, stop))
        # Tags at the edge of a sentence stay there, unless the matching tag is inside the sentence.
        moving = [n for n in nearby if start < offsets[n] < stop or start < block.tags[n].matching_offset < stop]
        tags = block.tags[moving[0] : moving[-1] + 1] if moving else []
        next_tag = moving[-1] + 1 if moving else next_tag
        yield _HtmlSentence(
            text[start:stop],
            min([block.starts[start], *(tag.start for tag in tags[:1])]),
            max([block.stops[stop - 1], *(tag.stop for tag in tags[-1:])]),
            [_clip_tag(tag, start, stop) for tag in tags],
            [html[tag.start : tag.stop] for tag in tags],
            touches,
        )


def _clip_tag(tag: BlockTag, start: int, stop: int) -> InlineTag:
    """Return a tag of a text block as a tag of the sentence ``[start, stop)``, to which its range is clipped."""
    begin, end = sorted(min(max(offset, start), stop) - start for offset in (tag.offset, tag.matching_offset))
    return InlineTag(tag.kind, begin, end)


def _is_space(text: str, offset: int) -> bool:
    return text[offset : offset + 1].isspace()
