"""XLIFF 1.2 and 2.x, of which segments without a target text get one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from nmt.inference.documents.document import Document
from nmt.inference.files.format import ReadOptions, register_format
from nmt.inference.files.inline import InlineDocument, InlineItem, SplicedDocument
from nmt.inference.files.nested_markup import Role, inline_codes, render_inline
from nmt.inference.files.xml_format import XmlFormat
from nmt.inference.files.xml_units import XmlElement, XmlUnit

_ENCLOSING = frozenset({"xl:g", "xl:mrk", "xl:pc"})
_STATE_BEFORE_REVIEW = ' state="needs-review-translation" state-qualifier="mt"'


@register_format
class XliffFormat(XmlFormat):
    """Bilingual files of translation tools. Existing translations, and units not to be translated, are copied."""

    name = "xliff"
    suffixes = (".xliff", ".xlf", ".sdlxliff", ".mqxliff")
    media_type = "application/xliff+xml"
    namespaces: ClassVar[Mapping[str, str]] = {
        "urn:oasis:names:tc:xliff:document:1.2": "xl",
        "urn:oasis:names:tc:xliff:document:1.1": "xl",
        **{f"urn:oasis:names:tc:xliff:document:2.{minor}": "xl" for minor in range(3)},
    }
    units = frozenset({"xl:trans-unit", "xl:unit", "trans-unit", "unit"})

    def parse_unit(self, unit: XmlUnit, options: ReadOptions) -> Document | None:
        """Return a unit, which may consist of several segments in version 2, as a document."""
        if unit.root.attributes.get("translate") == "no":
            return None
        is_first_version = unit.root.name.endswith("trans-unit")
        segments = [unit.root] if is_first_version else [e for e in unit.root.elements if e.name == "xl:segment"]
        parts: list[tuple[int, int, Document]] = []
        for segment in segments:
            children = {child.name.rpartition(":")[2]: child for child in segment.elements}
            source, target = children.get("source"), children.get("target")
            if source is None or (target is not None and target.text.strip()):
                continue
            attributes = _STATE_BEFORE_REVIEW if is_first_version else ""
            document = _target_after_source(unit, source, attributes, options.source)
            if document.segments:
                stop = source.stop if target is None else target.stop
                parts.append((source.start, stop, document))
        return SplicedDocument(unit.source, parts) if parts else None


class BilingualText(InlineDocument):
    """A text that is rendered as itself with its translation after it, so that it never stays as it is."""

    keeps_original = False


def _target_after_source(unit: XmlUnit, source: XmlElement, attributes: str, language: str) -> Document:
    """Return a source text as a document that renders as itself and a target text with the given attributes."""
    prefix = unit.start_tag(source)[1:-1].split()[0].rpartition(":")[0]
    tag = f"{prefix}:target" if prefix else "target"
    line = unit.source.rfind("\n", 0, source.start)
    indent = unit.source[line : source.start] if line >= 0 and not unit.source[line : source.start].strip() else ""

    def render(items: Sequence[InlineItem]) -> str:
        return f"{unit.raw(source)}{indent}<{tag}{attributes}>{render_inline(unit, items)}</{tag}>"

    content = list(inline_codes(unit, source, _classify, lambda _: None, collapse=False))
    return BilingualText(content, language, render, "")


def _classify(element: XmlElement) -> Role:
    return Role.ENCLOSING if element.name in _ENCLOSING else Role.INVISIBLE
