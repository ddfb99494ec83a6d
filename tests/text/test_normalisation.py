"""Normalisation of text and the offsets of the original characters."""

import unicodedata

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
