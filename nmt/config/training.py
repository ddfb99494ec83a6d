"""The ``training`` section of a recipe."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from nmt.config.base import ConfigSection, Probability


class TrainingConfig(ConfigSection):
    """Optimisation, schedule and hardware."""

    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    """Random seed."""
    max_updates: PositiveInt
    """Number of optimiser updates after which training ends."""
    max_minutes: PositiveFloat | None = None
    """Number of minutes after which training ends, regardless of the schedule; no limit by default."""
    batch_tokens: PositiveInt
    """Maximum batch size: number of sentences times length of the longest side in tokens, so padding counts."""
    accumulate: PositiveInt = 1
    """Number of batches whose gradients are accumulated in one update."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 2e-3
    """Peak learning rate of the Adam optimiser."""
    warmup: NonNegativeInt = 400
    """Number of updates in which the learning rate rises linearly from zero."""
    schedule: Literal["cosine", "inverse_sqrt", "constant"] = "cosine"
    """Learning rate schedule after the warm-up."""
    betas: tuple[Probability, Probability] = (0.9, 0.98)
    """Decay rates of Adam's moment estimates."""
    weight_decay: NonNegativeFloat = 1e-4
    """Decoupled weight decay (AdamW)."""
    label_smoothing: Probability = 0.1
    """Share of the target probability that is spread over the vocabulary (Szegedy et al. 2016)."""
    r_drop: NonNegativeFloat = 0.0
    """Weight of the R-Drop loss: the mean divergence between two passes with different dropout masks. It corresponds to
    half the alpha of Liang et al. (2021) and doubles the work; 0 turns it off."""
    subword_sampling: Probability = 0.0
    """Strength of subword regularization: the dropout probability of BPE merges (Provilkov et al. 2020) or the
    smoothing exponent of unigram probabilities (Kudo 2018); 0 turns it off."""
    clip_norm: PositiveFloat = 1.0
    """Maximum norm of the gradient."""
    ema: Probability = 0.999
    """Decay of the exponential moving average of the weights, which is validated and exported; 0 turns it off."""
    average_best: Annotated[int, Field(ge=1, le=50)] = 1
    """Number of best checkpoints whose weights are averaged for export (Junczys-Dowmunt et al. 2016)."""
    guided_alignment: NonNegativeFloat = 0.0
    """Weight of the guided alignment loss, which trains the alignment head on word alignments of the training text; 0
    turns it off."""
    validate_every: PositiveInt
    """Number of updates between validations."""
    checkpoint_every: PositiveInt
    """Number of updates between checkpoints."""
    patience: PositiveInt | None = None
    """Number of validations without a better dev score after which training ends; no limit by default."""
    device: str = "auto"
    """Device to train on: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Floating-point precision; ``auto`` chooses bf16 where the device supports it well."""

    @field_validator("device")
    @classmethod
    def _check_device(cls, device: str) -> str:
        if not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?", device):
            raise ValueError("must be auto, cpu, cuda or cuda:N")
        return device


class LanguageModelTrainingConfig(TrainingConfig):
    """Optimisation, schedule and hardware of a language model."""

    label_smoothing: Probability = 0.0
    """Share of the target probability that is spread over the vocabulary (Szegedy et al. 2016)."""
    unroll: PositiveInt | None = None
    """Window size in tokens of truncated back-propagation through time (Williams & Peng 1990): the text is read as
    parallel streams whose states, but not gradients, are carried from window to window. By default, each line is a
    sequence of its own."""

    @model_validator(mode="after")
    def _check_consistency(self) -> LanguageModelTrainingConfig:
        for name in ("r_drop", "subword_sampling", "guided_alignment"):
            if getattr(self, name):
                raise ValueError(f"language models do not support {name}; remove it")
        if self.unroll and self.unroll > self.batch_tokens:
            raise ValueError(f"unroll must be at most batch_tokens, {self.batch_tokens}: a batch holds whole windows")
        return self
