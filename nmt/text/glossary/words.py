"""Words of a translation, as units that a term can replace."""

from __future__ import annotations

from collections.abc import Iterator

from nmt.text.languages import primary_subtag
from nmt.text.scripts import is_unspaced_script, is_word_boundary

WordRange = tuple[int, int]
"""Range ``[start, end)`` of a word in code points."""

_APOSTROPHES = "'’"
# Words that an apostrophe separates from the next word. Other apostrophes are inside a word: "aujourd'hui", "don't".
_FRENCH_ELISIONS = "c d j l m n qu s t jusqu lorsqu puisqu quoiqu presqu"
_ITALIAN_ELISIONS = "all bell coll dall dell gl nell quell sull un"
_ELIDED = frozenset(f"{_FRENCH_ELISIONS} {_ITALIAN_ELISIONS}".split())
_ARTICLES = {
    "de": "der die das den dem des ein eine einen einem einer eines",
    "en": "the a an",
    "es": "el la los las un una unos unas",
    "fr": "le la les l un une",
    "it": "il lo la i gli le l un uno una",
    "nl": "de het een 't",
    "pt": "o a os as um uma uns umas",
}
_PREPOSITIONS = {
    "de": "im am zum zur vom ins beim und zu",
    "en": "of to in on at by for with and s",
    "es": "de del al a en y lo su sus",
    "fr": "des du de d au aux à en et ce cette",
    "it": "di del dello della dei degli delle al allo alla a in e",
    "nl": "van der den te in op en",
    "pt": "de do da dos das ao à em no na e",
}
_ARTICLE_SETS = {language: frozenset(words.split()) for language, words in _ARTICLES.items()}
_FUNCTION_WORD_SETS = {
    language: articles | frozenset(_PREPOSITIONS[language].split()) for language, articles in _ARTICLE_SETS.items()
}
_ALL_FUNCTION_WORDS = frozenset().union(*_FUNCTION_WORD_SETS.values())


def find_words(text: str) -> list[WordRange]:
    """Return the words of a text, in order.

    In scripts without spaces every character is a word. An elided article or preposition ("l'", "d'") and the English
    possessive "'s" are words of their own, and so is each part of a compound with hyphens.
    """
    words: list[WordRange] = []
    for start, end in _letter_runs(text):
        joined = bool(words) and words[-1][1] == start - 1 and text[start - 1] in _APOSTROPHES
        if joined and text[slice(*words[-1])].lower() not in _ELIDED and text[start:end].lower() != "s":
            words[-1] = (words[-1][0], end)
        else:
            words.append((start, end))
    return words


def is_function_word(word: str, language: str | None) -> bool:
    """Return whether a word is an article, a frequent preposition or "and".

    The function knows these words in some languages; without a language, it accepts the words of all of them.
    """
    known = _ALL_FUNCTION_WORDS if language is None else _FUNCTION_WORD_SETS.get(primary_subtag(language), ())
    return word.lower() in known


def is_article(word: str, language: str) -> bool:
    """Return whether a word is an article, for languages with a list of them."""
    return word.lower() in _ARTICLE_SETS.get(primary_subtag(language), ())


def _letter_runs(text: str) -> Iterator[WordRange]:
    """Yield the ranges between word boundaries that contain a letter, a digit or a mark."""
    start = 0
    for position in range(1, len(text) + 1):
        if not is_word_boundary(text, position):
            continue
        # Word boundaries also separate the characters of a run of spaces or punctuation.
        if text[start].isalnum() or text[start] == "_" or is_unspaced_script(text[start]):
            yield start, position
        start = position
