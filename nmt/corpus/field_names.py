"""Recognition of the fields that contain the two languages of a corpus, by the names that people give to them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nmt.text.languages import primary_subtag

_ROLE_NAMES = (
    ("source", "src", "source text", "source sentence", "input", "original"),
    ("target", "tgt", "trg", "target text", "target sentence", "translation", "output"),
)
_REGION = re.compile(r"(?<=^[a-z]{2}) [a-z]{2,4}$")
_ENGLISH_NAMES = {
    "ar": "arabic", "bg": "bulgarian", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "et": "estonian", "fa": "persian", "fi": "finnish", "fr": "french", "he": "hebrew", "hi": "hindi",
    "hr": "croatian", "hu": "hungarian", "id": "indonesian", "it": "italian", "ja": "japanese", "ko": "korean",
    "lt": "lithuanian", "lv": "latvian", "nb": "norwegian", "nl": "dutch", "no": "norwegian", "pl": "polish",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sk": "slovak", "sl": "slovenian", "sr": "serbian",
    "sv": "swedish", "th": "thai", "tr": "turkish", "uk": "ukrainian", "vi": "vietnamese", "zh": "chinese",
}  # fmt: skip


def find_language_fields(names: Sequence[str], source: str, target: str) -> tuple[int, int] | None:
    """Return the indices of the fields with the source and the target text, or None if they are not recognised.

    A field is recognised by the code of its language in any spelling (``pt-BR``, ``PT_br``, ``pt``), by the English
    name of the language, or by a word such as ``source`` or ``translation``. An empty code means any language.
    """
    keys = [_normalise(name) for name in names]
    without_regions = [_REGION.sub("", key) for key in keys]
    sides = [
        next(
            (where.index(name) for where in (keys, without_regions) for name in _names_of(code, role) if name in where),
            None,
        )
        for role, code in enumerate((source, target))
    ]
    if sides[0] is None or sides[1] is None or sides[0] == sides[1]:
        return None
    return sides[0], sides[1]


def language_of_name(name: str) -> str | None:
    """Return the code of the language that a field or a file suffix is named after, or None."""
    key = _normalise(name)
    code = next((code for code, english in _ENGLISH_NAMES.items() if english == key), key.partition(" ")[0])
    return code if code in _ENGLISH_NAMES else None


def code_spellings(code: str) -> list[str]:
    """Return the usual spellings of a language code in file names, the given one first."""
    primary = primary_subtag(code)
    spellings = [code, code.lower(), code.replace("-", "_"), code.replace("-", "_").lower(), primary, primary.upper()]
    return list(dict.fromkeys([*spellings, _ENGLISH_NAMES.get(primary, primary)]))


def _names_of(code: str, role: int) -> list[str]:
    return [*(map(_normalise, code_spellings(code)) if code else ()), *_ROLE_NAMES[role]]


def _normalise(name: str) -> str:
    return name.strip().strip("\ufeff").casefold().replace("-", " ").replace("_", " ")
