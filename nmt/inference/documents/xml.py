"""XML documents, in which sentences are translated and everything that is not text is copied byte for byte."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from nmt.inference.documents.html import split_content
from nmt.inference.documents.html_parser import parse_html
from nmt.inference.documents.tag_options import TagOptions
from nmt.inference.documents.tagged_document import Edit, TaggedDocument
from nmt.inference.documents.tagged_sentence import Escape, split_block
from nmt.inference.documents.text_block import BlockBuilder, BlockTag, TextBlock
from nmt.inference.documents.xml_outline import XmlOutline
from nmt.inference.documents.xml_parser import XmlKind, XmlPart, parse_xml
from nmt.text.tag_projection import TagKind

_CDATA = "![CDATA["
_HTML = re.compile(r"</?[a-z][^>]*>|&(?:[a-z]+|#\d+);", re.ASCII | re.IGNORECASE)
_ENCODING = re.compile(r"""<\?xml\s[^>]*?\sencoding\s*+=\s*+["']([\w.-]++)""", re.ASCII)
_FORBIDDEN_CHARACTERS = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_COPIED = frozenset({"code", "math", "script", "style", "svg"})
# Attributes of HTML and other formats, ITS and Android that exclude an element from translation.
_EXCLUDING_ATTRIBUTES = {"translate": "no", "its:translate": "no", "translatable": "false"}


class XmlDocument(TaggedDocument):
    """An XML document or fragment. A fragment may have several elements or text at its top level."""

    def __init__(
        self, xml: str, language: str, *, target_language: str | None = None, options: TagOptions | None = None
    ) -> None:
        """Parse a document. Raises XmlSyntaxError if it is not well-formed.

        Args:
            xml: The document.
            language: Language code of the text.
            target_language: Language code of the translation; None to leave the declaration of the encoding as it is.
            options: Treatment of elements by name.
        """
        content = _read_content(xml, options or TagOptions())
        sentences = [sentence for block in content.blocks for sentence in split_block(block, language, _escape_after)]
        for start, stop in content.html_ranges:
            sentences += split_content(parse_html(xml, start=start, stop=stop), language)
        encoding = _ENCODING.match(xml) if target_language else None
        changes = encoding is not None and encoding[1].lower() != "utf-8"
        super().__init__(xml, sentences, [Edit(*encoding.span(1), "UTF-8")] if encoding and changes else [])


def extract_xml_text(xml: str, options: TagOptions | None = None) -> str:
    """Return the text of an XML document without markup. Raises XmlSyntaxError if it is not well-formed."""
    content = _read_content(xml, options or TagOptions())
    blocks = list(content.blocks)
    for start, stop in content.html_ranges:
        blocks += parse_html(xml, start=start, stop=stop).blocks
    return "\n".join(filter(None, (block.text.strip() for block in blocks)))


class _XmlContent(NamedTuple):
    """Texts of an XML document."""

    blocks: Sequence[TextBlock]
    html_ranges: Sequence[tuple[int, int]]
    """Ranges of the CDATA sections that contain HTML."""


def _read_content(xml: str, options: TagOptions) -> _XmlContent:
    parts = parse_xml(xml)
    reader = _Reader(XmlOutline(parts, options), options)
    index = 0
    while index < len(parts):
        end = index
        if parts[index].kind is XmlKind.CDATA_START:
            end = next(n for n in range(index, len(parts)) if parts[n].kind is XmlKind.CDATA_END)
        if end > index and _HTML.search(xml, parts[index].stop, parts[end].start):
            reader.add_html(parts[index].start, parts[index].stop, parts[end].start, parts[end].stop)
            index = end
        else:
            reader.add(parts[index])
        index += 1
    return _XmlContent([builder.build() for builder in reader.blocks], reader.html_ranges)


class _OpenElement(NamedTuple):
    """An element whose end tag has not been read yet."""

    name: str
    start: int
    is_inline: bool
    is_copied: bool
    block: BlockBuilder
    """Block in which the element begins."""
    start_tag: BlockTag | None
    """Its start tag, if it is inline and not copied."""


class _Reader:
    """Builder of text blocks from the parts of an XML document."""

    def __init__(self, outline: XmlOutline, options: TagOptions) -> None:
        self._outline = outline
        self._options = options
        self._block = BlockBuilder()
        self.blocks = [self._block]
        self.html_ranges: list[tuple[int, int]] = []
        self._open: list[_OpenElement] = []  # outermost first
        self._cdata_start: BlockTag | None = None

    @property
    def _is_copied(self) -> bool:
        return bool(self._open) and self._open[-1].is_copied

    def add(self, part: XmlPart) -> None:
        """Add a part of the document."""
        if part.kind is XmlKind.START_TAG:
            self._start_element(part)
        elif part.kind is XmlKind.END_TAG:
            self._end_element(part)
        elif self._is_copied:
            return
        elif part.kind is XmlKind.TEXT:
            self._block.add_text(part.text, part.start, part.stop)
        elif part.kind is XmlKind.CDATA_START:
            self._cdata_start = self._block.add_start_tag(part.start, part.stop, _CDATA)
        elif part.kind is XmlKind.CDATA_END:
            self._block.add_end_tag(part.start, part.stop, _CDATA, self._cdata_start)
        else:
            self._block.add_invisible(part.start, part.stop)

    def add_html(self, start: int, content_start: int, content_stop: int, stop: int) -> None:
        """Add a CDATA section that contains HTML."""
        if not self._is_copied:
            self.html_ranges.append((content_start, content_stop))
            self._block.add_standalone(start, stop, _CDATA, separates_words=True)

    def _start_element(self, part: XmlPart) -> None:
        in_sentence = bool(self._open) and self._open[-1].is_inline
        is_inline = self._outline.is_inline(part.text, in_sentence=in_sentence)
        is_copied = self._is_copied or self._needs_copy(part.text, part.attributes)
        block, start_tag = self._block, None
        if not is_copied:
            if is_inline:
                start_tag = block.add_start_tag(part.start, part.stop, part.text)
            else:
                self._start_block()
        self._open.append(_OpenElement(part.text, part.start, is_inline, is_copied, block, start_tag))

    def _end_element(self, part: XmlPart) -> None:
        element = self._open.pop()
        if self._is_copied:
            return
        if not element.is_inline:
            self._start_block()
        elif element.is_copied:
            is_text = element.name in self._options.ignore_tags
            self._block.add_standalone(element.start, part.stop, element.name, separates_words=is_text)
        else:
            start_tag = element.start_tag if element.block is self._block else None
            self._block.add_end_tag(part.start, part.stop, element.name, start_tag)

    def _needs_copy(self, name: str, attributes: Mapping[str, str]) -> bool:
        if name in self._options.ignore_tags or name.rpartition(":")[2].lower() in _COPIED:
            return True
        return any(attributes.get(key) == value for key, value in _EXCLUDING_ATTRIBUTES.items())

    def _start_block(self) -> None:
        self._block = BlockBuilder()
        self.blocks.append(self._block)


def _escape_after(tag: BlockTag | None) -> Escape:
    """Return the function that escapes text after a tag."""
    is_cdata = tag is not None and tag.name == _CDATA and tag.kind is TagKind.OPENING
    return _escape_cdata if is_cdata else _escape_text


def _escape_text(text: str) -> str:
    return escape(_FORBIDDEN_CHARACTERS.sub("", text), quote=False)


def _escape_cdata(text: str) -> str:
    return _FORBIDDEN_CHARACTERS.sub("", text).replace("]]>", "]]]]><![CDATA[>")
