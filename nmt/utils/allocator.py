"""Memory settings of glibc's allocator and of oneDNN."""

from __future__ import annotations

import ctypes
import os
import sys

# Parameters of mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4
_KERNEL_CACHE_SIZE = "64"
_LARGE_BLOCK = 1_000_000  # bytes


def keep_freed_memory() -> None:
    """Let glibc keep freed memory for later allocations instead of returning it to the system.

    A training step allocates and frees the same large tensors again and again. By default glibc maps and unmaps each of
    them, and zeroing fresh pages takes up to a tenth of a step on the CPU. Other C libraries are left alone.
    """
    _mallopt(_M_MMAP_MAX, 0)
    _mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def return_large_blocks() -> None:
    """Let glibc return every freed block of a megabyte or more to the system at once.

    By default glibc raises its threshold when large blocks are freed, and keeps them, which makes a decoding process
    grow by half. Does nothing where ``MALLOC_MMAP_THRESHOLD_`` is set, or with another C library.
    """
    if "MALLOC_MMAP_THRESHOLD_" not in os.environ:
        _mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)


def limit_kernel_cache() -> None:
    """Let oneDNN cache 64 compiled CPU kernels instead of 1,024, unless the environment sets a number.

    It compiles one kernel per tensor shape, and 1,024 kernels need more memory than the network. Few batches of an
    epoch have the same shape, so few cached kernels would be used again.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", _KERNEL_CACHE_SIZE)


def _mallopt(parameter: int, value: int) -> None:
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "gnu_get_libc_version"):
        libc.mallopt(parameter, value)
