"""Reference implementation of all cells in NumPy: one sentence, one step, gate by gate as in the papers.

Each function takes the weights of the cell by name, the input x [I] and the previous state, and returns the output [D]
and the new state. For stacked cells, ``residual`` adds to the outputs of layers above the first their inputs.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Array = np.ndarray
Weights = dict[str, Array]
State = list[Array]


def sigmoid(v: Array) -> Array:
    return 1 / (1 + np.exp(-v))


def gate_rows(matrix: Array, gate: int, width: int) -> Array:
    return matrix[gate * width : (gate + 1) * width]


def preactivation(w: Weights, gate: int, x: Array, h: Array) -> Array:
    """Return W x + U h + b of a gate."""
    d = len(h)
    return gate_rows(w["input"], gate, d) @ x + gate_rows(w["recurrent"], gate, d) @ h + gate_rows(w["bias"], gate, d)


def lstm_step(w: Weights, x: Array, state: State) -> tuple[Array, State]:
    """The LSTM, with torch's weight names and order of gates."""
    h, c = state
    sums = w["lstm.weight_ih_l0"] @ x + w["lstm.bias_ih_l0"] + w["lstm.weight_hh_l0"] @ h + w["lstm.bias_hh_l0"]
    i, f, z, o = (gate_rows(sums, n, len(h)) for n in range(4))
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(z)
    h = sigmoid(o) * np.tanh(c)
    return h, [h, c]


def rnn_step(w: Weights, x: Array, state: State) -> tuple[Array, State]:
    h = np.tanh(preactivation(w, 0, x, state[0]))
    return h, [h]


def gru_step(w: Weights, x: Array, state: State) -> tuple[Array, State]:
    [h], d = state, len(state[0])
    r, u = sigmoid(preactivation(w, 0, x, h)), sigmoid(preactivation(w, 1, x, h))
    inner = gate_rows(w["recurrent"], 2, d) @ h + w["recurrent_bias"]
    z = np.tanh(gate_rows(w["input"], 2, d) @ x + gate_rows(w["bias"], 2, d) + r * inner)
    h = u * h + (1 - u) * z
    return h, [h]


def peephole_lstm_step(
    input_gate: bool = True, forget_gate: bool = True, output_gate: bool = True, coupled: bool = False,
    squash: Callable[[Array], Array] = np.tanh, squash_output: Callable[[Array], Array] = np.tanh, full: bool = False,
) -> Callable[[Weights, Array, State], tuple[Array, State]]:  # fmt: skip
    """Return the step of the peephole LSTM or one of its ablations (Greff et al. 2015, section 3)."""

    def step(w: Weights, x: Array, state: State) -> tuple[Array, State]:
        h, c, *gates = state
        d, names = len(h), [n for n, on in (("i", input_gate), ("f", forget_gate), ("o", output_gate)) if on]
        sums = {name: preactivation(w, n, x, h) for n, name in enumerate(names)}
        if full:
            for n, name in enumerate(names):
                for m in range(3):
                    block = w["recurrent_gates"][n * d : (n + 1) * d, m * d : (m + 1) * d]
                    sums[name] = sums[name] + block @ gates[0][m * d : (m + 1) * d]
        early = [name for name in names if name != "o"]
        opened = {name: sigmoid(sums[name] + gate_rows(w["peephole_early"], n, d) * c) for n, name in enumerate(early)}
        one = np.ones(d)
        f = opened.get("f", one)
        i = 1 - f if coupled else opened.get("i", one)
        c = f * c + i * squash(preactivation(w, len(names), x, h))
        o = sigmoid(sums["o"] + w["peephole_output"] * c) if output_gate else one
        h = o * squash_output(c)
        return h, [h, c, np.concatenate((i, f, o))] if full else [h, c]

    return step


def identity(v: Array) -> Array:
    return v


def normalise(v: Array) -> Array:
    return (v - v.mean()) / np.sqrt(((v - v.mean()) ** 2).mean() + 1e-5)


def layer_norm_step(w: Weights, x: Array, state: State) -> tuple[Array, State]:
    (h, c), d = state, len(state[0])
    sums = normalise(w["input"] @ x) * w["input_gain"] + normalise(w["recurrent"] @ h) * w["recurrent_gain"] + w["bias"]
    i, f, o, z = (sums[n * d : (n + 1) * d] for n in range(4))
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(z)
    h = sigmoid(o) * np.tanh(normalise(c) * w["memory_gain"] + w["memory_bias"])
    return h, [h, c]


def memory_block_step(w: Weights, x: Array, state: State) -> tuple[Array, State]:
    (h, c), blocks = state, len(state[0]) // 4
    sums = w["input"] @ x + w["recurrent"] @ h + w["bias"]
    h, c = h.copy(), c.copy()
    for cell in range(len(h)):
        block = cell // 4
        c[cell] += sigmoid(sums[block]) * np.tanh(sums[2 * blocks + cell])
        h[cell] = sigmoid(sums[blocks + block]) * np.tanh(c[cell])
    return h, [h, c]


def clockwork_step(w: Weights, x: Array, state: State) -> tuple[Array, State]:
    (before, clock), size = state, len(state[0]) // 4
    h = before.copy()
    for m in range(4):
        if clock[0] % 2**m == 0:
            own = slice(m * size, (m + 1) * size)
            h[own] = np.tanh(w["input"][own] @ x + w["bias"][own] + w[f"recurrent_{m}"] @ before[m * size :])
    return h, [h, clock + 1]


def sru_step(w: Weights, x: Array, state: State) -> tuple[Array, State]:
    [c], d = state, len(state[0])
    f = sigmoid(gate_rows(w["input"], 0, d) @ x + gate_rows(w["peephole"], 0, d) * c + gate_rows(w["bias"], 0, d))
    r = sigmoid(gate_rows(w["input"], 1, d) @ x + gate_rows(w["peephole"], 1, d) * c + gate_rows(w["bias"], 1, d))
    c = f * c + (1 - f) * (gate_rows(w["input"], 2, d) @ x)
    past = np.sqrt(3) * x if len(x) == d else gate_rows(w["input"], 3, d) @ x
    return r * c + (1 - r) * past, [c]


def match_width(w: Weights, x: Array) -> Array:
    return w["input_past"] @ x if "input_past" in w else x


def mut1_step(w: Weights, x: Array, state: State) -> tuple[Array, State]:
    [h], d = state, len(state[0])
    b = [gate_rows(w["bias"], n, d) for n in range(3)]
    u = sigmoid(gate_rows(w["input"], 0, d) @ x + b[0])
    r = sigmoid(gate_rows(w["input"], 1, d) @ x + w["recurrent_reset"] @ h + b[1])
    h = np.tanh(w["recurrent"] @ (r * h) + np.tanh(match_width(w, x)) + b[2]) * u + h * (1 - u)
    return h, [h]


def mut2_step(w: Weights, x: Array, state: State) -> tuple[Array, State]:
    [h], d = state, len(state[0])
    b = [gate_rows(w["bias"], n, d) for n in range(3)]
    u = sigmoid(gate_rows(w["input"], 0, d) @ x + gate_rows(w["recurrent_gates"], 0, d) @ h + b[0])
    r = sigmoid(match_width(w, x) + gate_rows(w["recurrent_gates"], 1, d) @ h + b[1])
    h = np.tanh(w["recurrent"] @ (r * h) + gate_rows(w["input"], 1, d) @ x + b[2]) * u + h * (1 - u)
    return h, [h]


def mut3_step(w: Weights, x: Array, state: State) -> tuple[Array, State]:
    [h], d = state, len(state[0])
    b = [gate_rows(w["bias"], n, d) for n in range(3)]
    u = sigmoid(gate_rows(w["input"], 0, d) @ x + w["recurrent_update"] @ np.tanh(h) + b[0])
    r = sigmoid(gate_rows(w["input"], 1, d) @ x + w["recurrent_reset"] @ h + b[1])
    h = np.tanh(w["recurrent"] @ (r * h) + gate_rows(w["input"], 2, d) @ x + b[2]) * u + h * (1 - u)
    return h, [h]


def layer_weights(w: Weights, j: int) -> Weights:
    """Return the weights of layer j of a stack, without the suffix of their names."""
    return {name.removesuffix(f"_{j}"): array for name, array in w.items() if name.endswith(f"_{j}")}


def gated_feedback_step(w: Weights, x: Array, state: State, residual: bool = False) -> tuple[Array, State]:
    layers, d, new_state = len(state) // 2, len(state[0]), []
    all_hidden = np.concatenate(state[::2])
    for j in range(layers):
        lw, h, c = layer_weights(w, j), state[2 * j], state[2 * j + 1]
        i, f, o = (
            sigmoid(
                gate_rows(lw["input"], n, d) @ x
                + gate_rows(lw["recurrent_gates"], n, d) @ h
                + gate_rows(lw["bias"], n, d)
            )
            for n in range(3)
        )
        z = gate_rows(lw["input"], 3, d) @ x + gate_rows(lw["bias"], 3, d)
        for k in range(layers):
            row = 4 * d + k
            g = sigmoid(lw["input"][row] @ x + lw["recurrent_feedback"][k] @ all_hidden + lw["bias"][row])
            z = z + g * (lw["recurrent"][:, k * d : (k + 1) * d] @ state[2 * k])
        c = f * c + i * np.tanh(z)
        h = o * np.tanh(c)
        x = x + h if residual and j else h
        new_state += [h, c]
    return x, new_state


def depth_gated_step(w: Weights, x: Array, state: State, residual: bool = False) -> tuple[Array, State]:
    layers, new_state, lower = len(state) // 2, [], None
    for j in range(layers):
        lw, (h, before) = layer_weights(w, j), state[2 * j : 2 * j + 2]
        d = len(h)
        i = sigmoid(preactivation(lw, 0, x, h) + gate_rows(lw["peephole_early"], 0, d) * before)
        f = sigmoid(preactivation(lw, 1, x, h) + gate_rows(lw["peephole_early"], 1, d) * before)
        c = f * before + i * np.tanh(preactivation(lw, 3, x, h))
        if lower is not None:
            depth = gate_rows(lw["input"], 4, d) @ x + gate_rows(lw["bias"], 4, d)
            peepholes = gate_rows(lw["peephole_depth"], 0, d) * before + gate_rows(lw["peephole_depth"], 1, d) * lower
            c = c + sigmoid(depth + peepholes) * lower
        h = sigmoid(preactivation(lw, 2, x, h) + lw["peephole_output"] * c) * np.tanh(c)
        x = x + h if residual and j else h
        lower = c
        new_state += [h, c]
    return x, new_state


def grid_step(w: Weights, x: Array, state: State, residual: bool = False) -> tuple[Array, State]:
    layers, d, new_state = len(state) // 2, len(state[0]), []
    bottom = w["input"] @ x + w["bias"]
    depth_h, depth_c = bottom[:d], bottom[d:]
    for j in range(layers):
        lw, h, c = layer_weights(w, j), state[2 * j], state[2 * j + 1]

        def lstm_step(
            along: int, memory: Array, lw: Weights = lw, h: Array = h, below: Array = depth_h
        ) -> tuple[Array, Array]:
            i, f, o, z = (preactivation(lw, 2 * n + along, below, h) for n in range(4))
            memory = sigmoid(f) * memory + sigmoid(i) * np.tanh(z)
            return sigmoid(o) * np.tanh(memory), memory

        (h, c), (up, depth_c) = lstm_step(0, c), lstm_step(1, depth_c)
        depth_h = depth_h + up if residual and j else up
        new_state += [h, c]
    return depth_h, new_state


STEPS: dict[str, Callable[..., tuple[Array, State]]] = {
    "lstm": lstm_step, "rnn": rnn_step, "gru": gru_step, "peephole": peephole_lstm_step(),
    "coupled_gates": peephole_lstm_step(input_gate=False, coupled=True),
    "no_input_gate": peephole_lstm_step(input_gate=False), "no_forget_gate": peephole_lstm_step(forget_gate=False),
    "no_output_gate": peephole_lstm_step(output_gate=False),
    "no_input_activation": peephole_lstm_step(squash=identity),
    "no_output_activation": peephole_lstm_step(squash_output=identity),
    "full_gate_recurrence": peephole_lstm_step(full=True), "layer_norm": layer_norm_step,
    "memory_block": memory_block_step, "clockwork": clockwork_step, "sru": sru_step, "mut1": mut1_step,
    "mut2": mut2_step, "mut3": mut3_step, "gated_feedback": gated_feedback_step, "depth_gated": depth_gated_step,
    "grid": grid_step,
}  # fmt: skip
