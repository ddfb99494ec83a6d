"""Demonstration of vanishing gradients (Hochreiter 1991; Bengio, Simard & Frasconi 1994): a plain RNN beside an LSTM.

It measures how much of the gradient reaches an input d steps back, and over which distances a first symbol can be
remembered after the same short training. The task is "remembering" of `nmt.corpus.synthetic_tasks`.

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
_WIDTH, _BATCH = 32, 64
_UPDATES, _LEARNING_RATE = 400, 5e-3
_TEST_SEQUENCES = 400
_MIN_NORM = 1e-30  # of a gradient, so that its logarithm is finite

CELLS: dict[str, type[nn.RNN] | type[nn.LSTM]] = {"plain RNN": nn.RNN, "LSTM": nn.LSTM}


class FirstSymbolClassifier(nn.Module):
    """A recurrent layer that predicts the first symbol of a sequence from its last output."""

    def __init__(self, cell: str, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layer = CELLS[cell](len(_SYMBOLS), _WIDTH, batch_first=True)
            self.answer = nn.Linear(_WIDTH, len(tasks.MEMORY_SYMBOLS))
        if isinstance(self.layer, nn.LSTM):  # forget gates start open, as in the toolkit's own LSTMs
            nn.init.ones_(self.layer.get_parameter("bias_ih_l0").detach().chunk(4)[1])

    def forward(self, x: Tensor) -> Tensor:
        """Return the last output [B, width] of the recurrent layer for inputs [B, T, symbols]."""
        outputs: Tensor = self.layer(x)[0]
        return outputs[:, -1]


class RecallAccuracy(NamedTuple):
    """Percentage of sequences whose first symbol a trained cell predicts correctly."""

    distance: int
    """Longest distance in the training data."""
    trained: float
    """Accuracy in percent at that distance."""
    doubled: float
    """Accuracy in percent at twice that distance."""


class CellMeasurements(NamedTuple):
    """Measurements of one cell."""

    before: list[float]
    """Gradient norms by distance before training; see `gradient_by_distance`."""
    after: list[float]
    """Gradient norms by distance after training."""
    accuracy: list[RecallAccuracy]
    """Accuracy after a separate training for each distance."""


def gradient_by_distance(model: FirstSymbolClassifier, distance: int, seed: int) -> list[float]:
    """Return the norm of the gradient of the last output with respect to the input d steps before it.

    The norms are for d from 0 to ``distance``, averaged over a batch and relative to the norm at d = 0.
    """
    x, _ = _sample_sequences(distance, _BATCH, seed)
    x.requires_grad_(True)
    direction = torch.randn(_BATCH, _WIDTH, generator=torch.Generator().manual_seed(seed))
    [gradient] = torch.autograd.grad((model(x) * direction).sum(), x)
    norms = gradient.norm(dim=2).mean(dim=0).flip(0)
    return [float(norm) for norm in norms / norms[0]]


def train_and_test(model: FirstSymbolClassifier, distance: int, seed: int) -> RecallAccuracy:
    """Train on sequences whose first symbol is up to ``distance`` steps before the last, and return the accuracy."""
    lengths = torch.randint(1, distance + 1, (_UPDATES,), generator=torch.Generator().manual_seed(seed)).tolist()
    optimiser = torch.optim.Adam(model.parameters(), lr=_LEARNING_RATE)
    for update, length in enumerate(lengths, start=1):
        x, first = _sample_sequences(length, _BATCH, seed + update)
        loss = nn.functional.cross_entropy(model.answer(model(x)), first)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    return RecallAccuracy(distance, _accuracy(model, distance, seed), _accuracy(model, 2 * distance, seed))


def compare_cells(
    distances: Sequence[int], seed: int, log: Callable[[str], None] = lambda _: None
) -> dict[str, CellMeasurements]:
    """Measure both cells, each trained from new weights for every distance.

    Gradients are measured up to the longest distance; those after training are from the training on the middle one.
    """
    measurements = {}
    for cell in CELLS:
        before = gradient_by_distance(FirstSymbolClassifier(cell, seed), max(distances), seed)
        after, accuracies = before, []
        for number, distance in enumerate(distances):
            model = FirstSymbolClassifier(cell, seed)
            accuracy = train_and_test(model, distance, seed)
            accuracies.append(accuracy)
            log(f"{cell}, distance {distance}: {accuracy.trained:.1f}% right, {accuracy.doubled:.1f}% at twice that")
            if number == len(distances) // 2:
                after = gradient_by_distance(model, max(distances), seed)
        measurements[cell] = CellMeasurements(before, after, accuracies)
    return measurements


def write_page(path: Path, distances: Sequence[int], seed: int, log: Callable[[str], None]) -> None:
    """Compare the cells and write an HTML page.

    Raises CarouselError if the path cannot be written. It is raised before the training.
    """
    with atomic_file(path) as temporary:
        temporary.write_text(_render_page(compare_cells(distances, seed, log), distances), encoding="utf-8")


def _render_page(measurements: dict[str, CellMeasurements], distances: Sequence[int]) -> str:
    pages = template_environment("nmt.lab", "the page")
    return pages.get_template("gradients.html.j2").render(
        charts=draw_charts(measurements),
        measurements=measurements,
        distances=distances,
        middle=distances[len(distances) // 2],
        updates=_UPDATES,
        width=_WIDTH,
        chance=100 / len(tasks.MEMORY_SYMBOLS),
    )


def draw_charts(measurements: dict[str, CellMeasurements]) -> dict[str, str]:
    """Return the charts "before", "after" (gradient by distance) and "right" (accuracy by distance) as SVG."""

    def log_norms(cell: str, norms: list[float]) -> LineSeries:
        powers = torch.tensor(norms, dtype=torch.float64).clamp_min(_MIN_NORM).log10().tolist()
        return LineSeries(cell, list(enumerate(powers)))

    def chart(title: str, series: list[LineSeries], unit: str, from_zero: bool) -> str:
        return charts.line_chart(title, series, unit, from_zero, across="distance")

    before, after = (
        [log_norms(cell, getattr(each, when)) for cell, each in measurements.items()]
        for when in CellMeasurements._fields[:2]
    )
    right = [
        LineSeries(cell, [(float(accuracy.distance), accuracy.trained) for accuracy in each.accuracy])
        for cell, each in measurements.items()
    ]
    return {
        "before": chart("Gradient by distance before training", before, "log10 of the gradient's norm", False),
        "after": chart("Gradient by distance after training", after, "log10 of the gradient's norm", False),
        "right": chart("Right answers by distance", right, "% right", True),
    }


@torch.no_grad()
def _accuracy(model: FirstSymbolClassifier, distance: int, seed: int) -> float:
    """Return the percentage of right answers if the first symbol is ``distance`` steps before the last."""
    x, first = _sample_sequences(distance, _TEST_SEQUENCES, seed)
    return 100 * float((model.answer(model(x)).argmax(dim=1) == first).float().mean())


def _sample_sequences(distance: int, count: int, seed: int) -> tuple[Any, Tensor]:
    """Return one-hot sequences [B, distance + 1, symbols] and the index [B] of the first symbol of each."""
    questions = [question for question, _ in tasks.generate_pairs("remembering", count, distance, distance, seed)]
    ids = torch.tensor([[_SYMBOLS.index(symbol) for symbol in question] for question in questions])
    return nn.functional.one_hot(ids, len(_SYMBOLS)).float(), ids[:, 0]
