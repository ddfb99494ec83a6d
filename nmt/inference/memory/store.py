"""Translation memory in an SQLite database, with exact and fuzzy search.

Fuzzy search takes candidates from an inverted index: the entries of similar length that have most of the rarest words
of the text. Their similarity is 1 minus the Levenshtein distance divided by the length of the longer text, in
characters, not counting the wording of placeables.

A write is on the disk when the call returns, also if the process or the machine stops afterwards. Several processes may
use a memory at the same time.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from nmt.inference.memory.placeables import MemoryText, adapt_placeables, analyse_text
from nmt.inference.translation import MemoryMatch
from nmt.text.languages import primary_subtag
from nmt.text.normalisation import normalise
from nmt.utils.errors import CarouselError

MIN_SIMILARITY = 0.75
"""Minimum similarity of a fuzzy match."""
_ADAPTED = 0.99  # similarity of a text that differs from the entry in placeables only
_BATCH = 20_000  # entries per transaction
_MAX_POSTINGS = 8_000  # that a search reads; each thousand takes 0.2 ms or so
_MAX_CANDIDATES = 50
_BUSY_TIMEOUT = 30.0  # seconds
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY, scope INTEGER NOT NULL, owner TEXT NOT NULL, source_language TEXT NOT NULL,
    target_language TEXT NOT NULL, source TEXT NOT NULL, target TEXT NOT NULL, origin TEXT NOT NULL,
    created TEXT NOT NULL, UNIQUE (scope, source)
);
CREATE TABLE IF NOT EXISTS postings (
    word INTEGER NOT NULL, length INTEGER NOT NULL, entry INTEGER NOT NULL, PRIMARY KEY (word, length, entry)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS words (word INTEGER PRIMARY KEY, count INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS owned_entries ON entries (owner) WHERE owner != '';
"""
_HEADER = b"SQLite format 3\0"
_APPLICATION_ID = 0x4E4D544D
_FIELDS = "source_language, target_language, source, target, origin, created"


class MemoryEntry(NamedTuple):
    """A pair of texts to store."""

    source_language: str
    target_language: str
    source: str
    target: str
    origin: str
    """Source of the translation, such as the name of a file."""
    created: str = ""
    """Date and time in ISO 8601; empty for now."""


class TranslationMemory:
    """A translation memory. Thread-safe."""

    def __init__(self, path: Path) -> None:
        """Open a memory, which is created if there is none.

        Raises:
            CarouselError: The file is not a translation memory, or cannot be opened.
        """
        self._path, self._lock = path, threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _check_header(path)
            self._database = sqlite3.connect(path, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
            self._prepare()
        except (sqlite3.Error, OSError) as error:
            raise CarouselError(f"{path}: not a translation memory ({error}); choose another path") from None

    def _prepare(self) -> None:
        database = self._database
        application, *_ = database.execute("PRAGMA application_id").fetchone()
        has_tables = database.execute("SELECT 1 FROM sqlite_master").fetchone() is not None
        if has_tables and application != _APPLICATION_ID:
            raise sqlite3.DatabaseError("a database of another program")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA cache_size = -65536")  # KiB
        database.execute("PRAGMA mmap_size = 1073741824")
        if not has_tables:
            database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        database.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._database.close()

    def __len__(self) -> int:
        with self._reading() as execute:
            return int(execute("SELECT COUNT(*) FROM entries").fetchone()[0])

    def count_owned(self, owner: str) -> int:
        """Return the number of entries of a client. Raises CarouselError if the database cannot be read."""
        with self._reading() as execute:
            return int(execute("SELECT COUNT(*) FROM entries WHERE owner = ? AND owner != ''", (owner,)).fetchone()[0])

    # --- writing ---------------------------------------------------------------------------------------------------

    def add(self, entries: Iterable[MemoryEntry], owner: str = "") -> int:
        """Store pairs of texts, and return their number. A pair replaces that with the same source text.

        Args:
            entries: Pairs of texts; those with an empty text are left out.
            owner: Client to which the entries belong; empty for entries that all clients use.

        Raises:
            CarouselError: The database cannot be written.
        """
        remaining = iter(entries)
        count = 0
        while batch := list(islice(remaining, _BATCH)):
            try:
                with self._lock:
                    count += self._add_batch(batch, owner)
            except sqlite3.Error as error:
                raise CarouselError(f"{self._path}: can't be written ({error}); check the disk") from None
        return count

    def _add_batch(self, entries: Sequence[MemoryEntry], owner: str) -> int:
        database = self._database
        now = datetime.now(UTC).isoformat(timespec="seconds")
        counts: Counter[int] = Counter()
        database.execute("BEGIN IMMEDIATE")
        try:
            for entry in entries:
                text = analyse_text(entry.source)
                if text.normalised and entry.target.strip():
                    counts.update(self._add_entry(entry, text, owner, entry.created or now))
            database.executemany(
                "INSERT INTO words VALUES (?, ?) ON CONFLICT (word) DO UPDATE SET count = count + excluded.count",
                counts.items(),
            )
            database.execute("COMMIT")
        except BaseException:
            database.execute("ROLLBACK")
            raise
        return sum(1 for entry in entries if entry.source.strip() and entry.target.strip())

    def _add_entry(self, entry: MemoryEntry, text: MemoryText, owner: str, created: str) -> Sequence[int]:
        """Store an entry, and return its words if they are not in the index yet."""
        scope = _scope(owner, entry.source_language, entry.target_language)
        found = self._database.execute(
            "SELECT id FROM entries WHERE scope = ? AND source = ?", (scope, text.normalised)
        ).fetchone()
        if found is not None:
            values = entry.target, entry.origin, created, found[0]
            self._database.execute("UPDATE entries SET target = ?, origin = ?, created = ? WHERE id = ?", values)
            return ()
        columns = scope, owner, entry.source_language, entry.target_language, text.normalised, entry.target
        inserted = self._database.execute(
            "INSERT INTO entries VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)", (*columns, entry.origin, created)
        )
        words = [_hash(scope, word) for word in text.words]
        self._database.executemany(
            "INSERT OR IGNORE INTO postings VALUES (?, ?, ?)",
            [(word, len(text.masked), inserted.lastrowid) for word in words],
        )
        return words

    # --- reading ---------------------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[Callable[..., sqlite3.Cursor]]:
        """Yield the method that executes a statement; raise CarouselError if the database cannot be read."""
        try:
            with self._lock:
                yield self._database.execute
        except sqlite3.Error as error:
            raise CarouselError(f"{self._path}: can't be read ({error}); check the file and the disk") from None

    def entries(self, owner: str = "") -> Iterator[MemoryEntry]:
        """Yield the entries of a client, by default those that all clients use, in the order of their addition."""
        last = 0
        while True:
            with self._reading() as execute:
                rows = execute(
                    f"SELECT id, {_FIELDS} FROM entries WHERE id > ? AND owner = ? ORDER BY id LIMIT 1000",
                    (last, owner),
                ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            yield from (MemoryEntry(*row[1:]) for row in rows)

    def find_exact(self, text: str, source: str, target: str, owner: str = "") -> MemoryMatch | None:
        """Return the entry with this source text, if there is one; that of the owner takes precedence.

        Raises:
            CarouselError: The database cannot be read.
        """
        key = normalise(text)
        for name in dict.fromkeys((owner, "")):
            with self._reading() as execute:
                row = execute(
                    f"SELECT {_FIELDS} FROM entries WHERE scope = ? AND source = ?", (_scope(name, source, target), key)
                ).fetchone()
            if row is not None:
                return _match(MemoryEntry(*row), 1.0)
        return None

    def find_similar(self, text: str, source: str, target: str, owner: str = "", limit: int = 3) -> list[MemoryMatch]:
        """Return the most similar entries, best first, with the placeables of the text in their translations.

        Raises:
            CarouselError: The database cannot be read.
        """
        query = analyse_text(text)
        matches: list[MemoryMatch] = []
        for name in dict.fromkeys((owner, "")):
            matches += self._find_in_scope(query, _scope(name, source, target), limit)
        return sorted(matches, key=lambda match: -match.similarity)[:limit]

    def _find_in_scope(self, query: MemoryText, scope: int, limit: int) -> list[MemoryMatch]:
        from rapidfuzz.distance import Levenshtein  # in the extra ``documents``
        from rapidfuzz.process import extract

        rows = self._candidates(query, scope)
        texts = [analyse_text(row[2]) for row in rows]
        found = extract(
            query.masked,
            [each.masked for each in texts],
            scorer=Levenshtein.normalized_similarity,
            score_cutoff=MIN_SIMILARITY,
            limit=limit,
        )
        matches: list[MemoryMatch] = []
        for _, similarity, index in found:
            entry, stored = MemoryEntry(*rows[index]), texts[index]
            if stored.normalised == query.normalised:
                matches.append(_match(entry, 1.0))
                continue
            adapted = adapt_placeables(entry.target, stored.placeables, query.placeables)
            if adapted is not None:
                matches.append(_match(entry._replace(target=adapted), min(similarity, _ADAPTED)))
        return matches

    def _candidates(self, query: MemoryText, scope: int) -> list[tuple[str, ...]]:
        """Return the entries of similar length that have most of the rarest words of a text."""
        words = [_hash(scope, word) for word in query.words]
        if not words:
            return []
        length = len(query.masked)
        lengths = int(length * MIN_SIMILARITY), int(length / MIN_SIMILARITY) + 1
        marks = ",".join("?" * len(words))
        with self._reading() as execute:
            known = execute(f"SELECT count, word FROM words WHERE word IN ({marks}) ORDER BY count", words).fetchall()
            chosen: list[int] = []
            total = 0
            for count, word in known:
                # A text of which a quarter differs has at least half of the words, so that some are rare ones.
                if chosen and (total + count > _MAX_POSTINGS or len(chosen) > len(words) // 2 + 1):
                    break
                chosen.append(word)
                total += count
            marks = ",".join("?" * len(chosen))
            return execute(
                f"""SELECT {_FIELDS} FROM entries JOIN (
                    SELECT entry, COUNT(*) AS shared, MIN(ABS(length - ?)) AS difference FROM (
                        SELECT entry, length FROM postings WHERE word IN ({marks}) AND length BETWEEN ? AND ? LIMIT ?
                    ) GROUP BY entry ORDER BY shared DESC, difference LIMIT ?
                ) ON entry = id""",
                (length, *chosen, *lengths, 3 * _MAX_POSTINGS, _MAX_CANDIDATES),
            ).fetchall()


def _check_header(path: Path) -> None:
    """Raise sqlite3.DatabaseError if a file has other content, which SQLite would overwrite if it is short."""
    if path.is_file() and path.stat().st_size:
        with path.open("rb") as file:
            if file.read(len(_HEADER)) != _HEADER:
                raise sqlite3.DatabaseError("file is not a database")


def _match(entry: MemoryEntry, similarity: float) -> MemoryMatch:
    return MemoryMatch(entry.source, entry.target, round(similarity, 4), entry.origin, entry.created)


@lru_cache(maxsize=1024)
def _scope(owner: str, source: str, target: str) -> int:
    """Return the number of a language pair of an owner. Regional variants of a language share their entries."""
    return _hash(0, f"{owner}\0{primary_subtag(source)}\0{primary_subtag(target)}")


def _hash(scope: int, text: str) -> int:
    """Return a hash of 40 bits, which SQLite stores in six bytes."""
    return int.from_bytes(blake2b(f"{scope}\0{text}".encode(), digest_size=5).digest())
