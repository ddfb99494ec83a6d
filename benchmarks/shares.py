"""Profile of a training step: shares of recurrent layers, attention, feed-forward layers, loss and optimiser.

    python benchmarks/shares.py                    # on the GPU if there is one, else on the CPU
    python benchmarks/shares.py --help             # the options are those of benchmarks/training.py

The script profiles the default network. It adds up the profiler's times of operators, on the device that computes, by
the module whose forward pass called the operator or the operator whose gradient it computes.
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
from training import SMOOTHING, argument_parser, network_config, random_batches

from nmt.model.attention import Attention
from nmt.model.layers import FeedForward
from nmt.model.recurrent_layers import DecoderLSTMLayer, EncoderLSTMLayer
from nmt.model.seq2seq import build_network
from nmt.training.translation_dev_set import make_translation_batch

COMPONENTS: dict[str, tuple[type[nn.Module], ...]] = {
    "recurrent layers": (DecoderLSTMLayer, EncoderLSTMLayer),
    "attention": (Attention,),
    "feed-forward layers": (FeedForward,),
}
LOSS, OPTIMISER, OTHER = "output layer and loss", "clipping and optimiser", "embeddings, norms, dropout, copies"


def annotate_modules(network: nn.Module) -> None:
    """Wrap the forward pass of each module in a profiler range with the name of its component."""
    for component, kinds in COMPONENTS.items():
        tops = [module for module in network.modules() if isinstance(module, kinds)]
        for module in {inner for top in tops for inner in top.modules()}:
            opened: list[Any] = []
            module.register_forward_pre_hook(lambda *_, o=opened, c=component: o.append(record_function(c).__enter__()))
            module.register_forward_hook(lambda *_, o=opened: o.pop().__exit__(None, None, None))


def time_by_component(events: list[FunctionEvent], on_gpu: bool) -> Counter[str]:
    """Return the microseconds that each component takes."""
    forward_components: dict[int, str] = {}  # by sequence number, which the backward pass refers to
    times: Counter[str] = Counter()

    def add_times(event: FunctionEvent, component: str) -> None:
        if event.name in (*COMPONENTS, OPTIMISER):
            component = event.name
        elif "FusedCrossEntropy" in event.name:
            component = LOSS
        elif event.name.startswith("autograd::engine::evaluate_function"):
            component = forward_components.get(event.sequence_nr, component)
        elif event.sequence_nr >= 0:
            forward_components.setdefault(event.sequence_nr, component)
        times[component] += event.self_device_time_total if on_gpu else event.self_cpu_time_total
        for child in event.cpu_children:
            add_times(child, component)

    for event in sorted(events, key=lambda each: each.time_range.start):
        if (
            event.cpu_parent is None and event.device_type == DeviceType.CPU
        ):  # GPU kernels count with the operator that launched them
            add_times(event, OTHER)
    return times


@contextmanager
def profiling(device: torch.device) -> Iterator[profile]:
    """Profile the block."""
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device.type == "cuda")
    with profile(activities=activities, acc_events=True) as profiler:
        yield profiler
        if device.type == "cuda":
            torch.cuda.synchronize(device)


def main() -> None:
    """Profile training steps and print the shares."""
    options = argument_parser(__doc__).parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    network = build_network(network_config(options), options.vocabulary, options.vocabulary, True, seed=1)
    network.to(device).train()
    annotate_modules(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)
    warm_up, *measured = random_batches(options.batches + 1, options.batch_tokens, options.vocabulary)
    for precision in ("fp32", "bf16"):
        for run in ([warm_up, warm_up], measured):
            with profiling(device) as profiler:
                for batch in run:
                    inputs = make_translation_batch(batch, device)
                    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
                        loss = network.loss(inputs, SMOOTHING).objective
                    (loss / batch.num_target_tokens).backward()
                    with record_function(OPTIMISER):
                        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                        optimiser.step()
                        optimiser.zero_grad(set_to_none=True)
        times = time_by_component(list(profiler.events()), device.type == "cuda")
        shares = (f"{component} {time / times.total():.0%}" for component, time in times.most_common())
        print(f"{precision}: {', '.join(shares)}")


if __name__ == "__main__":
    main()
