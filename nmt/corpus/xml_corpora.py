"""Sentence pairs in translation memories (TMX) and bilingual files (XLIFF 1.2 and 2), which are streamed."""

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
_UNITS = {"tu", "trans-unit", "segment"}
_SIDES = {"seg", "source", "target"}
_CODES = {"bpt", "ept", "ph", "it", "ut"}  # elements whose content is markup of the original document
_SEPARATE = {"alt-trans"}  # other translations than that of the unit


class NumberedPair(NamedTuple):
    """A sentence pair with the number of the line on which it begins."""

    line: int
    source: str
    target: str


@dataclass
class _Handler:
    """Collects the texts of a unit; languages are compared by their primary subtags."""

    source: str
    target: str
    pairs: list[NumberedPair] = field(default_factory=list)
    found: set[str] = field(default_factory=set)
    texts: dict[str, str] = field(default_factory=dict)
    languages: dict[str, str] = field(default_factory=dict)  # of the elements source and target of XLIFF
    language: str = ""
    line: int = 0
    parts: list[str] | None = None
    skipped: int = 0

    def start(self, name: str, attributes: dict[str, str], line: int) -> None:
        name = name.rpartition(":")[2]
        if self.skipped or name in _CODES or name in _SEPARATE:
            self.skipped += 1
        elif name in _UNITS:
            self.texts, self.line = {}, line
        elif name in ("xliff", "file"):
            codes = {
                "source": attributes.get("source-language", attributes.get("srcLang")),
                "target": attributes.get("target-language", attributes.get("trgLang")),
            }
            self.languages |= {side: primary_subtag(code) for side, code in codes.items() if code}
        elif name == "tuv":
            self.language = primary_subtag(attributes.get("xml:lang", attributes.get("lang", "")))
        elif name in _SIDES:
            self.parts = []
            if name != "seg":
                self.language = self.languages.get(name, {"source": self.source, "target": self.target}[name])

    def end(self, name: str) -> None:
        name = name.rpartition(":")[2]
        if self.skipped:
            self.skipped -= 1
        elif name in _SIDES and self.parts is not None:
            self.found.add(self.language)
            self.texts.setdefault(self.language, " ".join("".join(self.parts).split()))
            self.parts = None
        elif name in _UNITS and self.source in self.texts and self.target in self.texts:
            self.pairs.append(NumberedPair(self.line, self.texts[self.source], self.texts[self.target]))

    def text(self, data: str) -> None:
        if self.parts is not None and not self.skipped:
            self.parts.append(data)


def read_xml_pairs(path: Path, source: str, target: str) -> Iterator[NumberedPair]:
    """Yield the pairs of a TMX or XLIFF file that has both languages; units without translation are left out.

    Raises CarouselError if the file is not well-formed or contains no pair of these languages.
    """
    handler = _Handler(primary_subtag(source), primary_subtag(target))
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: handler.start(name, attributes, parser.CurrentLineNumber)
    parser.EndElementHandler = handler.end
    parser.CharacterDataHandler = handler.text

    def refuse_entity(name: str, *_: object) -> None:
        raise CarouselError(f"{path}: declares the XML entity {name}; remove the document type declaration")

    parser.EntityDeclHandler = refuse_entity  # nested entities may expand without bound
    count = 0
    with open_file(path) as file:
        is_final = False
        while not is_final:
            chunk = file.read(_CHUNK_BYTES)
            is_final = not chunk
            try:
                parser.Parse(chunk, is_final)
            except expat.ExpatError as error:
                reason = expat.ErrorString(error.code)
                raise CarouselError(
                    f"{path}:{error.lineno}: invalid XML ({reason}); repair or export the file"
                ) from None
            count += len(handler.pairs)
            yield from handler.pairs
            handler.pairs.clear()
    if not count:
        found = ", ".join(sorted(handler.found)) or "none"
        problem = f"no pair of {source} and {target} (languages found: {found})"
        raise CarouselError(f"{path}: {problem}; name the languages of the file")
