"""The engine on ONNX Runtime: translation without torch.

N slots, K rows a slot, R = N × K rows, P sentences in work, M = P × K rows in work, S source length, L tokens of a
list, C candidates, Q asked ids, Z numbers of a row's state.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nmt.corpus.tokenizer import EOS, FIRST_TEXT_ID, PAD, reserved_mask
from nmt.engine.onnx.runtime import ort, session_options
from nmt.engine.sampling import draw
from nmt.engine.shortlist import Shortlist
from nmt.engine.slot_storage import BLOCK, Column, SlotStorage
from nmt.search.protocol import StepRequest, StepResult
from nmt.utils.errors import CarouselError

Array = np.ndarray[Any, np.dtype[Any]]
Arrays = dict[str, Array]

_PADDING = 0.4  # of a run's length, that a run of the encoder costs for itself, counted in sentences
_LIST_BLOCK = 64  # lists are padded to a multiple, so that memory is seldom moved
_NEVER = -math.inf
_NOTHING, _NO_PAIRS = np.zeros(0, dtype=np.float32), np.zeros((0, 3), dtype=np.int64)
_BEYOND = np.iinfo(np.int32).max  # sorts after all tokens


class OnnxSessions:
    """The graphs of a bundle, each loaded when first needed; the engines of a thread share them."""

    def __init__(self, folder: Path, vocabulary: int) -> None:
        """``vocabulary`` is V."""
        self._folder, self.vocabulary = folder, vocabulary
        self._sessions: dict[str, ort.InferenceSession] = {}

    def __getitem__(self, name: str) -> ort.InferenceSession:
        """The session of ``name``.onnx, on one thread. Raises CarouselError when it can't be loaded."""
        if name not in self._sessions:
            self._sessions[name] = _load(self._folder / f"{name}.onnx")
        return self._sessions[name]

    def run(self, name: str, feeds: Arrays) -> Arrays:
        """All outputs of a graph, by name."""
        names = [output.name for output in self[name].get_outputs()]
        return dict(zip(names, self[name].run(names, feeds), strict=True))


class _Newcomers(NamedTuple):
    """Sentences that were encoded together."""

    slots: Sequence[int]
    state: Array
    memory: Arrays
    blocks: Array
    """How long the memory of each is."""
    lists: tuple[Arrays, Array] | None
    """The output layer of their lists, and how long each is; None without a shortlist."""


class OnnxEngine:
    """Room for N sentences of K hypotheses each; implements `nmt.search.protocol.Engine`.

    Sentences in work lie side by side: a sentence's place is not its slot. The last one moves into a gap, so that a
    step computes nothing for empty slots, and the memory of those that stay is not copied.
    """

    def __init__(self, graphs: OnnxSessions, slots: int, beam: int, shortlist: Shortlist | None = None) -> None:
        """Without a shortlist, every sentence sees the whole vocabulary."""
        self._graphs, self._shortlist = graphs, shortlist
        self._slots, self._beam = slots, beam
        self._kind = "" if shortlist is None else "_list"
        columns = _columns(graphs[f"step{self._kind}"])
        self._attends = bool(columns)
        self._memory = SlotStorage(columns, slots, block=1)
        self._lists = SlotStorage(_list_columns(graphs) if shortlist else {}, slots, _LIST_BLOCK)
        self._slot_of = np.zeros(slots, dtype=np.int64)  # of each place
        self._count = 0  # P
        self._state: Array = np.zeros((0, 0), dtype=np.float32)
        """[rows before, Z]"""
        self._state_rows = np.zeros((slots, beam), dtype=np.int64)
        """[N, K]: where in the state the rows of each place are."""
        self._newcomers = False
        """Whether sentences came or moved since the last step, so that the rows are not simply in order."""
        self._lay_out()

    @property
    def slots(self) -> int:
        """N"""
        return self._slots

    @property
    def beam(self) -> int:
        """K"""
        return self._beam

    def admit(
        self, slots: Sequence[int], sources: Sequence[Sequence[int]], constraints: Sequence[Sequence[int]]
    ) -> None:
        """See `Engine.admit`."""
        count, state = self._count, self._state
        # Each group is stored before the next is encoded: the memory of a sentence may be megabytes, and would be there
        # twice for all of them. The longest come first, so that room is made once.
        groups = reversed(_of_like_length([len(source) + 1 for source in sources]))
        try:
            for some in groups:
                self._take_in(
                    self._encode([slots[n] for n in some], [sources[n] for n in some], [constraints[n] for n in some])
                )
        except BaseException:
            self._count, self._state = count, state  # an engine whose `admit` raised holds what it held
            raise
        finally:
            self._lay_out()

    def release(self, slots: Sequence[int]) -> None:
        """See `Engine.release`."""
        for slot in slots:
            place = int(np.flatnonzero(self._slot_of[: self._count] == slot)[0])
            last = self._count = self._count - 1
            if place != last:
                self._slot_of[place], self._state_rows[place] = self._slot_of[last], self._state_rows[last]
                self._memory.move(last, place)
                self._lists.move(last, place)
        self._lay_out()

    def step(self, request: StepRequest) -> StepResult:
        """See `Engine.step`."""
        if request.temperature is not None:
            return self.choose(request, *self.distribution(request))
        questions, listed = self._questions(request.score_ids)
        suppressed = self._suppressed(request)
        found = self._run("step", request, ["top_scores", "top", "asked_scores"], {
            "asked": questions.reshape(self._count, self._beam, -1),
            "candidates": np.array([min(request.candidates, self._width)]),
            "suppressed": suppressed,
            "never": _NOTHING if not len(suppressed) else np.full(len(suppressed), _NEVER, dtype=np.float32),
        })  # fmt: skip
        answers = found["asked_scores"].reshape(len(self._rows), -1)
        return self._result(
            request.candidates, found["top_scores"], found["top"], _blank(answers, listed), found.get("attention")
        )

    def distribution(self, request: StepRequest) -> tuple[Array, Array | None]:
        """Advance every row, and give the log-probabilities of all tokens [M, V or L] and the attention [P, K, S]."""
        found = self._run("scores", request, ["scores"], {})
        return found["scores"].reshape(len(self._rows), -1), found.get("attention")

    def choose(self, request: StepRequest, scores: Array, attention: Array | None) -> StepResult:
        """The result of a step from the log-probabilities of all tokens."""
        questions, listed = self._questions(request.score_ids)
        proposals = self._proposals(request, scores)
        if request.temperature is None:
            top = np.argsort(-proposals, axis=1, kind="stable")[:, : request.candidates]
        else:
            top = draw(proposals, request, self._rows)
        answers = _blank(np.take_along_axis(scores, questions, axis=1), listed)
        return self._result(request.candidates, np.take_along_axis(proposals, top, axis=1), top, answers, attention)

    # --- one step --------------------------------------------------------------------------------------------

    def _run(self, name: str, request: StepRequest, outputs: list[str], feeds: Arrays) -> Arrays:
        """Run a step's graph, with what every kind of step reads and ``feeds`` besides, and keep the state."""
        rows = self._rows
        outputs = [*outputs, "next_state"]
        if request.attention and self._attends:
            outputs.append("attention")
        feeds["tokens"] = request.tokens[rows].reshape(self._count, self._beam)
        parents = request.parents[rows] - self._shift
        if self._newcomers:
            parents = self._state_rows[: self._count].ravel()[parents]
        feeds["parents"] = parents.reshape(self._count, self._beam)
        feeds["state"] = self._state
        feeds.update(self._views)
        found = dict(zip(outputs, self._graphs[f"{name}{self._kind}"].run(outputs, feeds), strict=True))
        self._state = found["next_state"].reshape(len(rows), -1)
        if self._newcomers:
            self._state_rows[: self._count] = np.arange(len(self._state)).reshape(-1, self._beam)
            self._newcomers = False
        return found

    def _result(
        self, candidates: int, scores: Array, top: Array, answers: Array, attention: Array | None
    ) -> StepResult:
        missing = candidates - scores.shape[-1]  # of a list, or a vocabulary, that is shorter
        if missing > 0:
            wider = ((0, 0),) * (scores.ndim - 1) + ((0, missing),)
            scores, top = np.pad(scores, wider, constant_values=_NEVER), np.pad(top, wider)
        return StepResult(
            scores=self._spread("scores", scores, _NEVER),
            ids=self._spread("ids", self._tokens(top), EOS),
            id_scores=self._spread("asked", answers, _NEVER),
            attention=None if attention is None else self._spread("attention", attention, 0.0),
        )

    def _suppressed(self, request: StepRequest) -> Array:
        """The pairs that are no candidates, [pairs, 3]: place, row of the place, and place in the list."""
        if not len(request.suppress_rows):
            return _NO_PAIRS
        compact = np.full(self._slots * self._beam, -1)
        compact[self._rows] = np.arange(len(self._rows))
        rows, tokens = compact[request.suppress_rows], request.suppress_tokens
        rows, tokens = rows[rows >= 0], tokens[rows >= 0]
        places, listed = self._find(tokens[:, None], rows // self._beam)
        pairs = np.stack((rows // self._beam, rows % self._beam, places[:, 0]), axis=1)
        return pairs if listed is None else pairs[listed[:, 0]]

    def _proposals(self, request: StepRequest, scores: Array) -> Array:
        """The scores [M, V or L] with -inf for what must not be chosen."""
        places, rows, tokens = self._suppressed(request).T
        proposals: Array = scores.copy()
        proposals[places * self._beam + rows, tokens] = _NEVER
        if self._shortlist is None:
            proposals[:, reserved_mask(proposals.shape[1])] = _NEVER
        return proposals

    def _questions(self, score_ids: Array) -> tuple[Array, Array | None]:
        """Where the asked ids [R, Q] of the rows in work are in their lists; see `_find`."""
        if score_ids.shape[1] == 1 and not np.count_nonzero(score_ids != EOS):
            return self._ends, None
        return self._find(score_ids[self._rows])

    def _find(self, tokens: Array, sentences: Array | None = None) -> tuple[Array, Array | None]:
        """Where tokens [m, Q] are in the lists of their sentences [m] (by default, those of the rows in work).

        Also whether they are there at all; None if all are.
        """
        if self._shortlist is None:
            return tokens, None
        if sentences is None:
            sentences = np.repeat(np.arange(self._count), self._beam)
        length = self._width
        listed_tokens = np.where(self._views["list_bias"][:, 0] < 0, _BEYOND, self._tokens_of)
        starts = np.arange(self._count)[:, None] * (_BEYOND + 1)
        shifted = (tokens + starts[sentences]).ravel()
        found = np.searchsorted((listed_tokens + starts).ravel(), shifted).reshape(tokens.shape)
        places = np.minimum(found - sentences[:, None] * length, length - 1)
        listed = listed_tokens[sentences[:, None], places] == tokens
        return np.where(listed, places, 0), None if listed.all() else listed

    def _tokens(self, places: Array) -> Array:
        """Tokens [M, C] at places in the lists."""
        flat = places.reshape(len(self._rows), -1)
        if self._shortlist is None:
            return flat
        tokens: Array = self._tokens_of.ravel()[flat + self._list_starts]
        return tokens

    def _spread(self, name: str, values: Array, fill: float) -> Array:
        """Values of the rows in work [M, …] as values of all rows [R, …], until the next step."""
        flat: Array = values.reshape(len(self._rows), -1)
        if self._in_order:
            return flat
        full = self._spreads.get(name)
        if full is None or full.shape[1] != flat.shape[1]:
            full = np.full((self._slots * self._beam, flat.shape[1]), fill, dtype=flat.dtype)
            self._spreads[name] = full
        full[self._rows] = flat
        return full

    # --- what comes in ---------------------------------------------------------------------------------------

    def _encode(
        self, slots: Sequence[int], sources: Sequence[Sequence[int]], constraints: Sequence[Sequence[int]]
    ) -> _Newcomers:
        lengths = np.array([len(source) + 1 for source in sources])
        ids = _padded([[*source, EOS] for source in sources], PAD)
        memory = self._graphs.run("encoder", {"source": ids, "lengths": lengths.astype(np.int32)})
        return _Newcomers(
            slots, memory.pop("state"), memory, -(-lengths // BLOCK), self._gather_lists(sources, constraints)
        )

    def _take_in(self, newcomers: _Newcomers) -> None:
        slots, state, memory, blocks, lists = newcomers
        first, self._count = self._count, self._count + len(slots)
        self._slot_of[first : self._count] = slots
        self._state_rows[first : self._count] = (len(self._state) + np.arange(len(slots)))[:, None]
        self._state = np.concatenate((self._state, state)) if len(self._state) else state
        self._memory.put(first, memory, blocks)
        if lists is not None:
            self._lists.put(first, *lists)

    # --- what is in work -------------------------------------------------------------------------------------

    def _gather_lists(
        self, sources: Sequence[Sequence[int]], constraints: Sequence[Sequence[int]]
    ) -> tuple[Arrays, Array] | None:
        """The output layer of the newcomers' lists, and the lists' lengths; None without a shortlist."""
        if self._shortlist is None:
            return None
        # End of sentence is the first of every list; other reserved pieces are never proposed.
        wanted = [[token for token in tokens if token >= FIRST_TEXT_ID] for tokens in constraints]
        lists = [self._shortlist.for_sentence(*pair) for pair in zip(sources, wanted, strict=True)]
        lengths = np.array([len(tokens) for tokens in lists])
        ids = _padded(lists, EOS)
        beyond = np.arange(ids.shape[1]) >= lengths[:, None]
        arrays = self._graphs.run("rows", {"list": ids})
        arrays["list_bias"] = np.where(beyond, np.float32(_NEVER), np.float32(0))[:, None]
        arrays["list"] = ids
        return arrays, lengths

    def _lay_out(self) -> None:
        """Note which rows are in work; the arrays of places side by side are views, not copies."""
        count, beam = self._count, self._beam
        slots = self._slot_of[:count]
        self._rows = (slots[:, None] * beam + np.arange(beam)).ravel()
        self._in_order = np.array_equal(slots, np.arange(self._slots))
        self._shift = np.repeat((slots - np.arange(count)) * beam, beam)
        self._newcomers = True
        self._ends = np.full((count * beam, 1), 0 if self._shortlist else EOS)  # the first of each list
        self._spreads: Arrays = {}  # of all rows; those not in work stay as they are
        self._views = self._memory.views(count)
        self._width = self._graphs.vocabulary  # tokens among which a row chooses
        if self._shortlist is not None:
            lists = self._lists.views(count)
            self._tokens_of = lists.pop("list", np.zeros((0, 0), dtype=np.int64))
            self._width = self._tokens_of.shape[1]
            self._list_starts = np.repeat(np.arange(count) * self._tokens_of.shape[1], beam)[:, None]
            self._views |= lists


def _load(path: Path) -> ort.InferenceSession:
    # Fusing a residual into its layer normalisation makes both slower here, by a tenth of a step.
    slow = ["SkipLayerNormFusion"]
    try:
        return ort.InferenceSession(path, session_options(), ["CPUExecutionProvider"], disabled_optimizers=slow)
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise CarouselError(f"{path}: can't be loaded ({reason}); export the model again with nmt export") from None


def _blank(answers: Array, listed: Array | None) -> Array:
    """Answers [M, Q] with -inf for tokens that are in no list."""
    return answers if listed is None else np.where(listed, answers, np.float32(_NEVER))


def _columns(step: ort.InferenceSession) -> dict[str, Column]:
    """The inputs of a step that are a sentence's memory."""
    inputs = {value.name: value.shape for value in step.get_inputs()}
    return {
        name: Column(shape.index("blocks"), -np.inf if name.startswith("bias.") else 0.0)
        for name, shape in inputs.items()
        if "blocks" in shape
    }


def _list_columns(graphs: OnnxSessions) -> dict[str, Column]:
    """The output layer of a list, and its tokens."""
    rows = {value.name: Column(value.shape.index("list")) for value in graphs["rows"].get_outputs()}
    return {**rows, "list_bias": Column(2, -np.inf), "list": Column(1, EOS)}


def _of_like_length(lengths: Sequence[int]) -> list[list[int]]:
    """Which sentences are encoded together: those for which padding costs less than another run of the encoder."""
    groups: list[list[int]] = []
    for n in sorted(range(len(lengths)), key=lambda n: lengths[n]):
        if groups:
            shortest = lengths[groups[-1][0]]
            padding = sum(lengths[n] - lengths[each] for each in groups[-1])
            if padding <= _PADDING * shortest:
                groups[-1].append(n)
                continue
        groups.append([n])
    return groups


def _padded(sequences: Sequence[Any], fill: int) -> Array:
    """Sequences [n] of several lengths as one array [n, longest]."""
    ids = np.full((len(sequences), max(map(len, sequences))), fill, dtype=np.int64)
    for row, sequence in zip(ids, sequences, strict=True):
        row[: len(sequence)] = sequence
    return ids
