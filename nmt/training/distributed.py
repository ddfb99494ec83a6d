"""Data-parallel training in several processes, which ``torchrun`` starts on one machine or on several."""

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
from torch.distributed.rendezvous import rendezvous as open_torchrun_store

from nmt.training.rendezvous import rendezvous
from nmt.utils.errors import CarouselError
from nmt.utils.signals import Interrupted

T = TypeVar("T")

_INTERRUPTED = -1  # takes the place of an exit status
_CONTROL_TIMEOUT = timedelta(hours=6)  # the others wait while one process prepares the corpus or validates
_RENDEZVOUS_TIMEOUT = timedelta(minutes=30)


@dataclass(frozen=True)
class DistributedContext:
    """Rank and number of the processes of a training run, with their collective operations."""

    rank: int = 0
    """Index of this process among all processes."""
    world_size: int = 1
    """Number of processes."""
    local_rank: int = 0
    """Index of this process among those of its machine."""
    control_group: dist.ProcessGroup | None = None
    """Group with a long time-out, for waiting on preparation and validation. Gradients use the default group."""

    @property
    def is_main_process(self) -> bool:
        """True in the process that writes files and prints messages."""
        return self.rank == 0

    def all_reduce(self, numbers: Tensor) -> None:
        """Replace numbers by their sums over all processes, in place."""
        if self.world_size > 1:
            dist.all_reduce(numbers)

    def broadcast(self, make: Callable[[], T]) -> T:
        """Call ``make`` in the main process and return its result in all; fails like `run_in_all`."""
        objects = [self.run_in_all(make if self.is_main_process else _do_nothing)]
        if self.world_size > 1:
            dist.broadcast_object_list(objects, src=0, group=self.control_group)
        return cast(T, objects[0])

    def run_in_all(self, work: Callable[[], T]) -> T:
        """Call ``work`` in every process and return its result once it has succeeded in all of them.

        If it raises CarouselError in one process, that process raises it and the others exit with its status, so that
        the message is printed once. If it raises Interrupted in one, every process raises Interrupted.
        """
        if self.world_size == 1:
            return work()
        failure: CarouselError | Interrupted | None = None
        status = 0
        try:
            result = work()
        except CarouselError as error:
            failure, status = error, error.exit_status
        except Interrupted as interruption:
            failure, status = interruption, _INTERRUPTED
        statuses: list[int] = [0] * self.world_size
        dist.all_gather_object(statuses, status, group=self.control_group)
        failed_rank = next((rank for rank, status in enumerate(statuses) if status), None)
        if failed_rank is None:
            return result
        if failure and failed_rank == self.rank:
            raise failure
        if statuses[failed_rank] == _INTERRUPTED:
            raise Interrupted
        raise SystemExit(statuses[failed_rank])

    def main_process_first(self, work: Callable[[], T]) -> T:
        """Call ``work`` in the main process, then in the first process of each other machine, then in the rest.

        Use it for work whose result is cached on disk. Fails like `run_in_all`.
        """
        turn = 0 if self.is_main_process else 1 if self.local_rank == 0 else 2
        results = [self.run_in_all(work if turn == current else _do_nothing) for current in range(3)]
        return cast(T, results[turn])


SINGLE_PROCESS = DistributedContext()


def launcher_id() -> str | None:
    """Return a unique name of the ``torchrun`` process that started this one, or None without ``torchrun``.

    It consists of the machine, the process id and the start time (in clock ticks, where /proc exists). A process that
    ``torchrun`` starts again after a failure gets the same name.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    agent = os.getppid()
    try:
        started = Path(f"/proc/{agent}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return None
    return f"{socket.gethostname()} {agent} {started}"


@contextmanager
def connect_processes(device: str) -> Iterator[DistributedContext]:
    """Connect the processes that ``torchrun`` started for the block; without ``torchrun``, yield a single process.

    Raises CarouselError if the environment or the recipe's ``device`` doesn't fit several processes, or if another
    process is gone.
    """
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size == 1:
        yield SINGLE_PROCESS
        return
    try:
        context = DistributedContext(int(os.environ["RANK"]), world_size, int(os.environ["LOCAL_RANK"]))
    except KeyError as missing:
        raise CarouselError(
            f"WORLD_SIZE: set without {missing.args[0]}; start several processes with torchrun"
        ) from None
    if re.fullmatch(r"cuda:\d+", device):
        raise CarouselError(
            f"training.device: {device} names one GPU for several processes; set cuda, which gives each its own"
        )
    on_gpu = device != "cpu" and torch.cuda.is_available()
    if on_gpu and context.local_rank >= torch.cuda.device_count():
        raise CarouselError(
            f"torchrun: more processes on a machine than its {torch.cuda.device_count()} GPUs; start fewer"
        )
    if on_gpu:
        torch.cuda.set_device(context.local_rank)
    torchrun_store = next(open_torchrun_store("env://", timeout=_CONTROL_TIMEOUT))[0]
    store = rendezvous(torchrun_store, context.rank, world_size, _RENDEZVOUS_TIMEOUT.total_seconds())
    dist.init_process_group("nccl" if on_gpu else "gloo", store=store, rank=context.rank, world_size=world_size)
    try:
        yield replace(context, control_group=dist.new_group(backend="gloo", timeout=_CONTROL_TIMEOUT))
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and "gloo/transport" not in str(error):
            raise
        # The process that failed may have printed a reason already; one message from the others is enough.
        if not context.is_main_process:
            raise SystemExit(1) from None
        reason = str(error).strip().partition("\n")[0]
        raise CarouselError(
            f"torchrun: another process has ended or can't be reached ({reason}); start the run again with --resume, "
            "or use torchrun --max-restarts N"
        ) from None
    # Only after success: a process that fails must end at once, but NCCL would wait here for the other processes.
    dist.destroy_process_group()


def _do_nothing() -> None:
    """Do nothing, where `DistributedContext.run_in_all` has work for other processes only."""
