"""The model directory: everything a translator needs in one folder, whole or refused.

    config.json              languages, architecture, how it was trained, scores, and a checksum of every other file
    tokenizer.model          SentencePiece (``tokenizer.target.model`` beside it where the languages don't share one)
    model.safetensors        the weights, fp32: what training and the torch engine read
    onnx/                    the graphs and their weights: what the ONNX engine reads (see `nmt.engine.onnx.export`)
    shortlist.npz            for each source piece its likely translations (see `nmt.engine.shortlist`)
    README.md                the model card

A bundle that training wrote has all of it; one that `nmt export` wrote has no ``model.safetensors``, and
``shortlist.npz`` only where it was asked for.

Nothing in it is unpickled. Loading checks presence, size and sha256 of every file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from nmt.config.base import LanguageCode
from nmt.config.model import ModelConfig
from nmt.config.schema import SearchConfig
from nmt.corpus.tokenizer import Tokenizer, Vocabulary
from nmt.search.options import DecodingOptions
from nmt.text.normalisation import normalise
from nmt.utils.errors import CarouselError
from nmt.utils.files import atomic_directory

FORMAT_VERSION = 3
"""Format 1 had no graphs, format 2 no language models."""
WEIGHTS, SHORTLIST, GRAPHS, TOKENIZER = "model.safetensors", "shortlist.npz", "onnx", "tokenizer.model"


class StoredFile(BaseModel):
    """What a file of the bundle must be."""

    sha256: str
    bytes: int


class Calibration(BaseModel):
    """What a translation's score says of its quality: a monotone curve through points, learned on the dev set."""

    model_config = ConfigDict(frozen=True)

    scores: list[float]
    """Mean log-probability a token, ascending."""
    values: list[float]
    """Expected sentence chrF over 100."""

    def confidence(self, score: float) -> float:
        """The curve at a score; beyond its ends, as at them."""
        return float(np.interp(score, self.scores, self.values))


class ParentModel(BaseModel):
    """A model whose weights another one went on from."""

    model_config = ConfigDict(frozen=True)

    model: str
    """The path of its directory, relative where it was named so."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """Of its weights."""
    training: dict[str, Any] = {}
    """How it came to be: what its own card said."""

    @property
    def facts(self) -> list[str]:
        """What there is to tell of its training."""
        return _facts(self.training)


class ModelCard(BaseModel):
    """``config.json`` of a translator."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["translator"] = "translator"
    format_version: Annotated[int, Field(ge=1, le=FORMAT_VERSION, strict=True)] = FORMAT_VERSION
    source_language: LanguageCode
    target_language: LanguageCode
    source_vocabulary: PositiveInt
    target_vocabulary: PositiveInt
    longest_source: PositiveInt
    """In pieces; a longer text is beyond what the model was trained on, and is split."""
    longest_ratio: Annotated[float, Field(gt=0, le=1000)]
    """Pieces of the longest translation over those of its source; the search ends there."""
    model: ModelConfig
    search: SearchConfig
    precision: Literal["fp32", "int8"] = "fp32"
    """Of the graphs."""
    confidence: Calibration | None = None
    training: dict[str, Any] = {}
    """How it came to be: updates, minutes, pairs, versions, the recipe."""
    origins: list[ParentModel] = []
    """What it was fine-tuned from; then what that was fine-tuned from, and so on."""
    scores: dict[str, Any] = {}
    """Of the dev and test sets: metric -> score and signature."""
    files: dict[str, StoredFile] = {}


class LanguageModelCard(BaseModel):
    """``config.json`` of a language model."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["language-model"] = "language-model"
    format_version: Annotated[int, Field(ge=3, le=FORMAT_VERSION, strict=True)] = FORMAT_VERSION
    language: LanguageCode
    vocabulary: PositiveInt
    model: ModelConfig
    carried: bool
    """Whether its state went on from line to line in training; else each line began anew."""
    verbatim: bool
    """Whether it reads text as it stands; else normalised, as translators do."""
    training: dict[str, Any] = {}
    scores: dict[str, Any] = {}
    files: dict[str, StoredFile] = {}


AnyCard = TypeVar("AnyCard", ModelCard, LanguageModelCard)


@dataclass(frozen=True)
class LanguageModelDirectory:
    """The model directory of a language model, read and found whole."""

    path: Path
    card: LanguageModelCard
    vocabulary: Vocabulary

    @property
    def weights(self) -> Path:
        """The file of the trained weights."""
        return self.path / WEIGHTS

    def lines(self, text: str) -> list[str]:
        """The lines of a text as the model reads them: as they stand, or normalised."""
        return text.split("\n") if self.card.verbatim else [normalise(line) for line in text.split("\n")]


@dataclass(frozen=True)
class ModelDirectory:
    """A model directory that was read and found whole."""

    path: Path
    card: ModelCard
    tokenizer: Tokenizer

    @property
    def weights(self) -> Path | None:
        """The file of the trained weights; None in a bundle that was exported for serving."""
        return self._file(WEIGHTS)

    @property
    def shortlist(self) -> Path | None:
        """The file of the shortlist, if there is one."""
        return self._file(SHORTLIST)

    @property
    def graphs(self) -> Path | None:
        """The folder of the graphs, if there is one."""
        return self.path / GRAPHS if any(name.startswith(f"{GRAPHS}/") for name in self.card.files) else None

    @property
    def decoding_options(self) -> DecodingOptions:
        """How the model searches by itself."""
        card = self.card
        return DecodingOptions(
            length_penalty=card.search.length_penalty,
            coverage_penalty=card.search.coverage_penalty,
            max_length_ratio=card.longest_ratio,
            retry_repetition=card.search.guards,
        )

    @property
    def checksum(self) -> str:
        """Of the card, which holds those of all files: another one for every other model."""
        return _sha256(self.card.model_dump_json().encode())

    def _file(self, name: str) -> Path | None:
        return self.path / name if name in self.card.files else None


def write(path: Path, card: ModelCard, tokenizer: Tokenizer, files: Mapping[str, bytes]) -> None:
    """Write a bundle in place of what is at ``path``, atomically.

    ``files`` are weights, graphs and shortlist by their names in the bundle.
    """
    _write(path, card, {**tokenizer.to_files(), **files, "README.md": readme_text(card).encode()})


def write_language_model(path: Path, card: LanguageModelCard, vocabulary: Vocabulary, weights: bytes) -> None:
    """The same for a language model."""
    contents = {
        TOKENIZER: vocabulary.serialized,
        WEIGHTS: weights,
        "README.md": language_model_readme_text(card).encode(),
    }
    _write(path, card, contents)


def _write(path: Path, card: ModelCard | LanguageModelCard, contents: dict[str, bytes]) -> None:
    stored = {name: StoredFile(sha256=_sha256(content), bytes=len(content)) for name, content in contents.items()}
    written = card.model_copy(update={"format_version": FORMAT_VERSION, "files": stored})
    contents["config.json"] = written.model_dump_json(indent=2).encode()
    with atomic_directory(path) as folder:
        for name, content in contents.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)


def check_replaceable(path: Path) -> None:
    """Raise CarouselError unless a bundle may be written there: over nothing, or over one without trained weights."""
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    try:
        stored = _read_card(path).files
    except CarouselError:
        raise CarouselError(f"{path}: exists and is no model directory; choose another OUT") from None
    if WEIGHTS in stored:
        raise CarouselError(f"{path}: holds trained weights, which would be lost; choose another OUT")
    files = (file.relative_to(path).as_posix() for file in path.rglob("*") if not file.is_dir())
    for name in files:
        if name not in {*stored, "config.json"}:
            raise CarouselError(f"{path}: holds {name}, which is no part of a model; choose another OUT")


def read(path: Path) -> ModelDirectory:
    """Read a bundle, or the bundle of a run directory.

    Raises CarouselError with one line when it is incomplete, damaged, from a newer format or a language model.
    """
    path = _of_run(path)
    card = _checked(
        path, ModelCard, "translates nothing; name a translation model (nmt generate writes text with this one)"
    )
    if WEIGHTS not in card.files and f"{GRAPHS}/encoder.onnx" not in card.files:
        raise CarouselError(f"{path / 'config.json'}: lists neither weights nor graphs; copy the model directory again")
    tokenizer = Tokenizer.from_files(path, separate="tokenizer.target.model" in card.files)
    sizes = len(tokenizer.source), len(tokenizer.target)
    if sizes != (card.source_vocabulary, card.target_vocabulary):
        raise CarouselError(f"{path / 'config.json'}: belongs to another tokenizer; copy the model directory again")
    return ModelDirectory(path, card, tokenizer)


def is_language_model(path: Path) -> bool:
    """Whether the card of a model or run directory says so. Raises CarouselError where there is none to be read."""
    return isinstance(_read_card(_of_run(path)), LanguageModelCard)


def read_language_model(path: Path) -> LanguageModelDirectory:
    """The same for the bundle of a language model; one of a translator is refused."""
    path = _of_run(path)
    card = _checked(path, LanguageModelCard, "can't write text by itself; name a language model (data.language)")
    if WEIGHTS not in card.files:
        raise CarouselError(f"{path / 'config.json'}: lists no weights; copy the model directory again")
    vocabulary = Tokenizer.from_files(path, separate=False).target
    if len(vocabulary) != card.vocabulary:
        raise CarouselError(f"{path / 'config.json'}: belongs to another tokenizer; copy the model directory again")
    return LanguageModelDirectory(path, card, vocabulary)


def readme_text(card: ModelCard) -> str:
    """The bundle's README: what it is, how well it translates, where it came from."""
    use = f'Use it: `echo "…" | nmt translate {"."}` in this folder, or `nmt serve .`.'
    title = f"{card.source_language} → {card.target_language}"
    lead = f"An LSTM translation model made with Carousel.\nNetwork: {card.model.summary}."
    return _readme(title, lead, card, use) + "".join(map(_origin, card.origins))


def language_model_readme_text(card: LanguageModelCard) -> str:
    """The same of a language model."""
    model = card.model
    network = f"{model.design} design, {model.decoder_layers} × {model.cell}, width {model.width}"
    use = 'Use it: `nmt generate . --prompt "…"` in this folder, or `nmt translate … --lm .`.'
    return _readme(f"Text in {card.language}", f"A language model made with Carousel.\nNetwork: {network}.", card, use)


def _readme(title: str, lead: str, card: ModelCard | LanguageModelCard, use: str) -> str:
    scores = [
        f"| {name} | {metric} | {value['score']:.1f} | `{_in_table(value['signature'])}` |"
        for name, metrics in card.scores.items()
        for metric, value in metrics.items()
        if isinstance(value, dict) and "signature" in value
    ]
    table = ["| set | metric | score | signature |", "|---|---|---|---|", *scores] if scores else ["Not scored."]
    facts = [f"- {fact}" for fact in _facts(card.training)]
    return "\n".join([f"# {title}", "", lead, "", *table, "", *facts, "", use, ""])


def _in_table(text: str) -> str:
    return text.replace("|", r"\|")


def _origin(origin: ParentModel) -> str:
    """A section of the README."""
    lead = f"`{origin.model}`, weights with SHA-256 `{origin.sha256}`:"
    return "\n".join(["", "## Fine-tuned from", "", lead, "", *[f"- {fact}" for fact in origin.facts], ""])


def _facts(training: dict[str, Any]) -> list[str]:
    return [f"{name.replace('_', ' ')}: {value}" for name, value in training.items() if name != "recipe"]


def _of_run(path: Path) -> Path:
    """The model directory of a run directory; a model directory itself."""
    if not os.path.exists(path / "config.json") and os.path.isdir(path / "model"):  # noqa: PTH110, PTH112
        return path / "model"  # os.path takes a folder that can't be entered for an absent one; pathlib raises
    return path


def _checked(path: Path, kind: type[AnyCard], otherwise: str) -> AnyCard:
    """The card, once all its files are found whole; ``otherwise`` says what is wrong with a model of another kind."""
    card = _read_card(path)
    if not isinstance(card, kind):
        raise CarouselError(f"{path}: is a {card.kind.replace('-', ' ')}, which {otherwise}")
    for name, expected in card.files.items():
        _check(path, name, expected)
    if TOKENIZER not in card.files:
        raise CarouselError(f"{path / 'config.json'}: lists no {TOKENIZER}; copy the model directory again")
    return card


def _read_card(path: Path) -> ModelCard | LanguageModelCard:
    tree, file = _read_tree(path), path / "config.json"
    try:
        return (LanguageModelCard if tree.get("kind") == "language-model" else ModelCard).model_validate(tree)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        field = ".".join(map(str, problem["loc"]))
        raise CarouselError(f"{file}: is damaged ({field}: {problem['msg']}); copy the model directory again") from None


def _read_tree(path: Path) -> dict[str, Any]:
    file = path / "config.json"
    try:
        tree = json.loads(file.read_text(encoding="utf-8"))
    except OSError:
        raise CarouselError(
            f"{path}: no model directory (config.json is missing or unreadable); train one with nmt train"
        ) from None
    except (ValueError, RecursionError):
        raise CarouselError(f"{file}: is damaged (not JSON); copy the model directory again") from None
    if not isinstance(tree, dict):
        raise CarouselError(f"{file}: is damaged (no object); copy the model directory again")
    version = tree.get("format_version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise CarouselError(
            f"{file}: format {version} is newer than this Carousel reads ({FORMAT_VERSION}); upgrade carousel-nmt"
        )
    return tree


def _check(path: Path, name: str, expected: StoredFile) -> None:
    file = path / name
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise CarouselError(f"{path / 'config.json'}: names the file {name!r} outside the folder; don't use this model")
    try:
        content = file.read_bytes()
    except OSError:
        raise CarouselError(f"{file}: is missing; copy the model directory again") from None
    if len(content) != expected.bytes or _sha256(content) != expected.sha256:
        raise CarouselError(f"{file}: is damaged (checksum differs); copy the model directory again")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
