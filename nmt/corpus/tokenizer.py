"""SentencePiece: text to ids and back, trained on the training text alone.

The first ids are fixed for ever, because pieces can't be added to a trained vocabulary: padding, unknown, begin and end
of sentence, then the reserved pieces for placeholders, tags and languages. They are control symbols: no text of a user
encodes to them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece as spm

from nmt.config.base import LanguageCode
from nmt.config.schema import TokenizerConfig
from nmt.text.languages import primary_subtag
from nmt.utils.errors import CarouselError

PAD, UNK, BOS, EOS = 0, 1, 2, 3

PLACEHOLDERS = tuple(f"<ph:{n}>" for n in range(32))
TAGS = tuple(f"<tag:{n}>" for n in range(16))
LANGUAGES = tuple(f"<lang:{n}>" for n in range(16))
RESERVED_PIECES = PLACEHOLDERS + TAGS + LANGUAGES
FIRST_TEXT_ID = 4 + len(RESERVED_PIECES)
"""The first id that text can encode to."""


def tag_id(number: int) -> int:
    """The id of a corpus's tag."""
    return FIRST_TEXT_ID - len(LANGUAGES) - len(TAGS) + number


_CARRIER = "\ue000"  # of private use, so that no piece joins it with what follows
_UNSPACED = {"zh", "ja", "ko", "th", "lo", "km", "my"}
_MAX_BYTES = 1 << 20  # of a sentence: SentencePiece leaves out longer ones without a word, and `reader` refuses them
TRAINING_SENTENCES = 500_000
"""More of them no longer change the pieces, only the time and memory that training takes."""


def reserved_mask(vocabulary: int) -> Any:
    """[V]: true for ids that are never proposed, because nothing in the training text teaches when."""
    ids = np.arange(vocabulary)
    return (ids < FIRST_TEXT_ID) & (ids != EOS)


@dataclass(frozen=True)
class TokenizedText:
    """A text, its ids (no begin or end of sentence), and the code points ``[start, end)`` that each id stands for."""

    text: str
    ids: list[int]
    spans: list[tuple[int, int]]


class Vocabulary:
    """One trained SentencePiece model."""

    def __init__(self, serialized: bytes, origin: str = "tokenizer.model") -> None:
        """``origin`` names the model in messages. Raises CarouselError when the bytes are no model of ours."""
        self.serialized = serialized
        try:
            self._processor = spm.SentencePieceProcessor(model_proto=serialized)
            pieces = [self._processor.id_to_piece(i) for i in range(FIRST_TEXT_ID)]
        except (RuntimeError, IndexError):
            raise CarouselError(f"{origin}: is no SentencePiece model of Carousel's; train a new one") from None
        if tuple(pieces[4:]) != RESERVED_PIECES:
            raise CarouselError(f"{origin}: lacks the reserved pieces; train the tokenizer with nmt train")

    def __len__(self) -> int:
        return int(self._processor.get_piece_size())

    def id_to_piece(self, number: int) -> str:
        """The piece of an id, as SentencePiece writes it."""
        return str(self._processor.id_to_piece(number))

    def ids_to_pieces(self, ids: Iterable[int]) -> list[str]:
        """The pieces of several."""
        return [self.id_to_piece(number) for number in ids]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of normalised texts, without begin and end of sentence."""
        encoded: list[list[int]] = self._processor.encode(list(texts), return_type=int)
        return encoded

    def text_pieces(self) -> Iterator[tuple[str, int, float]]:
        """Each piece that is made of text: how it is written, its id and its score."""
        processor = self._processor
        for i in range(FIRST_TEXT_ID, len(self)):
            if not (processor.is_byte(i) or processor.is_control(i) or processor.is_unused(i)):
                yield self.id_to_piece(i), i, processor.get_score(i)

    def spelled(self, character: str) -> list[int]:
        """The ids of a character that is no piece: its bytes where the vocabulary has them, else the unknown piece."""
        ids = [int(self._processor.piece_to_id(f"<0x{byte:02X}>")) for byte in character.encode()]
        return [UNK] if UNK in ids else ids

    def likely(self, text: str, count: int) -> list[tuple[list[int], float]]:
        """The likeliest segmentations of a text by a unigram model, with their log-probabilities."""
        found = self._processor.nbest_encode(text, nbest_size=count, return_type="proto")
        return [([piece.id for piece in each.pieces], each.score) for each in found.nbests]

    def encode(self, text: str) -> TokenizedText:
        """One normalised text as pieces, without begin and end of sentence."""
        mapping = self._processor.encode(text, return_type="offset_mapping")
        return TokenizedText(text, mapping["ids"], mapping["offsets"])

    def encode_continuation(self, text: str) -> list[int]:
        """Ids of a normalised text that stands right after other text, with no space before it."""
        pieces = self.encode(_CARRIER + text)
        return [number for number, (start, _) in zip(pieces.ids, pieces.spans, strict=True) if start > 0]

    def decode_batch(self, lists: Sequence[Sequence[int]]) -> list[str]:
        """The texts that lists of ids spell; faster than `decode`, which also says where each piece stands."""
        texts: list[str] = self._processor.decode([list(ids) for ids in lists])
        return texts

    def decode(self, ids: Sequence[int]) -> TokenizedText:
        """The text that ids spell; a broken character becomes U+FFFD, a line end a space."""
        mapping = self._processor.decode(list(ids), return_type="offset_mapping")
        # One character for one: the offsets hold.
        text = mapping["text"].replace("\n", " ").replace("\r", " ")
        return TokenizedText(text, mapping["ids"], mapping["offsets"])


@dataclass(frozen=True)
class Tokenizer:
    """The vocabularies of the two languages; one object twice where they share it."""

    source: Vocabulary
    target: Vocabulary

    @property
    def shared(self) -> bool:
        """Whether both languages use one vocabulary."""
        return self.source is self.target

    def files(self) -> dict[str, bytes]:
        """What a bundle stores: file name -> content."""
        files = {"tokenizer.model": self.source.serialized}
        if not self.shared:
            files["tokenizer.target.model"] = self.target.serialized
        return files

    @staticmethod
    def from_files(directory: Path, separate: bool) -> Tokenizer:
        """Read what `files` gave; ``separate`` says that the target has a file of its own."""
        source = _read(directory / "tokenizer.model")
        return Tokenizer(source, _read(directory / "tokenizer.target.model") if separate else source)


def train_tokenizer(
    pairs: Callable[[], Iterable[tuple[str, str]]],
    config: TokenizerConfig,
    languages: tuple[LanguageCode, LanguageCode],
) -> Tokenizer:
    """Train the vocabularies on normalised pairs; equal text gives equal bytes.

    ``pairs`` is called once for each vocabulary. Raises CarouselError when the text does not suit the size asked for.
    """
    if config.shared:
        shared = _train_one((text for pair in pairs() for text in pair), config, languages)
        return Tokenizer(shared, shared)
    return Tokenizer(
        _train_one((source for source, _ in pairs()), config, languages[:1]),
        _train_one((target for _, target in pairs()), config, languages[1:]),
    )


def train_verbatim_vocabulary(texts: Iterable[str], config: TokenizerConfig, language: LanguageCode) -> Vocabulary:
    """A vocabulary for text as it stands, indentation and all: decoding gives back what was encoded.

    Raises CarouselError when the text does not suit the size asked for.
    """
    return _train_one(texts, config, [language], verbatim=True)


def _train_one(
    texts: Iterable[str], config: TokenizerConfig, languages: Sequence[LanguageCode], verbatim: bool = False
) -> Vocabulary:
    least = FIRST_TEXT_ID + 256 * config.byte_fallback + 1
    if config.kind == "char" and config.vocab_size < least:  # for the other kinds SentencePiece says so
        raise _too_small(config, least)
    unspaced = any(primary_subtag(language) in _UNSPACED for language in languages)
    options = {
        "model_type": config.kind,
        "vocab_size": config.vocab_size,
        "byte_fallback": config.byte_fallback,
        # Rare ideographs are better spelled in bytes; an alphabet is small enough to keep whole.
        "character_coverage": 0.9995 if unspaced else 1.0,
        "normalization_rule_name": "identity",  # nmt.text.normalisation has been there
        "control_symbols": RESERVED_PIECES,
        "pad_id": PAD,
        "unk_id": UNK,
        "bos_id": BOS,
        "eos_id": EOS,
        "max_sentence_length": _MAX_BYTES,
        "num_threads": 4,  # fixed: the unigram model's sums depend on it
        "minloglevel": 2,
        "remove_extra_whitespaces": not verbatim,
        "add_dummy_prefix": not verbatim,
    }
    script = Path(__file__).with_name("tokenizer_trainer.py")
    command = [sys.executable, "-P", str(script), str(os.getpid()), json.dumps(options)]
    with tempfile.TemporaryFile() as sentences:
        sentences.writelines(text.encode() + b"\n" for text in texts)
        sentences.seek(0)
        trained = subprocess.run(command, stdin=sentences, capture_output=True, check=False)
    if trained.returncode:
        raise _training_error(trained.stderr.decode(errors="replace"), config)
    return Vocabulary(trained.stdout)


def _training_error(message: str, config: TokenizerConfig) -> CarouselError:
    size = f"tokenizer.vocab_size: {config.vocab_size}"
    too_high = re.search(r"too high.*?<= (\d+)", message)
    too_small = re.search(r"smaller than required_chars.*?(\d+) vs (\d+)", message)
    if too_high:
        return CarouselError(f"{size} is too large for this corpus; set it to at most {too_high[1]}")
    if too_small:
        return _too_small(config, int(too_small[2]) + 1)
    if "!sentences_.empty()" in message:
        return CarouselError("data.train: no text is left to make pieces of; relax data.filter, or name other text")
    reason = message.strip().splitlines()[-1] if message.strip() else "no reason given"
    return CarouselError(f"{size}: SentencePiece can't be trained on this corpus: {reason}")


def _too_small(config: TokenizerConfig, least: int) -> CarouselError:
    return CarouselError(
        f"tokenizer.vocab_size: {config.vocab_size} is too small for this corpus; set it to at least {least}"
    )


def _read(path: Path) -> Vocabulary:
    try:
        return Vocabulary(path.read_bytes(), str(path))
    except OSError as error:
        raise CarouselError(f"{path}: can't be read ({error.strerror}); is this a model directory?") from None
