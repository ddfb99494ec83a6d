"""Decorations at the edges of sentences: what is stripped, and what is a part of the sentence."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.text.decorations import find_core
from nmt.text.normalisation import is_translatable

LIST_MARKS = [
    "1. ",
    "12) ",
    "(3) ",
    "[4] ",
    "a) ",
    "B) ",
    "(c) ",
    "iv. ",
    "IX. ",
    "ii) ",
    "1.2.3 ",
    "2.1. ",
    "① ",
    "⑴",
    "1.) ",
]
BULLETS = ["• ", "‣ ", "◦ ", "▪ ", "- ", "* ", "+ ", "– ", "— ", "•\t", "・", "-- "]
MARKDOWN = ["# ", "### ", "> ", ">> ", "- [ ] ", "* [x] ", "| ", "-> "]
EMOJI = ["🎉 ", "✓ ", "→", "★ ", "👩‍👩‍👧 ", "👍🏽", "🇫🇷 ", "1️⃣ ", "© ", "❤️", ":-) "]
QUOTES = ["「」", "『』", "“”", "„“", "«»", "»«", "‘’", '""', "''", "””", ("« ", " »")]
OTHER_PAIRS = ["()", "[]", "（）", ("**", "**"), ("__", "__"), ("~~", "~~"), ("***", "***"), ("_", "_")]
SENTENCES = [
    "The black cat sleeps.",
    "Is it Tom's key?",
    "Was für ein Tag!",
    "¿Qué?",
    "猫は台所で寝ます。",
    "Кот спит…",
    "So it goes",
]


def core(text: str) -> str:
    start, end = find_core(text)
    return text[start:end]


@given(
    st.lists(st.sampled_from(BULLETS + MARKDOWN + EMOJI), max_size=2),
    st.sampled_from(["", *LIST_MARKS]),
    st.tuples(st.sampled_from([("", ""), *QUOTES]), st.sampled_from([("", ""), *OTHER_PAIRS])).flatmap(st.permutations),
    st.sampled_from(SENTENCES),
    st.lists(st.sampled_from([" 🎉", "★", " ©", " |", " :)", " –", "\n", " →", "\u200b"]), max_size=2),
)
def test_decorations_are_stripped_in_any_combination(
    before: list[str], mark: str, pairs: list[tuple[str, str]], sentence: str, after: list[str]
):
    decorated = sentence
    for opening, closing in pairs:
        decorated = f"{opening}{decorated}{closing}"
    decorated = "".join([*before, mark, decorated, *after])
    start, end = find_core(decorated)
    assert decorated[start:end] == sentence
    assert start == decorated.index(sentence)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('He sleeps."', "He sleeps."),
        ("He sleeps.”", "He sleeps."),
        ('"He sleeps', "He sleeps"),
        ("„Er schläft.", "Er schläft."),
        ("Er schläft.“", "Er schläft."),
        ("« Il dort.", "Il dort."),
        ("see above)", "see above"),
        ("(The cat sleeps.", "The cat sleeps."),
        ("猫。」", "猫。"),
        ('"He sleeps".', "He sleeps"),
        ("'The dogs' house is red.'", "The dogs' house is red."),
        ("# Title #", "Title"),
        ("== Title ==", "Title"),
        ("| cell |", "cell"),
        ("Price*", "Price"),
        ("__The cat sleeps.", "The cat sleeps."),
        ("The cat sleeps.__", "The cat sleeps."),
        ("The cat sleeps.**", "The cat sleeps."),
        ("~~The cat sleeps.", "The cat sleeps."),
        ("The cat sleeps.[12]", "The cat sleeps."),
        ("The cat sleeps.²", "The cat sleeps."),
        ("But I—", "But I"),
        ("—¿Qué?", "¿Qué?"),
        ("-I am here.", "I am here."),
        ("1.2 SCOPE", "SCOPE"),
        ("...and then", "and then"),
        ("1.The cat", "The cat"),
        ("1、项目", "项目"),
        ("（二）项目", "项目"),
        ("**1.** The cat", "The cat"),
        ("[00:12] Hello", "Hello"),
        ("1- Le chat", "Le chat"),
        ("2.3 Scope", "Scope"),
        ("2.3 I am here", "I am here"),
        ("v. 'I am here'", "I am here"),
        ("2.3 L'eau", "L'eau"),
        ("\u200f• שלום", "שלום"),
    ],
)
def test_text_without_its_decorations(text: str, expected: str):
    assert core(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        '"Hello," he said.',
        "“Go away!” he said.",
        "「はい。」と言った。",
        'He said "hello"',
        'The "cat" sleeps, the "dog"',
        '"Cats" and "dogs"',
        "(Nearly) all cats (and dogs)",
        "the cat (black)",
        "f(x) = 5",
        "**Note:** the cat",
        "*args and **kwargs",
        "__init__",
        "_private",
        "'Tis the season",
        "’s Morgens",
        "'90s music",
        "the dogs'",
        "(s)he said",
    ],
)
def test_marks_with_a_partner_inside_the_sentence_are_kept(text: str):
    assert core(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "A. Smith is here.",
        "I. was",
        "J. K. Rowling",
        "M. Dupont dort.",
        "z. B. heute",
        "v. Chr. war es",
        "-5 degrees",
        "+49 30",
        "(555) 123-4567 is busy",
        "-v prints the version",
        "--help shows it",
        "$5 for a cat",
        "1.5 million people",
        "2.4 GHz is fast",
        "2.4 V is little",
        "3.5 kg",
        "5 - 3 = 2",
        "5 cats",
        "2023. The end",
        "{name} is here",
        "{name}",
        "<x>",
        "#tag is nice",
        "@someone",
        "№ 5",
        "25 °C",
        "一、二、三",
        "So it goes...",
        "Really?!",
    ],
)
def test_text_that_only_resembles_a_decoration_is_kept(text: str):
    assert core(text) == text


@pytest.mark.parametrize("text", ["1.", "(1)", "a)", "iv.", "1.2.3", "①", "5", "1. 2.", "[x]", "(c)", "- 1."])
def test_text_of_a_list_mark_only_has_a_core(text: str):
    assert is_translatable(core(text))


@given(st.text(), st.sampled_from(["", "1. ", '"', "🎉"]))
def test_core_has_the_letters_of_any_text(text: str, before: str):
    text = before + text
    start, end = find_core(text)
    assert 0 <= start <= end <= len(text)
    assert is_translatable(text[start:end]) == is_translatable(text)


@given(st.text(alphabet="ab1.()\"'*_- •🎉“”„A", max_size=30))
def test_letters_are_never_stripped_but_for_list_marks(text: str):
    start, end = find_core(text)
    assert not any(character.isalpha() for character in text[end:])
    # The letters of a list mark stand alone: "a)", "(b)", "1a)".
    stripped = text[:start]
    assert not any(pair in stripped for pair in ("aa", "ab", "ba", "bb"))


@pytest.mark.parametrize("piece", ['"', "(", "(a", "'s ", "*", "1. ", "- ", "🎉", " ", "“", "a. b", ".", "_", "\u200d"])
def test_time_is_linear(piece: str):
    text = piece * (200_000 // len(piece))
    began = time.process_time()
    find_core(text)
    find_core(f"{text}a{text}")
    assert time.process_time() - began < 3
