"""Adaptation of the word before a replaced word where sounds decide its form: "l'ami" but "le chat", "a" but "an"."""

from __future__ import annotations

import re
import unicodedata

from nmt.text.languages import primary_subtag

_VOWELS = frozenset("aeiouœæ")

# Form before a vowel and before a consonant. Where the gender decides, which is unknown, the masculine is used.
_FRENCH_ELISIONS = {
    "de l'": "du", "à l'": "au", "l'": "le", "d'": "de", "j'": "je", "n'": "ne", "s'": "se", "m'": "me", "t'": "te",
    "c'": "ce", "qu'": "que", "jusqu'": "jusque", "lorsqu'": "lorsque", "puisqu'": "puisque", "quoiqu'": "quoique",
    "cet": "ce",
}  # fmt: skip
_ITALIAN_ELISIONS = {
    "l'": "il", "un'": "una", "d'": "di", "dell'": "del", "all'": "al", "dall'": "dal", "nell'": "nel", "sull'": "sul",
}  # fmt: skip
_BEFORE_CONSONANT = {"fr": _FRENCH_ELISIONS, "it": _ITALIAN_ELISIONS}
_BEFORE_VOWEL = {
    language: {full: elided for elided, full in elisions.items()} for language, elisions in _BEFORE_CONSONANT.items()
}
_BEFORE_VOWEL["fr"] |= {"la": "l'", "ma": "mon", "ta": "ton", "sa": "son"}
_BEFORE_VOWEL["it"] |= {"lo": "l'", "la": "l'", "dello": "dell'", "della": "dell'", "alla": "all'", "nella": "nell'"}
_PREVIOUS_WORD = re.compile(r"(?<![\w'’-])(?:(?:de|à) l['’]|[^\W\d_]+['’]|[^\W\d_]+ )\Z", re.IGNORECASE)

# English words whose first letter is a vowel but whose first sound is a consonant, and the reverse.
_CONSONANT_SOUND = re.compile(r"uni(?!n|m)|us[aeiu]|eu|ewe|one(?!\w)|once|ubiq|ut[ei]", re.IGNORECASE)
_SILENT_H = re.compile(r"hour|honest|honou?r|heir", re.IGNORECASE)


def adapt_previous_word(before: str, term: str, language: str) -> tuple[int, str] | None:
    """Return the change of the word before a term that its first sound requires, or None if there is none.

    French and Italian elision and the English indefinite article are adapted.

    Args:
        before: Text before the term, which ends in a space or an apostrophe.
        term: Term that replaces another word.
        language: Language of the text.

    Returns:
        Number of characters at the end of ``before`` to replace, and the text to replace them with.
    """
    code = primary_subtag(language)
    previous = _PREVIOUS_WORD.search(before)
    if previous is None:
        return None
    word = previous.group().rstrip(" ").replace("’", "'")
    form = _english_article(word.lower(), term) if code == "en" else _elision(word.lower(), term, code)
    if form is None or form == word.lower():
        return None
    if word[0].isupper():
        form = form[0].upper() + form[1:]
    if "’" in previous.group():
        form = form.replace("'", "’")
    return len(previous.group()), form if form.endswith(("'", "’")) else f"{form} "


def _english_article(word: str, term: str) -> str | None:
    if word not in {"a", "an"}:
        return None
    vowel_sound = _begins_with_vowel(term) and not _CONSONANT_SOUND.match(term)
    return "an" if vowel_sound or _SILENT_H.match(term) else "a"


def _elision(word: str, term: str, language: str) -> str | None:
    if term[:1].lower() == "h":  # both forms occur: "l'homme", "le héros"
        return None
    forms = (_BEFORE_VOWEL if _begins_with_vowel(term) else _BEFORE_CONSONANT).get(language, {})
    return forms.get(word)


def _begins_with_vowel(term: str) -> bool:
    """Return whether the first letter of a term without its accent is a vowel."""
    return unicodedata.normalize("NFD", term[:1])[:1].lower() in _VOWELS
