"""ONNX Runtime with telemetry disabled; all other modules import it from here.

Its builds for Linux and macOS send usage reports and store a device identifier unless these variables are set before
the first import. The reports do not contain translations.
"""

import os

for _name in ("ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED"):  # newer versions, older versions
    os.environ[_name] = "1"

import onnxruntime as ort  # noqa: E402

__all__ = ["ort", "session_options"]

# All sessions share one arena, because only one of them runs at a time.
_MEMORY = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
ort.create_and_register_allocator(_MEMORY, ort.OrtArenaCfg({}))


def session_options() -> ort.SessionOptions:
    """Return options for a session on one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4  # errors are raised, too
    options.add_session_config_entry("session.use_env_allocators", "1")
    return options
