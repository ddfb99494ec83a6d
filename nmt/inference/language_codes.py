"""Languages that the language codes of users mean."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from nmt.text.chinese import ChineseScript, chinese_script
from nmt.text.languages import primary_subtag

_SUBTAGS: dict[ChineseScript, str] = {"simplified": "zh-Hans", "traditional": "zh-Hant"}


class Language(NamedTuple):
    """A language of a model, with the script that a user asks for."""

    code: str
    """Code of the language in the model card."""
    script: ChineseScript | None = None
    """Script of Chinese text; None if the user asks for none, and in other languages."""

    @property
    def name(self) -> str:
        """Code that includes the script: ``zh-Hant`` for Chinese in traditional characters."""
        return _SUBTAGS[self.script] if self.script else self.code


def find_language(code: str, known: Iterable[str]) -> Language | None:
    """Return the known language that a code means, or None if there is none.

    The case does not matter. Chinese is also found by codes with a script or region, such as ``zh-Hans``, ``zh-TW`` or
    ``zt``, unless there is a language of its own with this code.
    """
    languages = {language.casefold(): language for language in known}
    if code.casefold() in languages:
        return Language(languages[code.casefold()])
    if primary_subtag(code) != "zh":
        return None
    script = chinese_script(code)
    # Of several languages, that with the requested script is preferred, then the one without a script.
    chinese = [language for language in languages.values() if primary_subtag(language) == "zh"]
    ranks = {
        language: (chinese_script(language) != script, chinese_script(language) is not None) for language in chinese
    }
    found = min(chinese, key=lambda language: (*ranks[language], language), default=None)
    if found is None:
        return None
    return Language(found, None if chinese_script(found) == script else script)
