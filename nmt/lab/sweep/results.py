"""What came of the runs of a study: one JSON file a run, and a table of all."""

from __future__ import annotations

import csv
import io
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open

from nmt.config.model import ModelConfig
from nmt.lab.sweep.plan import Setting, Sweep, SweepRun, format_setting
from nmt.lab.sweep.statistics import holm_adjust, standard_deviation, welch_p_value
from nmt.model_directory.directory import read_model_directory
from nmt.training.metrics_log import read_metrics
from nmt.training.run_directory import RunDirectory
from nmt.training.tasks import METRIC_NAMES
from nmt.utils.errors import CarouselError
from nmt.utils.files import atomic_file

RESULT = "result.json"
RECIPE = "recipe.sha256"
"""The fingerprint of the recipe by which a folder's run is trained."""


@dataclass(frozen=True)
class RunResult:
    """A finished run; scores are of its last validation."""

    setting: Setting
    seed: int
    loss: float
    """Cross-entropy of the dev set, nats a piece."""
    bleu: float | None
    """Of greedy translations of the dev set; None where that is a classic task."""
    updates: int
    parameters: int
    seconds: float
    """Of training, without validation."""
    exact: float | None = None
    """Percentage of right answers to a classic task; None of translations."""

    @property
    def score(self) -> float:
        """The one of both that there is."""
        score = self.exact if self.bleu is None else self.bleu
        assert score is not None
        return score


@dataclass(frozen=True)
class SettingSummary:
    """The runs of a setting."""

    setting: Setting
    seeds: int
    loss: float
    loss_deviation: float | None
    loss_p: float | None
    """Of no difference to the baseline: Welch's t-test over seeds, adjusted for all settings (Holm)."""
    score: float
    score_deviation: float | None
    score_p: float | None
    parameters: int
    minutes: float


def record_fingerprint(folder: Path, run: SweepRun) -> None:
    """Note the recipe of a run in its folder, before it is trained there.

    Raises CarouselError when something was trained there by another recipe.
    """
    _check(folder, run)
    with atomic_file(folder / RECIPE) as temporary:
        temporary.write_text(run.fingerprint, encoding="utf-8")


def read_result(folder: Path, run: SweepRun) -> RunResult | None:
    """The result of a run, if it has finished. Raises CarouselError when another recipe was at work there."""
    _check(folder, run)
    path = folder / RESULT
    if not path.exists():
        return None
    try:
        return RunResult(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise CarouselError(f"{path}: is damaged; delete the folder {folder} to train again") from None


def _check(folder: Path, run: SweepRun) -> None:
    begun = (folder / RESULT).exists() or RunDirectory(folder).contains_run()
    recipe = folder / RECIPE
    if begun and not (recipe.is_file() and recipe.read_bytes() == run.fingerprint.encode()):
        raise CarouselError(
            f"{folder}: was trained by another recipe; choose another --out, or delete the folder to train again"
        )


def collect_result(folder: Path, run: SweepRun) -> RunResult | None:
    """Take the result of a run that has ended and keep it; None where it was stopped before its end."""
    directory = RunDirectory(folder)
    if not directory.model.exists():
        return None
    card = read_model_directory(directory.model).card
    if "dev" not in card.scores:
        return None
    last = next(record for record in reversed(read_metrics(directory)) if record["kind"] == "dev")
    with safe_open(directory.last, framework="np") as file:
        seconds = json.loads(file.metadata()["progress"])["seconds"]
    result = RunResult(
        run.setting, run.seed, last["loss"], last.get("bleu"), last["update"],
        card.training["parameters"], round(seconds, 1), last.get("exact"),
    )  # fmt: skip
    with atomic_file(folder / RESULT) as temporary:
        temporary.write_text(json.dumps(asdict(result), indent=2), encoding="utf-8")
    return result


def summarise_settings(study: Sweep, results: Sequence[RunResult]) -> list[SettingSummary]:
    """A row for each setting that has a result: the lowest loss first, or the best score where losses don't compare."""
    groups = [(s, [r for r in results if r.setting == s]) for s in study.settings]
    groups = [(setting, found) for setting, found in groups if found]
    baseline = [r for r in results if r.setting == study.reference]
    losses: list[float | None] = [None] * len(groups)
    if study.compares_losses:
        losses = _significance(groups, baseline, study.reference, lambda result: result.loss)
    scores = _significance(groups, baseline, study.reference, lambda result: result.score)
    rows = [
        SettingSummary(
            setting, len(found),
            statistics.fmean(r.loss for r in found), standard_deviation([r.loss for r in found]), loss_p,
            statistics.fmean(r.score for r in found), standard_deviation([r.score for r in found]), score_p,
            found[0].parameters, statistics.fmean(r.seconds for r in found) / 60,
        )
        for (setting, found), loss_p, score_p in zip(groups, losses, scores, strict=True)
    ]  # fmt: skip
    return sorted(rows, key=lambda row: row.loss if study.compares_losses else -row.score)


def _significance(
    groups: Sequence[tuple[Setting, Sequence[RunResult]]],
    baseline: Sequence[RunResult],
    reference: Setting,
    value: Callable[[RunResult], float],
) -> list[float | None]:
    wanted = [value(result) for result in baseline]
    return holm_adjust(
        [None if s == reference else welch_p_value([value(r) for r in found], wanted) for s, found in groups]
    )


def table_cells(study: Sweep, rows: Sequence[SettingSummary]) -> list[list[str]]:
    """Cells as tables show them, the head first; where rows differ in how many seeds they have, it is told."""
    uneven = len({row.seeds for row in rows}) > 1
    head = [
        *(key.rsplit(".", 1)[-1] for key in study.config.axes),
        "dev loss",
        "p",
        f"dev {METRIC_NAMES[study.metric]}",
        "p",
    ]
    return [[*head, *["seeds"] * uneven, "parameters", "minutes"]] + [
        [
            *map(str, row.setting.values()),
            _with_deviation(row.loss, row.loss_deviation, 3), _p(row.loss_p),
            _with_deviation(row.score, row.score_deviation, 2), _p(row.score_p),
            *[str(row.seeds)] * uneven, f"{row.parameters:,}", f"{row.minutes:.1f}",
        ]
        for row in rows
    ]  # fmt: skip


def markdown_table(study: Sweep, rows: Sequence[SettingSummary], config: ModelConfig) -> str:
    """The table, with a line on what it says."""
    head, *body = table_cells(study, rows)
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row, cells in zip(rows, body, strict=True):
        if row.setting == study.reference:
            cells[0] = f"**{cells[0]}**"
        lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join([*lines, "", f"{table_legend(study, rows)} Baseline: {config.summary}.", ""])


def _with_deviation(value: float, deviation: float | None, decimals: int) -> str:
    return f"{value:.{decimals}f}" + ("" if deviation is None else f" ± {deviation:.{decimals}f}")


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def table_legend(study: Sweep, rows: Sequence[SettingSummary]) -> str:
    """What the numbers are, and over which runs."""
    reference = format_setting(study.reference)
    otherwise = (
        "" if study.compares_losses else "Losses are not comparable because the pieces may differ between rows. "
    )
    return (
        f"{_seeds(study, rows)} Dev loss in nats per piece and {METRIC_NAMES[study.metric]} of greedy translations, "
        f"both after the last update. {otherwise}p: Welch's t-test against {reference}, adjusted by Holm's method; "
        "below 0.05 the difference is unlikely to be due to chance."
    )


def _seeds(study: Sweep, rows: Sequence[SettingSummary]) -> str:
    seeds, done = study.config.seeds, sum(row.seeds for row in rows)
    named = f"{'Seeds' if len(seeds) > 1 else 'Seed'} {', '.join(map(str, seeds))}"
    if done < len(study.runs):
        return f"{named}; {done} of {len(study.runs)} runs are done: mean ± standard deviation over those of a row."
    return f"{named}; mean ± standard deviation over them." if len(seeds) > 1 else f"{named}."


def runs_as_csv(study: Sweep, results: Sequence[RunResult]) -> str:
    """A line a run."""
    axes = list(study.config.axes)
    fields = ["seed", "loss", study.metric, "updates", "parameters", "seconds"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*axes, *fields])
    writer.writerows([*result.setting.values(), *(getattr(result, name) for name in fields)] for result in results)
    return text.getvalue()


def results_as_json(study: Sweep, rows: Sequence[SettingSummary], results: Sequence[RunResult]) -> str:
    """Rows and runs; ``metric`` says what the rows' scores are."""
    tree: dict[str, Any] = {
        "metric": study.metric,
        "settings": [asdict(row) for row in rows],
        "runs": [asdict(each) for each in results],
    }
    return json.dumps(tree, indent=2)
