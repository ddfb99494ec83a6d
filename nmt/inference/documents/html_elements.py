"""Elements and attributes of HTML, by their role in translation.

The HTML standard displays an element in the line of the text around it unless its style sheet for browsers says
otherwise. Elements that are not listed, such as custom ones, are therefore inline.
"""

from __future__ import annotations

from collections.abc import Mapping


def _name_set(names: str) -> frozenset[str]:
    return frozenset(names.split())


BLOCKS = _name_set(
    "address article aside blockquote body caption center col colgroup dd details dialog dir div dl dt fieldset "
    "figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li listing main "
    "menu nav noframes ol optgroup option p plaintext pre search section summary table tbody td tfoot th thead title "
    "tr ul xmp"
)
"""Elements that interrupt a sentence."""

PHRASES = _name_set(
    "a abbr acronym b bdi bdo big br button cite code data del dfn em font i img ins kbd label mark nobr output q ruby "
    "s samp small span strike strong sub sup time tt u var wbr"
)
"""Elements that mark a part of a sentence. In HTML, all elements that are not blocks are inline."""

VOID = _name_set("area base br col embed frame hr img input link meta param source track wbr")
"""Elements without content and end tag."""

RAW = _name_set("iframe noembed noframes script style textarea title xmp")
"""Elements whose content contains no tags."""

FOREIGN = _name_set("math svg")
"""Elements whose content follows the rules of XML."""

COPIED = (RAW - {"title"}) | FOREIGN | _name_set("code kbd listing meter plaintext pre progress rp rt samp var")
"""Elements whose content is copied instead of translated."""

VERBATIM = (RAW - {"title"}) | FOREIGN | _name_set("listing plaintext pre")
"""Copied elements in which line breaks count, or that are not text, so that no attribute can include their content."""

NESTED = _name_set("audio canvas datalist noscript object select template video")
"""Inline elements whose content is displayed apart from the text around them, or not at all."""

SEPARATING = _name_set("audio br canvas embed iframe img input math meter object progress select svg textarea video")
"""Inline elements that are displayed between the words on either side of them, or end the line."""

INVISIBLE = _name_set("area base datalist link meta noframes noscript param script source style template track wbr")
"""Inline elements that are not displayed."""

_GLOBAL_ATTRIBUTES = _name_set("aria-description aria-label aria-placeholder aria-roledescription aria-valuetext title")
_ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "area": _name_set("alt"),
    "img": _name_set("alt"),
    "input": _name_set("alt placeholder"),
    "optgroup": _name_set("label"),
    "option": _name_set("label"),
    "textarea": _name_set("placeholder"),
    "th": _name_set("abbr"),
    "track": _name_set("label"),
}
_BUTTON_TYPES = _name_set("button reset submit")
_META_NAMES = _name_set(
    "description keywords og:description og:image:alt og:title twitter:description twitter:image:alt twitter:title"
)


def translatable_attributes(element: str, attributes: Mapping[str, str]) -> list[str]:
    """Return the names of the attributes of an element that contain text, given the values of all attributes."""
    names = _GLOBAL_ATTRIBUTES | _ATTRIBUTES.get(element, frozenset())
    if element == "input" and attributes.get("type", "").lower() in _BUTTON_TYPES:
        names |= {"value"}
    if element == "meta" and (attributes.get("name") or attributes.get("property", "")).lower() in _META_NAMES:
        names |= {"content"}
    return [name for name in attributes if name in names]
