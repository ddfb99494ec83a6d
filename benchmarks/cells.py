"""How long each cell takes to learn from a batch, beside torch's LSTM, and how many parameters it has.

    python benchmarks/cells.py                       # B=64, T=25, D=256 on two threads
    python benchmarks/cells.py --device cuda

One decoder layer (two for cells that are stacks, beside two of the LSTM) reads B random sequences of T steps, forward
and backward, in fp32. Cells take turns, so that a machine whose speed drifts treats all alike; the fastest turn counts.
"""

from __future__ import annotations

import argparse
import random
import time

import torch
from torch import Tensor, nn

from nmt.config.model import ModelConfig
from nmt.config.cells import CELL_TRAITS, CellName
from nmt.model.recurrent_layers import build_decoder_layers


class Stack(nn.Module):
    """So many layers of a cell, and nothing between them."""

    def __init__(self, cell: CellName, width: int, layers: int) -> None:
        super().__init__()
        config = ModelConfig(design="classic", cell=cell, width=width, bidirectional_layers=0, decoder_layers=layers)
        self.layers = nn.ModuleList(build_decoder_layers(config, width, layers))
        self.chunks = state_parts(config) * (layers if CELLS[cell].stacked else 1)

    def learn(self, x: Tensor) -> float:
        """Seconds that forward and backward pass over x [B, T, D] take."""
        began = time.perf_counter()
        y = x
        for layer in self.layers:
            y, _ = layer(y, tuple(x.new_zeros(len(x), part.size) for part in self.chunks))
        y.sum().backward()
        if x.is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    x = torch.randn(options.batch, options.steps, options.width, device=options.device, requires_grad=True)
    layers = {name: 2 if cell.stacked else 1 for name, cell in CELLS.items()}
    stacks = {name: Stack(name, options.width, count).to(options.device) for name, count in layers.items()}
    baselines = {count: Stack("lstm", options.width, count).to(options.device) for count in (1, 2)}
    times: dict[object, list[float]] = {key: [] for key in (*stacks, *baselines)}
    for turn in range(options.rounds + 2):
        everyone = [*stacks.items(), *baselines.items()]
        for key, stack in random.sample(everyone, len(everyone)):  # what went before leaves its mark on the caches
            seconds = stack.learn(x)
            if turn >= 2:  # the first ones load and tune
                times[key].append(seconds)
    print(f"{'cell':22} {'ms':>7} {'× lstm':>7} {'parameters × lstm':>18}")
    for name, stack in stacks.items():
        ms, baseline = (1000 * min(times[key]) for key in (name, layers[name]))
        ratio = _parameters(stack) / _parameters(baselines[layers[name]])
        print(f"{name:22} {ms:7.1f} {ms / baseline:7.2f} {ratio:18.2f}")


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


if __name__ == "__main__":
    main()
