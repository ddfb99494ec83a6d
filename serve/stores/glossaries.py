"""Glossaries, which prescribe the translations of terms. A glossary belongs to the client that created it."""

from __future__ import annotations

import logging
import unicodedata
import uuid
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from nmt.config.errors import first_field_error
from nmt.text.glossary import TermFileError, TermList, parse_rows
from nmt.text.languages import primary_subtag
from nmt.text.normalisation import normalise
from nmt.utils.errors import CarouselError
from nmt.utils.files import atomic_file, write_error
from serve.errors import (
    BadRequestError,
    GlossaryNotFoundError,
    GlossaryStorageError,
    InvalidGlossaryError,
    TooManyGlossariesError,
)

GlossaryEntries = tuple[tuple[str, str], ...]
"""Pairs of source term and target term."""

# All glossaries are kept in memory; one of the maximum size takes some megabytes.
_MAX_GLOSSARIES = 100  # per client
_MAX_ENTRIES = 10_000
_MAX_TERM_LENGTH = 256  # characters, after normalisation
_MAX_RAW_TERM_LENGTH = 4 * _MAX_TERM_LENGTH

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Glossary:
    """An immutable list of terms with their translations into another language."""

    id: str
    name: str
    source: str
    """Source language without a region, because the glossary applies to all regional variants."""
    target: str
    """Target language without a region."""
    entries: GlossaryEntries
    owner: str | None
    """Name of the API key that created the glossary; None without API keys."""
    created: AwareDatetime
    """Time of creation."""

    @property
    def cache_scope(self) -> Hashable:
        """Key that separates cached translations with this glossary from all others."""
        return self.owner, self.id

    @cached_property
    def terms(self) -> TermList:
        """The entries as a list that finds their source terms in a text."""
        return TermList(self.entries, self.source, self.target)

    def check_languages(self, source: str, target: str, parameter: str) -> None:
        """Raise BadRequestError, which names a parameter, unless the glossary is for these languages of any region."""
        if (primary_subtag(source), primary_subtag(target)) != (self.source, self.target):
            message = f"the glossary is for {self.source}→{self.target}; request these languages"
            raise BadRequestError(f"{parameter}: {message}")


def parse_entries(text: str, format_: Literal["tsv", "csv"]) -> GlossaryEntries:
    """Parse glossary entries in DeepL's formats: one entry per line, with the source term first.

    CSV follows RFC 4180; columns after the second, such as languages, are ignored. TSV has no quoting.

    Raises:
        InvalidGlossaryError: If an entry is invalid; the message contains its line number.
    """
    try:
        rows = parse_rows(text, format_)
    except TermFileError as error:
        raise InvalidGlossaryError(f"line {error.line}: {error}") from None
    return _normalise_entries((f"line {row.line}", row.source, row.target) for row in rows)


def check_entries(pairs: Iterable[tuple[str, str]]) -> GlossaryEntries:
    """Return pairs of terms after normalisation; raise InvalidGlossaryError, with the number of the entry."""
    return _normalise_entries((f"entry {number}", *pair) for number, pair in enumerate(pairs, 1))


def entries_to_tsv(entries: GlossaryEntries) -> str:
    """Return glossary entries as TSV."""
    return "".join(f"{source}\t{target}\n" for source, target in entries)


def _normalise_entries(entries: Iterable[tuple[str, str, str]]) -> GlossaryEntries:
    """Check and normalise entries, given as tuples of their place for error messages, source term and target term."""
    normalised: dict[str, str] = {}
    for place, source, target in entries:
        source, target = _normalise_term(place, source), _normalise_term(place, target)
        if source in normalised:
            raise InvalidGlossaryError(f"{place}: {source[:40]!r} has an entry already")
        if len(normalised) == _MAX_ENTRIES:
            raise InvalidGlossaryError(f"{place}: there are too many entries; at most {_MAX_ENTRIES} are allowed")
        normalised[source] = target
    if not normalised:
        raise InvalidGlossaryError("there must be at least one entry")
    return tuple(normalised.items())


def _normalise_term(place: str, text: str) -> str:
    """Check and normalise a term or a glossary's name; ``place`` is its place for error messages."""
    text = text.strip()
    if len(text) > _MAX_RAW_TERM_LENGTH:
        raise _too_long(place, text)
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text):
        raise InvalidGlossaryError(f"{place}: {text[:40]!r} contains a control character; remove it")
    text = normalise(text)
    if not text:
        raise InvalidGlossaryError(f"{place}: a term is empty")
    if len(text) > _MAX_TERM_LENGTH:
        raise _too_long(place, text)
    return text


def _too_long(place: str, text: str) -> InvalidGlossaryError:
    limit = f"at most {_MAX_TERM_LENGTH} characters are allowed"
    return InvalidGlossaryError(f"{place}: {text[:40]!r}… is too long; {limit}")


_GLOSSARY_FILE = TypeAdapter(Glossary)


class GlossaryStore:
    """Keeps all glossaries in memory and optionally on disk, with one file per glossary. Not thread-safe."""

    def __init__(self, directory: Path | None = None) -> None:
        """Read the glossaries in a directory, which is created if necessary. Without it, glossaries are only in memory.

        Raises:
            CarouselError: If a file is damaged, or the directory cannot be created.
        """
        self._directory = directory
        self._by_id: dict[str, Glossary] = {}
        if directory is not None:
            try:
                directory.mkdir(parents=True, exist_ok=True)
                paths = sorted(directory.glob("*.json"))
            except OSError as error:
                raise write_error(directory, error) from None
            self._by_id = {path.stem: _read_glossary(path) for path in paths}

    def owned_by(self, owner: str | None) -> list[Glossary]:
        """Return the glossaries of a client, oldest first."""
        owned = (glossary for glossary in self._by_id.values() if glossary.owner == owner)
        return sorted(owned, key=lambda glossary: glossary.created)

    def get(self, owner: str | None, id_: str) -> Glossary:
        """Return the client's glossary with this id; raise GlossaryNotFoundError if there is none."""
        glossary = self._by_id.get(id_)
        if glossary is None or glossary.owner != owner:
            raise GlossaryNotFoundError("there is no such glossary")
        return glossary

    def find(self, owner: str | None, name: str) -> Glossary:
        """Return the client's glossary with this id, or the newest one with this name.

        Raises:
            GlossaryNotFoundError: There is none.
        """
        named = [glossary for glossary in self.owned_by(owner) if glossary.name == normalise(name)]
        return named[-1] if named and name not in self._by_id else self.get(owner, name)

    def create(self, owner: str | None, name: str, source: str, target: str, entries: GlossaryEntries) -> Glossary:
        """Create and store a glossary for a client. Several glossaries may have the same name.

        The entries must come from `parse_entries`, which checks and normalises them.

        Raises:
            InvalidGlossaryError: If the name is invalid.
            TooManyGlossariesError: If the client already has the maximum number of glossaries.
            GlossaryStorageError: If the glossary cannot be written to disk.
        """
        if len(self.owned_by(owner)) >= _MAX_GLOSSARIES:
            raise TooManyGlossariesError(f"at most {_MAX_GLOSSARIES} glossaries are allowed; delete one first")
        name = _normalise_term("the name", name)
        glossary = Glossary(str(uuid.uuid4()), name, source, target, entries, owner, datetime.now(UTC))
        # The file is written first, so that memory and disk stay consistent if that fails.
        with self._storage(glossary) as file:
            if file is not None:
                with atomic_file(file) as path:
                    path.write_bytes(_GLOSSARY_FILE.dump_json(glossary))
        self._by_id[glossary.id] = glossary
        return glossary

    def delete(self, owner: str | None, id_: str) -> None:
        """Delete the client's glossary with this id.

        Raises:
            GlossaryNotFoundError: If there is none.
            GlossaryStorageError: If the file cannot be deleted.
        """
        glossary = self.get(owner, id_)
        with self._storage(glossary) as file:
            if file is not None:
                file.unlink(missing_ok=True)
        del self._by_id[glossary.id]

    @contextmanager
    def _storage(self, glossary: Glossary) -> Iterator[Path | None]:
        """Yield the path of a glossary's file; None if glossaries are only in memory.

        An error of the disk is logged and raised as GlossaryStorageError without the path, which clients must not see.
        """
        file = None if self._directory is None else self._directory / f"{glossary.id}.json"
        try:
            yield file
        except (CarouselError, OSError) as error:
            _log.error("%s", write_error(file, error) if file and isinstance(error, OSError) else error)
            raise GlossaryStorageError("the glossary was not changed: the server cannot write to its disk") from None


def _read_glossary(path: Path) -> Glossary:
    """Read a glossary's file; raise CarouselError if it is damaged."""
    try:
        glossary = _GLOSSARY_FILE.validate_json(path.read_bytes())
        glossary = replace(glossary, entries=check_entries(glossary.entries))
    except OSError as error:
        raise CarouselError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    except ValidationError as error:
        field = first_field_error(error).field or "the whole file"
        raise CarouselError(f"{path}: the glossary is damaged ({field}); correct it or move it away") from None
    except InvalidGlossaryError as error:
        raise CarouselError(f"{path}: {error}; correct it or move it away") from None
    if glossary.id != path.stem:
        raise CarouselError(f"{path}: contains the glossary {glossary.id[:40]!r}; name the file after its glossary")
    return glossary
