"""One spelling for one text: the same before training and before translating."""

from __future__ import annotations

import re
import unicodedata

# Control characters carry no words: C0 (tab and line ends are spaces), C1, soft hyphen, zero-width space and no-break
# space (BOM), direction marks, lone surrogates. The zero-width joiners stay: emoji and Indic scripts need them.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\ufeff\ud800-\udfff]"
)
# The emoji that hold what Unicode counts as a letter or digit: keycaps ("1️⃣") and the information sign ("ℹ️").
_ALPHANUMERIC_EMOJI = re.compile("[0-9#*]\ufe0f?\u20e3|\u2139")
# SentencePiece writes U+2581 for a space and can't tell the two apart.
_SPACES = re.compile("[\\s\u2581]+")


def normalise(text: str) -> str:
    """Unicode NFC, no control characters, single plain spaces, none at the ends."""
    return _SPACES.sub(" ", unicodedata.normalize("NFC", _INVISIBLE.sub("", text))).strip()


def is_translatable(text: str) -> bool:
    """Whether there is a letter or a digit in it: punctuation and emoji are written alike in every language."""
    return any(character.isalnum() for character in _ALPHANUMERIC_EMOJI.sub("", text))


def original_offsets(text: str) -> list[int]:
    """For each code point of ``normalise(text)``, and for its end, the place in ``text`` that it came from."""
    clean = normalise(text)
    if clean == text:
        return list(range(len(text) + 1))
    places: list[int] = []
    composed = ""
    for start, cluster in _clusters(text):
        made = unicodedata.normalize("NFC", _INVISIBLE.sub("", cluster))
        made = _SPACES.sub(" ", made)
        if made == " " and (not composed or composed.endswith(" ")):
            made = ""
        composed += made
        places += [start] * len(made)
    composed = composed.rstrip(" ")
    if composed != clean:  # a composition across clusters: say where each would lie if spread evenly
        return [round(i * len(text) / max(len(clean), 1)) for i in range(len(clean) + 1)]
    return [*places[: len(clean)], len(text.rstrip())]


def _clusters(text: str) -> list[tuple[int, str]]:
    """Each character with the marks that may compose with it, and where it begins."""
    clusters: list[tuple[int, str]] = []
    for place, character in enumerate(text):
        # Conjoining vowels and finals of Hangul compose with what stands before, though they are no marks.
        joins = unicodedata.combining(character) or "\u1160" <= character <= "\u11ff"
        if joins and clusters:
            start, before = clusters[-1]
            clusters[-1] = (start, before + character)
        else:
            clusters.append((place, character))
    return clusters
