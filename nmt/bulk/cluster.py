"""Ray, joined or started for the time of a block, and kept quiet: what it has to say goes to a file."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import FrameType
from typing import Any

import ray
import ray.data

from nmt.bulk import CLUSTER
from nmt.utils.errors import CarouselError
from nmt.utils.signals import handle_signals

_PATIENCE = 10  # seconds
_OBJECT_STORE = 128 * 2**20  # bytes, of shared memory; the text under way is a few megabytes


@contextmanager
def cluster(workers: int | None) -> Iterator[dict[str, float]]:
    """How many ``CPU`` and ``GPU`` the cluster of `nmt.bulk.CLUSTER` has, to which the block is connected.

    One that is started here has as many CPUs as ``workers``, or as the machine. Raises CarouselError without one.
    """
    folder = tempfile.TemporaryDirectory(prefix="nmt-ray-", ignore_cleanup_errors=True)
    with folder, _hushed(Path(folder.name, "said")):
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # errors reach us as exceptions
        try:
            _connect(workers, folder.name)
            resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
            yield resources
        finally:
            ray.shutdown()


def _connect(workers: int | None, folder: str) -> None:
    ours: dict[str, Any] = {
        "num_cpus": workers,
        "include_dashboard": False,
        "object_store_memory": _OBJECT_STORE,
        "_temp_dir": folder,
    }
    try:
        _knock()
        options = ours if CLUSTER == "local" else {}
        ray.init(CLUSTER, log_to_driver=False, logging_level=logging.CRITICAL, **options)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        remedy = "check TMPDIR, whose path must be short" if CLUSTER == "local" else "check RAY_ADDRESS"
        raise CarouselError(f"Ray at {CLUSTER}: can't be used ({reason}); {remedy}") from None


def _knock() -> None:
    """Raise OSError where nobody listens at the cluster's address: Ray itself would try for a quarter of an hour."""
    host, _, port = CLUSTER.rpartition("//")[2].rpartition(":")
    if port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()


@contextmanager
def stoppable() -> Iterator[None]:
    """The signals to stop raise KeyboardInterrupt in the block; a second one is as deadly as ever."""

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    with handle_signals(stop):
        yield


@contextmanager
def _hushed(path: Path) -> Iterator[None]:
    """What is printed to stdout, or written to stderr by libraries beneath Python, goes to a file."""
    sys.stderr.flush()
    kept, ours = os.dup(2), sys.stderr
    sys.stderr = os.fdopen(os.dup(kept), "w", buffering=1, encoding=ours.encoding, errors="backslashreplace")
    try:
        with path.open("w", buffering=1, encoding="utf-8") as file, redirect_stdout(file):
            os.dup2(file.fileno(), 2)
            yield
    finally:
        sys.stderr.close()
        sys.stderr = ours
        os.dup2(kept, 2)
        os.close(kept)
