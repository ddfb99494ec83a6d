"""The engine on torch: validation during training, and translation where torch is installed.

N slots, K rows a slot, R = N × K rows, n slots in use, S source length, V target vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from nmt.corpus.tokenizer import EOS, PAD, reserved_mask
from nmt.engine.sampling import draw
from nmt.model.attention import KeysAndValues
from nmt.model.decoder import AttentionMemory, DecoderState
from nmt.model.seq2seq import Seq2Seq, build_network
from nmt.model_directory.directory import ModelDirectory
from nmt.search.protocol import StepRequest, StepResult
from nmt.utils.errors import CarouselError


class TorchEngine:
    """A network with room for N sentences of K hypotheses each; implements `nmt.search.protocol.Engine`."""

    def __init__(self, network: Seq2Seq, slots: int, beam: int, device: torch.device | str = "cpu") -> None:
        """``network`` must be in evaluation mode, on the device, and stay unchanged while sentences are in work."""
        self._network, self.device = network, torch.device(device)
        """Where it computes."""
        self._slots, self._beam = slots, beam
        self._lengths = np.zeros(slots, dtype=np.int64)  # of the source in each slot; 0 where it is empty
        self._source: AttentionMemory | None = None  # of all slots, S as long as the longest sentence so far
        self._state: DecoderState = ()
        self._live: tuple[Tensor, AttentionMemory] | None = None  # the slots in use, and their part of the source
        self._reserved = torch.from_numpy(reserved_mask(len(network.output))).to(self.device)

    @property
    def slots(self) -> int:
        """N"""
        return self._slots

    @property
    def beam(self) -> int:
        """K"""
        return self._beam

    @torch.inference_mode()
    def admit(
        self, slots: Sequence[int], sources: Sequence[Sequence[int]], constraints: Sequence[Sequence[int]]
    ) -> None:
        """See `Engine.admit`. The softmax is over the whole vocabulary, so constraints need no care."""
        lengths = torch.tensor([len(source) + 1 for source in sources])
        ids = torch.full((len(sources), int(lengths.max())), PAD)
        for row, source in zip(ids, sources, strict=True):
            row[: len(source) + 1] = torch.tensor([*source, EOS])
        encoded, state = self._network.start(ids.to(self.device), lengths)
        self._make_room(encoded, state)
        assert self._source is not None
        index = torch.tensor(slots, device=self.device)
        length = encoded.mask.shape[1]
        for held, new in zip(_tensors(self._source.keys), _tensors(encoded.keys), strict=True):
            held[index, ..., :length, :] = new
        self._source.mask[index] = False
        self._source.mask[index, :length] = encoded.mask
        rows = (index[:, None] * self._beam + torch.arange(self._beam, device=self.device)).flatten()
        for held, new in zip(self._state, state, strict=True):
            held[rows] = new.repeat_interleave(self._beam, dim=0)
        self._lengths[list(slots)] = lengths
        self._live = None

    def release(self, slots: Sequence[int]) -> None:
        """See `Engine.release`."""
        self._lengths[list(slots)] = 0
        self._live = None

    @torch.inference_mode()
    def step(self, request: StepRequest) -> StepResult:
        """See `Engine.step`. Only the rows of slots in use are computed."""
        return self.choose(request, *self.distribution(request))

    @torch.inference_mode()
    def distribution(self, request: StepRequest) -> tuple[Tensor, Tensor, Tensor | None]:
        """The half of a step before anything is chosen: which rows [M] are computed, and of these the scores [M, V].

        Last comes the attention [M, S], where the model has one.
        """
        live, source = self._live_source()
        rows = (live[:, None] * self._beam + torch.arange(self._beam, device=self.device)).flatten()
        parents = self._tensor(request.parents)[rows]
        tokens = self._tensor(request.tokens)[rows]
        scores, state, attention = self._network.step(tokens, source, tuple(held[parents] for held in self._state))
        for held, new in zip(self._state, state, strict=True):
            held[rows] = new
        return rows, scores, attention

    @torch.inference_mode()
    def choose(self, request: StepRequest, rows: Tensor, scores: Tensor, attention: Tensor | None) -> StepResult:
        """The other half, from scores that may be of several models."""
        id_scores = scores.gather(1, self._tensor(request.score_ids)[rows])
        proposals = self._suppress(scores, rows, request)
        if request.temperature is None:
            top, ids = proposals.topk(request.candidates, dim=1)
        else:
            drawn = proposals.cpu().numpy()
            ids = self._tensor(draw(drawn, request, rows.cpu().numpy()))
            top = self._tensor(drawn).gather(1, ids)
        wanted = attention if request.attention else None
        return self._result(rows, top, ids, id_scores, wanted)

    def _suppress(self, scores: Tensor, rows: Tensor, request: StepRequest) -> Tensor:
        scores.masked_fill_(self._reserved, -torch.inf)
        if len(request.suppress_rows):
            compact = torch.full((self._slots * self._beam,), -1, device=self.device)
            compact[rows] = torch.arange(len(rows), device=self.device)
            where = compact[self._tensor(request.suppress_rows)]
            scores[where[where >= 0], self._tensor(request.suppress_tokens)[where >= 0]] = -torch.inf
        return scores

    def _result(
        self, rows: Tensor, top: Tensor, ids: Tensor, id_scores: Tensor, attention: Tensor | None
    ) -> StepResult:
        """Spread the computed rows over all R; the others have no candidates."""
        where = rows.cpu().numpy()
        total = self._slots * self._beam

        def spread(values: Tensor, fill: float, dtype: type[np.generic]) -> np.ndarray[Any, Any]:
            full = np.full((total, values.shape[1]), fill, dtype=dtype)
            full[where] = values.cpu().numpy()
            return full

        return StepResult(
            scores=spread(top, -np.inf, np.float32),
            ids=spread(ids, EOS, np.int64),
            id_scores=spread(id_scores, -np.inf, np.float32),
            attention=None if attention is None else spread(attention, 0.0, np.float32),
        )

    def _live_source(self) -> tuple[Tensor, AttentionMemory]:
        if self._live is None:
            assert self._source is not None
            in_use = np.flatnonzero(self._lengths)
            longest = int(self._lengths.max())
            index = torch.from_numpy(in_use).to(self.device)
            keys = tuple((k[index, ..., :longest, :], v[index, ..., :longest, :]) for k, v in self._source.keys)
            self._live = index, AttentionMemory(keys, self._source.mask[index, :longest])
        return self._live

    def _make_room(self, source: AttentionMemory, state: DecoderState) -> None:
        """Allocate the slots at the first sentence, and lengthen them for a longer one."""
        if self._source is None:
            empty = tuple((_blank(k, self._slots), _blank(v, self._slots)) for k, v in source.keys)
            self._source = AttentionMemory(empty, _blank(source.mask, self._slots))
            self._state = tuple(_blank(rows, self._slots * self._beam) for rows in state)
        missing = source.mask.shape[1] - self._source.mask.shape[1]
        if missing > 0:
            keys: tuple[KeysAndValues, ...] = tuple(
                (_lengthen(k, missing), _lengthen(v, missing)) for k, v in self._source.keys
            )
            mask = torch.nn.functional.pad(self._source.mask, (0, missing))
            self._source = AttentionMemory(keys, mask)

    def _tensor(self, values: np.ndarray[Any, Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)


def load_network(bundle: ModelDirectory, device: torch.device | str = "cpu") -> Seq2Seq:
    """The network of a bundle, in evaluation mode. Raises CarouselError when weights and architecture differ."""
    card = bundle.card
    network = build_network(card.model, card.source_vocabulary, card.target_vocabulary, bundle.tokenizer.shared, seed=0)
    if bundle.weights is None:
        raise CarouselError(f"{bundle.path}: has no weights for torch; use the model that it was exported from")
    load_weights(network, bundle.weights)
    return network.eval().to(device)


def torch_engine_factory(bundle: ModelDirectory, threads: int) -> Callable[[int, int], TorchEngine]:
    """What makes engines, of so many slots and rows a slot, that share one network; on a GPU where there is one."""
    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = load_network(bundle, device)
    return lambda slots, beam: TorchEngine(network, slots, beam, device)


def load_weights(network: nn.Module, path: Path) -> None:
    """Fill a network with the weights of a file; shared weights are stored once."""
    try:
        stored = load_file(path)
    except (SafetensorError, OSError) as error:
        raise CarouselError(f"{path}: is damaged ({error}); copy the model directory again") from None
    parameters = dict(network.named_parameters())
    for name in parameters.keys() | stored.keys():
        found = stored[name].shape if name in stored else None
        wanted = parameters[name].shape if name in parameters else None
        if found != wanted:
            raise CarouselError(f"{path}: {name} is {found}, not {wanted}; config.json belongs to other weights")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(stored[name])


def _blank(like: Tensor, rows: int) -> Tensor:
    return like.new_zeros((rows, *like.shape[1:]))


def _lengthen(keys: Tensor, by: int) -> Tensor:
    return torch.nn.functional.pad(keys, (0, 0, 0, by))


def _tensors(keys: tuple[KeysAndValues, ...]) -> list[Tensor]:
    return [tensor for pair in keys for tensor in pair]
