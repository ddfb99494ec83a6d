"""Vanishing gradients (Hochreiter 1991; Bengio, Simard & Frasconi 1994): a plain RNN beside an LSTM.

How much of the gradient reaches an input so many steps back, and over which distances a first symbol can be remembered
after the same short training: the task `nmt.corpus.synthetic_tasks.remembering`.

B sequences, T steps, D width.
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
_UPDATES, _RATE = 400, 5e-3
_TESTED = 400  # sequences
_FLOOR = 1e-30  # of a gradient's norm, so that a logarithm exists

CELLS: dict[str, type[nn.RNN] | type[nn.LSTM]] = {"plain RNN": nn.RNN, "LSTM": nn.LSTM}


class FirstSymbolClassifier(nn.Module):
    """A recurrent layer that says at the end of a sequence what its first symbol was."""

    def __init__(self, cell: str, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layer = CELLS[cell](len(_SYMBOLS), _WIDTH, batch_first=True)
            self.answer = nn.Linear(_WIDTH, len(tasks.MEMORY_SYMBOLS))
        if isinstance(self.layer, nn.LSTM):  # open forget gates, as in all of this toolkit's
            nn.init.ones_(self.layer.get_parameter("bias_ih_l0").detach().chunk(4)[1])

    def forward(self, x: Tensor) -> Tensor:
        """The last output [B, D] over x [B, T, symbols]."""
        outputs: Tensor = self.layer(x)[0]
        return outputs[:, -1]


class RecallAccuracy(NamedTuple):
    """How often a trained cell is right, in percent."""

    distance: int
    inside: float
    """At the longest distance it was trained on, which is that."""
    beyond: float
    """At twice as much."""


class CellOutcome(NamedTuple):
    """What was found of one cell."""

    before: list[float]
    """See `gradient_by_distance`, of new weights."""
    after: list[float]
    """The same after training."""
    right: list[RecallAccuracy]
    """After training anew on distances up to each."""


def gradient_by_distance(reader: FirstSymbolClassifier, distance: int, seed: int) -> list[float]:
    """The norm of the gradient that the last output sends to the input d steps before it, for d from 0 to ``distance``.

    It is the mean over some sequences, as a share of that at d = 0.
    """
    x, _ = _sequences(distance, _BATCH, seed)
    x.requires_grad_(True)
    direction = torch.randn(_BATCH, _WIDTH, generator=torch.Generator().manual_seed(seed))
    [gradient] = torch.autograd.grad((reader(x) * direction).sum(), x)
    norms = gradient.norm(dim=2).mean(dim=0).flip(0)
    return [float(norm) for norm in norms / norms[0]]


def train_and_test(reader: FirstSymbolClassifier, distance: int, seed: int) -> RecallAccuracy:
    """Train on sequences whose first symbol lies up to so many steps before the last."""
    lengths = torch.randint(1, distance + 1, (_UPDATES,), generator=torch.Generator().manual_seed(seed)).tolist()
    optimiser = torch.optim.Adam(reader.parameters(), lr=_RATE)
    for update, length in enumerate(lengths, start=1):
        x, first = _sequences(length, _BATCH, seed + update)
        loss = nn.functional.cross_entropy(reader.answer(reader(x)), first)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimiser.step()
    return RecallAccuracy(distance, _percentage(reader, distance, seed), _percentage(reader, 2 * distance, seed))


def compare_cells(
    distances: Sequence[int], seed: int, say: Callable[[str], None] = lambda _: None
) -> dict[str, CellOutcome]:
    """Both cells, trained anew up to each distance; gradients are those of training on the middle one.

    They are measured up to the longest distance.
    """
    found = {}
    for cell in CELLS:
        before = gradient_by_distance(FirstSymbolClassifier(cell, seed), max(distances), seed)
        after, right = before, []
        for number, distance in enumerate(distances):
            reader = FirstSymbolClassifier(cell, seed)
            right.append(train_and_test(reader, distance, seed))
            say(f"{cell}, distance {distance}: {right[-1].inside:.1f}% right, {right[-1].beyond:.1f}% at twice that")
            if number == len(distances) // 2:
                after = gradient_by_distance(reader, max(distances), seed)
        found[cell] = CellOutcome(before, after, right)
    return found


def write_page(path: Path, distances: Sequence[int], seed: int, say: Callable[[str], None]) -> None:
    """Compare the cells, and write the page; a path that is no file's raises CarouselError before the work."""
    with atomic_file(path) as temporary:
        temporary.write_text(_page(compare_cells(distances, seed, say), distances), encoding="utf-8")


def _page(found: dict[str, CellOutcome], distances: Sequence[int]) -> str:
    pages = template_environment("nmt.lab", "the page")
    return pages.get_template("gradients.html.j2").render(
        pictures=draw_charts(found),
        found=found,
        distances=distances,
        middle=distances[len(distances) // 2],
        updates=_UPDATES,
        width=_WIDTH,
        chance=100 / len(tasks.MEMORY_SYMBOLS),
    )


def draw_charts(found: dict[str, CellOutcome]) -> dict[str, str]:
    """The charts of what was found: before, after and right."""

    def decades(cell: str, norms: list[float]) -> LineSeries:
        powers = torch.tensor(norms, dtype=torch.float64).clamp_min(_FLOOR).log10().tolist()
        return LineSeries(cell, list(enumerate(powers)))

    def chart(title: str, series: list[LineSeries], unit: str, from_zero: bool) -> str:
        return charts.line_chart(title, series, unit, from_zero, across="distance")

    before, after = (
        [decades(cell, getattr(each, when)) for cell, each in found.items()] for when in CellOutcome._fields[:2]
    )
    right = [LineSeries(cell, [(float(r.distance), r.inside) for r in each.right]) for cell, each in found.items()]
    return {
        "before": chart("Gradient by distance before training", before, "log10 of the gradient's norm", False),
        "after": chart("Gradient by distance after training", after, "log10 of the gradient's norm", False),
        "right": chart("Right answers by distance", right, "% right", True),
    }


@torch.no_grad()
def _percentage(reader: FirstSymbolClassifier, distance: int, seed: int) -> float:
    """Of right answers where the first symbol lies so many steps before the last."""
    x, first = _sequences(distance, _TESTED, seed)
    return 100 * float((reader.answer(reader(x)).argmax(dim=1) == first).float().mean())


def _sequences(distance: int, count: int, seed: int) -> tuple[Any, Tensor]:
    """Return one-hot sequences [B, distance + 1, symbols] and the index [B] of the first symbol of each."""
    questions = [question for question, _ in tasks.generate_pairs("remembering", count, distance, distance, seed)]
    ids = torch.tensor([[_SYMBOLS.index(symbol) for symbol in question] for question in questions])
    return nn.functional.one_hot(ids, len(_SYMBOLS)).float(), ids[:, 0]
