"""Text in HTML with its character references."""

from __future__ import annotations

import re
from html import escape, unescape
from html.entities import html5

from nmt.inference.documents.text_block import BlockBuilder

_CHARACTER_REFERENCE = re.compile(
    r"&(?:#(?:\d{1,9}(?!\d)|x[\da-f]{1,8}(?![\da-f]))|[a-z][a-z\d]*);?", re.ASCII | re.IGNORECASE
)


def escape_text(text: str) -> str:
    """Return text as it is written between tags."""
    return escape(text, quote=False)


def escape_attribute(text: str, quote: str = '"') -> str:
    """Return text as it is written in an attribute between quotation marks."""
    return escape(text, quote=False).replace(quote, "&quot;" if quote == '"' else "&#39;")


def add_html_text(block: BlockBuilder, html: str, start: int, stop: int, *, in_attribute: bool = False) -> None:
    """Add the text of ``html[start:stop]`` to a block."""
    for reference in _CHARACTER_REFERENCE.finditer(html, start, stop):
        characters = _unescape_reference(reference, in_attribute)
        if characters != reference.group():
            block.add_text(html[start : reference.start()], start, reference.start())
            start = reference.end()
            block.add_text(characters, reference.start(), start)
    block.add_text(html[start:stop], start, stop)


def unescape_attribute(value: str) -> str:
    """Return the value of an attribute without character references."""
    return _CHARACTER_REFERENCE.sub(lambda reference: _unescape_reference(reference, True), value)


def _unescape_reference(reference: re.Match[str], in_attribute: bool) -> str:
    text = reference.group()
    if in_attribute and text[1] != "#":
        # "&copy=1" and "&notit" are no references in an attribute, so that addresses need no escaping.
        after = reference.string[reference.end() : reference.end() + 1]
        if text[1:] not in html5 or (text[-1] != ";" and after == "="):
            return text
    return unescape(text)
