"""Division of a translation among the cues of its source, and of a cue into lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nmt.text.scripts import is_unspaced_script

MAX_LINE = 42
"""Maximum length of a line in characters, which is usual for subtitles in Latin script."""
_CLAUSE_END = re.compile(r"[.!?…,;:。！？、，；：]['\"”’»)]*\Z")
_SENTENCE_END = re.compile(r"[.!?…。！？]['\"”’»)]*\Z")
_CLOSING_MARKS = "。！？、，；：）」』"
_CLAUSE_BONUS = 0.15  # of the square of the relative deviation
_SENTENCE_BONUS = 0.3


def divide_text(text: str, sources: Sequence[str]) -> list[int]:
    """Return the end of each cue's part of a translation.

    The parts are as long, in proportion, as the source texts of the cues; the ends of sentences and clauses are
    preferred. Dynamic programming minimises the sum of the squares of the relative deviations.
    """
    if len(sources) == 1:
        return [len(text)]
    places = _break_places(text)
    total = max(sum(map(len, sources)), 1)
    expected = [max(1.0, len(source) / total * len(text)) for source in sources]
    # best[place] is the cost of the best division before a place among the cues so far, with its ends.
    best: dict[int, tuple[float, tuple[int, ...]]] = {0: (0.0, ())}
    for number, length in enumerate(expected):
        ends = [len(text)] if number == len(expected) - 1 else places
        found: dict[int, tuple[float, tuple[int, ...]]] = {}
        for end in ends:
            costs = [
                (cost + _cost(text[start:end], length), (*division, end))
                for start, (cost, division) in best.items()
                if start < end or (start == end and len(places) < len(sources))
            ]
            if costs:
                found[end] = min(costs)
        best = found or {max(best): min(best.values())}
    return list(best[len(text)][1]) if len(text) in best else [len(text)] * len(sources)


def _cost(part: str, expected: float) -> float:
    stripped = part.rstrip()
    bonus = _SENTENCE_BONUS if _SENTENCE_END.search(stripped) else _CLAUSE_BONUS if _CLAUSE_END.search(stripped) else 0
    return ((len(stripped) - expected) / expected) ** 2 - bonus


def _break_places(text: str) -> list[int]:
    """Return the offsets at which a text may be divided: before words, and between characters such as Han."""
    places = [match.end() for match in re.finditer(r"\s+(?=\S)", text)]
    places += (n for n in range(1, len(text)) if is_unspaced_script(text[n]) and text[n] not in _CLOSING_MARKS)
    return sorted({*places, len(text)})


def wrap_cue(text: str, source_lines: Sequence[str]) -> str:
    """Return the text of a cue in lines that are about equally long, without changing its length.

    A space becomes the line end. There are as many lines as in the source, and more only if a line would be longer than
    those of the source and than `MAX_LINE`. Scripts without spaces get a line end between characters only if necessary.
    """
    stripped = " ".join(text.split())
    if not stripped:
        return stripped
    limit = max([MAX_LINE, *map(len, source_lines)]) if any(len(line) > MAX_LINE for line in source_lines) else MAX_LINE
    words = _words(stripped)
    for count in range(max(1, len(source_lines)), len(words) + 1):
        lines = _balance(words, count)
        if max(map(len, lines)) <= limit:
            return "\n".join(lines)
    return "\n".join(_balance(words, len(words))) if len(words) > 1 else stripped


def _words(text: str) -> list[str]:
    """Return the parts of a text between which a line may end, each with the space after it."""
    ends = _break_places(text)
    return [text[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _balance(words: Sequence[str], count: int) -> list[str]:
    """Return words in a number of lines, of which the longest is as short as possible."""
    low, high = max(len(word.rstrip()) for word in words), sum(map(len, words))
    while low < high:
        middle = (low + high) // 2
        if len(_fill(words, middle)) <= count:
            high = middle
        else:
            low = middle + 1
    return _fill(words, low)


def _fill(words: Sequence[str], width: int) -> list[str]:
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word.rstrip()) <= width:
            lines[-1] += word
        else:
            lines.append(word)
    return [line.rstrip() for line in lines]
