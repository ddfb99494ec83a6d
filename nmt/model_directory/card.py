"""Model cards: the content of ``config.json`` in a model directory."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from nmt.config.base import LanguageCode
from nmt.config.data import MAX_LANGUAGES, ChineseScript
from nmt.config.model import ModelConfig
from nmt.config.schema import AboutConfig, SearchConfig

FORMAT_VERSION = 3
"""Version of the format that is written. Version 1 had no ONNX graphs, version 2 no language models."""
MULTILINGUAL_FORMAT_VERSION = 4
"""Version of the format of multilingual translators, which programs that know only one pair of languages can't use."""


class _Immutable(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class FileChecksum(_Immutable):
    """Checksum and size of a file."""

    sha256: str
    """SHA-256 of the content, in hexadecimal."""
    bytes: int
    """Size in bytes."""


class Calibration(_Immutable):
    """Monotone map from the score of a translation to its expected quality, fitted on the dev set."""

    scores: Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=1)]
    """Mean log-probabilities per token, in ascending order."""
    values: list[Annotated[float, Field(ge=0, le=1)]]
    """Expected sentence chrF / 100 for each score."""

    @model_validator(mode="after")
    def _check_points(self) -> Calibration:
        if len(self.values) != len(self.scores) or self.scores != sorted(self.scores):
            raise ValueError("scores must be ascending, with a value for each")
        return self

    def confidence(self, score: float) -> float:
        """Return the expected quality for a score, from 0 to 1.

        Below the range of scores it falls towards 0 in proportion to the mean probability per token, as it was found to
        do for input in other languages and domains. Above the range it is constant.
        """
        n = bisect_right(self.scores, score)
        if n == 0:
            return self.values[0] * math.exp(score - self.scores[0])
        if n == len(self.scores):
            return self.values[-1]
        (x0, x1), (y0, y1) = self.scores[n - 1 : n + 1], self.values[n - 1 : n + 1]
        return y0 + (y1 - y0) / (x1 - x0) * (score - x0)


class ParentModel(_Immutable):
    """Model that another model was fine-tuned from."""

    model: str
    """Path of the model directory, as given to ``nmt train``."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """SHA-256 of the weights."""
    training: dict[str, Any] = {}
    """Training summary from the model card."""
    about: AboutConfig | None = None
    """Description and licence from the model card."""

    @property
    def training_facts(self) -> list[str]:
        """Training summary as lines of text."""
        return training_facts(self.training)


class DirectionCard(_Immutable):
    """Facts about one translation direction of a multilingual translator."""

    source: LanguageCode
    """Code of the source language."""
    target: LanguageCode
    """Code of the target language."""
    longest_source: PositiveInt
    """Number of tokens of the longest source text in training, without the language piece; longer texts are split."""
    longest_ratio: Annotated[float, Field(gt=0, le=1000)]
    """Maximum length of a translation, in target tokens per source token."""
    confidence: Calibration | None = None
    """Map from score to confidence; null if training had no dev set."""
    training_pairs: int = 0
    """Number of training pairs."""
    scores: dict[str, Any] = {}
    """Scores by set (dev, test) and metric, each with its signature."""

    @property
    def name(self) -> str:
        """Both language codes, for example ``en-de``."""
        return f"{self.source}-{self.target}"


class UntrainedDirectionCard(_Immutable):
    """Scores of a direction that a multilingual translator was not trained on, translated in both possible ways."""

    source: LanguageCode
    """Code of the source language."""
    target: LanguageCode
    """Code of the target language."""
    zero_shot: dict[str, Any] = {}
    """Scores of zero-shot translation by set (dev, test) and metric, each with its signature."""
    pivot: dict[str, Any] = {}
    """Scores of translation through the pivot language by set and metric, each with its signature."""

    @property
    def prefers_zero_shot(self) -> bool:
        """True if zero-shot translation has a higher BLEU on the dev set than translation through the pivot."""
        return _dev_bleu(self.zero_shot) > _dev_bleu(self.pivot)


class ModelCard(_Immutable):
    """Model card of a translator."""

    kind: Literal["translator"] = "translator"
    """Type of the model."""
    format_version: Annotated[int, Field(ge=1, le=MULTILINGUAL_FORMAT_VERSION, strict=True)] = FORMAT_VERSION
    """Version of the format of the model directory."""
    source_language: LanguageCode
    """Code of the source language; of a multilingual translator, that of its first direction."""
    target_language: LanguageCode
    """Code of the target language; of a multilingual translator, that of its first direction."""
    source_vocabulary: PositiveInt
    """Size of the source vocabulary."""
    target_vocabulary: PositiveInt
    """Size of the target vocabulary."""
    longest_source: PositiveInt
    """Number of tokens of the longest source text in training; longer texts are split."""
    longest_ratio: Annotated[float, Field(gt=0, le=1000)]
    """Maximum length of a translation, in target tokens per source token."""
    model: ModelConfig
    """Architecture of the network."""
    search: SearchConfig
    """Default decoding options."""
    placeholders: bool = False
    """True if the network was trained to carry placeholders."""
    unpunctuated: bool = False
    """True if the network was trained on text without final punctuation too."""
    precision: Literal["fp32", "int8"] = "fp32"
    """Precision of the weights of the ONNX graphs."""
    confidence: Calibration | None = None
    """Map from score to confidence; null if training had no dev set."""
    training: dict[str, Any] = {}
    """Training summary: number of updates, minutes and pairs, versions of libraries, the recipe."""
    origins: list[ParentModel] = []
    """Models that this model was fine-tuned from, the most recent first."""
    scores: dict[str, Any] = {}
    """Scores by set (dev, test) and metric, each with its signature; of a multilingual translator in `directions`."""
    languages: list[LanguageCode] = []
    """Languages of a multilingual translator. A source sentence begins with the reserved piece ``<lang:N>``, where N is
    the position of the target language in this list. Empty for a translator between two languages."""
    directions: list[DirectionCard] = []
    """Directions that a multilingual translator was trained on; empty for a translator between two languages."""
    untrained_directions: list[UntrainedDirectionCard] = []
    """Measured directions of a multilingual translator that it was not trained on. One is translated through a pivot
    language if possible, unless its scores say that zero-shot translation is better."""
    chinese_script: ChineseScript | None = None
    """Script of the Chinese text in training, to which Chinese input is converted; null if text was left as it is."""
    about: AboutConfig | None = None
    """Description and licence of the model."""
    files: dict[str, FileChecksum] = {}
    """Checksum and size of every other file of the directory, by name."""

    @model_validator(mode="after")
    def _check_languages(self) -> ModelCard:
        listed: list[DirectionCard | UntrainedDirectionCard] = [*self.directions, *self.untrained_directions]
        named = {code for direction in listed for code in (direction.source, direction.target)}
        if len(self.languages) > MAX_LANGUAGES or len(set(self.languages)) < len(self.languages):
            raise ValueError(f"languages must be at most {MAX_LANGUAGES} different codes")
        if not named <= set(self.languages) or bool(self.languages) != bool(self.directions):
            raise ValueError("languages must list those of all directions")
        return self

    @property
    def trained_directions(self) -> list[DirectionCard]:
        """Directions that the translator was trained on, of which one between two languages has one."""
        if self.directions:
            return self.directions
        return [self._describe_direction(self.source_language, self.target_language, self.confidence)]

    def find_direction(self, source: str, target: str) -> DirectionCard | None:
        """Return the card of a direction; None if the translator does not know a language.

        A multilingual translator also knows directions between its languages on which it was not trained (zero-shot
        translation). These have no confidence.
        """
        for direction in self.trained_directions:
            if (direction.source, direction.target) == (source, target):
                return direction
        if source == target or not {source, target} <= set(self.languages):
            return None
        return self._describe_direction(source, target, None)

    def _describe_direction(self, source: str, target: str, confidence: Calibration | None) -> DirectionCard:
        return DirectionCard(
            source=source,
            target=target,
            longest_source=self.longest_source,
            longest_ratio=self.longest_ratio,
            confidence=confidence,
        )

    @property
    def is_multilingual(self) -> bool:
        """True if a reserved piece in the source names the target language."""
        return bool(self.languages)

    @property
    def scores_by_set(self) -> dict[str, Any]:
        """Scores by set; those of a multilingual translator by set and direction, for example "dev en-de"."""
        return self.scores | {
            f"{name} {each.name}": found for each in self.directions for name, found in each.scores.items()
        }


class LanguageModelCard(_Immutable):
    """Model card of a language model."""

    kind: Literal["language-model"] = "language-model"
    """Type of the model."""
    format_version: Annotated[int, Field(ge=3, le=FORMAT_VERSION, strict=True)] = FORMAT_VERSION
    """Version of the format of the model directory."""
    language: LanguageCode
    """Code of the language."""
    vocabulary: PositiveInt
    """Size of the vocabulary."""
    model: ModelConfig
    """Architecture of the network."""
    carried: bool
    """True if the recurrent state was carried from line to line in training."""
    verbatim: bool
    """True if the model reads text verbatim; otherwise text is normalised, as for translators."""
    training: dict[str, Any] = {}
    """Training summary: number of updates, minutes and pairs, versions of libraries, the recipe."""
    scores: dict[str, Any] = {}
    """Scores by set (dev, test) and metric, each with its signature."""
    files: dict[str, FileChecksum] = {}
    """Checksum and size of every other file of the directory, by name."""


def _dev_bleu(scores: dict[str, Any]) -> float:
    """Return the BLEU on the dev set from scores by set and metric; minus infinity if it was not measured."""
    bleu = scores.get("dev", {}).get("bleu", {}).get("score")
    return float(bleu) if isinstance(bleu, (int, float)) else -math.inf


def training_facts(training: dict[str, Any]) -> list[str]:
    """Return a training summary as lines of text, without the recipe."""
    return [f"{name.replace('_', ' ')}: {value}" for name, value in training.items() if name != "recipe"]
