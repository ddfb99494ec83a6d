"""What a study trains: a YAML file that names a recipe, what varies in it, and seeds."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field, ValidationError, model_validator

from nmt import config as configs
from nmt.config import Config, Positive, Section, TaskCorpus
from nmt.errors import UsageError

Setting = dict[str, Any]
"""Key of the recipe -> value."""

_SEED = "training.seed"


class StudyConfig(Section):
    """A study."""

    recipe: str
    """The recipe that all runs share; its path is relative to the study."""
    overrides: dict[str, Any] = Field(default_factory=dict)
    """What is otherwise in it, such as {model.width: 128}."""
    axes: Annotated[dict[str, Annotated[list[Any], Field(min_length=1)]], Field(min_length=1)]
    """What varies: key -> values. All combinations are trained."""
    seeds: Annotated[list[Positive], Field(min_length=1)]
    baseline: dict[str, Any] = Field(default_factory=dict)
    """The setting that others are compared with; of axes that are not named, the first value."""

    @model_validator(mode="after")
    def _consistent(self) -> StudyConfig:
        if _SEED in self.axes or _SEED in self.overrides:
            raise ValueError(f"{_SEED} comes from seeds: name the values there")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds holds one seed twice: name each once")
        for key, values in self.axes.items():
            if key in self.overrides:
                raise ValueError(f"{key} is an axis: it can't be among the overrides too")
            if len({json.dumps(value) for value in values}) < len(values):
                raise ValueError(f"axis {key} holds one value twice: name each once")
        for key, value in self.baseline.items():
            if value not in self.axes.get(key, []):
                raise ValueError(f"baseline {key}: {value} is no value of an axis: name one of those")
        return self

    @property
    def settings(self) -> list[Setting]:
        """All combinations, in the order of the file."""
        return [dict(zip(self.axes, values, strict=True)) for values in itertools.product(*self.axes.values())]

    @property
    def reference(self) -> Setting:
        """The baseline, every axis named."""
        return {key: self.baseline.get(key, values[0]) for key, values in self.axes.items()}


@dataclass(frozen=True)
class PlannedRun:
    """One training."""

    setting: Setting
    seed: int
    overrides: tuple[str, ...]
    """As ``nmt train`` takes them."""
    config: Config

    @property
    def name(self) -> str:
        """Its folder, such as ``cell=gru,seed=1``."""
        return quote(f"{label(self.setting)},seed={self.seed}", safe="=, .")

    @property
    def fingerprint(self) -> str:
        """A hash of the whole recipe."""
        return hashlib.sha256(self.config.model_dump_json().encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Study:
    """A study, every recipe of it checked."""

    config: StudyConfig
    recipe: Path
    runs: list[PlannedRun]
    """The first seed of all settings, then the second of all, …"""

    @property
    def metric(self) -> str:
        """Which score its runs have beside the loss, by its key in ``metrics.jsonl``."""
        return "exact" if isinstance(self.runs[0].config.data.dev, TaskCorpus) else "bleu"


def label(setting: Mapping[str, Any]) -> str:
    """A setting in a few words: sections are left out."""
    return ",".join(f"{key.rsplit('.', 1)[-1]}={_written(value)}" for key, value in setting.items())


def load(path: Path, overrides: Sequence[str] = ()) -> Study:
    """Read a study; ``overrides`` are for the recipe of all its runs.

    Raises UsageError with one line that names file and field, for any of the recipes too.
    """
    tree, lines = configs.read_yaml(path)
    try:
        config = StudyConfig.model_validate(tree)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        field = tuple(map(str, problem["loc"]))
        line = next((lines[field[:n]] for n in range(len(field), 0, -1) if field[:n] in lines), None)
        where = f"{path}, line {line}" if line else str(path)
        message = str(problem["msg"]).removeprefix("Value error, ")
        raise UsageError(
            f"{where}, {'.'.join(field) or 'study'}: {message[:1].lower()}{message[1:]}; "
            "a study has recipe, overrides, axes, seeds, baseline"
        ) from None
    for override in overrides:
        key = override.partition("=")[0]
        if key in config.axes or key == _SEED:
            raise UsageError(f"{key}: varies in this study; change it in {path}")
    recipe = path.parent / config.recipe
    shared = [f"{key}={_written(value)}" for key, value in config.overrides.items()] + list(overrides)
    runs = [_plan(recipe, shared, setting, seed) for seed, setting in itertools.product(config.seeds, config.settings)]
    return Study(config, recipe, runs)


def _plan(recipe: Path, shared: Sequence[str], setting: Setting, seed: int) -> PlannedRun:
    varied = [f"{key}={_written(value)}" for key, value in setting.items()]
    overrides = (*shared, *varied, f"{_SEED}={seed}")
    config = configs.load(recipe, overrides)
    if config.data.dev is None:
        raise UsageError(f"{recipe}: has no data.dev, by which a study compares; add a dev set")
    return PlannedRun(setting, seed, overrides, config)


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
