"""Signals that probe what a unit has learned: functions that assign a number to every piece of a text.

Shapes: n pieces of a text without end of sentence; the line ends of a text of several lines are pieces.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from nmt.corpus.tokenizer import TokenizedText
from nmt.text.languages import primary_subtag
from nmt.utils.arrays import Float64Array
from nmt.utils.errors import UsageError

WORD_CLASSES: dict[str, dict[str, str]] = {
    "en": {
        "determiner": "a an the this that these those my your his her its our their some any no every each all both",
        "preposition": "of in to for with on at from by about into over after under between near behind through beside",
        "pronoun": "i you he she it we they me him us them who whom himself herself itself themselves",
        "conjunction": "and or but nor so yet while because if when although though as that",
        "auxiliary": "am is are was were be been being have has had do does did will would can could may might shall",
    },
    "de": {
        "determiner": "der die das den dem des ein eine einen einem einer eines kein keine dieser diese dieses",
        "preposition": "in im an am auf aus bei beim mit nach von vom zu zum zur für über unter vor hinter neben durch",
        "pronoun": "ich du er sie es wir ihr mich mir ihn ihm uns euch ihnen sich",
        "conjunction": "und oder aber sondern denn weil wenn dass während ob als obwohl",
        "auxiliary": "bin ist sind war waren sein habe hat haben hatte hatten wird werden wurde kann können muss will",
    },
    "fr": {
        "determiner": "le la les l un une des du ce cet cette ces mon ma mes ton ta tes son sa ses notre leur leurs",
        "preposition": "de d à au aux en dans sur sous avec sans pour par chez vers entre devant derrière",
        "pronoun": "je j tu il elle on nous vous ils elles me m te t se s lui y qui que",
        "conjunction": "et ou mais donc or ni car quand si comme que",
        "auxiliary": "suis es est sommes êtes sont était étaient ai as a avons avez ont avait avaient être avoir",
    },
}
"""The most frequent words of closed word classes by language. A word may belong to two classes."""
_PATTERNS = {"number": re.compile(r"\d"), "punctuation": re.compile(r"[^\w\s]")}
_QUOTES, _OPENING, _CLOSING = '"“”„«»', "([{", ")]}"
_ENDS = re.compile(r"[.!?。！？…](?![\w,])")

_SignalFunction = Callable[[TokenizedText, str, str], Sequence[float]]
"""Maps pieces, the signal's argument and the language to a value per piece [n]; NaN where the signal is undefined."""


class ProbeSignal(NamedTuple):
    """A function of a text, evaluated after every piece, with which the states of units are compared."""

    name: str
    """Name with argument, for example "position" or "count:a"."""
    function: _SignalFunction
    argument: str = ""

    @property
    def nominal(self) -> bool:
        """True if the values are names (code points of characters) rather than quantities."""
        return self.name == "first"

    def values(self, pieces: TokenizedText, language: str) -> Float64Array:
        """Return the value [n] after each piece has been read; NaN where the signal is undefined."""
        return np.array(self.function(pieces, self.argument, language), dtype=np.float64)


def parse_signals(names: Sequence[str], languages: Sequence[str]) -> list[ProbeSignal]:
    """Return the signals of the given names, by default all without an argument and the languages' word classes.

    Raises UsageError if a name is unknown, or names a word class that none of the languages has.
    """
    classes = sorted({f"class:{name}" for code in languages for name in WORD_CLASSES.get(primary_subtag(code), {})})
    classes += [f"class:{name}" for name in _PATTERNS]
    return [_parse_signal(name, classes) for name in names or [*_PLAIN, *classes]]


def _parse_signal(name: str, classes: Sequence[str]) -> ProbeSignal:
    kind, colon, argument = name.partition(":")
    if not colon and kind in _PLAIN:
        return ProbeSignal(name, _PLAIN[kind])
    if kind == "class" and argument and name not in classes:
        raise UsageError(f"--signal: no word class {name!r} in the model's languages; use {', '.join(classes)}")
    if argument and kind in _WITH_ARGUMENT:
        return ProbeSignal(name, _WITH_ARGUMENT[kind], argument)
    known = ", ".join([*_PLAIN, *(f"{kind}:X" for kind in _WITH_ARGUMENT)])
    raise UsageError(f"--signal: unknown signal {name!r}; use {known}")


def _position(pieces: TokenizedText, _: str, __: str) -> Sequence[float]:
    counts, count = [], 0
    for ends in _line_ends(pieces):
        count = 0 if ends else count + 1
        counts.append(count)
    return counts


def _remaining(pieces: TokenizedText, _: str, __: str) -> Sequence[float]:
    counts, count = [], 0
    for ends in reversed(_line_ends(pieces)):
        counts.append(count)
        count = 0 if ends else count + 1
    return counts[::-1]


def _quotes(pieces: TokenizedText, _: str, __: str) -> Sequence[float]:
    counts = [0, *itertools.accumulate(character in _QUOTES for character in pieces.text)]
    return [counts[end] % 2 for _, end in pieces.spans]


def _depth(pieces: TokenizedText, _: str, __: str) -> Sequence[float]:
    depths, depth = [0], 0
    for character in pieces.text:
        depth = max(depth + (character in _OPENING) - (character in _CLOSING), 0)
        depths.append(depth)
    return [depths[end] for _, end in pieces.spans]


def _brackets(pieces: TokenizedText, argument: str, language: str) -> Sequence[float]:
    return [float(depth > 0) for depth in _depth(pieces, argument, language)]


def _indentation(pieces: TokenizedText, _: str, __: str) -> Sequence[float]:
    lines = [pieces.text[start:end] for start, (_, end) in zip(_line_starts(pieces), pieces.spans, strict=True)]
    return [len(line) - len(line.lstrip(" \t")) for line in lines]


def _capitals(pieces: TokenizedText, _: str, __: str) -> Sequence[float]:
    return [any(map(str.isupper, pieces.text[start:end])) for start, end in pieces.spans]


def _end(pieces: TokenizedText, _: str, __: str) -> Sequence[float]:
    ends = {match.start() for match in _ENDS.finditer(pieces.text)}
    last = len(pieces.spans) - 1
    return [n == last or not ends.isdisjoint(range(*span)) for n, span in enumerate(pieces.spans)]


def _count(pieces: TokenizedText, symbol: str, _: str) -> Sequence[float]:
    starts = _line_starts(pieces)
    return [pieces.text.count(symbol, start, end) for start, (_, end) in zip(starts, pieces.spans, strict=True)]


def _next(pieces: TokenizedText, symbol: str, _: str) -> Sequence[float]:
    following = [pieces.text[start:end] for start, end in pieces.spans[1:]]
    blanks = [len(piece) - len(piece.lstrip(" ")) if piece.strip() else 0 for piece in following]  # before a word
    ends = [end for _, end in pieces.spans]
    return [pieces.text.startswith(symbol, end + blank) for end, blank in zip(ends, [*blanks, 0], strict=True)]


def _first(pieces: TokenizedText, _: str, __: str) -> Sequence[float]:
    return _after_first_piece(pieces, lambda start: float(ord(pieces.text[start])))


def _first_is(pieces: TokenizedText, symbol: str, _: str) -> Sequence[float]:
    return _after_first_piece(pieces, lambda start: float(pieces.text.startswith(symbol, start)))


def _after_first_piece(pieces: TokenizedText, value: Callable[[int], float]) -> Sequence[float]:
    """Return ``value`` of the line start at every piece after the line's first, and NaN at the first."""
    positions = zip(_line_starts(pieces), pieces.spans, strict=True)
    return [value(line_start) if start > line_start else math.nan for line_start, (start, _) in positions]


def _line_ends(pieces: TokenizedText) -> list[bool]:
    """Return whether each piece is a line end."""
    return [pieces.text[start:end] == "\n" for start, end in pieces.spans]


def _line_starts(pieces: TokenizedText) -> list[int]:
    """Return the start of the current line after each piece has been read."""
    return [pieces.text.rfind("\n", 0, end) + 1 for _, end in pieces.spans]


def _class(pieces: TokenizedText, name: str, language: str) -> Sequence[float]:
    if pattern := _PATTERNS.get(name):
        return [pattern.search(pieces.text, start, end) is not None for start, end in pieces.spans]
    words = set(WORD_CLASSES.get(primary_subtag(language), {}).get(name, "").split())
    spans = [match.span() for match in re.finditer(r"[^\W\d_]+", pieces.text) if match[0].lower() in words]
    inside = {index for span in spans for index in range(*span)}
    return [not inside.isdisjoint(range(*span)) for span in pieces.spans]


_PLAIN: dict[str, _SignalFunction] = {
    "position": _position,
    "remaining": _remaining,
    "quotes": _quotes,
    "brackets": _brackets,
    "depth": _depth,
    "indentation": _indentation,
    "capitals": _capitals,
    "end": _end,
    "first": _first,
}
_WITH_ARGUMENT: dict[str, _SignalFunction] = {"count": _count, "next": _next, "first": _first_is, "class": _class}
