"""Translation units of translation memories (TMX) and bilingual files (XLIFF 1.2 and 2), which are streamed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from nmt.corpus.text_files import open_file
from nmt.text.languages import primary_subtag
from nmt.utils.errors import CarouselError

XML_SUFFIXES = (".tmx", ".xlf", ".xliff")
"""Suffixes of corpora in XML."""

_CHUNK_BYTES = 1 << 16
_MAX_UNIT_BYTES = 1 << 24
_UNITS = {"tu", "trans-unit", "segment"}
_SIDES = {"seg", "source", "target"}
_CODES = {"bpt", "ept", "ph", "it", "ut"}  # elements whose content is markup of the original document
_SEPARATE = {"alt-trans"}  # other translations than that of the unit


class NumberedPair(NamedTuple):
    """A sentence pair with the number of the line on which it begins."""

    line: int
    source: str
    target: str


class TranslationUnit(NamedTuple):
    """A text in several languages."""

    line: int
    """Number of the line on which the unit begins."""
    texts: dict[str, str]
    """Texts by the primary subtag of their language, in the order of the file; of several in a language, the first."""
    attributes: dict[str, str]
    """Attributes of the unit, such as ``creationdate`` in TMX."""


@dataclass
class _Handler:
    """Collects the units of a file."""

    path: Path
    sides: dict[str, str]
    """Languages of the elements ``source`` and ``target`` of XLIFF."""
    units: list[TranslationUnit] = field(default_factory=list)
    unit: TranslationUnit | None = None
    language: str = ""
    parts: list[str] | None = None
    size: int = 0
    skipped: int = 0

    def start(self, name: str, attributes: dict[str, str], line: int) -> None:
        name = name.rpartition(":")[2]
        if self.skipped or name in _CODES or name in _SEPARATE:
            self.skipped += 1
        elif name in _UNITS:
            self.unit, self.size = TranslationUnit(line, {}, attributes), 0
        elif name in ("xliff", "file"):
            codes = {
                "source": attributes.get("source-language", attributes.get("srcLang")),
                "target": attributes.get("target-language", attributes.get("trgLang")),
            }
            self.sides |= {side: primary_subtag(code) for side, code in codes.items() if code}
        elif name == "tuv":
            self.language = primary_subtag(attributes.get("xml:lang", attributes.get("lang", "")))
        elif name in _SIDES:
            self.parts = []
            if name != "seg":
                self.language = self.sides.get(name, "")

    def end(self, name: str) -> None:
        name = name.rpartition(":")[2]
        if self.skipped:
            self.skipped -= 1
        elif name in _SIDES and self.parts is not None:
            if self.unit is not None:
                self.unit.texts.setdefault(self.language, " ".join("".join(self.parts).split()))
            self.parts = None
        elif name in _UNITS and self.unit is not None:
            self.units.append(self.unit)
            self.unit = None

    def text(self, data: str) -> None:
        if self.parts is not None and not self.skipped:
            self.parts.append(data)
            self.size += len(data)
            if self.size > _MAX_UNIT_BYTES and self.unit is not None:
                raise _too_large(self.path, self.unit.line)


def read_translation_units(path: Path, source: str = "", target: str = "") -> Iterator[TranslationUnit]:
    """Yield the units of a TMX or XLIFF file.

    Args:
        path: The file, which may be compressed.
        source: Language of the source texts of an XLIFF file that names none.
        target: Language of the target texts of an XLIFF file that names none.

    Raises:
        CarouselError: The file is not well-formed, declares entities, or has a text or tag of more than 16 MiB.
    """
    handler = _Handler(path, {"source": primary_subtag(source), "target": primary_subtag(target)})
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: handler.start(name, attributes, parser.CurrentLineNumber)
    parser.EndElementHandler = handler.end
    parser.CharacterDataHandler = handler.text

    def refuse_entity(name: str, *_: object) -> None:
        raise CarouselError(f"{path}: declares the XML entity {name}; remove the document type declaration")

    parser.EntityDeclHandler = refuse_entity  # nested entities may expand without bound
    with open_file(path) as file:
        is_final = False
        num_bytes = 0
        while not is_final:
            chunk = file.read(_CHUNK_BYTES)
            num_bytes += len(chunk)
            is_final = not chunk
            try:
                parser.Parse(chunk, is_final)
            except expat.ExpatError as error:
                reason = expat.ErrorString(error.code)
                raise CarouselError(
                    f"{path}:{error.lineno}: invalid XML ({reason}); repair or export the file"
                ) from None
            if num_bytes - max(parser.CurrentByteIndex, 0) > _MAX_UNIT_BYTES:
                raise _too_large(path, parser.CurrentLineNumber)
            yield from handler.units
            handler.units.clear()


def _too_large(path: Path, line: int) -> CarouselError:
    size = f"{_MAX_UNIT_BYTES >> 20} MiB"
    return CarouselError(f"{path}:{line}: a text or tag is larger than {size}; this is no translation memory")


def read_xml_pairs(path: Path, source: str, target: str) -> Iterator[NumberedPair]:
    """Yield the pairs of a TMX or XLIFF file that has both languages; units without translation are left out.

    Languages are compared by their primary subtags. Raises CarouselError as `read_translation_units` does, and if the
    file contains no pair of these languages.
    """
    first, second = primary_subtag(source), primary_subtag(target)
    languages: set[str] = set()
    count = 0
    for unit in read_translation_units(path, source, target):
        languages |= unit.texts.keys()
        if first in unit.texts and second in unit.texts:
            count += 1
            yield NumberedPair(unit.line, unit.texts[first], unit.texts[second])
    if not count:
        found = ", ".join(sorted(languages)) or "none"
        problem = f"no pair of {source} and {target} (languages found: {found})"
        raise CarouselError(f"{path}: {problem}; name the languages of the file")
