"""Scores, intervals and signatures equal sacreBLEU's, and each language has its tokeniser."""

import inspect
import json

import numpy as np
import pytest
from toy import toy_pairs

from nmt.evaluation.metrics import bleu_tokeniser, sacrebleu_metrics, score_translations

REFERENCES = [target for _, target in toy_pairs(80, seed=5)]
TRANSLATIONS = [text if n % 3 else " ".join(text.split()[1:]) for n, text in enumerate(REFERENCES)]


def test_scores_intervals_and_signatures_equal_those_of_sacrebleu() -> None:
    found = score_translations(TRANSLATIONS, REFERENCES, "fr")
    for name, metric in sacrebleu_metrics("fr").items():
        expected = metric.corpus_score(TRANSLATIONS, [REFERENCES], n_bootstrap=1000)
        signature = str(metric.get_signature())
        fields = json.loads(expected.format(width=6, signature=signature, is_json=True))
        assert found[name] == {
            "score": pytest.approx(expected.score, abs=0.005),
            "signature": signature,
            "ci": pytest.approx(fields["confidence_var"], abs=0.0051),
        }


def test_sacrebleu_has_the_private_methods_that_resampling_calls() -> None:
    """If this fails after an update of sacreBLEU, adapt `nmt.evaluation.resampling` and the bound in pyproject.toml."""
    for metric in sacrebleu_metrics("fr").values():
        parameters = list(inspect.signature(metric._extract_corpus_statistics).parameters)
        assert parameters == ["hypotheses", "references"]
        statistics = np.array(metric._extract_corpus_statistics(TRANSLATIONS, [REFERENCES]), dtype=float)
        assert statistics.shape[0] == len(TRANSLATIONS)
        assert list(inspect.signature(metric._compute_score_from_stats).parameters) == ["stats"]
        expected = metric.corpus_score(TRANSLATIONS, [REFERENCES]).score
        assert metric._compute_score_from_stats(statistics.sum(axis=0)).score == pytest.approx(expected)


def test_few_sentences_have_an_interval() -> None:
    """SacreBLEU itself fails if some resamples have no n-grams."""
    scores = score_translations(["x", "?"], ["a", "?"], "de")
    assert scores["ter"] == scores["chrf"] | {"signature": scores["ter"]["signature"]}
    assert (scores["ter"]["score"], scores["ter"]["ci"]) == (50, 50)


@pytest.mark.parametrize("language", ["zh", "ja"])
def test_ter_counts_characters_in_languages_without_spaces(language: str) -> None:
    ter = score_translations(["今天天气很好"], ["今天天气不好"], language)["ter"]
    assert ter["score"] == pytest.approx(100 / 6, abs=0.005)
    assert "asian:yes" in ter["signature"]


@pytest.mark.parametrize(
    ("tokeniser", "codes"),
    [("zh", "zh zh-CN zh_TW ZH zho yue"), ("ja-mecab", "ja ja-JP jpn"), ("ko-mecab", "ko kor"), ("13a", "en de zxx")],
)
def test_each_language_has_its_tokeniser(tokeniser: str, codes: str) -> None:
    assert {bleu_tokeniser(code) for code in codes.split()} == {tokeniser}
