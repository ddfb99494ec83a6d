"""Length bins, and word F1 against naive counting."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.evaluation.analysis import FREQUENCY_CLASSES, count_words, length_bins, word_f1_by_frequency

WORDS = st.lists(st.sampled_from("abcdefgh"), max_size=12)


@given(st.lists(st.integers(0, 40), max_size=80), st.integers(1, 8))
def test_bins_partition_the_sentences_by_length(lengths: list[int], most: int) -> None:
    bins = length_bins(lengths, most)
    assert sorted(n for group in bins for n in group.sentences) == list(range(len(lengths)))
    assert len(bins) <= most
    for group in bins:
        assert list(group.sentences) == sorted(group.sentences)
        found = [lengths[n] for n in group.sentences]
        assert (group.shortest, group.longest) == (min(found), max(found))
    assert all(a.longest < b.shortest for a, b in itertools.pairwise(bins))


def test_bins_of_distinct_lengths_have_equal_sizes() -> None:
    bins = length_bins([5, 1, 4, 2, 6, 3, 12, 10, 11, 8, 9, 7], 6)
    assert [(group.shortest, group.longest) for group in bins] == [(1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12)]
    assert bins[0].sentences == (1, 3)


@pytest.mark.parametrize(
    ("frequency", "expected"),
    [(0, 0), (1, 1), (2, 2), (4, 2), (5, 3), (9, 3), (10, 4), (99, 4), (100, 5), (999, 5), (1000, 6), (10**9, 6)],
)
def test_a_word_belongs_to_the_class_of_its_frequency(frequency: int, expected: int) -> None:
    classes = word_f1_by_frequency([["x"]], [["x"]], Counter({"x": frequency}))
    assert [each.match_count for each in classes] == [int(n == expected) for n in range(len(FREQUENCY_CLASSES))]
    least, most = classes[expected].min_frequency, classes[expected].max_frequency
    assert least <= frequency
    assert most is None or frequency <= most


def test_f1_equals_an_example_by_hand() -> None:
    """A repeated word matches as often as both sides contain it, within the same sentence only."""
    translations = [["the", "the", "cat"], ["dog"]]
    references = [["the", "cat", "cat"], ["the"]]
    classes = word_f1_by_frequency(translations, references, Counter({"the": 50, "cat": 3}))
    by_least = {each.min_frequency: each for each in classes}
    the, cat, dog = by_least[10], by_least[2], by_least[0]
    assert (the.reference_count, the.translation_count, the.match_count, the.f1) == (2, 2, 1, 0.5)
    assert (cat.reference_count, cat.translation_count, cat.match_count) == (2, 1, 1)
    assert cat.f1 == pytest.approx(2 / 3)
    assert (dog.reference_count, dog.translation_count, dog.f1) == (0, 1, 0.0)
    assert by_least[1].f1 is None


@given(st.lists(st.tuples(WORDS, WORDS), max_size=6), st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 20)))
def test_f1_agrees_with_precision_and_recall(pairs: list[tuple[list[str], list[str]]], counts: dict[str, int]) -> None:
    translations, references = [a for a, _ in pairs], [b for _, b in pairs]
    for each in word_f1_by_frequency(translations, references, Counter(counts)):
        most = 10**9 if each.max_frequency is None else each.max_frequency
        matched = translated = reference = 0
        for hypothesis, expected in pairs:
            unmatched = list(expected)
            for word in hypothesis:
                if each.min_frequency <= counts.get(word, 0) <= most:
                    translated += 1
                    if word in unmatched:
                        unmatched.remove(word)
                        matched += 1
            reference += sum(each.min_frequency <= counts.get(word, 0) <= most for word in expected)
        assert (each.match_count, each.translation_count, each.reference_count) == (matched, translated, reference)
        if matched:
            precision, recall = matched / translated, matched / reference
            assert each.f1 == pytest.approx(2 * precision * recall / (precision + recall))
        else:
            assert each.f1 == (0.0 if translated + reference else None)


def test_only_words_of_the_vocabulary_are_counted() -> None:
    assert count_words(iter(["a b a", "c a"]), str.split, {"a", "z"}) == Counter(a=3)
