"""Character classes and word boundaries in scripts with and without spaces between words."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Chinese, Japanese, Thai, Lao, Burmese and Khmer are written without spaces between words.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3040-\u312f\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaa7f\uf900-\ufaff\uff66-\uff9f\U0001b000-\U0001b16f"
    "\U00020000-\U0003ffff"
)
"""Characters of scripts without spaces between words, as ranges for a regular expression."""

_UNSPACED = re.compile(f"[{UNSPACED}]")

_ZERO_WIDTH_JOINERS = "\u200c\u200d"


def is_combining_mark(character: str) -> bool:
    """Return whether a character combines with the one before it, such as an accent."""
    return unicodedata.category(character).startswith("M")


def is_unspaced_script(character: str) -> bool:
    """Return whether a character belongs to a script without spaces between words."""
    return _UNSPACED.match(character) is not None


def is_spaced_word_character(character: str) -> bool:
    """Return whether a character is part of a word in a script with spaces between words."""
    in_word = character.isalnum() or character == "_" or is_combining_mark(character)
    return in_word and not is_unspaced_script(character)


@lru_cache(maxsize=4096)
def script_of(character: str) -> str | None:
    """Return the script of a letter, which is the first word of its Unicode name; None for other characters.

    Full-width and half-width letters belong to the script of the normal ones.
    """
    if not character.isalpha():
        return None
    words = re.split(r"\W", unicodedata.name(character, ""), maxsplit=2)
    if words[0] in {"FULLWIDTH", "HALFWIDTH"} and len(words) > 1:
        return words[1]
    return words[0] or None


def is_word_boundary(text: str, position: int) -> bool:
    """Return whether a word can begin or end at a position of a text. Scripts without spaces allow any position."""
    if position in (0, len(text)):
        return True
    before, after = text[position - 1], text[position]
    # A character is not separated from its combining marks, as \b in regular expressions would do.
    if is_combining_mark(after) or before in _ZERO_WIDTH_JOINERS or after in _ZERO_WIDTH_JOINERS:
        return False
    return not (is_spaced_word_character(before) and is_spaced_word_character(after))
