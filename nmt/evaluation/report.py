"""Training report, ``report.html``: facts about a training run, its curves, and the quality of the translations.

The page is self-contained: it has no script and loads no files, charts are inline SVG, and all text is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from nmt.config.loading import dump_recipe
from nmt.config.schema import TranslatorRecipe
from nmt.corpus.filters import FilterReport
from nmt.corpus.preparation import PreparedData, PreparedDirection
from nmt.evaluation import charts
from nmt.evaluation.charts import LineSeries
from nmt.evaluation.dev_set_sections import build_dev_set_sections
from nmt.evaluation.environment import describe_environment
from nmt.evaluation.templating import template_environment
from nmt.model_directory.card import ParentModel
from nmt.model_directory.directory import read_model_directory
from nmt.utils.files import atomic_file


class _Curve(NamedTuple):
    """A chart of training metrics by update."""

    title: str
    y_label: str
    series: tuple[tuple[str, str, str], ...]
    """Lines of the chart, each with its name, kind of record and key in ``metrics.jsonl``."""
    from_zero: bool = True
    """True if the vertical axis starts at zero."""
    small: bool = False


_CURVES = (
    _Curve("Loss", "nats per target piece", (("training", "train", "loss"), ("dev", "dev", "loss")), from_zero=False),
    _Curve("BLEU on dev, greedy", "BLEU", (("dev", "dev", "bleu"),)),
    _Curve("Exact match on dev, greedy", "% of answers", (("dev", "dev", "exact"),)),
    _Curve("Learning rate", "of AdamW", (("learning rate", "train", "learning_rate"),), small=True),
    _Curve("Gradient norm", "before clipping", (("gradient norm", "train", "grad_norm"),), small=True),
    _Curve("Speed", "target pieces per second", (("speed", "train", "tokens_per_second"),), small=True),
)


@dataclass(frozen=True)
class TrainingReportData:
    """Contents of the report about a training run that has finished or was ended early."""

    recipe: TranslatorRecipe
    data: PreparedData
    model: Path | None
    """Model directory with scores; None if the training ended early."""
    history: dict[str, Any]
    """Facts about the training; see `ModelCard.training`."""
    origins: Sequence[ParentModel]
    """Models that the model was fine-tuned from; see `ModelCard.origins`."""
    metrics: Sequence[dict[str, Any]]
    """Records of ``metrics.jsonl``."""
    updates: int
    best_update: int | None
    """Update with the best score on the dev set; None without a dev set."""
    dev_translations: Mapping[str, Sequence[str]]
    """The model's translations of the dev set of each direction that has one, by name of the direction."""
    stop_reason: str | None = None
    """Reason for the early end of the training; None if it finished."""


def write_report(path: Path, training: TrainingReportData) -> None:
    """Write the report of a training run to an HTML file.

    Raises CarouselError if the file can't be written or Jinja is not installed.
    """
    pages = template_environment("nmt.evaluation", "the report")
    directory = read_model_directory(training.model) if training.model else None
    scores = directory.card.scores_by_set if directory else {}
    answers = {name: metrics["exact"] for name, metrics in scores.items() if "exact" in metrics}
    environment = describe_environment(training.history["device"])
    page: str = pages.get_template("report.html.j2").render(
        title=_title(training.data.directions),
        scores={name: metrics for name, metrics in scores.items() if name not in answers},
        signatures=dict.fromkeys(value["signature"] for metrics in scores.values() for value in metrics.values()),
        answers=answers,
        stop_reason=training.stop_reason,
        facts=_summary_rows(training),
        curves=_draw_curves(training),
        exact_by_length=_draw_exact_by_length(answers) if answers else "",
        best=training.best_update,
        mean_of=training.history.get("mean_of", []),
        dev_sets=build_dev_set_sections(training.data, directory, training.dev_translations) if directory else [],
        environment=environment | {"Written": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"},
        hashes=training.data.hashes,
        training_data=training.data.train,
        filter_reports=_name_filter_reports(training.data),
        coverage=directory.card.training.get("shortlist_coverage") if directory else None,
        origins=training.origins,
        recipe=dump_recipe(training.recipe),
    )
    with atomic_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _title(directions: Sequence[PreparedDirection]) -> str:
    """Return the languages of a translator, for example "en → fr" or "12 directions between de, en, fr"."""
    pairs = [each.direction for each in directions]
    if len(pairs) == 1:
        return f"{pairs[0].source} → {pairs[0].target}"
    languages = sorted({code for pair in pairs for code in (pair.source, pair.target)})
    return f"{len(pairs)} directions between {', '.join(languages)}"


def _name_filter_reports(data: PreparedData) -> list[tuple[str, FilterReport]]:
    """Return the filter report of each training corpus, with the direction if there are several."""
    names = [each.direction.name for each in data.directions for _ in each.direction.train]
    return [
        (f"{name}: " if len(data.directions) > 1 else "", r) for name, r in zip(names, data.train.reports, strict=True)
    ]


def _summary_rows(training: TrainingReportData) -> dict[str, str]:
    """Return the rows of the summary table, as values by name."""
    history, recipe, tokenizer = training.history, training.recipe, training.data.tokenizer
    source, target = len(tokenizer.source), len(tokenizer.target)
    direction = training.data.directions[0].direction
    separate = f"{source:,} of {direction.source}, {target:,} of {direction.target}"
    shared = "both" if len(training.data.directions) == 1 else "all"
    best = f", the best after {training.best_update:,}" if training.best_update is not None else ""
    start = {"Fine-tuned from": training.origins[0].model} if training.origins else {}
    return {
        **start,
        "Network": recipe.model.summary,
        "Parameters": f"{history['parameters']:,}",
        "Pieces": f"{source:,} for {shared} languages" if tokenizer.shared else separate,
        "Training pairs": f"{history['training_pairs']:,}",
        "Updates": f"{training.updates:,}{best}",
        "Time": f"{history['minutes']:,.1f} minutes of training",
        "Device": f"{history['device']}, {history['precision']}",
        "Search": f"beam {recipe.search.beam}, length penalty {recipe.search.length_penalty:g}",
    }


# --- training curves -----------------------------------------------------------------------------------------


def _draw_curves(training: TrainingReportData) -> dict[str, list[tuple[str, str]]]:
    """Return title and chart of each curve for which there are records, grouped into "large" and "small" charts.

    Charts of the BLEU of each direction of a multilingual translator are "small directions".
    """
    drawn: dict[str, list[tuple[str, str]]] = {"large": [], "small": []}
    for curve in _CURVES:
        series = [LineSeries(name, _metric_points(training.metrics, kind, key)) for name, kind, key in curve.series]
        series = [line for line in series if line.points]
        if series:
            best = training.best_update
            chart = charts.line_chart(curve.title, series, curve.y_label, curve.from_zero, best, curve.small)
            drawn["small" if curve.small else "large"].append((curve.title, chart))
    for prepared in training.data.directions:
        name = prepared.direction.name
        records = [
            {**record, "bleu": record["bleu_by_direction"].get(name)}
            for record in training.metrics
            if "bleu_by_direction" in record
        ]
        if points := _metric_points(records, "dev", "bleu"):
            chart = charts.line_chart(f"BLEU {name}", [LineSeries(name, points)], "BLEU", True, small=True)
            drawn.setdefault("small directions", []).append((f"BLEU {name}, greedy", chart))
    return drawn


def _draw_exact_by_length(answers: dict[str, Any]) -> str:
    """Draw exact match by the length of the question, with a line per synthetic task."""
    series = [
        LineSeries(name, [(float(length), float(score)) for length, score in exact["by_length"]])
        for name, exact in answers.items()
    ]
    return charts.line_chart("Exact match by length", series, "% of answers", from_zero=True, x_label="length")


def _metric_points(records: Sequence[dict[str, Any]], kind: str, key: str) -> list[tuple[float, float]]:
    """Return update and value of each record of a kind that contains the key."""
    return [(float(r["update"]), float(r[key])) for r in records if r["kind"] == kind and r.get(key) is not None]
