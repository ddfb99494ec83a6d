"""Connection to a Ray cluster. The output that Ray itself prints is redirected to a file."""

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

from nmt.bulk import CLUSTER_ADDRESS
from nmt.utils.errors import CarouselError
from nmt.utils.signals import handle_signals

_CONNECT_TIMEOUT = 10  # seconds
_OBJECT_STORE_BYTES = 128 * 2**20  # shared memory; only a few megabytes of text are in transit


@contextmanager
def connect_to_ray(num_workers: int | None) -> Iterator[dict[str, float]]:
    """Connect to the cluster at `nmt.bulk.CLUSTER_ADDRESS` for the duration of the block.

    Yields the number of each resource of the cluster, such as ``CPU`` and ``GPU``. A local cluster is started with
    ``num_workers`` CPUs, or with all CPUs of the machine if None. Raises CarouselError if the cluster cannot be reached
    or started.
    """
    folder = tempfile.TemporaryDirectory(prefix="nmt-ray-", ignore_cleanup_errors=True)
    with folder, _redirect_output(Path(folder.name, "output")):
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # errors are raised as exceptions
        try:
            _connect(num_workers, folder.name)
            resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
            yield resources
        finally:
            ray.shutdown()


def _connect(num_workers: int | None, folder: str) -> None:
    local_options: dict[str, Any] = {
        "num_cpus": num_workers,
        "include_dashboard": False,
        "object_store_memory": _OBJECT_STORE_BYTES,
        "_temp_dir": folder,
    }
    try:
        _check_reachable()
        options = local_options if CLUSTER_ADDRESS == "local" else {}
        ray.init(CLUSTER_ADDRESS, log_to_driver=False, logging_level=logging.CRITICAL, **options)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        remedy = "set TMPDIR to a shorter path" if CLUSTER_ADDRESS == "local" else "check RAY_ADDRESS"
        raise CarouselError(f"Ray at {CLUSTER_ADDRESS}: can't be used ({reason}); {remedy}") from None


def _check_reachable() -> None:
    """Raise OSError if nothing listens at the address of the cluster; Ray would retry for a quarter of an hour."""
    host, _, port = CLUSTER_ADDRESS.rpartition("//")[2].rpartition(":")
    if port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_TIMEOUT).close()


@contextmanager
def raise_on_signal() -> Iterator[None]:
    """Raise KeyboardInterrupt in the block at the first SIGINT, SIGTERM or SIGHUP; a second signal ends the process."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    with handle_signals(interrupt):
        yield


@contextmanager
def _redirect_output(path: Path) -> Iterator[None]:
    """Redirect ``sys.stdout`` and the stderr of native libraries to a file; ``sys.stderr`` is not redirected."""
    sys.stderr.flush()
    descriptor, original = os.dup(2), sys.stderr
    sys.stderr = os.fdopen(os.dup(descriptor), "w", buffering=1, encoding=original.encoding, errors="backslashreplace")
    try:
        with path.open("w", buffering=1, encoding="utf-8") as file, redirect_stdout(file):
            os.dup2(file.fileno(), 2)
            yield
    finally:
        sys.stderr.close()
        sys.stderr = original
        os.dup2(descriptor, 2)
        os.close(descriptor)
