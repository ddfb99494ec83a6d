"""Sentence splitting of very long lines: linear time and no lost text."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.text.protected_spans import SpanProtector
from nmt.text.sentence_splitting import is_plain_sentence, split_sentences


@given(st.text(alphabet='ab. "!。', min_size=4000, max_size=12000))
def test_long_line_keeps_every_word(text: str) -> None:
    ranges = split_sentences(text, "en")
    assert all(stop <= start for (_, stop), (start, _) in pairwise(ranges))
    assert "".join(text[start:stop] for start, stop in ranges).count("a") == text.count("a")
    assert all(stop - start <= 5000 for start, stop in ranges)


@given(
    st.lists(
        st.sampled_from(["Mr", "a", "it's", "5", "3rd", "Été", "我", "ไทย", "-", ",", "'", "  ", "x-y", "É"]),
        max_size=9,
    ),
    st.sampled_from([" ", "", ", "]),
    st.sampled_from(["", ".", "?", "!", "。"]),
    st.sampled_from(["en", "fr", "zh", "th", "hy", "ar", "am"]),
)
def test_a_plain_sentence_is_not_split(words: list[str], separator: str, final: str, language: str) -> None:
    text = separator.join(words) + final
    if is_plain_sentence(text):
        assert split_sentences(text, language) == [(0, len(text))]


@pytest.mark.parametrize("text", ["The black cat sleeps.", "Où est la clé", "Yes, I don't know Jean-Pierre!"])
def test_ordinary_text_is_a_plain_sentence(text: str) -> None:
    assert is_plain_sentence(text)


@pytest.mark.parametrize("text", ["", " a.", "a. b", "a.\n", "a   b", "a\tb", "1. a", "(a)", "a.b", "a: b", "x" * 6000])
def test_other_text_needs_to_be_examined(text: str) -> None:
    assert not is_plain_sentence(text)


def test_long_line_is_cut_after_a_sentence() -> None:
    text = "This is a sentence of some words. " * 1000
    assert {text[start:stop] for start, stop in split_sentences(text, "en")} == {"This is a sentence of some words."}


def test_nested_quotations_take_linear_time() -> None:
    began = time.process_time()
    split_sentences('He said "' * 20_000, "en")
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Type `print. Then run` now. It works.", ["Type `print. Then run` now.", "It works."]),
        ("Hi. <!-- A note. And another. --> Bye.", ["Hi.", "<!-- A note. And another. --> Bye."]),
        ("{n, plural, one {It sleeps. Yes.} other {No. 5.}}", ["{n, plural, one {It sleeps. Yes.} other {No. 5.}}"]),
        ("I read Dr. Who? No! by Ann. Then I left.", ["I read Dr. Who? No! by Ann.", "Then I left."]),
        ("It is Yahoo! Mail. Really! Yes.", ["It is Yahoo! Mail.", "Really!", "Yes."]),
    ],
)
def test_no_sentence_ends_inside_a_protected_span(text: str, expected: list[str]) -> None:
    protector = SpanProtector(["Dr. Who? No! by Ann", "Yahoo! Mail"])
    assert [text[start:stop] for start, stop in split_sentences(text, "en", protector)] == expected


@given(st.lists(st.sampled_from(["A b.", "`C. D. E`", "<!-- F! G. -->", "🎉", "c", "。", '"H.', "5. "]), max_size=12))
def test_ranges_are_disjoint_and_contain_whole_spans(parts: list[str]) -> None:
    text = " ".join(parts)
    ranges = split_sentences(text, "en")
    assert all(stop <= start for (_, stop), (start, _) in pairwise(ranges))
    for span in SpanProtector().find(text):
        assert not any(span.start < edge < span.end for of_sentence in ranges for edge in of_sentence)


@pytest.mark.parametrize(
    "piece", ["1. ", "a) b) ", "• ", "|a", "'A. ", ': "', "a.* B", "(1) (2) ", "[", "iv. ", "1.\u2003"]
)
def test_lists_and_marks_take_linear_time(piece: str):
    text = piece * (100_000 // len(piece))
    began = time.process_time()
    split_sentences(text, "en")
    split_sentences(f"| {text} |", "en")
    assert time.process_time() - began < 10
