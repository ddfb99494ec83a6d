"""Conversion of Chinese text between the script of a network and those of users."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache

from nmt.text.chinese import ChineseScript, chinese_converter, has_chinese_converter, is_chinese

_log = logging.getLogger(__name__)


class NetworkScripts:
    """Converter of Chinese text to the script in which a network reads and writes it. Conversion preserves lengths."""

    def __init__(self, script: ChineseScript | None, source_language: str, target_language: str) -> None:
        """Create the converter of a direction; a network without ``script`` was trained on text as it was.

        If OpenCC is not installed, text is not converted, and a warning is logged at the first Chinese text.
        """
        self._script: ChineseScript = script or "simplified"
        self._writes_chinese = is_chinese(target_language)
        converters = [
            _converter_if_installed(script) if script and is_chinese(language) else _keep
            for language in (source_language, target_language)
        ]
        self.convert_source, self.convert_target = converters

    def output_converter(self, script: ChineseScript | None) -> Callable[[str], str] | None:
        """Return the function that converts what the network writes to a script; None if nothing is to be done.

        Raises CarouselError if OpenCC is needed and not installed.
        """
        if script is None or script == self._script or not self._writes_chinese:
            return None
        return chinese_converter(script)


@cache
def _converter_if_installed(script: ChineseScript) -> Callable[[str], str]:
    if has_chinese_converter():
        return chinese_converter(script)

    def keep_and_warn(text: str) -> str:
        _warn_once(script)
        return text

    return keep_and_warn


@cache
def _warn_once(script: ChineseScript) -> None:
    _log.warning("Chinese text is not converted to %s characters; install carousel-nmt[chinese]", script)


def _keep(text: str) -> str:
    return text
