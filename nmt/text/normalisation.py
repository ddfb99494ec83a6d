"""Unicode and white space normalisation, applied equally in training and translation."""

from __future__ import annotations

import re
import unicodedata

from nmt.text.placeholders import PLACEHOLDER_CHARACTERS

# Control and format characters without content: C0 (tabs and line ends count as spaces), C1, soft hyphen, zero-width
# space and no-break space (BOM), direction marks, lone surrogates, and the characters that the program uses as
# placeholders. Zero-width joiners are kept, because emoji and Indic scripts need them.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\ufeff\ud800-\udfff"
    f"{PLACEHOLDER_CHARACTERS[0]}-{PLACEHOLDER_CHARACTERS[-1]}]"
)
# Emoji with a character that Unicode classifies as letter or digit: keycaps ("1️⃣") and the information sign ("ℹ️").
_ALPHANUMERIC_EMOJI = re.compile("[0-9#*]\ufe0f?\u20e3|\u2139")
# SentencePiece represents a space as U+2581 and cannot distinguish the two.
_SPACES = re.compile("[\\s\u2581]+")


def normalise(text: str) -> str:
    """Return a text in Unicode NFC, without control characters, with single spaces and without surrounding spaces."""
    return _SPACES.sub(" ", unicodedata.normalize("NFC", _INVISIBLE.sub("", text))).strip()


def is_translatable(text: str) -> bool:
    """Return whether a text contains a letter or digit, since punctuation and emoji are the same in every language."""
    return any(character.isalnum() for character in _ALPHANUMERIC_EMOJI.sub("", text))


def original_offsets(text: str) -> list[int]:
    """Return the offset in ``text`` of each code point of ``normalise(text)`` and, as the last element, of its end."""
    clean = normalise(text)
    if clean == text:
        return list(range(len(text) + 1))
    offsets: list[int] = []
    composed = ""
    for start, cluster in _combining_clusters(text):
        normalised = unicodedata.normalize("NFC", _INVISIBLE.sub("", cluster))
        normalised = _SPACES.sub(" ", normalised)
        if normalised == " " and (not composed or composed.endswith(" ")):
            normalised = ""
        composed += normalised
        offsets += [start] * len(normalised)
    composed = composed.rstrip(" ")
    if composed != clean:  # characters of different clusters were composed: fall back to linear interpolation
        return [round(i * len(text) / max(len(clean), 1)) for i in range(len(clean) + 1)]
    return [*offsets[: len(clean)], len(text.rstrip())]


def _combining_clusters(text: str) -> list[tuple[int, str]]:
    """Return the offset and the text of each cluster: a character with the combining characters that follow it."""
    clusters: list[tuple[int, str]] = []
    for offset, character in enumerate(text):
        # Conjoining Hangul vowels and finals compose with the previous character, but are not combining marks.
        combines = unicodedata.combining(character) or "\u1160" <= character <= "\u11ff"
        if combines and clusters:
            start, before = clusters[-1]
            clusters[-1] = (start, before + character)
        else:
            clusters.append((offset, character))
    return clusters
