"""Which sentences are shown, and what is marked in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.evaluation.examples import mark_differences, select_examples


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), max_size=40), st.integers(1, 6))
def test_no_sentence_is_chosen_twice_and_all_are_ordered(qualities: list[float], each: int) -> None:
    choice = select_examples(qualities, each)
    chosen = [*choice.best, *choice.middle, *choice.worst]
    assert len(set(chosen)) == len(chosen) == min(len(qualities), len(chosen))
    assert max(map(len, (choice.best, choice.middle, choice.worst)), default=0) <= each
    if len(qualities) >= 3 * each:
        assert len(chosen) == 3 * each
    ordered = sorted(qualities, reverse=True)
    assert [qualities[n] for n in choice.best] == ordered[: len(choice.best)]
    assert [qualities[n] for n in choice.worst] == ordered[::-1][: len(choice.worst)]
    assert choice == select_examples(qualities, each)


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
def test_what_the_other_side_lacks_is_marked(text: str, other: str, expected: list[tuple[str, bool]]) -> None:
    merged: list[tuple[str, bool]] = []
    for run, lacking in mark_differences(text, other):
        if merged and merged[-1][1] == lacking:
            merged[-1] = (merged[-1][0] + run, lacking)
        else:
            merged.append((run, lacking))
    assert merged == expected


@given(st.text(alphabet="ab ,。猫\u0627\u0301", max_size=30), st.text(alphabet="ab ,。猫\u0627\u0301", max_size=30))
def test_the_runs_are_the_text(text: str, other: str) -> None:
    runs = mark_differences(text, other)
    assert "".join(run for run, _ in runs) == text
    assert all(run == run.strip() for run, lacking in runs if lacking)
    assert not any(lacking for _, lacking in mark_differences(text, text))
