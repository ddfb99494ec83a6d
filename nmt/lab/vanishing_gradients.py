"""Demonstration of vanishing gradients (Hochreiter 1991; Bengio, Simard & Frasconi 1994): a plain RNN beside an LSTM.

The demonstration measures how much of the gradient reaches an input d steps back, and over which distances each cell
can remember the first symbol of a sequence after the same short training. The task is "remembering" of
`nmt.corpus.synthetic_tasks`.

Shapes: B sequences, T steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from nmt.corpus import synthetic_tasks as tasks
from nmt.evaluation import charts
from nmt.evaluation.charts import LineSeries
from nmt.evaluation.templating import template_environment
from nmt.utils.files import atomic_file

_SYMBOLS = tasks.MEMORY_SYMBOLS + tasks.NOISE_SYMBOLS
_HIDDEN_SIZE, _BATCH_SIZE = 32, 64
_UPDATES, _LEARNING_RATE = 400, 5e-3
_TEST_SEQUENCES = 400
_MIN_NORM = 1e-30  # lower bound of gradient norms, so that their logarithms are finite

CELLS: dict[str, type[nn.RNN] | type[nn.LSTM]] = {"plain RNN": nn.RNN, "LSTM": nn.LSTM}


class FirstSymbolClassifier(nn.Module):
    """Network that predicts the first symbol of a sequence from the last output of a recurrent layer."""

    def __init__(self, cell: str, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layer = CELLS[cell](len(_SYMBOLS), _HIDDEN_SIZE, batch_first=True)
            self.classifier = nn.Linear(_HIDDEN_SIZE, len(tasks.MEMORY_SYMBOLS))
        if isinstance(self.layer, nn.LSTM):  # forget gates start open, as in the toolkit's own LSTMs
            nn.init.ones_(self.layer.get_parameter("bias_ih_l0").detach().chunk(4)[1])

    def forward(self, x: Tensor) -> Tensor:
        """Return the last output [B, hidden size] of the recurrent layer for one-hot inputs [B, T, symbols]."""
        outputs: Tensor = self.layer(x)[0]
        return outputs[:, -1]


class RecallAccuracy(NamedTuple):
    """Percentage of sequences whose first symbol a trained cell predicts correctly."""

    distance: int
    """Largest number of steps between the first and the last symbol in the training data."""
    at_distance: float
    """Accuracy in percent on sequences with that distance."""
    at_double_distance: float
    """Accuracy in percent on sequences with twice that distance."""


class CellMeasurements(NamedTuple):
    """Gradient norms and accuracies of one type of cell."""

    gradients_before: list[float]
    """Gradient norms by distance before training; see `gradient_norms_by_distance`."""
    gradients_after: list[float]
    """Gradient norms by distance after training."""
    accuracies: list[RecallAccuracy]
    """Accuracies of networks that were trained separately, one for each distance."""


def gradient_norms_by_distance(model: FirstSymbolClassifier, distance: int, seed: int) -> list[float]:
    """Return norms of the gradient of the last output with respect to the input d steps before it.

    There is a norm for each d from 0 to ``distance``, averaged over a batch and divided by the norm at d = 0.
    """
    x, _ = _sample_sequences(distance, _BATCH_SIZE, seed)
    x.requires_grad_(True)
    direction = torch.randn(_BATCH_SIZE, _HIDDEN_SIZE, generator=torch.Generator().manual_seed(seed))
    [gradient] = torch.autograd.grad((model(x) * direction).sum(), x)
    norms = gradient.norm(dim=2).mean(dim=0).flip(0)
    return [float(norm) for norm in norms / norms[0]]


def train_and_measure_recall(model: FirstSymbolClassifier, distance: int, seed: int) -> RecallAccuracy:
    """Train on sequences whose first symbol is up to ``distance`` steps before the last, and return test accuracies."""
    lengths = torch.randint(1, distance + 1, (_UPDATES,), generator=torch.Generator().manual_seed(seed)).tolist()
    optimiser = torch.optim.Adam(model.parameters(), lr=_LEARNING_RATE)
    for update, length in enumerate(lengths, start=1):
        x, first = _sample_sequences(length, _BATCH_SIZE, seed + update)
        loss = nn.functional.cross_entropy(model.classifier(model(x)), first)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    return RecallAccuracy(
        distance, _measure_accuracy(model, distance, seed), _measure_accuracy(model, 2 * distance, seed)
    )


def compare_cells(
    distances: Sequence[int], seed: int, log: Callable[[str], None] = lambda _: None
) -> dict[str, CellMeasurements]:
    """Measure gradients and accuracies of both cells, each trained from new weights for every distance.

    Gradients are measured up to the longest distance, before training and after training on the middle distance.
    """
    measurements = {}
    for cell in CELLS:
        before = gradient_norms_by_distance(FirstSymbolClassifier(cell, seed), max(distances), seed)
        after, recalls = before, []
        for index, distance in enumerate(distances):
            model = FirstSymbolClassifier(cell, seed)
            recall = train_and_measure_recall(model, distance, seed)
            recalls.append(recall)
            rates = f"{recall.at_distance:.1f}% right, {recall.at_double_distance:.1f}% at twice that"
            log(f"{cell}, distance {distance}: {rates}")
            if index == len(distances) // 2:
                after = gradient_norms_by_distance(model, max(distances), seed)
        measurements[cell] = CellMeasurements(before, after, recalls)
    return measurements


def write_gradient_page(path: Path, distances: Sequence[int], seed: int, log: Callable[[str], None]) -> None:
    """Train and compare the cells, and write the results to an HTML page.

    Raises CarouselError, before the training, if the path cannot be written.
    """
    with atomic_file(path) as temporary:
        temporary.write_text(_render_page(compare_cells(distances, seed, log), distances), encoding="utf-8")


def _render_page(measurements: dict[str, CellMeasurements], distances: Sequence[int]) -> str:
    """Return the HTML page of a comparison."""
    pages = template_environment("nmt.lab", "the page")
    return pages.get_template("gradients.html.j2").render(
        charts=draw_charts(measurements),
        measurements=measurements,
        distances=distances,
        middle=distances[len(distances) // 2],
        updates=_UPDATES,
        width=_HIDDEN_SIZE,
        chance=100 / len(tasks.MEMORY_SYMBOLS),
    )


def draw_charts(measurements: dict[str, CellMeasurements]) -> dict[str, str]:
    """Return SVG charts of the gradient by distance ("before", "after") and of the accuracy by distance ("right")."""

    def log_norms(cell: str, norms: list[float]) -> LineSeries:
        powers = torch.tensor(norms, dtype=torch.float64).clamp_min(_MIN_NORM).log10().tolist()
        return LineSeries(cell, list(enumerate(powers)))

    def chart(title: str, series: list[LineSeries], y_label: str, from_zero: bool) -> str:
        return charts.line_chart(title, series, y_label, from_zero, x_label="distance")

    before, after = (
        [log_norms(cell, norms) for cell, norms in zip(measurements, all_norms, strict=True)]
        for all_norms in list(zip(*measurements.values(), strict=True))[:2]
    )
    right = [
        LineSeries(cell, [(float(recall.distance), recall.at_distance) for recall in each.accuracies])
        for cell, each in measurements.items()
    ]
    return {
        "before": chart("Gradient by distance before training", before, "log10 of the gradient's norm", False),
        "after": chart("Gradient by distance after training", after, "log10 of the gradient's norm", False),
        "right": chart("Right answers by distance", right, "% right", True),
    }


@torch.no_grad()
def _measure_accuracy(model: FirstSymbolClassifier, distance: int, seed: int) -> float:
    """Return the percentage of correct predictions if the first symbol is ``distance`` steps before the last."""
    x, first = _sample_sequences(distance, _TEST_SEQUENCES, seed)
    return 100 * float((model.classifier(model(x)).argmax(dim=1) == first).float().mean())


def _sample_sequences(distance: int, num_sequences: int, seed: int) -> tuple[Any, Tensor]:
    """Return one-hot sequences [B, distance + 1, symbols] and the index [B] of the first symbol of each."""
    questions = [
        question for question, _ in tasks.generate_pairs("remembering", num_sequences, distance, distance, seed)
    ]
    ids = torch.tensor([[_SYMBOLS.index(symbol) for symbol in question] for question in questions])
    return nn.functional.one_hot(ids, len(_SYMBOLS)).float(), ids[:, 0]
