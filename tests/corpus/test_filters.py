"""Every filter drops what it should, and counts it."""

from itertools import chain

from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.config.data import FilterConfig
from nmt.corpus.filters import FilterReport, PairFilter, _HashSet


def test_each_pair_is_counted_once_under_the_first_reason() -> None:
    pairs = [
        ("A  dog\tsleeps.", "Un chien dort."),
        ("A dog sleeps.", "Un chien dort."),  # the same, once normalised
        ("", "vide"),
        (" \u200b ", "vide"),
        ("OK", "OK"),
        ("x" * 1001, "trop long"),
        ("short", "une phrase beaucoup trop longue pour ce mot"),
        ("Yes.", "Mais bien entendu !"),  # short sides are spared by the ratio
    ]
    report = FilterReport()
    kept = list(PairFilter(FilterConfig()).filter(pairs, report))
    assert kept == [("A dog sleeps.", "Un chien dort."), ("Yes.", "Mais bien entendu !")]
    assert report == FilterReport(read=8, empty=2, too_long=1, ratio=1, copy=1, duplicate=1, kept=2)
    assert str(report) == "2 of 8 pairs kept (dropped: empty 2, too long 1, ratio 1, copy 1, duplicate 1)"


@given(st.lists(st.integers(1, 800), max_size=100), st.integers(1, 2**64 // 801))
@settings(max_examples=25)
def test_pairs_are_known_again_however_many_there_are(drawn: list[int], step: int) -> None:
    """More than fit into the first table; and numbers that fall on few places of it."""
    seen, expected = _HashSet(), set[int]()
    for number in chain(drawn, range(1, 800), drawn):
        assert seen.add(number * step) == (number * step not in expected)
        expected.add(number * step)


def test_filters_can_be_turned_off() -> None:
    pairs = [("a", "a"), ("a", "a"), ("b", "b" * 90)]
    report = FilterReport()
    lenient = FilterConfig(duplicates=False, copies=False, max_ratio=1000)
    kept = list(PairFilter(lenient).filter(pairs, report))
    assert kept == pairs
    assert str(report) == "3 of 3 pairs kept"
