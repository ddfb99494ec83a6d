"""Results of the runs of a sweep, with a JSON file per run, and tables that compare the settings."""

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

RESULT_FILE = "result.json"
FINGERPRINT_FILE = "recipe.sha256"
"""Name of the file in a run's directory that contains the fingerprint of its recipe."""


@dataclass(frozen=True)
class RunResult:
    """Result of a finished run; loss and score are those of its last validation."""

    setting: Setting
    """Setting of the run; see `SweepRun.setting`."""
    seed: int
    """Random seed of the training."""
    loss: float
    """Cross-entropy on the dev set in nats per token."""
    bleu: float | None
    """BLEU of greedy translations of the dev set; None for synthetic tasks."""
    updates: int
    """Number of training updates."""
    parameters: int
    """Number of parameters of the network."""
    seconds: float
    """Training time in seconds, without validation."""
    exact: float | None = None
    """Percentage of correct answers to a synthetic task; None for translations."""

    @property
    def score(self) -> float:
        """BLEU or, for synthetic tasks, the percentage of correct answers."""
        score = self.exact if self.bleu is None else self.bleu
        assert score is not None
        return score


@dataclass(frozen=True)
class SettingSummary:
    """Summary of the runs of one setting, which is a row of the table."""

    setting: Setting
    seeds: int
    """Number of finished runs."""
    loss: float
    """Mean loss."""
    loss_deviation: float | None
    """Standard deviation of the loss; None for a single run."""
    loss_p: float | None
    """P-value of the difference in loss to the baseline: Welch's t-test over seeds, adjusted by Holm's method."""
    score: float
    """Mean score."""
    score_deviation: float | None
    """Standard deviation of the score; None for a single run."""
    score_p: float | None
    """P-value of the difference in score to the baseline, computed as for the loss."""
    parameters: int
    """Number of parameters of the network."""
    minutes: float
    """Mean training time in minutes."""


def record_fingerprint(directory: Path, run: SweepRun) -> None:
    """Write the fingerprint of a run's recipe into the run's directory, where the run has not been trained yet.

    Raises CarouselError if the directory contains a run of another recipe.
    """
    _check_fingerprint(directory, run)
    with atomic_file(directory / FINGERPRINT_FILE) as temporary:
        temporary.write_text(run.fingerprint, encoding="utf-8")


def read_result(directory: Path, run: SweepRun) -> RunResult | None:
    """Return the result of a run, or None if the run has not finished.

    Raises CarouselError if the result is damaged, or the directory contains a run of another recipe.
    """
    _check_fingerprint(directory, run)
    path = directory / RESULT_FILE
    if not path.exists():
        return None
    try:
        return RunResult(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise CarouselError(f"{path}: is damaged; delete the directory {directory} to train again") from None


def _check_fingerprint(directory: Path, run: SweepRun) -> None:
    """Raise CarouselError if the directory contains a run of another recipe."""
    started = (directory / RESULT_FILE).exists() or RunDirectory(directory).contains_run()
    path = directory / FINGERPRINT_FILE
    if started and not (path.is_file() and path.read_bytes() == run.fingerprint.encode()):
        message = "contains a run of another recipe; choose another --out, or delete the directory"
        raise CarouselError(f"{directory}: {message}")


def collect_result(directory: Path, run: SweepRun) -> RunResult | None:
    """Collect the result of a training process that has exited, write it to a file and return it.

    Returns None if the training was interrupted.
    """
    files = RunDirectory(directory)
    if not files.model.exists():
        return None
    card = read_model_directory(files.model).card
    if not any(name.split()[0] == "dev" for name in card.scores_by_set):
        return None
    last = next(record for record in reversed(read_metrics(files)) if record["kind"] == "dev")
    with safe_open(files.last_checkpoint, framework="np") as file:
        seconds = json.loads(file.metadata()["progress"])["seconds"]
    result = RunResult(
        run.setting, run.seed, last["loss"], last.get("bleu"), last["update"],
        card.training["parameters"], round(seconds, 1), last.get("exact"),
    )  # fmt: skip
    with atomic_file(directory / RESULT_FILE) as temporary:
        temporary.write_text(json.dumps(asdict(result), indent=2), encoding="utf-8")
    return result


def summarise_settings(sweep: Sweep, results: Sequence[RunResult]) -> list[SettingSummary]:
    """Return a summary of each setting with results, best first.

    The settings are ordered by loss, or by score if the losses are not comparable.
    """
    groups = [(setting, [r for r in results if r.setting == setting]) for setting in sweep.settings]
    groups = [(setting, runs) for setting, runs in groups if runs]
    baseline = [r for r in results if r.setting == sweep.baseline_setting]
    loss_ps: list[float | None] = [None] * len(groups)
    if sweep.losses_are_comparable:
        loss_ps = _compute_p_values(groups, baseline, sweep.baseline_setting, lambda result: result.loss)
    score_ps = _compute_p_values(groups, baseline, sweep.baseline_setting, lambda result: result.score)
    rows = [
        SettingSummary(
            setting, len(runs),
            statistics.fmean(r.loss for r in runs), standard_deviation([r.loss for r in runs]), loss_p,
            statistics.fmean(r.score for r in runs), standard_deviation([r.score for r in runs]), score_p,
            runs[0].parameters, statistics.fmean(r.seconds for r in runs) / 60,
        )
        for (setting, runs), loss_p, score_p in zip(groups, loss_ps, score_ps, strict=True)
    ]  # fmt: skip
    return sorted(rows, key=lambda row: row.loss if sweep.losses_are_comparable else -row.score)


def _compute_p_values(
    groups: Sequence[tuple[Setting, Sequence[RunResult]]],
    baseline: Sequence[RunResult],
    baseline_setting: Setting,
    get_value: Callable[[RunResult], float],
) -> list[float | None]:
    """Return the adjusted p-value of the difference between each setting and the baseline; None for the baseline.

    Args:
        groups: Settings with the results of their runs.
        baseline: Results of the baseline.
        baseline_setting: Setting of the baseline.
        get_value: Function that returns the loss or the score of a result.
    """
    expected = [get_value(result) for result in baseline]
    p_values = [
        None if setting == baseline_setting else welch_p_value(list(map(get_value, runs)), expected)
        for setting, runs in groups
    ]
    return holm_adjust(p_values)


def build_table_rows(sweep: Sweep, rows: Sequence[SettingSummary]) -> list[list[str]]:
    """Return the rows of cells of the table, beginning with the header.

    The table has a column with the number of seeds if that number differs between settings.
    """
    uneven = len({row.seeds for row in rows}) > 1
    axes = [key.rsplit(".", 1)[-1] for key in sweep.config.axes]
    metric = METRIC_NAMES[sweep.metric]
    header = [*axes, "dev loss", "p", f"dev {metric}", "p", *["seeds"] * uneven, "parameters", "minutes"]
    return [header] + [
        [
            *map(str, row.setting.values()),
            _format_mean(row.loss, row.loss_deviation, 3), _format_p(row.loss_p),
            _format_mean(row.score, row.score_deviation, 2), _format_p(row.score_p),
            *[str(row.seeds)] * uneven, f"{row.parameters:,}", f"{row.minutes:.1f}",
        ]
        for row in rows
    ]  # fmt: skip


def format_markdown_table(sweep: Sweep, rows: Sequence[SettingSummary], config: ModelConfig) -> str:
    """Format the table as Markdown, with its legend below; ``config`` is the model configuration of the baseline."""
    header, *body = build_table_rows(sweep, rows)
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    for row, cells in zip(rows, body, strict=True):
        if row.setting == sweep.baseline_setting:
            cells[0] = f"**{cells[0]}**"
        lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join([*lines, "", f"{build_table_legend(sweep, rows)} Baseline: {config.summary}.", ""])


def _format_mean(mean: float, deviation: float | None, decimals: int) -> str:
    """Format a mean with its standard deviation, if there is one, for example "2.31 ± 0.05"."""
    return f"{mean:.{decimals}f}" + ("" if deviation is None else f" ± {deviation:.{decimals}f}")


def _format_p(value: float | None) -> str:
    """Format a p-value with three decimals; None is shown as "–"."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def build_table_legend(sweep: Sweep, rows: Sequence[SettingSummary]) -> str:
    """Return the legend of the table, which describes the seeds, the units and the significance test."""
    metric, baseline = METRIC_NAMES[sweep.metric], format_setting(sweep.baseline_setting)
    note = (
        "" if sweep.losses_are_comparable else "Losses are not comparable because the pieces may differ between rows. "
    )
    return (
        f"{_describe_seeds(sweep, rows)} Dev loss in nats per token and {metric} of greedy translations, both after "
        f"the last update. {note}p: Welch's t-test against {baseline}, adjusted by Holm's method; below 0.05 "
        "the difference is unlikely to be due to chance."
    )


def _describe_seeds(sweep: Sweep, rows: Sequence[SettingSummary]) -> str:
    """Return a sentence that lists the seeds and, for an unfinished sweep, the number of finished runs."""
    seeds, done = sweep.config.seeds, sum(row.seeds for row in rows)
    named = f"{'Seeds' if len(seeds) > 1 else 'Seed'} {', '.join(map(str, seeds))}"
    if done < len(sweep.runs):
        return f"{named}; {done} of {len(sweep.runs)} runs are done: mean ± standard deviation over those of a row."
    return f"{named}; mean ± standard deviation over them." if len(seeds) > 1 else f"{named}."


def format_runs_as_csv(sweep: Sweep, results: Sequence[RunResult]) -> str:
    """Format the results of all runs as CSV, with one row per run."""
    axes = list(sweep.config.axes)
    fields = ["seed", "loss", sweep.metric, "updates", "parameters", "seconds"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*axes, *fields])
    writer.writerows([*result.setting.values(), *(getattr(result, name) for name in fields)] for result in results)
    return text.getvalue()


def format_results_as_json(sweep: Sweep, rows: Sequence[SettingSummary], results: Sequence[RunResult]) -> str:
    """Format the summaries ("settings") and the results ("runs") as JSON; "metric" is `Sweep.metric`."""
    tree: dict[str, Any] = {
        "metric": sweep.metric,
        "settings": [asdict(row) for row in rows],
        "runs": [asdict(result) for result in results],
    }
    return json.dumps(tree, indent=2)
