"""Projection of inline tags through the word alignment."""

import re
from itertools import combinations_with_replacement

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.text.tag_projection import InlineTag, TagKind, project_tags


def words(count: int) -> str:
    return " ".join("abcdefgh"[:count])


@given(st.lists(st.integers(0, 5), min_size=1, max_size=5))
def test_positions_are_the_nearest_in_order(linked: list[int]) -> None:
    """Compare with brute force: a standalone tag follows each source word, which is aligned to one of six words."""
    source, target = words(len(linked)), words(6)
    tags = [InlineTag(TagKind.STANDALONE, 2 * n + 1, 2 * n + 1) for n in range(len(linked))]
    alignment = [(2 * n, 2 * n + 1, 2 * word, 2 * word + 1) for n, word in enumerate(linked)]
    preferred = [2 * word + 1 for word in linked]
    found = project_tags(tags, source, target, alignment)

    def cost(positions: tuple[int, ...]) -> int:
        return sum(abs(a - b) for a, b in zip(positions, preferred, strict=True))

    assert found == sorted(found)
    assert cost(tuple(found)) == min(map(cost, combinations_with_replacement(range(1, 12, 2), len(linked))))


@given(st.sets(st.integers(0, 4)).map(sorted), st.lists(st.integers(0, 4), max_size=5))
def test_no_element_is_left_empty(elements: list[int], links: list[int]) -> None:
    """Adjacent elements with any alignment: there are as many words as elements, and each gets one."""
    source, target = words(5), words(5)
    alignment = [(2 * n, 2 * n + 1, 2 * word, 2 * word + 1) for n, word in enumerate(links)]
    tags = [InlineTag(kind, 2 * n, 2 * n + 1) for n in elements for kind in (TagKind.OPENING, TagKind.CLOSING)]
    positions = project_tags(tags, source, target, alignment)
    assert positions == sorted(positions)
    assert all(target[start:stop].strip() for start, stop in zip(positions[::2], positions[1::2], strict=True))


@pytest.mark.parametrize(
    ("target", "edges"),
    [
        ("It's well-known.", {0, 4, 5, 15, 16}),
        ("(a, b)", {0, 1, 2, 3, 4, 5, 6}),
        ("हिन्दी में", {0, 6, 7, 10}),
        ("日本のカメラ。", {0, 1, 2, 3, 6, 7}),
        ("naïve 3.5", {0, 5, 6, 7, 8, 9}),
        ("", {0}),
    ],
)
def test_tags_are_placed_at_word_edges(target: str, edges: set[int]) -> None:
    found = set()
    for kind in TagKind:
        for start in range(len(target)):
            found.update(project_tags([InlineTag(kind, 0, 1)], "a", target, [(0, 1, start, start + 1)]))
        found.update(project_tags([InlineTag(kind, 0, 1)], "a", target, None))
    assert found <= edges


@pytest.mark.parametrize(
    ("source", "position", "target", "offset"),
    [
        ("unhappy cat", 2, "chat unhappy", 7),  # inside a word that is copied
        ("a unhappy unhappy", 12, "unhappy unhappy a", 10),  # inside its second occurrence
        ("unhappy cat", 2, "chat triste", 4),  # inside a word that is translated: after it
        ("the  cat sat.", 4, "le chat.", 2),  # not between a word and its punctuation
        ("see  it.", 4, "vois.", 5),
    ],
)
def test_positions_of_standalone_tags(source: str, position: int, target: str, offset: int) -> None:
    assert project_tags([InlineTag(TagKind.STANDALONE, position, position)], source, target, None) == [offset]


@pytest.mark.parametrize(
    ("source", "target", "alignment"),
    [
        ("He has 5 cats", "Des chats, il en a 5", None),
        ("At 10:30 he left", "Er ging um 10:30 Uhr", [(3, 8, 0, 2)]),
        ("3.5 cats", "chats 3.5", [(0, 3, 0, 5)]),
    ],
)
def test_tags_stay_around_a_number(source: str, target: str, alignment: list[tuple[int, int, int, int]] | None) -> None:
    found = re.search(r"\d\S*", source)
    assert found is not None
    tags = [InlineTag(kind, *found.span()) for kind in (TagKind.OPENING, TagKind.CLOSING)]
    start, end = project_tags(tags, source, target, alignment)
    assert target[start:end] == found.group()


def test_a_standalone_tag_before_a_word_stays_before_it() -> None:
    tags = [InlineTag(TagKind.STANDALONE, 4, 4)]
    assert project_tags(tags, "The cat sleeps", "dort le chat", [(4, 7, 8, 12)]) == [8]


def test_tags_are_kept_in_an_empty_translation() -> None:
    assert project_tags([], "a", "b", None) == []
    assert project_tags([InlineTag(TagKind.OPENING, 0, 1), InlineTag(TagKind.CLOSING, 0, 1)], "a", "", None) == [0, 0]
