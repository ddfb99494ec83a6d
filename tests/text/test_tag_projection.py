"""Marks go where the alignment wants them, as far as their order allows."""

from itertools import combinations_with_replacement

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.text.tag_projection import InlineTag, TagKind, project_tags


def words(count: int) -> str:
    return " ".join("abcdefgh"[:count])


@given(st.lists(st.integers(0, 5), min_size=1, max_size=5))
def test_places_are_the_nearest_in_order(linked: list[int]) -> None:
    """Each word of the source is aligned to one of six, and has a point after it: brute force finds no better order."""
    source, target = words(len(linked)), words(6)
    marks = [InlineTag(TagKind.STANDALONE, 2 * n + 1, 2 * n + 1) for n in range(len(linked))]
    alignment = [(2 * n, 2 * n + 1, 2 * word, 2 * word + 1) for n, word in enumerate(linked)]
    wanted = [2 * word + 1 for word in linked]
    found = project_tags(marks, source, target, alignment)

    def cost(places: tuple[int, ...]) -> int:
        return sum(abs(a - b) for a, b in zip(places, wanted, strict=True))

    assert found == sorted(found)
    assert cost(tuple(found)) == min(map(cost, combinations_with_replacement(range(1, 12, 2), len(linked))))


@given(st.sets(st.integers(0, 4)).map(sorted), st.lists(st.integers(0, 4), max_size=5))
def test_no_stretch_is_left_without_words(stretches: list[int], links: list[int]) -> None:
    """Stretches side by side, however aligned: there are as many words as stretches, and each gets one."""
    source, target = words(5), words(5)
    alignment = [(2 * n, 2 * n + 1, 2 * word, 2 * word + 1) for n, word in enumerate(links)]
    marks = [InlineTag(kind, 2 * n, 2 * n + 1) for n in stretches for kind in (TagKind.OPENING, TagKind.CLOSING)]
    places = project_tags(marks, source, target, alignment)
    assert places == sorted(places)
    assert all(target[start:stop].strip() for start, stop in zip(places[::2], places[1::2], strict=True))


@pytest.mark.parametrize(
    ("target", "beside"),
    [
        ("It's well-known.", {0, 4, 5, 15, 16}),
        ("(a, b)", {0, 1, 2, 3, 4, 5, 6}),
        ("हिन्दी में", {0, 6, 7, 10}),
        ("日本のカメラ。", {0, 1, 2, 3, 6, 7}),
        ("naïve 3.5", {0, 5, 6, 7, 8, 9}),
        ("", {0}),
    ],
)
def test_marks_stand_beside_words(target: str, beside: set[int]) -> None:
    found = set()
    for kind in TagKind:
        for start in range(len(target)):
            found.update(project_tags([InlineTag(kind, 0, 1)], "a", target, [(0, 1, start, start + 1)]))
        found.update(project_tags([InlineTag(kind, 0, 1)], "a", target, None))
    assert found <= beside


def test_nothing_is_placed_where_there_is_nothing() -> None:
    assert project_tags([], "a", "b", None) == []
    assert project_tags([InlineTag(TagKind.OPENING, 0, 1), InlineTag(TagKind.CLOSING, 0, 1)], "a", "", None) == [0, 0]
