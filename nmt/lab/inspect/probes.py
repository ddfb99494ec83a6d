"""Probe signals: functions that assign a number to every piece of a text, with which states of units are compared.

Shapes: n pieces of a text, without end of sentence; each line end is a piece.
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
"""Most frequent words of closed word classes, by language and class. A word may belong to two classes."""
_PATTERNS = {"number": re.compile(r"\d"), "punctuation": re.compile(r"[^\w\s]")}
_QUOTES, _OPENING, _CLOSING = '"“”„«»', "([{", ")]}"
_ENDS = re.compile(r"[.!?。！？…](?![\w,])")

_SignalFunction = Callable[[TokenizedText, str, str], Sequence[float]]
"""Maps pieces, the signal's argument and the language to the values [n]; NaN where the signal is undefined."""


class ProbeSignal(NamedTuple):
    """Named signal with its function and, for some signals, an argument."""

    name: str
    """Name with argument, for example "position" or "count:a"."""
    function: _SignalFunction
    argument: str = ""
    """Part of the name after the colon; empty for a signal without an argument."""

    @property
    def is_nominal(self) -> bool:
        """True if the values are code points of characters rather than quantities."""
        return self.name == "first"

    def values(self, pieces: TokenizedText, language: str) -> Float64Array:
        """Return the value of the signal after each piece, as [n]; NaN where the signal is undefined."""
        return np.array(self.function(pieces, self.argument, language), dtype=np.float64)


def parse_signals(names: Sequence[str], languages: Sequence[str]) -> list[ProbeSignal]:
    """Return the signals with the given names.

    If there are no names, the result contains all signals without an argument and the word classes of the languages.

    Raises UsageError if a name is unknown, or names a word class that none of the languages has.
    """
    classes = sorted({f"class:{name}" for code in languages for name in WORD_CLASSES.get(primary_subtag(code), {})})
    classes += [f"class:{name}" for name in _PATTERNS]
    return [_parse_signal(name, classes) for name in names or [*_SIGNALS, *classes]]


def _parse_signal(name: str, classes: Sequence[str]) -> ProbeSignal:
    """Return the signal of a name; ``classes`` are the names of the available word classes."""
    kind, colon, argument = name.partition(":")
    if not colon and kind in _SIGNALS:
        return ProbeSignal(name, _SIGNALS[kind])
    if kind == "class" and argument and name not in classes:
        raise UsageError(f"--signal: no word class {name!r} in the model's languages; use {', '.join(classes)}")
    if argument and kind in _SIGNALS_WITH_ARGUMENT:
        return ProbeSignal(name, _SIGNALS_WITH_ARGUMENT[kind], argument)
    known = ", ".join([*_SIGNALS, *(f"{kind}:X" for kind in _SIGNALS_WITH_ARGUMENT)])
    raise UsageError(f"--signal: unknown signal {name!r}; use {known}")


def _position_in_line(pieces: TokenizedText, _: str, __: str) -> Sequence[float]:
    """Return the number of pieces of the line up to and including each piece; 0 at line ends."""
    counts, count = [], 0
    for ends in _line_ends(pieces):
        count = 0 if ends else count + 1
        counts.append(count)
    return counts


def _remaining_in_line(pieces: TokenizedText, _: str, __: str) -> Sequence[float]:
    """Return the number of pieces that follow each piece in its line; 0 at line ends."""
    counts, count = [], 0
    for ends in reversed(_line_ends(pieces)):
        counts.append(count)
        count = 0 if ends else count + 1
    return counts[::-1]


def _inside_quotes(pieces: TokenizedText, _: str, __: str) -> Sequence[float]:
    """Return, for each piece, 1 if it follows an odd number of quotation marks, else 0."""
    counts = [0, *itertools.accumulate(character in _QUOTES for character in pieces.text)]
    return [counts[end] % 2 for _, end in pieces.spans]


def _bracket_depth(pieces: TokenizedText, _: str, __: str) -> Sequence[float]:
    """Return the number of open brackets after each piece."""
    depths, depth = [0], 0
    for character in pieces.text:
        depth = max(depth + (character in _OPENING) - (character in _CLOSING), 0)
        depths.append(depth)
    return [depths[end] for _, end in pieces.spans]


def _inside_brackets(pieces: TokenizedText, argument: str, language: str) -> Sequence[float]:
    """Return, for each piece, 1 if a bracket is open after it, else 0."""
    return [float(depth > 0) for depth in _bracket_depth(pieces, argument, language)]


def _indentation_width(pieces: TokenizedText, _: str, __: str) -> Sequence[float]:
    """Return the number of blanks at the beginning of the line, as far as it has been read."""
    lines = [pieces.text[start:end] for start, (_, end) in zip(_line_starts(pieces), pieces.spans, strict=True)]
    return [len(line) - len(line.lstrip(" \t")) for line in lines]


def _has_capital(pieces: TokenizedText, _: str, __: str) -> Sequence[float]:
    """Return, for each piece, 1 if it contains a capital letter, else 0."""
    return [any(map(str.isupper, pieces.text[start:end])) for start, end in pieces.spans]


def _ends_sentence(pieces: TokenizedText, _: str, __: str) -> Sequence[float]:
    """Return, for each piece, 1 if it contains sentence-final punctuation or is the last, else 0."""
    ends = {match.start() for match in _ENDS.finditer(pieces.text)}
    last = len(pieces.spans) - 1
    return [n == last or not ends.isdisjoint(range(*span)) for n, span in enumerate(pieces.spans)]


def _count_in_line(pieces: TokenizedText, symbol: str, _: str) -> Sequence[float]:
    """Return the number of occurrences of a symbol in the line up to and including each piece."""
    starts = _line_starts(pieces)
    return [pieces.text.count(symbol, start, end) for start, (_, end) in zip(starts, pieces.spans, strict=True)]


def _is_before(pieces: TokenizedText, symbol: str, _: str) -> Sequence[float]:
    """Return, for each piece, 1 if the text after it begins with a symbol, else 0; a word may begin after blanks."""
    following = [pieces.text[start:end] for start, end in pieces.spans[1:]]
    blanks = [len(piece) - len(piece.lstrip(" ")) if piece.strip() else 0 for piece in following]  # before a word
    ends = [end for _, end in pieces.spans]
    return [pieces.text.startswith(symbol, end + blank) for end, blank in zip(ends, [*blanks, 0], strict=True)]


def _first_character(pieces: TokenizedText, _: str, __: str) -> Sequence[float]:
    """Return, for each piece, the code point of the first character of the line; NaN at the line's first piece."""
    return _after_first_piece(pieces, lambda start: float(ord(pieces.text[start])))


def _line_starts_with(pieces: TokenizedText, symbol: str, _: str) -> Sequence[float]:
    """Return, for each piece, 1 if the line begins with a symbol, else 0; NaN at the line's first piece."""
    return _after_first_piece(pieces, lambda start: float(pieces.text.startswith(symbol, start)))


def _after_first_piece(pieces: TokenizedText, value: Callable[[int], float]) -> Sequence[float]:
    """Return ``value`` of the line's first position for every piece; NaN for the first piece of a line."""
    positions = zip(_line_starts(pieces), pieces.spans, strict=True)
    return [value(line_start) if start > line_start else math.nan for line_start, (start, _) in positions]


def _line_ends(pieces: TokenizedText) -> list[bool]:
    """Return a list that is True for pieces that are line ends."""
    return [pieces.text[start:end] == "\n" for start, end in pieces.spans]


def _line_starts(pieces: TokenizedText) -> list[int]:
    """Return the position at which the line of each piece starts; for a line end, that of the next line."""
    return [pieces.text.rfind("\n", 0, end) + 1 for _, end in pieces.spans]


def _belongs_to_class(pieces: TokenizedText, name: str, language: str) -> Sequence[float]:
    """Return, for each piece, 1 if it contains part of a word of the class (or such a character), else 0."""
    if pattern := _PATTERNS.get(name):
        return [pattern.search(pieces.text, start, end) is not None for start, end in pieces.spans]
    words = set(WORD_CLASSES.get(primary_subtag(language), {}).get(name, "").split())
    spans = [match.span() for match in re.finditer(r"[^\W\d_]+", pieces.text) if match[0].lower() in words]
    inside = {index for span in spans for index in range(*span)}
    return [not inside.isdisjoint(range(*span)) for span in pieces.spans]


_SIGNALS: dict[str, _SignalFunction] = {
    "position": _position_in_line,
    "remaining": _remaining_in_line,
    "quotes": _inside_quotes,
    "brackets": _inside_brackets,
    "depth": _bracket_depth,
    "indentation": _indentation_width,
    "capitals": _has_capital,
    "end": _ends_sentence,
    "first": _first_character,
}
_SIGNALS_WITH_ARGUMENT: dict[str, _SignalFunction] = {
    "count": _count_in_line,
    "next": _is_before,
    "first": _line_starts_with,
    "class": _belongs_to_class,
}
