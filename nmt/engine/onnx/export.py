"""Export of trained weights to a model directory for serving.

The ONNX graphs are

- ``encoder.onnx``: encodes source sentences,
- ``step.onnx``, ``step_list.onnx``: advance hypotheses by one token, with the whole vocabulary or with a shortlist,
- ``rows.onnx``: gathers the output layer of a shortlist,
- ``scores.onnx``, ``scores_list.onnx``: steps without top-k, for sampling and ensembles,

and ``weights.bin`` holds their weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load_file

from nmt.config.model import ModelConfig
from nmt.engine.onnx.encoder_graph import EncoderGraph
from nmt.engine.onnx.graph_builder import WEIGHT_FILE, WeightFile
from nmt.engine.onnx.layer_graphs import Precision, Weights
from nmt.engine.onnx.step_graph import StepGraph, build_shortlist_graph
from nmt.model_directory.directory import GRAPHS, SHORTLIST, WEIGHTS, ModelDirectory, write_model_directory
from nmt.utils.errors import CarouselError


def build_graphs(model: ModelConfig, weights: Weights, precision: Precision) -> dict[str, bytes]:
    """Return the content of each file in the ``onnx`` folder of a model directory, by name."""
    weight_file = WeightFile()
    files = {
        "encoder.onnx": EncoderGraph(model, weights, precision, weight_file).build(),
        "rows.onnx": build_shortlist_graph(model, weights, precision, weight_file),
    }
    for name, with_top_k in (("step", True), ("scores", False)):
        for suffix, with_shortlist in (("", False), ("_list", True)):
            graph = StepGraph(model, weights, precision, weight_file)
            files[f"{name}{suffix}.onnx"] = graph.build(with_top_k, with_shortlist)
    files[WEIGHT_FILE] = weight_file.content()
    return files


def export_model(directory: ModelDirectory, out: Path, precision: Precision, include_shortlist: bool) -> None:
    """Write a model directory for serving: graphs and tokenizer, without the weights that only torch reads.

    Raises CarouselError if the model has no weights, or no shortlist although ``include_shortlist`` is set.
    """
    if directory.weights is None:
        raise CarouselError(
            f"{directory.path}: no {WEIGHTS}, because this is an exported model; export the model of the training run"
        )
    files = build_graphs_from_file(directory.card.model, directory.weights, precision)
    if include_shortlist:
        if directory.shortlist is None:
            raise CarouselError(f"{directory.path}: no {SHORTLIST}; export without --shortlist, or train again")
        files[SHORTLIST] = directory.shortlist.read_bytes()
    # The scores in the card were measured before the export; the card says with which precision.
    history = {**directory.card.training, "scores_measured_with": f"{directory.card.precision}, before this export"}
    # The calibration of confidence was learned from scores with a shortlist; those over the whole vocabulary differ.
    changed: dict[str, Any] = {"precision": precision, "training": history}
    if directory.shortlist is not None and not include_shortlist:
        changed["confidence"] = None
        changed["directions"] = [each.model_copy(update={"confidence": None}) for each in directory.card.directions]
    card = directory.card.model_copy(update=changed)
    write_model_directory(out, card, directory.tokenizer, files)


def build_graphs_from_file(model: ModelConfig, weights: Path, precision: Precision) -> dict[str, bytes]:
    """Return the content of the graph files for a file of trained weights, by their paths in a model directory.

    Raises CarouselError if the file of weights is damaged.
    """
    try:
        tensors = load_file(weights)
    except (SafetensorError, OSError) as error:
        raise CarouselError(f"{weights}: is damaged ({error}); copy the model directory again") from None
    return {f"{GRAPHS}/{name}": content for name, content in build_graphs(model, tensors, precision).items()}
