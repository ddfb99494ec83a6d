"""Pairs with placeholders: what is replaced, and that both sides correspond."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from nmt.corpus.placeholder_insertion import PlaceholderInserter
from nmt.corpus.word_statistics import WordStatistics
from nmt.text.normalisation import normalise
from nmt.text.placeholders import PLACEHOLDER_CHARACTERS

PLACEHOLDERS = set(PLACEHOLDER_CHARACTERS)
STATISTICS = WordStatistics(
    source_casing={"in": "in", "tom": "Tom", "was": "was"},
    target_casing={"in": "in", "tom": "Tom", "haus": "Haus", "gehen": "gehen"},
    frequencies={"tom": 0.2},
    translations={"house": "haus", "walk": "gehen"},
)
INSERTER = PlaceholderInserter(STATISTICS, ("en", "de"))


def replaced(source: str, target: str, seeds: int = 400) -> set[tuple[str, str]]:
    """Return what is replaced in some variant by one placeholder alone, as pairs of source and target spans."""
    found = set()
    for seed in range(seeds):
        inserted = INSERTER.insert((source, target), Random(seed))
        for character in PLACEHOLDERS & set(inserted[0]) if inserted else ():
            spans = [replaced_span(*texts, character) for texts in zip((source, target), inserted, strict=True)]
            if all(spans):
                found.add(tuple(spans))
    return found


def replaced_span(original: str, text: str, placeholder: str) -> str:
    """Return the span that stands between the contexts of a placeholder in the original, or nothing."""
    before, _, after = text.partition(placeholder)
    fits = original.startswith(before) and original.endswith(after) and len(before) + len(after) <= len(original)
    return original[len(before) : len(original) - len(after)] if fits else ""


def test_numbers_codes_names_and_unambiguous_nouns_are_replaced() -> None:
    assert replaced("Tom has 5 cats.", "Tom hat 5 Katzen.") == {("Tom", "Tom"), ("5", "5")}
    assert replaced("See (https://x.org/a) and a_b.", "Siehe (https://x.org/a) und a_b.") == {
        ("https://x.org/a", "https://x.org/a"),
        ("a_b", "a_b"),
    }
    assert replaced("House number 1,234.5", "Haus Nummer 1.234,5") == {("House", "Haus")}
    assert replaced("See x.org/house now", "Siehe x.org/Haus jetzt") == set()  # a word in a URL is no word
    assert replaced("Is it 😀 ?", "Ist es 😀 ?") == {("😀", "😀")}


def test_what_does_not_correspond_is_kept() -> None:
    assert (
        replaced("In Rome, 5 of 5 see it", "In Rom sehen es 5") == set()
    )  # function word, other form, not equally often
    assert replaced("We walk", "Wir gehen") == set()  # German verb
    assert replaced("Was she Tom or Tom?", "Was ist Tom oder Tom?") == set()


texts = st.lists(st.sampled_from(["Tom", "house", "Haus", "5", "a-1", "x@y.z", ",", "(b)", "in", "好的"]), max_size=8)


@given(texts, texts, st.sampled_from(["", ".", "?!", "。"]), st.integers(0, 10_000))
def test_both_sides_have_the_same_placeholders_once_each(
    source: list[str], target: list[str], final: str, seed: int
) -> None:
    pair = normalise(" ".join(source) + final), normalise(" ".join(target) + final)
    inserted = INSERTER.insert(pair, Random(seed))
    if inserted is None:
        return
    found = [sorted(character for character in text if character in PLACEHOLDERS) for text in inserted]
    assert found[0] == found[1]
    assert 1 <= len(found[0]) == len(set(found[0])) <= 4
    assert all(text == " ".join(text.split(" ")) for text in inserted)


def test_every_placeholder_is_used_and_frequent_names_less_often() -> None:
    pairs = [INSERTER.insert(("Tom came.", "Tom kam."), Random(seed)) for seed in range(1000)]
    sources = [pair[0] for pair in pairs if pair]
    assert set("".join(sources)) >= PLACEHOLDERS
    with_edges = sum(source.startswith("Tom") or source.endswith("Tom came.") for source in sources)
    assert 0.8 < with_edges / len(sources) < 1  # rate of "Tom": the square root of 0.002 / 0.2
    assert len(sources) < 700  # of the pairs without a replaced span, only a share is used


def test_placeholders_at_edges_are_at_the_same_edge() -> None:
    for seed in range(300):
        pair = INSERTER.insert(("we go.", "wir fahren los!"), Random(seed))
        if pair:
            outlines = [text.replace("we go", "_").replace("wir fahren los", "_").replace("!", ".") for text in pair]
            assert outlines[0] == outlines[1]


def test_placeholders_are_mostly_numbered_in_the_order_of_the_source_and_all_are_used() -> None:
    inserted = [INSERTER.insert(("Tom has 5 cats.", "5 Katzen hat Tom."), Random(seed)) for seed in range(400)]
    numbers = [[PLACEHOLDER_CHARACTERS.index(c) for c in pair[0] if c in PLACEHOLDERS] for pair in inserted if pair]
    in_order = [each for each in numbers if each == list(range(len(each)))]
    assert 0.6 < len(in_order) / len(numbers) < 0.9
    assert {number for each in numbers for number in each} == set(range(len(PLACEHOLDER_CHARACTERS)))
