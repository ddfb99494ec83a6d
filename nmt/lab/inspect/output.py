"""Output files of inspections: an HTML page (``.html``), NumPy arrays (``.npz``) or the same data as ``.json``."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nmt.lab.inspect.inspection import Inspection
from nmt.lab.inspect.neuron_search import NeuronMatch, match_arrays
from nmt.lab.inspect.page import render_page
from nmt.utils.errors import UsageError
from nmt.utils.files import atomic_file

InspectionWriter = Callable[[Inspection, Sequence[NeuronMatch] | None], None]
"""Function that writes an inspection and the matches of a neuron search; the matches are None without a search."""
EXTENSIONS = (".html", ".npz", ".json")
_DECIMALS = 6  # of numbers in JSON


def check_output_format(path: Path) -> None:
    """Raise UsageError if the file name has no supported extension."""
    if path.suffix.lower() not in EXTENSIONS:
        raise UsageError(f"--output: {path} has no supported extension; use {', '.join(EXTENSIONS)}")


@contextmanager
def open_writer(path: Path) -> Iterator[InspectionWriter]:
    """Yield a function that writes an inspection in the format that the extension of ``path`` selects.

    Raises CarouselError, before the ``with`` block is entered, if the path cannot be written.
    """
    with atomic_file(path) as temporary:
        yield partial(_write, temporary, path.suffix.lower())


def _write(path: Path, extension: str, inspection: Inspection, matches: Sequence[NeuronMatch] | None) -> None:
    """Write an inspection in the format of a file name extension."""
    if extension == ".html":
        path.write_text(render_page(inspection, matches or ()), encoding="utf-8")
    elif extension == ".npz":
        with path.open("wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, **inspection.arrays(), **match_arrays(matches or ()))
    else:
        tree = _inspection_as_tree(inspection)
        if matches is not None:
            tree["units"] = [match.as_dict() for match in matches]
        path.write_text(json.dumps(tree, ensure_ascii=False), encoding="utf-8")


def _inspection_as_tree(inspection: Inspection) -> dict[str, Any]:
    """Return texts and arrays as nested objects for JSON, with a level for each component of a dotted array name."""
    root: dict[str, Any] = {**inspection.texts()}
    for name, value in inspection.arrays().items():
        *groups, last = name.split(".")
        node = root
        for group in groups:
            node = node.setdefault(group, {})
        node[last] = _array_as_lists(value)
    return root


def _array_as_lists(value: np.ndarray[Any, Any]) -> Any:
    """Convert an array to nested lists; NaN and infinity become None."""
    if value.dtype.kind != "f":
        return value.tolist()
    rounded = np.round(value.astype(np.float64), _DECIMALS)
    if np.isfinite(rounded).all():
        return rounded.tolist()
    return [number if math.isfinite(number) else None for number in rounded.tolist()]
