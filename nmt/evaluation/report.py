"""Training report, ``report.html``: facts about a training run, its curves, and the quality of the translations.

The page is self-contained: it has no script and loads no files, charts are inline SVG, and all text is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nmt.config.data import SyntheticCorpus
from nmt.config.loading import dump_recipe
from nmt.config.schema import TranslatorRecipe
from nmt.corpus.preparation import PreparedData, PreparedDirection
from nmt.evaluation import charts
from nmt.evaluation.analysis import count_words, length_bins, word_f1_by_frequency
from nmt.evaluation.attention_maps import compute_attention_maps
from nmt.evaluation.charts import ChartBar, LineSeries
from nmt.evaluation.environment import describe_environment
from nmt.evaluation.examples import DiffSegment, mark_differences, select_examples
from nmt.evaluation.metrics import bleu_with_interval, sentence_chrf, word_tokeniser
from nmt.evaluation.templating import template_environment
from nmt.model_directory.card import ParentModel
from nmt.model_directory.directory import ModelDirectory, read_model_directory
from nmt.text.normalisation import normalise
from nmt.utils.arrays import IntArray
from nmt.utils.files import atomic_file

_MAX_LENGTH_BINS = 6
_MAX_COUNTED_PAIRS = 200_000  # maximum number of training pairs in which words are counted
_PAIRS_PER_DECODING = 2000  # number of training pairs that are detokenised at a time
_ATTENTION_MAPS = 3
_MAX_MAP_PIECES = 40  # longer sentences give illegible attention maps
_EXAMPLES_PER_GROUP = 4


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
    dev_translations: Sequence[str]
    """The model's translations of the dev set; empty without a dev set."""
    stop_reason: str | None = None
    """Reason for the early end of the training; None if it finished."""


@dataclass(frozen=True)
class TranslationExample:
    """Sentence of the dev set with its translation and reference."""

    number: int
    """Line number, counted from 1."""
    chrf: float
    """Sentence chrF, between 0 and 100."""
    source: str
    translation: list[DiffSegment]
    """Segments of the translation, compared with the reference."""
    reference: list[DiffSegment]
    """Segments of the reference, compared with the translation."""


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
        source=training.data.directions[0].direction.source,
        target=training.data.directions[0].direction.target,
        scores={name: metrics for name, metrics in scores.items() if name not in answers},
        signatures=dict.fromkeys(value["signature"] for metrics in scores.values() for value in metrics.values()),
        answers=answers,
        stop_reason=training.stop_reason,
        facts=_summary_rows(training),
        curves=_draw_curves(training),
        exact_by_length=_draw_exact_by_length(answers) if answers else "",
        best=training.best_update,
        mean_of=training.history.get("mean_of", []),
        **_dev_set_sections(training, directory),
        environment=environment | {"Written": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"},
        hashes=training.data.hashes,
        training_data=training.data.train,
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


def _metric_points(records: Sequence[dict[str, Any]], kind: str, key: str) -> list[tuple[float, float]]:
    """Return update and value of each record of a kind that contains the key."""
    return [(float(r["update"]), float(r[key])) for r in records if r["kind"] == kind and r.get(key) is not None]


# --- quality on the dev set ----------------------------------------------------------------------------------


def _dev_set_sections(training: TrainingReportData, directory: ModelDirectory | None) -> dict[str, Any]:
    """Return the template variables of the sections about the dev set; None for sections that do not apply."""
    if directory is None or not training.dev_translations:
        return dict.fromkeys(("lengths", "frequencies", "maps", "groups"))
    [prepared] = training.data.directions
    is_task = isinstance(prepared.direction.dev, SyntheticCorpus)
    # Like the scores of the model card, scores use the original references; words and examples are normalised.
    references = [reference for _, reference in prepared.dev]
    sources = [normalise(source) for source, _ in prepared.dev]
    return {
        "lengths": None if is_task else _draw_bleu_by_length(training, sources, references),
        "frequencies": None if is_task else _draw_f1_by_frequency(training, list(map(normalise, references))),
        "maps": _draw_attention_maps(directory, sources, training.dev_translations),
        "groups": _select_example_groups(sources, training.dev_translations, references),
    }


def _draw_exact_by_length(answers: dict[str, Any]) -> str:
    """Draw exact match by the length of the question, with a line per synthetic task."""
    series = [
        LineSeries(name, [(float(length), float(score)) for length, score in exact["by_length"]])
        for name, exact in answers.items()
    ]
    return charts.line_chart("Exact match by length", series, "% of answers", from_zero=True, x_label="length")


def _draw_bleu_by_length(training: TrainingReportData, sources: Sequence[str], references: Sequence[str]) -> str:
    """Draw BLEU by the number of words of the source sentence."""
    direction = training.data.directions[0].direction
    split = word_tokeniser(direction.source)
    bars = []
    for group in length_bins([len(split(source)) for source in sources], _MAX_LENGTH_BINS):
        hypotheses = [training.dev_translations[n] for n in group.sentences]
        score = bleu_with_interval(hypotheses, [references[n] for n in group.sentences], direction.target)
        label = "–".join(map(str, sorted({group.shortest, group.longest})))
        bars.append(ChartBar(label, f"{len(group.sentences):,}", score["score"], score["ci"]))
    return charts.bar_chart("BLEU by length", bars, "BLEU", "words of the source; sentences", max_value=100, decimals=1)


def _draw_f1_by_frequency(training: TrainingReportData, references: Sequence[str]) -> tuple[str, str]:
    """Draw the F1 of target words by frequency in the training text.

    Returns the chart, and a phrase that says in how many training pairs words were counted.
    """
    split = word_tokeniser(training.data.directions[0].direction.target)
    translated, expected = ([split(text) for text in texts] for texts in (training.dev_translations, references))
    pairs = len(training.data.train)
    rows = np.unique(np.linspace(0, pairs - 1, min(pairs, _MAX_COUNTED_PAIRS)).astype(np.int64))
    words = {word for texts in (translated, expected) for text in texts for word in text}
    frequencies = count_words(_decode_training_targets(training.data, rows), split, words)
    classes = word_f1_by_frequency(translated, expected, frequencies)
    bars = [
        ChartBar(_format_frequency_class(each.min_frequency, each.max_frequency), f"{each.reference_count:,}", each.f1)
        for each in classes
    ]
    where = "training" if len(rows) == pairs else "the counted pairs"
    x_label = f"occurrences in {where}; words in the references"
    counted = f"all {pairs:,}" if len(rows) == pairs else f"{len(rows):,} evenly spaced of the {pairs:,}"
    return charts.bar_chart("F1 by frequency", bars, "F1", x_label, max_value=1, decimals=2), counted


def _format_frequency_class(low: int, high: int | None) -> str:
    """Return the label of a frequency class, for example "2–4" or "1,000+"."""
    if high is None:
        return f"{low:,}+"
    return f"{low}" if low == high else f"{low}–{high}"


def _decode_training_targets(data: PreparedData, rows: IntArray) -> Iterator[str]:
    """Yield the target texts of the training pairs at the given rows, detokenised in small groups to save memory."""
    for start in range(0, len(rows), _PAIRS_PER_DECODING):
        ids = data.train.target_ids(rows[start : start + _PAIRS_PER_DECODING])
        yield from data.tokenizer.target.decode_batch([each.tolist() for each in ids.to_lists()])


def _draw_attention_maps(
    directory: ModelDirectory, sources: Sequence[str], translations: Sequence[str]
) -> list[tuple[int, str]]:
    """Return line number and attention map of a short, a medium and a long sentence.

    The list is empty for a model without attention.
    """
    pieces = [len(ids) for ids in directory.tokenizer.source.encode_batch(sources)]
    legible = [n for n, text in enumerate(translations) if text and pieces[n] <= _MAX_MAP_PIECES]
    order = sorted(legible, key=lambda n: pieces[n])
    quantiles = [(2 * n + 1) * len(order) // (2 * _ATTENTION_MAPS) for n in range(_ATTENTION_MAPS)]
    chosen = sorted({order[n] for n in quantiles} if order else ())
    maps = compute_attention_maps(directory, [(sources[n], translations[n]) for n in chosen])
    return [
        (n + 1, charts.heat_map(f"Attention of sentence {n + 1}", each.target, each.source, each.weights))
        for n, each in zip(chosen, maps, strict=False)  # there are no maps for a model without attention
    ]


def _select_example_groups(
    sources: Sequence[str], translations: Sequence[str], references: Sequence[str]
) -> list[tuple[str, list[TranslationExample]]]:
    """Return groups of example sentences, each with a title."""
    qualities = sentence_chrf(translations, references)
    selection = select_examples(qualities, _EXAMPLES_PER_GROUP)

    def build_example(n: int) -> TranslationExample:
        translation, reference = translations[n], normalise(references[n])
        differences = (
            mark_differences(translation, reference),
            mark_differences(reference, translation),
        )
        return TranslationExample(n + 1, 100 * qualities[n], sources[n], *differences)

    groups = (("Worst", selection.worst), ("Random sample of the others", selection.middle), ("Best", selection.best))
    return [(title, [build_example(n) for n in numbers]) for title, numbers in groups if numbers]
