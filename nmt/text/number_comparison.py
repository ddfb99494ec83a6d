"""Comparison of the numbers of a text with those of its translation.

Numbers are compared by their significant digits, so that separators, numeral systems and powers of ten do not matter:
``1,500,000``, ``1.5 million``, ``150万`` and ``١٥٠٠٠٠٠`` are all ``15``. A translation may also write a number out.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from nmt.text.number_words import is_written_out

# A number with its separators: of decimals and thousands, of times, dates, scores and ranges.
_NUMBER = re.compile(r"\d+(?:[.,:/'’٫٬\u00a0\u202f \-–]\d+){0,5}")
_DIGITS = re.compile(r"\d+")
_ROMAN = re.compile(r"\b[IVXL]+")
_ROMAN_DIGITS = {"I": 1, "V": 5, "X": 10, "L": 50}
_HALF_DAY = 12  # hours; times may be given on a clock of 12 or of 24 hours
_MAX_MONTH = 12  # months may be written as numbers or as names
_MAX_ROMAN = 89
_MAX_DIGITS = 9  # numbers with more are never written out
_MAX_LOOKUPS = 20  # keep the time linear in the length of the text
# In languages without a table of number words, numbers up to here and round ones are taken to be written out.
_MAX_IN_WORDS = 20


def find_missing_numbers(source: str, translation: str, target_language: str) -> list[str]:
    """Return the numbers in digits of a text that its translation contains neither in digits nor in words.

    Only the first 20 numbers that the translation does not contain in digits are looked up in words.
    """
    present = _significant_numbers(translation)
    missing: list[str] = []
    num_lookups = 0
    for match in _NUMBER.finditer(source):
        groups = _DIGITS.findall(match[0])
        whole = "".join(groups)
        if _significant_digits(whole) in present or present.issuperset(map(_significant_digits, groups)):
            continue
        num_lookups += 1
        if num_lookups > _MAX_LOOKUPS:
            break
        is_date = len(groups) == 3 or "/" in match[0] or source.startswith("月", match.end())
        reworded = [
            _significant_digits(digits) in present
            or (
                len(digits) <= _MAX_DIGITS
                and _may_be_reworded(int(digits), present, translation, target_language, is_date)
            )
            for digits in (whole, *groups)
        ]
        if not (reworded[0] or all(reworded[1:])):
            missing.append(match[0])
    return missing


def _significant_numbers(text: str) -> set[str]:
    """Return the significant digits of all numbers of a text, and of their parts between separators."""
    numbers: set[str] = set()
    for match in _NUMBER.finditer(text):
        groups = _DIGITS.findall(match[0])
        numbers.update(map(_significant_digits, ("".join(groups), *groups)))
    return numbers


def _significant_digits(digits: str) -> str:
    """Return decimal digits of any numeral system in ASCII, without leading and trailing zeros; ``0`` for zero."""
    if not digits.isascii():
        digits = "".join(str(unicodedata.decimal(digit)) for digit in digits)
    return digits.strip("0") or "0"


def _may_be_reworded(value: int, present: set[str], translation: str, language: str, is_date: bool) -> bool:
    """Return whether a translation may express a number otherwise than in the same digits.

    Args:
        value: The number.
        present: Significant digits of the numbers of the translation.
        translation: Text of the translation.
        language: Language of the translation.
        is_date: Whether the number is part of a date.
    """
    # "1 person" may be "a person", "8:00" may be "8 o'clock".
    if value <= 1 or (is_date and value <= _MAX_MONTH):
        return True
    if value <= 2 * _HALF_DAY and str(value + (_HALF_DAY if value < _HALF_DAY else -_HALF_DAY)).strip("0") in present:
        return True
    written_out = is_written_out(value, translation, language)
    if written_out is None:
        written_out = value <= _MAX_IN_WORDS or len(str(value).rstrip("0")) == 1
    return written_out or (
        value <= _MAX_ROMAN and any(_roman_value(m[0]) == value for m in _ROMAN.finditer(translation))
    )


@lru_cache(maxsize=2)  # the numbers of a sentence are looked up in the same translation
def _roman_values(text: str) -> set[int]:
    """Return the values of the Roman numerals of a text."""
    return {_roman_value(match[0]) for match in _ROMAN.finditer(text)}


def _roman_value(numeral: str) -> int:
    """Return the value of a Roman numeral."""
    digits = [_ROMAN_DIGITS[letter] for letter in numeral]
    return sum(-a if a < b else a for a, b in zip(digits, [*digits[1:], 0], strict=True))
