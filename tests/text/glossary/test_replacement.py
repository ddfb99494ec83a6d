"""Terms in translations: whole words replaced by the alignment, case, articles, present and unaligned terms."""

from __future__ import annotations

import re

import pytest

from nmt.text.alignment import AlignedSpan
from nmt.text.glossary import TermList, TermReplacement, replace_terms


def align(source: str, target: str, links: str) -> list[AlignedSpan]:
    """Return an alignment of words separated by spaces, with links such as ``0-1 2-2`` (source-target)."""
    source_words = [word.span() for word in re.finditer(r"[\w'-]+|[^\w\s]", source)]
    target_words = [word.span() for word in re.finditer(r"\w+['’]|[\w-]+|[^\w\s]", target)]
    pairs = (link.split("-") for link in links.split())
    return [(*source_words[int(s)], *target_words[int(t)]) for s, t in pairs]


def replaced(
    source: str, translation: str, links: str | None, terms: dict[str, str], languages: str = "en fr"
) -> TermReplacement:
    found = TermList(list(terms.items()), *languages.split()).find(source)
    alignment = None if links is None else align(source, translation, links)
    return replace_terms(found, source, translation, alignment, languages.split()[1])


@pytest.mark.parametrize(
    ("source", "translation", "links", "terms", "expected"),
    [
        ("The black cat sleeps.", "Le chat noir dort.", "0-0 2-1 1-2 3-3 4-4", {"cat": "minou"}, "Le minou noir dort."),
        # An article that is aligned to the noun stays.
        ("Cats sleep.", "Les chats dorment.", "0-0 0-1 1-2 2-3", {"cat": "minou"}, "Les minou dorment."),
        # Several words are replaced together, with the function words between them, by several words.
        (
            "My credit card works.", "Ma carte de crédit marche.", "0-0 2-1 2-2 1-3 3-4 4-5",
            {"credit card": "carte bancaire"}, "Ma carte bancaire marche.",
        ),
        ("A wallet.", "Un porte-monnaie.", "0-0 1-1 2-2", {"wallet": "portefeuille"}, "Un portefeuille."),
        # Of words that are far apart, the larger part is replaced.
        ("He gives up.", "Il abandonne tout, oui.", "0-0 1-1 2-1 1-4 3-5", {"gives up": "cède"}, "Il cède tout, oui."),
        # A repeated term.
        (
            "A cat is a cat.", "Un chat est un chat.", "0-0 1-1 2-2 3-3 4-4 5-5",
            {"cat": "minou"}, "Un minou est un minou.",
        ),
        # Two terms that change places.
        (
            "A cat, a dog.", "Un chien, un chat.", "0-3 1-4 2-2 3-0 4-1 5-5",
            {"cat": "dogue", "dog": "minou"}, "Un minou, un dogue.",
        ),
        # Two terms for one word: none is lost.
        (
            "The light house here.", "Le phare ici.", "0-0 1-1 2-1 3-2 4-3",
            {"light": "lumière", "house": "maison"}, "Le lumière maison ici.",
        ),
    ],
)  # fmt: skip
def test_terms_replace_aligned_words(
    source: str, translation: str, links: str, terms: dict[str, str], expected: str
) -> None:
    result = replaced(source, translation, links, terms)
    assert result.text == expected
    assert {match.source for match in result.applied} == terms.keys()


@pytest.mark.parametrize(
    ("translation", "links", "target", "expected"),
    [
        ("l'ami dort", "0-0 1-1 2-2", "minou", "le minou dort"),
        ("L'ami dort", "0-0 1-1 2-2", "minou", "Le minou dort"),
        ("l’ami dort", "0-0 1-1 2-2", "oncle", "l’oncle dort"),
        ("le chat dort", "0-0 1-1 2-2", "ami", "l'ami dort"),
        ("La chatte dort", "0-0 1-1 2-2", "amie", "L'amie dort"),
        ("le chat dort", "0-0 1-1 2-2", "héros", "le héros dort"),
        ("le chat dort", "0-0 1-1 2-2", "éléphant", "l'éléphant dort"),
        ("ma chatte dort", "0-0 1-1 2-2", "amie", "mon amie dort"),
        ("ce chat dort", "0-0 1-1 2-2", "ami", "cet ami dort"),
        ("cet ami dort", "0-0 1-1 2-2", "minou", "ce minou dort"),
        ("sommeil du chat", "2-0 0-1 1-2", "ami", "sommeil de l'ami"),
        ("sommeil de l'ami", "2-0 0-1 0-2 1-3", "minou", "sommeil du minou"),
        ("parle à l'ami", "2-0 0-1 0-2 1-3", "minou", "parle au minou"),
        ("nom d'ami", "2-0 0-1 1-2", "minou", "nom de minou"),
        ("qu'amis dorment", "0-0 1-1 2-2", "minou", "que minou dorment"),
        ("l'amie noire", "0-0 1-1 2-2", "xylophone", "le xylophone noire"),
    ],
)
def test_french_elision(translation: str, links: str, target: str, expected: str) -> None:
    assert replaced("the friend sleeps", translation, links, {"friend": target}).text == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("animal", "an animal"), ("pet", "a pet"), ("hour", "an hour"), ("house", "a house"), ("unit", "a unit"),
        ("uninvited guest", "an uninvited guest"), ("user", "a user"), ("umbrella", "an umbrella"),
        ("European", "a European"), ("one-way street", "a one-way street"), ("heir", "an heir"),
    ],
)  # fmt: skip
def test_english_article(target: str, expected: str) -> None:
    for article in ("a", "an"):
        result = replaced("un chat noir", f"{article} cat here", "0-0 1-1 2-2", {"chat": target}, "fr en")
        assert result.text == f"{expected} here"


def test_articles_of_other_languages_and_other_words_are_not_changed() -> None:
    assert replaced("the cat", "la chat", "0-0 1-1", {"cat": "ami"}, "en es").text == "la ami"
    assert replaced("a big cat", "an big cat", "0-0 1-1 2-2", {"cat": "dog"}, "en en").text == "an big dog"


@pytest.mark.parametrize(
    ("source", "translation", "expected"),
    [
        ("cat", "Le chat", "minou"),
        ("Cat", "Le chat", "Minou"),
        ("CAT", "Le chat", "MINOU"),
        ("Cat!", "Chat !", "Minou !"),
        ("cat.", "Coupez", "minou."),
        ("Cat?!", "Chat", "Minou?!"),
        ("“Cat”", "« Chat »", "“Minou”"),
        ("  cats  ", "x", "  minou  "),
    ],
)
def test_a_text_that_is_a_term_is_exactly_its_translation(source: str, translation: str, expected: str) -> None:
    assert replaced(source, translation, None, {"cat": "minou"}).text == expected
