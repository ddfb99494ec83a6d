"""``report.html``: what a training was, how well its model translates, and where it fails.

One file that needs no other and no network: no script, charts as inline SVG, all text escaped.
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
from nmt.corpus.preparation import PreparedData
from nmt.evaluation import charts, examples
from nmt.evaluation.analysis import FrequencyClassScore, count_words, length_bins, word_f1_by_frequency
from nmt.evaluation.attention_maps import attention_maps
from nmt.evaluation.charts import ChartBar, LineSeries
from nmt.evaluation.environment import environment
from nmt.evaluation.examples import DiffSegment
from nmt.evaluation.metrics import bleu_with_interval, sentence_chrf, word_tokeniser
from nmt.evaluation.templating import template_environment
from nmt.model_directory.card import ParentModel
from nmt.model_directory.directory import ModelDirectory, read_model_directory
from nmt.text.normalisation import normalise
from nmt.utils.arrays import IntArray
from nmt.utils.files import atomic_file

_BINS = 6  # of sentence lengths
_COUNTED_PAIRS = 200_000  # training pairs in which words are counted, at most
_CHUNK = 2000  # of them that are decoded together
_MAPS = 3
_MAP_PIECES = 40  # a longer sentence makes a picture that nobody reads
_EXAMPLES = 4  # of the best, of the worst, and between


class _Curve(NamedTuple):
    title: str
    unit: str
    series: tuple[tuple[str, str, str], ...]
    """Name, kind of record, key."""
    from_zero: bool = True
    """Whether the upright axis begins there."""
    small: bool = False


_CURVES = (
    _Curve("Loss", "nats a target piece", (("training", "train", "loss"), ("dev", "dev", "loss")), from_zero=False),
    _Curve("BLEU on dev, greedy", "BLEU", (("dev", "dev", "bleu"),)),
    _Curve("Exact match on dev, greedy", "% of answers", (("dev", "dev", "exact"),)),
    _Curve("Learning rate", "of AdamW", (("learning rate", "train", "learning_rate"),), small=True),
    _Curve("Gradient norm", "before clipping", (("gradient norm", "train", "grad_norm"),), small=True),
    _Curve("Speed", "target pieces a second", (("speed", "train", "tokens_per_second"),), small=True),
)


@dataclass(frozen=True)
class TrainingReportData:
    """A training that has come to its end, or to another one."""

    config: TranslatorRecipe
    prepared: PreparedData
    model: Path | None
    """Its bundle, scored; None where it ended early."""
    history: dict[str, Any]
    """How the weights came to be, in the words of a bundle's card."""
    origins: Sequence[ParentModel]
    """See `ModelCard.origins`."""
    records: Sequence[dict[str, Any]]
    """Of ``metrics.jsonl``."""
    updates: int
    best_update: int | None
    """Of the best score on dev; None where no dev set chose."""
    dev: Sequence[str]
    """The model's translations of the dev set; empty without one."""
    ended: str | None = None
    """Why it ended early."""


@dataclass(frozen=True)
class TranslationExample:
    """A sentence of the dev set."""

    number: int
    """Its line, counted from 1."""
    chrf: float
    """0 to 100."""
    source: str
    translation: list[DiffSegment]
    reference: list[DiffSegment]


def write_report(path: Path, training: TrainingReportData) -> None:
    """Write the report. Raises CarouselError where that can't be done."""
    page = render_report(training)
    with atomic_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def render_report(training: TrainingReportData) -> str:
    """The page. Raises CarouselError where Jinja is not installed."""
    pages = template_environment("nmt.evaluation", "the report")
    bundle = read_model_directory(training.model) if training.model else None
    found = bundle.card.scores if bundle else {}
    answers = {name: metrics["exact"] for name, metrics in found.items() if "exact" in metrics}
    page: str = pages.get_template("report.html.j2").render(
        source=training.config.data.source,
        target=training.config.data.target,
        scores={name: metrics for name, metrics in found.items() if name not in answers},
        answers=answers,
        ended=training.ended,
        facts=_facts(training),
        curves=_curves(training),
        lab=_exact_by_length(answers) if answers else "",
        best=training.best_update,
        mean_of=training.history.get("mean_of", []),
        **_dev_set(training, bundle),
        environment=environment(training.history["device"]) | {"Written": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"},
        hashes=training.prepared.hashes,
        prepared=training.prepared.train,
        coverage=bundle.card.training.get("shortlist_coverage") if bundle else None,
        origins=training.origins,
        config=dump_recipe(training.config),
    )
    return page


def _facts(training: TrainingReportData) -> dict[str, str]:
    """What is said of the training at a glance."""
    history, config, tokenizer = training.history, training.config, training.prepared.tokenizer
    source, target = len(tokenizer.source), len(tokenizer.target)
    separate = f"{source:,} of {config.data.source}, {target:,} of {config.data.target}"
    best = f", the best after {training.best_update:,}" if training.best_update is not None else ""
    start = {"Fine-tuned from": training.origins[0].model} if training.origins else {}
    return {
        **start,
        "Network": config.model.summary,
        "Parameters": f"{history['parameters']:,}",
        "Pieces": f"{source:,} for both languages" if tokenizer.shared else separate,
        "Training pairs": f"{history['training_pairs']:,}",
        "Updates": f"{training.updates:,}{best}",
        "Time": f"{history['minutes']:,.1f} minutes of training",
        "Device": f"{history['device']}, {history['precision']}",
        "Search": f"beam {config.search.beam}, length penalty {config.search.length_penalty:g}",
    }


# --- curves ------------------------------------------------------------------------------------------------


def _curves(training: TrainingReportData) -> dict[str, list[tuple[str, str]]]:
    """Title and picture of each curve of which there are records, the large ones and the small ones."""
    pictures: dict[str, list[tuple[str, str]]] = {"large": [], "small": []}
    for curve in _CURVES:
        series = [LineSeries(name, _points(training.records, kind, key)) for name, kind, key in curve.series]
        series = [line for line in series if line.points]
        if series:
            best = training.best_update
            picture = charts.line_chart(curve.title, series, curve.unit, curve.from_zero, best, curve.small)
            pictures["small" if curve.small else "large"].append((curve.title, picture))
    return pictures


def _points(records: Sequence[dict[str, Any]], kind: str, key: str) -> list[tuple[float, float]]:
    return [(float(r["update"]), float(r[key])) for r in records if r["kind"] == kind and r.get(key) is not None]


# --- the dev set -------------------------------------------------------------------------------------------


def _dev_set(training: TrainingReportData, bundle: ModelDirectory | None) -> dict[str, Any]:
    """What there is to see on the dev set: names of the template's sections -> what they show; None without one."""
    if bundle is None or not training.dev:
        return dict.fromkeys(("lengths", "frequencies", "maps", "groups"))
    task = isinstance(training.config.data.dev, SyntheticCorpus)
    # Scores are of the references as they stand, like those of the bundle; what is shown and counted is one spelling.
    references = [reference for _, reference in training.prepared.dev]
    sources = [normalise(source) for source, _ in training.prepared.dev]
    return {
        "lengths": None if task else _by_length(training, sources, references),
        "frequencies": None if task else _by_frequency(training, list(map(normalise, references))),
        "maps": _maps(bundle, sources, training.dev),
        "groups": _examples(sources, training.dev, references),
    }


def _exact_by_length(answers: dict[str, Any]) -> str:
    """Exact match by the length of the question, of all sets that are tasks."""
    series = [
        LineSeries(name, [(float(length), float(score)) for length, score in exact["by_length"]])
        for name, exact in answers.items()
    ]
    return charts.line_chart("Exact match by length", series, "% of answers", from_zero=True, across="length")


def _by_length(training: TrainingReportData, sources: Sequence[str], references: Sequence[str]) -> str:
    """BLEU by words of the source."""
    data = training.config.data
    split = word_tokeniser(data.source)
    bars = []
    for group in length_bins([len(split(source)) for source in sources], _BINS):
        translated, wanted = ([side[n] for n in group.sentences] for side in (training.dev, references))
        score = bleu_with_interval(translated, wanted, data.target)
        ends = sorted({group.shortest, group.longest})
        bars.append(ChartBar("–".join(map(str, ends)), f"{len(group.sentences):,}", score["score"], score["ci"]))
    return charts.bar_chart("BLEU by length", bars, "BLEU", "words of the source; sentences", ceiling=100, decimals=1)


def _by_frequency(training: TrainingReportData, references: Sequence[str]) -> tuple[str, str]:
    """F1 of target words by their frequency in the training text: the picture, and in which pairs they were counted."""
    split = word_tokeniser(training.config.data.target)
    translated, wanted = [split(text) for text in training.dev], [split(text) for text in references]
    pairs = len(training.prepared.train)
    rows = np.unique(np.linspace(0, pairs - 1, min(pairs, _COUNTED_PAIRS)).astype(np.int64))
    words = {word for texts in (translated, wanted) for text in texts for word in text}
    frequencies = count_words(_target_texts(training.prepared, rows), split, words)
    classes = word_f1_by_frequency(translated, wanted, frequencies)
    bars = [ChartBar(_class_name(each), f"{each.reference:,}", each.f1) for each in classes]
    where = "training" if len(rows) == pairs else "the counted pairs"
    across = f"occurrences in {where}; words in the references"
    counted = f"all {pairs:,}" if len(rows) == pairs else f"{len(rows):,} evenly spaced of the {pairs:,}"
    return charts.bar_chart("F1 by frequency", bars, "F1", across, ceiling=1, decimals=2), counted


def _class_name(each: FrequencyClassScore) -> str:
    if each.most is None:
        return f"{each.least:,}+"
    return f"{each.least}" if each.least == each.most else f"{each.least}–{each.most}"


def _target_texts(prepared: PreparedData, rows: IntArray) -> Iterator[str]:
    """The target side of some training pairs, a chunk in memory at a time."""
    for start in range(0, len(rows), _CHUNK):
        ids = prepared.train.target_ids(rows[start : start + _CHUNK])
        yield from prepared.tokenizer.target.decode_batch([each.tolist() for each in ids.to_lists()])


def _maps(bundle: ModelDirectory, sources: Sequence[str], translations: Sequence[str]) -> list[tuple[int, str]]:
    """Line and picture of the attention of a short, a middling and a long sentence; none without attention."""
    pieces = [len(ids) for ids in bundle.tokenizer.source.encode_batch(sources)]
    readable = [n for n, text in enumerate(translations) if text and pieces[n] <= _MAP_PIECES]
    order = sorted(readable, key=lambda n: pieces[n])
    chosen = sorted({order[(2 * n + 1) * len(order) // (2 * _MAPS)] for n in range(_MAPS)} if order else ())
    found = attention_maps(bundle, [(sources[n], translations[n]) for n in chosen])
    return [
        (n + 1, charts.heat_map(f"Attention of sentence {n + 1}", each.target, each.source, each.weights))
        for n, each in zip(chosen, found, strict=False)  # a model without attention gives none
    ]


def _examples(
    sources: Sequence[str], translations: Sequence[str], references: Sequence[str]
) -> list[tuple[str, list[TranslationExample]]]:
    """Groups of sentences, each with its title."""
    qualities = sentence_chrf(translations, references)
    choice = examples.select_examples(qualities, _EXAMPLES)

    def example(n: int) -> TranslationExample:
        translation, reference = translations[n], normalise(references[n])
        return TranslationExample(
            number=n + 1,
            chrf=100 * qualities[n],
            source=sources[n],
            translation=examples.mark_differences(translation, reference),
            reference=examples.mark_differences(reference, translation),
        )

    groups = (("The worst", choice.worst), ("Drawn from between", choice.middle), ("The best", choice.best))
    return [(title, [example(n) for n in numbers]) for title, numbers in groups if numbers]
