"""The engines that this installation can use."""

from __future__ import annotations

from nmt.engine.native.library import instruction_set
from nmt.utils.versions import installed_version


def available_engines() -> dict[str, str]:
    """Return the installed engines by name, the preferred one first, each with its instruction set or its version."""
    found = {"native": instruction_set(), "onnx": installed_version("onnxruntime"), "torch": installed_version("torch")}
    return {name: detail for name, detail in found.items() if detail is not None}
