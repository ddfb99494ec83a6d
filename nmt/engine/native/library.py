"""The C functions of the native engine, called through ctypes.

All functions release the interpreter lock. Models do not change and may be shared by threads; an engine may not.
"""

from __future__ import annotations

import ctypes
import functools
import os
from ctypes import POINTER, c_char_p, c_double, c_float, c_int32, c_int64, c_void_p
from pathlib import Path
from typing import Any

import numpy as np

from nmt.engine.native.build import LIBRARY
from nmt.utils.arrays import AnyArray
from nmt.utils.errors import CarouselError, UsageError

KERNELS_VARIABLE = "CAROUSEL_KERNELS"
"""Environment variable that selects the instruction set: avx512, avxvnni, avx2, neon or portable."""


class Architecture(ctypes.Structure):
    """The structure ``Architecture`` in ``src/model.h``."""

    _fields_ = [
        *((name, c_int32) for name in (
            "width", "feed_forward", "encoder_layers", "decoder_layers", "bidirectional_layers", "encoder_blocks",
            "decoder_blocks", "attention", "heads", "input_feeding", "reverse_source", "residual", "alignment_head",
            "source_vocabulary", "target_vocabulary", "end_of_sentence",
        )),
        ("embedding_gain", c_float),
    ]  # fmt: skip


class StepArguments(ctypes.Structure):
    """The structure ``StepArguments`` in ``src/candidates.h``."""

    _fields_ = [
        ("tokens", c_void_p), ("parents", c_void_p), ("num_candidates", c_int64),
        ("score_ids", c_void_p), ("num_score_ids", c_int64),
        ("suppress_rows", c_void_p), ("suppress_tokens", c_void_p), ("num_suppressed", c_int64),
        ("scores", c_void_p), ("ids", c_void_p), ("id_scores", c_void_p),
        ("attention", c_void_p), ("attention_length", c_int64),
        ("log_probabilities", c_void_p), ("num_choices", c_int64),
    ]  # fmt: skip


class PackedSentences(ctypes.Structure):
    """The structure ``PackedSentences`` in ``src/interface.cpp``."""

    _fields_ = [
        ("count", c_int64), ("slots", c_void_p), ("sources", c_void_p), ("source_ends", c_void_p),
        ("shortlists", c_void_p), ("shortlist_ends", c_void_p),
    ]  # fmt: skip


class SearchOptions(ctypes.Structure):
    """The structure ``SearchOptions`` in ``src/beam_search.h``."""

    _fields_ = [
        ("min_length", c_int32), ("max_length", c_int32), ("num_hypotheses", c_int32), ("return_attention", c_int32),
        ("no_repeat_ngram_size", c_int32), ("num_copy_tokens", c_int32), ("length_penalty", c_double),
        ("copy_tokens", c_void_p),
    ]  # fmt: skip


class FinishedSentences(ctypes.Structure):
    """The structure ``FinishedSentences`` in ``src/beam_search.h``."""

    _fields_ = [
        ("num_slots", c_int64),
        *((name, POINTER(c_int32)) for name in ("slots", "hypotheses_per_slot", "lengths")),
        *((name, POINTER(c_double)) for name in ("scores", "rank_scores")),
        *((name, POINTER(c_int32)) for name in ("tokens", "source_positions")),
        ("cumulative_scores", POINTER(c_double)),
    ]  # fmt: skip


_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "error": (c_char_p, []),
    "find_kernels": (c_void_p, [c_char_p]),
    "kernels_name": (c_char_p, [c_void_p]),
    "quantise": (c_float, [c_void_p, c_void_p, c_int32, c_void_p]),
    "multiply": (c_int32, [*[c_void_p] * 4, c_int32, c_int32, c_void_p, c_int32, c_void_p]),
    "layer_norm": (None, [c_void_p, c_void_p, c_int32, c_int32, *[c_void_p] * 3]),
    "softmax": (None, [c_void_p, c_void_p, c_int32, c_int32]),
    "log_sum_exp": (c_float, [c_void_p, c_void_p, c_int32]),
    "select_largest": (None, [c_void_p, c_void_p, c_int32, c_int32, c_void_p, c_void_p]),
    "model_new": (c_void_p, [POINTER(Architecture), c_void_p]),
    "model_delete": (None, [c_void_p]),
    "model_set_matrix": (c_int32, [c_void_p, c_char_p, c_void_p, c_void_p, c_void_p, *[c_int32] * 5]),
    "model_set_vector": (c_int32, [c_void_p, c_char_p, c_void_p, c_int32]),
    "model_set_table": (c_int32, [c_void_p, c_char_p, c_void_p, c_void_p, c_int32, c_int32]),
    "model_share_table": (c_int32, [c_void_p, c_char_p, c_char_p]),
    "model_complete": (c_int32, [c_void_p, c_void_p, c_void_p, c_int32, c_int32]),
    "engine_new": (c_void_p, [c_void_p, c_int32, c_int32]),
    "engine_delete": (None, [c_void_p]),
    "engine_admit": (c_int32, [c_void_p, c_void_p, POINTER(PackedSentences)]),
    "engine_release": (c_int32, [c_void_p, c_int32]),
    "engine_step": (c_int32, [c_void_p, POINTER(StepArguments)]),
    "search_new": (c_void_p, [c_void_p, c_int32, c_int32, c_int32]),
    "search_delete": (None, [c_void_p]),
    "search_admit": (c_int32, [c_void_p, c_void_p, POINTER(PackedSentences), POINTER(SearchOptions)]),
    "search_release": (c_int32, [c_void_p, c_int32]),
    "search_advance": (c_int32, [c_void_p, c_int32, POINTER(FinishedSentences)]),
}


class Library:
    """The loaded library."""

    def __init__(self, path: Path) -> None:
        """Load the library. Raises OSError if it is missing or belongs to another platform."""
        library = ctypes.CDLL(str(path))
        self.functions: dict[str, Any] = {}
        for name, (result, arguments) in _SIGNATURES.items():
            function = library[f"carousel_{name}"]
            function.restype, function.argtypes = result, arguments
            self.functions[name] = function

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function that returns 0 on success. Raises ValueError with its message otherwise."""
        if self.functions[name](*arguments):
            raise ValueError(self.functions["error"]().decode())

    def create(self, name: str, *arguments: Any) -> int:
        """Call a function that returns a new object, and return its address. Raises ValueError if it fails."""
        address: int | None = self.functions[name](*arguments)
        if address is None:
            raise ValueError(self.functions["error"]().decode())
        return address

    def find_kernels(self, name: str) -> int | None:
        """Return the kernels of an instruction set, or the fastest for an empty name.

        The result is None if this processor lacks the instructions.
        """
        kernels: int | None = self.functions["find_kernels"](name.encode())
        return kernels

    def kernels_name(self, kernels: int) -> str:
        """Return the instruction set of kernels."""
        name: bytes = self.functions["kernels_name"](kernels)
        return name.decode()


@functools.cache
def load_library() -> Library | None:
    """Return the library, or None if it has not been compiled, or not for this platform."""
    try:
        return Library(Path(__file__).parent / LIBRARY)
    except OSError:
        return None


def require_library() -> Library:
    """Return the library. Raises CarouselError if it is not compiled."""
    library = load_library()
    if library is None:
        raise CarouselError(
            "native engine: is not compiled; install a C++ compiler (or pip install ziglang), then run "
            "python -m nmt.engine.native.build"
        )
    return library


def select_kernels(library: Library, name: str | None = None) -> int:
    """Return the kernels of the given name, or of the environment variable, or else the fastest ones.

    Raises UsageError if this processor cannot run them.
    """
    name = os.environ.get(KERNELS_VARIABLE, "") if name is None else name
    kernels = library.find_kernels(name)
    if kernels is None:
        raise UsageError(f"{KERNELS_VARIABLE}: this processor has no {name!r} instructions; unset the variable")
    return kernels


def instruction_set() -> str | None:
    """Return the instruction set that the native engine uses, or None if the engine is not compiled."""
    library = load_library()
    return None if library is None else library.kernels_name(select_kernels(library))


def pointer(array: AnyArray | None) -> int | None:
    """Return the address of a contiguous array; it is valid as long as the array lives."""
    if array is None:
        return None
    assert array.flags.c_contiguous
    return array.ctypes.data


def contiguous(values: Any, dtype: type[np.generic]) -> AnyArray:
    """Return values as a contiguous array of a type."""
    return np.ascontiguousarray(values, dtype=dtype)
