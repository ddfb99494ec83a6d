"""Parser for the attributes of an HTML tag."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from nmt.inference.documents.html_text import unescape_attribute

_ATTRIBUTE = re.compile(
    r"""(?P<name>[^\s/>][^\s/>=]*+)(?:\s*+=\s*+(?:"(?P<double>[^"]*+)"?|'(?P<single>[^']*+)'?|(?P<bare>[^\s>]*+)))?+""",
    re.ASCII,
)
_TAG_NAME = re.compile(r"<[^\s/>]*+", re.ASCII)
# Most tags have no attribute that matters here.
_RELEVANT = re.compile(
    r"\b(?:abbr|alt|aria-|charset|content|dir|lang|label|notranslate|placeholder|title|translate|value)",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True)
class Attribute:
    """An attribute of an HTML tag."""

    html: str
    """HTML of the whole document."""
    start: int
    """Start offset of the value, inside the quotation marks."""
    stop: int
    """End offset of the value."""
    quote: str
    """Quotation mark around the value, or an empty string."""

    @cached_property
    def value(self) -> str:
        """Value without character references."""
        return unescape_attribute(self.html[self.start : self.stop])


def parse_attributes(html: str, start: int, stop: int) -> dict[str, Attribute]:
    """Return the attributes of the tag ``html[start:stop]`` by name, or none if they cannot matter for translation.

    Of several attributes of the same name, the first counts. The value of an attribute without one is empty.
    """
    if not _RELEVANT.search(html, start, stop):
        return {}
    name = _TAG_NAME.match(html, start, stop)
    attributes: dict[str, Attribute] = {}
    for found in _ATTRIBUTE.finditer(html, name.end() if name else start, stop):
        key = found["name"].lower()
        if key not in attributes:
            group = next((group for group in ("double", "single", "bare") if found[group] is not None), "name")
            begin, end = found.span(group) if group != "name" else (found.end(), found.end())
            attributes[key] = Attribute(html, begin, end, {"double": '"', "single": "'"}.get(group, ""))
    return attributes
