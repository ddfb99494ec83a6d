"""Inspections as files, by their ending: a page (``.html``), arrays (``.npz``), or the same as text (``.json``)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nmt.lab.inspect import neuron_search as units
from nmt.lab.inspect.inspection import Inspection
from nmt.lab.inspect.neuron_search import Finding
from nmt.lab.inspect.page import render
from nmt.utils.errors import UsageError
from nmt.utils.files import atomic_file

Writer = Callable[[Inspection, Sequence[Finding] | None], None]
ENDINGS = (".html", ".npz", ".json")
_DIGITS = 6  # of numbers in JSON, after the point


def check(path: Path) -> None:
    """Raise UsageError for a file of no known ending."""
    if path.suffix not in ENDINGS:
        raise UsageError(f"--output: {path} ends in none of {', '.join(ENDINGS)}; the ending says what is written")


@contextmanager
def writer(path: Path) -> Iterator[Writer]:
    """What writes a page, or arrays, or JSON, each with the units of a search where there was one.

    Raises CarouselError for a path that is no file's before the block, so that nothing is worked out for it in vain.
    """
    with atomic_file(path) as temporary:
        yield partial(_write, temporary, path.suffix)


def _write(path: Path, ending: str, inspection: Inspection, findings: Sequence[Finding] | None) -> None:
    if ending == ".html":
        path.write_text(render(inspection, findings or ()), encoding="utf-8")
    elif ending == ".npz":
        with path.open("wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, **inspection.arrays(), **units.arrays(findings or ()))
    else:
        tree = _tree(inspection)
        if findings is not None:
            tree["units"] = [each.record() for each in findings]
        path.write_text(json.dumps(tree, ensure_ascii=False), encoding="utf-8")


def _tree(inspection: Inspection) -> dict[str, Any]:
    """The arrays as nested lists: an object for each part of their names; what is no finite number is null."""
    root: dict[str, Any] = {**inspection.texts()}
    for name, value in inspection.arrays().items():
        *groups, last = name.split(".")
        place = root
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = _plain(value)
    return root


def _plain(value: np.ndarray[Any, Any]) -> Any:
    if value.dtype.kind != "f":
        return value.tolist()
    rounded = np.round(value.astype(np.float64), _DIGITS)
    if np.isfinite(rounded).all():
        return rounded.tolist()
    return [number if math.isfinite(number) else None for number in rounded.tolist()]
