"""Where the served models lie: model directories, directories of them, and the one that an image brings."""

import sys
from collections.abc import Iterable
from pathlib import Path

BUILT_IN = Path(sys.prefix) / "share" / "carousel" / "model"
"""The model of an image, for when it is given no other; a plain installation has none."""

_MARKS = ("config.json", "config.yaml")  # of a model directory, of a run directory
_NO_MODEL = "lost+found"  # at the top of a volume with a file system of its own


def model_directories(paths: Iterable[Path]) -> list[Path]:
    """The directories of the models to serve.

    A directory that is neither a model nor a run stands for all directories in it, hidden ones aside, and an empty one
    for none. Whether a directory holds a model is for the reader of models to say, who knows what is wrong with it.
    """
    return [directory for path in paths for directory in _within(path)]


def _within(path: Path) -> list[Path]:
    try:
        entries = sorted(each for each in path.iterdir() if not each.name.startswith(".") and each.name != _NO_MODEL)
    except OSError:
        return [path]
    directories = [each for each in entries if each.is_dir()]
    is_one = any(each.name in _MARKS for each in entries)
    if is_one or not directories:
        return [path] if entries else []
    return directories
