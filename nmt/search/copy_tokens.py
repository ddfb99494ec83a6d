"""Copy tokens: tokens such as placeholders that must occur exactly once each in a translation.

Missing copy tokens compete with the engine's candidates, so that a network which was trained with them places them
itself. Then the result is that of plain beam search. Three rules make the constraint hold for any network:

- A copy token is no candidate of a hypothesis that contains it.
- A hypothesis that lacks copy tokens cannot end. If its best continuation would be end of sentence, it continues with a
  copy token, because a network that considers a translation complete tends to repeat itself when it has to go on.
- When only as many steps are left as copy tokens are missing, all hypotheses continue with copy tokens.

Array shapes: N slots, K rows per slot (the beam size), R = N × K rows, C candidates per row, P copy tokens per slot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nmt.search.options import DecodingOptions
from nmt.utils.arrays import BoolArray, Float32Array, Float64Array, Int64Array

_NO_TOKEN = -1  # pads the copy tokens of slots that have fewer than others


class CandidateArrays(NamedTuple):
    """Candidates of all rows in a step."""

    totals: Float64Array
    """Cumulative score of each candidate that does not end the sentence, [R, C]; -inf for impossible candidates."""
    ids: Int64Array
    """Token id of each candidate, [R, C]."""
    ends: Float64Array
    """Score of each row with end of sentence, [N, K]."""


class CopyTracker:
    """Tracker of the copy tokens that each open hypothesis lacks."""

    def __init__(self, num_slots: int, beam_size: int, eos_id: int) -> None:
        self._eos_id = eos_id
        self._tokens: Int64Array = np.zeros((num_slots, 0), dtype=np.int64)  # [N, P]
        self._missing: BoolArray = np.zeros((num_slots, beam_size, 0), dtype=bool)  # [N, K, P]
        self._ends_forced = np.zeros(num_slots, dtype=bool)  # a copy token is forced where a hypothesis would end
        self._reserves_row = np.zeros(num_slots, dtype=bool)  # see `_reserve_row`
        self._has_forced = np.zeros(num_slots, dtype=bool)  # a copy token has been forced
        self.accepted_slots: BoolArray = np.zeros(num_slots, dtype=bool)
        """True for slots whose finite ``ends`` of the last step all become finished hypotheses, [N]."""
        self._update_score_ids()

    @property
    def is_active(self) -> bool:
        """True if a sentence in any slot has copy tokens."""
        return self._tokens.size > 0

    def admit(self, slots: Sequence[int], options: DecodingOptions) -> None:
        """Start tracking the copy tokens of new sentences."""
        count = len(options.copy_tokens)
        added = count - self._tokens.shape[1]
        if added > 0:
            self._tokens = np.pad(self._tokens, ((0, 0), (0, added)), constant_values=_NO_TOKEN)
            self._missing = np.pad(self._missing, ((0, 0), (0, 0), (0, added)))
        index = list(slots)
        self._tokens[index, :count] = options.copy_tokens
        self._missing[index, :, :count] = True
        is_beam_search = options.sampling_temperature == 0
        self._ends_forced[index] = is_beam_search
        self._reserves_row[index] = is_beam_search and options.num_beam_groups == 1
        self._update_score_ids()

    def release(self, slots: Sequence[int]) -> None:
        """Stop tracking the copy tokens of the given slots."""
        index = list(slots)
        if (self._tokens[index] == _NO_TOKEN).all():
            return
        self._tokens[index] = _NO_TOKEN
        self._missing[index] = self._has_forced[index] = self.accepted_slots[index] = False
        count = int((self._tokens != _NO_TOKEN).sum(axis=1).max())
        self._tokens, self._missing = self._tokens[:, :count], self._missing[..., :count]
        self._update_score_ids()

    def _update_score_ids(self) -> None:
        beam_size = self._missing.shape[1]
        tokens = np.where(self._tokens == _NO_TOKEN, self._eos_id, self._tokens).repeat(beam_size, axis=0)
        self._row_tokens = tokens
        self.score_ids: Int64Array = np.pad(tokens, ((0, 0), (1, 0)), constant_values=self._eos_id)
        """Token ids for the engine to score: end of sentence and the copy tokens of each row, [R, 1 + P]."""
        rows, columns = np.nonzero(self._tokens.repeat(beam_size, axis=0) != _NO_TOKEN)
        self.suppressed_rows: Int64Array = rows
        self.suppressed_tokens: Int64Array = tokens[rows, columns]
        """The copy tokens of each row, which the engine must not propose because `add_candidates` adds them."""

    def add_candidates(
        self, candidates: CandidateArrays, scores: Float64Array, id_scores: Float32Array, may_end: BoolArray,
        remaining: Int64Array,
    ) -> CandidateArrays:  # fmt: skip
        """Return the candidates with the missing copy tokens, and without those that the constraint excludes.

        Args:
            candidates: Candidates that the engine has returned; ``totals`` is changed in place.
            scores: Cumulative score of each open hypothesis, [N, K].
            id_scores: Log-probabilities of `score_ids`, [R, 1 + P]; further columns are ignored.
            may_end: Mask of the sentences that have reached their minimum length, [N].
            remaining: Number of tokens that can be added to each sentence before end of sentence, [N].
        """
        totals, ids, ends = candidates
        num_slots, beam_size, num_copies = self._missing.shape
        shape = num_slots, beam_size, -1
        copies = np.where(self._missing, id_scores[:, 1 : 1 + num_copies].reshape(shape) + scores[:, :, None], -np.inf)
        num_missing = self._missing.sum(axis=2)
        best = np.maximum(totals.reshape(shape).max(axis=2), copies.max(axis=2))
        would_end = (num_missing > 0) & (ends >= best) & (best > -np.inf) & (may_end & self._ends_forced)[:, None]
        is_forced = would_end | ((num_missing > 0) & (num_missing >= remaining[:, None]))
        totals[is_forced.ravel()] = -np.inf
        extended = CandidateArrays(
            np.concatenate((totals, copies.reshape(-1, num_copies)), axis=1),
            np.concatenate((ids, self._row_tokens), axis=1),
            np.where(num_missing > 0, -np.inf, ends),
        )
        self._has_forced |= would_end.any(axis=1) & self._reserves_row
        self.accepted_slots = self._has_forced.copy()
        for slot in np.flatnonzero(self._has_forced).tolist():
            self._reserve_row(slot, extended, bool(may_end[slot]), bool(remaining[slot] <= 0))
        return extended

    def _reserve_row(self, slot: int, candidates: CandidateArrays, may_end: bool, at_limit: bool) -> None:
        """Restrict the candidates of a slot, in place, so that one with most copy tokens is among the K best.

        This is for slots in which a copy token had to be forced. Otherwise hypotheses whose copy tokens are still to be
        forced, and so have better scores, would displace it.
        """
        beam_size, num_copies = self._missing.shape[1:]
        rows = slice(slot * beam_size, (slot + 1) * beam_size)
        totals, ends = candidates.totals[rows], candidates.ends[slot]
        if not may_end:
            ends[:] = -np.inf
        if at_limit:
            return
        copied = np.repeat(-self._missing[slot].sum(axis=1)[:, None], totals.shape[1], axis=1)
        copied[:, totals.shape[1] - num_copies :] += 1
        all_totals, all_copied = np.append(totals, ends), np.append(copied, -self._missing[slot].sum(axis=1))
        is_end = np.arange(all_totals.size) >= totals.size
        kept_ends = _best_and_most_copied(all_totals, all_copied, beam_size) & is_end
        kept = _best_and_most_copied(np.where(is_end, -np.inf, all_totals), all_copied, beam_size)
        totals[~kept[: totals.size].reshape(totals.shape)] = -np.inf
        ends[~kept_ends[totals.size :]] = -np.inf

    def reorder_rows(self, parents: Int64Array, tokens: Int64Array) -> None:
        """Update the missing copy tokens for new rows with the given parent rows and tokens, both [N, K]."""
        of_parents = self._missing.reshape(parents.size, -1)[parents]
        self._missing = of_parents & (tokens[:, :, None] != self._tokens[:, None])


def _best_and_most_copied(totals: Float64Array, copied: Int64Array, count: int) -> BoolArray:
    """Return a mask of the ``count`` best candidates.

    If none of them has the largest number of copy tokens, the best candidate with that number replaces the last.
    """
    order = np.argsort(-totals, kind="stable")
    selected = order[:count].copy()
    possible = order[totals[order] > -np.inf]
    if len(possible):
        most_copied = possible[copied[possible].argmax()]
        if most_copied not in selected:
            selected[-1] = most_copied
    mask = np.zeros(len(totals), dtype=bool)
    mask[selected] = True
    return mask
