"""A study as a page: its table and charts of the scores."""

from __future__ import annotations

from collections.abc import Sequence

from nmt.config.loading import dump_recipe
from nmt.config.schema import TranslatorRecipe
from nmt.evaluation import charts
from nmt.evaluation.charts import ChartBar
from nmt.evaluation.templating import template_environment
from nmt.lab.sweep.plan import Sweep, format_setting
from nmt.lab.sweep.results import SettingSummary, table_cells, table_legend
from nmt.training.tasks import METRIC_NAMES


def render_sweep_report(study: Sweep, rows: Sequence[SettingSummary], baseline: TranslatorRecipe) -> str:
    """The page. Raises CarouselError where Jinja is not installed."""
    metric = METRIC_NAMES[study.metric]
    pages = template_environment("nmt.evaluation", "the report")
    page: str = pages.get_template("sweep.html.j2").render(
        axes=list(study.config.axes),
        table=table_cells(study, rows),
        legend=table_legend(study, rows),
        baseline=next((n for n, row in enumerate(rows) if row.setting == study.reference), None),
        pictures=[
            *[("Dev loss, nats a piece", _losses(rows))] * study.compares_losses,
            (f"Dev {metric}", _scores(rows, metric)),
        ],
        config=dump_recipe(baseline),
    )
    return page


def _losses(rows: Sequence[SettingSummary]) -> str:
    bars = [ChartBar(format_setting(row.setting), _seeds(row), row.loss, row.loss_deviation) for row in rows]
    return charts.interval_chart("Dev loss", bars, "nats a piece", 3)


def _scores(rows: Sequence[SettingSummary], metric: str) -> str:
    bars = [ChartBar(format_setting(row.setting), _seeds(row), row.score, row.score_deviation) for row in rows]
    return charts.interval_chart(f"Dev {metric}", bars, metric, 2)


def _seeds(row: SettingSummary) -> str:
    return f"{row.seeds} seed{'s' * (row.seeds > 1)}"
