"""Language codes (BCP 47) and the scripts of languages."""

from __future__ import annotations

import re
from functools import lru_cache

from nmt.text.scripts import script_of

LATIN = "LATIN"
_LATIN_LETTER = re.compile("[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f]")
_ALIASES = {"zt": "zh-Hant", "pb": "pt-BR"}  # codes of LibreTranslate
_RIGHT_TO_LEFT = frozenset({"ARABIC", "HEBREW", "THAANA"})
_RIGHT_TO_LEFT_SUBTAGS = frozenset({"adlm", "arab", "hebr", "nkoo", "rohg", "syrc", "thaa"})

# Script, as the first word of the Unicode names of its letters, and the languages written in it. Languages that are not
# listed use the Latin script.
_TABLE = """
ARABIC: ar ary arz ckb fa ks ku ps sd sdh ug ur
ARMENIAN: hy
BENGALI: as bn
CJK: ja wuu yue zh
CYRILLIC: ab av ba be bg ce cu cv kk kv ky mk mn os ru sr tg tt uk uz
DEVANAGARI: gom hi ks mr ne pi sa
ETHIOPIC: am ti
GEORGIAN: ka
GREEK: el grc
GUJARATI: gu
GURMUKHI: pa
HANGUL: ko
HEBREW: he hbo yi
HIRAGANA: ja
KANNADA: kn
KATAKANA: ja
KHMER: km
LAO: lo
LATIN: ku sr uz
MALAYALAM: ml
MYANMAR: my
ORIYA: or
SINHALA: si
TAMIL: ta
TELUGU: te
THAANA: dv
THAI: th
TIBETAN: bo dz
YI: ii
"""

_SCRIPTS: dict[str, set[str]] = {}
for _line in _TABLE.split("\n")[1:-1]:
    _script, _, _codes = _line.partition(": ")
    for _code in _codes.split():
        _SCRIPTS.setdefault(_code, set()).add(_script)


@lru_cache(maxsize=256)
def standard_code(code: str) -> str | None:
    """Return a language code as BCP 47 writes it, or None for a code of another form.

    Codes of three letters become those of two letters, and old codes the present ones: ``en-US`` for ``eng_us``, ``he``
    for ``iw``. A code of a part of a language, such as Iranian Persian, becomes that of the language.
    """
    import langcodes  # imported late: most codes are known as they are

    folded = code.replace("_", "-").lower()
    try:
        return langcodes.standardize_tag(_ALIASES.get(folded, folded), macro=True)
    except ValueError:  # LanguageTagError is one
        return None


@lru_cache(maxsize=256)
def primary_subtag(code: str) -> str:
    """Return the language of a code without region and script: ``pt`` for ``pt-BR`` and ``por_Latn``."""
    subtag = re.split("[-_]", code, maxsplit=1)[0].lower()
    if len(subtag) == 3 or subtag in _ALIASES:
        subtag = (standard_code(subtag) or subtag).partition("-")[0]
    return subtag


@lru_cache(maxsize=256)
def language_scripts(code: str) -> frozenset[str]:
    """Return the scripts in which a language is written: ``CJK``, ``HIRAGANA`` and ``KATAKANA`` for ``ja``."""
    return frozenset(_SCRIPTS.get(primary_subtag(code), {LATIN}))


def has_letters_of(text: str, language: str) -> bool:
    """Return whether a text contains a letter of a script in which a language is written."""
    scripts = language_scripts(language)
    if LATIN in scripts and _LATIN_LETTER.search(text):
        return True
    return any(script_of(character) in scripts for character in text)


def languages_by_scripts() -> dict[frozenset[str], tuple[str, ...]]:
    """Return the languages that are written in each set of scripts, except those in the Latin script alone."""
    languages: dict[frozenset[str], tuple[str, ...]] = {}
    for code in _SCRIPTS:
        languages[language_scripts(code)] = (*languages.get(language_scripts(code), ()), code)
    return languages


def is_right_to_left(code: str) -> bool:
    """Return whether a language is written from right to left."""
    subtags = re.split("[-_]", code.lower())
    script = next((subtag for subtag in subtags[1:] if len(subtag) == 4 and subtag.isalpha()), None)
    if script is not None:
        return script in _RIGHT_TO_LEFT_SUBTAGS
    return language_scripts(code) <= _RIGHT_TO_LEFT
