"""Texts with inline codes: what most formats divide their paragraphs into.

An *inline code*, as XLIFF calls it, represents markup inside a sentence: the start or the end of a style or of a link,
or something that stands alone, such as a footnote mark. The codes are set aside before translation and put into the
translation by the word alignment. Styles and links change their order if their words do, unless a code that stands
alone is in the same sentence: then all codes keep their order, which the codes of a field, for example, require.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from nmt.inference.documents.document import Document, combine_translations
from nmt.inference.documents.tagged_document import TaggedDocument
from nmt.inference.documents.tagged_sentence import split_block
from nmt.inference.documents.text_block import BlockBuilder, BlockTag
from nmt.text.tag_projection import TagKind

if TYPE_CHECKING:
    from nmt.inference.translation import Translation

_FIRST_CODE, _NUM_CODES = 0xF0000, 0xFFFE
"""Private-use characters that represent codes. One that is part of a text is treated as a code of its own."""
_CODE = re.compile(f"[{chr(_FIRST_CODE)}-{chr(_FIRST_CODE + _NUM_CODES - 1)}]")


@dataclass(eq=False)
class InlineCode:
    """An inline code."""

    kind: TagKind
    data: Any = None
    """Data with which the format writes the code."""
    name: str = ""
    """Name of an HTML element that is treated alike; ``br`` for a line break."""
    opening: InlineCode | None = None
    """Code that a closing code closes."""
    is_visible: bool = True
    """True if a standalone code is displayed."""
    separates_words: bool = False
    """True if a standalone code separates two words, as a space does."""
    document: Document | None = None
    """Texts inside the code that are translated by themselves, such as those of a text box."""


@dataclass(frozen=True)
class InlineItem:
    """A text, or an inline code, of a translation."""

    text: str
    """The text, or the translation of the document inside the code."""
    code: InlineCode | None = None


InlineContent = Sequence[str | InlineCode]
Render = Callable[[Sequence[InlineItem]], str]
"""Function that returns a translation as it is written in the file."""


@dataclass
class InlineDocument:
    """A paragraph, cell or other unit of a file, whose sentences contain inline codes."""

    content: InlineContent
    language: str
    """Language code of the text."""
    render: Render
    original: str
    """The unit as it is in the file, which is kept if the translation equals the source."""
    keeps_original: ClassVar[bool] = True
    """True if a unit stays as it is when the translation equals the source."""
    _codes: list[InlineCode] = field(init=False)

    def __post_init__(self) -> None:
        self._document, self._codes = _parse(self.content, self.language)
        self._nested = [code.document for code in self._codes if code.document is not None]
        nested = [segment for document in self._nested for segment in document.segments]
        self.segments: Sequence[str] = [*self._document.segments, *nested]

    def assemble(self, translations: Sequence[Translation]) -> Translation:
        """Return the translation of the unit, given those of its sentences and of the documents inside its codes."""
        return combine_translations(translations, self._render, alignment=None)

    def _render(self, translations: Sequence[Translation]) -> str:
        pairs = zip(translations, self.segments, strict=True)
        if self.keeps_original and all(translation.text == segment for translation, segment in pairs):
            return self.original
        end = len(self._document.segments)
        text = self._document.assemble(translations[:end]).text
        nested: list[str] = []
        for document in self._nested:
            start, end = end, end + len(document.segments)
            nested.append(document.assemble(translations[start:end]).text)
        return self.render(_split_at_codes(text, self._codes, nested))


def _parse(content: InlineContent, language: str) -> tuple[TaggedDocument, list[InlineCode]]:
    """Return a unit as a document in which a character represents each code, and the codes in order."""
    block, codes = BlockBuilder(), list[InlineCode]()
    start_tags: dict[int, BlockTag] = {}
    source: list[str] = []
    offset = 0
    for item in _separate_codes(content):
        if isinstance(item, str):
            block.add_text(item, offset, offset + len(item))
            source.append(item)
            offset += len(item)
            continue
        source.append(chr(_FIRST_CODE + len(codes) % _NUM_CODES))
        codes.append(item)
        if item.kind is TagKind.OPENING:
            start_tags[id(item)] = block.add_start_tag(offset, offset + 1, item.name)
        elif item.kind is TagKind.CLOSING:
            block.add_end_tag(offset, offset + 1, item.name, start_tags.get(id(item.opening)))
        elif item.is_visible:
            block.add_standalone(offset, offset + 1, item.name, separates_words=item.separates_words)
        else:
            block.add_invisible(offset, offset + 1)
        offset += 1
    sentences = split_block(block.build(), language, lambda _: str, may_reorder=len(codes) <= _NUM_CODES)
    return TaggedDocument("".join(source), sentences), codes


def _separate_codes(content: InlineContent) -> Iterator[str | InlineCode]:
    """Yield the content with each character of a text that would represent a code as a code of its own."""
    for item in content:
        if isinstance(item, str):
            position = 0
            for match in _CODE.finditer(item):
                yield item[position : match.start()]
                yield InlineCode(TagKind.STANDALONE, match[0])
                position = match.end()
            yield item[position:]
        else:
            yield item


def _split_at_codes(text: str, codes: Sequence[InlineCode], nested: Sequence[str]) -> list[InlineItem]:
    """Return the texts and codes of a translation, in which a character represents each code."""
    items: list[InlineItem] = []
    inside = dict(zip((id(code) for code in codes if code.document is not None), nested, strict=True))
    pending = ""  # text since the last code
    for number, part in enumerate(re.split(f"({_CODE.pattern})", text)):
        if number % 2 == 0:
            pending += part
            continue
        code = codes[ord(part) - _FIRST_CODE if len(codes) <= _NUM_CODES else number // 2]
        if isinstance(code.data, str) and _CODE.fullmatch(code.data):
            pending += code.data
            continue
        items += [InlineItem(pending)] if pending else []
        items.append(InlineItem(inside.get(id(code), ""), code))
        pending = ""
    items += [InlineItem(pending)] if pending else []
    return items


@dataclass(frozen=True)
class SplicedDocument:
    """A text in which ranges are documents and everything else is copied."""

    text: str
    parts: Sequence[tuple[int, int, Document]]
    """Start, end and document of each range, in order."""

    @property
    def segments(self) -> Sequence[str]:
        """Segments of all documents."""
        return [segment for _, _, document in self.parts for segment in document.segments]

    def assemble(self, translations: Sequence[Translation]) -> Translation:
        """Return the text with the documents translated."""
        return combine_translations(translations, self._render, alignment=None)

    def _render(self, translations: Sequence[Translation]) -> str:
        pieces: list[str] = []
        position = used = 0
        for start, stop, document in self.parts:
            count = len(document.segments)
            pieces += (self.text[position:start], document.assemble(translations[used : used + count]).text)
            position, used = stop, used + count
        return "".join((*pieces, self.text[position:]))
