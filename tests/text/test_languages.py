"""Scripts of languages."""

import pytest

from nmt.text.languages import has_letters_of, language_scripts


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("chat", "fr", True),
        ("Ł", "pl-PL", True),
        ("3 × 5 = 15!", "en", False),
        ("😀 … №", "en", False),
        ("你好，世界。", "en", False),
        ("你好", "zh-Hant", True),
        ("iPhone", "zh", False),
        ("ありがとう", "ja", True),
        ("コーヒー", "ja", True),
        ("ｺｰﾋｰ", "ja", True),
        ("ＡＢＣ", "ja", False),
        ("ＡＢＣ", "en", True),
        ("日本", "ja", True),
        ("привет", "ru", True),
        ("привет", "sr-Latn", True),  # Serbian is written in both scripts
        ("hello", "ru", False),
        ("مرحبا", "ar", True),
        ("٣", "ar", False),
        ("word", "xx", True),
        ("", "en", False),
    ],
)
def test_has_letters_of(text: str, language: str, expected: bool) -> None:
    assert has_letters_of(text, language) is expected


def test_unknown_languages_use_the_latin_script() -> None:
    assert language_scripts("xx") == {"LATIN"}
    assert language_scripts("JA_jp") == {"CJK", "HIRAGANA", "KATAKANA"}
