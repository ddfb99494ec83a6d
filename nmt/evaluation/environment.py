"""Software versions and hardware with which this process runs, for the training report."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

from nmt.utils.versions import installed_version

_PACKAGES = {
    "Carousel": "carousel-nmt",
    "torch": "torch",
    "ONNX Runtime": "onnxruntime",
    "SentencePiece": "sentencepiece",
    "sacreBLEU": "sacrebleu",
    "NumPy": "numpy",
}


def describe_environment(device: str) -> dict[str, str]:
    """Return software versions and hardware by name; ``device`` is the PyTorch device of the training."""
    facts = {"Python": platform.python_version()}
    facts |= {name: package_version(package) for name, package in _PACKAGES.items()}
    facts |= {"Platform": platform.platform(), "CPU": _processor_name(), "Threads": str(torch.get_num_threads())}
    if device.startswith("cuda"):
        facts["GPU"] = torch.cuda.get_device_name(device)
    return facts


def package_version(package: str) -> str:
    """Return the version of a package, or "not installed"."""
    return installed_version(package) or "not installed"


def _processor_name() -> str:
    """Return the name of the processor; on Linux, it comes from /proc/cpuinfo."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
