"""Plain text documents: sentences are replaced by their translations, and nothing else changes."""

from dataclasses import replace

import pytest
from fake_translator import FakeTranslator
from hypothesis import given
from hypothesis import strategies as st

from nmt.inference.documents.plain import PlainDocument
from nmt.inference.translation import Alternative, Translation
from nmt.text.decorations import find_core
from nmt.text.normalisation import is_translatable

BREAKS = ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"]
SPACES = [" ", "   ", " | ", " • ", "\t", "\u00a0", "\u3000"]
WORDS = [
    "word",
    "🙂",
    "--",
    "Ça va",
    "One. ",
    "Two? ",
    "3. ",
    "1. ",
    "2. ",
    "a) ",
    "b) ",
    "**",
    '"',
    "Mr. X",
    "“Yes!” ",
    "好。",
    "B\u3000.",
]
languages = st.sampled_from(["en", "fr", "de", "zh", "ja", "ar", "hi", "pt-BR", "xx", ""])
texts = st.lists(
    st.one_of(st.sampled_from(BREAKS + SPACES), st.text(max_size=5), st.sampled_from(WORDS)), max_size=20
).map("".join)


def translate(text: str, alternatives: int = 0, language: str = "en") -> Translation:
    document = PlainDocument(text, language)
    return document.assemble(FakeTranslator().translate(document.segments, alternatives=alternatives))


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", []),
        (" ", []),
        ("\n \r\n", []),
        ("hi", ["hi"]),
        (" a\r\n\r\nb ", ["a", "b"]),
        ("a  b\tc", ["a  b", "c"]),
        ("a      b    c", ["a", "b", "c"]),
        ("Run `a    b` now    here", ["Run `a    b` now", "here"]),
        ("Name:\tTom\t\t5\t", ["Name:", "Tom", "5"]),
        ("| a | b |\n|---|---|\n|c|d|", ["a", "b", "c", "d"]),
        ("1.\tOne.\n\ta)\tTwo\n•   Three", ["1.\tOne.", "a)\tTwo", "•   Three"]),
        ("a\u2028b\x85c\fd", ["a", "b", "c", "d"]),
        ("x\n🙂\ny", ["x", "y"]),
        ("aa\n a", ["aa", "a"]),
        ("a\0b", ["a\0b"]),
        (" Hi there.  How are you?\tFine! ", ["Hi there.", "How are you?", "Fine!"]),
        ("So it ends. 🙂 -- ", ["So it ends."]),
    ],
)
def test_text_is_divided_into_segments(text: str, segments: list[str]):
    assert PlainDocument(text, "en").segments == segments


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Dr. Smith met J. K. Rowling at 3.5 p.m. in the U.S. Senate."),
        ("en", "Yahoo!Mail and node.js.But that is a typo."),
        ("en", "“Go away!” he said."),
        ("en", "1. The first"),
        ("en", "a) 2.1. The first of the second"),
        ("en", "See no. 5 of p. 3."),
        ("en", "It is approx. 5 km to plan B. See Fig. 3."),
        ("de", "Am 3. Mai kam Dr. Müller."),
        ("fr", "« Va-t'en ! » dit M. Dupont."),
        ("ja", "「はい。」と言った。"),
        ("en", "IV. The cat sleeps."),
        ("en", "The cat (it is black. It sleeps.) is here."),
        ("en", "You 1) go or 2) stay."),
        ("en", "You can choose any of a) tea or b) coffee"),
        ("en", "A. Smith met B. Jones"),
        ("en", "I love it 🎉 and you"),
        ("en", "Tom has two animals at home: a cat and a dog."),
        ("en", "It is 5:30 at https://example.com/a: b"),
        ("en", "|x| is positive"),
    ],
)
def test_ambiguous_punctuation_does_not_end_a_sentence(language: str, text: str):
    assert PlainDocument(text, language).segments == [text]


@pytest.mark.parametrize(
    ("language", "text", "sentences"),
    [
        ("fr", "Ça va\u00a0? Oui\u00a0!", ["Ça va\u00a0?", "Oui\u00a0!"]),
        ("zh", "你好。我很好！真的？", ["你好。", "我很好！", "真的？"]),
        ("hi", "यह है। वह था।", ["यह है।", "वह था।"]),
        ("ar", "مرحبا؟ نعم.", ["مرحبا؟", "نعم."]),
        ("pt-BR", "Oi, Sr. Silva. Tudo bem?", ["Oi, Sr. Silva.", "Tudo bem?"]),
        ("tlh", "One here. Two there.", ["One here.", "Two there."]),
        ("en", "🎉 One. 🎉 Two.", ["🎉 One.", "🎉 Two."]),
        ("en", "One.🎉 Two. 🎉🎉", ["One.🎉", "Two."]),
        ("en", "**One.** Two.", ["**One.**", "Two."]),
        ("en", '"One. Two. Three."', ['"One.', "Two.", 'Three."']),
        ("en", "(One. Two.)", ["(One.", "Two.)"]),
        ("fr", "«\u00a0Un. Deux.\u00a0»", ["«\u00a0Un.", "Deux.\u00a0»"]),
        ("en", "She said: “One. Two.”", ["She said:", "“One.", "Two.”"]),
        ("en", "1. One 2. Two", ["1. One", "2. Two"]),
        ("en", "1. One. 2. Two.", ["1. One.", "2. Two."]),
        ("en", "a) one b) two", ["a) one", "b) two"]),
        ("en", "(i) one; (ii) two", ["(i) one;", "(ii) two"]),
        ("en", "The options are: 1. cat 2. dog.", ["The options are:", "1. cat", "2. dog."]),
        ("en", "She saw me. Tom said no. Paul left.", ["She saw me.", "Tom said no.", "Paul left."]),
        ("en", "She saw me. - Tom left.", ["She saw me.", "- Tom left."]),
        ("de", "Er sieht mich. Tom geht.", ["Er sieht mich.", "Tom geht."]),
        ("es", "Está bien. Tomás dice que no. Eso es.", ["Está bien.", "Tomás dice que no.", "Eso es."]),
        ("en", "• One • Two", ["• One", "• Two"]),
        ("en", "• The cat sleeps. Is it black?", ["• The cat sleeps.", "Is it black?"]),
        ("en", "(c) The cat sleeps. Is it black?", ["(c) The cat sleeps.", "Is it black?"]),
        ("en", "b) 'The cat sleeps. Is it black?' 🎉", ["b) 'The cat sleeps.", "Is it black?'"]),
        ("en", "Home | News", ["Home", "News"]),
        ("en", "• Note: The cat sleeps. It is black.", ["• Note:", "The cat sleeps.", "It is black."]),
        ("fr", "Couleur du chat : noir", ["Couleur du chat :", "noir"]),
        ("en", "First name: Tom", ["First name:", "Tom"]),
        ("en", "- One. - Two.", ["- One.", "- Two."]),
        ("es", "— Hola. — Buenos días.", ["— Hola.", "— Buenos días."]),
    ],
)
def test_text_is_split_into_sentences_and_items(language: str, text: str, sentences: list[str]):
    assert PlainDocument(text, language).segments == sentences


@pytest.mark.parametrize(
    "text", ["🙂", "👩‍👩‍👧 🇫🇷", "👍🏽!", "1️⃣ #️⃣ 2⃣", "ℹ️ ™ ©", "❤️", "-----", "…", "?!", "\u200b", "\ufeff"]
)
def test_text_without_letters_or_digits_has_no_segments(text: str):
    assert PlainDocument(text, "en").segments == []


@pytest.mark.parametrize("text", ["a", "é", "中", "1", "ไทย", "🙂 ok", "1️⃣ one", "half a pair \ud800 of surrogates"])
def test_text_with_a_letter_or_digit_is_a_segment(text: str):
    assert PlainDocument(text, "en").segments == [text]


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("Where is my\nkey?", ["Where is my key?"]),
        (
            "One is\r\nhere. Two is\r\n  there.\r\n\r\nA new\nparagraph",
            ["One is  here.", "Two is    there.", "A new paragraph"],
        ),
        ("List:\n- one\n  more\n- two\n1. three", ["List:", "- one   more", "- two", "1. three"]),
        ('He said\n"yes"', ['He said "yes"']),
        ("a\tb\nc\td", ["a", "b", "c", "d"]),
        ("a\n \nb\u2028c", ["a", "b c"]),
    ],
)
def test_sentences_may_span_joined_lines(text: str, segments: list[str]):
    assert PlainDocument(text, "en", joins_lines=True).segments == segments


@given(texts, languages)
def test_joined_lines_lose_no_text(text: str, language: str):
    document = PlainDocument(text, language, joins_lines=True)
    translations = FakeTranslator().translate(document.segments)
    same = [replace(each, text=segment) for each, segment in zip(translations, document.segments, strict=True)]
    translation = document.assemble(same).text
    assert translation.split() == text.split()


@given(texts, languages)
def test_unchanged_segments_reproduce_the_text(text: str, language: str):
    document = PlainDocument(text, language)
    translations = FakeTranslator().translate(document.segments)
    same = [replace(each, text=segment) for each, segment in zip(translations, document.segments, strict=True)]
    assert document.assemble(same).text == text


@given(texts, languages)
def test_gaps_are_preserved(text: str, language: str):
    document = PlainDocument(text, language)
    empty = [replace(each, text="") for each in FakeTranslator().translate(document.segments)]
    rest = document.assemble(empty).text
    assert not is_translatable(rest)
    assert len(rest) == len(text) - sum(map(len, document.segments))


@given(texts, languages)
def test_segments_are_stripped_single_lines(text: str, language: str):
    for segment in PlainDocument(text, language).segments:
        assert segment == segment.strip()
        assert "\t" not in segment or find_core(segment)[0] > segment.rindex("\t")
        assert len(segment.splitlines()) == 1


@given(texts)
def test_line_structure_is_preserved(text: str):
    assert len(text.splitlines()) == len(translate(text).text.splitlines())


@given(texts, languages)
def test_alignment_offsets_refer_to_the_whole_text(text: str, language: str):
    translation = translate(text, language=language)
    assert translation.alignment is not None
    for source_start, source_end, target_start, target_end in translation.alignment:
        assert text[source_start:source_end] == translation.text[target_start:target_end]
    assert len(translation.alignment) == len(PlainDocument(text, language).segments)


def test_scores_and_alignments_of_segments_are_combined():
    translation = translate(" ab\nabcd CUT\n")
    assert translation.score == pytest.approx(-5)
    assert translation.confidence == pytest.approx(0.05)
    assert translation.alignment == ((1, 3, 2, 4), (4, 12, 7, 15))


def test_sentences_of_one_line_are_combined():
    translation = translate("Abc. Abcd.", alternatives=1)
    assert translation.text == "[Abc.] [Abcd.]"
    assert translation.alternatives == (Alternative("[Abc.]1 [Abcd.]1", -1.0),)
    assert translation.score == pytest.approx(-4.5)
    assert translation.alignment == ((0, 4, 1, 5), (5, 10, 8, 13))


def test_translations_of_adjacent_sentences_are_separated():
    document = PlainDocument("好。是。\n人。好。", "zh")
    assert document.segments == ["好。", "是。", "人。", "好。"]
    translations = FakeTranslator().translate(document.segments)
    translation = document.assemble([replace(each, text=f"{n}.") for n, each in enumerate(translations)])
    assert translation.text == "0. 1.\n2. 3."
    assert document.assemble([replace(each, text="是。") for each in translations]).text == "是。是。\n是。是。"


def test_missing_confidence_or_alignment_of_a_segment_is_missing_for_the_text():
    translation = translate("one UNSURE\ntwo UNALIGNED")
    assert translation.confidence is None
    assert translation.alignment is None


def test_text_without_segments_is_its_own_translation():
    assert translate(" \n", alternatives=2) == Translation(" \n", alignment=(), copied=True)


def test_line_breaks_in_translations_become_spaces():
    translation = translate("a\nNEWLINE")
    assert translation.text == "[a]\n[two lines]"


def test_alternatives_are_whole_texts_other_than_the_best():
    def alternatives(text: str, count: int) -> list[str]:
        return [alternative.text for alternative in translate(text, alternatives=count).alternatives]

    assert alternatives("a\n\nb", 2) == ["[a]1\n\n[b]1", "[a]2\n\n[b]2"]
    assert alternatives("SAME", 2) == ["[SAME]2"]
    assert alternatives("SAME\nb", 1) == ["[SAME]\n[b]1"]


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        (" One. Two\r\n\tthree.\n", ["One. Two \tthree."]),
        ("a", ["a"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_a_text_may_be_one_sentence(text: str, segments: list[str]) -> None:
    document = PlainDocument(text, "en", is_one_sentence=True)
    assert [" ".join(each.split()) for each in document.segments] == [" ".join(each.split()) for each in segments]
    copies = [Translation(segment) for segment in document.segments]
    assert document.assemble(copies).text.split() == text.split()
    assert document.assemble(copies).text.startswith(text[: len(text) - len(text.lstrip())])
