"""HTML documents, in which sentences are translated and everything that is not text is copied byte for byte."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from nmt.inference.documents.html_attributes import Attribute
from nmt.inference.documents.html_page import page_edits
from nmt.inference.documents.html_parser import HtmlContent, parse_html
from nmt.inference.documents.html_text import add_html_text, escape_attribute, escape_text
from nmt.inference.documents.tag_options import TagOptions
from nmt.inference.documents.tagged_document import TaggedDocument
from nmt.inference.documents.tagged_sentence import TaggedSentence, split_block
from nmt.inference.documents.text_block import BlockBuilder
from nmt.text.normalisation import is_translatable


class HtmlDocument(TaggedDocument):
    """An HTML page or fragment, which need not be well-formed."""

    def __init__(
        self, html: str, language: str, *, target_language: str | None = None, options: TagOptions | None = None
    ) -> None:
        """Parse a document.

        Args:
            html: The document.
            language: Language code of the text.
            target_language: Language code of the translation, to which the page's declarations are changed; None to
                leave them as they are.
            options: Treatment of elements by name.
        """
        content = parse_html(html, options)
        sentences = split_content(content, language)
        edits = page_edits(content.declarations, language, target_language) if target_language else ()
        super().__init__(html, sentences, list(edits))


def extract_visible_text(html: str, options: TagOptions | None = None) -> str:
    """Return the text of an HTML document without tags, comments, scripts and code."""
    return "\n".join(filter(None, (block.text.strip() for block in parse_html(html, options).blocks)))


def split_content(content: HtmlContent, language: str) -> list[TaggedSentence]:
    """Return the sentences of the texts of an HTML document."""
    sentences = [s for block in content.blocks for s in split_block(block, language, lambda _: escape_text)]
    for attribute in content.attributes:
        sentences += _split_attribute(attribute, language)
    for attribute in content.keywords:
        sentences += _split_keywords(attribute, language)
    return sentences


def _split_attribute(attribute: Attribute, language: str) -> Iterator[TaggedSentence]:
    """Yield the sentences of an attribute."""
    if attribute.quote:
        yield from _split_range(attribute, attribute.start, attribute.stop, language)
    elif is_translatable(attribute.value):
        # The translation may contain spaces, so it needs quotation marks.
        escapes = [lambda text: f'"{escape_attribute(text)}"']
        yield TaggedSentence(attribute.value, attribute.start, attribute.stop, (), (), False, escapes)


def _split_keywords(attribute: Attribute, language: str) -> Iterator[TaggedSentence]:
    """Yield the keywords in an attribute that separates them by commas."""
    if not attribute.quote:
        yield from _split_attribute(attribute, language)
        return
    for keyword in re.compile("[^,]+").finditer(attribute.html, attribute.start, attribute.stop):
        yield from _split_range(attribute, *keyword.span(), language)


def _split_range(attribute: Attribute, start: int, stop: int, language: str) -> list[TaggedSentence]:
    """Return the sentences in a part of an attribute."""
    builder = BlockBuilder()
    add_html_text(builder, attribute.html, start, stop, in_attribute=True)
    return split_block(builder.build(), language, lambda _: partial(escape_attribute, quote=attribute.quote))
