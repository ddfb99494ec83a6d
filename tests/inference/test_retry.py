"""Second attempts at sentences with repetition or with copy tokens that the network does not place by itself."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from fake_engine import FakeEngine

from nmt.corpus.tokenizer import BOS, EOS
from nmt.inference.batch_decoder import BatchDecoder
from nmt.inference.continuous_batcher import ContinuousBatcher, DecodingRequest
from nmt.inference.retry import choose_attempt, retry_options
from nmt.search.hypotheses import Hypothesis
from nmt.search.options import DecodingOptions

COPY = 4  # a placeholder
OPTIONS = DecodingOptions(copy_tokens=(COPY,))


class OmittingEngine(FakeEngine):
    """Engine whose model writes the source and ends; the copy token is improbable, and least so at the third place.

    All other tokens are alternatives, which leave no room for the copy token in the beam.
    """

    def __init__(self, num_slots: int, beam_size: int) -> None:
        super().__init__(num_slots, beam_size, vocabulary=12)

    def log_probabilities(self, source: Sequence[int], prefix: Sequence[int]) -> np.ndarray:
        scores = np.full(self.vocabulary, -3, dtype=np.float32)
        written = [token for token in prefix[1:] if token != COPY]
        scores[[0, 1, 2]] = -np.inf
        scores[BOS], scores[EOS] = -np.inf, -30
        scores[COPY] = -5 if len(prefix) == 3 else -20
        scores[source[len(written)] if len(written) < len(source) else EOS] = 0
        return (scores - np.logaddexp.reduce(scores)).astype(np.float32)

    def step(self, request):  # type: ignore[no-untyped-def]
        result = super().step(request)
        result.ids[result.scores == -np.inf] = EOS
        return result


def hypothesis(tokens: list[int], copy_score: float = -0.1, rank_score: float = -1.0) -> Hypothesis:
    scores = [copy_score if token == COPY else -0.1 for token in tokens]
    return Hypothesis(tokens, sum(scores), rank_score, None, [*scores, -0.1])


@pytest.mark.parametrize("through_batcher", [False, True])
def test_a_copy_token_that_was_forced_at_the_end_moves_to_a_more_probable_place(through_batcher: bool) -> None:
    source = [5, 6, 7, 8, 9]
    if through_batcher:
        batcher = ContinuousBatcher(OmittingEngine(2, 3))
        batcher.admit([DecodingRequest("key", source, OPTIONS)])
        done: list[tuple[object, list[Hypothesis]]] = []
        while not done:
            done = [*batcher.advance()]
        [(_, [best])] = done
    else:
        [best] = BatchDecoder([OmittingEngine]).search([(0, source)], 3, OPTIONS)[0]
    assert best.tokens == [5, 6, COPY, 7, 8, 9]


@pytest.mark.parametrize(
    ("tokens", "copy_score", "options", "expected"),
    [
        ([7, COPY, 8], -0.1, OPTIONS, None),
        ([7, COPY, 8], -9.0, OPTIONS, {"allocate_copies": True}),
        ([7, COPY, 8], -9.0, DecodingOptions(), None),
        ([7, COPY, 8], -9.0, DecodingOptions(copy_tokens=(COPY,), num_beam_groups=2), None),
        ([7, COPY, 8], -9.0, DecodingOptions(copy_tokens=(COPY,), force_phrases=((8,),)), None),
        ([7, COPY, 8], -9.0, DecodingOptions(copy_tokens=(COPY,), allocate_copies=True), None),
        ([7, COPY, 8], -9.0, DecodingOptions(copy_tokens=tuple(range(COPY, COPY + 20))), None),
        ([7, 7, 7, 7, COPY], -0.1, OPTIONS, {"no_repeat_ngram_size": 3, "num_hypotheses": 5}),
        ([7, 7, 7, 7, COPY], -0.1, replace(OPTIONS, num_hypotheses=8), {"no_repeat_ngram_size": 3}),
        (
            [7, 7, 7, 7, COPY],
            -9.0,
            OPTIONS,
            {"no_repeat_ngram_size": 3, "num_hypotheses": 5, "allocate_copies": True},
        ),
        ([7, 7, 7, 7, COPY], -0.1, DecodingOptions(copy_tokens=(COPY,), retry_repetition=False), None),
    ],
)
def test_options_of_the_second_attempt(
    tokens: list[int], copy_score: float, options: DecodingOptions, expected: dict[str, object] | None
) -> None:
    retry = retry_options([7, COPY, 8], [hypothesis(tokens, copy_score)], options)
    changed = {name: value for name, value in vars(retry).items() if value != getattr(options, name)} if retry else None
    assert changed == expected


def test_the_attempt_without_repetition_or_with_the_better_score_is_chosen() -> None:
    good, better = [hypothesis([5, 6])], [hypothesis([6, 5], rank_score=-0.5)]
    repeating = [hypothesis([7, 7, 7, 7], rank_score=-0.1)]
    assert choose_attempt([5], good, better) == better
    assert choose_attempt([5], better, good) == better
    assert choose_attempt([5], good, good[:]) == good
    assert choose_attempt([5], repeating, good) == good
    assert choose_attempt([5], good, repeating) == good


def test_if_both_attempts_repeat_the_best_other_hypothesis_comes_first() -> None:
    circles = hypothesis([5, 6, 6, 5, 6, 6, 7, 6, 5, 6], rank_score=-0.1)
    longer = hypothesis([7] * 12, rank_score=-0.2)
    worse, best = hypothesis([8, 9], rank_score=-2), hypothesis([8], rank_score=-1)
    assert choose_attempt([5], [longer, worse], [circles, best]) == [best, circles]
    assert choose_attempt([5], [longer], [circles, worse, best]) == [best]
    assert choose_attempt([5], [longer, circles], [longer, longer]) == [circles, longer]  # none is without repetition
    assert choose_attempt([5], [longer], [circles]) == [circles]
