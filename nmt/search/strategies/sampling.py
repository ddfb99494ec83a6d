"""Random sampling of translations."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from nmt.search.options import DecodingOptions
from nmt.search.strategies.base import Candidate, CandidateSelection, CandidateSet, SearchStrategy


class Sampling(SearchStrategy):
    """Sampling with temperature, top-k and top-p (nucleus sampling, Holtzman et al. 2020).

    Each row is an independent sample. The engine draws the next token of a row by adding Gumbel noise to the logits
    (Kool et al. 2019). The strategy itself draws copy tokens, with their probability at any temperature.
    """

    selects_every_step = True

    def __init__(
        self, options: DecodingOptions, beam_size: int, eos_id: int, min_length: int, source: Sequence[int]
    ) -> None:
        super().__init__(options, beam_size, eos_id, min_length)
        # A hash of the source is part of the seed, so that sentences in a batch do not share their noise.
        self._source_hash = zlib.crc32(np.array(source, dtype=np.int64).tobytes())
        self._sample_numbers = list(range(beam_size))  # number of the sample in each row

    @property
    def initial_rows(self) -> list[int]:
        """Rows that hold a hypothesis in the first step: one row per sample."""
        return list(range(min(self.options.num_hypotheses, self.beam_size)))

    @property
    def max_finished(self) -> int:
        """Number of finished hypotheses to collect: the beam size, so that no finished sample stops another sample."""
        return self.beam_size

    def suppressed_tokens(self, row: int) -> set[int]:
        """Return the suppressed tokens, including end of sentence before the minimum length."""
        return super().suppressed_tokens(row) | (set() if self._may_finish else {self._eos_id})

    def noise_seed(self, row: int) -> int:
        """Return the random seed of a row in this step."""
        return int(self._seed_sequence(row).generate_state(1, np.uint64)[0] >> 1)

    def record_rows(self, parents: Sequence[int], tokens: Sequence[int]) -> None:
        """Record the new rows, which continue the samples of their parents."""
        super().record_rows(parents, tokens)
        self._sample_numbers = [self._sample_numbers[parent] for parent in parents]

    def _select_after_prefix(self, candidates: CandidateSet) -> CandidateSelection:
        if candidates.at_limit:
            return CandidateSelection([], candidates.ends)
        return self._partition(map(self._draw_candidate, candidates.best, candidates.scores))

    def _draw_candidate(self, candidates: Sequence[Candidate], score: float) -> Candidate:
        """Return the first candidate of a row or, with its probability, a missing copy token.

        If the sample cannot go on otherwise, the result is the most probable copy token. ``score`` is that of the row.
        """
        copies = [candidate for candidate in candidates if candidate.token in self.options.copy_tokens]
        if copies:
            probabilities = np.exp([candidate.score - score for candidate in copies])
            drawn = np.random.default_rng(self._seed_sequence(copies[0].row)).random() < np.cumsum(probabilities)
            if drawn.any():
                return copies[int(drawn.argmax())]
            if candidates[0].score == -np.inf:  # end of sentence, or there is no room for other tokens
                return max(copies)
        return candidates[0]

    def _seed_sequence(self, row: int) -> np.random.SeedSequence:
        return np.random.SeedSequence((self.options.seed, self._source_hash, self._sample_numbers[row], self._length))
