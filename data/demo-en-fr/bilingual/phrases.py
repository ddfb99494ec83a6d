"""Bilingual phrases, and their realisation as aligned sentence pairs.

The grammar builds English and French side by side. Each French token refers to the English tokens that it translates,
so that the word alignment results from the derivation and is exact.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bilingual import english, french


@dataclass(frozen=True, eq=False)
class EnglishToken:
    """English token, compared by identity, since equal words are different tokens."""

    text: str


@dataclass(frozen=True, eq=False)
class FrenchToken:
    """French token with the English tokens that it translates."""

    text: str
    renders: tuple[EnglishToken, ...] = ()
    # Whether the token is an article, which contracts with "à" and "de"; the pronouns "le" and "les" do not.
    article: bool = False


@dataclass(frozen=True)
class Phrase:
    """Part of a sentence in both languages, each in its own word order."""

    en: tuple[EnglishToken, ...] = ()
    fr: tuple[FrenchToken, ...] = ()

    def __add__(self, other: "Phrase") -> "Phrase":
        return Phrase(self.en + other.en, self.fr + other.fr)


EMPTY = Phrase()


def tokens(text: str) -> tuple[EnglishToken, ...]:
    """Return English tokens for the words of ``text``."""
    return tuple(EnglishToken(word) for word in text.split())


def renderings(text: str, renders: Iterable[EnglishToken], article: bool = False) -> tuple[FrenchToken, ...]:
    """Return French tokens for the words of ``text``, each linked to all tokens in ``renders``."""
    linked = tuple(renders)
    return tuple(FrenchToken(word, linked, article) for word in text.split())


def expression(en: str, fr: str, links: str = "") -> Phrase:
    """Return a fixed expression; ``links`` is in Pharaoh format, and all words are linked if it is empty."""
    source = tokens(en)
    if not links:
        return Phrase(source, renderings(fr, source))
    pairs = [tuple(int(index) for index in link.split("-")) for link in links.split()]
    target = tuple(
        FrenchToken(word, tuple(source[i] for i, j in pairs if j == position), article=word in ("le", "la", "les"))
        for position, word in enumerate(fr.split())
    )
    return Phrase(source, target)


def comma() -> Phrase:
    """Return a comma in both languages."""
    return expression(",", ",")


# --- Tokenisation --------------------------------------------------------------------------------

_CLITIC = re.compile(r"((?:[cdjlmnst]|qu)')(?=\w)", re.IGNORECASE)
_PUNCTUATION = re.compile(r"([,.?!])(?=\s|$)")


def tokenise_english(sentence: str) -> list[str]:
    """Split at spaces; commas and final punctuation are separate, "Paul's" and "o'clock" are one token."""
    return _PUNCTUATION.sub(r" \1", sentence).split()


def tokenise_french(sentence: str) -> list[str]:
    """Split as in English, with elided clitics as tokens of their own ("aujourd'hui" is one token)."""
    result: list[str] = []
    for word in tokenise_english(sentence):
        while match := _CLITIC.match(word):
            result.append(match.group(1))
            word = word[match.end() :]
        result.append(word)
    return result


# --- Realisation of sentences --------------------------------------------------------------------


@dataclass(frozen=True)
class SentencePair:
    """Sentence, its translation and their alignment in Pharaoh format."""

    en: str
    fr: str
    alignment: str


def realise(phrase: Phrase, mark: str = ".") -> SentencePair:
    """Realise a phrase as a sentence pair that ends in ``mark``."""
    whole = phrase + expression(mark, mark)
    target = _apply_sandhi(whole.fr)
    english_words = _spell_english(whole.en)
    french_words = [token.text for token in target]
    en = _join(english_words, spaced_marks=False)
    fr = _join(french_words, spaced_marks=True)
    links = _links(whole.en, target)
    return SentencePair(en, fr, links)


def _apply_sandhi(source: tuple[FrenchToken, ...]) -> list[FrenchToken]:
    """Contract and elide from left to right; elision takes precedence over contraction."""
    result: list[FrenchToken] = []
    position = 0
    while position < len(source):
        token = source[position]
        after = source[position + 1].text if position + 1 < len(source) else "."
        merged = _contraction(source, position)
        if merged is not None:
            result.append(merged)
            position += 2
            continue
        result.append(FrenchToken(french.elide(token.text, after), token.renders))
        position += 1
    return result


def _contraction(source: tuple[FrenchToken, ...], position: int) -> FrenchToken | None:
    """Return the contraction of the two tokens at ``position`` (never before a vowel: de l'hôtel)."""
    if position + 2 >= len(source) or not source[position + 1].article:
        return None
    preposition, article, noun = source[position : position + 3]
    if french.elide(article.text, noun.text) != article.text:
        return None
    text = french.contract(preposition.text, article.text)
    if text is None:
        return None
    return FrenchToken(text, preposition.renders + article.renders)


def _spell_english(source: tuple[EnglishToken, ...]) -> list[str]:
    words = [token.text for token in source]
    return [english.indefinite_article(words[index + 1]) if word == "a" else word for index, word in enumerate(words)]


def _join(words: list[str], spaced_marks: bool) -> str:
    """Join tokens into a line; French has a space before "?" and "!", English has none."""
    text = ""
    for word in words:
        closes_up = word in ",." or (word in "?!" and not spaced_marks)
        after_clitic = text.endswith("'")
        text += word if not text or closes_up or after_clitic else f" {word}"
    return text[0].upper() + text[1:]


def _links(source: tuple[EnglishToken, ...], target: list[FrenchToken]) -> str:
    """Return the alignment in Pharaoh format, sorted by source position."""
    positions = {token: index for index, token in enumerate(source)}
    pairs = {(positions[token], j) for j, french_token in enumerate(target) for token in french_token.renders}
    return " ".join(f"{i}-{j}" for i, j in sorted(pairs))
