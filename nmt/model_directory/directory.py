"""Model directories: reading, verification and writing of all files of a trained model.

    config.json              model card: languages, architecture, training summary, scores, checksums of all other files
    tokenizer.model          SentencePiece model; also ``tokenizer.target.model`` if each language has its own
    model.safetensors        weights in fp32, for training and the torch engine
    onnx/                    graphs and their weights, for the ONNX engine (see `nmt.engine.onnx.export`)
    shortlist.npz            likely target tokens of each source token (see `nmt.engine.shortlist`)
    README.md                model card for people

Training writes all of these files. ``nmt export`` leaves out ``model.safetensors``, and ``shortlist.npz`` unless it is
requested. Reading checks presence, size and SHA-256 of every file, and unpickles nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from pydantic import ValidationError

from nmt.config.errors import first_field_error
from nmt.corpus.tokenizer import Tokenizer, Vocabulary
from nmt.model_directory.built_in import BUILT_IN_MODELS, find_built_in_model
from nmt.model_directory.card import (
    FORMAT_VERSION,
    MULTILINGUAL_FORMAT_VERSION,
    FileChecksum,
    LanguageModelCard,
    ModelCard,
)
from nmt.model_directory.readme import language_model_readme, translator_readme
from nmt.search.options import DecodingOptions
from nmt.text.normalisation import normalise
from nmt.utils.errors import CarouselError
from nmt.utils.files import atomic_directory

CARD, WEIGHTS, SHORTLIST, TOKENIZER = "config.json", "model.safetensors", "shortlist.npz", "tokenizer.model"
GRAPHS = "onnx"

_MAX_CARD_BYTES = 10_000_000

CardT = TypeVar("CardT", ModelCard, LanguageModelCard)


@dataclass(frozen=True)
class ModelDirectory:
    """A translator's model directory, read and verified."""

    path: Path
    """Path of the directory."""
    card: ModelCard
    """Content of ``config.json``."""
    tokenizer: Tokenizer
    """Tokenizer of both languages."""

    @property
    def weights(self) -> Path | None:
        """File of the trained weights; None in a directory exported for serving."""
        return self._file(WEIGHTS)

    @property
    def shortlist(self) -> Path | None:
        """File of the shortlist; None if there is none."""
        return self._file(SHORTLIST)

    @property
    def graphs(self) -> Path | None:
        """Folder of the ONNX graphs; None if there are none."""
        return self.path / GRAPHS if any(name.startswith(f"{GRAPHS}/") for name in self.card.files) else None

    @property
    def decoding_options(self) -> DecodingOptions:
        """Default decoding options of the model."""
        search = self.card.search
        return DecodingOptions(
            length_penalty=search.length_penalty, coverage_penalty=search.coverage_penalty,
            max_length_ratio=self.card.longest_ratio, retry_repetition=search.guards,
        )  # fmt: skip

    @property
    def checksum(self) -> str:
        """SHA-256 of the model card, which identifies the model because the card has the checksums of all files."""
        return _sha256(self.card.model_dump_json().encode())

    def _file(self, name: str) -> Path | None:
        return self.path / name if name in self.card.files else None


@dataclass(frozen=True)
class LanguageModelDirectory:
    """A language model's model directory, read and verified."""

    path: Path
    """Path of the directory."""
    card: LanguageModelCard
    """Content of ``config.json``."""
    vocabulary: Vocabulary
    """Vocabulary of the language."""

    @property
    def weights(self) -> Path:
        """File of the trained weights."""
        return self.path / WEIGHTS

    def split_lines(self, text: str) -> list[str]:
        """Split a text into lines in the form that the model reads: verbatim or normalised."""
        return text.split("\n") if self.card.verbatim else [normalise(line) for line in text.split("\n")]


def read_model_directory(path: Path) -> ModelDirectory:
    """Read and verify the directory of a translator: a model directory, run directory or name of a built-in model.

    Raises:
        CarouselError: The directory is incomplete, damaged, of a newer format, or that of a language model.
    """
    path = locate_model_directory(path)
    card = _read_verified_card(
        path, ModelCard, "can't translate; name a translation model (nmt generate writes text with this one)"
    )
    if WEIGHTS not in card.files and f"{GRAPHS}/encoder.onnx" not in card.files:
        raise CarouselError(f"{path / CARD}: lists neither weights nor graphs; copy the model directory again")
    tokenizer = Tokenizer.from_files(path, separate_target="tokenizer.target.model" in card.files)
    sizes = len(tokenizer.source), len(tokenizer.target)
    if sizes != (card.source_vocabulary, card.target_vocabulary):
        raise CarouselError(f"{path / CARD}: belongs to another tokenizer; copy the model directory again")
    return ModelDirectory(path, card, tokenizer)


def read_language_model_directory(path: Path) -> LanguageModelDirectory:
    """Read and verify a language model's model directory, or the model directory of a run directory.

    Raises:
        CarouselError: The directory is incomplete, damaged, of a newer format, or that of a translator.
    """
    path = locate_model_directory(path)
    card = _read_verified_card(
        path, LanguageModelCard, "can't score or write text by itself; name a language model (data.language)"
    )
    if WEIGHTS not in card.files:
        raise CarouselError(f"{path / CARD}: lists no weights; copy the model directory again")
    vocabulary = Tokenizer.from_files(path, separate_target=False).target
    if len(vocabulary) != card.vocabulary:
        raise CarouselError(f"{path / CARD}: belongs to another tokenizer; copy the model directory again")
    return LanguageModelDirectory(path, card, vocabulary)


def is_language_model(path: Path) -> bool:
    """Return whether a model directory or run directory is that of a language model.

    Raises:
        CarouselError: The model card is missing or damaged.
    """
    return isinstance(_read_card(locate_model_directory(path)), LanguageModelCard)


def write_model_directory(path: Path, card: ModelCard, tokenizer: Tokenizer, files: Mapping[str, bytes]) -> None:
    """Write a translator's model directory atomically, replacing any directory at the path.

    Args:
        path: The folder to write.
        card: The model card, without checksums.
        tokenizer: The tokenizer of both languages.
        files: Content of weights, graphs and shortlist, by file name in the directory.
    """
    _write_directory(path, card, {**tokenizer.to_files(), **files, "README.md": translator_readme(card).encode()})


def write_language_model_directory(path: Path, card: LanguageModelCard, vocabulary: Vocabulary, weights: bytes) -> None:
    """Write a language model's model directory atomically, replacing any directory at the path."""
    readme = language_model_readme(card).encode()
    _write_directory(path, card, {TOKENIZER: vocabulary.serialized, WEIGHTS: weights, "README.md": readme})


def check_replaceable(path: Path) -> None:
    """Check that a path may be overwritten: it is free, empty, or a model directory without trained weights.

    Raises:
        CarouselError: The path holds trained weights, or files that belong to no model directory.
    """
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
        if name not in {*stored, CARD}:
            raise CarouselError(f"{path}: holds {name}, which is no part of a model; choose another OUT")


def _write_directory(path: Path, card: ModelCard | LanguageModelCard, contents: dict[str, bytes]) -> None:
    stored = {name: FileChecksum(sha256=_sha256(content), bytes=len(content)) for name, content in contents.items()}
    is_multilingual = isinstance(card, ModelCard) and card.is_multilingual
    version = MULTILINGUAL_FORMAT_VERSION if is_multilingual else FORMAT_VERSION
    complete = card.model_copy(update={"format_version": version, "files": stored})
    # Programs that do not know multilingual translators read the cards of other translators, which have no such fields.
    optional = ("languages", "directions", "untrained_directions", "chinese_script", "about")
    unused = {name for name in optional if not getattr(complete, name, None)}
    contents[CARD] = complete.model_dump_json(indent=2, exclude=unused).encode()
    with atomic_directory(path) as folder:
        for name, content in contents.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)


def locate_model_directory(path: Path) -> Path:
    """Return the model directory that a MODEL argument means.

    The argument is a model directory, a run directory that contains one, or the name of a built-in model, unless a file
    or directory of that name exists. Whether the result is a model directory is not checked.
    """
    if (built_in := find_built_in_model(str(path))) and not os.path.exists(path):  # noqa: PTH110
        return built_in
    # os.path treats a folder without permission to enter it as missing, where pathlib raises an error.
    if not os.path.exists(path / CARD) and os.path.isdir(path / "model"):  # noqa: PTH110, PTH112
        return path / "model"
    return path


def _read_verified_card(path: Path, card_type: type[CardT], unsuitable: str) -> CardT:
    """Return the card after verifying all files; ``unsuitable`` is the error message for a model of another type."""
    card = _read_card(path)
    if not isinstance(card, card_type):
        raise CarouselError(f"{path}: is a {card.kind.replace('-', ' ')}, which {unsuitable}")
    for name, expected in card.files.items():
        _verify_file(path, name, expected)
    if TOKENIZER not in card.files:
        raise CarouselError(f"{path / CARD}: lists no {TOKENIZER}; copy the model directory again")
    return card


def _read_card(path: Path) -> ModelCard | LanguageModelCard:
    content = _read_json(path)
    try:
        return (LanguageModelCard if content.get("kind") == "language-model" else ModelCard).model_validate(content)
    except ValidationError as error:
        problem = first_field_error(error)
        reason = f"{problem.field}: {problem.message}"
        raise CarouselError(f"{path / CARD}: is damaged ({reason}); copy the model directory again") from None


def _read_json(path: Path) -> dict[str, Any]:
    file = path / CARD
    try:
        with _open_regular_file(file) as opened:
            content = json.loads(opened.read(_MAX_CARD_BYTES).decode("utf-8"))
    except OSError:
        raise CarouselError(
            f"{path}: no model directory (config.json is missing or unreadable); train one with nmt train, "
            f"or name a built-in model ({', '.join(BUILT_IN_MODELS)})"
        ) from None
    except (ValueError, RecursionError):
        raise CarouselError(f"{file}: is damaged (not JSON); copy the model directory again") from None
    if not isinstance(content, dict):
        raise CarouselError(f"{file}: is damaged (no JSON object); copy the model directory again")
    version = content.get("format_version")
    if isinstance(version, int) and version > MULTILINGUAL_FORMAT_VERSION:
        newest = MULTILINGUAL_FORMAT_VERSION
        raise CarouselError(
            f"{file}: format {version} is newer than this Carousel reads ({newest}); upgrade carousel-nmt"
        )
    return content


def _verify_file(path: Path, name: str, expected: FileChecksum) -> None:
    file = path / name
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\0" in name:
        raise CarouselError(f"{path / CARD}: names the file {name!r} outside the folder; don't use this model")
    try:
        if not file.resolve(strict=True).is_relative_to(path.resolve()):
            raise CarouselError(f"{file}: is a link out of the folder; copy the file itself")
        with _open_regular_file(file) as opened:
            damaged = os.fstat(opened.fileno()).st_size != expected.bytes
            damaged = damaged or hashlib.file_digest(opened, "sha256").hexdigest() != expected.sha256
    except (OSError, RuntimeError):  # RuntimeError: links in a circle
        raise CarouselError(f"{file}: is missing; copy the model directory again") from None
    if damaged:
        raise CarouselError(f"{file}: is damaged (checksum differs); copy the model directory again")


def _open_regular_file(file: Path) -> BufferedReader:
    """Open a file for reading; raise OSError if it is not a regular file, such as a pipe, which might never end."""
    # Without O_NONBLOCK, opening a pipe waits for a process that writes to it. Windows does not have the flag.
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    opened = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        opened.close()
        raise OSError(f"{file} is not a regular file")
    return opened


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
