"""Repetition in translations is detected."""

import pytest

from nmt.inference.repetition import has_repetition


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ([5, 6, 7], [8, 9, 10], False),
        ([5, 6, 7], [], False),
        ([5, 6, 7], [8, 8, 8], False),
        ([5, 6, 7], [9, 8, 8, 8, 8, 10], True),
        ([5, 5, 5, 5], [8, 8, 8, 8], False),  # "no, no, no, no"
        ([5, 5, 5, 5], [8, 8, 8, 8, 8], True),
        ([5, 6], [8, 9, 8, 9], False),
        ([5, 6], [7, 8, 9, 8, 9, 8, 9], True),
        ([5, 6, 5, 6, 5, 6], [8, 9, 8, 9, 8, 9], False),
        ([5], [1, 2, 3, 4, 5, 6, 7, 8] * 3, True),
        ([5], [1, 2, 3, 4, 5, 6, 7, 8] * 2, False),
        ([5, 6], [1, 2, 3, 3, 1, 2, 3, 1, 1], True),  # "Où est mon mon Où est mon Où Où"
        ([5, 6], [9, 8, 1, 2, 1, 3, 2, 2, 1, 3, 1], True),
        ([5, 6], [1, 2, 1, 3, 2, 2, 1, 4, 1], False),
        ([5, 6], [1, 2, 1, 3, 2, 2, 1, 3], False),
        ([5, 6, 5, 7, 6, 6, 5, 7, 5], [1, 2, 1, 3, 2, 2, 1, 3, 1], False),
    ],
)
def test_consecutive_repetition_is_detected(source: list[int], target: list[int], expected: bool) -> None:
    assert has_repetition(source, target) is expected
