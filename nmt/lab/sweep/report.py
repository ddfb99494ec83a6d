"""HTML report of a sweep, with the table of results and charts of the scores."""

from __future__ import annotations

from collections.abc import Sequence

from nmt.config.loading import dump_recipe
from nmt.config.schema import TranslatorRecipe
from nmt.evaluation import charts
from nmt.evaluation.charts import ChartBar
from nmt.evaluation.templating import template_environment
from nmt.lab.sweep.plan import Sweep, format_setting
from nmt.lab.sweep.results import SettingSummary, build_table_legend, build_table_rows
from nmt.training.tasks import METRIC_NAMES


def render_sweep_report(sweep: Sweep, rows: Sequence[SettingSummary], baseline: TranslatorRecipe) -> str:
    """Return the HTML report of a sweep; ``rows`` are the rows of its table, ``baseline`` is the baseline's recipe.

    Raises CarouselError if Jinja is not installed.
    """
    metric = METRIC_NAMES[sweep.metric]
    pages = template_environment("nmt.evaluation", "the report")
    page: str = pages.get_template("sweep.html.j2").render(
        axes=list(sweep.config.axes),
        table=build_table_rows(sweep, rows),
        legend=build_table_legend(sweep, rows),
        baseline=next((index for index, row in enumerate(rows) if row.setting == sweep.baseline_setting), None),
        pictures=[
            *[("Dev loss, nats per token", _draw_chart("Dev loss", rows, "loss", "nats per token", 3))]
            * sweep.losses_are_comparable,
            (f"Dev {metric}", _draw_chart(f"Dev {metric}", rows, "score", metric, 2)),
        ],
        config=dump_recipe(baseline),
    )
    return page


def _draw_chart(title: str, rows: Sequence[SettingSummary], quantity: str, unit: str, decimals: int) -> str:
    """Draw the mean and standard deviation of a quantity, "loss" or "score", for each setting."""
    bars = []
    for row in rows:
        note = f"{row.seeds} seed{'s' * (row.seeds > 1)}"
        mean, deviation = getattr(row, quantity), getattr(row, f"{quantity}_deviation")
        bars.append(ChartBar(format_setting(row.setting), note, mean, deviation))
    return charts.interval_chart(title, bars, unit, decimals)
