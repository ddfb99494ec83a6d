"""Scores of translated text, as sacreBLEU computes them, with the signature that makes them comparable."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nmt.errors import CarouselError, missing_extra

_TOKENISERS = {"zh": "zh", "ja": "ja-mecab", "ko": "ko-mecab"}
_BOOTSTRAP = 1000


def bleu_tokeniser(language: str) -> str:
    """The tokeniser of sacreBLEU that suits a target language."""
    return _TOKENISERS.get(language.split("-")[0], "13a")


def bleu(hypotheses: Sequence[str], references: Sequence[str], language: str) -> float:
    """Cased corpus BLEU of detokenised text."""
    score: float = _metrics(language)["bleu"].corpus_score(list(hypotheses), [list(references)]).score
    return score


def evaluate(hypotheses: Sequence[str], references: Sequence[str], language: str) -> dict[str, dict[str, Any]]:
    """BLEU, chrF and TER: ``{metric: {"score", "signature", "ci"}}``; ``ci`` is the half-width of the 95% interval.

    The interval is that of sacreBLEU's bootstrap over 1,000 samples.
    """
    if len(hypotheses) != len(references):
        raise CarouselError(
            f"{len(hypotheses):,} translations but {len(references):,} references; line N must belong to line N"
        )
    result = {}
    for name, metric in _metrics(language).items():
        texts = list(hypotheses), [list(references)]
        try:
            score = metric.corpus_score(*texts, n_bootstrap=_BOOTSTRAP)
            ci = float(score._ci)
        except TypeError:  # sacreBLEU can't resample a few sentences of which some have no n-grams
            score, ci = metric.corpus_score(*texts), math.nan
        result[name] = {
            "score": round(score.score, 2),
            "signature": metric.get_signature().format(),
            "ci": round(ci, 2) if math.isfinite(ci) else None,
        }
    return result


def sentence_chrf(hypotheses: Sequence[str], references: Sequence[str]) -> list[float]:
    """Each translation's chrF over 100."""
    chrf = _metrics("en")["chrf"]
    return [
        chrf.sentence_score(hypothesis, [reference]).score / 100
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    ]


def _metrics(language: str) -> dict[str, Any]:
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
        from sacrebleu.metrics.ter import TER
    except ModuleNotFoundError:
        raise missing_extra("eval", "scoring") from None
    tokeniser = bleu_tokeniser(language)
    return {"bleu": BLEU(tokenize=tokeniser), "chrf": CHRF(), "ter": TER()}
