"""Elements of inline SVG images, to which the style sheet of the page assigns colours and fonts by class.

Elements are built with `xml.etree`, which escapes all text. Lengths are in units of the view box, about a pixel each.
"""

from __future__ import annotations

import unicodedata
from xml.etree import ElementTree
from xml.etree.ElementTree import Element


def create_svg(title: str, width: float, height: float) -> Element:
    """Return an empty SVG image; the title is its label for screen readers."""
    view_box = f"0 0 {format_length(width)} {format_length(height)}"
    return Element("svg", {"class": "chart", "viewBox": view_box, "role": "img", "aria-label": title})


def add_element(parent: Element, tag: str, class_: str = "", **attributes: float | str) -> Element:
    """Add a child element to a parent and return it; numeric attributes are rounded."""
    element = ElementTree.SubElement(parent, tag)
    for name, value in attributes.items():
        element.set(name, value if isinstance(value, str) else format_length(value))
    if class_:
        element.set("class", class_)
    return element


def add_text(svg: Element, x: float, y: float, text: str = "", anchor: str = "start", class_: str = "") -> Element:
    """Add a line of text and return its element; ``anchor`` is SVG's text-anchor ("start", "middle" or "end")."""
    element = add_element(svg, "text", x=x, y=y)
    if anchor != "start":
        element.set("text-anchor", anchor)
    if class_:
        element.set("class", class_)
    element.text = text
    return element


def text_width(text: str) -> float:
    """Estimate the width of a text at font size 11; wide characters count double."""
    return sum(11.5 if unicodedata.east_asian_width(character) in "WF" else 6.2 for character in text)


def format_length(value: float) -> str:
    """Format a length with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def render_svg(svg: Element) -> str:
    """Return an SVG image as text."""
    return ElementTree.tostring(svg, encoding="unicode", short_empty_elements=False)
