"""The recurrent cells of the literature, each written once: torch computes the equations, ONNX graphs are made of them.

A value [..., n] is a tensor of torch or a symbol of a graph; both know + - * and what `Ops` lists. In docstrings x
is the input, h the output, c the memory cell, of this step or, where t-1 is written, of the one before; W and U are
matrices, ⊙ multiplies number by number, σ is the logistic function, and the bias of each sum is left out. D width, I
width of the input, L layers.

Greff et al. (2015, "LSTM: A Search Space Odyssey") call vanilla what is `Peephole` here; `VanillaLSTM`, torch's own, is
their NP, the one without peepholes. It needs no second name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np

from nmt.config.cells import CellName

Value = Any
"""[..., n]"""
State = tuple[Value, ...]

CELLS_IN_BLOCK = 4
"""Of a memory block."""
PERIODS = (1, 2, 4, 8)
"""Of the modules of a clockwork network, the fastest first."""


class Ops(Protocol):
    """What equations are made of, besides + - *; ``name`` is that of a weight."""

    def product(self, x: Value, name: str) -> Value:
        """X [..., in] times the transpose of a matrix [out, in]."""

    def add_product(self, to: Value, x: Value, name: str) -> Value:
        """The same, added to a value [..., out]."""

    def vector(self, name: str) -> Value:
        """A weight [n] as it is."""

    def sigmoid(self, x: Value) -> Value:
        """σ"""

    def tanh(self, x: Value) -> Value:
        """The hyperbolic tangent."""

    def split(self, x: Value, *sizes: int) -> list[Value]:
        """The parts of x [..., sum of sizes]."""

    def concat(self, *parts: Value) -> Value:
        """Their inverse."""

    def repeat(self, x: Value, times: int) -> Value:
        """Each number of x [..., n] so many times in a row [..., n × times]."""

    def normalise(self, x: Value, gain: str) -> Value:
        """X less its mean, over its standard deviation, times a gain [n] (Ba et al. 2016)."""

    def due(self, clock: Value, periods: list[int]) -> Value:
        """1 where a clock [..., 1] is a multiple of a period, else 0: [..., periods]."""

    def pass_on(self, below: Value | None, h: Value) -> Value:
        """What a layer inside of a stack gives to the next: its output, with dropout and residual connection."""


class Weight(NamedTuple):
    """A weight before training."""

    shape: tuple[int, ...]
    start: np.ndarray[Any, np.dtype[np.float32]] | None = None
    """None draws it between ±1/√D, as torch does for its own recurrent layers."""


class Part(NamedTuple):
    """A part of a layer's state."""

    kind: Literal["output", "memory", "own"]
    """h, c, or what nobody else can go on with: it begins at zero with each sequence."""
    size: int


class Cell:
    """What is known of a cell without its equations."""

    forget_gate: ClassVar[bool] = True
    """Whether it has one, whose bias `model.forget_bias` sets."""
    recurrent_matrix: ClassVar[bool] = True
    """Whether there is one to thin by `model.weight_drop`."""
    stacked: ClassVar[bool] = False
    """Whether the layers of a stack hear of each other within a step, so that they advance together."""
    divisor: ClassVar[int] = 1
    """Of the width."""

    @classmethod
    def parts(cls, width: int) -> tuple[Part, ...]:
        """The state of a layer."""
        return Part("output", width), Part("memory", width)


class VanillaLSTM(Cell):
    """The LSTM with forget gate and without peepholes (Hochreiter & Schmidhuber 1997, Gers et al. 2000); Greff's NP.

        i = σ(W_i x + U_i h_t-1)    f = σ(W_f x + U_f h_t-1)    o = σ(W_o x + U_o h_t-1)    z = tanh(W_z x + U_z h_t-1)
        c = f ⊙ c_t-1 + i ⊙ z       h = o ⊙ tanh(c)

    Torch and ONNX Runtime have it whole (`nmt.model.recurrent_layers.DecoderLSTMLayer`).
    """


class RecurrentCell(Cell, ABC):
    """A cell that is computed as it is written here."""

    def __init__(self, inputs: int, width: int, layers: int = 1, forget_bias: float = 1.0) -> None:
        """``layers`` is 1 but for the cells that are stacks."""
        self.inputs, self.width, self.layers, self.forget_bias = inputs, width, layers, forget_bias

    @property
    def state_sizes(self) -> list[int]:
        """Of all tensors of the state: the parts of each layer in turn."""
        return [part.size for part in self.parts(self.width)] * self.layers

    @abstractmethod
    def weights(self) -> dict[str, Weight]:
        """All weights by name; those that are multiplied with a state of the step before are named recurrent…"""

    def project(self, ops: Ops, x: Value) -> Value:
        """What can be said of x [..., I] before the step before is known: one product for a whole sequence."""
        return ops.add_product(ops.vector("bias"), x, "input")

    @abstractmethod
    def step(self, ops: Ops, x: Value, state: State) -> tuple[Value, State]:
        """The output h [..., D] and the next state, of the projected input and the state."""

    def _matrices(self, inputs: int, recurrent: int, bias: list[float], suffix: str = "") -> dict[str, Weight]:
        """An input matrix, a recurrent one [rows, D], and biases; each number of ``bias`` stands for D."""
        fill = np.repeat(np.array(bias, dtype=np.float32), self.width)
        return {
            f"input{suffix}": Weight((len(fill), inputs)),
            f"recurrent{suffix}": Weight((recurrent * self.width, self.width)),
            f"bias{suffix}": Weight(fill.shape, fill),
        }


class TanhRNN(RecurrentCell):
    """The plain recurrent network (Elman 1990): h = tanh(W x + U h_t-1)."""

    forget_gate = False

    @classmethod
    def parts(cls, width: int) -> tuple[Part, ...]:
        """See `Cell.parts`."""
        return (Part("output", width),)

    def weights(self) -> dict[str, Weight]:
        """See `RecurrentCell.weights`."""
        return self._matrices(self.inputs, 1, [0.0])

    def step(self, ops: Ops, x: Value, state: State) -> tuple[Value, State]:
        """See `RecurrentCell.step`."""
        h = ops.tanh(ops.add_product(x, state[0], "recurrent"))
        return h, (h,)


class GRU(TanhRNN):
    """The gated recurrent unit (Cho et al. 2014), in the form of cuDNN, whose step has one product.

    r = σ(W_r x + U_r h_t-1)    u = σ(W_u x + U_u h_t-1)    z = tanh(W_z x + r ⊙ (U_z h_t-1 + b'))
    h = u ⊙ h_t-1 + (1 - u) ⊙ z
    """

    def weights(self) -> dict[str, Weight]:
        """See `RecurrentCell.weights`."""
        shift = np.zeros(self.width, dtype=np.float32)
        return {**self._matrices(self.inputs, 3, [0.0] * 3), "recurrent_bias": Weight(shift.shape, shift)}

    def step(self, ops: Ops, x: Value, state: State) -> tuple[Value, State]:
        """See `RecurrentCell.step`."""
        (h,), width = state, self.width
        heard_gates, heard = ops.split(ops.product(h, "recurrent"), 2 * width, width)
        gates, candidate = ops.split(x, 2 * width, width)
        reset, update = ops.split(ops.sigmoid(gates + heard_gates), width, width)
        candidate = ops.tanh(candidate + reset * (heard + ops.vector("recurrent_bias")))
        h = candidate + update * (h - candidate)
        return h, (h,)


class Peephole(RecurrentCell):
    """The LSTM whose gates look at the memory cell (Gers & Schmidhuber 2000, Graves 2013); Greff's vanilla, V.

    i = σ(W_i x + U_i h_t-1 + p_i ⊙ c_t-1)      f = σ(W_f x + U_f h_t-1 + p_f ⊙ c_t-1)
    z = tanh(W_z x + U_z h_t-1)                 c = f ⊙ c_t-1 + i ⊙ z
    o = σ(W_o x + U_o h_t-1 + p_o ⊙ c)          h = o ⊙ tanh(c)
    """

    input_gate: ClassVar[bool] = True
    coupled: ClassVar[bool] = False
    output_gate: ClassVar[bool] = True
    input_activation: ClassVar[bool] = True
    output_activation: ClassVar[bool] = True
    gate_recurrence: ClassVar[bool] = False

    @property
    def _early(self) -> int:
        """How many gates open before the memory cell changes."""
        return self.input_gate + self.forget_gate

    def weights(self) -> dict[str, Weight]:
        """See `RecurrentCell.weights`. DecoderState are of the input gate, the forget gate, the output gate, the candidate."""
        bias = [0.0] * self.input_gate + [self.forget_bias] * self.forget_gate + [0.0] * self.output_gate + [0.0]
        weights = self._matrices(self.inputs, len(bias), bias)
        weights["peephole_early"] = Weight((self._early * self.width,))
        if self.output_gate:
            weights["peephole_output"] = Weight((self.width,))
        if self.gate_recurrence:
            weights["recurrent_gates"] = Weight((3 * self.width, 3 * self.width))
        return weights

    def step(self, ops: Ops, x: Value, state: State) -> tuple[Value, State]:
        """See `RecurrentCell.step`."""
        (h, c, *gates_before), width = state, self.width
        sums = ops.add_product(x, h, "recurrent")
        gates, candidate = ops.split(sums, (self._early + self.output_gate) * width, width)
        if self.gate_recurrence:
            gates = ops.add_product(gates, gates_before[0], "recurrent_gates")
        early, *output = ops.split(gates, *[self._early * width, *[width] * self.output_gate])
        seen = ops.concat(*[c] * self._early) if self._early > 1 else c
        early = ops.sigmoid(early + seen * ops.vector("peephole_early"))
        opened = ops.split(early, *[width] * self._early)
        z = ops.tanh(candidate) if self.input_activation else candidate
        c = self._remember(opened, c, z)
        h = ops.tanh(c) if self.output_activation else c
        if self.output_gate:
            output = [ops.sigmoid(output[0] + c * ops.vector("peephole_output"))]
            h = output[0] * h
        return h, (h, c, ops.concat(early, *output)) if self.gate_recurrence else (h, c)

    def _remember(self, gates: list[Value], c: Value, z: Value) -> Value:
        if self.coupled:
            return z + gates[0] * (c - z)
        return (gates[-1] * c if self.forget_gate else c) + (gates[0] * z if self.input_gate else z)


class CoupledGates(Peephole):
    """`Peephole` with i = 1 - f: c = f ⊙ c_t-1 + (1 - f) ⊙ z; Greff's CIFG, who compute i and take f = 1 - i."""

    input_gate, coupled = False, True


class NoInputGate(Peephole):
    """`Peephole` with i = 1: c = f ⊙ c_t-1 + z; Greff's NIG."""

    input_gate = False


class NoForgetGate(Peephole):
    """`Peephole` with f = 1: c = c_t-1 + i ⊙ z; Greff's NFG, the LSTM of 1997 with peepholes."""

    forget_gate = False


class NoOutputGate(Peephole):
    """`Peephole` with o = 1: h = tanh(c); Greff's NOG."""

    output_gate = False


class NoInputActivation(Peephole):
    """`Peephole` with z = W_z x + U_z h_t-1; Greff's NIAF."""

    input_activation = False


class NoOutputActivation(Peephole):
    """`Peephole` with h = o ⊙ c; Greff's NOAF."""

    output_activation = False


class FullGateRecurrence(Peephole):
    """`Peephole` whose gates hear of all gates of the step before; Greff's FGR, as in the LSTM of 1997.

    To each of i, f, o is added R [i, f, o]_t-1, before σ; at the first step the gates before are zero.
    """

    gate_recurrence = True

    @classmethod
    def parts(cls, width: int) -> tuple[Part, ...]:
        """See `Cell.parts`."""
        return *super().parts(width), Part("own", 3 * width)


class LayerNormLSTM(RecurrentCell):
    """The layer-normalised LSTM (Ba, Kiros & Hinton 2016): all sums for gates and candidate normalised together.

        [i, f, o, z] = N(W x) ⊙ α + N(U h_t-1) ⊙ β + b      N(v) = (v - mean(v)) / deviation(v)
        c = σ(f) ⊙ c_t-1 + σ(i) ⊙ tanh(z)                   h = σ(o) ⊙ tanh(N(c) ⊙ γ + b')

    The paper's two further biases for the sums would add to b and are left out.
    """

    def weights(self) -> dict[str, Weight]:
        """See `RecurrentCell.weights`."""
        ones, zeros = np.ones(4 * self.width, dtype=np.float32), np.zeros(self.width, dtype=np.float32)
        gains = {"input_gain": ones, "recurrent_gain": ones, "memory_gain": ones[: self.width], "memory_bias": zeros}
        matrices = self._matrices(self.inputs, 4, [0.0, self.forget_bias, 0.0, 0.0])
        return matrices | {name: Weight(start.shape, start) for name, start in gains.items()}

    def project(self, ops: Ops, x: Value) -> Value:
        """See `RecurrentCell.project`."""
        return ops.normalise(ops.product(x, "input"), "input_gain") + ops.vector("bias")

    def step(self, ops: Ops, x: Value, state: State) -> tuple[Value, State]:
        """See `RecurrentCell.step`."""
        (h, c), width = state, self.width
        sums = x + ops.normalise(ops.product(h, "recurrent"), "recurrent_gain")
        gates, candidate = ops.split(sums, 3 * width, width)
        input_, forget, output = ops.split(ops.sigmoid(gates), width, width, width)
        c = forget * c + input_ * ops.tanh(candidate)
        h = output * ops.tanh(ops.normalise(c, "memory_gain") + ops.vector("memory_bias"))
        return h, (h, c)


class MemoryBlock(RecurrentCell):
    """Memory blocks of four cells that share their gates, without forget gates (Hochreiter & Schmidhuber 1997).

        i = σ(W_i x + U_i h_t-1), o = σ(W_o x + U_o h_t-1), one number a block      z = tanh(W_z x + U_z h_t-1)
        c = c_t-1 + i ⊙ z       h = o ⊙ tanh(c)

    There the squashing functions are 4σ(v) - 2 and 2σ(v) - 1, here tanh as ever since.
    """

    forget_gate = False
    divisor = CELLS_IN_BLOCK

    @property
    def _blocks(self) -> int:
        return self.width // CELLS_IN_BLOCK

    def weights(self) -> dict[str, Weight]:
        """See `RecurrentCell.weights`."""
        rows = 2 * self._blocks + self.width
        bias = np.zeros(rows, dtype=np.float32)
        return {
            "input": Weight((rows, self.inputs)),
            "recurrent": Weight((rows, self.width)),
            "bias": Weight((rows,), bias),
        }

    def step(self, ops: Ops, x: Value, state: State) -> tuple[Value, State]:
        """See `RecurrentCell.step`."""
        h, c = state
        gates, candidate = ops.split(ops.add_product(x, h, "recurrent"), 2 * self._blocks, self.width)
        opened = ops.repeat(ops.sigmoid(gates), CELLS_IN_BLOCK)
        input_, output = ops.split(opened, self.width, self.width)
        c = c + input_ * ops.tanh(candidate)
        h = output * ops.tanh(c)
        return h, (h, c)


class Clockwork(RecurrentCell):
    """The clockwork network (Koutník et al. 2014): four modules that change at every, every 2nd, 4th, 8th step.

        h_m = tanh(W_m x + Σ U_mk h_k,t-1 over the modules k that are as slow or slower)    where t mod period_m is 0
        h_m = h_m,t-1                                                                       elsewhere

    The first step is t = 0, at which all modules change.
    """

    forget_gate = False
    divisor = len(PERIODS)

    @classmethod
    def parts(cls, width: int) -> tuple[Part, ...]:
        """See `Cell.parts`; t is its own."""
        return Part("output", width), Part("own", 1)

    @property
    def _module(self) -> int:
        return self.width // len(PERIODS)

    def weights(self) -> dict[str, Weight]:
        """See `RecurrentCell.weights`."""
        bias = np.zeros(self.width, dtype=np.float32)
        weights = {"input": Weight((self.width, self.inputs)), "bias": Weight(bias.shape, bias)}
        for module in range(len(PERIODS)):
            weights[f"recurrent_{module}"] = Weight((self._module, self.width - module * self._module))
        return weights

    def step(self, ops: Ops, x: Value, state: State) -> tuple[Value, State]:
        """See `RecurrentCell.step`."""
        h, clock = state
        modules = ops.split(h, *[self._module] * len(PERIODS))
        heard = [ops.product(ops.concat(*modules[m:]), f"recurrent_{m}") for m in range(len(PERIODS))]
        due = ops.due(clock, [period for period in PERIODS for _ in range(self._module)])
        h = h + due * (ops.tanh(x + ops.concat(*heard)) - h)
        return h, (h, clock + 1.0)


class SRU(RecurrentCell):
    """The simple recurrent unit (Lei et al. 2018), whose step has no matrix product.

        f = σ(W_f x + v_f ⊙ c_t-1)      r = σ(W_r x + v_r ⊙ c_t-1)
        c = f ⊙ c_t-1 + (1 - f) ⊙ W x   h = r ⊙ c + (1 - r) ⊙ x √3

    √3 keeps the variance where r is a half; an input of another width has a matrix W_s instead.
    """

    recurrent_matrix = False
    scale: ClassVar[float] = 3**0.5

    @classmethod
    def parts(cls, width: int) -> tuple[Part, ...]:
        """See `Cell.parts`."""
        return (Part("memory", width),)

    def weights(self) -> dict[str, Weight]:
        """See `RecurrentCell.weights`."""
        bias = np.repeat(np.array([self.forget_bias, 0.0], dtype=np.float32), self.width)
        rows = 3 if self.inputs == self.width else 4
        return {
            "input": Weight((rows * self.width, self.inputs)),
            "bias": Weight(bias.shape, bias),
            "peephole": Weight(bias.shape),
        }

    def project(self, ops: Ops, x: Value) -> Value:
        """See `RecurrentCell.project`."""
        width, sums = self.width, ops.product(x, "input")
        gates, rest = ops.split(sums, 2 * width, (1 if self.inputs == width else 2) * width)
        gates = gates + ops.vector("bias")
        return ops.concat(gates, rest, x * self.scale) if self.inputs == width else ops.concat(gates, rest)

    def step(self, ops: Ops, x: Value, state: State) -> tuple[Value, State]:
        """See `RecurrentCell.step`."""
        (c,), width = state, self.width
        gates, new, past = ops.split(x, 2 * width, width, width)
        gates = ops.sigmoid(gates + ops.concat(c, c) * ops.vector("peephole"))
        forget, reset = ops.split(gates, width, width)
        c = new + forget * (c - new)
        return past + reset * (c - past), (c,)


class Mutation(RecurrentCell, ABC):
    """The cells that a search among ten thousand found (Jozefowicz, Zaremba & Sutskever 2015).

    In all of them h = u ⊙ z + (1 - u) ⊙ h_t-1. Where the paper adds x itself, an input of another width is multiplied
    with a matrix.
    """

    forget_gate = False

    @classmethod
    def parts(cls, width: int) -> tuple[Part, ...]:
        """See `Cell.parts`."""
        return (Part("output", width),)

    def _past(self) -> dict[str, Weight]:
        return {} if self.inputs == self.width else {"input_past": Weight((self.width, self.inputs))}

    def _plain(self, ops: Ops, x: Value) -> Value:
        return x if self.inputs == self.width else ops.product(x, "input_past")

    def _vector(self, name: str, times: int) -> dict[str, Weight]:
        start = np.zeros(times * self.width, dtype=np.float32)
        return {name: Weight(start.shape, start)}


class Mut1(Mutation):
    """MUT1: u = σ(W_u x), r = σ(W_r x + U_r h_t-1), z = tanh(U_z (r ⊙ h_t-1) + tanh(x)); see `Mutation`."""

    def weights(self) -> dict[str, Weight]:
        """See `RecurrentCell.weights`."""
        square = Weight((self.width, self.width))
        return {
            "input": Weight((2 * self.width, self.inputs)), "recurrent_reset": square, "recurrent": square,
            **self._vector("bias", 3), **self._past(),
        }  # fmt: skip

    def project(self, ops: Ops, x: Value) -> Value:
        """See `RecurrentCell.project`."""
        sums = ops.concat(ops.product(x, "input"), ops.tanh(self._plain(ops, x))) + ops.vector("bias")
        update, rest = ops.split(sums, self.width, 2 * self.width)
        return ops.concat(ops.sigmoid(update), rest)

    def step(self, ops: Ops, x: Value, state: State) -> tuple[Value, State]:
        """See `RecurrentCell.step`."""
        (h,) = state
        update, reset, candidate = ops.split(x, self.width, self.width, self.width)
        reset = ops.sigmoid(ops.add_product(reset, h, "recurrent_reset"))
        z = ops.tanh(ops.add_product(candidate, reset * h, "recurrent"))
        h = h + update * (z - h)
        return h, (h,)


class Mut2(Mutation):
    """MUT2: u = σ(W_u x + U_u h_t-1), r = σ(x + U_r h_t-1), z = tanh(U_z (r ⊙ h_t-1) + W_z x); see `Mutation`."""

    def weights(self) -> dict[str, Weight]:
        """See `RecurrentCell.weights`."""
        return {
            "input": Weight((2 * self.width, self.inputs)), "recurrent_gates": Weight((2 * self.width, self.width)),
            "recurrent": Weight((self.width, self.width)), **self._vector("bias", 3), **self._past(),
        }  # fmt: skip

    def project(self, ops: Ops, x: Value) -> Value:
        """See `RecurrentCell.project`."""
        update, candidate = ops.split(ops.product(x, "input"), self.width, self.width)
        return ops.concat(update, self._plain(ops, x), candidate) + ops.vector("bias")

    def step(self, ops: Ops, x: Value, state: State) -> tuple[Value, State]:
        """See `RecurrentCell.step`."""
        (h,), width = state, self.width
        gates, candidate = ops.split(x, 2 * width, width)
        update, reset = ops.split(ops.sigmoid(ops.add_product(gates, h, "recurrent_gates")), width, width)
        z = ops.tanh(ops.add_product(candidate, reset * h, "recurrent"))
        h = h + update * (z - h)
        return h, (h,)


class Mut3(Mutation):
    """MUT3: u = σ(W_u x + U_u tanh(h_t-1)), r = σ(W_r x + U_r h_t-1), z = tanh(U_z (r ⊙ h_t-1) + W_z x).

    See `Mutation`.
    """

    def weights(self) -> dict[str, Weight]:
        """See `RecurrentCell.weights`."""
        square = Weight((self.width, self.width))
        return {
            "input": Weight((3 * self.width, self.inputs)), "recurrent_update": square, "recurrent_reset": square,
            "recurrent": square, **self._vector("bias", 3),
        }  # fmt: skip

    def step(self, ops: Ops, x: Value, state: State) -> tuple[Value, State]:
        """See `RecurrentCell.step`."""
        (h,) = state
        update, reset, candidate = ops.split(x, self.width, self.width, self.width)
        update = ops.sigmoid(ops.add_product(update, ops.tanh(h), "recurrent_update"))
        reset = ops.sigmoid(ops.add_product(reset, h, "recurrent_reset"))
        z = ops.tanh(ops.add_product(candidate, reset * h, "recurrent"))
        h = h + update * (z - h)
        return h, (h,)


# --- stacks ----------------------------------------------------------------------------------------------


class GatedFeedback(RecurrentCell):
    """The gated-feedback LSTM (Chung et al. 2015): each layer hears all layers of the step before.

    With x¹ the input, xʲ⁺¹ the output of layer j, and H = [h¹, …, hᴸ]_t-1, in layer j

        gᵏ = σ(w_k · xʲ + u_k · H), one number for each layer k     i, f, o as in `VanillaLSTM`
        z = tanh(W_z xʲ + Σ_k gᵏ U_zk hᵏ_t-1)                       c = f ⊙ c_t-1 + i ⊙ z       h = o ⊙ tanh(c)
    """

    stacked = True

    def weights(self) -> dict[str, Weight]:
        """See `RecurrentCell.weights`."""
        weights: dict[str, Weight] = {}
        width, layers = self.width, self.layers
        for j in range(layers):
            bias = np.repeat([0, self.forget_bias, 0, 0, 0], [width] * 4 + [layers]).astype(np.float32)
            weights[f"input_{j}"] = Weight((len(bias), width if j else self.inputs))
            weights[f"bias_{j}"] = Weight(bias.shape, bias)
            weights[f"recurrent_gates_{j}"] = Weight((3 * width, width))
            weights[f"recurrent_{j}"] = Weight((width, layers * width))
            weights[f"recurrent_feedback_{j}"] = Weight((layers, layers * width))
        return weights

    def project(self, ops: Ops, x: Value) -> Value:
        """See `RecurrentCell.project`."""
        return ops.add_product(ops.vector("bias_0"), x, "input_0")

    def step(self, ops: Ops, x: Value, state: State) -> tuple[Value, State]:
        """See `RecurrentCell.step`."""
        width, layers = self.width, self.layers
        before, below, after = state[::2], None, []
        everything = ops.concat(*before)
        for j in range(layers):
            sums = x if below is None else ops.add_product(ops.vector(f"bias_{j}"), below, f"input_{j}")
            gates, candidate, feedback = ops.split(sums, 3 * width, width, layers)
            feedback = ops.sigmoid(ops.add_product(feedback, everything, f"recurrent_feedback_{j}"))
            heard = ops.concat(*(g * h for g, h in zip(ops.split(feedback, *[1] * layers), before, strict=True)))
            z = ops.tanh(ops.add_product(candidate, heard, f"recurrent_{j}"))
            gates = ops.sigmoid(ops.add_product(gates, before[j], f"recurrent_gates_{j}"))
            input_, forget, output = ops.split(gates, width, width, width)
            c = forget * state[2 * j + 1] + input_ * z
            h = output * ops.tanh(c)
            after += [h, c]
            below = ops.pass_on(below, h)
        return below, tuple(after)


class DepthGated(RecurrentCell):
    """The depth-gated LSTM (Yao et al. 2015): `Peephole` layers, and above the first a gate to the cell below.

    With x the output of the layer below and c' its memory cell at the same step,

        d = σ(W_d x + p_d ⊙ c_t-1 + q_d ⊙ c')       c = d ⊙ c' + f ⊙ c_t-1 + i ⊙ z
    """

    stacked = True

    def weights(self) -> dict[str, Weight]:
        """See `RecurrentCell.weights`. DecoderState are of input, forget, output gate, candidate and depth gate."""
        weights: dict[str, Weight] = {}
        width = self.width
        for j in range(self.layers):
            bias = [0.0, self.forget_bias, 0.0, 0.0, *[0.0] * (j > 0)]
            weights |= self._matrices(width if j else self.inputs, 4, bias, f"_{j}")
            weights[f"peephole_early_{j}"] = Weight((2 * width,))
            weights[f"peephole_output_{j}"] = Weight((width,))
            if j:
                weights[f"peephole_depth_{j}"] = Weight((2 * width,))
        return weights

    def project(self, ops: Ops, x: Value) -> Value:
        """See `RecurrentCell.project`."""
        return ops.add_product(ops.vector("bias_0"), x, "input_0")

    def step(self, ops: Ops, x: Value, state: State) -> tuple[Value, State]:
        """See `RecurrentCell.step`."""
        width, below, lower, after = self.width, None, None, []
        for j in range(self.layers):
            h, before = state[2 * j], state[2 * j + 1]
            sums = x if below is None else ops.add_product(ops.vector(f"bias_{j}"), below, f"input_{j}")
            sums, *depth = ops.split(sums, 4 * width, *[width] * (j > 0))
            early, output, candidate = ops.split(ops.add_product(sums, h, f"recurrent_{j}"), 2 * width, width, width)
            early = ops.sigmoid(early + ops.concat(before, before) * ops.vector(f"peephole_early_{j}"))
            input_, forget = ops.split(early, width, width)
            c = forget * before + input_ * ops.tanh(candidate)
            if depth:
                of_before, of_lower = ops.split(ops.vector(f"peephole_depth_{j}"), width, width)
                c = c + ops.sigmoid(depth[0] + before * of_before + lower * of_lower) * lower
            h = ops.sigmoid(output + c * ops.vector(f"peephole_output_{j}")) * ops.tanh(c)
            after += [h, c]
            below, lower = ops.pass_on(below, h), c
        return below, tuple(after)


class Grid(RecurrentCell):
    """The grid LSTM of two dimensions (Kalchbrenner, Danihelka & Graves 2015): LSTMs along time and along depth.

    A layer reads H = [h_t-1, h'], of the step before and of the layer below, and has two sets of weights:

        (h, c) = LSTM(H, c_t-1) along time      (h'', c'') = LSTM(H, c') along depth
        i, f, o = σ(W H), z = tanh(W_z H)       c = f ⊙ c_t-1 + i ⊙ z       h = o ⊙ tanh(c)

    (h'', c'') go to the layer above, the topmost h'' is the output; at the bottom h' and c' are projections of x.
    """

    stacked = True

    def weights(self) -> dict[str, Weight]:
        """See `RecurrentCell.weights`. DecoderState are of i, f, o along time and depth, and the candidates."""
        width, bias = self.width, [0.0, 0.0, self.forget_bias, self.forget_bias, 0.0, 0.0, 0.0, 0.0]
        start = np.zeros(2 * width, dtype=np.float32)
        weights = {"input": Weight((2 * width, self.inputs)), "bias": Weight(start.shape, start)}
        for j in range(self.layers):
            weights |= self._matrices(width, 8, bias, f"_{j}")
        return weights

    def step(self, ops: Ops, x: Value, state: State) -> tuple[Value, State]:
        """See `RecurrentCell.step`."""
        width, after = self.width, []
        below, depth = ops.split(x, width, width)
        for j in range(self.layers):
            h, c = state[2 * j], state[2 * j + 1]
            sums = ops.add_product(ops.vector(f"bias_{j}"), below, f"input_{j}")
            gates, candidates = ops.split(ops.add_product(sums, h, f"recurrent_{j}"), 6 * width, 2 * width)
            input_, forget, output = ops.split(ops.sigmoid(gates), 2 * width, 2 * width, 2 * width)
            both = forget * ops.concat(c, depth) + input_ * ops.tanh(candidates)
            h, upward = ops.split(output * ops.tanh(both), width, width)
            c, depth = ops.split(both, width, width)
            after += [h, c]
            below = ops.pass_on(below if j else None, upward)
        return below, tuple(after)


CELLS: dict[CellName, type[Cell]] = {
    "lstm": VanillaLSTM,
    "rnn": TanhRNN,
    "gru": GRU,
    "peephole": Peephole,
    "coupled_gates": CoupledGates,
    "no_input_gate": NoInputGate,
    "no_forget_gate": NoForgetGate,
    "no_output_gate": NoOutputGate,
    "no_input_activation": NoInputActivation,
    "no_output_activation": NoOutputActivation,
    "full_gate_recurrence": FullGateRecurrence,
    "layer_norm": LayerNormLSTM,
    "gated_feedback": GatedFeedback,
    "depth_gated": DepthGated,
    "clockwork": Clockwork,
    "grid": Grid,
    "sru": SRU,
    "mut1": Mut1,
    "mut2": Mut2,
    "mut3": Mut3,
    "memory_block": MemoryBlock,
}


def equations(name: CellName, inputs: int, width: int, layers: int, forget_bias: float) -> RecurrentCell:
    """The equations of any cell but ``lstm``; ``layers`` are those of the stack, which most cells do not care for."""
    kind = CELLS[name]
    assert issubclass(kind, RecurrentCell), name
    return kind(inputs, width, layers if kind.stacked else 1, forget_bias)
