"""Conversion of Chinese text between simplified and traditional characters with OpenCC."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal

from nmt.text.languages import primary_subtag
from nmt.utils.errors import missing_extra

_CONFIGURATIONS = {"simplified": "t2s", "traditional": "s2t"}
_CHINESE = {"zh", "zho", "cmn", "yue", "wuu"}


def is_chinese(language: str) -> bool:
    """Return whether a language code is that of a Chinese language."""
    return primary_subtag(language) in _CHINESE


@cache
def chinese_converter(script: Literal["simplified", "traditional"]) -> Callable[[str], str]:
    """Return a function that converts Chinese text to a script and preserves its length.

    Raises CarouselError if OpenCC is not installed.
    """
    try:
        import opencc
    except ModuleNotFoundError:
        raise missing_extra("chinese", "converting Chinese text") from None
    convert: Callable[[str], str] = opencc.OpenCC(_CONFIGURATIONS[script]).convert

    def convert_same_length(text: str) -> str:
        converted = convert(text)
        if len(converted) == len(text):
            return converted
        # Few words change their number of characters; offsets in the text must remain valid.
        return "".join(new if len(new := convert(character)) == 1 else character for character in text)

    return convert_same_length
