"""The cells once more, in NumPy: one sentence, one step, one gate after the other, as the papers print them.

Each function takes the weights of `nmt.model.cells.families` by name, the input x [I] and the state of the step before, and
gives the output [D] and the next state. Those of stacks are told whether layers above the first are added to what they
read.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Array = np.ndarray
Weights = dict[str, Array]
State = list[Array]


def sigma(v: Array) -> Array:
    return 1 / (1 + np.exp(-v))


def rows(matrix: Array, gate: int, width: int) -> Array:
    return matrix[gate * width : (gate + 1) * width]


def of_gate(w: Weights, gate: int, x: Array, h: Array) -> Array:
    """W x + U h + b of a gate."""
    d = len(h)
    return rows(w["input"], gate, d) @ x + rows(w["recurrent"], gate, d) @ h + rows(w["bias"], gate, d)


def lstm(w: Weights, x: Array, state: State) -> tuple[Array, State]:
    """With torch's names of weights, and its order of gates."""
    h, c = state
    sums = w["lstm.weight_ih_l0"] @ x + w["lstm.bias_ih_l0"] + w["lstm.weight_hh_l0"] @ h + w["lstm.bias_hh_l0"]
    i, f, z, o = (rows(sums, n, len(h)) for n in range(4))
    c = sigma(f) * c + sigma(i) * np.tanh(z)
    h = sigma(o) * np.tanh(c)
    return h, [h, c]


def rnn(w: Weights, x: Array, state: State) -> tuple[Array, State]:
    h = np.tanh(of_gate(w, 0, x, state[0]))
    return h, [h]


def gru(w: Weights, x: Array, state: State) -> tuple[Array, State]:
    [h], d = state, len(state[0])
    r, u = sigma(of_gate(w, 0, x, h)), sigma(of_gate(w, 1, x, h))
    inner = rows(w["recurrent"], 2, d) @ h + w["recurrent_bias"]
    z = np.tanh(rows(w["input"], 2, d) @ x + rows(w["bias"], 2, d) + r * inner)
    h = u * h + (1 - u) * z
    return h, [h]


def odyssey(
    input_gate: bool = True, forget_gate: bool = True, output_gate: bool = True, coupled: bool = False,
    squash: Callable[[Array], Array] = np.tanh, squash_output: Callable[[Array], Array] = np.tanh, full: bool = False,
) -> Callable[[Weights, Array, State], tuple[Array, State]]:  # fmt: skip
    """Vanilla and its ablations (Greff et al. 2015, section 3)."""

    def step(w: Weights, x: Array, state: State) -> tuple[Array, State]:
        h, c, *gates = state
        d, names = len(h), [n for n, on in (("i", input_gate), ("f", forget_gate), ("o", output_gate)) if on]
        sums = {name: of_gate(w, n, x, h) for n, name in enumerate(names)}
        if full:
            for n, name in enumerate(names):
                for m in range(3):
                    block = w["recurrent_gates"][n * d : (n + 1) * d, m * d : (m + 1) * d]
                    sums[name] = sums[name] + block @ gates[0][m * d : (m + 1) * d]
        early = [name for name in names if name != "o"]
        opened = {name: sigma(sums[name] + rows(w["peephole_early"], n, d) * c) for n, name in enumerate(early)}
        one = np.ones(d)
        f = opened.get("f", one)
        i = 1 - f if coupled else opened.get("i", one)
        c = f * c + i * squash(of_gate(w, len(names), x, h))
        o = sigma(sums["o"] + w["peephole_output"] * c) if output_gate else one
        h = o * squash_output(c)
        return h, [h, c, np.concatenate((i, f, o))] if full else [h, c]

    return step


def same(v: Array) -> Array:
    return v


def normal(v: Array) -> Array:
    return (v - v.mean()) / np.sqrt(((v - v.mean()) ** 2).mean() + 1e-5)


def layer_norm(w: Weights, x: Array, state: State) -> tuple[Array, State]:
    (h, c), d = state, len(state[0])
    sums = normal(w["input"] @ x) * w["input_gain"] + normal(w["recurrent"] @ h) * w["recurrent_gain"] + w["bias"]
    i, f, o, z = (sums[n * d : (n + 1) * d] for n in range(4))
    c = sigma(f) * c + sigma(i) * np.tanh(z)
    h = sigma(o) * np.tanh(normal(c) * w["memory_gain"] + w["memory_bias"])
    return h, [h, c]


def memory_block(w: Weights, x: Array, state: State) -> tuple[Array, State]:
    (h, c), blocks = state, len(state[0]) // 4
    sums = w["input"] @ x + w["recurrent"] @ h + w["bias"]
    h, c = h.copy(), c.copy()
    for cell in range(len(h)):
        block = cell // 4
        c[cell] += sigma(sums[block]) * np.tanh(sums[2 * blocks + cell])
        h[cell] = sigma(sums[blocks + block]) * np.tanh(c[cell])
    return h, [h, c]


def clockwork(w: Weights, x: Array, state: State) -> tuple[Array, State]:
    (before, clock), size = state, len(state[0]) // 4
    h = before.copy()
    for m in range(4):
        if clock[0] % 2**m == 0:
            own = slice(m * size, (m + 1) * size)
            h[own] = np.tanh(w["input"][own] @ x + w["bias"][own] + w[f"recurrent_{m}"] @ before[m * size :])
    return h, [h, clock + 1]


def sru(w: Weights, x: Array, state: State) -> tuple[Array, State]:
    [c], d = state, len(state[0])
    f = sigma(rows(w["input"], 0, d) @ x + rows(w["peephole"], 0, d) * c + rows(w["bias"], 0, d))
    r = sigma(rows(w["input"], 1, d) @ x + rows(w["peephole"], 1, d) * c + rows(w["bias"], 1, d))
    c = f * c + (1 - f) * (rows(w["input"], 2, d) @ x)
    past = np.sqrt(3) * x if len(x) == d else rows(w["input"], 3, d) @ x
    return r * c + (1 - r) * past, [c]


def plain(w: Weights, x: Array) -> Array:
    return w["input_past"] @ x if "input_past" in w else x


def mut1(w: Weights, x: Array, state: State) -> tuple[Array, State]:
    [h], d = state, len(state[0])
    b = [rows(w["bias"], n, d) for n in range(3)]
    u = sigma(rows(w["input"], 0, d) @ x + b[0])
    r = sigma(rows(w["input"], 1, d) @ x + w["recurrent_reset"] @ h + b[1])
    h = np.tanh(w["recurrent"] @ (r * h) + np.tanh(plain(w, x)) + b[2]) * u + h * (1 - u)
    return h, [h]


def mut2(w: Weights, x: Array, state: State) -> tuple[Array, State]:
    [h], d = state, len(state[0])
    b = [rows(w["bias"], n, d) for n in range(3)]
    u = sigma(rows(w["input"], 0, d) @ x + rows(w["recurrent_gates"], 0, d) @ h + b[0])
    r = sigma(plain(w, x) + rows(w["recurrent_gates"], 1, d) @ h + b[1])
    h = np.tanh(w["recurrent"] @ (r * h) + rows(w["input"], 1, d) @ x + b[2]) * u + h * (1 - u)
    return h, [h]


def mut3(w: Weights, x: Array, state: State) -> tuple[Array, State]:
    [h], d = state, len(state[0])
    b = [rows(w["bias"], n, d) for n in range(3)]
    u = sigma(rows(w["input"], 0, d) @ x + w["recurrent_update"] @ np.tanh(h) + b[0])
    r = sigma(rows(w["input"], 1, d) @ x + w["recurrent_reset"] @ h + b[1])
    h = np.tanh(w["recurrent"] @ (r * h) + rows(w["input"], 2, d) @ x + b[2]) * u + h * (1 - u)
    return h, [h]


def layer(w: Weights, j: int) -> Weights:
    """The weights of a layer of a stack."""
    return {name.removesuffix(f"_{j}"): array for name, array in w.items() if name.endswith(f"_{j}")}


def gated_feedback(w: Weights, x: Array, state: State, residual: bool = False) -> tuple[Array, State]:
    layers, d, after = len(state) // 2, len(state[0]), []
    everything = np.concatenate(state[::2])
    for j in range(layers):
        of, h, c = layer(w, j), state[2 * j], state[2 * j + 1]
        i, f, o = (
            sigma(rows(of["input"], n, d) @ x + rows(of["recurrent_gates"], n, d) @ h + rows(of["bias"], n, d))
            for n in range(3)
        )
        z = rows(of["input"], 3, d) @ x + rows(of["bias"], 3, d)
        for k in range(layers):
            place = 4 * d + k
            g = sigma(of["input"][place] @ x + of["recurrent_feedback"][k] @ everything + of["bias"][place])
            z = z + g * (of["recurrent"][:, k * d : (k + 1) * d] @ state[2 * k])
        c = f * c + i * np.tanh(z)
        h = o * np.tanh(c)
        x = x + h if residual and j else h
        after += [h, c]
    return x, after


def depth_gated(w: Weights, x: Array, state: State, residual: bool = False) -> tuple[Array, State]:
    layers, after, lower = len(state) // 2, [], None
    for j in range(layers):
        of, (h, before) = layer(w, j), state[2 * j : 2 * j + 2]
        d = len(h)
        i = sigma(of_gate(of, 0, x, h) + rows(of["peephole_early"], 0, d) * before)
        f = sigma(of_gate(of, 1, x, h) + rows(of["peephole_early"], 1, d) * before)
        c = f * before + i * np.tanh(of_gate(of, 3, x, h))
        if lower is not None:
            depth = rows(of["input"], 4, d) @ x + rows(of["bias"], 4, d)
            peepholes = rows(of["peephole_depth"], 0, d) * before + rows(of["peephole_depth"], 1, d) * lower
            c = c + sigma(depth + peepholes) * lower
        h = sigma(of_gate(of, 2, x, h) + of["peephole_output"] * c) * np.tanh(c)
        x = x + h if residual and j else h
        lower = c
        after += [h, c]
    return x, after


def grid(w: Weights, x: Array, state: State, residual: bool = False) -> tuple[Array, State]:
    layers, d, after = len(state) // 2, len(state[0]), []
    bottom = w["input"] @ x + w["bias"]
    depth_h, depth_c = bottom[:d], bottom[d:]
    for j in range(layers):
        of, h, c = layer(w, j), state[2 * j], state[2 * j + 1]

        def lstm(
            along: int, memory: Array, of: Weights = of, h: Array = h, below: Array = depth_h
        ) -> tuple[Array, Array]:
            i, f, o, z = (of_gate(of, 2 * n + along, below, h) for n in range(4))
            memory = sigma(f) * memory + sigma(i) * np.tanh(z)
            return sigma(o) * np.tanh(memory), memory

        (h, c), (up, depth_c) = lstm(0, c), lstm(1, depth_c)
        depth_h = depth_h + up if residual and j else up
        after += [h, c]
    return depth_h, after


STEPS: dict[str, Callable[..., tuple[Array, State]]] = {
    "lstm": lstm, "rnn": rnn, "gru": gru, "peephole": odyssey(),
    "coupled_gates": odyssey(input_gate=False, coupled=True),
    "no_input_gate": odyssey(input_gate=False), "no_forget_gate": odyssey(forget_gate=False),
    "no_output_gate": odyssey(output_gate=False), "no_input_activation": odyssey(squash=same),
    "no_output_activation": odyssey(squash_output=same), "full_gate_recurrence": odyssey(full=True),
    "layer_norm": layer_norm, "memory_block": memory_block, "clockwork": clockwork, "sru": sru, "mut1": mut1,
    "mut2": mut2, "mut3": mut3, "gated_feedback": gated_feedback, "depth_gated": depth_gated, "grid": grid,
}  # fmt: skip
