"""Parser for TBX (TermBase eXchange): TBX-Basic of version 3, and version 2 with its root element ``martif``."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

from nmt.text.glossary.term_entry import TermEntry, TermFileError
from nmt.text.languages import primary_subtag

# Element names of version 3 and of version 2.
_ENTRIES = {"conceptEntry", "termEntry"}
_LANGUAGE_SECTIONS = {"langSec", "langSet"}
_ROOTS = {"tbx", "martif"}
# Values of a term's note "administrativeStatus" for terms that should not be used, in both versions.
_DISCOURAGED = ("deprecatedTerm", "supersededTerm", "notRecommended")


@dataclass
class _Term:
    line: int
    language: str
    text: str = ""
    discouraged: bool = False


@dataclass
class _TbxReader:
    """Handlers of the parser's events, which collect the terms of each entry."""

    parser: expat.XMLParserType
    source_language: str
    target_language: str
    entries: list[TermEntry] = field(default_factory=list)
    terms: list[_Term] = field(default_factory=list)
    language: str = ""
    status: str | None = None
    """Text of the administrative status that is being read."""
    in_term: bool = False
    is_empty: bool = True
    """Whether no element has been read."""

    def start_element(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        if self.is_empty and name not in _ROOTS:
            message = f"the root element is {name[:40]!r}; the root of a TBX file is 'tbx' or 'martif'"
            raise TermFileError(self.parser.CurrentLineNumber, message)
        self.is_empty = False
        if name in _ENTRIES:
            self.terms = []
        elif name in _LANGUAGE_SECTIONS:
            self.language = attributes.get("xml:lang", attributes.get("lang", ""))
        elif name == "term":
            self.terms.append(_Term(self.parser.CurrentLineNumber, self.language))
            self.in_term = True
        elif name == "administrativeStatus" or attributes.get("type") == "administrativeStatus":
            self.status = ""

    def end_element(self, name: str) -> None:
        name = name.rpartition(":")[2]
        if name in _ENTRIES:
            self._add_entries()
        elif name == "term":
            self.in_term = False
        elif self.status is not None and name in {"termNote", "administrativeStatus"}:
            if self.terms and self.status.strip().startswith(_DISCOURAGED):
                self.terms[-1].discouraged = True
            self.status = None

    def characters(self, text: str) -> None:
        if self.in_term:
            self.terms[-1].text += text
        elif self.status is not None:
            self.status += text

    def refuse_entity(self, *_: object) -> None:
        message = "declares an entity, which can be harmful; replace the entity by its text"
        raise TermFileError(self.parser.CurrentLineNumber, message)

    def _add_entries(self) -> None:
        """Add an entry for each source term of the concept, with the first target term that is not discouraged."""
        targets = _in_language(self.terms, self.target_language)
        targets.sort(key=lambda term: term.discouraged)
        for source in _in_language(self.terms, self.source_language):
            if targets:
                self.entries.append(TermEntry(source.line, source.text, targets[0].text))


def parse_tbx(content: bytes, source_language: str, target_language: str) -> list[TermEntry]:
    """Parse the terms of a TBX file in two languages.

    A concept has any number of terms per language. Each source term gets the first target term whose administrative
    status is not deprecated or superseded. If the same source term belongs to several concepts, the first one counts.

    Raises:
        TermFileError: The file is not well-formed XML, is not TBX, or declares entities.
    """
    parser = expat.ParserCreate()
    reader = _TbxReader(parser, source_language, target_language)
    parser.buffer_text = True
    parser.StartElementHandler = reader.start_element
    parser.EndElementHandler = reader.end_element
    parser.CharacterDataHandler = reader.characters
    parser.EntityDeclHandler = reader.refuse_entity
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise TermFileError(error.lineno, f"not well-formed XML ({expat.ErrorString(error.code)})") from None
    except (LookupError, ValueError) as error:
        if isinstance(error, TermFileError):
            raise
        raise TermFileError(1, "unknown encoding; re-encode the file as UTF-8") from None
    first: dict[str, TermEntry] = {}
    for entry in reader.entries:
        first.setdefault(entry.source, entry)
    return list(first.values())


def _in_language(terms: list[_Term], language: str) -> list[_Term]:
    """Return the terms in a language: those with exactly this code if there are any, else those of any region."""
    exact = [term for term in terms if term.language.lower().replace("_", "-") == language.lower().replace("_", "-")]
    return exact or [term for term in terms if primary_subtag(term.language) == primary_subtag(language)]
