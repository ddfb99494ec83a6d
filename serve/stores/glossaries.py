"""Glossaries: words that are always translated alike. Who made one owns it, and nobody else sees it."""

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

Entries = tuple[tuple[str, str], ...]

# An owner's glossaries are kept in memory; a glossary of that size takes some megabytes.
_MOST_GLOSSARIES = 100
_MOST_ENTRIES = 10_000
_LONGEST_TERM = 256  # characters

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Glossary:
    """Terms of one language and what they are in another. Never changes."""

    id: str
    name: str
    source: str
    """A language without its region: a glossary is for all variants."""
    target: str
    entries: Entries
    owner: str | None
    """The name of the key that made it; None where no keys are used."""
    created: AwareDatetime

    @property
    def scope(self) -> Hashable:
        """Under what translations are cached that were made with it."""
        return self.owner, self.id

    def required_translations(self, text: str) -> list[str]:
        """What must stand in a translation of ``text``, once for each time that a term stands there, as a whole word.

        Where terms overlap, the first counts, of those the longest; case does not, unless two terms differ in nothing
        else.
        """
        text = normalise(text)
        folded = text.casefold()
        # Some characters fold to several: where each one of ``folded`` comes from.
        places = [place for place, character in enumerate(text) for _ in character.casefold()]
        found = []
        start = 0
        while start < len(folded):
            term = self._longest(folded, start)
            if term is None:
                start += 1
                continue
            last = start + len(term) - 1
            spelled = text[places[start] : places[last] + 1]
            found.append(self._exact.get(spelled) or self._folded[term])
            start = last + 1
        return found

    def _longest(self, folded: str, start: int) -> str | None:
        """The longest term that is a whole word of ``folded`` at ``start``."""
        if not _is_boundary(folded, start):
            return None
        rest = folded[start : start + self._width]
        # The terms that ``rest`` begins with sort before it, and whatever lies between begins with them too.
        while before := bisect_right(self._sorted, rest):
            term = self._sorted[before - 1]
            if not rest.startswith(term):
                rest = commonprefix((rest, term))  # noqa: RUF071 - characters are meant
            elif _is_boundary(folded, start + len(term)):
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
    def _width(self) -> int:
        return max(map(len, self._sorted), default=0)


_JOINERS = "\u200c\u200d"  # zero-width


def _is_boundary(text: str, place: int) -> bool:
    """Whether a word can begin or end at ``place``; where the script tells no words apart, after every character."""
    if place in (0, len(text)):
        return True
    before, after = text[place - 1], text[place]
    # What is made of several code points is not cut. (A regular expression's \b counts no marks as part of a word.)
    if is_combining_mark(after) or before in _JOINERS or after in _JOINERS:
        return False
    return not (is_spaced_word_character(before) and is_spaced_word_character(after))


def read_entries(text: str, format_: Literal["tsv", "csv"]) -> Entries:
    """The entries of a glossary in DeepL's formats: a line each, first the source term.

    CSV is that of RFC 4180; what follows the second column, such as languages, is not read. TSV has no quotes.
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
    return _checked(entries)


def write_entries(entries: Entries) -> str:
    """The entries as TSV."""
    return "".join(f"{source}\t{target}\n" for source, target in entries)


def _checked(entries: Iterable[tuple[str, str, str]]) -> Entries:
    """Entries as they are kept, spelled as the models know words; each comes with what to call it in a complaint."""
    checked: dict[str, str] = {}
    for name, source, target in entries:
        source, target = _term(name, source), _term(name, target)
        if source in checked:
            raise InvalidGlossaryError(f"{name}: {source[:40]!r} has an entry already")
        if len(checked) == _MOST_ENTRIES:
            raise InvalidGlossaryError(f"{name}: there are too many entries; at most {_MOST_ENTRIES} are allowed")
        checked[source] = target
    if not checked:
        raise InvalidGlossaryError("there must be at least one entry")
    return tuple(checked.items())


def _term(name: str, text: str) -> str:
    text = text.strip()
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text):
        raise InvalidGlossaryError(f"{name}: there is a control character in {text[:40]!r}")
    text = normalise(text)
    if not text:
        raise InvalidGlossaryError(f"{name}: a term is empty")
    if len(text) > _LONGEST_TERM:
        raise InvalidGlossaryError(
            f"{name}: {text[:40]!r}… is too long; at most {_LONGEST_TERM} characters are allowed"
        )
    return text


_FILE = TypeAdapter(Glossary)


class GlossaryStore:
    """All glossaries, in memory, and on disk if there is a directory for them: a file each. For one thread."""

    def __init__(self, directory: Path | None = None) -> None:
        """Reads what is there. Raises ``CarouselError`` if a file is damaged or the directory can't be had."""
        self._directory = directory
        self._by_id: dict[str, Glossary] = {}
        if directory is not None:
            try:
                directory.mkdir(parents=True, exist_ok=True)
                paths = sorted(directory.glob("*.json"))
            except OSError as error:
                raise write_error(directory, error) from None
            self._by_id = {path.stem: _read(path) for path in paths}

    def owned_by(self, owner: str | None) -> list[Glossary]:
        """What a client has, the oldest first."""
        return sorted((each for each in self._by_id.values() if each.owner == owner), key=lambda each: each.created)

    def get(self, owner: str | None, id_: str) -> Glossary:
        """A client's own glossary; raises ``GlossaryNotFoundError``."""
        glossary = self._by_id.get(id_)
        if glossary is None or glossary.owner != owner:
            raise GlossaryNotFoundError("there is no such glossary")
        return glossary

    def create(self, owner: str | None, name: str, source: str, target: str, entries: Entries) -> Glossary:
        """A new glossary, of `read_entries`. Several may have the same name.

        Raises ``InvalidGlossaryError``, ``TooManyGlossariesError``, ``GlossaryStorageError``.
        """
        if len(self.owned_by(owner)) >= _MOST_GLOSSARIES:
            raise TooManyGlossariesError(f"at most {_MOST_GLOSSARIES} glossaries are allowed; delete one first")
        name = _term("the name", name)
        glossary = Glossary(str(uuid.uuid4()), name, source, target, entries, owner, datetime.now(UTC))
        if self._directory is not None:  # the disk first: what it refuses is not in memory either
            with _logged(), atomic_file(self._path(glossary)) as path:
                path.write_bytes(_FILE.dump_json(glossary))
        self._by_id[glossary.id] = glossary
        return glossary

    def delete(self, owner: str | None, id_: str) -> None:
        """Forget a glossary for good. Raises ``GlossaryNotFoundError`` and ``GlossaryStorageError``."""
        glossary = self.get(owner, id_)
        if self._directory is not None:
            with _logged():
                path = self._path(glossary)
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    raise write_error(path, error) from None
        del self._by_id[glossary.id]

    def _path(self, glossary: Glossary) -> Path:
        assert self._directory is not None
        return self._directory / f"{glossary.id}.json"


def _read(path: Path) -> Glossary:
    try:
        glossary = _FILE.validate_json(path.read_bytes())
        glossary = replace(
            glossary, entries=_checked((f"entry {number}", *entry) for number, entry in enumerate(glossary.entries, 1))
        )
    except OSError as error:
        raise CarouselError(f"{path}: can't be read ({error.strerror}); check its permissions") from None
    except ValidationError as error:
        where = first_field_error(error).field or "the whole file"
        raise CarouselError(f"{path}: the glossary is damaged ({where}); put it right or move it away") from None
    except InvalidGlossaryError as error:
        raise CarouselError(f"{path}: {error}; put it right or move it away") from None
    if glossary.id != path.stem:
        raise CarouselError(f"{path}: holds the glossary {glossary.id[:40]!r}; name the file after it")
    return glossary


@contextmanager
def _logged() -> Iterator[None]:
    """Log why the disk refuses: that names a path, which is not the client's business."""
    try:
        yield
    except CarouselError as error:
        _log.error("%s", error)
        raise GlossaryStorageError("the glossary was not changed, for the server can't write to its disk") from None
