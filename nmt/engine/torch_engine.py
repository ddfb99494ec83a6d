"""The engine on PyTorch, used for validation during training and for translation on a GPU.

Shapes: N slots, K rows per slot (the beam size), R = N × K rows, M active rows (those of occupied slots), S source
length, V target vocabulary, C candidates per row, Q scored ids per row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from nmt.config.model import ModelConfig
from nmt.corpus.tokenizer import EOS, PAD, reserved_mask
from nmt.engine.onnx.graph_weights import read_graph_weights
from nmt.engine.sampling import sample_tokens
from nmt.model.attention import KeysAndValues
from nmt.model.decoder import AttentionMemory, DecoderState
from nmt.model.seq2seq import Seq2Seq, build_network
from nmt.model_directory.directory import ModelDirectory
from nmt.search.protocol import StepRequest, StepResult
from nmt.utils.arrays import AnyArray
from nmt.utils.errors import CarouselError


class TorchEngine:
    """Engine with N slots of K hypotheses on a torch network; implements `nmt.search.protocol.Engine`."""

    def __init__(self, network: Seq2Seq, num_slots: int, beam_size: int, device: torch.device | str = "cpu") -> None:
        """``network`` is in evaluation mode and on ``device``; it must not change while slots are occupied."""
        self._network, self.device = network, torch.device(device)
        """Device of the network."""
        self.num_slots, self.beam_size = num_slots, beam_size
        self._lengths = np.zeros(num_slots, dtype=np.int64)  # source length in each slot, 0 in empty slots
        self._memory: AttentionMemory | None = None  # of all slots, padded to the longest sentence so far
        self._state: DecoderState = ()
        self._active: tuple[Tensor, AttentionMemory] | None = None  # occupied slots and their memory
        self._reserved = torch.from_numpy(reserved_mask(len(network.output))).to(self.device)

    @torch.inference_mode()
    def admit(
        self, slots: Sequence[int], sources: Sequence[Sequence[int]], required_ids: Sequence[Sequence[int]]
    ) -> None:
        """Encode sentences into free slots; see `Engine.admit`. There is no shortlist that constraints could affect."""
        lengths = torch.tensor([len(source) + 1 for source in sources])
        ids = torch.full((len(sources), int(lengths.max())), PAD)
        for row, source in zip(ids, sources, strict=True):
            row[: len(source) + 1] = torch.tensor([*source, EOS])
        memory, state = self._network.encode(ids.to(self.device), lengths)
        self._grow_storage(memory, state)
        assert self._memory is not None
        index = torch.tensor(slots, device=self.device)
        length = memory.mask.shape[1]
        new_tensors = _flatten_pairs(memory.keys_and_values)
        for stored, new in zip(_flatten_pairs(self._memory.keys_and_values), new_tensors, strict=True):
            stored[index, ..., :length, :] = new
        self._memory.mask[index] = False
        self._memory.mask[index, :length] = memory.mask
        rows = (index[:, None] * self.beam_size + torch.arange(self.beam_size, device=self.device)).flatten()
        for stored, new in zip(self._state, state, strict=True):
            stored[rows] = new.repeat_interleave(self.beam_size, dim=0)
        self._lengths[list(slots)] = lengths
        self._active = None

    def release(self, slots: Sequence[int]) -> None:
        """Free the given slots; see `Engine.release`."""
        self._lengths[list(slots)] = 0
        self._active = None

    @torch.inference_mode()
    def step(self, request: StepRequest) -> StepResult:
        """Advance all rows by one token; see `Engine.step`. Rows of empty slots are not computed."""
        return self.select_candidates(request, *self.log_probabilities(request))

    @torch.inference_mode()
    def log_probabilities(self, request: StepRequest) -> tuple[Tensor, Tensor, Tensor | None]:
        """Advance all rows by one token, without selecting candidates.

        Returns the indices of the active rows [M], their log-probabilities [M, V], and the attention [M, S], if any.
        """
        slots, memory = self._occupied_slots_and_memory()
        rows = (slots[:, None] * self.beam_size + torch.arange(self.beam_size, device=self.device)).flatten()
        parents = self._to_tensor(request.parents)[rows]
        tokens = self._to_tensor(request.tokens)[rows]
        scores, state, attention = self._network.step(tokens, memory, tuple(stored[parents] for stored in self._state))
        for stored, new in zip(self._state, state, strict=True):
            stored[rows] = new
        return rows, scores, attention

    @torch.inference_mode()
    def select_candidates(
        self, request: StepRequest, rows: Tensor, scores: Tensor, attention: Tensor | None
    ) -> StepResult:
        """Select or sample candidates from log-probabilities [M, V]; see `log_probabilities`."""
        id_scores = scores.gather(1, self._to_tensor(request.score_ids)[rows])
        candidate_scores = self._suppress_tokens_(scores, rows, request)
        if request.temperature is None:
            top, ids = candidate_scores.topk(request.num_candidates, dim=1)
        else:
            filtered = candidate_scores.cpu().numpy()
            ids = self._to_tensor(sample_tokens(filtered, request, rows.cpu().numpy()))
            top = self._to_tensor(filtered).gather(1, ids)
        return self._build_result(rows, top, ids, id_scores, attention if request.return_attention else None)

    def _suppress_tokens_(self, scores: Tensor, rows: Tensor, request: StepRequest) -> Tensor:
        """Set the scores [M, V] of reserved and suppressed tokens to -inf, in place."""
        scores.masked_fill_(self._reserved, -torch.inf)
        if len(request.suppress_rows):
            active_index = torch.full((self.num_slots * self.beam_size,), -1, device=self.device)
            active_index[rows] = torch.arange(len(rows), device=self.device)
            where = active_index[self._to_tensor(request.suppress_rows)]
            scores[where[where >= 0], self._to_tensor(request.suppress_tokens)[where >= 0]] = -torch.inf
        return scores

    def _build_result(
        self, rows: Tensor, top: Tensor, ids: Tensor, id_scores: Tensor, attention: Tensor | None
    ) -> StepResult:
        """Return the result for all R rows from that of the active rows; inactive rows have no candidates."""
        row_indices = rows.cpu().numpy()
        total = self.num_slots * self.beam_size

        def scatter(values: Tensor, fill: float, dtype: type[np.generic]) -> AnyArray:
            full = np.full((total, values.shape[1]), fill, dtype=dtype)
            full[row_indices] = values.cpu().numpy()
            return full

        return StepResult(
            scores=scatter(top, -np.inf, np.float32),
            ids=scatter(ids, EOS, np.int64),
            id_scores=scatter(id_scores, -np.inf, np.float32),
            attention=None if attention is None else scatter(attention, 0.0, np.float32),
        )

    def _occupied_slots_and_memory(self) -> tuple[Tensor, AttentionMemory]:
        """Return the indices of the occupied slots, and their memory truncated to the longest sentence."""
        if self._active is None:
            assert self._memory is not None
            occupied = np.flatnonzero(self._lengths)
            longest = int(self._lengths.max())
            index = torch.from_numpy(occupied).to(self.device)
            keys_and_values = tuple(
                (k[index, ..., :longest, :], v[index, ..., :longest, :]) for k, v in self._memory.keys_and_values
            )
            self._active = index, AttentionMemory(keys_and_values, self._memory.mask[index, :longest])
        return self._active

    def _grow_storage(self, memory: AttentionMemory, state: DecoderState) -> None:
        """Allocate the slots for the first sentence, or make them longer for longer sentences."""
        if self._memory is None:
            empty = tuple(
                (_zero_rows(k, self.num_slots), _zero_rows(v, self.num_slots)) for k, v in memory.keys_and_values
            )
            self._memory = AttentionMemory(empty, _zero_rows(memory.mask, self.num_slots))
            self._state = tuple(_zero_rows(rows, self.num_slots * self.beam_size) for rows in state)
        missing = memory.mask.shape[1] - self._memory.mask.shape[1]
        if missing > 0:
            longer = tuple((_pad_source(k, missing), _pad_source(v, missing)) for k, v in self._memory.keys_and_values)
            mask = nn.functional.pad(self._memory.mask, (0, missing))
            self._memory = AttentionMemory(longer, mask)

    def _to_tensor(self, values: AnyArray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)


def load_network(directory: ModelDirectory, device: torch.device | str = "cpu") -> Seq2Seq:
    """Return the network of a model directory, in evaluation mode.

    Raises CarouselError if the model has no weights, or weights of another architecture.
    """
    card, shared = directory.card, directory.tokenizer.shared
    if directory.weights is None:
        raise CarouselError(f"{directory.path}: has no weights for torch; use the model that it was exported from")

    check_size(card.model, directory.weights)
    network = build_network(card.model, card.source_vocabulary, card.target_vocabulary, shared, seed=0)
    load_weights(network, directory.weights)
    return network.eval().to(device)


def torch_engine_factory(directory: ModelDirectory, threads: int) -> Callable[[int, int], TorchEngine]:
    """Return a factory of engines, from the numbers of slots and of rows per slot, that share one network.

    The network is on a GPU if there is one; ``threads`` is the number of CPU threads of torch.
    """
    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = load_network(directory, device)
    return lambda num_slots, beam_size: TorchEngine(network, num_slots, beam_size, device)


def check_size(config: ModelConfig, path: Path) -> None:
    """Raise CarouselError if a safetensors file is damaged, or much smaller than a network of an architecture.

    So the memory of the network is at most some times that of the file, whatever the model card says.
    """
    layers, inner = config.encoder_layers + config.decoder_layers, config.feed_forward or config.width
    least = layers * config.width * max(config.width, inner) // 4  # every cell has more weights than this
    found = sum(math.prod(shape) for shape in _read_shapes(path).values())
    if found < least:
        raise CarouselError(
            f"{path}: has {found:,} weights, too few for the network in config.json; copy the model directory again"
        )


def load_weights(network: nn.Module, path: Path) -> None:
    """Load the weights of a safetensors file into a network.

    Raises CarouselError if the file is damaged, or if its weights are those of another architecture.
    """
    _check_shapes(network, _read_shapes(path), path)
    weights = load_file(path)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(weights[name])


def load_model_weights(network: Seq2Seq, model: ModelDirectory) -> None:
    """Load the trained weights of a model directory into a network; those of an export come from its graphs.

    Weights of int8 graphs are dequantised. Raises CarouselError if the weights are those of another architecture, or
    the graphs those of a cell whose weights cannot be recovered.
    """
    if model.weights is not None:
        load_weights(network, model.weights)
        return
    assert model.graphs is not None  # a model directory has weights or graphs
    try:
        weights = read_graph_weights(model.graphs, model.card.model)
    except (ValueError, IndexError, KeyError, OSError):
        raise CarouselError(
            f"{model.graphs}: has no weights that can be read; name the model it was exported from"
        ) from None
    _check_shapes(network, {name: value.shape for name, value in weights.items()}, model.graphs)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(torch.tensor(weights[name]))


def _check_shapes(network: nn.Module, stored: Mapping[str, tuple[int, ...]], path: Path) -> None:
    """Raise CarouselError if stored weights do not have the shapes of those of a network."""
    expected = {name: tuple(each.shape) for name, each in network.named_parameters()}
    for name in expected.keys() | stored.keys():
        if stored.get(name) != expected.get(name):
            raise CarouselError(
                f"{path}: the shape of {name} is {stored.get(name)}, not {expected.get(name)} as config.json says; "
                "copy the model directory again"
            )


def _read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight in a safetensors file. Raises CarouselError if the file is damaged."""
    try:
        with safe_open(path, "pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CarouselError(f"{path}: is damaged ({error}); copy the model directory again") from None


def _zero_rows(like: Tensor, rows: int) -> Tensor:
    return like.new_zeros((rows, *like.shape[1:]))


def _pad_source(tensor: Tensor, by: int) -> Tensor:
    """Pad the source length, which is the last but one dimension, with zeros."""
    return nn.functional.pad(tensor, (0, 0, 0, by))


def _flatten_pairs(keys_and_values: tuple[KeysAndValues, ...]) -> list[Tensor]:
    return [tensor for pair in keys_and_values for tensor in pair]
