"""Finds the model directories to serve."""

import sys
from collections.abc import Iterable
from pathlib import Path

BUILT_IN = Path(sys.prefix) / "share" / "carousel" / "model"
"""The model directory of a container image, served by default; a plain installation has none."""

_MARKER_FILES = ("config.json", "config.yaml")  # of a model directory, of a run directory
_IGNORED = "lost+found"  # at the top of a volume that has a file system of its own


def model_directories(paths: Iterable[Path]) -> list[Path]:
    """Return the model directories at the given paths.

    A model directory or run directory is returned as it is. Any other directory is replaced by its subdirectories,
    except hidden ones. The directories are not checked: loading reports what is wrong with them.
    """
    return [directory for path in paths for directory in _expand(path)]


def _expand(path: Path) -> list[Path]:
    try:
        entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith(".") and entry.name != _IGNORED)
    except OSError:
        return [path]
    directories = [entry for entry in entries if entry.is_dir()]
    is_model = any(entry.name in _MARKER_FILES for entry in entries)
    if is_model or not directories:
        return [path] if entries else []
    return directories
