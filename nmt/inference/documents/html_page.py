"""Declarations of a web page about its language, writing direction and encoding."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from nmt.inference.documents.html_attributes import Attribute
from nmt.inference.documents.html_parser import Declaration
from nmt.inference.documents.html_text import escape_attribute
from nmt.inference.documents.tagged_document import Edit
from nmt.text.languages import is_right_to_left

_CHARSET = re.compile(r"charset\s*+=\s*+[\"']?([^\s\"';]++)", re.IGNORECASE)
_UTF8_NAMES = frozenset({"utf-8", "utf8"})


def page_edits(declarations: list[Declaration], source_language: str, target_language: str) -> Iterator[Edit]:
    """Yield the changes that make the declarations of a page true for its translation, which is encoded in UTF-8.

    Only the declarations that a page has are changed. A direction is added if the page is translated from a language
    that is written from left to right to one that is written from right to left.
    """
    is_rtl = is_right_to_left(target_language)
    for declaration in declarations:
        attributes = declaration.attributes
        if declaration.name == "meta":
            yield from _charset_edits(attributes)
            continue
        if declaration.name == "html":
            for name in ("lang", "xml:lang"):
                if name in attributes:
                    yield from _set_value(attributes[name], target_language)
        if is_rtl != is_right_to_left(source_language):
            if "dir" in attributes:
                yield from _set_value(attributes["dir"], "rtl" if is_rtl else "ltr")
            elif is_rtl and declaration.name == "html":
                name_end = declaration.start + len("<html")
                yield Edit(name_end, name_end, ' dir="rtl"')


def _charset_edits(attributes: Mapping[str, Attribute]) -> Iterator[Edit]:
    """Yield the change of the encoding that a ``meta`` tag declares."""
    if "charset" in attributes and attributes["charset"].value.strip().lower() not in _UTF8_NAMES:
        yield from _set_value(attributes["charset"], "utf-8")
    if "http-equiv" in attributes and attributes["http-equiv"].value.strip().lower() == "content-type":
        content = attributes.get("content")
        found = content and _CHARSET.search(content.html, content.start, content.stop)
        if found and found[1].lower() not in _UTF8_NAMES:
            yield Edit(*found.span(1), "utf-8")


def _set_value(attribute: Attribute, value: str) -> Iterator[Edit]:
    """Yield the change of an attribute's value. An attribute without a value stays."""
    if attribute.start < attribute.stop or attribute.quote:
        yield Edit(attribute.start, attribute.stop, escape_attribute(value, attribute.quote or '"'))
