"""Attention maps of whole translations against the attention of the engine, step by step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nmt.corpus.tokenizer import BOS, EOS
from nmt.engine.torch_engine import TorchEngine, load_network
from nmt.evaluation.attention_maps import compute_attention_maps
from nmt.model_directory.directory import read_model_directory
from nmt.search.protocol import StepRequest

SOURCE, TARGET = "the red dog sees the cat.", "le chien rouge voit le chat."


def test_attention_equals_that_of_the_engine(model: Path) -> None:
    directory = read_model_directory(model)
    [found] = compute_attention_maps(directory, [(SOURCE, TARGET)])
    source, target = directory.tokenizer.source.encode(SOURCE).ids, directory.tokenizer.target.encode(TARGET).ids
    engine = TorchEngine(load_network(directory), num_slots=1, beam_size=1)
    engine.admit([0], [source], [[]])
    none, rows = np.zeros(0, dtype=np.int64), []
    for token in [BOS, *target]:
        tokens = np.array([token])
        request = StepRequest(
            tokens, np.zeros(1, dtype=np.int64), 1, np.array([[EOS]]), none, none, return_attention=True
        )
        attention = engine.step(request).attention
        assert attention is not None
        rows.append(attention[0])
    assert found.weights == pytest.approx(np.array(rows), abs=1e-5)
    assert found.weights.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert found.weights.shape == (len(found.target), len(found.source)) == (len(target) + 1, len(source) + 1)
    assert "".join(found.source) == "▁" + SOURCE.replace(" ", "▁") + "</s>"


def test_a_model_without_attention_has_no_maps(model: Path) -> None:
    directory = read_model_directory(model)
    card = directory.card.model_copy(update={"model": directory.card.model.model_copy(update={"attention": "none"})})
    assert list(compute_attention_maps(replace(directory, card=card), [(SOURCE, TARGET)])) == []
