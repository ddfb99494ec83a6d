"""Filters of training pairs and their report."""

from itertools import chain

from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.config.data import FilterConfig
from nmt.corpus.filters import FilterReport, HashSet, PairFilter


def test_each_pair_counts_for_the_first_filter_that_drops_it() -> None:
    pairs = [
        ("A  dog\tsleeps.", "Un chien dort."),
        ("A dog sleeps.", "Un chien dort."),  # equal to the first after normalisation
        ("", "vide"),
        (" \u200b ", "vide"),
        ("OK", "OK"),
        ("x" * 1001, "trop long"),
        ("short", "une phrase beaucoup trop longue pour ce mot"),
        ("Yes.", "Mais bien entendu !"),  # short texts are exempt from the ratio
    ]
    report = FilterReport()
    kept = list(PairFilter(FilterConfig()).filter_pairs(pairs, report))
    assert kept == [("A dog sleeps.", "Un chien dort."), ("Yes.", "Mais bien entendu !")]
    assert report == FilterReport(read=8, empty=2, too_long=1, ratio=1, copy=1, duplicate=1, kept=2)
    assert str(report) == "2 of 8 pairs kept (dropped: empty 2, too long 1, ratio 1, copy 1, duplicate 1)"


@given(st.lists(st.integers(1, 800), max_size=100), st.integers(1, 2**64 // 801))
@settings(max_examples=25)
def test_hash_set_finds_numbers_again(drawn: list[int], step: int) -> None:
    """Covers growth beyond the first table, and numbers that collide in few slots."""
    seen, expected = HashSet(), set[int]()
    for number in chain(drawn, range(1, 800), drawn):
        assert seen.add(number * step) == (number * step not in expected)
        expected.add(number * step)


def test_filters_can_be_disabled() -> None:
    pairs = [("a", "a"), ("a", "a"), ("b", "b" * 90)]
    report = FilterReport()
    lenient = FilterConfig(duplicates=False, copies=False, max_ratio=1000)
    kept = list(PairFilter(lenient).filter_pairs(pairs, report))
    assert kept == pairs
    assert str(report) == "3 of 3 pairs kept"
