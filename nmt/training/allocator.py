"""How the libraries below torch use memory."""

from __future__ import annotations

import ctypes
import os
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # parameters of mallopt(3)
_KERNELS = "64"


def keep_freed_memory() -> None:
    """Have freed memory kept for the next allocation, instead of going back to the system.

    A training step frees and allocates the same large tensors again and again. By default glibc maps and unmaps each
    of them, and clearing fresh pages took up to a tenth of a step on the CPU. Other C libraries are left alone.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "gnu_get_libc_version"):
        libc.mallopt(_MMAP_MAX, 0)
        libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def keep_few_kernels() -> None:
    """Have oneDNN remember few of the kernels that it makes on the CPU, one a shape, unless the user set a number.

    It would remember the last 1,024, which hold more memory than the network. Hardly two batches of an epoch are of one
    shape, so that few of them would be used again.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", _KERNELS)
