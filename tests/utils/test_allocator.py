"""Settings of the memory allocator and of oneDNN take effect."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap

import pytest
import torch


def run_program(program: str, **environment: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch was built without oneDNN")
def test_kernel_cache_evicts_the_oldest_kernels() -> None:
    """oneDNN reports for each kernel whether it was found in the cache."""
    program = """\
        import torch
        from nmt.utils.allocator import limit_kernel_cache

        limit_kernel_cache()
        weight = torch.ones(4, 4).to_mkldnn()
        for rows in [*range(1, 101), 100, 1]:
            print("rows", rows, flush=True)
            torch.nn.functional.linear(torch.ones(rows, 4).to_mkldnn(), weight)
        """
    *_, last_but_one, last = run_program(program, ONEDNN_VERBOSE="profile_create").split("rows ")
    assert set(re.findall("create:cache_(hit|miss),cpu", last_but_one)) == {"hit"}
    assert set(re.findall("create:cache_(hit|miss),cpu", last)) == {"miss"}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_large_blocks_return_to_the_system() -> None:
    """Freeing a large block raises glibc's threshold by default, so that it keeps the next ones."""
    program = """\
        import ctypes
        from pathlib import Path
        from nmt.utils.allocator import return_large_blocks

        def resident():
            return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

        libc = ctypes.CDLL(None)
        libc.malloc.restype = ctypes.c_void_p
        libc.malloc.argtypes, libc.free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
        if not hasattr(libc, "gnu_get_libc_version"):
            print(0)
            raise SystemExit
        return_large_blocks()
        libc.free(libc.malloc(30_000_000))
        before = resident()
        blocks = [libc.malloc(2_000_000) for _ in range(50)]
        for block in blocks:
            ctypes.memset(block, 1, 2_000_000)
        last = libc.malloc(200_000)  # keeps the top of the heap from being trimmed
        for block in blocks:
            libc.free(block)
        print(resident() - before)
        """
    assert int(run_program(program)) < 20_000_000
