"""One spelling for one text."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from nmt.text.normalisation import is_translatable, normalise, original_offsets


def test_examples() -> None:
    assert normalise(" A\tdog\u00a0 \u202fsleeps\r\n") == "A dog sleeps"
    assert normalise("cafe\u0301") == "caf\u00e9"
    assert normalise("so\u00adft\u200b \ufeffx\x00\x07") == "soft x"
    assert normalise("👩\u200d👩\u200d👧") == "👩\u200d👩\u200d👧"  # one emoji, joined
    assert normalise("\ud800") == ""
    assert normalise("\u2581a\u2581 \u2581b") == "a b"  # SentencePiece's own sign for a space


@given(st.text())
def test_normalised_text_is_a_fixed_point_in_nfc(text: str) -> None:
    clean = normalise(text)
    assert normalise(clean) == clean
    assert unicodedata.is_normalized("NFC", clean)
    assert "\n" not in clean


@given(st.text(max_size=30))
def test_places_are_in_order_and_inside(text: str) -> None:
    places = original_offsets(text)
    assert len(places) == len(normalise(text)) + 1
    assert places == sorted(places)
    assert all(0 <= place <= len(text) for place in places)


def test_places_point_at_the_original_characters() -> None:
    text = "  cafe\u0301 \u00a0 au\u00ad lait "
    clean, places = normalise(text), original_offsets(text)
    assert clean == "café au lait"
    for character in "caul":
        assert text[places[clean.index(character)]] == character
    assert text[places[clean.index("é")] :].startswith("e\u0301")
    assert places[-1] == len(text.rstrip())


def test_only_letters_and_digits_are_worth_translating() -> None:
    assert is_translatable("a")
    assert is_translatable("5")
    assert is_translatable("中")
    assert not is_translatable("😀 … !")
    assert not is_translatable("")
    assert not is_translatable("1\ufe0f\u20e3 ℹ️")
