"""Training speed and parameter count of each recurrent cell, relative to torch's LSTM.

    python benchmarks/cells.py                       # B=64, T=25, D=256 on two threads
    python benchmarks/cells.py --device cuda

One decoder layer (for stacked cells two, compared with two LSTM layers) runs forward and backward over B random
sequences of T steps in fp32. Cells take turns in random order, so that a drift of the machine's speed affects all
alike; the fastest turn counts.
"""

from __future__ import annotations

import argparse
import random
import time

import torch
from torch import Tensor, nn

from nmt.config.cells import CELL_TRAITS, CellName
from nmt.config.model import ModelConfig
from nmt.model.cells.registry import state_specs
from nmt.model.recurrent_layers import build_decoder_layers


class RecurrentStack(nn.Module):
    """Several layers of a cell, with nothing between them."""

    def __init__(self, cell: CellName, width: int, layers: int) -> None:
        super().__init__()
        config = ModelConfig(design="classic", cell=cell, width=width, bidirectional_layers=0, decoder_layers=layers)
        self.layers = nn.ModuleList(build_decoder_layers(config, width, layers))
        self.state_specs = state_specs(cell, width) * (layers if CELL_TRAITS[cell].stacked else 1)

    def time_pass(self, x: Tensor) -> float:
        """Return the duration of a forward and backward pass over x [B, T, D], in seconds."""
        start = time.perf_counter()
        y = x
        for layer in self.layers:
            y, _ = layer(y, tuple(x.new_zeros(len(x), spec.size) for spec in self.state_specs))
        y.sum().backward()
        if x.is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter() - start


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
    layers = {name: 2 if traits.stacked else 1 for name, traits in CELL_TRAITS.items()}
    stacks = {name: RecurrentStack(name, options.width, count).to(options.device) for name, count in layers.items()}
    baselines = {count: RecurrentStack("lstm", options.width, count).to(options.device) for count in (1, 2)}
    times: dict[object, list[float]] = {key: [] for key in (*stacks, *baselines)}
    for turn in range(options.rounds + 2):
        all_stacks = [*stacks.items(), *baselines.items()]
        for key, stack in random.sample(all_stacks, len(all_stacks)):  # the previous one affects the caches
            seconds = stack.time_pass(x)
            if turn >= 2:  # the first turns warm up
                times[key].append(seconds)
    print(f"{'cell':22} {'ms':>7} {'× lstm':>7} {'parameters × lstm':>18}")
    for name, stack in stacks.items():
        ms, baseline = (1000 * min(times[key]) for key in (name, layers[name]))
        ratio = _parameter_count(stack) / _parameter_count(baselines[layers[name]])
        print(f"{name:22} {ms:7.1f} {ms / baseline:7.2f} {ratio:18.2f}")


def _parameter_count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


if __name__ == "__main__":
    main()
