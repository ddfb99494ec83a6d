"""LSTM stacks whose layers depend on each other within a time step. Notation: `nmt.model.cells.base`."""

from __future__ import annotations

import numpy as np

from nmt.model.cells.base import CellState, Operand, Ops, RecurrentCell, WeightSpec, zeros_spec


class GatedFeedbackLSTM(RecurrentCell):
    """The gated-feedback LSTM (Chung et al. 2015): each layer reads the previous hidden states of all layers.

    With x¹ the input, xʲ⁺¹ the output of layer j, and H = [h¹, …, hᴸ]_t-1, in layer j

        gᵏ = σ(w_k · xʲ + u_k · H), one number per layer k      i, f, o = σ(W xʲ + U hʲ_t-1)
        z = tanh(W_z xʲ + Σ_k gᵏ U_zk hᵏ_t-1)                   c = f ⊙ c_t-1 + i ⊙ z       h = o ⊙ tanh(c)
    """

    def weight_specs(self) -> dict[str, WeightSpec]:
        """Return the specification of each weight, by name.

        Rows are in the order input, forget, output gate, candidate, feedback gates.
        """
        weights: dict[str, WeightSpec] = {}
        width, layers = self.width, self.layers
        for j in range(layers):
            bias = np.repeat([0, self.forget_bias, 0, 0, 0], [width] * 4 + [layers]).astype(np.float32)
            weights[f"input_{j}"] = WeightSpec((len(bias), width if j else self.input_size))
            weights[f"bias_{j}"] = WeightSpec(bias.shape, bias)
            weights[f"recurrent_gates_{j}"] = WeightSpec((3 * width, width))
            weights[f"recurrent_{j}"] = WeightSpec((width, layers * width))
            weights[f"recurrent_feedback_{j}"] = WeightSpec((layers, layers * width))
        return weights

    def project_input(self, ops: Ops, x: Operand) -> Operand:
        """Compute the input's part of the first layer."""
        return ops.add_matmul(ops.weight_vector("bias_0"), x, "input_0")

    def step(self, ops: Ops, x: Operand, state: CellState) -> tuple[Operand, CellState]:
        """Compute one time step; see `RecurrentCell.step`."""
        width, layers = self.width, self.layers
        hidden_states, layer_input, new_state = state[::2], None, []
        all_hidden = ops.concat(*hidden_states)
        for j in range(layers):
            bias = ops.weight_vector(f"bias_{j}")
            sums = x if layer_input is None else ops.add_matmul(bias, layer_input, f"input_{j}")
            gates, candidate, feedback = ops.split(sums, 3 * width, width, layers)
            feedback = ops.sigmoid(ops.add_matmul(feedback, all_hidden, f"recurrent_feedback_{j}"))
            feedback_gates = ops.split(feedback, *[1] * layers)
            gated_hidden = ops.concat(*(g * h for g, h in zip(feedback_gates, hidden_states, strict=True)))
            z = ops.tanh(ops.add_matmul(candidate, gated_hidden, f"recurrent_{j}"))
            gates = ops.sigmoid(ops.add_matmul(gates, hidden_states[j], f"recurrent_gates_{j}"))
            input_, forget, output = ops.split(gates, width, width, width)
            c = forget * state[2 * j + 1] + input_ * z
            h = output * ops.tanh(c)
            new_state += [h, c]
            layer_input = ops.next_layer_input(layer_input, h)
        return layer_input, tuple(new_state)


class DepthGatedLSTM(RecurrentCell):
    """The depth-gated LSTM (Yao et al. 2015): `PeepholeLSTM` layers whose cell states are linked by a depth gate.

    With x the output and c' the cell state of the layer below at the same step, in all layers but the first

        d = σ(W_d x + p_d ⊙ c_t-1 + q_d ⊙ c')       c = d ⊙ c' + f ⊙ c_t-1 + i ⊙ z
    """

    def weight_specs(self) -> dict[str, WeightSpec]:
        """Return the specification of each weight, by name.

        Rows are in the order input, forget, output gate, candidate, depth gate.
        """
        weights: dict[str, WeightSpec] = {}
        width = self.width
        for j in range(self.layers):
            biases = [0.0, self.forget_bias, 0.0, 0.0, *[0.0] * (j > 0)]
            weights |= self._gate_weight_specs(width if j else self.input_size, 4, biases, f"_{j}")
            weights[f"peephole_early_{j}"] = WeightSpec((2 * width,))
            weights[f"peephole_output_{j}"] = WeightSpec((width,))
            if j:
                weights[f"peephole_depth_{j}"] = WeightSpec((2 * width,))
        return weights

    def project_input(self, ops: Ops, x: Operand) -> Operand:
        """Compute the input's part of the first layer."""
        return ops.add_matmul(ops.weight_vector("bias_0"), x, "input_0")

    def step(self, ops: Ops, x: Operand, state: CellState) -> tuple[Operand, CellState]:
        """Compute one time step; see `RecurrentCell.step`."""
        width, layer_input, c_below, new_state = self.width, None, None, []
        for j in range(self.layers):
            h, previous_c = state[2 * j], state[2 * j + 1]
            bias = ops.weight_vector(f"bias_{j}")
            sums = x if layer_input is None else ops.add_matmul(bias, layer_input, f"input_{j}")
            sums, *depth = ops.split(sums, 4 * width, *[width] * (j > 0))
            early, output, candidate = ops.split(ops.add_matmul(sums, h, f"recurrent_{j}"), 2 * width, width, width)
            repeated_c = ops.concat(previous_c, previous_c)
            early = ops.sigmoid(early + repeated_c * ops.weight_vector(f"peephole_early_{j}"))
            input_, forget = ops.split(early, width, width)
            c = forget * previous_c + input_ * ops.tanh(candidate)
            if depth:
                peephole_previous, peephole_below = ops.split(ops.weight_vector(f"peephole_depth_{j}"), width, width)
                c = c + ops.sigmoid(depth[0] + previous_c * peephole_previous + c_below * peephole_below) * c_below
            h = ops.sigmoid(output + c * ops.weight_vector(f"peephole_output_{j}")) * ops.tanh(c)
            new_state += [h, c]
            layer_input, c_below = ops.next_layer_input(layer_input, h), c
        return layer_input, tuple(new_state)


class GridLSTM(RecurrentCell):
    """The two-dimensional grid LSTM (Kalchbrenner, Danihelka & Graves 2015): an LSTM along time and one along depth.

    A layer reads H = [h_t-1, h'], the hidden states of the previous step and of the layer below, with two sets of
    weights:

        (h, c) = LSTM(H, c_t-1) along time      (h'', c'') = LSTM(H, c') along depth
        i, f, o = σ(W H), z = tanh(W_z H)       c = f ⊙ c_t-1 + i ⊙ z       h = o ⊙ tanh(c)

    (h'', c'') is the input of the layer above, and the topmost h'' is the output. For the lowest layer, h' and c' are
    linear projections of x.
    """

    def weight_specs(self) -> dict[str, WeightSpec]:
        """Return the specification of each weight, by name.

        Rows: i, f, o and the candidate, each first along time, then along depth.
        """
        width, biases = self.width, [0.0, 0.0, self.forget_bias, self.forget_bias, 0.0, 0.0, 0.0, 0.0]
        weights = {"input": WeightSpec((2 * width, self.input_size)), "bias": zeros_spec(2 * width)}
        for j in range(self.layers):
            weights |= self._gate_weight_specs(width, 8, biases, f"_{j}")
        return weights

    def step(self, ops: Ops, x: Operand, state: CellState) -> tuple[Operand, CellState]:
        """Compute one time step; see `RecurrentCell.step`."""
        width, new_state = self.width, []
        layer_input, depth_c = ops.split(x, width, width)
        for j in range(self.layers):
            h, c = state[2 * j], state[2 * j + 1]
            sums = ops.add_matmul(ops.weight_vector(f"bias_{j}"), layer_input, f"input_{j}")
            gates, candidates = ops.split(ops.add_matmul(sums, h, f"recurrent_{j}"), 6 * width, 2 * width)
            input_, forget, output = ops.split(ops.sigmoid(gates), 2 * width, 2 * width, 2 * width)
            both_c = forget * ops.concat(c, depth_c) + input_ * ops.tanh(candidates)
            h, depth_h = ops.split(output * ops.tanh(both_c), width, width)
            c, depth_c = ops.split(both_c, width, width)
            new_state += [h, c]
            layer_input = ops.next_layer_input(layer_input if j else None, depth_h)
        return layer_input, tuple(new_state)
