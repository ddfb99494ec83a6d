"""Scores of sets that no bootstrap can resample, and in which words languages are scored."""

import pytest

from nmt.evaluation.metrics import bleu_tokeniser, evaluate


def test_a_set_too_small_for_an_interval_is_scored_without_one() -> None:
    scores = evaluate(["x", "?"], ["a", "?"], "de")
    assert scores["chrf"]["ci"] is None
    assert scores["ter"]["score"] == 50


@pytest.mark.parametrize(
    ("tokeniser", "codes"),
    [("zh", "zh zh-CN zh_TW ZH zho yue"), ("ja-mecab", "ja ja-JP jpn"), ("ko-mecab", "ko kor"), ("13a", "en de zxx")],
)
def test_each_language_is_scored_in_its_own_words(tokeniser: str, codes: str) -> None:
    assert {bleu_tokeniser(code) for code in codes.split()} == {tokeniser}
