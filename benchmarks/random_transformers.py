"""Transformers with random weights for CTranslate2, with the vocabularies and the shortlist of a Carousel model."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nmt.corpus.tokenizer import FIRST_TEXT_ID
from nmt.engine.factory import load_shortlist
from nmt.model_directory.directory import ModelDirectory

LAYERS = {"4 + 4": (4, 4), "6 + 2": (6, 2)}
"""Encoder and decoder layers of each Transformer."""

WIDTH, FEED_FORWARD, HEADS = 256, 1024, 4


def build_transformer(model: ModelDirectory, shape: str, folder: Path) -> Path:
    """Write a CTranslate2 Transformer of a shape in `LAYERS`, and return its path.

    It has random weights, and the vocabularies and the shortlist of ``model``.
    """
    from ctranslate2.specs import transformer_spec

    sizes = model.card.source_vocabulary, model.card.target_vocabulary
    random = np.random.default_rng(1)
    spec = transformer_spec.TransformerSpec.from_config(LAYERS[shape], HEADS, pre_norm=True)
    for name, value in spec.variables(ordered=True):
        if value is None:
            rows, columns = tensor_size(name, sizes)
            tensor = random.normal(scale=columns**-0.5, size=(rows, columns)).astype(np.float32)
            if rows == 1:  # layer normalisation
                tensor = np.full(columns, name.endswith("gamma"), dtype=np.float32)
            *path, last = name.split("/")
            owner = spec
            for part in path:
                owner = child(owner, part)
            setattr(owner, last, tensor)
    tokenizer = model.tokenizer
    vocabularies = [[side.id_to_piece(i) for i in range(len(side))] for side in (tokenizer.source, tokenizer.target)]
    spec.register_source_vocabulary(vocabularies[0])
    spec.register_target_vocabulary(vocabularies[1])
    spec.register_vocabulary_mapping(str(write_vocabulary_map(model, *vocabularies, folder / "vocabulary.map")))
    spec.validate()
    spec.optimize(quantization="int8")
    path = folder / shape.replace(" ", "")
    path.mkdir()
    spec.save(str(path))
    return path


def tensor_size(name: str, vocabularies: tuple[int, int]) -> tuple[int, int]:
    """Return the rows and columns of a weight; vectors of layer normalisation have one row."""
    *_, layer, last = name.split("/")
    if last in {"gamma", "beta"}:
        return 1, WIDTH
    if "embeddings" in name or "projection" in name:
        return vocabularies[not name.startswith("encoder")], WIDTH
    if "ffn" in name:
        return (FEED_FORWARD, WIDTH) if layer == "linear_0" else (WIDTH, FEED_FORWARD)
    if "self_attention" in name:  # query, key and value together; output
        return {"linear_0": 3 * WIDTH, "linear_1": WIDTH}[layer], WIDTH
    return {"linear_0": WIDTH, "linear_1": 2 * WIDTH, "linear_2": WIDTH}[layer], WIDTH


def child(owner: Any, part: str) -> Any:
    """Return a part of a specification; numbered parts are elements of lists."""
    if hasattr(owner, part):
        return getattr(owner, part)
    name, _, number = part.rpartition("_")
    return getattr(owner, name)[int(number)]


def write_vocabulary_map(model: ModelDirectory, sources: Sequence[str], targets: Sequence[str], path: Path) -> Path:
    """Write CTranslate2's vocabulary map: a source token and its target tokens per line.

    The first line, without a source token, holds the target tokens that are always included.
    """
    shortlist = load_shortlist(model)
    if shortlist is None:
        sys.exit(f"{model.path}: has no shortlist; export the model with --shortlist")
    always = set(shortlist.target_ids_for_sentence([]).tolist())
    lines = ["\t" + " ".join(targets[i] for i in sorted(always))]
    for i in range(FIRST_TEXT_ID, len(sources)):
        own = [targets[t] for t in shortlist.target_ids_for_sentence([i]).tolist() if t not in always]
        lines.append(f"{sources[i]}\t{' '.join(own)}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
