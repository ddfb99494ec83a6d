"""Word statistics: casing, frequencies and unambiguous translations."""

import pytest
from toy import NOUNS, VERBS, toy_pairs

from nmt.corpus import word_statistics
from nmt.corpus.word_statistics import find_units, find_words, learn_word_statistics
from nmt.text.placeholders import PLACEHOLDER_CHARACTERS


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in find_words(text)]


def test_words_are_numbers_letters_and_runs_of_unspaced_scripts() -> None:
    assert words("The T-shirt costs 1,234.50 euros, l'homme!") == [
        "The",
        "T-shirt",
        "costs",
        "1,234.50",
        "euros",
        "l",
        "homme",
    ]
    assert words("Tom在3点 来。") == ["Tom", "在", "3", "点", "来"]
    assert words("किताब कहाँ है।") == ["किताब", "कहाँ", "है"]  # vowel signs are part of the word
    assert words(f"{PLACEHOLDER_CHARACTERS[0]}a{PLACEHOLDER_CHARACTERS[31]}") == ["a"]
    assert words("") == words("… – !") == []


def test_units_are_lower_cased_words_or_ngrams() -> None:
    assert find_units("Cat and cat") == {"cat": [(0, 3), (8, 11)], "and": [(4, 7)]}
    units = find_units("他是中国人x")
    assert units["中国"] == [(2, 4)]
    assert units["他是中国"] == [(0, 4)]
    assert units["x"] == [(5, 6)]
    assert max(map(len, units)) == 4


def test_casing_is_learnt_inside_of_sentences() -> None:
    pairs = [
        ("Dogs bark. Dogs run.", "Hunde bellen, und Hunde rennen."),
        ("He said: Dogs bark", "Er hat „Dann nicht“ gesagt, dann nicht"),
        ("the dogs and Tom", "die Hunde und Tom"),
    ]
    statistics = learn_word_statistics(pairs)
    assert statistics.source_casing["dogs"] == "dogs"
    assert statistics.source_casing["tom"] == "Tom"
    assert statistics.target_casing["hunde"] == "Hunde"
    assert statistics.target_casing["dann"] == "dann"
    assert "he" not in statistics.source_casing
    assert statistics.frequencies["dogs"] == 1
    assert statistics.frequencies["tom"] == 1 / 3


def test_words_with_one_translation_are_found_and_function_words_are_not() -> None:
    """The toy words are too frequent, so they are diluted by pairs of other words."""
    dilution = [(f"q{n} r{n}", f"s{n} t{n}") for n in range(30_000)]
    translations = learn_word_statistics([*toy_pairs(300, seed=1), *dilution]).translations
    dictionary = NOUNS | VERBS
    assert {word: translations.get(word) for word in dictionary} == dictionary
    assert not {"the", "q1"} & translations.keys()


def test_translations_in_a_script_without_spaces_are_whole_words() -> None:
    subjects = {"Tom": "汤姆", "Mary": "玛丽", "father": "父亲", "mother": "母亲"}
    objects = {"apples": "苹果", "soup": "汤", "bread": "面包", "rice": "米饭"}
    verbs = {"eats": "吃", "buys": "买", "sees": "看"}
    known = [
        (f"{s} {v} {o}", f"{subjects[s]}{verbs[v]}{objects[o]}。") for s in subjects for v in verbs for o in objects
    ]
    dilution = [("a", "乙")] * 10_000
    translations = learn_word_statistics([*known * 2, *dilution]).translations
    assert translations["mary"] == "玛丽"
    assert translations["bread"] == "面包"


def test_statistics_of_a_large_corpus_are_those_of_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_statistics, "_MAX_CHARACTERS", 10)
    pairs = iter([("one two", "un deux"), ("three four", "trois quatre")])
    assert learn_word_statistics(pairs).frequencies == {"one": 1.0, "two": 1.0}
    assert len(list(pairs)) == 1  # the rest was not read


def test_an_empty_corpus_has_no_statistics() -> None:
    assert learn_word_statistics([]) == ({}, {}, {}, {})
