"""Glossaries: terms with prescribed translations. A glossary belongs to the client that created it."""

from __future__ import annotations

import csv
import io
import logging
import unicodedata
import uuid
from bisect import bisect_right
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from os.path import commonprefix
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from nmt.config.errors import first_field_error
from nmt.text.normalisation import normalise
from nmt.text.scripts import is_combining_mark, is_spaced_word_character
from nmt.utils.errors import CarouselError
from nmt.utils.files import atomic_file, write_error
from serve.errors import GlossaryNotFoundError, GlossaryStorageError, InvalidGlossaryError, TooManyGlossariesError

GlossaryEntries = tuple[tuple[str, str], ...]
"""Pairs of source term and target term."""

# A client's glossaries are kept in memory; one of the largest size takes some megabytes.
_MAX_GLOSSARIES = 100  # per client
_MAX_ENTRIES = 10_000
_MAX_TERM_LENGTH = 256  # characters

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Glossary:
    """Terms of one language with their translations into another. Immutable."""

    id: str
    name: str
    source: str
    """Source language without region: a glossary is valid for all variants."""
    target: str
    """Target language without region."""
    entries: GlossaryEntries
    owner: str | None
    """Name of the API key that created the glossary; None without API keys."""
    created: AwareDatetime

    @property
    def scope(self) -> Hashable:
        """Key under which translations that use the glossary are cached."""
        return self.owner, self.id

    def required_translations(self, text: str) -> list[str]:
        """Return the target terms for all occurrences of source terms in a text, in the order of the text.

        Source terms match whole words without regard to case, unless two terms differ in case only. Of overlapping
        terms, the first one counts, and of several that start at the same position, the longest.
        """
        text = normalise(text)
        folded = text.casefold()
        # Case folding turns some characters into several: position in ``text`` of each character of ``folded``.
        positions = [position for position, character in enumerate(text) for _ in character.casefold()]
        found = []
        start = 0
        while start < len(folded):
            term = self._longest_term(folded, start)
            if term is None:
                start += 1
                continue
            last = start + len(term) - 1
            spelling = text[positions[start] : positions[last] + 1]
            found.append(self._exact.get(spelling) or self._folded[term])
            start = last + 1
        return found

    def _longest_term(self, folded: str, start: int) -> str | None:
        """Return the longest term that is a whole word of ``folded`` at ``start``."""
        if not _is_word_boundary(folded, start):
            return None
        rest = folded[start : start + self._max_length]
        # All prefixes of ``rest`` sort before it, and the terms in between share a prefix with it.
        while before := bisect_right(self._sorted, rest):
            term = self._sorted[before - 1]
            if not rest.startswith(term):
                rest = commonprefix((rest, term))  # noqa: RUF071 - common characters, not path components
            elif _is_word_boundary(folded, start + len(term)):
                return term
            else:
                rest = term[:-1]
        return None

    @cached_property
    def _exact(self) -> dict[str, str]:
        return dict(self.entries)

    @cached_property
    def _folded(self) -> dict[str, str]:
        return {source.casefold(): target for source, target in reversed(self.entries)}

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self._folded)

    @cached_property
    def _max_length(self) -> int:
        return max(map(len, self._sorted), default=0)


_JOINERS = "\u200c\u200d"  # zero-width


def _is_word_boundary(text: str, position: int) -> bool:
    """Return whether a word can begin or end at a position: in scripts without spaces, after every character."""
    if position in (0, len(text)):
        return True
    before, after = text[position - 1], text[position]
    # A character is not separated from its combining marks, as \b in regular expressions would do.
    if is_combining_mark(after) or before in _JOINERS or after in _JOINERS:
        return False
    return not (is_spaced_word_character(before) and is_spaced_word_character(after))


def read_entries(text: str, format_: Literal["tsv", "csv"]) -> GlossaryEntries:
    """Parse glossary entries in DeepL's formats: one entry per line, with the source term first.

    CSV follows RFC 4180; columns after the second, such as languages, are ignored. TSV has no quoting.

    Raises:
        InvalidGlossaryError: If an entry is invalid; the message names its line.
    """
    file = io.StringIO(text.removeprefix("\ufeff"), newline="")
    if format_ == "csv":
        rows = csv.reader(file, strict=True)
    else:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
    entries: list[tuple[str, str, str]] = []
    try:
        for row in rows:
            if not row:
                continue
            if len(row) < 2 or (format_ == "tsv" and len(row) > 2):
                separator = "comma" if format_ == "csv" else "tab"
                raise InvalidGlossaryError(f"line {rows.line_num}: must be two terms with a {separator} between them")
            entries.append((f"line {rows.line_num}", row[0], row[1]))
    except csv.Error:
        raise InvalidGlossaryError(f"line {rows.line_num}: not valid {format_.upper()}") from None
    return _normalise_entries(entries)


def write_entries(entries: GlossaryEntries) -> str:
    """Return glossary entries as TSV."""
    return "".join(f"{source}\t{target}\n" for source, target in entries)


def _normalise_entries(entries: Iterable[tuple[str, str, str]]) -> GlossaryEntries:
    """Check and normalise entries; each comes with its place for error messages, source term and target term."""
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
    text = text.strip()
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text):
        raise InvalidGlossaryError(f"{place}: {text[:40]!r} contains a control character; remove it")
    text = normalise(text)
    if not text:
        raise InvalidGlossaryError(f"{place}: a term is empty")
    if len(text) > _MAX_TERM_LENGTH:
        raise InvalidGlossaryError(
            f"{place}: {text[:40]!r}… is too long; at most {_MAX_TERM_LENGTH} characters are allowed"
        )
    return text


_GLOSSARY_FILE = TypeAdapter(Glossary)


class GlossaryStore:
    """All glossaries, in memory and optionally in one file each. Not thread-safe."""

    def __init__(self, directory: Path | None = None) -> None:
        """Read the glossaries of a directory, which is created if necessary.

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
        """Return the glossaries of a client, from the oldest to the newest."""
        owned = (glossary for glossary in self._by_id.values() if glossary.owner == owner)
        return sorted(owned, key=lambda glossary: glossary.created)

    def get(self, owner: str | None, id_: str) -> Glossary:
        """Return a glossary of a client; raise GlossaryNotFoundError if the client has none with this id."""
        glossary = self._by_id.get(id_)
        if glossary is None or glossary.owner != owner:
            raise GlossaryNotFoundError("there is no such glossary")
        return glossary

    def create(self, owner: str | None, name: str, source: str, target: str, entries: GlossaryEntries) -> Glossary:
        """Create and store a glossary with entries from `read_entries`. Several glossaries may have the same name.

        Raises:
            InvalidGlossaryError: If the name is invalid.
            TooManyGlossariesError: If the client has the maximum number of glossaries.
            GlossaryStorageError: If the glossary cannot be written to the disk.
        """
        if len(self.owned_by(owner)) >= _MAX_GLOSSARIES:
            raise TooManyGlossariesError(f"at most {_MAX_GLOSSARIES} glossaries are allowed; delete one first")
        name = _normalise_term("the name", name)
        glossary = Glossary(str(uuid.uuid4()), name, source, target, entries, owner, datetime.now(UTC))
        if self._directory is not None:  # the disk first, so that both stay equal if it fails
            with _storage_errors(), atomic_file(self._path(glossary)) as path:
                path.write_bytes(_GLOSSARY_FILE.dump_json(glossary))
        self._by_id[glossary.id] = glossary
        return glossary

    def delete(self, owner: str | None, id_: str) -> None:
        """Delete a glossary of a client; raise GlossaryNotFoundError or GlossaryStorageError if that fails."""
        glossary = self.get(owner, id_)
        if self._directory is not None:
            with _storage_errors():
                path = self._path(glossary)
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    raise write_error(path, error) from None
        del self._by_id[glossary.id]

    def _path(self, glossary: Glossary) -> Path:
        assert self._directory is not None
        return self._directory / f"{glossary.id}.json"


def _read_glossary(path: Path) -> Glossary:
    try:
        glossary = _GLOSSARY_FILE.validate_json(path.read_bytes())
        entries = ((f"entry {number}", *entry) for number, entry in enumerate(glossary.entries, 1))
        glossary = replace(glossary, entries=_normalise_entries(entries))
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


@contextmanager
def _storage_errors() -> Iterator[None]:
    """Log errors of the disk, and raise GlossaryStorageError without the path, which clients must not see."""
    try:
        yield
    except CarouselError as error:
        _log.error("%s", error)
        raise GlossaryStorageError("the glossary was not changed: the server cannot write to its disk") from None
