"""Rescoring of n-best translations with a language model."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from nmt.search.hypotheses import Hypothesis, length_penalty


@dataclass(frozen=True)
class Rescorer:
    """Reranker of n-best hypotheses by the combined score of the translation model and a language model."""

    score_texts: Callable[[Sequence[str]], list[float]]
    """Function that returns the log-probability of each text under the language model."""
    lm_weight: float
    """Weight of the language model's log-probabilities."""
    num_hypotheses: int
    """Number of hypotheses per sentence to rescore."""

    def rerank(
        self,
        nbest: dict[int, list[Hypothesis]],
        decode: Callable[[Sequence[Sequence[int]]], list[str]],
        alpha: float,
    ) -> dict[int, list[Hypothesis]]:
        """Return the hypotheses of each sentence, by its number, in the order of their new rank scores, best first.

        ``decode`` converts lists of token ids to texts. ``alpha`` is the exponent of the length penalty, by which the
        scores of both models are divided.
        """
        flat = [hypothesis for hypotheses in nbest.values() for hypothesis in hypotheses]
        lm_scores = self.score_texts(decode([hypothesis.tokens for hypothesis in flat]))
        rescored = (
            replace(h, rank_score=h.rank_score + self.lm_weight * lm_score / length_penalty(len(h.tokens) + 1, alpha))
            for h, lm_score in zip(flat, lm_scores, strict=True)
        )
        return {
            number: sorted(itertools.islice(rescored, len(hypotheses)), key=lambda hypothesis: -hypothesis.rank_score)
            for number, hypotheses in nbest.items()
        }
