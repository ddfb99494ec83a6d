"""ONNX Runtime, told to keep to itself; the only place that imports it.

Its builds for Linux and macOS report to their maker, and leave a device's identity on disk, unless these are set before
the first import. Nothing about a translation leaves the machine.
"""

import os

for _name in ("ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED"):  # newer versions, older versions
    os.environ[_name] = "1"

import onnxruntime as ort  # noqa: E402

__all__ = ["ort"]
