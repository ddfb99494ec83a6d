"""``nmt evaluate`` and ``nmt score``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import Nmt
from safetensors.numpy import load_file, save
from toy import toy_pairs, write_corpus

from nmt import Translator
from nmt.model_directory.directory import WEIGHTS, read_model_directory, write_model_directory


def test_score_prints_the_log_probability_of_each_pair(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in").write_text("the dog sees the cat.\n" * 4, encoding="utf-8")
    (tmp_path / "out").write_text("le chien voit le chat.\nle chat voit le chien.\nroi\n\n", encoding="utf-8")
    call = ("score", model, "--source", tmp_path / "in", "--target", tmp_path / "out")
    right, swapped, wrong, empty = map(float, nmt(*call).out.splitlines())
    assert 0 > right > max(swapped, wrong, empty)
    exact = nmt("translate", model, tmp_path / "in", "--json", "--no-shortlist").out
    translation = json.loads(exact.splitlines()[0])
    assert nmt(*call, "--json", "-o", tmp_path / "s").out == ""
    scored = json.loads((tmp_path / "s").read_text().splitlines()[0])
    assert scored["score"] == pytest.approx(right, abs=1e-5)
    assert scored["score"] / scored["tokens"] == pytest.approx(translation["score"], abs=1e-5)
    assert scored["alignment"] == translation["alignment"]


def test_evaluate_prints_scores_with_signatures(
    model: Path, tmp_path: Path, nmt: Nmt, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_corpus(tmp_path / "test", toy_pairs(30, seed=11))
    call = ("evaluate", model, "--source", tmp_path / "test.en", "--reference", tmp_path / "test.fr")
    result = json.loads(nmt(*call, "--json").out)
    assert set(result) == {"bleu", "chrf", "ter", "sentences_per_second"}
    assert result["bleu"]["score"] > 60
    assert set(result["bleu"]) == {"score", "signature", "ci"}
    assert result["bleu"]["signature"] in nmt(*call).out
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "sacrebleu.metrics.bleu", None)
        patch.setattr(Translator, "translate", None)  # the error comes before the translation
        ran = nmt(*call)
    assert (ran.status, ran.err) == (1, "nmt: scoring needs the 'eval' extra: pip install 'carousel-nmt[eval]'\n")
    (tmp_path / "test.fr").write_text("le chien\n", encoding="utf-8")
    ran = nmt(*call)
    assert ran.status == 1
    assert "test.en: 30 lines, but" in ran.err


def test_evaluate_scores_an_ensemble(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    write_corpus(tmp_path / "test", toy_pairs(30, seed=11))
    trained, ignorant = read_model_directory(model), tmp_path / "ignorant"
    assert trained.weights
    nothing = {name: np.zeros_like(value) for name, value in load_file(trained.weights).items()}
    write_model_directory(tmp_path / "weights", trained.card, trained.tokenizer, {WEIGHTS: save(nothing)})
    assert nmt("export", tmp_path / "weights", ignorant).status == 0

    def score(*models: object) -> float:
        call = ("evaluate", *models, "--source", tmp_path / "test.en", "--reference", tmp_path / "test.fr", "--json")
        ran = nmt(*call)
        assert ran.status == 0, ran.err
        return float(json.loads(ran.out)["bleu"]["score"])

    assert score(ignorant) < 1
    assert score(ignorant, "--with", model) > 60


def test_the_model_card_has_the_scores_of_evaluate(model: Path, nmt: Nmt) -> None:
    dev = model.parent.parent / "dev"
    call = ("evaluate", model, "--source", f"{dev}.en", "--reference", f"{dev}.fr", "--threads", 2)
    found = json.loads(nmt(*call, "--json").out)
    expected = json.loads((model / "config.json").read_text(encoding="utf-8"))["scores"]["dev"]
    assert {name: found[name] for name in expected} == expected
    assert 0 < expected["bleu"]["score"] < 100  # different translations could score equally at the limits
