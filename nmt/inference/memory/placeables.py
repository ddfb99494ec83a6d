"""Placeables of a memory's texts: the numbers, addresses and placeholders in which equal sentences may differ."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nmt.text.normalisation import normalise
from nmt.text.protected_spans import DEFAULT_PROTECTOR
from nmt.text.scripts import is_unspaced_script

_MARK = "\ufffc"
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class MemoryText:
    """A text as a memory compares it."""

    normalised: str
    masked: str
    """The text in lower case, with a mark instead of each placeable."""
    placeables: tuple[str, ...]

    @property
    def words(self) -> frozenset[str]:
        """Different words; pairs of characters in scripts without spaces."""
        found: set[str] = set()
        for word in _WORD.findall(self.masked):
            if is_unspaced_script(word[0]):
                found |= {word[n : n + 2] for n in range(max(1, len(word) - 1))}
            else:
                found.add(word)
        return frozenset(found)


def analyse_text(text: str) -> MemoryText:
    """Return a text as a memory compares it."""
    normalised = normalise(text)
    parts: list[str] = []
    placeables: list[str] = []
    position = 0
    for span in DEFAULT_PROTECTOR.find(normalised):
        parts += (normalised[position : span.start], _MARK)
        placeables.append(normalised[span.start : span.end])
        position = span.end
    masked = "".join((*parts, normalised[position:])).lower()
    return MemoryText(normalised, masked, tuple(placeables))


def adapt_placeables(target: str, old: tuple[str, ...], new: tuple[str, ...]) -> str | None:
    """Return a stored translation with the placeables of the new text, or None if it can't be adapted.

    Each placeable that differs must be in the translation exactly once.
    """
    if len(old) != len(new):
        return None
    changes = [(before, after) for before, after in zip(old, new, strict=True) if before != after]
    spans = [(span.start, span.end) for span in DEFAULT_PROTECTOR.find(target)]
    places: dict[tuple[int, int], str] = {}
    for before, after in changes:
        found = [span for span in spans if target[slice(*span)] == before and span not in places]
        if len(found) != 1:
            return None
        places[found[0]] = after
    for (start, stop), after in sorted(places.items(), reverse=True):
        target = target[:start] + after + target[stop:]
    return target
