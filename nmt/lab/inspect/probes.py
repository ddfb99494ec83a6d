"""What a unit may have learned to follow: signals that give a number for every piece of a text.

n pieces of a text, end of sentence not counted; the line end of a text of several lines is a piece.
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
"""Closed classes by language, the commonest words of each. A word of two classes counts for both."""
_PATTERNS = {"number": re.compile(r"\d"), "punctuation": re.compile(r"[^\w\s]")}
_QUOTES, _OPENING, _CLOSING = '"“”„«»', "([{", ")]}"
_ENDS = re.compile(r"[.!?。！？…](?![\w,])")

_Follow = Callable[[TokenizedText, str, str], Sequence[float]]
"""From pieces, the signal's argument and the language, a number for each piece [n]; NaN where none is defined."""


class Signal(NamedTuple):
    """A signal as it is asked for."""

    name: str
    """Such as "position" or "count:a"."""
    follow: _Follow
    argument: str = ""

    @property
    def nominal(self) -> bool:
        """Whether its numbers are names of things, of which none is more than another."""
        return self.name == "first"

    def values(self, pieces: TokenizedText, language: str) -> Float64Array:
        """[n]: what holds after each piece has been read; NaN at pieces that say nothing of the signal."""
        return np.array(self.follow(pieces, self.argument, language), dtype=np.float64)


def parse(names: Sequence[str], languages: Sequence[str]) -> list[Signal]:
    """The signals of those names; without names, all that need no argument and the word classes of the languages.

    Raises UsageError for a name that is none, or that of a word class which none of the languages has.
    """
    classes = sorted({f"class:{name}" for code in languages for name in WORD_CLASSES.get(primary_subtag(code), {})})
    classes += [f"class:{name}" for name in _PATTERNS]
    return [_parse(name, classes) for name in names or [*_PLAIN, *classes]]


def _parse(name: str, classes: Sequence[str]) -> Signal:
    kind, colon, argument = name.partition(":")
    if not colon and kind in _PLAIN:
        return Signal(name, _PLAIN[kind])
    if kind == "class" and argument and name not in classes:
        raise UsageError(f"--signal: there is no {name!r} in the model's languages; use {', '.join(classes)}")
    if argument and kind in _WITH_ARGUMENT:
        return Signal(name, _WITH_ARGUMENT[kind], argument)
    known = ", ".join([*_PLAIN, *(f"{kind}:X" for kind in _WITH_ARGUMENT)])
    raise UsageError(f"--signal: there is no {name!r}; use {known}")


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
    so_far = [0, *itertools.accumulate(character in _QUOTES for character in pieces.text)]
    return [so_far[end] % 2 for _, end in pieces.spans]


def _depth(pieces: TokenizedText, _: str, __: str) -> Sequence[float]:
    depths, depth = [0], 0
    for character in pieces.text:
        depth = max(depth + (character in _OPENING) - (character in _CLOSING), 0)
        depths.append(depth)
    return [depths[end] for _, end in pieces.spans]


def _brackets(pieces: TokenizedText, argument: str, language: str) -> Sequence[float]:
    return [float(depth > 0) for depth in _depth(pieces, argument, language)]


def _indentation(pieces: TokenizedText, _: str, __: str) -> Sequence[float]:
    lines = [pieces.text[begin:end] for begin, (_, end) in zip(_line_begins(pieces), pieces.spans, strict=True)]
    return [len(line) - len(line.lstrip(" \t")) for line in lines]


def _capitals(pieces: TokenizedText, _: str, __: str) -> Sequence[float]:
    return [any(map(str.isupper, pieces.text[start:end])) for start, end in pieces.spans]


def _end(pieces: TokenizedText, _: str, __: str) -> Sequence[float]:
    ends = {match.start() for match in _ENDS.finditer(pieces.text)}
    last = len(pieces.spans) - 1
    return [n == last or not ends.isdisjoint(range(*span)) for n, span in enumerate(pieces.spans)]


def _count(pieces: TokenizedText, symbol: str, _: str) -> Sequence[float]:
    begins = _line_begins(pieces)
    return [pieces.text.count(symbol, begin, end) for begin, (_, end) in zip(begins, pieces.spans, strict=True)]


def _next(pieces: TokenizedText, symbol: str, _: str) -> Sequence[float]:
    following = [pieces.text[start:end] for start, end in pieces.spans[1:]]
    blanks = [len(piece) - len(piece.lstrip(" ")) if piece.strip() else 0 for piece in following]  # before a word
    ends = [end for _, end in pieces.spans]
    return [pieces.text.startswith(symbol, end + blank) for end, blank in zip(ends, [*blanks, 0], strict=True)]


def _first(pieces: TokenizedText, _: str, __: str) -> Sequence[float]:
    return _after_the_first(pieces, lambda begin: float(ord(pieces.text[begin])))


def _first_is(pieces: TokenizedText, symbol: str, _: str) -> Sequence[float]:
    return _after_the_first(pieces, lambda begin: float(pieces.text.startswith(symbol, begin)))


def _after_the_first(pieces: TokenizedText, value: Callable[[int], float]) -> Sequence[float]:
    """What has to be remembered once the first character of a line, from where it begins, has been read."""
    found = zip(_line_begins(pieces), pieces.spans, strict=True)
    return [value(begin) if start > begin else math.nan for begin, (start, _) in found]


def _line_ends(pieces: TokenizedText) -> list[bool]:
    """Which pieces are line ends."""
    return [pieces.text[start:end] == "\n" for start, end in pieces.spans]


def _line_begins(pieces: TokenizedText) -> list[int]:
    """Where the line begins that one is in once a piece has been read."""
    return [pieces.text.rfind("\n", 0, end) + 1 for _, end in pieces.spans]


def _class(pieces: TokenizedText, name: str, language: str) -> Sequence[float]:
    if pattern := _PATTERNS.get(name):
        return [pattern.search(pieces.text, start, end) is not None for start, end in pieces.spans]
    words = set(WORD_CLASSES.get(primary_subtag(language), {}).get(name, "").split())
    found = [match.span() for match in re.finditer(r"[^\W\d_]+", pieces.text) if match[0].lower() in words]
    inside = {place for span in found for place in range(*span)}
    return [not inside.isdisjoint(range(*span)) for span in pieces.spans]


_PLAIN: dict[str, _Follow] = {
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
_WITH_ARGUMENT: dict[str, _Follow] = {"count": _count, "next": _next, "first": _first_is, "class": _class}
