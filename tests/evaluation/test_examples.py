"""Selection of example sentences, and the differences that are marked in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.evaluation.examples import mark_differences, select_examples


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), max_size=40), st.integers(1, 6))
def test_no_sentence_is_selected_twice_and_each_group_is_ordered(qualities: list[float], count: int) -> None:
    selection = select_examples(qualities, count)
    selected = [*selection.best, *selection.middle, *selection.worst]
    assert len(set(selected)) == len(selected) == min(len(qualities), len(selected))
    assert max(map(len, (selection.best, selection.middle, selection.worst)), default=0) <= count
    if len(qualities) >= 3 * count:
        assert len(selected) == 3 * count
    ordered = sorted(qualities, reverse=True)
    assert [qualities[n] for n in selection.best] == ordered[: len(selection.best)]
    assert [qualities[n] for n in selection.worst] == ordered[::-1][: len(selection.worst)]
    assert selection == select_examples(qualities, count)


def test_few_sentences_are_all_shown() -> None:
    assert select_examples([0.4], 4).best == [0]
    two = select_examples([0.4, 0.6], 4)
    assert (two.best, two.middle, two.worst) == ([1], [], [0])
    assert select_examples([], 4).best == []


@pytest.mark.parametrize(
    ("text", "other", "expected"),
    [
        ("le chat noir dort.", "le chat dort.", [("le chat ", False), ("noir", True), (" dort.", False)]),
        ("le chat dort.", "le chat noir dort.", [("le chat dort.", False)]),
        ("a b", "c d", [("a", True), (" ", False), ("b", True)]),
        ("那红色的猫。", "那小的猫。", [("那", False), ("红色", True), ("的猫。", False)]),
        ("", "x", []),
        ("x", "", [("x", True)]),
    ],
)
def test_words_that_the_other_text_lacks_are_marked(text: str, other: str, expected: list[tuple[str, bool]]) -> None:
    merged: list[tuple[str, bool]] = []
    for segment, is_missing in mark_differences(text, other):
        if merged and merged[-1][1] == is_missing:
            merged[-1] = (merged[-1][0] + segment, is_missing)
        else:
            merged.append((segment, is_missing))
    assert merged == expected


@given(st.text(alphabet="ab ,。猫\u0627\u0301", max_size=30), st.text(alphabet="ab ,。猫\u0627\u0301", max_size=30))
def test_the_segments_join_to_the_text(text: str, other: str) -> None:
    segments = mark_differences(text, other)
    assert "".join(segment for segment, _ in segments) == text
    assert all(segment == segment.strip() for segment, is_missing in segments if is_missing)
    assert not any(is_missing for _, is_missing in mark_differences(text, text))
