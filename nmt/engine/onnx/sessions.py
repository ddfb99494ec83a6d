"""ONNX Runtime sessions of a model's graphs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nmt.corpus.tokenizer import EOS
from nmt.engine.onnx.runtime import ort, session_options
from nmt.engine.slot_storage import PaddedArraySpec
from nmt.utils.arrays import AnyArray
from nmt.utils.errors import CarouselError

Arrays = dict[str, AnyArray]
"""Inputs or outputs of a graph, by name."""


class OnnxSessions:
    """Sessions of a model's graphs, each loaded at its first use. The engines of one thread share them."""

    def __init__(self, folder: Path, vocab_size: int) -> None:
        """``folder`` holds the graphs; ``vocabulary`` is the size of the target vocabulary."""
        self._folder, self.vocab_size = folder, vocab_size
        self._sessions: dict[str, ort.InferenceSession] = {}

    def __getitem__(self, name: str) -> ort.InferenceSession:
        """Return the session of the graph ``name``.onnx. Raises CarouselError if it cannot be loaded."""
        if name not in self._sessions:
            self._sessions[name] = _load(self._folder / f"{name}.onnx")
        return self._sessions[name]

    def run(self, name: str, inputs: Arrays) -> Arrays:
        """Run a graph and return all of its outputs."""
        names = [output.name for output in self[name].get_outputs()]
        return dict(zip(names, self[name].run(names, inputs), strict=True))

    def memory_specs(self, step_graph: str) -> dict[str, PaddedArraySpec]:
        """Return the layouts of the attention memory, by the names of a step graph's inputs."""
        shapes = {value.name: value.shape for value in self[step_graph].get_inputs()}
        return {
            name: PaddedArraySpec(shape.index("blocks"), -np.inf if name.startswith("bias.") else 0.0)
            for name, shape in shapes.items()
            if "blocks" in shape
        }

    def shortlist_specs(self) -> dict[str, PaddedArraySpec]:
        """Return the layouts of a shortlist's arrays: output layer, bias that masks the padding, and token ids."""
        outputs = self["rows"].get_outputs()
        output_layer = {value.name: PaddedArraySpec(value.shape.index("list")) for value in outputs}
        return {**output_layer, "list_bias": PaddedArraySpec(2, -np.inf), "list": PaddedArraySpec(1, EOS)}


def _load(path: Path) -> ort.InferenceSession:
    # Fusing a residual into its layer normalisation makes a step a tenth slower here.
    slow_optimizers = ["SkipLayerNormFusion"]
    providers = ["CPUExecutionProvider"]
    try:
        # Without `enable_fallback`, ONNX Runtime prints errors and tries again.
        return ort.InferenceSession(
            path, session_options(), providers, disabled_optimizers=slow_optimizers, enable_fallback=0
        )
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise CarouselError(f"{path}: cannot be loaded ({reason}); export the model again with nmt export") from None
