"""Gates and states of recurrent layers, recomputed from the inputs and outputs of the layers.

The LSTM kernels return only their outputs. From inputs and outputs, one matrix product gives the pre-activations of all
gates, and only the memory cell is computed step by step. The result equals what the kernels computed up to rounding.
Other cells are run again with operations that record every call of σ and tanh.

Shapes: B sentences, T steps, I input width, D width of one direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nmt.config.cells import CellName
from nmt.model.unrolled_cell import LayerState, TensorOps, UnrolledCell

_GateNames = tuple[tuple[str, ...], ...]
"""For each call of σ or tanh, the names of the gates that it computes, concatenated; empty if it computes no gate."""

_PEEPHOLE: _GateNames = (("input", "forget"), ("candidate",), (), ("output",))
_DEPTH_GATED: _GateNames = (("input", "forget"), ("candidate",), ("output",), ())
_GATES: dict[CellName, _GateNames] = {
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
"""Gate names per cell, in the order in which the cell's `step` calls σ and tanh; see `_gate_names`."""


def recompute_lstm_gates(
    weights: Sequence[Tensor],
    x: Tensor,
    y: Tensor,
    state: LayerState,
    mask: Tensor | None = None,
    backwards: bool = False,
) -> dict[str, Tensor]:
    """Recompute the gates and states of an LSTM.

    Args:
        weights: PyTorch's weights of one direction: input weights, recurrent weights, and two biases.
        x: Inputs [B, T, I].
        y: Outputs [B, T, D] that the LSTM computed for ``x``.
        state: (h, c), each [B, D], before the first step.
        mask: [B, T, 1], false at padding, where states are zero.
        backwards: Whether the LSTM reads from the last step to the first.

    Returns:
        "cell", "hidden", "input", "forget", "output" and "candidate", each [B, T, D].
    """
    input_weight, recurrent, *biases = (weight.double() for weight in weights)
    h, c = (part.double().unsqueeze(1) for part in state)
    y = y.double()
    previous = torch.cat((y[:, 1:], h), dim=1) if backwards else torch.cat((h, y[:, :-1]), dim=1)
    sums = nn.functional.linear(x.double(), input_weight, biases[0] + biases[1]) + previous @ recurrent.t()
    gates = dict(zip(("input", "forget", "candidate", "output"), sums.chunk(4, dim=-1), strict=True))
    gates = {name: value.tanh() if name == "candidate" else value.sigmoid() for name, value in gates.items()}
    written = gates["input"] * gates["candidate"]
    c, cells = c.squeeze(1), torch.empty_like(written)
    for t in reversed(range(x.shape[1])) if backwards else range(x.shape[1]):
        c = gates["forget"][:, t] * c + written[:, t]
        c = c if mask is None else c * mask[:, t]
        cells[:, t] = c
    values = {"cell": cells, "hidden": gates["output"] * cells.tanh(), **gates}
    return {name: value.float() for name, value in values.items()}


def recompute_cell_gates(
    recurrence: UnrolledCell,
    cell: CellName,
    x: Tensor,
    state: LayerState,
    mask: Tensor | None = None,
    backwards: bool = False,
) -> list[dict[str, Tensor]]:
    """Recompute the gates and states of any cell but the LSTM.

    Args:
        recurrence: Recurrent layer, or stack of layers.
        cell: Name of its cell.
        x: Inputs [B, T, I].
        state: State before the first step.
        mask: [B, T, 1], false at padding, where states do not change.
        backwards: Whether the layer reads from the last step to the first.

    Returns:
        The gates and states [B, T, D] by name, for each layer of the stack.
    """
    equations = recurrence.recurrent_cell
    ops = _RecordingOps(dict(recurrence.named_parameters()), recurrence.residual)
    steps = equations.project_input(ops, x.transpose(0, 1)).unbind(0)
    # [T, B, D]: the update gate of mut1 depends on the input only, so `project` computes it, not `step`.
    updates = ops.results[-1] if cell == "mut1" else None
    parts, layers = equations.state_specs(equations.width), equations.layers
    by_step: dict[int, list[dict[str, Tensor]]] = {}
    for t in reversed(range(len(steps))) if backwards else range(len(steps)):
        ops.results.clear()
        y, new_state = equations.step(ops, steps[t], state)
        if mask is not None:
            new_state = tuple(torch.where(mask[:, t], *pair) for pair in zip(new_state, state, strict=True))
        state = new_state
        results = iter(ops.results)
        by_step[t] = []
        for layer in range(layers):
            layer_state = zip(parts, state[layer * len(parts) : (layer + 1) * len(parts)], strict=True)
            values: dict[str, Tensor] = {part.kind: value for part, value in layer_state if part.kind != "auxiliary"}
            values.setdefault("hidden", y)
            if updates is not None:
                values["update"] = updates[t]
            for names in _gate_names(cell, layer, layers):
                values |= _split_gates(names, next(results), equations.width)
            by_step[t].append(values)
    by_layer = [[by_step[t][layer] for t in range(len(steps))] for layer in range(layers)]
    return [{name: torch.stack([at[name] for at in times], dim=1) for name in times[0]} for times in by_layer]


def _gate_names(cell: CellName, layer: int, layers: int) -> _GateNames:
    """Return the gate names of one layer of a stack; the lowest layer is 0."""
    names = _GATES[cell]
    if cell == "depth_gated" and layer:
        return (*names[:2], ("depth",), *names[2:])
    if cell == "gated_feedback":
        return (tuple(f"feedback_{number}" for number in range(1, layers + 1)), *names[1:])
    return names


class _RecordingOps(TensorOps):
    """Tensor operations that append every result of σ and tanh to ``results``."""

    def __init__(self, weights: dict[str, Tensor], residual: bool) -> None:
        super().__init__(weights, None, residual)
        self.results: list[Tensor] = []
        self.sigmoid, self.tanh = self._record_results(torch.sigmoid), self._record_results(torch.tanh)

    def _record_results(self, function: Any) -> Any:
        """Return a function that calls ``function`` and records its result."""

        def recording(x: Tensor) -> Tensor:
            self.results.append(function(x))
            return self.results[-1]

        return recording


def _split_gates(names: tuple[str, ...], value: Tensor, width: int) -> dict[str, Tensor]:
    """Split concatenated gates into tensors [B, D] by name.

    A gate that is shared by the cells of a memory block, or by all cells of a layer, is repeated for each cell.
    """
    if not names:
        return {}
    gates = value.chunk(len(names), dim=-1)
    return {name: gate.repeat_interleave(width // gate.shape[-1], -1) for name, gate in zip(names, gates, strict=True)}
