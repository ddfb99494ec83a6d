"""The engine on ONNX Runtime, which needs no torch.

Shapes: N slots, K rows per slot (the beam size), R = N × K rows, A active sentences (those in slots), M = A × K active
rows, S source length, V vocabulary, L tokens of the longest shortlist, C candidates per row, Q scored ids per row, Z
total size of the decoder state.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nmt.corpus.tokenizer import EOS, reserved_mask
from nmt.engine.onnx.encoding import EncodedSentences, SentenceEncoder, group_by_length
from nmt.engine.onnx.sessions import Arrays, OnnxSessions
from nmt.engine.sampling import sample_tokens
from nmt.engine.shortlist import SentenceShortlist
from nmt.engine.slot_storage import SlotStorage
from nmt.search.protocol import StepRequest, StepResult
from nmt.utils.arrays import AnyArray

_SHORTLIST_BLOCK = 64  # padding shortlists to a multiple of this avoids most reallocations of their storage
_MINUS_INFINITY = -math.inf
_NO_SCORES, _NO_PAIRS = np.zeros(0, dtype=np.float32), np.zeros((0, 3), dtype=np.int64)
_AFTER_ALL_IDS = np.iinfo(np.int32).max


class OnnxEngine:
    """Engine with N slots of K hypotheses on ONNX Runtime; implements `nmt.search.protocol.Engine`.

    Active sentences are stored contiguously, at indices that differ from their slots. When a sentence is released, the
    last sentence moves to its index. So a step computes nothing for empty slots, and the memory of the other sentences
    is not copied.
    """

    def __init__(
        self, sessions: OnnxSessions, num_slots: int, beam_size: int, shortlist: SentenceShortlist | None = None
    ) -> None:
        """Without a shortlist, the softmax is over the whole vocabulary."""
        self._sessions, self._shortlist = sessions, shortlist
        self._encoder = SentenceEncoder(sessions, shortlist)
        self.num_slots, self.beam_size = num_slots, beam_size
        self._graph_suffix = "" if shortlist is None else "_list"
        memory_specs = sessions.memory_specs(f"step{self._graph_suffix}")
        self._has_attention = bool(memory_specs)
        self._memory = SlotStorage(memory_specs, num_slots, block_size=1)
        self._shortlists = SlotStorage(sessions.shortlist_specs() if shortlist else {}, num_slots, _SHORTLIST_BLOCK)
        self._active_slots = np.zeros(num_slots, dtype=np.int64)  # slot of each active sentence
        self._num_active = 0  # A
        self._state: AnyArray = np.zeros((0, 0), dtype=np.float32)
        """State [rows of the previous step, Z], and after it the initial states of new sentences."""
        self._state_rows = np.zeros((num_slots, beam_size), dtype=np.int64)
        """Index into ``_state`` of each row of each active sentence, [N, K]."""
        self._last_positions: tuple[AnyArray, tuple[AnyArray, AnyArray | None]] | None = None
        """Token ids that were scored in the last step, and their positions."""
        self._reordered = False
        """True if sentences were added or moved since the last step; otherwise ``_state_rows`` is 0, 1, 2, ..."""
        self._update_layout()

    def admit(
        self, slots: Sequence[int], sources: Sequence[Sequence[int]], required_ids: Sequence[Sequence[int]]
    ) -> None:
        """Encode sentences into free slots; see `Engine.admit`. If it raises, the engine keeps its sentences."""
        count, state = self._num_active, self._state
        # Each group is stored before the next is encoded: the memory of a sentence may take megabytes, and would exist
        # twice for all groups. The longest sentences come first, so that the storage grows only once.
        groups = reversed(group_by_length([len(source) + 1 for source in sources]))
        try:
            for group in groups:
                group_sources, group_ids = [sources[n] for n in group], [required_ids[n] for n in group]
                # No variable may refer to the encoded group: it would live on while the next one is encoded.
                self._append_sentences([slots[n] for n in group], self._encoder.encode(group_sources, group_ids))
        except BaseException:
            self._num_active, self._state = count, state
            raise
        finally:
            self._update_layout()

    def release(self, slots: Sequence[int]) -> None:
        """Free the given slots; see `Engine.release`."""
        for slot in slots:
            index = int(np.flatnonzero(self._active_slots[: self._num_active] == slot)[0])
            last = self._num_active = self._num_active - 1
            if index != last:
                self._active_slots[index], self._state_rows[index] = self._active_slots[last], self._state_rows[last]
                self._memory.move(last, index)
                self._shortlists.move(last, index)
        self._update_layout()

    def step(self, request: StepRequest) -> StepResult:
        """Advance all rows by one token; see `Engine.step`."""
        if request.temperature is not None:
            return self.select_candidates(request, *self.log_probabilities(request))
        positions, listed = self._score_positions(request.score_ids)
        suppressed = self._suppressed_indices(request)
        outputs = self._run_step_graph("step", request, ["top_scores", "top", "asked_scores"], {
            "asked": positions.reshape(self._num_active, self.beam_size, -1),
            "candidates": np.array([min(request.num_candidates, self._num_choices)]),
            "suppressed": suppressed,
            "never": _NO_SCORES if not len(suppressed) else np.full(len(suppressed), _MINUS_INFINITY, dtype=np.float32),
        })  # fmt: skip
        id_scores = _mask_unlisted(outputs["asked_scores"].reshape(len(self._rows), -1), listed)
        top_scores, top, attention = outputs["top_scores"], outputs["top"], outputs.get("attention")
        return self._build_result(request.num_candidates, top_scores, top, id_scores, attention)

    def log_probabilities(self, request: StepRequest) -> tuple[AnyArray, AnyArray | None]:
        """Advance all rows by one token, without selecting candidates.

        Returns log-probabilities [M, V or L], and the attention [A, K, S] if it is requested and the model has one.
        """
        outputs = self._run_step_graph("scores", request, ["scores"], {})
        return outputs["scores"].reshape(len(self._rows), -1), outputs.get("attention")

    def select_candidates(self, request: StepRequest, scores: AnyArray, attention: AnyArray | None) -> StepResult:
        """Select or sample candidates from log-probabilities [M, V or L]; see `log_probabilities`."""
        positions, listed = self._score_positions(request.score_ids)
        candidate_scores = self._candidate_scores(request, scores)
        if request.temperature is None:
            top = np.argsort(-candidate_scores, axis=1, kind="stable")[:, : request.num_candidates]
        else:
            top = sample_tokens(candidate_scores, request, self._rows)
        id_scores = _mask_unlisted(np.take_along_axis(scores, positions, axis=1), listed)
        top_scores = np.take_along_axis(candidate_scores, top, axis=1)
        return self._build_result(request.num_candidates, top_scores, top, id_scores, attention)

    # --- a step -------------------------------------------------------------------------------------------------

    def _run_step_graph(self, name: str, request: StepRequest, output_names: list[str], inputs: Arrays) -> Arrays:
        """Run a step graph with ``inputs`` and the inputs that all step graphs have in common; keep the new state."""
        rows = self._rows
        output_names = [*output_names, "next_state"]
        if request.return_attention and self._has_attention:
            output_names.append("attention")
        inputs["tokens"] = request.tokens[rows].reshape(self._num_active, self.beam_size)
        parents = request.parents[rows] - self._row_offsets
        if self._reordered:
            parents = self._state_rows[: self._num_active].ravel()[parents]
        inputs["parents"] = parents.reshape(self._num_active, self.beam_size)
        inputs["state"] = self._state
        inputs.update(self._active_arrays)
        session = self._sessions[f"{name}{self._graph_suffix}"]
        outputs = dict(zip(output_names, session.run(output_names, inputs), strict=True))
        self._state = outputs["next_state"].reshape(len(rows), -1)
        if self._reordered:
            self._state_rows[: self._num_active] = np.arange(len(self._state)).reshape(-1, self.beam_size)
            self._reordered = False
        return outputs

    def _build_result(
        self, candidates: int, scores: AnyArray, top: AnyArray, id_scores: AnyArray, attention: AnyArray | None
    ) -> StepResult:
        missing = candidates - scores.shape[-1]  # if there are fewer tokens than candidates
        if missing > 0:
            padding = ((0, 0),) * (scores.ndim - 1) + ((0, missing),)
            scores, top = np.pad(scores, padding, constant_values=_MINUS_INFINITY), np.pad(top, padding)
        return StepResult(
            scores=self._scatter("scores", scores, _MINUS_INFINITY),
            ids=self._scatter("ids", self._token_ids(top), EOS),
            id_scores=self._scatter("id_scores", id_scores, _MINUS_INFINITY),
            attention=None if attention is None else self._scatter("attention", attention, 0.0),
        )

    def _suppressed_indices(self, request: StepRequest) -> AnyArray:
        """Return the suppressed pairs as indices [pairs, 3]: active sentence, row, and position of the token."""
        if not len(request.suppress_rows):
            return _NO_PAIRS
        active_index = np.full(self.num_slots * self.beam_size, -1)
        active_index[self._rows] = np.arange(len(self._rows))
        rows, tokens = active_index[request.suppress_rows], request.suppress_tokens
        rows, tokens = rows[rows >= 0], tokens[rows >= 0]
        positions, listed = self._token_positions(tokens[:, None], rows // self.beam_size)
        pairs = np.stack((rows // self.beam_size, rows % self.beam_size, positions[:, 0]), axis=1)
        return pairs if listed is None else pairs[listed[:, 0]]

    def _candidate_scores(self, request: StepRequest, scores: AnyArray) -> AnyArray:
        """Return the scores [M, V or L], with -inf for suppressed and reserved tokens."""
        sentences, rows, positions = self._suppressed_indices(request).T
        candidate_scores: AnyArray = scores.copy()
        candidate_scores[sentences * self.beam_size + rows, positions] = _MINUS_INFINITY
        if self._shortlist is None:
            candidate_scores[:, reserved_mask(candidate_scores.shape[1])] = _MINUS_INFINITY
        return candidate_scores

    def _score_positions(self, ids_to_score: AnyArray) -> tuple[AnyArray, AnyArray | None]:
        """Return the positions of ``ids_to_score`` [R, Q] for the active rows; see `_token_positions`."""
        if ids_to_score.shape[1] == 1 and not np.count_nonzero(ids_to_score != EOS):
            return self._eos_positions, None
        # The search often asks for the same tokens until sentences are admitted or released.
        if self._last_positions is None or not np.array_equal(self._last_positions[0], ids_to_score):
            self._last_positions = ids_to_score.copy(), self._token_positions(ids_to_score[self._rows])
        return self._last_positions[1]

    def _token_positions(self, tokens: AnyArray, sentences: AnyArray | None = None) -> tuple[AnyArray, AnyArray | None]:
        """Return the positions of token ids [m, Q] in shortlists, and a mask [m, Q] that is true for listed tokens.

        ``sentences`` [m] are the active sentences of the tokens, by default those of the active rows. The mask is
        None if all tokens are listed. Without a shortlist, the positions are the ids.
        """
        if self._shortlist is None:
            return tokens, None
        if sentences is None:
            sentences = np.repeat(np.arange(self._num_active), self.beam_size)
        length = self._num_choices
        ids = np.where(self._active_arrays["list_bias"][:, 0] < 0, _AFTER_ALL_IDS, self._shortlist_ids)
        # One binary search for all sentences: offsets make the concatenated shortlists an ascending sequence.
        offsets = np.arange(self._num_active)[:, None] * (_AFTER_ALL_IDS + 1)
        shifted = (tokens + offsets[sentences]).ravel()
        found = np.searchsorted((ids + offsets).ravel(), shifted).reshape(tokens.shape)
        positions = np.minimum(found - sentences[:, None] * length, length - 1)
        listed = ids[sentences[:, None], positions] == tokens
        return np.where(listed, positions, 0), None if listed.all() else listed

    def _token_ids(self, positions: AnyArray) -> AnyArray:
        """Return the token ids [M, C] at positions of the shortlists; without a shortlist, positions are ids."""
        flat = positions.reshape(len(self._rows), -1)
        if self._shortlist is None:
            return flat
        ids: AnyArray = self._shortlist_ids.ravel()[flat + self._shortlist_offsets]
        return ids

    def _scatter(self, name: str, values: AnyArray, fill: float) -> AnyArray:
        """Scatter values of the active rows [M, ...] to an array of all rows [R, ...], which the next step reuses."""
        flat: AnyArray = values.reshape(len(self._rows), -1)
        if self._all_rows_in_order:
            return flat
        full = self._buffers.get(name)
        if full is None or full.shape[1] != flat.shape[1]:
            full = np.full((self.num_slots * self.beam_size, flat.shape[1]), fill, dtype=flat.dtype)
            self._buffers[name] = full
        full[self._rows] = flat
        return full

    # --- active sentences ---------------------------------------------------------------------------------------

    def _append_sentences(self, slots: Sequence[int], encoded: EncodedSentences) -> None:
        """Append encoded sentences to the active sentences."""
        first, self._num_active = self._num_active, self._num_active + len(slots)
        self._active_slots[first : self._num_active] = slots
        self._state_rows[first : self._num_active] = (len(self._state) + np.arange(len(slots)))[:, None]
        self._state = np.concatenate((self._state, encoded.state)) if len(self._state) else encoded.state
        self._memory.store(first, encoded.memory, encoded.blocks)
        if encoded.shortlists is not None and encoded.shortlist_lengths is not None:
            self._shortlists.store(first, encoded.shortlists, encoded.shortlist_lengths)

    def _update_layout(self) -> None:
        """Compute what depends on the active sentences alone, so that steps need not compute it."""
        count, beam_size = self._num_active, self.beam_size
        slots = self._active_slots[:count]
        self._rows = (slots[:, None] * beam_size + np.arange(beam_size)).ravel()
        self._all_rows_in_order = np.array_equal(slots, np.arange(self.num_slots))
        self._row_offsets = np.repeat((slots - np.arange(count)) * beam_size, beam_size)
        self._reordered = True
        # End of sentence is the first token of every shortlist.
        self._eos_positions = np.full((count * beam_size, 1), 0 if self._shortlist else EOS)
        self._last_positions = None
        self._buffers: Arrays = {}  # values of all rows; those of inactive rows do not change
        self._active_arrays = self._memory.views(count)
        self._num_choices = self._sessions.vocab_size  # number of tokens that a row chooses from
        if self._shortlist is not None:
            arrays = self._shortlists.views(count)
            self._shortlist_ids = arrays.pop("list", np.zeros((0, 0), dtype=np.int64))
            self._num_choices = self._shortlist_ids.shape[1]
            self._shortlist_offsets = np.repeat(np.arange(count) * self._num_choices, beam_size)[:, None]
            self._active_arrays |= arrays


def _mask_unlisted(scores: AnyArray, listed: AnyArray | None) -> AnyArray:
    """Return the scores [M, Q] with -inf for tokens that are not in the shortlist."""
    return scores if listed is None else np.where(listed, scores, np.float32(_MINUS_INFINITY))
