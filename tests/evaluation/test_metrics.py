"""Scores, intervals and signatures are sacreBLEU's, and each language is scored in its own words."""

import pytest
from toy import toy_pairs

from nmt.evaluation.metrics import bleu_tokeniser, evaluate, sacrebleu_metrics

REFERENCES = [target for _, target in toy_pairs(80, seed=5)]
TRANSLATIONS = [text if n % 3 else " ".join(text.split()[1:]) for n, text in enumerate(REFERENCES)]


def test_scores_intervals_and_signatures_are_those_of_sacrebleu() -> None:
    found = evaluate(TRANSLATIONS, REFERENCES, "fr")
    for name, metric in sacrebleu_metrics("fr").items():
        theirs = metric.corpus_score(TRANSLATIONS, [REFERENCES], n_bootstrap=1000)
        assert found[name] == {
            "score": pytest.approx(theirs.score, abs=0.005),
            "signature": str(metric.get_signature()),
            "ci": pytest.approx(theirs._ci, abs=0.0051),
        }


def test_a_few_sentences_have_an_interval_too() -> None:
    """SacreBLEU itself fails where some resamples have no n-grams."""
    scores = evaluate(["x", "?"], ["a", "?"], "de")
    assert scores["ter"] == scores["chrf"] | {"signature": scores["ter"]["signature"]}
    assert (scores["ter"]["score"], scores["ter"]["ci"]) == (50, 50)


@pytest.mark.parametrize("language", ["zh", "ja"])
def test_an_edit_of_text_without_spaces_is_one_of_a_character(language: str) -> None:
    ter = evaluate(["今天天气很好"], ["今天天气不好"], language)["ter"]
    assert ter["score"] == pytest.approx(100 / 6, abs=0.005)
    assert "asian:yes" in ter["signature"]


@pytest.mark.parametrize(
    ("tokeniser", "codes"),
    [("zh", "zh zh-CN zh_TW ZH zho yue"), ("ja-mecab", "ja ja-JP jpn"), ("ko-mecab", "ko kor"), ("13a", "en de zxx")],
)
def test_each_language_is_scored_in_its_own_words(tokeniser: str, codes: str) -> None:
    assert {bleu_tokeniser(code) for code in codes.split()} == {tokeniser}
