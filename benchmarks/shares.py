"""Where the time of a training step goes: recurrent layers, attention, feed-forward layers, loss, optimiser.

    python benchmarks/shares.py                    # on the GPU if there is one, else on the CPU
    python benchmarks/shares.py --help             # the settings are those of benchmarks/training.py

Of Carousel's default network. The profiler's times of operators, on the device that computes, are summed by the module
in whose forward pass an operator, or the one whose gradient it makes, was called.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.autograd import DeviceType
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function
from training import SMOOTHING, batches, network_config, on_device, settings

from nmt.model.attention import Attention
from nmt.model.layers import FeedForward
from nmt.model.recurrent_layers import DecoderLSTMLayer, EncoderLSTMLayer
from nmt.model.seq2seq import build_network

PARTS: dict[str, tuple[type[nn.Module], ...]] = {
    "recurrent layers": (DecoderLSTMLayer, EncoderLSTMLayer),
    "attention": (Attention,),
    "feed-forward layers": (FeedForward,),
}
LOSS, OPTIMISER, REST = "output layer and loss", "clipping and optimiser", "embeddings, norms, dropout, copies"


def mark(network: nn.Module) -> None:
    """Have the profiler see a range with the part's name around each module's forward pass."""
    for part, kinds in PARTS.items():
        tops = [module for module in network.modules() if isinstance(module, kinds)]
        for module in {inner for top in tops for inner in top.modules()}:
            opened: list[Any] = []
            module.register_forward_pre_hook(lambda *_, o=opened, p=part: o.append(record_function(p).__enter__()))
            module.register_forward_hook(lambda *_, o=opened: o.pop().__exit__(None, None, None))


def shares(events: list[FunctionEvent], on_gpu: bool) -> Counter[str]:
    """Microseconds by part."""
    of_forward: dict[int, str] = {}
    spent: Counter[str] = Counter()

    def walk(event: FunctionEvent, part: str) -> None:
        if event.name in (*PARTS, OPTIMISER):
            part = event.name
        elif "FusedCrossEntropy" in event.name:
            part = LOSS
        elif event.name.startswith("autograd::engine::evaluate_function"):
            part = of_forward.get(event.sequence_nr, part)
        elif event.sequence_nr >= 0:
            of_forward.setdefault(event.sequence_nr, part)
        spent[part] += event.self_device_time_total if on_gpu else event.self_cpu_time_total
        for child in event.cpu_children:
            walk(child, part)

    for event in sorted(events, key=lambda each: each.time_range.start):
        if event.cpu_parent is None and event.device_type == DeviceType.CPU:  # kernels count with what called them
            walk(event, REST)
    return spent


@contextmanager
def profiled(device: torch.device) -> Iterator[profile]:
    """A profiler at work while the block runs."""
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device.type == "cuda")
    with profile(activities=activities, acc_events=True) as profiler:
        yield profiler
        if device.type == "cuda":
            torch.cuda.synchronize(device)


def main() -> None:
    """Measure and print the shares."""
    options = settings(__doc__).parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    network = build_network(network_config(options), options.vocabulary, options.vocabulary, True, seed=1)
    network.to(device).train()
    mark(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)
    warm_up, *measured = batches(options.batches + 1, options.batch_tokens, options.vocabulary)
    for precision in ("fp32", "bf16"):
        for run in ([warm_up, warm_up], measured):
            with profiled(device) as profiler:
                for batch in run:
                    examples = on_device(batch, device)
                    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
                        loss = network.loss(examples, SMOOTHING).smoothed
                    (loss / batch.target_tokens).backward()
                    with record_function(OPTIMISER):
                        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                        optimiser.step()
                        optimiser.zero_grad(set_to_none=True)
        spent = shares(list(profiler.events()), device.type == "cuda")
        print(precision + ": " + ", ".join(f"{part} {us / spent.total():.0%}" for part, us in spent.most_common()))


if __name__ == "__main__":
    main()
