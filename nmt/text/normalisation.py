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
# The Stream-Safe Text Format of Unicode (UAX #15) has at most 30 combining marks in a row, more than any language
# needs. Sorting them takes quadratic time.
_MAX_MARKS = 30
_MANY_NON_LETTERS = re.compile(f"[^\\w\\s\0-\u02ff]{{{_MAX_MARKS + 1}}}")  # includes any longer run of marks


def normalise(text: str) -> str:
    """Return a text in Unicode NFC, without control characters, with single spaces and without surrounding spaces.

    Of more than 30 combining marks in a row, only the first 30 are kept.
    """
    return _SPACES.sub(" ", _compose(_INVISIBLE.sub("", text))).strip()


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
        normalised = _SPACES.sub(" ", _compose(_INVISIBLE.sub("", cluster)))
        if normalised == " " and (not composed or composed.endswith(" ")):
            normalised = ""
        composed += normalised
        offsets += [start] * len(normalised)
    composed = composed.rstrip(" ")
    if composed != clean:  # characters of different clusters were composed: fall back to linear interpolation
        return [round(i * len(text) / max(len(clean), 1)) for i in range(len(clean) + 1)]
    return [*offsets[: len(clean)], len(text.rstrip())]


def _compose(text: str) -> str:
    """Return a text in NFC with at most 30 combining marks in a row, in linear time."""
    # Composing may decompose a mark into two, such as U+0344.
    return _limit_marks(unicodedata.normalize("NFC", _limit_marks(text)))


def _limit_marks(text: str) -> str:
    """Remove the combining marks after the first 30 of a run."""
    if text.isascii() or not _MANY_NON_LETTERS.search(text):
        return text
    kept: list[str] = []
    run = 0
    for character in text:
        run = run + 1 if unicodedata.combining(character) else 0
        if run <= _MAX_MARKS:
            kept.append(character)
    return "".join(kept)


def _combining_clusters(text: str) -> list[tuple[int, str]]:
    """Return the offset and the text of each cluster: a character with the combining characters that follow it."""
    starts = [
        offset
        for offset, character in enumerate(text)
        # Conjoining Hangul vowels and finals compose with the previous character, but are not combining marks.
        if offset == 0 or not (unicodedata.combining(character) or "\u1160" <= character <= "\u11ff")
    ]
    return [(start, text[start:end]) for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
