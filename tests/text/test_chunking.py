"""Long texts are cut at the best place, and nothing gets lost."""

from hypothesis import given
from hypothesis import strategies as st

from nmt.text.chunking import split_into_chunks


def parts(text: str, limit: int) -> list[str]:
    """With a piece a code point."""
    return [text[start:end] for start, end in split_into_chunks(text, list(range(1, len(text) + 1)), limit)]


def test_sentences_come_before_clauses_before_words_before_pieces() -> None:
    assert parts("One two. Three, four five.", 20) == ["One two. ", "Three, four five."]
    assert parts("One two three, four five.", 18) == ["One two three, ", "four five."]
    assert parts("One two three four five.", 18) == ["One two three ", "four five."]
    assert parts("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    assert parts("短い。とても長い文です。", 8) == ["短い。", "とても長い文です", "。"]


def test_a_text_that_fits_is_left_whole() -> None:
    assert parts("One. Two.", 9) == ["One. Two."]
    assert parts("", 5) == [""]


@given(st.text(alphabet="ab .,;。", max_size=200), st.integers(1, 30))
def test_parts_cover_the_text_and_none_is_too_long(text: str, limit: int) -> None:
    cut = parts(text, limit)
    assert "".join(cut) == text
    assert all(len(part) <= limit for part in cut)
