"""Data-parallel training in several processes, which ``torchrun`` starts on one or several machines."""

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

from nmt.training.rendezvous import create_shared_store
from nmt.utils.errors import CarouselError
from nmt.utils.signals import Interrupted

T = TypeVar("T")

_INTERRUPTED = -1  # used for Interrupted in place of an exit status
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
    """Index of this process among the processes on its machine."""
    control_group: dist.ProcessGroup | None = None
    """Process group with a long time-out, in which processes wait while one prepares data or validates.

    Gradients are averaged in the default group.
    """

    @property
    def is_main_process(self) -> bool:
        """True in the process that writes files and prints messages."""
        return self.rank == 0

    def all_reduce(self, numbers: Tensor) -> None:
        """Replace numbers by their sums over all processes, in place."""
        if self.world_size > 1:
            dist.all_reduce(numbers)

    def broadcast(self, work: Callable[[], T]) -> T:
        """Call ``work`` in the main process and return its result in every process.

        Errors are handled as in `run_in_all_processes`.
        """
        objects = [self.run_in_all_processes(work if self.is_main_process else _do_nothing)]
        if self.world_size > 1:
            dist.broadcast_object_list(objects, src=0, group=self.control_group)
        return cast(T, objects[0])

    def run_in_all_processes(self, work: Callable[[], T]) -> T:
        """Call ``work`` in every process and return its result once it has succeeded in all of them.

        If ``work`` raises CarouselError in a process, that process raises the error and the others exit with its exit
        status, so that the message is printed once. If it raises Interrupted in a process, all raise Interrupted.
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

    def run_main_process_first(self, work: Callable[[], T]) -> T:
        """Call ``work`` in the main process, then in the first process of every other machine, then in all others.

        This order is for work whose result is cached on disk. Errors are handled as in `run_in_all_processes`.
        """
        turn = 0 if self.is_main_process else 1 if self.local_rank == 0 else 2
        results = [self.run_in_all_processes(work if turn == current else _do_nothing) for current in range(3)]
        return cast(T, results[turn])


SINGLE_PROCESS = DistributedContext()


def launcher_id() -> str | None:
    """Return a unique identifier of the ``torchrun`` process that started this process, or None without ``torchrun``.

    The identifier consists of host name, process id and start time in clock ticks. A process that ``torchrun`` restarts
    after a failure gets the same identifier. The result is also None on systems without /proc.
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
    """Connect the processes that ``torchrun`` started, within a ``with`` block; without ``torchrun``, it is only one.

    ``device`` is the device of the recipe. Raises CarouselError if the environment variables or the device are not
    suitable for several processes, or if another process has ended.
    """
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size == 1:
        yield SINGLE_PROCESS
        return
    try:
        context = DistributedContext(int(os.environ["RANK"]), world_size, int(os.environ["LOCAL_RANK"]))
    except KeyError as missing:
        message = f"WORLD_SIZE: set without {missing.args[0]}; start several processes with torchrun"
        raise CarouselError(message) from None
    if re.fullmatch(r"cuda:\d+", device):
        message = f"{device} names one GPU for several processes; set cuda, which gives each its own"
        raise CarouselError(f"training.device: {message}")
    on_gpu = device != "cpu" and torch.cuda.is_available()
    if on_gpu and context.local_rank >= torch.cuda.device_count():
        gpus = torch.cuda.device_count()
        raise CarouselError(f"torchrun: more processes on a machine than its {gpus} GPUs; start fewer")
    if on_gpu:
        torch.cuda.set_device(context.local_rank)
    torchrun_store = next(open_torchrun_store("env://", timeout=_CONTROL_TIMEOUT))[0]
    store = create_shared_store(torchrun_store, context.rank, world_size, _RENDEZVOUS_TIMEOUT.total_seconds())
    dist.init_process_group("nccl" if on_gpu else "gloo", store=store, rank=context.rank, world_size=world_size)
    try:
        yield replace(context, control_group=dist.new_group(backend="gloo", timeout=_CONTROL_TIMEOUT))
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and "gloo/transport" not in str(error):
            raise
        # The process that failed may have printed the reason; of the others, only the main process prints a message.
        if not context.is_main_process:
            raise SystemExit(1) from None
        reason = str(error).strip().partition("\n")[0]
        message = f"torchrun: another process has ended or can't be reached ({reason})"
        remedy = "start the run again with --resume, or use torchrun --max-restarts N"
        raise CarouselError(f"{message}; {remedy}") from None
    # Only after success: a process that fails must exit at once, but NCCL would wait here for the other processes.
    dist.destroy_process_group()


def _do_nothing() -> None:
    """Do nothing, in processes that only take part in the synchronisation of `run_in_all_processes`."""
