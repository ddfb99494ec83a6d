"""Tables of a finished and of an unfinished sweep."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmt.lab.sweep import results
from nmt.lab.sweep.plan import Sweep, load_sweep
from nmt.lab.sweep.report import render_sweep_report
from nmt.lab.sweep.results import RunResult


@pytest.fixture
def sweep(recipe: Path) -> Sweep:
    path = recipe.parent / "study.yaml"
    path.write_text("{recipe: toy.yaml, axes: {model.cell: [lstm, gru]}, seeds: [3, 1]}", encoding="utf-8")
    return load_sweep(path)


def table(sweep: Sweep, runs: int) -> tuple[list[list[str]], str, str]:
    """Return the cells, the line below them and the HTML page, for the first ``runs`` runs."""
    found = [
        RunResult(run.setting, run.seed, loss=2.0 + number, bleu=10.0 + number, updates=5, parameters=1000, seconds=60)
        for number, run in enumerate(sweep.runs[:runs])
    ]
    rows = results.summarise_settings(sweep, found)
    lines = results.format_markdown_table(sweep, rows, sweep.runs[0].config.model).splitlines()
    cells = [line.strip("| ").split(" | ") for line in (lines[0], *lines[2:-2])]
    return cells, lines[-1], render_sweep_report(sweep, rows, sweep.runs[0].config)


def test_the_table_of_a_finished_sweep(sweep: Sweep) -> None:
    cells, below, page = table(sweep, 4)
    assert cells == [
        ["cell", "dev loss", "p", "dev BLEU", "p", "parameters", "minutes"],
        ["**lstm**", "3.000 ± 1.414", "–", "11.00 ± 1.41", "–", "1,000", "1.0"],
        ["gru", "4.000 ± 1.414", "0.553", "12.00 ± 1.41", "0.553", "1,000", "1.0"],
    ]
    assert below.startswith("Seeds 3, 1; mean ± standard deviation over them. ")
    assert "<td><b>lstm</b></td><td>3.000 ± 1.414</td>" in page
    assert "<td>gru</td>" in page


def test_losses_over_different_pieces_are_not_compared(recipe: Path) -> None:
    path = recipe.parent / "study.yaml"
    path.write_text("{recipe: toy.yaml, axes: {tokenizer.vocab_size: [420, 430]}, seeds: [3, 1]}", encoding="utf-8")
    cells, below, page = table(load_sweep(path), 4)
    assert cells == [
        ["vocab_size", "dev loss", "p", "dev BLEU", "p", "parameters", "minutes"],
        ["430", "4.000 ± 1.414", "–", "12.00 ± 1.41", "0.553", "1,000", "1.0"],
        ["**420**", "3.000 ± 1.414", "–", "11.00 ± 1.41", "–", "1,000", "1.0"],
    ]
    assert "Losses are not comparable" in below
    assert "Dev BLEU" in page
    assert "Dev loss, nats per token" not in page


def test_the_table_of_an_unfinished_sweep_says_so(sweep: Sweep) -> None:
    cells, below, page = table(sweep, 3)
    assert cells == [
        ["cell", "dev loss", "p", "dev BLEU", "p", "seeds", "parameters", "minutes"],
        ["**lstm**", "3.000 ± 1.414", "–", "11.00 ± 1.41", "–", "2", "1,000", "1.0"],
        ["gru", "3.000", "–", "11.00", "–", "1", "1,000", "1.0"],
    ]
    said = "Seeds 3, 1; 3 of 4 runs are done: mean ± standard deviation over those of a row. "
    assert below.startswith(said)
    assert said in page
    assert '<th scope="col">seeds</th>' in page
    assert table(sweep, 2)[1].startswith("Seeds 3, 1; 2 of 4 runs are done: ")  # one each, so that rows don't differ
