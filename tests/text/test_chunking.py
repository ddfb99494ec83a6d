"""Chunks of long texts: boundaries, coverage and size limit."""

from hypothesis import given
from hypothesis import strategies as st

from nmt.text.chunking import split_into_chunks


def chunks(text: str, limit: int) -> list[str]:
    """Split a text with one token per code point."""
    return [text[start:end] for start, end in split_into_chunks(text, list(range(1, len(text) + 1)), limit)]


def test_chunks_end_at_the_best_boundary() -> None:
    assert chunks("One two. Three, four five.", 20) == ["One two. ", "Three, four five."]
    assert chunks("One two three, four five.", 18) == ["One two three, ", "four five."]
    assert chunks("One two three four five.", 18) == ["One two three ", "four five."]
    assert chunks("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    assert chunks("短い。とても長い文です。", 8) == ["短い。", "とても長い文です", "。"]


def test_short_text_is_one_chunk() -> None:
    assert chunks("One. Two.", 9) == ["One. Two."]
    assert chunks("", 5) == [""]


@given(st.text(alphabet="ab .,;。", max_size=200), st.integers(1, 30))
def test_chunks_cover_the_text_within_the_limit(text: str, limit: int) -> None:
    found = chunks(text, limit)
    assert "".join(found) == text
    assert all(len(chunk) <= limit for chunk in found)
