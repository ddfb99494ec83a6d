"""The demonstration of vanishing gradients: gradients against a NumPy reference, and the HTML page."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Nmt

from nmt.corpus import synthetic_tasks as tasks
from nmt.lab import vanishing_gradients as gradients


def test_gradients_of_the_plain_rnn_are_products_of_jacobians() -> None:
    model, distance = gradients.FirstSymbolClassifier("plain RNN", seed=3), 6
    inputs, recurrent, *biases = (p.detach().double().numpy() for p in model.layer.parameters())
    direction = torch.randn(64, 32, generator=torch.Generator().manual_seed(5)).double().numpy()
    symbols = tasks.MEMORY_SYMBOLS + tasks.NOISE_SYMBOLS
    norms = []
    questions = tasks.generate_pairs("remembering", 64, distance, distance, 5)
    for (question, _), gradient in zip(questions, direction, strict=True):
        h, slopes = np.zeros(32), []
        for symbol in question:
            h = np.tanh(inputs[:, symbols.index(symbol)] + recurrent @ h + sum(biases))
            slopes.append(1 - h**2)
        sequence_norms = []
        for slope in reversed(slopes):
            gradient = slope * gradient
            sequence_norms.append(np.linalg.norm(inputs.T @ gradient))
            gradient = recurrent.T @ gradient
        norms.append(sequence_norms)
    expected = np.mean(norms, axis=0)
    found = gradients.gradient_norms_by_distance(model, distance, seed=5)
    assert found == pytest.approx((expected / expected[0]).tolist(), rel=1e-4)


def test_the_page_shows_both_cells(tmp_path: Path, nmt: Nmt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradients, "_UPDATES", 60)
    page = tmp_path / "page.html"
    ran = nmt("lab", "gradients", "-o", page, "--distance", 2, "--distance", 1)
    assert ran.status == 0, ran.err
    line = re.compile(r"^(plain RNN|LSTM), distance (1|2): ([0-9.]+%) right, ([0-9.]+%) at twice that$", re.MULTILINE)
    found = line.findall(ran.out)
    assert [(cell, distance) for cell, distance, _, _ in found] == list(product(("plain RNN", "LSTM"), "12"))
    text = page.read_text()
    for _, _, *shares in found:
        for share in shares:
            assert f"<td>{share}</td>" in text
    assert text.count("<svg") == 3
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")


def test_an_unwritable_path_is_refused_before_the_training(tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "file").touch()
    for path, complaint in ((tmp_path, "Is a directory"), (tmp_path / "file" / "page.html", "File exists")):
        ran = nmt("lab", "gradients", "-o", path)
        assert (ran.status, ran.out) == (1, "")
        assert ran.err == f"nmt: {path}: can't be written ({complaint}); choose another path\n"
