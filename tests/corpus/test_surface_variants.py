"""Surface variants: casing of the source, and final punctuation of both sides."""

from random import Random

import pytest

from nmt.corpus.surface_variants import remove_final_punctuation, truecase_first_word, vary_surface
from nmt.text.placeholders import PLACEHOLDER_CHARACTERS

CASING = {"das": "das", "haus": "Haus", "ich": "ich", "tom": "Tom"}
PAIR = ("This is Tom's house of cards.", "Das ist Toms Kartenhaus.")


def variants(pair: tuple[str, str], casing: dict[str, str] = CASING) -> set[tuple[str, str] | None]:
    return {vary_surface(pair, casing, Random(seed)) for seed in range(200)}


def test_all_variants_of_a_pair() -> None:
    lower = ("this is tom's house of cards", "das ist Toms Kartenhaus")
    assert variants(PAIR) == {
        lower,
        (lower[0] + ".", lower[1] + "."),
        ("This Is Tom's House Of Cards.", "Das ist Toms Kartenhaus."),
        ("This Is Tom's House Of Cards", "Das ist Toms Kartenhaus"),
        ("This is Tom's House of Cards.", "Das ist Toms Kartenhaus."),
        ("This is Tom's House of Cards", "Das ist Toms Kartenhaus"),
        ("This is Tom's house of cards", "Das ist Toms Kartenhaus"),
    }


def test_text_without_case_only_loses_its_punctuation() -> None:
    assert variants(("这是书。", "本です。"), {}) == {None, ("这是书", "本です")}


def test_text_that_is_lower_case_already_is_not_repeated() -> None:
    found = variants(("ok", "gut"))
    assert found == {None, ("Ok", "gut")}


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        (("Really?!", "Wirklich?"), ("Really", "Wirklich")),
        (("Wait …", "Warte ..."), ("Wait", "Warte")),
        (("Yes.", "Ja"), None),
        (("...", "…"), None),
        (("好。", "Good."), ("好", "Good")),
    ],
)
def test_final_punctuation_is_removed_from_both_sides_or_none(
    pair: tuple[str, str], expected: tuple[str, str] | None
) -> None:
    assert remove_final_punctuation(pair) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Das Haus", "das Haus"),
        ("Haus und Hof", "Haus und Hof"),
        ("„Ich auch“", "„ich auch“"),
        ("Unbekannt ist es", "Unbekannt ist es"),
        (f"{PLACEHOLDER_CHARACTERS[0]} Das", f"{PLACEHOLDER_CHARACTERS[0]} das"),
        ("", ""),
    ],
)
def test_first_word_is_truecased(text: str, expected: str) -> None:
    assert truecase_first_word(text, CASING) == expected
