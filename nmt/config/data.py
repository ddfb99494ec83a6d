"""The ``data`` section of a recipe: corpora, how they are mixed, and which pairs are filtered out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, NonNegativeInt, PositiveInt, Tag, model_validator

from nmt.config.base import ConfigSection, LanguageCode

SyntheticTask = Literal["counting", "selective-counting", "remembering", "copying", "reversing", "addition"]
"""Names of the synthetic tasks of `nmt.corpus.synthetic_tasks`."""


class HubDataset(ConfigSection):
    """A data set that `datasets.load_dataset` loads: a name on the Hugging Face Hub, or csv, parquet or json files."""

    dataset: str
    """Name on the hub, local folder (beginning with ``./`` or ``../``), or ``csv``, ``parquet`` or ``json``."""
    split: str = "train"
    """Split of the data set."""
    name: str | None = None
    """Configuration of the data set: the second argument of `load_dataset`."""
    revision: str | None = None
    """Commit, tag or branch on the hub; the newest by default. Name a commit to make runs reproducible."""
    data_files: str | list[str] | None = None
    """Local files, relative to the recipe."""
    streaming: bool = False
    """Read rows while they are downloaded instead of storing the whole data set on disk first."""


class FilePair(ConfigSection):
    """Two plain text files, aligned line by line."""

    source: str
    """File of the source side."""
    target: str
    """File of the target side."""


class SyntheticCorpus(ConfigSection):
    """Generated pairs of a synthetic task; see `nmt.corpus.synthetic_tasks`."""

    task: SyntheticTask
    """Name of the task."""
    pairs: PositiveInt
    """Number of pairs to generate."""
    shortest: PositiveInt = 1
    """Length of the shortest question; the task defines what the length counts."""
    longest: PositiveInt
    """Length of the longest question."""
    seed: NonNegativeInt = 1
    """Random seed; equal seeds generate equal pairs."""

    @model_validator(mode="after")
    def _check_lengths(self) -> SyntheticCorpus:
        if self.shortest > self.longest:
            raise ValueError(f"shortest must be at most longest, {self.longest}")
        if self.pairs <= self.longest - self.shortest:
            least = self.longest - self.shortest + 1
            raise ValueError(f"pairs must be at least {least}: one of each length from shortest to longest")
        return self


def _corpus_tag(spec: Any) -> str:
    """Return the tag of the corpus type that a value most resembles, so that error messages are about that type."""
    if isinstance(spec, ConfigSection):
        return type(spec).__name__
    if not isinstance(spec, dict):
        return "Text"
    if "task" in spec:
        return "SyntheticCorpus"
    if "corpus" in spec:
        return "WeightedCorpus"
    return "FilePair" if {"source", "target"} & spec.keys() else "HubDataset"


_Corpus = (
    Annotated[str, Tag("Text")]
    | Annotated[FilePair, Tag("FilePair")]
    | Annotated[HubDataset, Tag("HubDataset")]
    | Annotated[SyntheticCorpus, Tag("SyntheticCorpus")]
)
CorpusSpec = Annotated[_Corpus, Discriminator(_corpus_tag)]
"""A prefix of two text files, a ``.tsv`` or ``.jsonl`` file, a pair of files, a data set, or a synthetic task."""


class WeightedCorpus(ConfigSection):
    """A training corpus with a sampling weight and an optional tag."""

    corpus: CorpusSpec
    """The corpus, in any of the other forms."""
    weight: Annotated[float, Field(ge=0.001, le=1000)] = 1.0
    """Number of times that an epoch contains each pair. With 0.1, each epoch samples a different tenth of the pairs."""
    tag: Annotated[int, Field(ge=0, lt=16)] | None = None
    """Number of a reserved token ``<tag:N>`` put before each source sentence, for example to mark back-translations
    (Caswell et al. 2019)."""


TrainingCorpusSpec = Annotated[_Corpus | Annotated[WeightedCorpus, Tag("WeightedCorpus")], Discriminator(_corpus_tag)]
"""A `CorpusSpec`, or a corpus with a weight and a tag."""


class FilterConfig(ConfigSection):
    """Filters of the training pairs. Dev sets, test sets and synthetic tasks are never filtered."""

    first_pairs: PositiveInt | None = None
    """Number of pairs to read from the beginning of each corpus; all by default."""
    max_characters: PositiveInt = 1000
    """Maximum length of each side, in characters."""
    max_pieces: PositiveInt = 250
    """Maximum length of each side, in tokens."""
    max_ratio: Annotated[float, Field(gt=1)] = 4.0
    """Maximum ratio of the longer side to the shorter, in UTF-8 bytes, which are more comparable across scripts than
    characters."""
    duplicates: bool = True
    """Drop repeated pairs."""
    copies: bool = True
    """Drop pairs whose two sides are equal."""


class DataConfig(ConfigSection):
    """Languages and corpora of a translator."""

    source: LanguageCode
    """Code of the source language."""
    target: LanguageCode
    """Code of the target language."""
    train: Annotated[list[TrainingCorpusSpec], Field(min_length=1)]
    """Training corpora."""
    dev: CorpusSpec | None = None
    """Corpus for validation during training."""
    test: CorpusSpec | None = None
    """Corpus to score the finished model on."""
    filter: FilterConfig = FilterConfig()
    """Filters of the training pairs."""
    placeholders: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the training pairs of which a copy with placeholders is added: names, numbers, codes and words with an
    unambiguous translation are replaced by placeholders on both sides (Post et al. 2019). The model then carries URLs,
    variables, numbers and other protected text to its place in the translation. 0.3 is enough."""
    surface_variants: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the training pairs of which a copy with another surface is added: a source in lower case or in title
    case, or both sides without final punctuation."""

    @property
    def weighted_corpora(self) -> list[WeightedCorpus]:
        """The training corpora, each with its weight and tag."""
        return [spec if isinstance(spec, WeightedCorpus) else WeightedCorpus(corpus=spec) for spec in self.train]


class TextDataConfig(ConfigSection):
    """Language and text files of a language model."""

    language: LanguageCode
    """Code of the language."""
    train: Annotated[list[str], Field(min_length=1)]
    """Training text, one sentence or line of text per line."""
    dev: str | None = None
    """Text for validation during training."""
    test: str | None = None
    """Text to score the finished model on."""
