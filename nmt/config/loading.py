"""Loading of recipes: parsing of YAML, ``KEY=VALUE`` overrides, paths, and error messages with line numbers."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from nmt.config.base import ConfigSection
from nmt.config.data import (
    DataConfig,
    DirectionConfig,
    FilePair,
    HubDataset,
    MultilingualDataConfig,
    SyntheticCorpus,
    TableFile,
    WeightedCorpus,
)
from nmt.config.errors import FieldError, first_field_error
from nmt.config.schema import LanguageModelRecipe, Recipe, TokenizerConfig, TranslatorRecipe
from nmt.config.yaml_text import YamlError, parse_yaml, read_yaml_file
from nmt.utils.errors import UsageError

RecipeT = TypeVar("RecipeT", TranslatorRecipe, LanguageModelRecipe)
KeyPath = tuple[str, ...]
LineNumbers = dict[KeyPath, int]
"""Line number, counted from 1, of each key of a YAML file."""

_CORPUS_PATH_KEYS = {"corpus", "source", "target", "data_files", "table"}
"""Keys of a corpus whose values are paths."""


def load_translator_recipe(
    path: Path, overrides: Iterable[str] = (), defaults: Mapping[str, Any] | None = None
) -> TranslatorRecipe:
    """Read a translator's recipe and apply ``section.key=value`` overrides.

    Args:
        path: A YAML file. Paths in it are relative to the file.
        overrides: ``KEY=VALUE`` pairs; values are YAML, and paths in them are relative to the working directory.
        defaults: Sections to use where the recipe has none.

    Raises:
        UsageError: The file can't be read, or a value is invalid; the message names file, line and key.
    """
    return _RecipeDraft(path, overrides, defaults or {}).validate(TranslatorRecipe)


def load_recipe(path: Path, overrides: Iterable[str] = (), defaults: Mapping[str, Any] | None = None) -> Recipe:
    """Read the recipe of a translator, or of a language model if it has ``data.language``.

    See `load_translator_recipe` for arguments and errors.
    """
    draft = _RecipeDraft(path, overrides, defaults or {})
    return draft.validate(LanguageModelRecipe) if draft.is_language_model else draft.validate(TranslatorRecipe)


def dump_recipe(recipe: ConfigSection) -> str:
    """Return a recipe as YAML, including all defaults."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def resolve_value(folder: Path, key: str, value: Any) -> Any:
    """Return a value for the recipe key ``section.key``, with any path in it resolved relative to a folder."""
    path = tuple(key.split("."))
    tree: Any = {}
    _set_value(tree, path, value)
    _resolve_paths(tree, folder)
    for name in path:
        tree = tree[name]
    return tree


def read_yaml(path: Path) -> tuple[dict[str, Any], LineNumbers]:
    """Return the mapping in a YAML file, and the line numbers of its keys.

    Raises:
        UsageError: The file can't be read, is not valid YAML, contains no mapping, or repeats a key.
    """
    text = read_yaml_file(path, "no such recipe; name a YAML file such as configs/demo.yaml", "recipe")
    try:
        tree, node = parse_yaml(text)
    except YamlError as error:
        line = f":{error.line}" if error.line else ""
        raise UsageError(f"{path}{line}: {error}; fix the YAML syntax") from None
    if not isinstance(tree, dict):
        raise UsageError(f"{path}: holds no sections; a recipe has data, tokenizer, model, training, search")
    lines: LineNumbers = {}
    for key, number in _key_lines(node, ()):
        if key in lines:  # YAML itself would silently use the last one
            raise UsageError(f"{path}:{number}: {'.'.join(key)} is on line {lines[key]} already; keep one of the two")
        lines[key] = number
    return tree, lines


def key_location(path: Path, lines: LineNumbers, key: Sequence[int | str]) -> str:
    """Return ``path:line`` of a key, or of the nearest enclosing key with a known line, or else the path alone."""
    names = tuple(map(str, key))
    line = next((lines[names[:n]] for n in range(len(names), 0, -1) if names[:n] in lines), None)
    return f"{path}:{line}" if line else str(path)


class _RecipeDraft:
    """The content of a recipe before validation, with overrides applied."""

    def __init__(self, path: Path, overrides: Iterable[str], defaults: Mapping[str, Any]) -> None:
        self._path = path
        tree, self._lines = read_yaml(path)
        self._tree = {**defaults, **tree}
        _resolve_paths(self._tree, path.parent)
        self._overridden: set[KeyPath] = set()
        for override in overrides:
            key, value = _parse_override(override)
            self._overridden.add(key)
            _set_value(self._tree, key, value)

    @property
    def is_language_model(self) -> bool:
        """True if the recipe is that of a language model."""
        data = self._tree.get("data")
        return isinstance(data, dict) and "language" in data

    @property
    def _is_multilingual(self) -> bool:
        """True if the recipe lists translation directions."""
        data = self._tree.get("data")
        return isinstance(data, dict) and "directions" in data

    def validate(self, recipe_type: type[RecipeT]) -> RecipeT:
        """Return the recipe. Raises UsageError if a key or a value is invalid."""
        try:
            return recipe_type.model_validate(self._tree)
        except ValidationError as error:
            raise UsageError(self._describe(first_field_error(error), recipe_type)) from None

    def _describe(self, error: FieldError, recipe_type: type[ConfigSection]) -> str:
        # Pydantic adds the tags of union members, which are capitalised, to the path of the field.
        key = tuple(str(part) for part in error.path if not (isinstance(part, str) and part[:1].isupper()))
        text = f"{'.'.join(key) or 'recipe'}: {_explain(error, key, recipe_type, self._is_multilingual)}"
        if any(key[: len(overridden)] == overridden for overridden in self._overridden):
            return text
        return f"{key_location(self._path, self._lines, key)}: {text}"


def _explain(error: FieldError, key: KeyPath, recipe_type: type[ConfigSection], is_multilingual: bool) -> str:
    """Return a description of an error and its remedy."""
    if error.kind == "extra_forbidden" and key[0] == "data" and key[-1] in ("weight", "tag"):
        return f"{key[-1]} belongs to a corpus of data.train; write {{corpus: …, weight: 0.5, tag: 1}}"
    if error.kind == "union_tag_invalid":
        return "weights and tags are only for the corpora of data.train; name the corpus alone"
    if error.kind == "extra_forbidden":
        known = _known_keys(key, recipe_type, is_multilingual)
        close = difflib.get_close_matches(key[-1], known, n=1)
        return f"unknown key; did you mean '{close[0]}'?" if close else f"unknown key; known keys: {', '.join(known)}"
    if error.kind == "missing" and key == ("tokenizer",):
        return "is missing; add this section, or name a model to fine-tune with --finetune (also with --resume)"
    if error.kind == "missing":
        return "is missing; add this key"
    return error.message if isinstance(error.value, dict) else f"{error.message} (got {error.value!r})"


def _known_keys(key: KeyPath, recipe_type: type[ConfigSection], is_multilingual: bool) -> list[str]:
    """Return the keys that are allowed in the section of a key."""
    if is_multilingual and key[:2] == ("data", "directions") and len(key) == 4:
        return list(DirectionConfig.model_fields)
    section: type[BaseModel] = recipe_type
    for name in key[:-1]:
        field = section.model_fields.get(name)
        annotation = field.annotation if field else None
        if name == "tokenizer":
            annotation = TokenizerConfig
        if name == "data" and recipe_type is TranslatorRecipe:
            annotation = MultilingualDataConfig if is_multilingual else DataConfig
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            corpus_types = (WeightedCorpus, FilePair, TableFile, HubDataset, SyntheticCorpus)
            return sorted({name for corpus_type in corpus_types for name in corpus_type.model_fields})
        section = annotation
    return list(section.model_fields)


def _key_lines(node: yaml.Node | None, prefix: KeyPath) -> Iterator[tuple[KeyPath, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            path = (*prefix, str(key.value))
            yield path, key.start_mark.line + 1
            yield from _key_lines(value, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            path = (*prefix, str(index))
            yield path, value.start_mark.line + 1
            yield from _key_lines(value, path)


def _parse_override(override: str) -> tuple[KeyPath, Any]:
    key, separator, value = override.partition("=")
    if not separator or not key:
        raise UsageError(f"'{override}': not an override; write section.key=value, such as training.seed=2")
    try:
        return tuple(key.split(".")), parse_yaml(value)[0]
    except YamlError:
        raise UsageError(f"{key}: '{value}' is not valid YAML; quote the value") from None


def _set_value(tree: dict[str, Any], key: KeyPath, value: Any) -> None:
    branch: Any = tree
    for depth, name in enumerate(key):
        is_last = depth + 1 == len(key)
        if isinstance(branch, list):
            if not name.isascii() or not name.isdigit() or int(name) >= len(branch):
                listed = ".".join(key[:depth])
                raise UsageError(f"{'.'.join(key)}: {listed} is a list of {len(branch)}; name an item by its number")
            index: Any = int(name)
        else:
            index = name
        if is_last:
            branch[index] = value
            return
        child = branch[index] if isinstance(branch, list) else branch.get(index)
        if not isinstance(child, dict | list):
            branch[index] = child = {}
        branch = child


def _resolve_paths(tree: dict[str, Any], base: Path) -> None:
    """Resolve the paths of corpora and models in a recipe relative to a folder, in place."""

    def is_path(key: str, value: Any) -> bool:
        # The name of a data set is a path if it is written as one.
        is_folder = key == "dataset" and isinstance(value, str) and value.startswith(("./", "../"))
        return is_folder or (key in _CORPUS_PATH_KEYS and bool(value))

    def resolve(spec: Any) -> Any:
        if isinstance(spec, str):
            return str(base / spec)
        if isinstance(spec, list):
            return [resolve(item) for item in spec]
        if isinstance(spec, dict):
            return {key: resolve(value) if is_path(key, value) else value for key, value in spec.items()}
        return spec

    data = tree.get("data")
    if not isinstance(data, dict):
        return
    directions = data.get("directions")
    for part in (data, *(directions if isinstance(directions, list) else ())):
        if isinstance(part, dict):
            part.update({key: resolve(part[key]) for key in ("train", "dev", "test") if key in part})
    tokenizer = tree.get("tokenizer")
    if isinstance(tokenizer, dict) and isinstance(tokenizer.get("model"), str):
        tokenizer["model"] = resolve(tokenizer["model"])
