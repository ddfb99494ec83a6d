"""Scripts of Chinese: language codes that name one, and conversion of text between them with OpenCC."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Literal

from nmt.text.languages import primary_subtag
from nmt.utils.errors import missing_extra

ChineseScript = Literal["simplified", "traditional"]

_CONFIGURATIONS = {"simplified": "t2s", "traditional": "s2t"}
_CHINESE = {"zh", "zho", "cmn", "yue", "wuu"}
# Subtags of scripts, and of regions by the script that is usual there. "zt" is the code of some translation services.
_SCRIPTS: dict[str, ChineseScript] = dict.fromkeys(("hans", "cn", "my", "sg"), "simplified")
_SCRIPTS |= dict.fromkeys(("hant", "hk", "mo", "tw", "zt"), "traditional")


def is_chinese(language: str) -> bool:
    """Return whether a language code is that of a Chinese language."""
    return primary_subtag(language) in _CHINESE


@lru_cache(maxsize=256)
def chinese_script(language: str) -> ChineseScript | None:
    """Return the script that a code of a Chinese language names or implies: traditional for ``zh-Hant`` and ``zh-TW``.

    The result is None for ``zh``, and for other languages.
    """
    if not is_chinese(language):
        return None
    subtags = re.split("[-_]", language.lower())
    return next((_SCRIPTS[subtag] for subtag in subtags if subtag in _SCRIPTS), None)


def has_chinese_converter() -> bool:
    """Return whether OpenCC is installed, so that `chinese_converter` works."""
    return importlib.util.find_spec("opencc") is not None


@cache
def chinese_converter(script: ChineseScript) -> Callable[[str], str]:
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


def convert_chinese(text: str, script: ChineseScript) -> str:
    """Return a Chinese text in a script; a text that contains traditional characters already stays traditional.

    Some traditional characters are also simplified ones of other words, so converting traditional text would damage it.
    Raises CarouselError if OpenCC is not installed.
    """
    if script == "traditional" and chinese_converter("simplified")(text) != text:
        return text
    return chinese_converter(script)(text)
