"""HTML report of a sweep: the table of results and charts of the scores."""

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


def render_sweep_report(sweep: Sweep, rows: Sequence[SettingSummary], baseline: TranslatorRecipe) -> str:
    """Return the HTML page. Raises CarouselError if Jinja is not installed."""
    metric = METRIC_NAMES[sweep.metric]
    pages = template_environment("nmt.evaluation", "the report")
    page: str = pages.get_template("sweep.html.j2").render(
        axes=list(sweep.config.axes),
        table=table_cells(sweep, rows),
        legend=table_legend(sweep, rows),
        baseline=next((index for index, row in enumerate(rows) if row.setting == sweep.reference), None),
        pictures=[
            *[("Dev loss, nats per token", _loss_chart(rows))] * sweep.compares_losses,
            (f"Dev {metric}", _score_chart(rows, metric)),
        ],
        config=dump_recipe(baseline),
    )
    return page


def _loss_chart(rows: Sequence[SettingSummary]) -> str:
    bars = [ChartBar(format_setting(row.setting), _count_seeds(row), row.loss, row.loss_deviation) for row in rows]
    return charts.interval_chart("Dev loss", bars, "nats per token", 3)


def _score_chart(rows: Sequence[SettingSummary], metric: str) -> str:
    bars = [ChartBar(format_setting(row.setting), _count_seeds(row), row.score, row.score_deviation) for row in rows]
    return charts.interval_chart(f"Dev {metric}", bars, metric, 2)


def _count_seeds(row: SettingSummary) -> str:
    return f"{row.seeds} seed{'s' * (row.seeds > 1)}"
