"""Languages that the language codes of users mean."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from nmt.text.chinese import ChineseScript, chinese_script
from nmt.text.languages import primary_subtag, standard_code

_SUBTAGS: dict[ChineseScript, str] = {"simplified": "zh-Hans", "traditional": "zh-Hant"}
_SAME_LANGUAGE = {"nb": "no"}  # Norwegian without a written standard is nearly always Bokmål
_MAX_CODE_LENGTH = 40


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
    """Return the known language that a code means best, or None if there is none; see `find_languages`."""
    return next(iter(find_languages(code, known)), None)


def find_languages(code: str, known: Iterable[str]) -> list[Language]:
    """Return the known languages that a code can mean, the best one first.

    Codes are those of BCP 47, of three letters (``fra``), of NLLB and FLORES (``fra_Latn``) and of LibreTranslate
    (``zt``, ``pb``); the case and ``_`` for ``-`` do not matter. Best is the language with the very code, then one with
    an equivalent code, then the language without script and region. A code without a region also means the language in
    any region. Chinese is found by codes with another script, because text can be converted between its scripts.
    """
    return list(_find_languages(code, frozenset(known)))


@lru_cache(maxsize=1024)
def _find_languages(code: str, known: frozenset[str]) -> tuple[Language, ...]:
    folded = _fold(code)
    exact = [Language(language) for language in sorted(known) if _fold(language) == folded]
    wanted = standard_code(code) if len(code) <= _MAX_CODE_LENGTH else None
    if wanted is None:
        return tuple(exact)
    related = [language for language in sorted(known) if _base(standard_code(language) or language) == _base(wanted)]
    if _base(wanted) == "zh":
        script = chinese_script(wanted)
        # The language with the requested script comes first, then the one without a script.
        related.sort(key=lambda each: (chinese_script(each) != script, chinese_script(each) is not None))
        found = [Language(each, None if chinese_script(each) == script else script) for each in related]
    else:
        ranks = {language: _rank(wanted, standard_code(language) or language) for language in related}
        found = [Language(each) for each in sorted(related, key=lambda each: ranks[each]) if ranks[each] < _UNRELATED]
    return (*exact, *(each for each in found if each.code not in {language.code for language in exact}))


_UNRELATED = (9, 0)


def _rank(wanted: str, language: str) -> tuple[int, int]:
    """Return a number, which is lower for a better match, and the distance of the two languages."""
    import langcodes

    if wanted == language:
        return 0, 0
    first, second = langcodes.Language.get(wanted), langcodes.Language.get(language)
    if second.script is None and second.territory is None:
        return 1, 0
    same_script = first.maximize().script == second.maximize().script
    if (first.script and not same_script) or (first.territory and second.territory not in {None, first.territory}):
        return _UNRELATED  # British English is no American English, and nothing converts scripts
    return (2 if same_script else 3), langcodes.tag_distance(wanted, language)


def _base(code: str) -> str:
    subtag = primary_subtag(code)
    return _SAME_LANGUAGE.get(subtag, subtag)


def _fold(code: str) -> str:
    return code.replace("_", "-").casefold()
