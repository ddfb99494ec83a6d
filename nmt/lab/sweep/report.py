"""A study as a page: its table and charts of the scores."""

from __future__ import annotations

from collections.abc import Sequence

from nmt.config.loading import dump_recipe
from nmt.config.schema import TranslatorRecipe
from nmt.evaluation import charts
from nmt.evaluation.charts import Bar
from nmt.evaluation.templating import templates
from nmt.lab.sweep.plan import Study, label
from nmt.lab.sweep.results import Row, legend, table
from nmt.training.validation import WORDS


def render(study: Study, rows: Sequence[Row], baseline: TranslatorRecipe) -> str:
    """The page. Raises CarouselError where Jinja is not installed."""
    metric = WORDS[study.metric]
    pages = templates("nmt.evaluation", "the report")
    page: str = pages.get_template("study.html.j2").render(
        axes=list(study.config.axes),
        table=table(study, rows),
        legend=legend(study, rows),
        baseline=next((n for n, row in enumerate(rows) if row.setting == study.reference), None),
        pictures=[
            *[("Dev loss, nats a piece", _losses(rows))] * study.compares_losses,
            (f"Dev {metric}", _scores(rows, metric)),
        ],
        config=dump_recipe(baseline),
    )
    return page


def _losses(rows: Sequence[Row]) -> str:
    bars = [Bar(label(row.setting), _seeds(row), row.loss, row.loss_deviation) for row in rows]
    return charts.interval_chart("Dev loss", bars, "nats a piece", 3)


def _scores(rows: Sequence[Row], metric: str) -> str:
    bars = [Bar(label(row.setting), _seeds(row), row.score, row.score_deviation) for row in rows]
    return charts.interval_chart(f"Dev {metric}", bars, metric, 2)


def _seeds(row: Row) -> str:
    return f"{row.seeds} seed{'s' * (row.seeds > 1)}"
