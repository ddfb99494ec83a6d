"""Connection to a Ray cluster, with Ray's own output redirected to a file."""

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

_CONNECT_TIMEOUT = 10  # seconds
_OBJECT_STORE_BYTES = 128 * 2**20  # shared memory; only a few megabytes of text are in transit


@contextmanager
def ray_cluster(workers: int | None) -> Iterator[dict[str, float]]:
    """Connect to the cluster at `nmt.bulk.CLUSTER` in the block; yield its resources, such as ``CPU`` and ``GPU``.

    A local cluster is started with as many CPUs as ``workers``, or as the machine has if None. Raises CarouselError if
    there is no cluster, or it cannot be started.
    """
    folder = tempfile.TemporaryDirectory(prefix="nmt-ray-", ignore_cleanup_errors=True)
    with folder, _output_redirected(Path(folder.name, "output")):
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # errors are raised as exceptions
        try:
            _connect(workers, folder.name)
            resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
            yield resources
        finally:
            ray.shutdown()


def _connect(workers: int | None, folder: str) -> None:
    local_options: dict[str, Any] = {
        "num_cpus": workers,
        "include_dashboard": False,
        "object_store_memory": _OBJECT_STORE_BYTES,
        "_temp_dir": folder,
    }
    try:
        _check_reachable()
        options = local_options if CLUSTER == "local" else {}
        ray.init(CLUSTER, log_to_driver=False, logging_level=logging.CRITICAL, **options)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        remedy = "set TMPDIR to a shorter path" if CLUSTER == "local" else "check RAY_ADDRESS"
        raise CarouselError(f"Ray at {CLUSTER}: can't be used ({reason}); {remedy}") from None


def _check_reachable() -> None:
    """Raise OSError if nothing listens at the cluster's address; Ray itself would retry for a quarter of an hour."""
    host, _, port = CLUSTER.rpartition("//")[2].rpartition(":")
    if port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_TIMEOUT).close()


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt in the block for the first signal to stop; a second signal has its default effect."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    with handle_signals(interrupt):
        yield


@contextmanager
def _output_redirected(path: Path) -> Iterator[None]:
    """Redirect Python's stdout and the stderr of native libraries to a file; ``sys.stderr`` keeps its destination."""
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
