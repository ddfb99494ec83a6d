"""Outline detection: which elements of an XML document interrupt a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from nmt.inference.documents.html_elements import PHRASES
from nmt.inference.documents.tag_options import TagOptions
from nmt.inference.documents.xml_parser import XmlKind, XmlPart

# Elements of HTML and of common XML formats that interrupt a sentence even if text stands beside them.
_BLOCKS = frozenset(
    {
        "article",
        "blockquote",
        "dd",
        "div",
        "dl",
        "dt",
        "li",
        "ol",
        "p",
        "para",
        "section",
        "seg",
        "table",
        "tbody",
        "td",
    }
    | {"th", "tr", "ul", *(f"h{level}" for level in range(1, 7))}
)
# Elements of XLIFF and TMX that represent markup inside a sentence.
_PLACEHOLDERS = frozenset(
    {"bpt", "bx", "ec", "em", "ept", "ex", "g", "hi", "it", "mrk", "pc", "ph", "sc", "sm", "ut", "x"}
)


class XmlOutline:
    """Division of the elements of an XML document into those that interrupt a sentence and those that do not.

    Unless the options name an element, it belongs to a sentence if it, or another one of its name, has text beside it,
    if it is inside such an element, or if its name is that of an inline element of HTML, XLIFF or TMX. Without
    outline detection, only the elements that the options name interrupt a sentence.
    """

    def __init__(self, parts: Sequence[XmlPart], options: TagOptions) -> None:
        self._options = options
        self._beside_text = _names_beside_text(parts) if options.outline_detection else frozenset()

    def is_inline(self, name: str, *, in_sentence: bool) -> bool:
        """Return whether an element does not interrupt a sentence.

        Args:
            name: Name of the element.
            in_sentence: Whether it is inside an element that does not interrupt a sentence.
        """
        options = self._options
        if name in options.splitting_tags:
            return False
        if name in options.non_splitting_tags or not options.outline_detection:
            return True
        local_name = name.rpartition(":")[2].lower()
        if local_name in _BLOCKS:
            return False
        return in_sentence or name in self._beside_text or local_name in PHRASES or local_name in _PLACEHOLDERS


def _names_beside_text(parts: Sequence[XmlPart]) -> frozenset[str]:
    """Return the names of the elements that have text with a letter or digit beside them."""
    found: set[str] = set()
    children: list[set[str]] = [set()]
    has_text = [False]
    for part in parts:
        if part.kind is XmlKind.TEXT:
            has_text[-1] = has_text[-1] or any(map(str.isalnum, part.text))
        elif part.kind is XmlKind.START_TAG:
            children[-1].add(part.text)
            children.append(set())
            has_text.append(False)
        elif part.kind is XmlKind.END_TAG:
            names = children.pop()
            if has_text.pop():
                found |= names
    return frozenset(found | children[0]) if has_text[0] else frozenset(found)
