"""Translation memory exchange (TMX): translation of units without a text in the target language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from nmt.inference.documents.document import Document
from nmt.inference.files.format import ReadOptions, register_format
from nmt.inference.files.inline import InlineItem, SplicedDocument
from nmt.inference.files.nested_markup import Role, inline_codes, render_inline
from nmt.inference.files.xliff import BilingualText
from nmt.inference.files.xml_format import XmlFormat
from nmt.inference.files.xml_units import XmlElement, XmlUnit
from nmt.text.languages import primary_subtag

_XML = "http://www.w3.org/XML/1998/namespace"


@register_format
class TmxFormat(XmlFormat):
    """Translation memories. Units that have a text in the target language are copied."""

    name = "tmx"
    suffixes = (".tmx",)
    media_type = "application/x-tmx+xml"
    namespaces: ClassVar[Mapping[str, str]] = {_XML: "xml"}
    units = frozenset({"tu"})

    def parse_unit(self, unit: XmlUnit, options: ReadOptions) -> Document | None:
        """Return a unit as a document that adds a text in the target language after that in the source language."""
        variants = {_variant_language(each): each for each in unit.root.elements if each.name == "tuv"}
        by_language = {primary_subtag(code): variant for code, variant in reversed(variants.items())}
        variant = by_language.get(primary_subtag(options.source))
        if variant is None or primary_subtag(options.target) in by_language:
            return None
        segment = next((each for each in variant.elements if each.name == "seg"), None)
        if segment is None:
            return None
        original = unit.raw(variant)

        def render(items: Sequence[InlineItem]) -> str:
            text = render_inline(unit, items)
            return f'{original}<tuv xml:lang="{options.target}"><seg>{text}</seg></tuv>'

        content = list(inline_codes(unit, segment, classify_segment, lambda _: None, collapse=False))
        document = BilingualText(content, options.source, render, "")
        return SplicedDocument(unit.source, [(variant.start, variant.stop, document)]) if document.segments else None


def classify_segment(element: XmlElement) -> Role:
    """Return the role of an inline element: only ``hi`` encloses text of the sentence."""
    return Role.ENCLOSING if element.name == "hi" else Role.INVISIBLE


def _variant_language(variant: XmlElement) -> str:
    """Return the language code of a ``tuv`` element."""
    return variant.attributes.get("xml:lang", variant.attributes.get("lang", ""))
