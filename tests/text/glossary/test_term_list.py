"""The occurrences of terms in a text: whole words, inflected forms, overlaps and case."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.text.glossary import TermList, TermMatch
from nmt.text.normalisation import normalise


def found(text: str, *terms: str) -> list[str]:
    """Return the terms that are found with a list that translates ``cat`` as ``<cat>``, and so on."""
    terms_ = TermList([(term, f"<{term}>") for term in terms], "en", "fr")
    return [match.target[1:-1] for match in terms_.find(normalise(text))]


# -- terms in a text -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "terms", "expected"),
    [
        ("", ["a"], []),
        ("the cat and the cat", ["cat"], ["cat", "cat"]),
        # Whole words only.
        ("concatenate cat_ 1cat", ["cat"], []),
        ("(cat), cat's cat-like «cat»…", ["cat"], ["cat"] * 4),
        ("C++ and .NET, not C", ["C++", ".NET"], ["C++", ".NET"]),
        ("R&D at AT&T", ["R&D", "AT&T"], ["R&D", "AT&T"]),
        # The first term, of several the longest; a longer one that is not a whole word does not hide a shorter one.
        ("New York City", ["York City", "New York", "New"], ["New York"]),
        ("New York City", ["New", "New York", "New York City"], ["New York City"]),
        ("New Yorkers", ["New", "New York"], ["New"]),
        ("New Yorkers", ["New", "New Y", "New York"], ["New"]),
        # Case is ignored, unless it distinguishes two terms.
        ("CAT Cat cat", ["Cat"], ["Cat"] * 3),
        ("apple Apple APPLE", ["Apple", "apple"], ["apple", "Apple", "Apple"]),
        ("apple Apple APPLE", ["apple", "Apple"], ["apple", "Apple", "apple"]),
        ("STRASSE Straße strasse strassen", ["Straße"], ["Straße"] * 3),
        ("Straße", ["STRASSE"], ["STRASSE"]),
        ("ΟΔΟΣ οδός", ["οδοσ"], ["οδοσ"]),
        ("İ ı ſ K", ["i", "s", "k"], ["s", "k"]),
        ("ŉ ﬁ", ["n", "f", "fi"], ["fi"]),
        # Spelling: composed and decomposed characters, spaces of any kind, invisible characters.
        ("cafe\u0301", ["caf\u00e9"], ["caf\u00e9"]),
        ("New\u00a0York, New\n  York", ["New York"], ["New York"] * 2),
        ("ca\xadt", ["cat"], ["cat"]),
        # A character with its marks is not cut.
        ("x\u0301 x", ["x"], ["x"]),
        ("कि क", ["क"], ["क"]),
        ("किताब", ["कि"], []),
        ("می\u200cخواهم", ["می"], []),
        ("👩\u200d💻 👩", ["👩"], ["👩"]),
        # Scripts without spaces: anywhere, but not within a Latin word.
        ("我们在北京大学学习", ["大学", "北京"], ["北京", "大学"]),
        ("我们在北京大学学习", ["北京大学", "大学"], ["北京大学"]),
        ("東京タワーに行く", ["タワー", "東京"], ["東京", "タワー"]),
        ("か\u3099 が", ["か"], []),
        ("ผมชอบแมวมาก", ["แมว"], ["แมว"]),
        ("ที่", ["ท"], []),
        ("我用iPhone手机", ["iPhone", "Phone", "手机"], ["iPhone", "手机"]),
        ("一丁丁", ["一丁", "丁"], ["一丁", "丁"]),
        ("서울은 서울", ["서울"], ["서울"]),
    ],
)
def test_terms(text: str, terms: list[str], expected: list[str]) -> None:
    assert found(text, *terms) == expected


MARK = "\u0332"  # composes with no letter


def naive_terms(text: str, terms: list[str]) -> list[str]:
    """Try every term at every position, as the definition says."""
    found, start = [], 0
    while start < len(text):
        fitting = [
            term
            for term in terms
            if text[start : start + len(term)].casefold() == term.casefold()
            and not is_within_word(text, start)
            and not is_within_word(text, start + len(term))
        ]
        # The longest, then the one with the same spelling, then the first of the list.
        fitting.sort(key=lambda term: (-len(term), text[start : start + len(term)] != term))
        found += fitting[:1]
        start += len(fitting[0]) if fitting else 1
    return found


def is_within_word(text: str, place: int) -> bool:
    """Return whether a position is within a word, for the characters of ``texts_and_terms``."""
    if not 0 < place < len(text):
        return False
    word = "abAB1_" + MARK
    return text[place] == MARK or (text[place - 1] in word and text[place] in word)


@st.composite
def texts_and_terms(draw: st.DrawFn) -> tuple[str, list[str]]:
    terms = draw(st.lists(st.text("abAB1_ 一丁か" + MARK, max_size=6).map(normalise).filter(bool), unique=True))
    chunks = st.sampled_from([*terms, " ", "-", "a", "B", "一", MARK])
    return normalise("".join(draw(st.lists(chunks)))), terms


@given(texts_and_terms())
def test_terms_match_a_naive_implementation(text_and_terms: tuple[str, list[str]]) -> None:
    text, terms = text_and_terms
    assert found(text, *terms) == naive_terms(text, terms)


@given(st.text(max_size=30), st.lists(st.text(min_size=1, max_size=5).map(normalise).filter(bool), max_size=8))
def test_any_term_is_found_in_its_own_text(text: str, terms: list[str]) -> None:
    assert set(found(text, *terms)) <= set(terms)
    for term in terms:
        assert found(term, term) == found(f" {term}\n", term) == [term]


# -- inflected forms -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "term", "forms", "others"),
    [
        ("en", "cat", "cat cats Cats CATS cat's", "catch concatenate catty"),
        ("en", "box", "boxes", "boxy"),
        ("en", "city", "cities", "citystate"),
        ("en", "toy", "toys", "toies"),
        ("en", "wife", "wives", "midwife"),
        ("en", "shelf", "shelves", "shelving"),
        ("en", "child", "children", "childish"),
        ("en", "fireman", "firemen", "firemanship"),
        ("en", "glass", "glasses", "glas"),
        ("en", "install", "installs installed installing", "installation reinstall"),
        ("en", "validate", "validated validating validates", "validation"),
        ("en", "copy", "copied copying copies", "copyist"),
        ("en", "plan", "planned planning plans", "plane planet"),
        # Words of their own, and short words.
        ("en", "even", "even", "evening"),
        ("en", "build", "builds", "building"),
        ("en", "in", "in", "ins ing inned"),
        ("en-GB", "credit card", "credit cards", "credits card credited card"),
        ("de", "Haus", "Hauses Häuser Häusern", "Hausaufgabe"),
        ("de", "Hund", "Hunde Hunden Hundes", "Hundert"),
        ("de", "Katze", "Katzen", "Katzenfutter"),
        ("de", "Lehrerin", "Lehrerinnen", "Lehrer"),
        ("fr", "chat", "chats", "chaton château"),
        ("fr", "cheval", "chevaux", "chevalier"),
        ("fr", "ami", "amie amis amies", "amical"),
        ("es", "ciudad", "ciudades", "ciudadano"),
        ("es", "luz", "luces", "lucero"),
        ("it", "libro", "libri", "libreria"),
        ("it", "amica", "amiche", "amicizia"),
        ("nl", "man", "mannen", "manier"),
        ("nl", "huis", "huizen", "huiselijk"),
        ("pt", "coração", "corações", "coraçãozinho"),
        # No rules.
        ("zxx", "cat", "cat", "cats"),
    ],
)
def test_inflected_forms(language: str, term: str, forms: str, others: str) -> None:
    terms = TermList([(term, "x")], language, "fr")
    single = forms.split() if " " not in term else [forms]
    for form in single:
        assert [match.source for match in terms.find(f"({form}.")] == [term], form
    for other in others.split() if " " not in term else []:
        assert terms.find(other) == [], other


def test_a_spelling_takes_precedence_over_an_inflected_form_of_another_term() -> None:
    entries = [("arm", "bras"), ("arms", "armes"), ("new", "nouveau"), ("news", "nouvelles")]
    for order in (entries, entries[::-1]):
        terms = TermList(order, "en", "fr")
        assert [match.target for match in terms.find("arms arm new news")] == ["armes", "bras", "nouveau", "nouvelles"]


def test_longer_terms_take_precedence_over_inflected_forms() -> None:
    terms = TermList([("card", "carte"), ("card reader", "lecteur")], "en", "fr")
    assert [match.target for match in terms.find("cards, card readers")] == ["carte", "lecteur"]


# -- matches --------------------------------------------------------------------------------------------


def test_a_match_has_the_range_in_the_text_and_the_entry_of_the_list() -> None:
    terms = TermList([("Straße", "street"), ("cat", "minou")], "de", "en")
    text = "STRASSE ŉ cat Straße"
    assert terms.find(text) == [
        TermMatch(0, 7, "Straße", "street"),
        TermMatch(10, 13, "cat", "minou"),
        TermMatch(14, 20, "Straße", "street"),
    ]


def test_the_first_of_two_entries_applies_and_empty_terms_are_left_out() -> None:
    terms = TermList([("cat", "a"), (" cat ", "b"), ("", "c"), ("dog", " ")], "en", "fr")
    assert terms.entries == (("cat", "a"),)
    assert TermList([], "en", "fr").find("cat") == []


def test_ten_thousand_terms_are_found_in_time_proportional_to_the_length() -> None:
    terms = TermList([(f"term{number} {number}", "x") for number in range(10_000)], "en", "fr")
    text = "a word and term77 77 and some term9999 9999 words, " * 20

    def seconds(text: str) -> float:
        start = time.process_time()
        assert len(terms.find(text)) == text.count("term")
        return time.process_time() - start

    short = min(seconds(text) for _ in range(3))
    assert min(seconds(text * 20) for _ in range(3)) < 60 * short
