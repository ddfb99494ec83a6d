"""Texts of XML formats in which inline elements enclose text, as in HTML, such as OpenDocument and XLIFF."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum, auto

from nmt.inference.files.inline import InlineCode, InlineItem
from nmt.inference.files.styled_runs import collapse_space, escape_xml
from nmt.inference.files.xml_units import XmlElement, XmlText, XmlUnit
from nmt.text.tag_projection import TagKind


class Role(Enum):
    """Treatment of an inline element."""

    ENCLOSING = auto()
    """The text in it belongs to the sentence."""
    STANDALONE = auto()
    """It is displayed, but contains no text of the sentence."""
    BREAK = auto()
    """A line break or tab."""
    INVISIBLE = auto()
    """It is not displayed."""


Classify = Callable[[XmlElement], Role | str]
"""Function that returns the role of an inline element, or the text for which it stands."""


def inline_codes(
    unit: XmlUnit,
    element: XmlElement,
    classify: Classify,
    add_document: Callable[[InlineCode], None],
    *,
    collapse: bool,
) -> Iterator[str | InlineCode]:
    """Yield the content of an element as texts and inline codes.

    Args:
        unit: Unit of the element.
        element: The element.
        classify: Returns the role of an inline element.
        add_document: Function that is called with each standalone code, to which it may add a document.
        collapse: Whether a sequence of white space counts as one space.
    """
    for child in element.children:
        if isinstance(child, XmlText):
            yield collapse_space(child) if collapse else child.text
            continue
        role = classify(child)
        if isinstance(role, str):
            yield role
        elif role is Role.ENCLOSING:
            yield (start := InlineCode(TagKind.OPENING, unit.start_tag(child), _html_name(child)))
            yield from inline_codes(unit, child, classify, add_document, collapse=collapse)
            yield InlineCode(TagKind.CLOSING, unit.end_tag(child), _html_name(child), start)
        else:
            is_break = role is Role.BREAK
            name = "br" if is_break else child.name
            code = InlineCode(
                TagKind.STANDALONE, child, name, is_visible=role is not Role.INVISIBLE, separates_words=is_break
            )
            add_document(code)
            yield code


def render_inline(unit: XmlUnit, items: Sequence[InlineItem], write_text: Callable[[str], str] = escape_xml) -> str:
    """Return texts and codes as they are written in the file."""
    parts: list[str] = []
    for item in items:
        if item.code is None:
            parts.append(write_text(item.text))
        elif isinstance(item.code.data, XmlElement):
            parts.append(item.text or unit.raw(item.code.data))
        else:
            parts.append(item.code.data)
    return "".join(parts)


def _html_name(element: XmlElement) -> str:
    """Return the name of an element, by which `find_cuts` recognises links."""
    return element.name.rpartition(":")[2].lower()
