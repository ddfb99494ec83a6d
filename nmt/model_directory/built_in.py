"""Models that are installed with the package and known by name."""

from pathlib import Path

BUILT_IN_MODELS = ("everyday",)
"""Names that are accepted wherever a model directory is expected; the first one is served by default."""

_PACKAGE = Path(__file__).resolve().parents[1]
_FOLDERS = (_PACKAGE / "built_in_models", _PACKAGE.parent / "data")  # of an installation and of a checkout


def find_built_in_model(name: str) -> Path | None:
    """Return the directory of the built-in model with the given name; None if no such model is installed."""
    if name not in BUILT_IN_MODELS:
        return None
    return next((folder / name for folder in _FOLDERS if (folder / name / "config.json").is_file()), None)
