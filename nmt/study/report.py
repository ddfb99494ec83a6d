"""A study as a page: its table and charts of the scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nmt.config import Config, dump
from nmt.evaluation import charts
from nmt.evaluation.charts import Bar
from nmt.evaluation.templating import templates
from nmt.study.plan import Study, label
from nmt.training.validation import WORDS

if TYPE_CHECKING:
    from nmt.study.results import Row


def render(study: Study, rows: Sequence[Row], baseline: Config) -> str:
    """The page. Raises CarouselError where Jinja is not installed."""
    metric = WORDS[study.metric]
    pages = templates("nmt.evaluation", "the report")
    page: str = pages.get_template("study.html.j2").render(
        axes=list(study.config.axes),
        seeds=study.config.seeds,
        rows=rows,
        reference=study.config.reference,
        pictures=[("Dev loss, nats a piece", _losses(rows)), (f"Dev {metric}", _scores(rows, metric))],
        metric=metric,
        config=dump(baseline),
    )
    return page


def _losses(rows: Sequence[Row]) -> str:
    bars = [Bar(label(row.setting), f"{row.seeds} seeds", row.loss, row.loss_deviation) for row in rows]
    return charts.interval_chart("Dev loss", bars, "nats a piece", 3)


def _scores(rows: Sequence[Row], metric: str) -> str:
    bars = [Bar(label(row.setting), f"{row.seeds} seeds", row.score, row.score_deviation) for row in rows]
    return charts.interval_chart(f"Dev {metric}", bars, metric, 2)
