"""Discovery of the model directories to serve."""

from collections.abc import Iterable
from pathlib import Path

_MARKER_FILES = ("config.json", "config.yaml")  # in a model directory and in a run directory
_IGNORED = "lost+found"  # exists at the root of an ext4 file system


def find_model_directories(paths: Iterable[Path]) -> list[Path]:
    """Return the model directories at the given paths.

    A model directory, run directory or name of a built-in model is returned unchanged. Any other directory is replaced
    by its subdirectories that are not hidden. The directories are not checked here; loading a damaged one raises an
    error.
    """
    return [directory for path in paths for directory in _expand_directory(path)]


def _expand_directory(path: Path) -> list[Path]:
    """Return the directory itself if it contains a model; else its subdirectories."""
    try:
        entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith(".") and entry.name != _IGNORED)
    except OSError:
        return [path]
    directories = [entry for entry in entries if entry.is_dir()]
    if not directories or any(entry.name in _MARKER_FILES for entry in entries):
        return [path] if entries else []
    return directories
