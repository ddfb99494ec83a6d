"""Compilation of the native engine: ``python -m nmt.engine.native.build``.

Installation compiles it too (see setup.py, which runs this file by its path, so it imports nothing of the package).
The compiler is that of the system or, if there is none, the one in the ``ziglang`` package. Without either, the package
works without the native engine.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

SOURCES = Path(__file__).parent / "src"
LIBRARY = {"win32": "carousel.dll", "darwin": "libcarousel.dylib"}.get(sys.platform, "libcarousel.so")
"""File name of the compiled library, in the folder of this file."""

# Compilers fuse multiplications and additions where they see fit, by default. The result for a row would then depend on
# the loop that computes it, and so on the rows beside it.
_FLAGS = ["-std=c++17", "-O3", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-fno-math-errno"]
# GCC warns of uninitialised variables in its own headers.
_FLAGS += ["-Wall", "-Wextra", "-Wno-uninitialized", "-Wno-maybe-uninitialized"]

_X86_KERNELS = {
    "AVX512": ["-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mavx512vnni", "-mfma"],
    "AVXVNNI": ["-mavx2", "-mfma", "-mavxvnni"],
    "AVX2": ["-mavx2", "-mfma"],
}


class BuildError(Exception):
    """The native engine could not be compiled."""


def build(folder: Path = SOURCES.parent, extra_flags: Sequence[str] = ()) -> Path:
    """Compile the library into a folder with the first compiler that works, and return its path.

    Extra flags are those of debuggers and sanitizers: with them, the library keeps its symbols and the C++ library is
    the system's.

    Raises:
        BuildError: No compiler works; the message contains their output.
    """
    failures = []
    for compiler in find_compilers():
        try:
            return _build_with(compiler, folder, extra_flags)
        except (BuildError, OSError) as error:
            failures.append(f"{shlex.join(compiler)}: {error}")
    reasons = "\n".join(failures) or "no C++ compiler found"
    raise BuildError(f"{reasons}\ninstall a C++17 compiler, or: pip install ziglang")


def find_compilers() -> list[list[str]]:
    """Return the commands of the available compilers, best first; the environment variable CXX selects one."""
    if os.environ.get("CXX"):
        return [shlex.split(os.environ["CXX"])]
    # The code uses vector extensions that Microsoft's compiler lacks.
    names = () if sys.platform == "win32" else ("c++", "g++", "clang++")
    compilers = [[name] for name in names if shutil.which(name)]
    if importlib.util.find_spec("ziglang"):
        compilers.append([sys.executable, "-m", "ziglang", "c++"])
    return compilers


def _build_with(compiler: list[str], folder: Path, extra_flags: Sequence[str]) -> Path:
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        flags = [*_FLAGS, *extra_flags]
        kernels = _kernel_variants("ziglang" in compiler)
        jobs = {
            name: _start(compiler, "kernels.cpp", work / f"{name}.o", [*flags, *options, *_define(f"CAROUSEL_{name}")])
            for name, options in kernels.items()
        }
        _wait("PORTABLE", jobs.pop("PORTABLE"))
        # An old compiler may not know the newest instructions; the library does without them.
        known = [name for name, job in jobs.items() if job.wait() == 0]
        objects = [work / f"{name}.o" for name in ("PORTABLE", *known)]
        has = [define for name in known for define in _define(f"CAROUSEL_HAS_{name}")]
        files = [path.name for path in sorted(SOURCES.glob("*.cpp")) if path.name != "kernels.cpp"]
        rest = {name: _start(compiler, name, work / f"{name}.o", [*flags, *has]) for name in files}
        for name, job in rest.items():
            _wait(name, job)
        objects += [work / f"{name}.o" for name in files]
        link = ["-shared", *extra_flags, "-o", str(work / LIBRARY), *map(str, objects)]
        if not extra_flags:
            link.append("-s")
            if sys.platform == "linux" and "ziglang" not in compiler:
                # Another C++ library in the process must not be mixed up with this one.
                link += ["-static-libstdc++", "-static-libgcc", "-Wl,--exclude-libs,ALL"]
        _wait("link", _popen([*compiler, *link]))
        # Replacing the file, not its content, leaves processes alone that have loaded it.
        staged = folder / f"{LIBRARY}.{os.getpid()}"
        shutil.copyfile(work / LIBRARY, staged)
        staged.replace(folder / LIBRARY)
    return folder / LIBRARY


def _kernel_variants(is_zig: bool) -> dict[str, list[str]]:
    """Return the compiler options of each version of the kernels."""
    machine = platform.machine().lower()
    if machine in {"x86_64", "amd64"}:
        return {"PORTABLE": [], **_X86_KERNELS}
    if machine in {"aarch64", "arm64"}:
        return {"PORTABLE": [], "NEON": ["-mcpu=generic+dotprod" if is_zig else "-march=armv8.2-a+dotprod"]}
    return {"PORTABLE": []}


def _define(name: str) -> list[str]:
    return [f"-D{name}"]


def _start(compiler: list[str], source: str, output: Path, flags: Sequence[str]) -> subprocess.Popen[str]:
    return _popen([*compiler, *flags, "-c", str(SOURCES / source), "-o", str(output)])


def _popen(command: list[str]) -> subprocess.Popen[str]:
    # Output goes to a file: a pipe that nobody reads while other jobs are waited for could fill up.
    output = tempfile.TemporaryFile("w+")  # noqa: SIM115
    job = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, text=True)
    job.stdout = output
    return job


def _wait(name: str, job: subprocess.Popen[str]) -> None:
    """Wait for a job. Raises BuildError with its output if it fails."""
    if job.wait() == 0:
        return
    assert job.stdout is not None
    job.stdout.seek(0)
    raise BuildError(f"{name} does not compile:\n{job.stdout.read()[-4000:]}")


if __name__ == "__main__":
    try:
        print(build())
    except BuildError as error:
        sys.exit(f"native engine: {error}")
