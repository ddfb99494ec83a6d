"""Language codes of users, and the languages of models that they mean."""

from __future__ import annotations

import pytest

from nmt.inference.language_codes import Language, find_language


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("en", Language("en")),
        ("EN", Language("en")),
        ("pt-br", Language("pt-BR")),
        ("zh", Language("zh")),
        ("zh-Hans", Language("zh", "simplified")),
        ("ZH-CN", Language("zh", "simplified")),
        ("zh_SG", Language("zh", "simplified")),
        ("zh-Hant", Language("zh", "traditional")),
        ("zh-TW", Language("zh", "traditional")),
        ("zh-Hant-HK", Language("zh", "traditional")),
        ("zh-Hans-TW", Language("zh", "simplified")),  # the script is more specific than the region
        ("zt", Language("zh", "traditional")),
        ("yue", None),
        ("pt", None),
        ("de", None),
        ("", None),
    ],
)
def test_codes_of_a_model_with_one_chinese_language(code: str, expected: Language | None) -> None:
    assert find_language(code, ["en", "pt-BR", "zh", "ja"]) == expected


@pytest.mark.parametrize("code", ["zh", "zh-Hant", "zt"])
def test_codes_of_chinese_mean_nothing_to_a_model_without_it(code: str) -> None:
    assert find_language(code, ["en", "ja", "yue"]) is None


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("zh-Hant", Language("zh-Hant")),
        ("zt", Language("zh-Hant")),
        ("zh-TW", Language("zh-Hant")),
        ("zh-Hans", Language("zh", "simplified")),
        ("zh", Language("zh")),
    ],
)
def test_a_language_of_its_own_is_preferred_to_a_script(code: str, expected: Language) -> None:
    assert find_language(code, ["zh", "zh-Hant"]) == expected


def test_a_language_with_a_script_is_found_without_it() -> None:
    assert find_language("zh", ["zh-Hant"]) == Language("zh-Hant")
    assert find_language("zh-CN", ["zh-Hant"]) == Language("zh-Hant", "simplified")


def test_names_include_the_script() -> None:
    names = [Language("de").name, Language("zh", "traditional").name, Language("zh", "simplified").name]
    assert names == ["de", "zh-Hant", "zh-Hans"]
