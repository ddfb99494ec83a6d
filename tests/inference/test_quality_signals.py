import time

import pytest

from nmt.inference.quality_signals import find_signals, lower_confidence

GOOD = [
    ("en", "fr", "The black cat sleeps in the kitchen.", "Le chat noir dort dans la cuisine."),
    ("en", "de", "The black cat sleeps in the kitchen.", "Die schwarze Katze schläft in der Küche."),
    ("en", "ja", "The black cat sleeps in the kitchen.", "黒い猫は台所で寝ている。"),
    ("zh", "en", "黑猫在厨房里睡觉。", "The black cat is sleeping in the kitchen."),
    ("en", "ru", "My iPhone needs 5 GB of storage.", "Моему iPhone нужно 5 GB памяти."),
    ("de", "en", "Anna Müller wohnt in Berlin.", "Anna Müller lives in Berlin."),
    ("en", "fr", "No!", "Non !"),
    ("en", "fr", "Oh, no, no, no, no, he said.", "Oh non, non, non, non, dit-il."),
    ("en", "fr", "See https://example.com/the/old/house.", "Voir https://example.com/the/old/house."),
    ("en", "en", "The black cat sleeps in the kitchen.", "The black cat sleeps in the kitchen."),
    ("en", "fr", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("source_language", "target_language", "source", "translation"), GOOD)
def test_no_signal_fires_for_good_translations(
    source_language: str, target_language: str, source: str, translation: str
) -> None:
    assert find_signals(source, translation, source_language, target_language) == ()


BAD = [
    ("copied_source", "en", "fr", "The black cat sleeps in the kitchen.", "the black cat sleeps in the kitchen"),
    ("copied_source", "en", "ja", "The black cat sleeps in the kitchen.", "The black cat sleeps in the kitchen."),
    ("copied_source", "ja", "en", "黒い猫は台所で寝ている。", "黒い猫は台所で寝ている。"),
    ("missing_number", "en", "fr", "He left at 8 with 250 books.", "Il est parti à 8 heures avec des livres."),
    (
        "repetition",
        "en",
        "fr",
        "The black cat sleeps in the kitchen.",
        "Le chat noir, le chat noir, le chat noir dort.",
    ),
    ("repetition", "en", "ja", "The black cat sleeps in the kitchen.", "黒い猫は黒い猫は黒い猫は寝ている。"),
    ("length", "en", "fr", "The black cat sleeps in the kitchen of my father's old house.", "Le chat noir."),
    ("length", "en", "fr", "The black cat sleeps in the kitchen.", ""),
    ("untranslated_words", "en", "fr", "The cat sleeps in the kitchen.", "Le chat dort in the kitchen."),
    ("untranslated_words", "ja", "en", "黒い猫は台所で寝ている。", "The 黒い cat is sleeping in the kitchen."),
    ("wrong_language", "en", "fr", "The black cat sleeps in the kitchen.", "Die schwarze Katze schläft in der Küche."),
    ("wrong_language", "en", "zh", "The black cat sleeps in the kitchen.", "黒い猫は台所で寝ているのです。"),
    ("wrong_language", "en", "fr", "The black cat sleeps in the kitchen.", "Чёрный кот спит на кухне."),
]


@pytest.mark.parametrize(("signal", "source_language", "target_language", "source", "translation"), BAD)
def test_signal_fires_for_damaged_translations(
    signal: str, source_language: str, target_language: str, source: str, translation: str
) -> None:
    assert signal in find_signals(source, translation, source_language, target_language)


@pytest.mark.parametrize("unit", ["a", "a ", "the ", "1", "1 ", "黒", "黒 い ", "@", "a@ ", "X"])
def test_time_is_linear_in_the_length(unit: str) -> None:
    text = unit * (50_000 // len(unit))
    begin = time.process_time()
    find_signals(text, text[::-1], "ja", "en")
    find_signals(text, text, "en", "fr")
    assert time.process_time() - begin < 3


def test_fragments_of_loans_and_titles_are_no_untranslated_words() -> None:
    assert find_signals("He built a skate park there.", "Il y construisit un skate park.", "en", "fr") == ()
    assert find_signals("Il a secoué son fils.", "He shook his son.", "fr", "en") == ()
    assert find_signals("The water was warm.", "Het water was warm.", "en", "nl") == ()


def test_signals_and_foreign_sources_lower_the_confidence() -> None:
    source = "The black cat sleeps in the kitchen."
    assert lower_confidence(0.8, source, "en", ()) == 0.8
    assert lower_confidence(0.8, source, "en", ("copied_source",)) < 0.2
    lengthened = lower_confidence(0.8, source, "en", ("length",))
    assert 0.3 < lengthened < 0.5
    assert lower_confidence(0.8, source, "en", ("length", "repetition")) < lengthened
    assert lower_confidence(0.8, "Die schwarze Katze schläft in der Küche.", "en", ()) == 0.4
    assert lower_confidence(0.8, "黒い猫は台所で寝ている。", "en", ()) == 0.4
