import pytest
from fake_translator import FakeTranslator
from hypothesis import given
from hypothesis import strategies as st

from serve.text import Answer, Line, assemble, split

BREAKS = ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"]
SPACES = [" ", "\t", "\u00a0", "\u3000"]
texts = st.lists(
    st.one_of(st.sampled_from(BREAKS + SPACES), st.text(max_size=5), st.sampled_from(["word", "🙂", "--", "Ça va"]))
).map("".join)


def translated(text: str, alternatives: int = 0) -> Answer:
    lines = split(text)
    return assemble(text, lines, FakeTranslator().translate([line.text for line in lines], alternatives=alternatives))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        (" ", []),
        ("\n \r\n", []),
        ("hi", [Line(0, "hi")]),
        (" a\r\n\r\nb ", [Line(1, "a"), Line(6, "b")]),
        ("a  b\tc", [Line(0, "a  b\tc")]),
        ("a\u2028b\x85c\fd", [Line(0, "a"), Line(2, "b"), Line(4, "c"), Line(6, "d")]),
        ("x\n🙂\ny", [Line(0, "x"), Line(4, "y")]),
        ("aa\n a", [Line(0, "aa"), Line(4, "a")]),
        ("a\0b", [Line(0, "a\0b")]),
    ],
)
def test_split(text: str, lines: list[Line]):
    assert split(text) == lines


@pytest.mark.parametrize(
    "text", ["🙂", "👩‍👩‍👧 🇫🇷", "👍🏽!", "1️⃣ #️⃣ 2⃣", "ℹ️ ™ ©", "❤️", "-----", "…", "?!", "\u200b", "\ufeff"]
)
def test_nothing_to_translate(text: str):
    assert split(text) == []


@pytest.mark.parametrize("text", ["a", "é", "中", "1", "ไทย", "🙂 ok", "1️⃣ one"])
def test_something_to_translate(text: str):
    assert split(text) == [Line(0, text)]


@given(texts)
def test_the_text_itself_comes_back_when_no_line_changes(text: str):
    lines = split(text)
    same = [FakeTranslator()._translation(line.text, 0) for line in lines]
    same = [type(each)(**{**vars(each), "text": line.text}) for each, line in zip(same, lines, strict=True)]
    assert assemble(text, lines, same).text == text


@given(texts)
def test_line_structure_is_kept(text: str):
    before, after = text.splitlines(keepends=True), translated(text).text.splitlines(keepends=True)
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        core = old.strip()
        assert new == (old.replace(core, f"[{core}]", 1) if split(old) else old)


@given(texts)
def test_alignment_points_at_the_same_words(text: str):
    answer = translated(text)
    assert answer.alignment is not None
    for source_start, source_end, target_start, target_end in answer.alignment:
        assert text[source_start:source_end] == answer.text[target_start:target_end]
    assert len(answer.alignment) == len(split(text))


def test_lines_are_combined():
    answer = translated(" ab\nabcd CUT\n")
    assert answer.score == pytest.approx(-5)
    assert answer.confidence == pytest.approx(0.05)
    assert answer.truncated
    assert answer.alignment == ((1, 3, 2, 4), (4, 12, 7, 15))


def test_what_one_line_lacks_the_text_lacks():
    answer = translated("one UNSURE\ntwo UNALIGNED")
    assert answer.confidence is None
    assert answer.alignment is None
    assert not answer.truncated


def test_a_text_without_lines_is_its_own_translation():
    assert translated(" \n", alternatives=2) == Answer(" \n", (), 0.0, None, (), False)


def test_a_model_cannot_add_a_line():
    answer = translated("a\nNEWLINE")
    assert answer.text == "[a]\n[two lines]"


def test_alternatives_are_whole_texts_and_never_the_best():
    assert translated("a\n\nb", alternatives=2).alternatives == ("[a]1\n\n[b]1", "[a]2\n\n[b]2")
    assert translated("SAME", alternatives=2).alternatives == ("[SAME]2",)
    assert translated("SAME\nb", alternatives=1).alternatives == ("[SAME]\n[b]1",)
