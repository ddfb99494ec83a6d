"""Gates and states of every recurrent layer at every step, for whole batches.

The fast kernels of the LSTM give only its outputs. But with these the sums of all gates are known at once, and only the
memory cell is left to go through step by step: what comes out is what the kernels computed, to rounding. Other cells
are stepped through by their equations.

B sentences, S source length, T target length or any number of steps, I width of the input, D width of a direction, H
heads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from nmt.config.cells import CellName
from nmt.model.attention import Attention
from nmt.model.encoder import reversal_indices
from nmt.model.language_model import LanguageModel
from nmt.model.recurrent_layers import (
    DecoderCellLayer,
    DecoderLSTMLayer,
    EncoderCellLayer,
    EncoderLSTMLayer,
    LayerState,
    TensorOps,
    UnrolledCell,
)
from nmt.model.seq2seq import Seq2Seq

_Calls = tuple[tuple[str, ...], ...]

_PEEPHOLE: _Calls = (("input", "forget"), ("candidate",), (), ("output",))
_DEPTH_GATED: _Calls = (("input", "forget"), ("candidate",), ("output",), ())
_GATES: dict[CellName, _Calls] = {
    "rnn": ((),),
    "gru": (("reset", "update"), ("candidate",)),
    "peephole": _PEEPHOLE,
    "coupled_gates": (("forget",), ("candidate",), (), ("output",)),
    "no_input_gate": (("forget",), ("candidate",), (), ("output",)),
    "no_forget_gate": (("input",), ("candidate",), (), ("output",)),
    "no_output_gate": (("input", "forget"), ("candidate",), ()),
    "no_input_activation": (("input", "forget"), (), ("output",)),
    "no_output_activation": (("input", "forget"), ("candidate",), ("output",)),
    "full_gate_recurrence": _PEEPHOLE,
    "layer_norm": (("input", "forget", "output"), ("candidate",), ()),
    "memory_block": (("input", "output"), ("candidate",), ()),
    "clockwork": ((),),
    "sru": (("forget", "reset"),),
    "mut1": (("reset",), ("candidate",)),
    "mut2": (("update", "reset"), ("candidate",)),
    "mut3": ((), ("update",), ("reset",), ("candidate",)),
    "gated_feedback": (("feedback",), ("candidate",), ("input", "forget", "output"), ()),
    "depth_gated": _DEPTH_GATED,
    "grid": (
        ("input", "depth_input", "forget", "depth_forget", "output", "depth_output"),
        ("candidate", "depth_candidate"),
        (),
    ),
}
"""What each call of σ or tanh in a step of a layer gives, side by side, in the order of the equations' `step`; see
`_calls`."""


@dataclass(frozen=True)
class LayerTrace:
    """One direction of one recurrent layer."""

    part: Literal["encoder", "decoder"]
    layer: int
    """From 1 up."""
    direction: Literal["forward", "backward"]
    """In which the encoder reads; a decoder's is forward."""
    values: dict[str, Tensor]
    """[B, T, D], place by place of the text whichever way it was read; anything in the padding.

    Of the LSTM ``cell``, ``hidden``, ``input``, ``forget``, ``output`` and ``candidate``: after the place was read.
    """
    first: Tensor
    """[B]: the place that was read first."""

    @property
    def name(self) -> str:
        """Such as "encoder 2 backward"."""
        return layer_name(self.part, self.layer, self.direction)


def layer_name(part: str, layer: int, direction: str) -> str:
    """Such as "encoder 2 backward", or "decoder 1"."""
    return f"{part} {layer}" + (f" {direction}" if part == "encoder" else "")


class Traces(NamedTuple):
    """A whole pass of the network."""

    layers: list[LayerTrace]
    attention: list[Tensor]
    """[B, H, T, S], of each layer that attends."""
    decoded: Tensor
    """[B, T, D]: the decoder's outputs."""


@torch.inference_mode()
def trace(network: Seq2Seq, source: Tensor, lengths: Tensor, target: Tensor) -> Traces:
    """Everything inside the network while it reads ids [B, S] of lengths [B] and writes what follows ids [B, T].

    ``network`` must be in evaluation mode, on the CPU. ``target`` begins with begin of sentence.
    """
    with _listening(network) as heard:
        decoded, _ = network(source, lengths, target)
    layers: list[LayerTrace] = []
    attention: list[Tensor] = []
    places = torch.arange(source.shape[1])
    inside = (places < lengths.unsqueeze(1)).unsqueeze(-1)  # [B, S, 1]
    order = reversal_indices(places, lengths) if network.config.reverse_source else None
    firsts = {"forward": torch.zeros_like(lengths) if order is None else order[:, 0], "backward": lengths - 1}
    for module, calls in heard:
        if isinstance(module, Attention):
            attention.append(torch.cat([output[1] for _, output in calls], dim=2))
        elif isinstance(module, EncoderLSTMLayer | EncoderCellLayer):
            [((x, *_), (y, _))] = calls
            found = _read(module, network.config.cell, x, y, inside)
            ways: tuple[Literal["forward", "backward"], ...] = ("forward", "backward")
            first = _layers_of(layers, "encoder")
            for way, stack in zip(ways, found, strict=False):
                for number, values in enumerate(stack, start=first + 1):
                    layers.append(LayerTrace("encoder", number, way, _in_order(values, order), firsts[way]))
        else:
            layers += _decoder_layers(module, network.config.cell, calls, _layers_of(layers, "decoder"))
    return Traces(layers, attention, decoded)


@torch.inference_mode()
def trace_text(network: LanguageModel, pieces: Tensor) -> Traces:
    """The same while a language model reads ids [B, T] from the state before any text; it attends to nothing."""
    with _listening(network) as heard:
        decoded, _ = network(pieces, network.initial_state(len(pieces)))
    layers: list[LayerTrace] = []
    for module, calls in heard:
        layers += _decoder_layers(module, network.config.cell, calls, len(layers))
    return Traces(layers, [], decoded)


def lstm_values(
    weights: Sequence[Tensor],
    x: Tensor,
    y: Tensor,
    state: LayerState,
    inside: Tensor | None = None,
    backwards: bool = False,
) -> dict[str, Tensor]:
    """The gates of an LSTM that gave the outputs y [B, T, D] for x [B, T, I], and its states, each [B, T, D].

    ``weights`` are torch's: input, recurrent, and two biases. ``state`` (h, c) [B, D] is that before the first step;
    ``inside`` [B, T, 1] is false in the padding, where states are zero.
    """
    of_input, recurrent, *biases = (weight.double() for weight in weights)
    h, c = (part.double().unsqueeze(1) for part in state)
    y = y.double()
    before = torch.cat((y[:, 1:], h), dim=1) if backwards else torch.cat((h, y[:, :-1]), dim=1)
    sums = nn.functional.linear(x.double(), of_input, biases[0] + biases[1]) + before @ recurrent.t()
    gates = dict(zip(("input", "forget", "candidate", "output"), sums.chunk(4, dim=-1), strict=True))
    gates = {name: value.tanh() if name == "candidate" else value.sigmoid() for name, value in gates.items()}
    new = gates["input"] * gates["candidate"]
    c, cells = c.squeeze(1), torch.empty_like(new)
    for t in reversed(range(x.shape[1])) if backwards else range(x.shape[1]):
        c = gates["forget"][:, t] * c + new[:, t]
        c = c if inside is None else c * inside[:, t]
        cells[:, t] = c
    values = {"cell": cells, "hidden": gates["output"] * cells.tanh(), **gates}
    return {name: value.float() for name, value in values.items()}


def cell_values(
    recurrence: UnrolledCell,
    cell: CellName,
    x: Tensor,
    state: LayerState,
    inside: Tensor | None = None,
    backwards: bool = False,
) -> list[dict[str, Tensor]]:
    """The states and gates [B, T, D] of any other cell, of each layer of its stack; see `lstm_values`."""
    equations = recurrence.equations
    ops = _Listener(dict(recurrence.named_parameters()), recurrence.residual)
    steps = equations.project(ops, x.transpose(0, 1)).unbind(0)
    updates = ops.heard[-1] if cell == "mut1" else None  # [T, B, D]: of the input alone, so no step computes them
    parts, layers = equations.parts(equations.width), equations.layers
    found: dict[int, list[dict[str, Tensor]]] = {}
    for t in reversed(range(len(steps))) if backwards else range(len(steps)):
        ops.heard.clear()
        y, after = equations.step(ops, steps[t], state)
        if inside is not None:
            after = tuple(torch.where(inside[:, t], *pair) for pair in zip(after, state, strict=True))
        state = after
        heard = iter(ops.heard)
        found[t] = []
        for layer in range(layers):
            of_layer = zip(parts, after[layer * len(parts) : (layer + 1) * len(parts)], strict=True)
            values = {_STATES[part.kind]: value for part, value in of_layer if part.kind != "own"}
            values.setdefault("hidden", y)
            if updates is not None:
                values["update"] = updates[t]
            for names in _calls(cell, layer, layers):
                values |= _named(names, next(heard), equations.width)
            found[t].append(values)
    by_layer = [[found[t][layer] for t in range(len(steps))] for layer in range(layers)]
    return [{name: torch.stack([at[name] for at in times], dim=1) for name in times[0]} for times in by_layer]


def _calls(cell: CellName, layer: int, layers: int) -> _Calls:
    """See `_GATES`; of one of the layers of a stack, the lowest being 0."""
    calls = _GATES[cell]
    if cell == "depth_gated" and layer:
        return (*calls[:2], ("depth",), *calls[2:])
    if cell == "gated_feedback":
        return (tuple(f"feedback_{number}" for number in range(1, layers + 1)), *calls[1:])
    return calls


_STATES = {"output": "hidden", "memory": "cell"}


class _Listener(TensorOps):
    """TensorOps that remember what σ and tanh gave."""

    def __init__(self, weights: dict[str, Tensor], residual: bool) -> None:
        super().__init__(weights, None, residual)
        self.heard: list[Tensor] = []
        self.sigmoid, self.tanh = self._remember(torch.sigmoid), self._remember(torch.tanh)

    def _remember(self, function: Any) -> Any:
        def remembering(x: Tensor) -> Tensor:
            self.heard.append(function(x))
            return self.heard[-1]

        return remembering


def _named(names: tuple[str, ...], value: Tensor, width: int) -> dict[str, Tensor]:
    """Gates [B, D] that lie side by side; the cells of a block, or of a layer, may have one in common."""
    if not names:
        return {}
    gates = value.chunk(len(names), dim=-1)
    return {name: gate.repeat_interleave(width // gate.shape[-1], -1) for name, gate in zip(names, gates, strict=True)}


def _read(
    module: EncoderLSTMLayer | EncoderCellLayer, cell: CellName, x: Tensor, y: Tensor, inside: Tensor
) -> list[list[dict[str, Tensor]]]:
    """Of an encoder's layer: for each direction the values of its stack."""
    if isinstance(module, EncoderLSTMLayer):
        ways = 1 + module.lstm.bidirectional
        zeros = y.new_zeros(len(y), module.lstm.hidden_size)
        return [
            [lstm_values(module.lstm.all_weights[n], x, half, (zeros, zeros), inside, backwards=n == 1)]
            for n, half in enumerate(y.chunk(ways, dim=-1))
        ]
    found = []
    for n, recurrence in enumerate(module.directions):
        assert isinstance(recurrence, UnrolledCell)
        state = tuple(x.new_zeros(len(x), size) for size in recurrence.equations.state_sizes)
        found.append(cell_values(recurrence, cell, x, state, inside, backwards=n == 1))
    return found


def _decoder_layers(module: nn.Module, cell: CellName, calls: list[Any], below: int) -> list[LayerTrace]:
    """Of a decoder's layer, by its calls: its stack, which lies on so many layers ``below``."""
    x = torch.cat([arguments[0] for arguments, _ in calls], dim=1)
    y = torch.cat([output[0] for _, output in calls], dim=1)
    stack = _write(module, cell, x, y, calls[0][0][1])
    first = torch.zeros(len(y), dtype=torch.long)
    numbered = enumerate(stack, start=below + 1)
    return [LayerTrace("decoder", number, "forward", values, first) for number, values in numbered]


def _write(module: nn.Module, cell: CellName, x: Tensor, y: Tensor, state: LayerState) -> list[dict[str, Tensor]]:
    """Of a decoder's layer: the values of its stack."""
    if isinstance(module, DecoderLSTMLayer):
        return [lstm_values(module.lstm.all_weights[0], x, y, state)]
    assert isinstance(module, DecoderCellLayer)
    return cell_values(module.cell, cell, x, state)


def _in_order(values: dict[str, Tensor], order: Tensor | None) -> dict[str, Tensor]:
    """By place of the text [B, T, D] where the encoder read it in another order [B, T], its own inverse."""
    if order is None:
        return values
    return {name: value.gather(1, order.unsqueeze(-1).expand_as(value)) for name, value in values.items()}


def _layers_of(layers: list[LayerTrace], part: str) -> int:
    return max((each.layer for each in layers if each.part == part), default=0)


@contextmanager
def _listening(network: nn.Module) -> Iterator[list[tuple[nn.Module, list[Any]]]]:
    """The recurrent layers and attentions, as they are first called, each with its calls: (arguments, output)."""
    heard: dict[nn.Module, list[Any]] = {}
    kinds = (Attention, DecoderLSTMLayer, EncoderLSTMLayer, DecoderCellLayer, EncoderCellLayer)
    listeners = [
        module.register_forward_hook(lambda m, arguments, output: heard.setdefault(m, []).append((arguments, output)))
        for module in network.modules()
        if isinstance(module, kinds)
    ]
    calls: list[tuple[nn.Module, list[Any]]] = []
    try:
        yield calls
        calls += heard.items()
    finally:
        for listener in listeners:
            listener.remove()
