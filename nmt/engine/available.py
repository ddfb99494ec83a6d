"""The engines that this installation can use."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from nmt.engine.native.library import instruction_set


def package_version() -> str:
    """Return the version of this package; "unknown" if it is used without having been installed."""
    return _version("carousel-nmt") or "unknown"


def available_engines() -> dict[str, str]:
    """Return the installed engines by name, the preferred one first, each with its instruction set or its version."""
    found = {"native": instruction_set(), "onnx": _version("onnxruntime"), "torch": _version("torch")}
    return {name: detail for name, detail in found.items() if detail is not None}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
