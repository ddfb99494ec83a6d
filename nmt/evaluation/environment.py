"""What a score was made with: versions and hardware."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

_PACKAGES = {
    "Carousel": "carousel-nmt",
    "torch": "torch",
    "ONNX Runtime": "onnxruntime",
    "SentencePiece": "sentencepiece",
    "sacreBLEU": "sacrebleu",
    "NumPy": "numpy",
}


def environment(device: str) -> dict[str, str]:
    """Name -> version or kind, of this process and of the ``device`` that torch used."""
    found = {"Python": platform.python_version()}
    found |= {name: package_version(package) for name, package in _PACKAGES.items()}
    found |= {"Platform": platform.platform(), "CPU": _processor(), "Threads": str(torch.get_num_threads())}
    if device.startswith("cuda"):
        found["GPU"] = torch.cuda.get_device_name(device)
    return found


def package_version(package: str) -> str:
    """Return the version of an installed package."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """The processor's name, which Linux keeps in a file and other systems tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
