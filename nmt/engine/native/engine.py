"""The engine on native code.

Shapes: N slots, K rows per slot (the beam size), R = N × K rows, M active rows (those of occupied slots), S source
length, V vocabulary, L tokens of the longest shortlist, C candidates per row, Q scored ids per row.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Sequence

import numpy as np

from nmt.corpus.tokenizer import EOS, reserved_mask
from nmt.engine.native.library import StepArguments, contiguous, pointer
from nmt.engine.native.model import NativeModel
from nmt.engine.native.search import NativeBeamSearch
from nmt.engine.native.sentences import SentencesToAdmit
from nmt.engine.sampling import sample_tokens
from nmt.engine.shortlist import SentenceShortlist
from nmt.search.protocol import StepRequest, StepResult
from nmt.utils.arrays import AnyArray, Float32Array, Int32Array, Int64Array

_MINUS_INFINITY = np.float32(-np.inf)


class NativeEngine:
    """Engine with N slots of K hypotheses in C++; implements `nmt.search.protocol.Engine`.

    The results of a sentence do not depend on the other sentences, to the last bit.
    """

    def __init__(
        self, model: NativeModel, num_slots: int, beam_size: int, shortlist: SentenceShortlist | None = None
    ) -> None:
        """Without a shortlist, the softmax is over the whole vocabulary."""
        assert shortlist is not None or model.with_whole_vocabulary
        self.num_slots, self.beam_size = num_slots, beam_size
        self._model, self._library, self._shortlist = model, model.library, shortlist
        self._address = self._library.create("engine_new", model.address, num_slots, beam_size)
        # The engine reads the weights of the model and must not outlive it, so its finaliser holds the model.
        self._finalizer = weakref.finalize(self, _delete_engine, model, self._address)
        self._search: NativeBeamSearch | None = None
        self._lengths = np.zeros(num_slots, dtype=np.int64)  # source length in each slot, 0 in empty slots
        self._lists: list[Int32Array] = [np.zeros(0, dtype=np.int32)] * num_slots

    def admit(
        self, slots: Sequence[int], sources: Sequence[Sequence[int]], required_ids: Sequence[Sequence[int]]
    ) -> None:
        """Encode sentences into free slots; see `Engine.admit`."""
        sentences = SentencesToAdmit(slots, sources, required_ids, self._shortlist)
        self._library.call("engine_admit", self._address, self._model.address, ctypes.byref(sentences.structure))
        self._lengths[list(slots)] = sentences.lengths
        for slot, tokens in zip(slots, sentences.lists, strict=False):  # without a shortlist there are no lists
            self._lists[slot] = tokens

    def plain_beam_search(self) -> NativeBeamSearch:
        """Return a native beam search with as many slots and rows as this engine, but none of its sentences."""
        if self._search is None:
            self._search = NativeBeamSearch(self._model, self.num_slots, self.beam_size, self._shortlist)
        return self._search

    def release(self, slots: Sequence[int]) -> None:
        """Free the given slots; see `Engine.release`."""
        for slot in slots:
            self._library.call("engine_release", self._address, slot)
        self._lengths[list(slots)] = 0

    def step(self, request: StepRequest) -> StepResult:
        """Advance all rows by one token; see `Engine.step`."""
        if request.temperature is not None:
            return self.select_candidates(request, *self.log_probabilities(request))
        rows = self.num_slots * self.beam_size
        scores: Float32Array = np.empty((rows, request.num_candidates), dtype=np.float32)
        ids: Int64Array = np.empty((rows, request.num_candidates), dtype=np.int64)
        id_scores: Float32Array = np.empty(request.score_ids.shape, dtype=np.float32)
        attention = self._empty_attention(request)
        self._run_step(request, attention, scores=scores, ids=ids, id_scores=id_scores)
        return StepResult(scores, ids, id_scores, attention)

    def log_probabilities(self, request: StepRequest) -> tuple[AnyArray, AnyArray | None]:
        """Advance all rows by one token, without selecting candidates.

        Returns log-probabilities [M, V or L], and the attention [R, S] if it is requested and the model has one.
        """
        shape = self.num_slots * self.beam_size, self._num_choices()
        scores: Float32Array = np.empty(shape, dtype=np.float32)
        attention = self._empty_attention(request)
        self._run_step(request, attention, log_probabilities=scores)
        return scores[self._active_rows()], attention

    def select_candidates(self, request: StepRequest, scores: AnyArray, attention: AnyArray | None) -> StepResult:
        """Select or sample candidates from log-probabilities [M, V or L]; see `log_probabilities`."""
        rows = self._active_rows()
        id_scores = np.full(request.score_ids.shape, _MINUS_INFINITY)
        candidate_scores = scores.copy()
        if self._shortlist is None:
            candidate_scores[:, reserved_mask(scores.shape[1])] = _MINUS_INFINITY
        row_indices = {row: index for index, row in enumerate(rows.tolist())}
        for index, row in enumerate(rows.tolist()):
            positions, listed = self._positions(row, request.score_ids[row])
            id_scores[row, listed] = scores[index, positions[listed]]
        for row, token in zip(request.suppress_rows.tolist(), request.suppress_tokens.tolist(), strict=True):
            if row in row_indices:
                positions, listed = self._positions(row, np.array([token]))
                candidate_scores[row_indices[row], positions[listed]] = _MINUS_INFINITY
        if request.temperature is None:
            top = np.argsort(-candidate_scores, axis=1, kind="stable")[:, : request.num_candidates]
        else:
            top = sample_tokens(candidate_scores, request, rows)
        return self._build_result(request, rows, candidate_scores, top, id_scores, attention)

    def _build_result(
        self, request: StepRequest, rows: Int64Array, scores: AnyArray, top: AnyArray, id_scores: AnyArray,
        attention: AnyArray | None,
    ) -> StepResult:  # fmt: skip
        """Return the result for all rows, from the positions [M, C] of the candidates of the active ones."""
        shape = self.num_slots * self.beam_size, request.num_candidates
        top_scores, ids = np.full(shape, _MINUS_INFINITY), np.full(shape, EOS, dtype=np.int64)
        found = top.shape[1]
        top_scores[rows, :found] = np.take_along_axis(scores, top, axis=1)
        for index, row in enumerate(rows.tolist()):
            if self._shortlist is None:
                ids[row, :found] = top[index]
            else:
                tokens = self._lists[row // self.beam_size]
                ids[row, :found] = tokens[np.minimum(top[index], len(tokens) - 1)]
        return StepResult(top_scores, ids, id_scores, attention)

    def _run_step(self, request: StepRequest, attention: AnyArray | None, **outputs: AnyArray) -> None:
        inputs = {
            name: contiguous(getattr(request, name), np.int64)
            for name in ("tokens", "parents", "score_ids", "suppress_rows", "suppress_tokens")
        }
        scores = outputs.get("log_probabilities")
        arguments = StepArguments(
            **{name: pointer(array) for name, array in (inputs | outputs).items()},
            num_candidates=request.num_candidates, num_score_ids=request.score_ids.shape[1],
            num_suppressed=len(inputs["suppress_rows"]), attention=pointer(attention),
            attention_length=0 if attention is None else attention.shape[1],
            num_choices=0 if scores is None else scores.shape[1],
        )  # fmt: skip
        self._library.call("engine_step", self._address, ctypes.byref(arguments))

    def _empty_attention(self, request: StepRequest) -> Float32Array | None:
        if not request.return_attention or not self._model.has_attention:
            return None
        return np.empty((self.num_slots * self.beam_size, int(self._lengths.max())), dtype=np.float32)

    def _num_choices(self) -> int:
        """Return the largest number of tokens that a row chooses from, L or V."""
        if self._shortlist is None:
            return self._model.vocab_size
        return max((len(self._lists[slot]) for slot in np.flatnonzero(self._lengths)), default=0)

    def _active_rows(self) -> Int64Array:
        """Return the indices of the rows of occupied slots, [M]."""
        slots = np.flatnonzero(self._lengths)
        rows: Int64Array = (slots[:, None] * self.beam_size + np.arange(self.beam_size)).ravel()
        return rows

    def _positions(self, row: int, tokens: AnyArray) -> tuple[AnyArray, AnyArray]:
        """Return the positions of tokens [Q] among the choices of a row, and a mask of the tokens that are choices."""
        if self._shortlist is None:
            return tokens, np.ones(len(tokens), dtype=bool)
        choices = self._lists[row // self.beam_size]
        positions = np.minimum(np.searchsorted(choices, tokens), len(choices) - 1)
        return positions, choices[positions] == tokens


def _delete_engine(model: NativeModel, address: int) -> None:
    model.library.functions["engine_delete"](address)
