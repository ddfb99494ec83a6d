"""The ``data`` section of a recipe: corpora, how they are mixed, and which pairs are filtered out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, NonNegativeInt, PositiveInt, Tag, model_validator

from nmt.config.base import ConfigSection, LanguageCode

MAX_LANGUAGES = 16
"""Maximum number of languages of a multilingual translator; equals the number of reserved pieces."""

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


class TableFile(ConfigSection):
    """A table of sentence pairs, of which the columns are named or numbered."""

    table: str
    """A ``.tsv`` or ``.csv`` file."""
    columns: tuple[PositiveInt | str, PositiveInt | str]
    """Columns with the source and the target text: numbers, counted from 1, or names in the header."""
    header: bool = True
    """True if the first row contains the names of the columns."""

    @model_validator(mode="after")
    def _check_columns(self) -> TableFile:
        if self.columns[0] == self.columns[1]:
            raise ValueError("columns names one column twice; name two columns")
        if not self.header and any(isinstance(column, str) for column in self.columns):
            raise ValueError("columns of a table without header have no names; number them from 1")
        return self


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
    if "table" in spec:
        return "TableFile"
    return "FilePair" if {"source", "target"} & spec.keys() else "HubDataset"


_Corpus = (
    Annotated[str, Tag("Text")]
    | Annotated[FilePair, Tag("FilePair")]
    | Annotated[TableFile, Tag("TableFile")]
    | Annotated[HubDataset, Tag("HubDataset")]
    | Annotated[SyntheticCorpus, Tag("SyntheticCorpus")]
)
CorpusSpec = Annotated[_Corpus, Discriminator(_corpus_tag)]
"""A prefix of two text files, a file with both languages (``.tsv``, ``.csv``, ``.jsonl``, ``.json``, ``.tmx``, ``.xlf``
or ``.xliff``), a pair of files, a table, a data set, or a synthetic task."""


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


ChineseScript = Literal["simplified", "traditional"]
"""Script of Chinese text."""


@dataclass(frozen=True)
class TranslationDirection:
    """A pair of languages in one direction, with its corpora."""

    source: str
    """Code of the source language."""
    target: str
    """Code of the target language."""
    train: list[WeightedCorpus]
    """Training corpora."""
    dev: CorpusSpec | None
    """Corpus for validation during training."""
    test: CorpusSpec | None
    """Corpus to score the finished model on."""
    weight: float = 1.0
    """Sampling weight, compared with the other directions."""
    is_reverse: bool = False
    """True if the corpora are those of the opposite direction, so that the two sides have to be exchanged."""

    @property
    def name(self) -> str:
        """Both language codes, for example ``en-de``."""
        return f"{self.source}-{self.target}"

    def reverse(self) -> TranslationDirection:
        """Return the opposite direction, with the same corpora."""
        settings = self.train, self.dev, self.test, self.weight
        return TranslationDirection(self.target, self.source, *settings, is_reverse=not self.is_reverse)


class DataConfig(ConfigSection):
    """Languages and corpora of a translator between two languages."""

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
    unpunctuated: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the training pairs of which a copy without final punctuation on both sides is added."""
    chinese_script: ChineseScript | None = None
    """Script to which Chinese text is converted; needs the extra ``chinese``. By default, text is left as it is."""

    @property
    def all_directions(self) -> list[TranslationDirection]:
        """The only direction."""
        return [TranslationDirection(self.source, self.target, _weighted(self.train), self.dev, self.test)]

    @property
    def language_order(self) -> list[str]:
        """No languages, because the network doesn't have to be told the target language."""
        return []


class DirectionConfig(ConfigSection):
    """Languages and corpora of one direction of a multilingual translator."""

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
    weight: Annotated[float, Field(ge=0.001, le=1000)] = 1.0
    """Sampling weight, compared with the other directions."""
    both_ways: bool = False
    """Train the opposite direction too, with the same corpora."""

    @model_validator(mode="after")
    def _check_direction(self) -> DirectionConfig:
        if self.source == self.target:
            raise ValueError(f"source and target are both {self.source}; name two languages")
        if any(isinstance(spec, SyntheticCorpus) for spec in (*_unweighted(self.train), self.dev, self.test)):
            raise ValueError("synthetic tasks have no languages; use data.source and data.target")
        return self


class MultilingualDataConfig(ConfigSection):
    """Directions of a multilingual translator, whose network translates between several pairs of languages."""

    directions: Annotated[list[DirectionConfig], Field(min_length=1)]
    """Translation directions, each with its corpora."""
    temperature: Annotated[float, Field(ge=1, le=100)] = 1.0
    """Temperature T of sampling: the share of a direction is proportional to its weight times its number of pairs to
    the power of 1/T (Arivazhagan et al. 2019). 1 keeps the shares of the corpora, and large values make them equal."""
    languages: list[LanguageCode] = Field(default_factory=list)
    """Languages in the order of their reserved pieces ``<lang:N>``, one of which begins each source sentence and names
    the target language (Johnson et al. 2017). Languages that are not listed follow in the order of the directions."""
    filter: FilterConfig = FilterConfig()
    """Filters of the training pairs, applied to each direction on its own."""
    placeholders: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the training pairs of which a copy with placeholders is added: names, numbers, codes and words with an
    unambiguous translation are replaced by placeholders on both sides (Post et al. 2019). The model then carries URLs,
    variables, numbers and other protected text to its place in the translation. 0.3 is enough."""
    unpunctuated: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the training pairs of which a copy without final punctuation on both sides is added."""
    chinese_script: ChineseScript | None = None
    """Script to which Chinese text is converted; needs the extra ``chinese``. By default, text is left as it is."""

    @model_validator(mode="before")
    @classmethod
    def _check_form(cls, data: Any) -> Any:
        single = [name for name in ("source", "target", "train", "dev", "test") if name in data]
        if single:
            raise ValueError(f"directions have languages and corpora of their own; remove {', '.join(single)}")
        return data

    @model_validator(mode="after")
    def _check_languages(self) -> MultilingualDataConfig:
        names = [direction.name for direction in self.all_directions]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"directions has {name} twice; put its corpora into one direction")
        if len(set(self.languages)) < len(self.languages):
            raise ValueError("languages has a language twice; list each language once")
        if len(self.language_order) > MAX_LANGUAGES:
            raise ValueError(f"directions name {len(self.language_order)} languages; use at most {MAX_LANGUAGES}")
        return self

    @property
    def all_directions(self) -> list[TranslationDirection]:
        """The directions of the recipe, each followed by its opposite if it is trained both ways."""
        expanded = list[TranslationDirection]()
        for config in self.directions:
            corpora = _weighted(config.train), config.dev, config.test
            direction = TranslationDirection(config.source, config.target, *corpora, config.weight)
            expanded += [direction, direction.reverse()] if config.both_ways else [direction]
        return expanded

    @property
    def language_order(self) -> list[str]:
        """Languages in the order of their reserved pieces."""
        named = [code for direction in self.directions for code in (direction.source, direction.target)]
        return list(dict.fromkeys([*self.languages, *named]))


DataSection = DataConfig | MultilingualDataConfig
"""The ``data`` section of a translator's recipe."""


def _weighted(specs: Iterable[TrainingCorpusSpec]) -> list[WeightedCorpus]:
    """Return training corpora, each with its weight and tag."""
    return [spec if isinstance(spec, WeightedCorpus) else WeightedCorpus(corpus=spec) for spec in specs]


def _unweighted(specs: Iterable[TrainingCorpusSpec]) -> list[CorpusSpec]:
    """Return training corpora without weights and tags."""
    return [weighted.corpus for weighted in _weighted(specs)]


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
