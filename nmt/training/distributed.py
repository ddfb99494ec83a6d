"""Several processes that train one network: `torchrun` starts them, on one machine or many."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from nmt.errors import CarouselError

Thing = TypeVar("Thing")

_PATIENCE = timedelta(hours=6)  # others wait while one prepares the corpus, or validates


@dataclass(frozen=True)
class Processes:
    """All processes of a run, seen from one of them."""

    rank: int = 0
    """This process, among all."""
    world: int = 1
    """How many there are."""
    local_rank: int = 0
    """This process, among those of its machine."""

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.rank == 0

    def sum(self, numbers: Tensor) -> None:
        """Add up the numbers of all processes, in place."""
        if self.world > 1:
            dist.all_reduce(numbers)

    def any(self, wish: bool, device: torch.device) -> bool:
        """Whether some process has the wish."""
        wishes = torch.tensor(float(wish), device=device)
        self.sum(wishes)
        return bool(wishes.item())

    def wait(self) -> None:
        """Until all others are here too."""
        if self.world > 1:
            dist.barrier()

    def share(self, values: list[float], device: torch.device) -> list[float]:
        """The values of the leading process; as many in each."""
        if self.world == 1:
            return values
        numbers = torch.tensor(values, dtype=torch.float64, device=device)
        dist.broadcast(numbers, src=0)
        shared: list[float] = numbers.tolist()
        return shared

    def share_object(self, thing: Thing | None) -> Thing | None:
        """The leading process's object, for all."""
        if self.world == 1:
            return thing
        things = [thing]
        dist.broadcast_object_list(things, src=0)
        return things[0]

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """The leading process first, then the first one of each machine, then the rest: for what is cached on disk."""
        turn = 0 if self.leads else 1 if self.local_rank == 0 else 2
        for _ in range(turn):
            self.wait()
        yield
        for _ in range(2 - turn):
            self.wait()


ALONE = Processes()


@contextmanager
def processes(device: str) -> Iterator[Processes]:
    """Those that ``torchrun`` started, connected while the block runs; this one alone without it."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield ALONE
        return
    try:
        joined = Processes(int(os.environ["RANK"]), world, int(os.environ["LOCAL_RANK"]))
    except KeyError as missing:
        raise CarouselError(
            f"WORLD_SIZE is set without {missing.args[0]}; start several processes with torchrun"
        ) from None
    if re.fullmatch(r"cuda:\d+", device):
        raise CarouselError(
            f"training.device: {device} is one GPU; with torchrun write cuda, and each process has its own"
        )
    on_gpu = device != "cpu" and torch.cuda.is_available()
    if on_gpu and joined.local_rank >= torch.cuda.device_count():
        raise CarouselError(
            f"torchrun: more processes on a machine than its {torch.cuda.device_count()} GPUs; start fewer"
        )
    if on_gpu:
        torch.cuda.set_device(joined.local_rank)
    dist.init_process_group("nccl" if on_gpu else "gloo", timeout=_PATIENCE)
    try:
        yield joined
    finally:
        dist.destroy_process_group()
