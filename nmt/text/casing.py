"""Letter case: the casing of a sentence, and conversions that keep the number of characters."""

from __future__ import annotations

import re
from enum import Enum

from nmt.text.languages import primary_subtag
from nmt.text.scripts import is_unspaced_script


class Casing(Enum):
    """Casing of a sentence."""

    NORMAL = "normal"
    """Any other casing, or a script without letter case."""
    UPPER = "upper"
    """Capitals only."""
    LOWER = "lower"
    """No capitals."""
    TITLE = "title"
    """All words begin with capitals, except for articles, prepositions and conjunctions."""


# Most sentences: a capital at the start, and a lower-case word that may not be lower-cased in a title.
_ORDINARY = re.compile(r"[A-ZÀ-ÖØ-ÞΑ-ΩА-ЯЁ].*? [a-zß-öø-ÿά-ώа-яё]{5,}+(?:[ ,;!?]|\.?\Z|\. )")
_TOKEN = re.compile(r"\S+")
_CODE = re.compile(r"[\d_@/\\#<>{}=%&]|\w[.:]\w")  # addresses, file names, placeholders in programs
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
# Georgian and Cherokee have letter case in Unicode, but not in ordinary text.
_CASELESS = re.compile("[\u10d0-\u10ff\u13a0-\u13ff\uab70-\uabbf]")
_MIN_UPPER_LETTERS = 5  # "NASA" and "USB" are not upper-cased words
_MAX_CASELESS_SHARE = 0.2  # of the letters; a Chinese character is about half a word
_MIN_TITLE_WORDS = 3  # "Tom and Mary" is not a title
# Articles, prepositions and conjunctions that are not capitalised in titles.
_TABLE = """
da af at de den det en et for fra i med og om på som til ved
de als am an auf aus bei das dem den der des die ein eine einem einen einer im in mit nach oder und von vor zu zum zur
en a an and as at but by for from if in into nor of off on or per so than the to up via vs with yet
es a al ante con de del e el en la las lo los o para por sin u un una y
fr à au aux avec ce ces dans de des du en et la le les ou par pour sa se ses son sous sur un une
it a ai al alla con da dal dei del della delle di e gli i il in la le lo nel nella o per su tra un una uno
nl aan als bij de den der een en het in met naar of om op te ten ter tot uit van voor
pl a do i na o od po w we z za ze
pt a ao aos as com da das de do dos e em na nas no nos o os ou para por um uma
ru а без в для до за и из или к на не о об от по под при с у
sv av de den det en ett för från i med och om på som till vid
"""
_SMALL_WORDS = {line[:2]: frozenset(line.split()[1:]) for line in _TABLE.strip().split("\n")}
_ALL_SMALL_WORDS = frozenset[str]().union(*_SMALL_WORDS.values())
_FIRST_LETTER = re.compile("[^\\w\ue000-\uf8ff\U000f0000-\U0010ffff]*([^\\W\\d_])")
_ENGLISH_I = re.compile(r"(?<![\w'’.-])i(?![\w.-])")
_ELISION = re.compile(
    r"(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quelqu|all|dall|dell|nell|sull|un)['’](?=[^\W\d_]{3})", re.I
)
_TONOS = str.maketrans("άέήίόύώΐΰ", "αεηιουωϊϋ")


def is_ordinary(text: str) -> bool:
    """Return whether a sentence certainly has normal casing, as most sentences have."""
    return _ORDINARY.match(text) is not None


def find_casing(text: str, has_final_emphasis: bool = False) -> Casing:
    """Return the casing of a sentence; addresses, codes and words with digits are ignored.

    Short abbreviations such as "NASA" count as upper case in longer text or before "!" and "?" only, which is what
    ``has_final_emphasis`` says.
    """
    words, caseless = _cased_words(text)
    letters = sum(map(len, words))
    if not letters or caseless > letters * _MAX_CASELESS_SHARE:
        return Casing.NORMAL
    if all(word.islower() for word in words):
        return Casing.LOWER
    longest = max(map(len, words))
    if all(word.replace("ß", "").isupper() for word in words):
        is_long = letters >= _MIN_UPPER_LETTERS and longest > 2
        return Casing.UPPER if is_long or (has_final_emphasis and longest > 1) else Casing.NORMAL
    return Casing.TITLE if _is_title(words) else Casing.NORMAL


def upper_case(text: str, language: str) -> str:
    """Return a text in capitals; letters whose capital is not one character are kept."""
    subtag = primary_subtag(language)
    if subtag in {"az", "tr"}:
        text = text.replace("i", "İ")
    elif subtag == "el":
        text = text.translate(_TONOS)
    text = text.replace("ß", "ẞ")
    upper = text.upper()
    if len(upper) == len(text) and not _CASELESS.search(text):
        return upper
    return "".join(map(_upper_character, text))


def lower_case(text: str, language: str) -> str:
    """Return a text in lower case."""
    if primary_subtag(language) in {"az", "tr"}:
        text = text.replace("I", "ı")
    return text.replace("İ", "i").lower()


def capitalise_sentence(text: str, language: str) -> str:
    """Return a text with a capital as its first letter, and with the English pronoun "I" in upper case."""
    if primary_subtag(language) == "en":
        text = _ENGLISH_I.sub("I", text)
    match = _FIRST_LETTER.match(text)
    return _capitalise(text, match.start(1), language) if match else text


def decapitalise_sentence(text: str, language: str) -> str:
    """Return a text with a lower-case first letter, apart from German nouns, abbreviations and the English "I"."""
    match = _FIRST_LETTER.match(text)
    subtag = primary_subtag(language)
    if match is None or subtag in {"de", "lb"}:
        return text
    start, end = match.span(1)
    following = text[end : end + 1]
    if following == "." or following.isupper() or (subtag == "en" and match[1] == "I" and not following.isalpha()):
        return text
    return text[:start] + lower_case(match[1], language) + text[end:]


def title_case(text: str, language: str) -> str:
    """Return a text whose words begin with capitals, except for articles, prepositions and conjunctions."""
    small_words = _SMALL_WORDS.get(primary_subtag(language), frozenset[str]())

    def capitalise(match: re.Match[str]) -> str:
        word = match[0]
        elision = _ELISION.match(word)
        if elision is not None:
            word = _capitalise(word, elision.end(), language)
        is_small = match.start() > 0 and (elision is not None or word in small_words)
        return word if is_small else _capitalise(word, 0, language)

    return _WORD.sub(capitalise, text)


def _cased_words(text: str) -> tuple[list[str], int]:
    """Return the words in scripts with letter case, and the number of letters in other scripts."""
    if _CODE.search(text):
        text = " ".join(token for token in _TOKEN.findall(text) if not _CODE.search(token))
    words = _WORD.findall(text)
    cased = [word for word in words if word.upper() != word.lower() and not _CASELESS.match(word)]
    caseless = sum(map(len, words)) - sum(map(len, cased))
    if not text.isascii():
        caseless += sum(map(is_unspaced_script, "".join(cased)))
    return cased, caseless


def _is_title(words: list[str]) -> bool:
    capitalised = sum(len(word) > 1 and word[0].isupper() for word in words)  # not the English "I"
    are_others_small = all(word[0].isupper() or word in _ALL_SMALL_WORDS or _ELISION.match(word) for word in words)
    return capitalised >= _MIN_TITLE_WORDS and are_others_small


def _capitalise(text: str, offset: int, language: str) -> str:
    return text[:offset] + upper_case(text[offset], language) + text[offset + 1 :]


def _upper_character(character: str) -> str:
    upper = character.upper()
    return character if len(upper) > 1 or _CASELESS.match(character) else upper
