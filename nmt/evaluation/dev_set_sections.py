"""Sections of the training report about the dev sets: quality by length and word frequency, attention, and examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nmt.config.data import SyntheticCorpus
from nmt.corpus.preparation import PreparedData, PreparedDirection
from nmt.evaluation import charts
from nmt.evaluation.analysis import count_words, length_bins, word_f1_by_frequency
from nmt.evaluation.attention_maps import compute_attention_maps
from nmt.evaluation.charts import ChartBar
from nmt.evaluation.examples import DiffSegment, mark_differences, select_examples
from nmt.evaluation.metrics import bleu_with_interval, sentence_chrf, word_tokeniser
from nmt.model_directory.directory import ModelDirectory
from nmt.text.normalisation import normalise
from nmt.utils.arrays import IntArray

_MAX_LENGTH_BINS = 6
_MAX_COUNTED_PAIRS = 200_000  # maximum number of training pairs in which words are counted
_PAIRS_PER_DECODING = 2000  # number of training pairs that are detokenised at a time
_MAX_MAP_PIECES = 40  # longer sentences give illegible attention maps


class _SampleSizes(NamedTuple):
    """Numbers of sentences that are shown of each dev set."""

    attention_maps: int
    examples_per_group: int


_OF_ONE_DIRECTION, _OF_EACH_DIRECTION = _SampleSizes(3, 4), _SampleSizes(1, 2)


class WordFrequencies(NamedTuple):
    """Frequencies of target words in the training text."""

    counts: Counter[str]
    counted_pairs: int
    """Number of training pairs in which words were counted."""
    all_pairs: int
    """Number of training pairs with this target language."""

    @property
    def description(self) -> str:
        """Phrase that says in how many training pairs words were counted."""
        if self.counted_pairs == self.all_pairs:
            return f"all {self.all_pairs:,}"
        return f"{self.counted_pairs:,} evenly spaced of the {self.all_pairs:,}"


@dataclass(frozen=True)
class TranslationExample:
    """Sentence of a dev set with its translation and reference."""

    number: int
    """Line number, counted from 1."""
    chrf: float
    """Sentence chrF, between 0 and 100."""
    source: str
    translation: list[DiffSegment]
    """Segments of the translation, compared with the reference."""
    reference: list[DiffSegment]
    """Segments of the reference, compared with the translation."""


@dataclass(frozen=True)
class DevSetSection:
    """Section about the dev set of one direction; charts are SVG, and those that do not apply are empty."""

    name: str
    """Both language codes, for example ``en-de``."""
    source: str
    """Code of the source language."""
    target: str
    """Code of the target language."""
    training_pairs: int
    dev_pairs: int
    lengths: str
    """BLEU by the number of words of the source sentence."""
    frequencies: str
    """F1 of target words by frequency in the training text."""
    counted: str
    """Phrase that says in how many training pairs words were counted."""
    maps: list[tuple[int, str]]
    """Line number and attention map of some sentences; empty for a model without attention."""
    groups: list[tuple[str, list[TranslationExample]]]
    """Groups of example sentences, each with a title."""


class _DevSet:
    """Normalised dev set of a direction with its translations."""

    def __init__(self, prepared: PreparedDirection, translations: Sequence[str]) -> None:
        self.prepared, self.direction, self.translations = prepared, prepared.direction, translations
        self.sources = [normalise(source) for source, _ in prepared.dev]
        # Like the scores of the model card, scores use the original references; words and examples are normalised.
        self.references = [reference for _, reference in prepared.dev]

    def words(self) -> tuple[list[Sequence[str]], list[Sequence[str]]]:
        """Return the words of each translation and of each reference."""
        split = word_tokeniser(self.direction.target)
        references = map(normalise, self.references)
        return [split(text) for text in self.translations], [split(text) for text in references]


def build_dev_set_sections(
    data: PreparedData, directory: ModelDirectory, translations: Mapping[str, Sequence[str]]
) -> list[DevSetSection]:
    """Return a section for each direction with a dev set.

    Args:
        data: Data of the training.
        directory: Directory of the trained model.
        translations: Translations of each dev set, by name of the direction.
    """
    dev_sets = [_DevSet(each, translations[each.direction.name]) for each in data.directions if each.dev]
    frequencies = _count_words_by_target(data, [each for each in dev_sets if not _is_task(each)])
    sizes = _OF_ONE_DIRECTION if len(data.directions) == 1 else _OF_EACH_DIRECTION
    return [_build_section(data, directory, each, frequencies, sizes) for each in dev_sets]


def _is_task(dev_set: _DevSet) -> bool:
    """Return whether a dev set is of a synthetic task, which has no words."""
    return isinstance(dev_set.direction.dev, SyntheticCorpus)


def _build_section(
    data: PreparedData,
    directory: ModelDirectory,
    dev_set: _DevSet,
    frequencies: Mapping[str, WordFrequencies],
    sizes: _SampleSizes,
) -> DevSetSection:
    direction, counted = dev_set.direction, frequencies.get(dev_set.direction.target)
    [rows] = [r for each, r in zip(data.directions, data.train.direction_rows, strict=True) if each is dev_set.prepared]
    return DevSetSection(
        name=direction.name,
        source=direction.source,
        target=direction.target,
        training_pairs=len(rows),
        dev_pairs=len(dev_set.sources),
        lengths="" if counted is None else _draw_bleu_by_length(dev_set),
        frequencies="" if counted is None else _draw_f1_by_frequency(dev_set, counted),
        counted="" if counted is None else counted.description,
        maps=_draw_attention_maps(directory, dev_set, sizes.attention_maps),
        groups=_select_example_groups(dev_set, sizes.examples_per_group),
    )


def _draw_bleu_by_length(dev_set: _DevSet) -> str:
    """Draw BLEU by the number of words of the source sentence."""
    split = word_tokeniser(dev_set.direction.source)
    bars = []
    for group in length_bins([len(split(source)) for source in dev_set.sources], _MAX_LENGTH_BINS):
        hypotheses, references = (
            [texts[n] for n in group.sentences] for texts in (dev_set.translations, dev_set.references)
        )
        score = bleu_with_interval(hypotheses, references, dev_set.direction.target)
        label = "–".join(map(str, sorted({group.shortest, group.longest})))
        bars.append(ChartBar(label, f"{len(group.sentences):,}", score["score"], score["ci"]))
    return charts.bar_chart("BLEU by length", bars, "BLEU", "words of the source; sentences", max_value=100, decimals=1)


def _draw_f1_by_frequency(dev_set: _DevSet, frequencies: WordFrequencies) -> str:
    """Draw the F1 of target words by frequency in the training text."""
    bars = [
        ChartBar(_format_frequency_class(each.min_frequency, each.max_frequency), f"{each.reference_count:,}", each.f1)
        for each in word_f1_by_frequency(*dev_set.words(), frequencies.counts)
    ]
    where = "training" if frequencies.counted_pairs == frequencies.all_pairs else "the counted pairs"
    x_label = f"occurrences in {where}; words in the references"
    return charts.bar_chart("F1 by frequency", bars, "F1", x_label, max_value=1, decimals=2)


def _format_frequency_class(low: int, high: int | None) -> str:
    """Return the label of a frequency class, for example "2–4" or "1,000+"."""
    if high is None:
        return f"{low:,}+"
    return f"{low}" if low == high else f"{low}–{high}"


def _count_words_by_target(data: PreparedData, dev_sets: Sequence[_DevSet]) -> dict[str, WordFrequencies]:
    """Return the frequencies of the words of the dev sets by target language, in all training pairs into it."""
    found: dict[str, WordFrequencies] = {}
    for target in dict.fromkeys(each.direction.target for each in dev_sets):
        into = [each.words() for each in dev_sets if each.direction.target == target]
        words = {word for sides in into for texts in sides for text in texts for word in text}
        all_rows = np.concatenate(
            [
                rows
                for each, rows in zip(data.directions, data.train.direction_rows, strict=True)
                if each.direction.target == target
            ]
        )
        evenly_spaced = np.linspace(0, len(all_rows) - 1, min(len(all_rows), _MAX_COUNTED_PAIRS)).astype(np.int64)
        rows = all_rows[np.unique(evenly_spaced)]
        counts = count_words(_decode_training_targets(data, rows), word_tokeniser(target), words)
        found[target] = WordFrequencies(counts, len(rows), len(all_rows))
    return found


def _decode_training_targets(data: PreparedData, rows: IntArray) -> Iterator[str]:
    """Yield the target texts of the training pairs at the given rows, detokenised in small groups to save memory."""
    for start in range(0, len(rows), _PAIRS_PER_DECODING):
        ids = data.train.target_ids(rows[start : start + _PAIRS_PER_DECODING])
        yield from data.tokenizer.target.decode_batch([each.tolist() for each in ids.to_lists()])


def _draw_attention_maps(directory: ModelDirectory, dev_set: _DevSet, count: int) -> list[tuple[int, str]]:
    """Return line number and attention map of sentences of different lengths.

    The list is empty for a model without attention.
    """
    sources, translations = dev_set.sources, dev_set.translations
    pieces = [len(ids) for ids in directory.tokenizer.source.encode_batch(sources)]
    legible = [n for n, text in enumerate(translations) if text and pieces[n] <= _MAX_MAP_PIECES]
    order = sorted(legible, key=lambda n: pieces[n])
    quantiles = [(2 * n + 1) * len(order) // (2 * count) for n in range(count)]
    chosen = sorted({order[n] for n in quantiles} if order else ())
    pairs = [(sources[n], translations[n]) for n in chosen]
    return [
        (n + 1, charts.heat_map(f"Attention of sentence {n + 1}", each.target, each.source, each.weights))
        # There are no maps for a model without attention.
        for n, each in zip(chosen, compute_attention_maps(directory, pairs, dev_set.prepared.prefix), strict=False)
    ]


def _select_example_groups(dev_set: _DevSet, count: int) -> list[tuple[str, list[TranslationExample]]]:
    """Return groups of example sentences, each with a title."""
    translations, references = dev_set.translations, dev_set.references
    qualities = sentence_chrf(translations, references)
    selection = select_examples(qualities, count)

    def build_example(n: int) -> TranslationExample:
        translation, reference = translations[n], normalise(references[n])
        differences = (
            mark_differences(translation, reference),
            mark_differences(reference, translation),
        )
        return TranslationExample(n + 1, 100 * qualities[n], dev_set.sources[n], *differences)

    groups = (("Worst", selection.worst), ("Random sample of the others", selection.middle), ("Best", selection.best))
    return [(title, [build_example(n) for n in numbers]) for title, numbers in groups if numbers]
