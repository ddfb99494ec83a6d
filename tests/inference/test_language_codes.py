"""Language codes of users, and the languages of models that they mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.inference.language_codes import Language, find_language, find_languages


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
        ("pt", Language("pt-BR")),
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


SERVED = ["en", "fr", "pt-BR", "no", "nn", "sr-Cyrl", "zh", "he", "fil", "ar", "mn"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("EN", "en"), ("en_us", "en"), ("en-Latn-GB", "en"), ("eng", "en"), ("ENG", "en"), ("eng_Latn", "en"),
        ("fr_CA", "fr"), ("fra", "fr"), ("fre", "fr"), ("fra_Latn", "fr"),
        ("pb", "pt-BR"), ("pt", "pt-BR"), ("por_Latn", "pt-BR"), ("pt_br", "pt-BR"), ("PT-PT", None),
        ("nb", "no"), ("nb-NO", "no"), ("nob_Latn", "no"), ("nor", "no"), ("nno_Latn", "nn"),
        ("sr", "sr-Cyrl"), ("srp_Cyrl", "sr-Cyrl"), ("sr-Latn", None),
        ("iw", "he"), ("heb_Hebr", "he"), ("tl", "fil"), ("arb_Arab", "ar"), ("khk_Cyrl", "mn"),
        ("arz_Arab", None), ("es", None), ("eng\n", None), ("e n", None), ("en-" + "x" * 100, None), ("auto", None),
        ("x-private", None), ("und", None), ("*", None),
    ],
)  # fmt: skip
def test_every_notation_of_a_language_finds_it(code: str, expected: str | None) -> None:
    found = find_language(code, SERVED)
    assert (found and found.name) == expected


@pytest.mark.parametrize(
    ("code", "known", "expected"),
    [
        ("en", ["en-GB", "en-US"], ["en-US", "en-GB"]),  # the more usual one first
        ("en-GB", ["en", "en-GB", "en-US"], ["en-GB", "en"]),
        ("eng_Latn", ["en", "eng_Latn"], ["eng_Latn", "en"]),
        ("en", ["eng_Latn"], ["eng_Latn"]),
        ("nb", ["no", "nb"], ["nb", "no"]),
        ("no", ["nb"], ["nb"]),
        ("no", ["nn"], []),
        ("sr", ["sr-Latn"], ["sr-Latn"]),
        ("sr-Latn", ["sr"], ["sr"]),
        ("zt", ["zt", "zh"], ["zt", "zh-Hant"]),
    ],
)
def test_the_best_match_comes_first(code: str, known: list[str], expected: list[str]) -> None:
    assert [language.name for language in find_languages(code, known)] == expected


@given(st.text(max_size=60))
def test_any_text_is_safe_as_a_code(code: str) -> None:
    assert all(language.code in SERVED for language in find_languages(code, SERVED))


@given(st.sampled_from(SERVED), st.sampled_from(["upper", "lower", "title"]), st.sampled_from("-_"))
def test_case_and_separator_do_not_matter(code: str, case: str, separator: str) -> None:
    assert find_language(getattr(code, case)().replace("-", separator), SERVED) == Language(code)
