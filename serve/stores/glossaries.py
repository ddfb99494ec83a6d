"""Glossaries, which prescribe the translations of terms. A glossary belongs to the client that created it."""

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

# All glossaries are kept in memory; one of the maximum size takes some megabytes.
_MAX_GLOSSARIES = 100  # per client
_MAX_ENTRIES = 10_000
_MAX_TERM_LENGTH = 256  # characters

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

    def required_translations(self, text: str) -> list[str]:
        """Return the target terms that correspond to the source terms in a text, in the order of their occurrence.

        Source terms match whole words. The match is case-insensitive, unless two source terms differ only in case. If
        terms overlap, the first one is used; if several terms start at the same position, the longest one.
        """
        text = normalise(text)
        folded = text.casefold()
        # Position in ``text`` of each character of ``folded``: case folding turns some characters into several.
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
        """Return the longest term that matches whole words of ``folded`` at position ``start``, or None."""
        if not _is_word_boundary(folded, start):
            return None
        rest = folded[start : start + 3 * _MAX_TERM_LENGTH]  # case folding at most triples the length of a term
        # In sorted order, the prefixes of ``rest`` come before it. The last term before it is one of them, or it shares
        # a prefix with ``rest`` that no matching term exceeds.
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


_JOINERS = "\u200c\u200d"  # zero-width


def _is_word_boundary(text: str, position: int) -> bool:
    """Return whether a word can begin or end at a position of a text. Scripts without spaces allow any position."""
    if position in (0, len(text)):
        return True
    before, after = text[position - 1], text[position]
    # A character is not separated from its combining marks, as \b in regular expressions would do.
    if is_combining_mark(after) or before in _JOINERS or after in _JOINERS:
        return False
    return not (is_spaced_word_character(before) and is_spaced_word_character(after))


def parse_entries(text: str, format_: Literal["tsv", "csv"]) -> GlossaryEntries:
    """Parse glossary entries in DeepL's formats: one entry per line, with the source term first.

    CSV follows RFC 4180; columns after the second, such as languages, are ignored. TSV has no quoting.

    Raises:
        InvalidGlossaryError: If an entry is invalid; the message contains its line number.
    """
    file = io.StringIO(text.removeprefix("\ufeff"), newline="")
    is_csv = format_ == "csv"
    rows = csv.reader(file, strict=True) if is_csv else csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
    entries: list[tuple[str, str, str]] = []
    try:
        for row in rows:
            if len(row) == 1 or (len(row) > 2 and not is_csv):
                separator = "comma" if is_csv else "tab"
                raise InvalidGlossaryError(f"line {rows.line_num}: must be two terms with a {separator} between them")
            if row:  # not an empty line
                entries.append((f"line {rows.line_num}", row[0], row[1]))
    except csv.Error:
        raise InvalidGlossaryError(f"line {rows.line_num}: not valid {format_.upper()}") from None
    return _normalise_entries(entries)


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
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text):
        raise InvalidGlossaryError(f"{place}: {text[:40]!r} contains a control character; remove it")
    text = normalise(text)
    if not text:
        raise InvalidGlossaryError(f"{place}: a term is empty")
    if len(text) > _MAX_TERM_LENGTH:
        limit = f"at most {_MAX_TERM_LENGTH} characters are allowed"
        raise InvalidGlossaryError(f"{place}: {text[:40]!r}… is too long; {limit}")
    return text


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
