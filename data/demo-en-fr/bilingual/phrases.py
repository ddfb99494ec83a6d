"""Phrases in two languages at once, and how a finished phrase becomes a pair of aligned sentences.

The grammar builds English and French side by side. A French token carries the English tokens that it
renders, so that the word alignment is a by-product of the derivation and never has to be guessed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bilingual import english, french


@dataclass(frozen=True, eq=False)
class En:
    """An English token. Two equal words are still two tokens, so tokens compare by identity."""

    text: str


@dataclass(frozen=True, eq=False)
class Fr:
    """A French token and the English tokens that it renders."""

    text: str
    renders: tuple[En, ...] = ()
    # Only an article contracts with "à" and "de"; the object pronouns "le" and "les" do not.
    article: bool = False


@dataclass(frozen=True)
class Phrase:
    """A piece of a sentence in both languages, each in its own word order."""

    en: tuple[En, ...] = ()
    fr: tuple[Fr, ...] = ()

    def __add__(self, other: "Phrase") -> "Phrase":
        return Phrase(self.en + other.en, self.fr + other.fr)


EMPTY = Phrase()


def tokens(text: str) -> tuple[En, ...]:
    """English tokens for the words of ``text``."""
    return tuple(En(word) for word in text.split())


def renderings(text: str, renders: Iterable[En], article: bool = False) -> tuple[Fr, ...]:
    """French tokens for the words of ``text``, each of which renders all of ``renders``."""
    linked = tuple(renders)
    return tuple(Fr(word, linked, article) for word in text.split())


def expression(en: str, fr: str, links: str = "") -> Phrase:
    """A fixed expression; ``links`` is in Pharaoh format, and all words are linked where it is empty."""
    source = tokens(en)
    if not links:
        return Phrase(source, renderings(fr, source))
    pairs = [tuple(int(index) for index in link.split("-")) for link in links.split()]
    target = tuple(
        Fr(word, tuple(source[i] for i, j in pairs if j == position), article=word in ("le", "la", "les"))
        for position, word in enumerate(fr.split())
    )
    return Phrase(source, target)


def comma() -> Phrase:
    """A comma on both sides."""
    return expression(",", ",")


# --- Tokenisation --------------------------------------------------------------------------------

_CLITIC = re.compile(r"((?:[cdjlmnst]|qu)')(?=\w)", re.IGNORECASE)
_PUNCTUATION = re.compile(r"([,.?!])(?=\s|$)")


def tokenise_english(sentence: str) -> list[str]:
    """Split at spaces; commas and final punctuation stand alone; "Paul's" and "o'clock" stay whole."""
    return _PUNCTUATION.sub(r" \1", sentence).split()


def tokenise_french(sentence: str) -> list[str]:
    """As in English, and an elided clitic stands alone with its apostrophe ("aujourd'hui" is whole)."""
    result: list[str] = []
    for word in tokenise_english(sentence):
        while match := _CLITIC.match(word):
            result.append(match.group(1))
            word = word[match.end() :]
        result.append(word)
    return result


# --- Finishing -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class SentencePair:
    """A sentence, its translation and their alignment in Pharaoh format."""

    en: str
    fr: str
    alignment: str


def finish(phrase: Phrase, mark: str = ".") -> SentencePair:
    """Spell a phrase out as a sentence pair that ends in ``mark``."""
    whole = phrase + expression(mark, mark)
    target = _apply_sandhi(whole.fr)
    english_words = _spell_english(whole.en)
    french_words = [token.text for token in target]
    en = _join(english_words, spaced_marks=False)
    fr = _join(french_words, spaced_marks=True)
    links = _links(whole.en, target)
    return SentencePair(en, fr, links)


def _apply_sandhi(source: tuple[Fr, ...]) -> list[Fr]:
    """Contract and elide from left to right, where a contraction gives way to an elision."""
    result: list[Fr] = []
    position = 0
    while position < len(source):
        token = source[position]
        after = source[position + 1].text if position + 1 < len(source) else "."
        merged = _contraction(source, position)
        if merged is not None:
            result.append(merged)
            position += 2
            continue
        result.append(Fr(french.elide(token.text, after), token.renders))
        position += 1
    return result


def _contraction(source: tuple[Fr, ...], position: int) -> Fr | None:
    """The contraction of the two tokens at ``position`` (never before a vowel: de l'hôtel)."""
    if position + 2 >= len(source) or not source[position + 1].article:
        return None
    preposition, article, noun = source[position : position + 3]
    if french.elide(article.text, noun.text) != article.text:
        return None
    text = french.contract(preposition.text, article.text)
    if text is None:
        return None
    return Fr(text, preposition.renders + article.renders)


def _spell_english(source: tuple[En, ...]) -> list[str]:
    words = [token.text for token in source]
    return [english.indefinite_article(words[index + 1]) if word == "a" else word for index, word in enumerate(words)]


def _join(words: list[str], spaced_marks: bool) -> str:
    """Join tokens into a line; French sets a space before "?" and "!", English does not."""
    text = ""
    for word in words:
        closes_up = word in ",." or (word in "?!" and not spaced_marks)
        after_clitic = text.endswith("'")
        text += word if not text or closes_up or after_clitic else f" {word}"
    return text[0].upper() + text[1:]


def _links(source: tuple[En, ...], target: list[Fr]) -> str:
    """The alignment in Pharaoh format, sorted by source position."""
    positions = {token: index for index, token in enumerate(source)}
    pairs = {(positions[token], j) for j, french_token in enumerate(target) for token in french_token.renders}
    return " ".join(f"{i}-{j}" for i, j in sorted(pairs))
