"""From trained weights to a bundle for serving.

``encoder.onnx`` reads sentences; ``step.onnx`` advances hypotheses by a token with the whole vocabulary,
``step_list.onnx`` with a list of each sentence's own, for which ``rows.onnx`` gathers the output layer; ``scores.onnx``
and ``scores_list.onnx`` are steps without the top-k, for sampling and ensembles; ``weights.bin`` holds what they share.
"""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load_file

from nmt.config.model import ModelConfig
from nmt.engine.onnx.encoder_graph import EncoderGraph
from nmt.engine.onnx.graph_builder import WEIGHT_FILE, WeightFile
from nmt.engine.onnx.layer_graphs import Precision, Weights
from nmt.engine.onnx.step_graph import StepGraph, rows_graph
from nmt.model_directory.directory import GRAPHS, SHORTLIST, WEIGHTS, ModelDirectory, write_model_directory
from nmt.utils.errors import CarouselError


def build_graphs(model: ModelConfig, weights: Weights, precision: Precision) -> dict[str, bytes]:
    """The files of a bundle's folder ``onnx``, by name."""
    shared = WeightFile()
    files = {
        "encoder.onnx": EncoderGraph(model, weights, precision, shared).build(),
        "rows.onnx": rows_graph(model, weights, precision, shared),
    }
    for name, top_k, listed in (
        ("step.onnx", True, False),
        ("step_list.onnx", True, True),
        ("scores.onnx", False, False),
        ("scores_list.onnx", False, True),
    ):
        files[name] = StepGraph(model, weights, precision, shared).build(top_k, listed)
    files[WEIGHT_FILE] = shared.content()
    return files


def export_model(bundle: ModelDirectory, out: Path, precision: Precision, shortlist: bool) -> None:
    """Write a bundle for serving: graphs and tokenizer, without the weights that only torch reads.

    Raises CarouselError when the bundle has no weights, or no shortlist where one is wanted.
    """
    if bundle.weights is None:
        raise CarouselError(f"{bundle.path}: has no {WEIGHTS}, so it was exported before; export the model of the run")
    files = graph_files(bundle.card.model, bundle.weights, precision)
    if shortlist:
        if bundle.shortlist is None:
            raise CarouselError(f"{bundle.path}: has no {SHORTLIST}; export without --shortlist, or train again")
        files[SHORTLIST] = bundle.shortlist.read_bytes()
    # What the card says of quality was found before: the reader shall know with what.
    history = {**bundle.card.training, "scores_measured_with": f"{bundle.card.precision}, before this export"}
    # Over the whole vocabulary scores are others than those that the confidence was learned from.
    confidence = bundle.card.confidence if shortlist or bundle.shortlist is None else None
    changed = {"precision": precision, "training": history, "confidence": confidence}
    card = bundle.card.model_copy(update=changed)
    write_model_directory(out, card, bundle.tokenizer, files)


def graph_files(model: ModelConfig, weights: Path, precision: Precision) -> dict[str, bytes]:
    """The graphs of trained weights, by their names in a bundle. Raises CarouselError when the file is damaged."""
    try:
        tensors = load_file(weights)
    except (SafetensorError, OSError) as error:
        raise CarouselError(f"{weights}: is damaged ({error}); copy the model directory again") from None
    return {f"{GRAPHS}/{name}": content for name, content in build_graphs(model, tensors, precision).items()}
