"""Texts with inline codes: what most formats divide their paragraphs into.

An *inline code*, as XLIFF calls it, represents markup inside a sentence: the start or the end of a style or of a link,
or something that stands alone, such as a footnote mark. The codes are set aside before translation and put into the
translation by the word alignment, in their original order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from nmt.inference.documents.document import Document, combine_translations
from nmt.inference.documents.tagged_document import TaggedDocument
from nmt.inference.documents.tagged_sentence import split_block
from nmt.inference.documents.text_block import BlockBuilder, BlockTag
from nmt.text.tag_projection import TagKind

if TYPE_CHECKING:
    from nmt.inference.translation import Translation

_CODE = "\U000f0000"
"""Private-use character that represents a code. One that is part of a text is treated as a code of its own."""


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
    offset = 0
    for item in content:
        if isinstance(item, str):
            for number, text in enumerate(item.split(_CODE)):
                if number:
                    codes.append(InlineCode(TagKind.STANDALONE, _CODE))
                    block.add_standalone(offset, offset + 1, "")
                    offset += 1
                block.add_text(text, offset, offset + len(text))
                offset += len(text)
            continue
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
    source = "".join(item if isinstance(item, str) else _CODE for item in content)
    return TaggedDocument(source, split_block(block.build(), language, lambda _: str)), codes


def _split_at_codes(text: str, codes: Sequence[InlineCode], nested: Sequence[str]) -> list[InlineItem]:
    """Return the texts and codes of a translation, in which a character represents each code."""
    items: list[InlineItem] = []
    remaining, first, *rest = iter(nested), *text.split(_CODE)
    if first:
        items.append(InlineItem(first))
    for code, after in zip(codes, rest, strict=True):
        if code.data == _CODE:
            items.append(InlineItem(_CODE))
        else:
            items.append(InlineItem("" if code.document is None else next(remaining), code))
        if after:
            items.append(InlineItem(after))
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
