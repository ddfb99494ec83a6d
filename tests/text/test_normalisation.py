"""Normalisation of text and the offsets of the original characters."""

import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.text.normalisation import is_translatable, normalise, original_offsets
from nmt.text.placeholders import PLACEHOLDER_CHARACTERS


def test_normalise_examples() -> None:
    assert normalise(" A\tdog\u00a0 \u202fsleeps\r\n") == "A dog sleeps"
    assert normalise("cafe\u0301") == "caf\u00e9"
    assert normalise("so\u00adft\u200b \ufeffx\x00\x07") == "soft x"
    assert normalise("👩\u200d👩\u200d👧") == "👩\u200d👩\u200d👧"  # one emoji with zero-width joiners
    assert normalise("\ud800") == ""
    assert normalise(f"a{PLACEHOLDER_CHARACTERS[0]}b {PLACEHOLDER_CHARACTERS[31]} c") == "ab c"
    assert normalise("\u2581a\u2581 \u2581b") == "a b"  # SentencePiece's symbol for a space


@given(st.text())
def test_normalise_is_idempotent_and_in_nfc(text: str) -> None:
    clean = normalise(text)
    assert normalise(clean) == clean
    assert unicodedata.is_normalized("NFC", clean)
    assert "\n" not in clean


@given(st.text(max_size=30))
def test_original_offsets_are_ordered_and_valid(text: str) -> None:
    offsets = original_offsets(text)
    assert len(offsets) == len(normalise(text)) + 1
    assert offsets == sorted(offsets)
    assert all(0 <= offset <= len(text) for offset in offsets)


MARKS = "".join(chr(code) for code in range(0x300, 0x370))


@pytest.mark.parametrize(
    "marks",
    [
        "\u0301",
        "\u0301\u0323",
        "\u0344",  # composing decomposes it
        "\u0301\u200d",
        "\u05b0\u05b1\u05b2",
        "\u3099\u3001",
        MARKS,
        "\u0301\u00ad\u0323",
        "\u1100\u1161\u0301",
    ],
)
def test_many_combining_marks_take_linear_time(marks: str) -> None:
    text = "x" + marks * (600_000 // len(marks))
    start = time.process_time()
    assert normalise(normalise(text)) == normalise(text)
    assert len(original_offsets(text)) == len(normalise(text)) + 1
    assert time.process_time() - start < 10


def test_30_combining_marks_of_a_run_are_kept() -> None:
    assert normalise("x" + "\u0301" * 30 + "y") == "x" + "\u0301" * 30 + "y"
    assert normalise("x" + "\u0301" * 31 + "y") == "x" + "\u0301" * 30 + "y"
    assert normalise("x" + "\u0301" * 30 + "\u00ad" + "\u0301" * 30 + "y") == "x" + "\u0301" * 30 + "y"
    assert normalise("x" + "\u0301\u0323" * 50 + " y") == "x" + "\u0323" * 15 + "\u0301" * 15 + " y"
    assert normalise("—" * 50) == "—" * 50


@given(st.text(st.sampled_from("ae\u0301\u0323\u0344\u00e9\u1100\u1161\u11a8 \u00ad"), max_size=150))
def test_text_with_many_combining_marks(text: str) -> None:
    clean = normalise(text)
    assert normalise(clean) == clean
    assert unicodedata.is_normalized("NFC", clean)
    assert not re.search("[\u0301\u0323\u0308]{31}", clean)
    offsets = original_offsets(text)
    assert len(offsets) == len(clean) + 1
    assert offsets == sorted(offsets)


def test_original_offsets_point_at_the_original_characters() -> None:
    text = f"  cafe\u0301 \u00a0 au\u00ad l{PLACEHOLDER_CHARACTERS[3]}ait "
    clean, offsets = normalise(text), original_offsets(text)
    assert clean == "café au lait"
    for character in "caul":
        assert text[offsets[clean.index(character)]] == character
    assert text[offsets[clean.index("é")] :].startswith("e\u0301")
    assert offsets[-1] == len(text.rstrip())


def test_only_text_with_letters_or_digits_is_translatable() -> None:
    assert is_translatable("a")
    assert is_translatable("5")
    assert is_translatable("中")
    assert not is_translatable("😀 … !")
    assert not is_translatable("")
    assert not is_translatable("1\ufe0f\u20e3 ℹ️")
