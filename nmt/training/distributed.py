"""Several processes that train one network: `torchrun` starts them, on one machine or many."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from nmt.training.rendezvous import rendezvous as meeting_point
from nmt.utils.errors import CarouselError
from nmt.utils.signals import Interrupted

Thing = TypeVar("Thing")

_INTERRUPTED = -1  # where others have an exit status
_PATIENCE = timedelta(hours=6)  # others wait while one prepares the corpus, or validates
_MEETING = timedelta(minutes=30)  # until all have come


@dataclass(frozen=True)
class Processes:
    """All processes of a run, seen from one of them."""

    rank: int = 0
    """This process, among all."""
    world: int = 1
    """How many there are."""
    local_rank: int = 0
    """This process, among those of its machine."""
    patient: dist.ProcessGroup | None = None
    """For what one may need hours for; gradients are waited for as briefly as torch sees fit."""

    @property
    def is_main_process(self) -> bool:
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

    def share(self, values: list[float], device: torch.device) -> list[float]:
        """The values of the leading process; as many in each."""
        if self.world == 1:
            return values
        numbers = torch.tensor(values, dtype=torch.float64, device=device)
        dist.broadcast(numbers, src=0)
        shared: list[float] = numbers.tolist()
        return shared

    def broadcast(self, make: Callable[[], Thing]) -> Thing:
        """What the leading process makes, for all; as `together` where it fails."""
        things = [self.together(make) if self.is_main_process else self.together(_nothing)]
        if self.world > 1:
            dist.broadcast_object_list(things, src=0, group=self.patient)
        return cast(Thing, things[0])

    def together(self, work: Callable[[], Thing]) -> Thing:
        """What ``work`` gives here, once it has ended well in all processes.

        Where it raises CarouselError in one, all end with its exit status, and that one alone says why. Where it is
        Interrupted in one, it is in all.
        """
        if self.world == 1:
            return work()
        failure: CarouselError | Interrupted | None = None
        status = 0
        try:
            result = work()
        except CarouselError as error:
            failure, status = error, error.exit_status
        except Interrupted as interruption:
            failure, status = interruption, _INTERRUPTED
        statuses: list[int] = [0] * self.world
        dist.all_gather_object(statuses, status, group=self.patient)
        first = next((rank for rank, status in enumerate(statuses) if status), None)
        if first is None:
            return result
        if failure and first == self.rank:
            raise failure
        if statuses[first] == _INTERRUPTED:
            raise Interrupted
        raise SystemExit(statuses[first])

    def main_process_first(self, work: Callable[[], Thing]) -> Thing:
        """As `together`, one after the other: the leading process, the first of each machine, the rest.

        It is for what is cached on disk.
        """
        turn = 0 if self.is_main_process else 1 if self.local_rank == 0 else 2
        results = [self.together(work if turn == now else _nothing) for now in range(3)]
        return cast(Thing, results[turn])


ALONE = Processes()


def launcher() -> str | None:
    """A name for the ``torchrun`` that started this process, and will again if one is killed; None without.

    No other has the same: it is its machine, process id, and when it began (in clock ticks, where there is a /proc).
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    agent = os.getppid()
    try:
        began = Path(f"/proc/{agent}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return None
    return f"{socket.gethostname()} {agent} {began}"


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
    backend = "nccl" if on_gpu else "gloo"
    store = next(rendezvous("env://", timeout=_PATIENCE))[0]
    place = meeting_point(store, joined.rank, world, _MEETING.total_seconds())
    dist.init_process_group(backend, store=place, rank=joined.rank, world_size=world)
    try:
        yield replace(joined, patient=dist.new_group(backend="gloo", timeout=_PATIENCE))
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and "gloo/transport" not in str(error):
            raise
        # The one that is gone may have said why; of those that are left, one need speak.
        if not joined.is_main_process:
            raise SystemExit(1) from None
        reason = str(error).strip().partition("\n")[0]
        raise CarouselError(
            f"another process of the run is gone, or can't be reached ({reason}); "
            "torchrun --max-restarts N would start all of them again"
        ) from None
    # Only where all are done: one that fails must end, for NCCL's farewell would wait for those that wait for it.
    dist.destroy_process_group()


def _nothing() -> None:
    """No work."""
