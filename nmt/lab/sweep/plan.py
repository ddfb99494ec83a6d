"""Sweep files, which name a recipe, the values that vary in it and the seeds, and the runs that they define."""

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
from nmt.config.loading import key_location, load_recipe, read_yaml, resolve_value
from nmt.config.schema import WITHOUT_CORPORA, LanguageModelRecipe, TranslatorRecipe
from nmt.corpus.preparation import hash_corpora
from nmt.utils.errors import UsageError
from nmt.utils.hashing import hash_json

Setting = dict[str, Any]
"""A combination of values of the axes, by key of the recipe."""

_SEED = "training.seed"
_MAX_NAME_LENGTH = 200  # bytes of a setting in a directory name; file systems allow 255 for setting and seed


class SweepConfig(ConfigSection):
    """Contents of a sweep file, which is a YAML file."""

    recipe: str
    """Recipe of all runs. Its path, and paths in overrides and axes, are relative to the sweep file."""
    overrides: dict[str, JsonValue] = Field(default_factory=dict)
    """Values that replace those of the recipe in all runs, for example {model.width: 128}."""
    axes: Annotated[dict[str, Annotated[list[JsonValue], Field(min_length=1)]], Field(min_length=1)]
    """Values that vary, by key of the recipe. The recipe is trained with every combination of values."""
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    """Seeds with which each setting is trained."""
    baseline: dict[str, JsonValue] = Field(default_factory=dict)
    """Setting with which the others are compared; an axis that is missing here has its first value."""

    @model_validator(mode="after")
    def _check_keys(self) -> SweepConfig:
        """Raise ValueError if seeds are repeated or keys of axes, overrides and baseline are inconsistent."""
        if _SEED in self.axes or _SEED in self.overrides:
            raise ValueError(f"{_SEED} is set by seeds; list the values there")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds contains a seed twice; list each seed once")
        for key in self.axes:
            if key in self.overrides:
                raise ValueError(f"{key} is an axis; remove it from overrides")
        for key in self.baseline:
            if key not in self.axes:
                raise ValueError(f"baseline {key} is not an axis; use keys of axes")
        return self

    @property
    def settings(self) -> list[Setting]:
        """All combinations of values as they are written in the file, in its order."""
        return [dict(zip(self.axes, values, strict=True)) for values in itertools.product(*self.axes.values())]

    @property
    def baseline_setting(self) -> Setting:
        """Baseline as it is written in the file, completed with the first values of missing axes."""
        return {key: self.baseline.get(key, values[0]) for key, values in self.axes.items()}


@dataclass(frozen=True)
class SweepRun:
    """One training run of a sweep."""

    setting: Setting
    """Setting with validated values; for example, 1e-3, which YAML reads as text, has become 0.001."""
    seed: int
    """Random seed of the training."""
    overrides: tuple[str, ...]
    """``KEY=VALUE`` arguments for ``nmt train``."""
    config: TranslatorRecipe
    """Validated recipe of the run."""
    fingerprint: str
    """Hash of the recipe and of the contents of its corpora; it does not depend on their paths."""

    @property
    def name(self) -> str:
        """Name of the run's directory, for example ``cell=gru,seed=1``."""
        setting = quote(format_setting(self.setting), safe="=, .")
        if len(setting) > _MAX_NAME_LENGTH:
            setting = f"{setting[: _MAX_NAME_LENGTH - 20]}~{hashlib.sha256(setting.encode()).hexdigest()[:16]}"
        return f"{setting},seed={self.seed}"


@dataclass(frozen=True)
class Sweep:
    """A sweep with the validated recipes of all its runs."""

    config: SweepConfig
    """Contents of the sweep file."""
    recipe: Path
    """Path of the recipe."""
    runs: list[SweepRun]
    """Runs in the order of their training: all settings with the first seed, then all with the second, …"""
    baseline_setting: Setting
    """Validated setting of the baseline."""

    @property
    def settings(self) -> list[Setting]:
        """Validated settings in the order of the file."""
        return [run.setting for run in self.runs if run.seed == self.config.seeds[0]]

    @property
    def metric(self) -> str:
        """Key in ``metrics.jsonl`` of the metric that is reported in addition to the loss: "bleu" or "exact"."""
        return "exact" if isinstance(self.runs[0].config.data.all_directions[0].dev, SyntheticCorpus) else "bleu"

    @property
    def losses_are_comparable(self) -> bool:
        """True if the losses of all runs are comparable, which requires the same data and the same tokenizer."""
        return not {key.split(".")[0] for key in self.config.axes} & {"data", "tokenizer"}


def format_setting(setting: Mapping[str, Any]) -> str:
    """Format a setting with the last components of its keys, for example "cell=gru,width=64"."""
    return ",".join(f"{key.rsplit('.', 1)[-1]}={_format_value(value)}" for key, value in setting.items())


def load_sweep(path: Path, overrides: Sequence[str] = ()) -> Sweep:
    """Read a sweep file and validate the recipes of all its runs.

    Args:
        path: Path of the sweep file.
        overrides: ``KEY=VALUE`` overrides for the recipe of every run.

    Raises UsageError if the sweep file or one of the recipes is invalid; the message names file and field.
    """
    tree, lines = read_yaml(path)
    try:
        config = SweepConfig.model_validate(tree)
    except ValidationError as error:
        problem = first_field_error(error)
        where = f"{key_location(path, lines, problem.path)}: {problem.field or 'sweep'}"
        if problem.kind == "invalid-json-value":
            message = f"{problem.value} is not a string, number, boolean or list; put it in quotes"
        else:
            message = f"{problem.message}; the keys of a sweep are recipe, overrides, axes, seeds, baseline"
        raise UsageError(f"{where}: {message}") from None
    for override in overrides:
        key = override.partition("=")[0]
        if key in config.axes or key == _SEED:
            raise UsageError(f"{key}: varies in this sweep; change it in {path}")
    planner = _RunPlanner(path.parent, config, overrides)
    runs = [planner.plan_run(setting, seed) for seed, setting in itertools.product(config.seeds, config.settings)]
    by_recipe: dict[str, SweepRun] = {}
    for run, written in zip(runs, config.settings, strict=False):  # the runs with the first seed
        duplicate = by_recipe.setdefault(run.fingerprint, run)
        if duplicate is not run:
            message = f"axes: {format_setting(written)} equals {format_setting(duplicate.setting)}; list it once"
            raise UsageError(f"{key_location(path, lines, ('axes',))}: {message}")
    baseline = planner.plan_run(config.baseline_setting, config.seeds[0])
    if baseline.fingerprint not in by_recipe:
        message = f"baseline: {format_setting(config.baseline)} is not among the values of the axes; use one of them"
        raise UsageError(f"{key_location(path, lines, ('baseline',))}: {message}")
    return Sweep(config, planner.recipe, runs, by_recipe[baseline.fingerprint].setting)


class _RunPlanner:
    """Factory of the runs of a sweep."""

    def __init__(self, folder: Path, sweep: SweepConfig, overrides: Sequence[str]) -> None:
        self.recipe = folder / sweep.recipe
        self._folder = folder
        self._shared = [*self._format_overrides(sweep.overrides), *overrides]
        self._corpus_hashes: dict[str, list[str]] = {}

    def plan_run(self, setting: Setting, seed: int) -> SweepRun:
        """Return the run of a setting and a seed. Raises UsageError if its recipe is invalid."""
        overrides = (*self._shared, *self._format_overrides(setting), f"{_SEED}={seed}")
        config = load_recipe(self.recipe, overrides)
        if isinstance(config, LanguageModelRecipe):
            raise UsageError(f"{self.recipe}: trains a language model; give the recipe of a translator")
        if all(direction.dev is None for direction in config.data.all_directions):
            raise UsageError(f"{self.recipe}: has no data.dev, which a sweep needs to compare runs; add a dev set")
        validated = {key: self._get_validated_value(config, key, value) for key, value in setting.items()}
        return SweepRun(validated, seed, overrides, config, _fingerprint(config, self._corpus_hashes))

    def _format_overrides(self, values: Mapping[str, Any]) -> list[str]:
        """Return ``KEY=VALUE`` arguments; paths become relative to the working directory."""
        resolved = {key: resolve_value(self._folder, key, value) for key, value in values.items()}
        return [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in resolved.items()]

    def _get_validated_value(self, config: TranslatorRecipe, key: str, written: Any) -> Any:
        """Return the value of a key in a validated recipe.

        Sections and paths are returned as written, so that the names of runs do not depend on the path of the file.
        """
        value: Any = config.model_dump(mode="json")
        for name in key.split("."):
            value = value[int(name)] if isinstance(value, list) else value[name]
        is_path = resolve_value(self._folder, key, written) != written
        return written if is_path or isinstance(value, dict | list) else value


def _fingerprint(config: TranslatorRecipe, corpus_hashes: dict[str, list[str]]) -> str:
    """Return the fingerprint of a recipe; ``corpus_hashes`` is a cache, so that each corpus is read only once."""
    data = config.data
    paths = data.model_dump_json(include={"source", "target", "train", "dev", "test", "directions"})
    if paths not in corpus_hashes:
        corpus_hashes[paths] = [f"{corpus.role} {corpus.hash}" for corpus in hash_corpora(config)]
    recipe = config.model_dump(mode="json", exclude=WITHOUT_CORPORA)
    mixture = [(mixed.weight, mixed.tag) for direction in data.all_directions for mixed in direction.train]
    return hash_json(recipe, mixture, corpus_hashes[paths])


def _format_value(value: Any) -> str:
    """Format a value of a setting: strings without quotes, other values as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
