"""Recipes: the typed configuration of training runs, in sections."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, PositiveInt, Tag, field_validator, model_validator

from nmt.config.base import ConfigSection
from nmt.config.data import DataConfig, MultilingualDataConfig, TextDataConfig
from nmt.config.model import ModelConfig
from nmt.config.training import LanguageModelTrainingConfig, TrainingConfig


class TokenizerConfig(ConfigSection):
    """SentencePiece tokenizer, trained on the training text."""

    kind: Literal["bpe", "unigram", "char"] = "bpe"
    """Type of the SentencePiece model."""
    vocab_size: PositiveInt
    """Vocabulary size, including reserved tokens and the 256 bytes of the byte fallback."""
    shared: bool = True
    """Share one vocabulary between both languages."""
    byte_fallback: bool = True
    """Encode unknown characters as bytes, so that there are no unknown tokens."""


class PretrainedTokenizerConfig(ConfigSection):
    """Tokenizer of a trained model. A language model for shallow fusion needs the translator's target tokenizer."""

    model: str
    """Model directory or run directory from which the target tokenizer is taken."""


class SearchConfig(ConfigSection):
    """Default decoding options of the trained model."""

    beam: Annotated[int, Field(gt=0, le=64)] = 5
    """Beam size."""
    length_penalty: Annotated[float, Field(ge=0, le=5)] = 1.0
    """Exponent alpha of the length penalty of GNMT (Wu et al. 2016, equation 14)."""
    coverage_penalty: Annotated[float, Field(ge=0, le=5)] = 0.0
    """Weight beta of the coverage penalty of GNMT, which lowers the score of translations whose attention leaves out
    source tokens."""
    guards: bool = True
    """Split texts longer than those in training, and decode again when a translation repeats itself. Turn it off for
    tasks in which length and repetition are to be learned."""


class AboutConfig(ConfigSection):
    """Description and licence of the trained model, for its model card."""

    title: str | None = None
    """Name of the model."""
    description: str | None = None
    """Purpose of the model, and what it cannot do, in Markdown."""
    licence: str | None = None
    """Licence of the model."""
    attribution: str | None = None
    """Names and sources of the training data, as their licences ask for them, in Markdown."""


_CORPORA = {"train", "dev", "test"}


def _data_tag(data: Any) -> str:
    """Return the tag of the type of a translator's data section."""
    if isinstance(data, ConfigSection):
        return type(data).__name__
    return "MultilingualDataConfig" if isinstance(data, dict) and "directions" in data else "DataConfig"


class TranslatorRecipe(ConfigSection):
    """Recipe of a translator."""

    data: Annotated[
        Annotated[DataConfig, Tag("DataConfig")] | Annotated[MultilingualDataConfig, Tag("MultilingualDataConfig")],
        Discriminator(_data_tag),
    ]
    """Languages and corpora: of one pair of languages, or of several directions."""
    tokenizer: TokenizerConfig
    """Tokenizer."""
    model: ModelConfig = ModelConfig()
    """Architecture of the network."""
    training: TrainingConfig
    """Optimisation, schedule and hardware."""
    search: SearchConfig = SearchConfig()
    """Default decoding options of the trained model."""
    about: AboutConfig | None = None
    """Description and licence of the trained model."""

    @model_validator(mode="after")
    def _check_training_methods(self) -> TranslatorRecipe:
        if self.training.guided_alignment and self.training.subword_sampling:
            raise ValueError("guided_alignment needs a fixed segmentation; remove it or subword_sampling")
        if self.training.r_drop and not (self.model.dropout or self.model.word_dropout):
            raise ValueError("r_drop compares passes with different dropout; set model.dropout or word_dropout")
        if self.training.subword_sampling and self.tokenizer.kind == "char":
            raise ValueError("subword_sampling needs multi-character tokens; set tokenizer.kind to bpe or unigram")
        return self

    @model_validator(mode="after")
    def _check_shared_vocabulary(self) -> TranslatorRecipe:
        if isinstance(self.data, MultilingualDataConfig) and not self.tokenizer.shared:
            raise ValueError("a multilingual network needs one vocabulary for all languages; remove tokenizer.shared")
        return self

    @model_validator(mode="after")
    def _check_coverage_penalty(self) -> TranslatorRecipe:
        if self.search.coverage_penalty and self.model.attention == "none":
            raise ValueError("coverage_penalty needs attention; set model.attention to dot, additive or multihead")
        return self

    @model_validator(mode="after")
    def _add_alignment_head(self) -> TranslatorRecipe:
        if not self.training.guided_alignment or self.model.alignment_head:
            return self
        if self.model.attention == "none":
            raise ValueError("guided_alignment needs attention; set model.attention to dot, additive or multihead")
        return self.model_copy(update={"model": self.model.model_copy(update={"alignment_head": True})})


def _tokenizer_tag(spec: Any) -> str:
    """Return the tag of the tokenizer type that a value most resembles, so that error messages are about that type."""
    if isinstance(spec, dict):
        return "PretrainedTokenizerConfig" if "model" in spec else "TokenizerConfig"
    return type(spec).__name__ if isinstance(spec, ConfigSection) else "TokenizerConfig"


class LanguageModelRecipe(ConfigSection):
    """Recipe of a language model: a decoder without encoder and attention."""

    data: TextDataConfig
    """Language and text files."""
    tokenizer: Annotated[
        Annotated[TokenizerConfig, Tag("TokenizerConfig")]
        | Annotated[PretrainedTokenizerConfig, Tag("PretrainedTokenizerConfig")],
        Discriminator(_tokenizer_tag),
    ]
    """Tokenizer to train, or the tokenizer of a trained model."""
    model: ModelConfig = ModelConfig(attention="none")
    """Architecture of the network."""
    training: LanguageModelTrainingConfig
    """Optimisation, schedule and hardware."""

    @field_validator("model", mode="before")
    @classmethod
    def _check_model(cls, model: Any) -> Any:
        if not isinstance(model, dict):
            return model
        for name in [
            "encoder_layers",
            "bidirectional_layers",
            "heads",
            "input_feeding",
            "reverse_source",
            "alignment_head",
        ]:
            if model.get(name) not in (None, ModelConfig.model_fields[name].default):
                raise ValueError(f"a language model has no encoder and no attention; remove {name}")
        if model.get("attention", "none") != "none":
            raise ValueError("a language model has no source to attend to; remove attention")
        return {**model, "attention": "none"}


WITHOUT_CORPORA: Any = {"data": {**dict.fromkeys(_CORPORA, True), "directions": {"__all__": _CORPORA}}}
"""Argument ``exclude`` of `TranslatorRecipe.model_dump` that leaves out the names of corpora."""

Recipe = TranslatorRecipe | LanguageModelRecipe
"""Recipe of any model that ``nmt train`` can train."""
