"""Terms in translations: whole words replaced by the alignment, case, articles, present and unaligned terms."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        # Another word for the same term alone is left out, unless it is set apart.
        ("He left here.", "Il est ici parti.", "0-0 1-1 1-3 2-2 3-4", {"left": "part"}, "Il ici part."),
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


# -- terms without aligned words, and terms that stand in the translation already -------------------------------


@pytest.mark.parametrize(
    ("source", "translation", "links", "terms", "expected"),
    [
        # After the translation of the word before it, or before that of the word after it.
        ("The cat sleeps.", "Il dort.", "0-0 2-1 3-2", {"cat": "minou"}, "Il minou dort."),
        ("Cat, come!", "Viens !", "1-0 2-0 3-1", {"cat": "minou"}, "Minou Viens !"),
        ("Here is a cat.", "Voici.", "4-1", {"cat": "minou"}, "Voici minou."),
        ("It is (a cat).", "C'est (un).", "0-0 1-1 2-2 3-3 5-4", {"cat": "minou"}, "C'est (un minou)."),
        # A form of the term whose alignment is wrong is replaced instead.
        ("Two cats sleep.", "Les minous dorment.", "0-1 2-2 3-3", {"cats": "minouse"}, "Les minouse dorment."),
        # Only an article is aligned: the term belongs after it. Only a preposition is aligned: the term replaces it.
        ("The cat sleeps.", "Dort le.", "1-1 2-0 3-2", {"cat": "minou"}, "Dort le minou."),
        ("Men wearing hats.", "Hommes à chapeau.", "0-0 1-1 2-2 3-3", {"wearing": "dans"}, "Hommes dans chapeau."),
        # An article is aligned in place of the noun.
        ("The cat sleeps.", "Le chat dort.", "0-1 1-0 2-2 3-3", {"cat": "minou"}, "Le minou dort."),
    ],
)
def test_terms_without_aligned_words(
    source: str, translation: str, links: str, terms: dict[str, str], expected: str
) -> None:
    assert replaced(source, translation, links, terms).text == expected


def test_an_adjective_that_is_aligned_to_the_noun_is_replaced() -> None:
    source, translation = "The young girl sleeps.", "Das junge Mädchen schläft."
    links = "0-0 2-1 2-2 3-3 4-4"
    assert replaced(source, translation, links, {"young": "kleine"}, "en de").text == "Das kleine Mädchen schläft."


@pytest.mark.parametrize(
    ("source", "translation", "links", "expected"),
    [
        ("The cat sleeps.", "Le Minou dort.", "0-0 1-1 2-2 3-3", "Le Minou dort."),
        # In another place, because nothing else is aligned to the source term.
        ("The cat sleeps.", "Le minou dort.", "0-0 2-2 3-3", "Le minou dort."),
        ("The cat sleeps.", "Dort le minou.", "0-1 1-0 2-2 3-3", "Dort le minou."),
        # The same word translates another source word: the term replaces its own word.
        (
            "A kitty and the small black old cat", "Un minou et le petit vieux chat noir",
            "0-0 1-1 2-2 3-3 4-4 5-7 6-5 7-6", "Un minou et le petit vieux minou noir",
        ),
        # An inflected form is kept for an inflected source term only.
        ("The cats sleep.", "Les minous dorment.", "0-0 1-1 2-2 3-3", "Les minous dorment."),
        ("The cat sleeps.", "Les minous dorment.", "0-0 1-1 2-2 3-3", "Les minou dorment."),
        # Only whole words count as present.
        ("The cat sleeps.", "Le minoutier dort.", "0-0 1-1 2-2 3-3", "Le minou dort."),
    ],
)  # fmt: skip
def test_terms_that_are_present(source: str, translation: str, links: str, expected: str) -> None:
    result = replaced(source, translation, links, {"cat": "minou"})
    assert result.text == expected
    assert [match.source for match in result.applied] == ["cat"]


def test_one_of_two_occurrences_is_present() -> None:
    result = replaced("a cat, a cat", "un chat, un minou", "0-0 1-1 2-2 3-3 4-4", {"cat": "minou"})
    assert result.text == "un minou, un minou"


def test_without_alignment_words_at_the_same_relative_position_are_replaced() -> None:
    assert replaced("The cat sleeps here.", "Le chat dort ici.", None, {"cat": "minou"}).text == "Le minou dort ici."
    assert replaced("cat cat cat cat", "a", None, {"cat": "b"}).text.split() == ["b"] * 4


# -- case, alignment and marks ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "translation", "terms", "expected"),
    [
        ("Cats sleep.", "Chats dorment.", {"cat": "minou"}, "Minou dorment."),
        ("The Agreement ends.", "Le Contrat finit.", {"agreement": "accord"}, "L'Accord finit."),
        ("The AGREEMENT ends.", "Le CONTRAT finit.", {"agreement": "accord"}, "L'ACCORD finit."),
        ("The agreement ends.", "Le Contrat finit.", {"agreement": "Accord"}, "L'Accord finit."),
        ("Phones ring.", "Téléphones sonnent.", {"phone": "iPhone"}, "iPhone sonnent."),
        ("The NATO ends.", "Le PACTE finit.", {"NATO": "otan"}, "L'otan finit."),
        ("Yes. Cats sleep.", "Oui. Chats dorment.", {"cat": "minou"}, "Oui. Minou dorment."),
    ],
)
def test_case_follows_the_source(source: str, translation: str, terms: dict[str, str], expected: str) -> None:
    links = " ".join(f"{n}-{n}" for n in range(len(re.findall(r"\w+|[^\w\s]", source))))
    assert replaced(source, translation, links, terms).text == expected


def test_alignment_of_the_new_text() -> None:
    result = replaced("the cat sleeps", "l'ami dort", "0-0 1-1 2-2", {"cat": "petit minou"})
    assert result.text == "le petit minou dort"
    assert result.alignment == ((0, 3, 0, 3), (4, 7, 3, 14), (8, 14, 15, 19))
    assert replaced("the cat", "le chat", None, {"cat": "minou"}).alignment is None
    assert replaced("the cat", "le chat", "0-0", {"dog": "x"}).alignment == ((0, 3, 0, 2),)


def test_placeholders_and_tokens_within_words_stay_whole() -> None:
    # The alignment of subword tokens marks a part of the word only.
    source, translation = "The cat \U000f0000 sleeps", "Le chat\U000f0000 dort"
    [match] = TermList([("cat", "minou")], "en", "fr").find(source)
    result = replace_terms([match], source, translation, [(4, 7, 3, 5), (8, 9, 7, 8)], "fr")
    assert result.text == "Le minou\U000f0000 dort"


@pytest.mark.parametrize(
    ("source", "translation", "alignment", "terms", "expected"),
    [
        ("the black cat", "黒い猫だ", [(4, 9, 0, 2), (10, 13, 2, 3), (0, 3, 3, 4)], {"cat": "ミケ"}, "黒いミケだ"),
        ("the black cat", "黒い夜だ", [(4, 9, 0, 2), (0, 3, 3, 4)], {"cat": "猫"}, "黒い猫夜だ"),
        ("my tower", "私の塔", [(0, 2, 0, 2), (3, 8, 2, 3)], {"tower": "Tower"}, "私のTower"),
    ],
)
def test_scripts_without_spaces(
    source: str, translation: str, alignment: list[AlignedSpan], terms: dict[str, str], expected: str
) -> None:
    matches = TermList(list(terms.items()), "en", "ja").find(source)
    assert replace_terms(matches, source, translation, alignment, "ja").text == expected


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        (("cat", "Miez"), "Das Miez-Futter ist gut."),
        (("food", "Essen"), "Das Katzen-Essen ist gut."),
        (("cat food", "Whiskas"), "Das Whiskas ist gut."),
    ],
)
def test_a_part_of_a_german_compound_is_replaced(term: tuple[str, str], expected: str) -> None:
    source, translation = "The cat food is good.", "Das Katzenfutter ist gut."
    alignment = [(0, 3, 0, 3), (4, 7, 4, 7), (4, 7, 7, 10), (8, 12, 10, 16), (13, 15, 17, 20), (16, 20, 21, 24)]
    matches = TermList([term], "en", "de").find(source)
    result = replace_terms(matches, source, translation, alignment, "de")
    assert result.text == expected
    for source_start, source_end, start, end in result.alignment or ():
        if (source_start, source_end) == matches[0][:2]:
            assert result.text[start:end].strip("-") == term[1]


def test_two_terms_for_one_compound() -> None:
    source, translation = "The cat food.", "Das Katzenfutter."
    alignment = [(0, 3, 0, 3), (4, 7, 4, 10), (8, 12, 10, 16), (12, 13, 16, 17)]
    matches = TermList([("cat", "Miez"), ("food", "Essen")], "en", "de").find(source)
    assert replace_terms(matches, source, translation, alignment, "de").text == "Das Miez Essen."


def test_a_compound_is_replaced_as_a_whole_if_another_word_translates_its_other_part() -> None:
    source, translation = "The cat eats food.", "Die Futterkatze frisst Essen."
    alignment = [(0, 3, 0, 3), (13, 17, 4, 10), (4, 7, 10, 15), (8, 12, 16, 22), (13, 17, 23, 28)]
    matches = TermList([("cat", "Miez")], "en", "de").find(source)
    assert replace_terms(matches, source, translation, alignment, "de").text == "Die Miez frisst Essen."


# -- any alignment -----------------------------------------------------------------------------------------------

WORDS = ["le", "chat", "l'ami", "minou", "dort", "Minou,", "(chat)", "de", "l'", "\U000f0000", "!"]


@pytest.mark.parametrize(
    ("translation", "expected"),
    [
        ("de l'ami", "minou le minou"),
        ("du l'ami", "minou le minou"),
        ("ami de l'ami", "minou du minou"),
        ("de ami", "minou minou"),
        ("de la ami dort", "minou la minou dort"),
    ],
)
def test_the_words_before_a_term_that_another_term_replaces_are_not_adapted(translation: str, expected: str) -> None:
    source = "cat the cat"
    first = translation.split()[0]
    alignment = [(0, 3, 0, len(first)), (8, 11, (start := translation.rindex("ami")), start + 3)]
    matches = TermList([("cat", "minou")], "en", "fr").find(source)
    assert replace_terms(matches, source, translation, alignment, "fr").text == expected


@given(
    st.lists(st.sampled_from(["the", "cat", "dog", "cats", "sleeps", ".", "Cat"]), min_size=1, max_size=8),
    st.lists(st.sampled_from(WORDS), max_size=8),
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 30), st.integers(1, 6)), max_size=10),
    st.booleans(),
)
def test_every_term_is_a_whole_word_and_the_rest_survives(
    source_words: list[str], target_words: list[str], links: list[tuple[int, int, int]], aligned: bool
) -> None:
    source, translation = " ".join(source_words), " ".join(target_words)
    ranges = [word.span() for word in re.finditer(r"\S+", source)]
    alignment = [
        (*ranges[word % len(ranges)], start, min(start + length, len(translation)))
        for word, start, length in links
        if start < len(translation)
    ]
    matches = TermList([("cat", "minou"), ("dog", "gros chien")], "en", "fr").find(source)
    result = replace_terms(matches, source, translation, alignment if aligned else None, "fr")
    assert result.applied == tuple(matches)
    for target in ("minou", "gros chien"):
        wanted = sum(match.target == target for match in matches)
        assert len(re.findall(rf"(?<!\w){target}s?(?!\w)", result.text, re.IGNORECASE)) >= wanted
    if len(matches) != 1 or re.search(r"\w", source[: matches[0].start] + source[matches[0].end :]):
        assert result.text.count("\U000f0000") == translation.count("\U000f0000")
        assert result.text.count("!") == translation.count("!")
    for _, _, start, end in result.alignment or ():
        assert 0 <= start < end <= len(result.text)


def test_a_long_text_takes_time_proportional_to_its_length() -> None:
    terms = TermList([("cat", "minou"), ("dog", "gros chien")], "en", "fr")

    def seconds(sentences: int) -> float:
        source, translation = "a cat and a dog " * sentences, "un chat et un chien " * sentences
        links = " ".join(f"{n}-{n}" for n in range(5 * sentences) if n % 7)
        alignment = align(source, translation, links)
        start = time.process_time()
        result = replace_terms(terms.find(source), source, translation, alignment, "fr")
        assert len(result.applied) == 2 * sentences
        return time.process_time() - start

    short = min(seconds(50) for _ in range(3))
    assert seconds(1000) < 60 * short
