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

from pydantic import Field, JsonValue, ValidationError, model_validator

from nmt.config.base import ConfigSection
from nmt.config.data import SyntheticCorpus
from nmt.config.errors import first_field_error
from nmt.config.loading import load_recipe, location, read_yaml, resolve_value
from nmt.config.schema import LanguageModelRecipe, TranslatorRecipe
from nmt.corpus.preparation import hash_corpora
from nmt.utils.errors import UsageError
from nmt.utils.hashing import hash_json

Setting = dict[str, Any]
"""Key of the recipe -> value."""

_SEED = "training.seed"
_LONGEST_NAME = 200  # bytes of a setting; file systems allow 255, the seed included


class SweepConfig(ConfigSection):
    """A study."""

    recipe: str
    """The recipe that all runs share; its path is relative to the study, as are those in overrides and axes."""
    overrides: dict[str, JsonValue] = Field(default_factory=dict)
    """What is otherwise in it, such as {model.width: 128}."""
    axes: Annotated[dict[str, Annotated[list[JsonValue], Field(min_length=1)]], Field(min_length=1)]
    """What varies: key -> values. All combinations are trained."""
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    baseline: dict[str, JsonValue] = Field(default_factory=dict)
    """The setting that others are compared with; of axes that are not named, the first value."""

    @model_validator(mode="after")
    def _consistent(self) -> SweepConfig:
        if _SEED in self.axes or _SEED in self.overrides:
            raise ValueError(f"{_SEED} comes from seeds: name the values there")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds holds one seed twice: name each once")
        for key in self.axes:
            if key in self.overrides:
                raise ValueError(f"{key} is an axis: it can't be among the overrides too")
        for key in self.baseline:
            if key not in self.axes:
                raise ValueError(f"baseline {key} is no axis: name values of axes there")
        return self

    @property
    def settings(self) -> list[Setting]:
        """All combinations as they are written, in the order of the file."""
        return [dict(zip(self.axes, values, strict=True)) for values in itertools.product(*self.axes.values())]

    @property
    def reference(self) -> Setting:
        """The baseline as it is written, every axis named."""
        return {key: self.baseline.get(key, values[0]) for key, values in self.axes.items()}


@dataclass(frozen=True)
class SweepRun:
    """One training."""

    setting: Setting
    """As the recipe understands it: 0.001 where 1e-3 is written."""
    seed: int
    overrides: tuple[str, ...]
    """As ``nmt train`` takes them."""
    config: TranslatorRecipe
    fingerprint: str
    """A hash of the recipe, wherever its corpora lie, and of what they hold."""

    @property
    def name(self) -> str:
        """Its folder, such as ``cell=gru,seed=1``."""
        setting = quote(format_setting(self.setting), safe="=, .")
        if len(setting) > _LONGEST_NAME:
            setting = f"{setting[: _LONGEST_NAME - 20]}~{hashlib.sha256(setting.encode()).hexdigest()[:16]}"
        return f"{setting},seed={self.seed}"


@dataclass(frozen=True)
class Sweep:
    """A study, every recipe of it checked."""

    config: SweepConfig
    recipe: Path
    runs: list[SweepRun]
    """The first seed of all settings, then the second of all, …"""
    reference: Setting
    """The setting that others are compared with."""

    @property
    def settings(self) -> list[Setting]:
        """All combinations, in the order of the file."""
        return [run.setting for run in self.runs if run.seed == self.config.seeds[0]]

    @property
    def metric(self) -> str:
        """Which score its runs have beside the loss, by its key in ``metrics.jsonl``."""
        return "exact" if isinstance(self.runs[0].config.data.dev, SyntheticCorpus) else "bleu"

    @property
    def compares_losses(self) -> bool:
        """Whether all runs have the same pieces, of which a loss is the mean: other text makes another tokenizer."""
        return not {key.split(".")[0] for key in self.config.axes} & {"data", "tokenizer"}


def format_setting(setting: Mapping[str, Any]) -> str:
    """A setting in a few words: sections are left out."""
    return ",".join(f"{key.rsplit('.', 1)[-1]}={_written(value)}" for key, value in setting.items())


def load_sweep(path: Path, overrides: Sequence[str] = ()) -> Sweep:
    """Read a study; ``overrides`` are for the recipe of all its runs.

    Raises UsageError with one line that names file and field, for any of the recipes too.
    """
    tree, lines = read_yaml(path)
    try:
        config = SweepConfig.model_validate(tree)
    except ValidationError as error:
        problem = first_field_error(error)
        where = f"{location(path, lines, problem.path)}: {problem.field or 'study'}"
        if problem.kind == "invalid-json-value":
            raise UsageError(f"{where}: {problem.value} is no text, number, truth value or list; quote it") from None
        remedy = "a study has recipe, overrides, axes, seeds, baseline"
        raise UsageError(f"{where}: {problem.message}; {remedy}") from None
    for override in overrides:
        key = override.partition("=")[0]
        if key in config.axes or key == _SEED:
            raise UsageError(f"{key}: varies in this study; change it in {path}")
    planner = _RunPlanner(path.parent, config, overrides)
    runs = [planner.plan(setting, seed) for seed, setting in itertools.product(config.seeds, config.settings)]
    by_recipe: dict[str, SweepRun] = {}
    for run, written in zip(runs, config.settings, strict=False):  # the first seed tells of all
        same = by_recipe.setdefault(run.fingerprint, run)
        if same is not run:
            where = location(path, lines, ("axes",))
            raise UsageError(
                f"{where}: axes: {format_setting(written)} is the same as {format_setting(same.setting)}; name it once"
            )
    wanted = planner.plan(config.reference, config.seeds[0])
    if wanted.fingerprint not in by_recipe:
        where = location(path, lines, ("baseline",))
        raise UsageError(
            f"{where}: baseline: {format_setting(config.baseline)} is no value of an axis; name one of those"
        )
    return Sweep(config, planner.recipe, runs, by_recipe[wanted.fingerprint].setting)


class _RunPlanner:
    """Makes runs of settings."""

    def __init__(self, folder: Path, study: SweepConfig, overrides: Sequence[str]) -> None:
        self.recipe = folder / study.recipe
        self._folder = folder
        self._shared = [*self._as_overrides(study.overrides), *overrides]
        self._corpora: dict[str, list[str]] = {}

    def plan(self, setting: Setting, seed: int) -> SweepRun:
        """A training. Raises UsageError for what is wrong with its recipe."""
        overrides = (*self._shared, *self._as_overrides(setting), f"{_SEED}={seed}")
        config = load_recipe(self.recipe, overrides)
        if isinstance(config, LanguageModelRecipe):
            raise UsageError(f"{self.recipe}: makes a language model; a study compares translators")
        if config.data.dev is None:
            raise UsageError(f"{self.recipe}: has no data.dev, by which a study compares; add a dev set")
        understood = {key: self._understood(config, key, value) for key, value in setting.items()}
        return SweepRun(understood, seed, overrides, config, _fingerprint(config, self._corpora))

    def _as_overrides(self, values: Mapping[str, Any]) -> list[str]:
        found = {key: resolve_value(self._folder, key, value) for key, value in values.items()}
        return [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in found.items()]

    def _understood(self, config: TranslatorRecipe, key: str, written: Any) -> Any:
        """What a recipe made of a value: a number of 1e-3, which YAML takes for text.

        Whole sections stay as written, and so do paths: a run is named alike wherever the study lies.
        """
        value: Any = config.model_dump(mode="json")
        for name in key.split("."):
            value = value[name]
        is_path = resolve_value(self._folder, key, written) != written
        return written if is_path or isinstance(value, dict | list) else value


def _fingerprint(config: TranslatorRecipe, corpora: dict[str, list[str]]) -> str:
    """See `SweepRun`; ``corpora`` keeps what was hashed before, so that no corpus is read for every run."""
    data = config.data
    places = data.model_dump_json(include={"source", "target", "train", "dev", "test"})
    if places not in corpora:
        corpora[places] = [f"{corpus.role} {corpus.hash}" for corpus in hash_corpora(config)]
    recipe = config.model_dump(mode="json", exclude={"data": {"train", "dev", "test"}})
    mixture = [(mixed.weight, mixed.tag) for mixed in data.weighted_corpora]
    return hash_json(recipe, mixture, corpora[places])


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
