"""Conversion between simplified and traditional Chinese."""

import pytest

from nmt.text.chinese import ChineseScript, chinese_converter, chinese_script, convert_chinese, is_chinese

pytest.importorskip("opencc")


def test_text_is_converted_and_other_text_is_left_alone() -> None:
    simplify, complicate = chinese_converter("simplified"), chinese_converter("traditional")
    assert simplify("我們說漢語。Hello!") == "我们说汉语。Hello!"
    assert complicate("我们说汉语。Hello!") == "我們說漢語。Hello!"
    assert simplify("") == ""
    assert simplify(simplify("頭髮")) == simplify("頭髮") == "头发"


def test_length_is_preserved_so_that_offsets_remain_valid() -> None:
    """Placeholders, emoji and characters beyond the basic plane count as one character each."""
    text = "\U000f0003 我們😀在𠮷野家，「乾坤」"
    for script in ("simplified", "traditional"):
        converted = chinese_converter(script)(text)  # type: ignore[arg-type]
        assert len(converted) == len(text)
        assert converted[0] == text[0]


@pytest.mark.parametrize(
    ("language", "expected"), [("zh", True), ("zh-Hant", True), ("zt", True), ("yue", True), ("ja", False)]
)
def test_chinese_languages(language: str, expected: bool) -> None:
    assert is_chinese(language) == expected


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("zh", None),
        ("ja-TW", None),
        ("zh-Hans", "simplified"),
        ("zh_cn", "simplified"),
        ("ZH-TW", "traditional"),
        ("zt", "traditional"),
        ("yue-Hant", "traditional"),
    ],
)
def test_script_of_a_language_code(language: str, expected: ChineseScript | None) -> None:
    assert chinese_script(language) == expected


def test_traditional_text_is_not_converted_again() -> None:
    """皇后 (empress) has a character that is simplified in other words (後, after)."""
    assert convert_chinese("皇后說漢語，后", "traditional") == "皇后說漢語，后"
    assert convert_chinese("我们说汉语，之后", "traditional") == "我們說漢語，之後"
    assert convert_chinese("皇后說漢語", "simplified") == "皇后说汉语"
