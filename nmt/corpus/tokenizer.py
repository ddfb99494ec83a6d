"""Subword tokenization with SentencePiece models that are trained on the training text.

The first ids are the same in every vocabulary: padding, unknown, begin and end of sentence, then reserved pieces for
placeholders, corpus tags and languages. These are reserved in advance because a trained vocabulary cannot be extended.
In the file they are control symbols, so that no text is encoded to them. When a vocabulary is loaded, each placeholder
piece becomes the symbol of one private-use character.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import sentencepiece as spm

from nmt.config.base import LanguageCode
from nmt.config.schema import TokenizerConfig
from nmt.text.languages import primary_subtag
from nmt.text.placeholders import PLACEHOLDER_CHARACTERS
from nmt.text.scripts import is_spaced_word_character
from nmt.utils.arrays import BoolArray
from nmt.utils.errors import CarouselError

PAD, UNK, BOS, EOS = 0, 1, 2, 3

PLACEHOLDERS = tuple(f"<ph:{n}>" for n in range(len(PLACEHOLDER_CHARACTERS)))
TAGS = tuple(f"<tag:{n}>" for n in range(16))
LANGUAGES = tuple(f"<lang:{n}>" for n in range(16))
RESERVED_PIECES = PLACEHOLDERS + TAGS + LANGUAGES
FIRST_TEXT_ID = 4 + len(RESERVED_PIECES)
"""Lowest id to which text without placeholders can be encoded."""
MAX_TRAINING_SENTENCES = 500_000
"""Maximum number of sentences to train on; more sentences take time and memory without a noticeable effect."""

_CONTEXT = "\ue000"  # a private-use character, which is never part of a longer piece
_CONTROL, _USER_DEFINED = 3, 4  # types of pieces in SentencePiece models
_RARE_CHARACTER_LANGUAGES = {"zh", "ja", "ko", "th", "lo", "km", "my"}
# With several languages, the rare characters of each would take a large part of the vocabulary.
_RARE_CHARACTER_COVERAGE, _MULTILINGUAL_RARE_CHARACTER_COVERAGE = 0.9995, 0.998
_MIN_COVERAGE = 0.98  # that SentencePiece accepts
_MAX_SENTENCE_BYTES = 1 << 20  # SentencePiece silently skips longer ones; `nmt.corpus.text_files` rejects them


def placeholder_id(number: int) -> int:
    """Return the token id of the placeholder with the given number."""
    return 4 + number


def corpus_tag_id(number: int) -> int:
    """Return the token id of the corpus tag with the given number."""
    return FIRST_TEXT_ID - len(LANGUAGES) - len(TAGS) + number


def language_id(number: int) -> int:
    """Return the id of the token that names the target language with the given number (Johnson et al. 2017)."""
    return FIRST_TEXT_ID - len(LANGUAGES) + number


def reserved_mask(vocab_size: int) -> BoolArray:
    """Return a mask [vocab_size] of the ids that are never generated: all special ids except end of sentence."""
    ids = np.arange(vocab_size)
    mask: BoolArray = (ids < FIRST_TEXT_ID) & (ids != EOS)
    return mask


@dataclass(frozen=True)
class TokenizedText:
    """Text with its token ids, without begin and end of sentence."""

    text: str
    ids: list[int]
    spans: list[tuple[int, int]]
    """Range ``[start, end)`` of each token in the text, in code points."""


class Vocabulary:
    """SentencePiece model, which encodes text to token ids and decodes token ids to text."""

    def __init__(self, serialized: bytes, file_name: str = "tokenizer.model") -> None:
        """Load a model from the content of its file; ``file_name`` is for error messages.

        Raises CarouselError if the content is not a SentencePiece model with the reserved pieces.
        """
        self.serialized = serialized
        try:
            self._processor = spm.SentencePieceProcessor(model_proto=_with_placeholder_characters(serialized))
            pieces = self._processor.id_to_piece(list(range(len(self))))
        except (RuntimeError, IndexError, UnicodeDecodeError):
            raise CarouselError(
                f"{file_name}: not a SentencePiece model of Carousel; train one with nmt train"
            ) from None
        if tuple(pieces[4:FIRST_TEXT_ID]) != PLACEHOLDER_CHARACTERS + RESERVED_PIECES[len(PLACEHOLDERS) :]:
            raise CarouselError(f"{file_name}: reserved pieces are missing; train the tokenizer with nmt train")

    def __len__(self) -> int:
        return int(self._processor.get_piece_size())

    def id_to_piece(self, piece_id: int) -> str:
        """Return the piece with the given id, in the notation of SentencePiece."""
        if 4 <= piece_id < 4 + len(PLACEHOLDERS):
            return PLACEHOLDERS[piece_id - 4]
        return str(self._processor.id_to_piece(piece_id))

    def ids_to_pieces(self, ids: Iterable[int]) -> list[str]:
        """Return the piece of each id, in the notation of SentencePiece."""
        return [self.id_to_piece(piece_id) for piece_id in ids]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each normalised text, without begin and end of sentence."""
        encoded: list[list[int]] = self._processor.encode(list(texts), return_type=int)
        return encoded

    def text_pieces(self) -> Iterator[tuple[str, int, float]]:
        """Yield the text, id and score of each piece, except for byte pieces and control symbols."""
        processor = self._processor
        for i in range(FIRST_TEXT_ID, len(self)):
            if not (processor.is_byte(i) or processor.is_control(i) or processor.is_unused(i)):
                yield self.id_to_piece(i), i, processor.get_score(i)

    def fallback_ids(self, character: str) -> list[int]:
        """Return the ids to which a character that no piece contains is encoded.

        They are the ids of its UTF-8 bytes, or, without byte fallback, that of the unknown piece. A placeholder has one
        id.
        """
        if character in PLACEHOLDER_CHARACTERS:
            return [placeholder_id(PLACEHOLDER_CHARACTERS.index(character))]
        ids = [int(self._processor.piece_to_id(f"<0x{byte:02X}>")) for byte in character.encode()]
        return [UNK] if UNK in ids else ids

    def nbest_segmentations(self, text: str, count: int) -> list[tuple[list[int], float]]:
        """Return the most probable segmentations under a unigram model, each as token ids and log-probability."""
        found = self._processor.nbest_encode(text, nbest_size=count, return_type="proto")
        return [([piece.id for piece in each.pieces], each.score) for each in found.nbests]

    def encode(self, text: str) -> TokenizedText:
        """Return the token ids and token spans of a normalised text."""
        mapping = self._processor.encode(text, return_type="offset_mapping")
        return TokenizedText(text, mapping["ids"], mapping["offsets"])

    @cached_property
    def has_capitals(self) -> bool:
        """Whether any piece has a capital letter; if not, the tokenizer was trained on lower-case text."""
        return any(piece != piece.lower() for piece, _, _ in self.text_pieces())

    @cached_property
    def word_continuations(self) -> frozenset[int]:
        """Ids of the pieces that continue the word before them in scripts with spaces between words."""
        pieces = ((self.id_to_piece(i), i) for i in range(FIRST_TEXT_ID, len(self)))
        # A byte piece has a name of several characters; the byte is part of a character that may continue a word.
        return frozenset(i for piece, i in pieces if is_spaced_word_character(piece[0]) or self._processor.is_byte(i))

    def encode_continuation(self, text: str) -> list[int]:
        """Return the token ids of a normalised text that follows other text without a space."""
        tokens = self.encode(_CONTEXT + text)
        return [number for number, (start, _) in zip(tokens.ids, tokens.spans, strict=True) if start > 0]

    def decode_batch(self, id_lists: Sequence[Sequence[int]]) -> list[str]:
        """Return the text of each list of token ids; faster than `decode`, which also returns token spans."""
        texts: list[str] = self._processor.decode([list(ids) for ids in id_lists])
        return texts

    def decode(self, ids: Sequence[int]) -> TokenizedText:
        """Return the text of token ids, with U+FFFD for incomplete characters and spaces for line ends."""
        mapping = self._processor.decode(list(ids), return_type="offset_mapping")
        # Replacing single characters by single characters preserves the offsets.
        text = mapping["text"].replace("\n", " ").replace("\r", " ")
        return TokenizedText(text, mapping["ids"], mapping["offsets"])


@dataclass(frozen=True)
class Tokenizer:
    """Vocabularies of the source and the target language, which are the same object if the vocabulary is shared."""

    source: Vocabulary
    target: Vocabulary

    @property
    def shared(self) -> bool:
        """True if both languages use one vocabulary."""
        return self.source is self.target

    def to_files(self) -> dict[str, bytes]:
        """Return the content of each tokenizer file of a model directory by its name."""
        files = {"tokenizer.model": self.source.serialized}
        if not self.shared:
            files["tokenizer.target.model"] = self.target.serialized
        return files

    @staticmethod
    def from_files(directory: Path, separate_target: bool) -> Tokenizer:
        """Read the files that `to_files` returns; ``separate_target`` is true if the vocabulary is not shared."""
        source = _read_vocabulary(directory / "tokenizer.model")
        target = _read_vocabulary(directory / "tokenizer.target.model") if separate_target else source
        return Tokenizer(source, target)


def train_tokenizer(
    pairs: Callable[[], Iterable[tuple[str, str]]],
    config: TokenizerConfig,
    languages: tuple[LanguageCode, LanguageCode],
) -> Tokenizer:
    """Train a tokenizer on sentence pairs; training on equal text yields byte-identical models.

    ``pairs`` is called once per vocabulary and returns the normalised pairs. Raises CarouselError if the text does not
    allow a vocabulary of the configured size.
    """
    if config.shared:
        shared = _train_vocabulary((text for pair in pairs() for text in pair), config, languages)
        return Tokenizer(shared, shared)
    return Tokenizer(
        _train_vocabulary((source for source, _ in pairs()), config, languages[:1]),
        _train_vocabulary((target for _, target in pairs()), config, languages[1:]),
    )


def train_multilingual_tokenizer(sentences: Sequence[tuple[LanguageCode, str]], config: TokenizerConfig) -> Tokenizer:
    """Train one vocabulary for several languages on normalised sentences, each with its language.

    The characters of the vocabulary are chosen for each language on its own, because a small share of the whole text
    can be a large share of the text in a script with many characters. Errors are those of `train_tokenizer`.
    """
    counts: dict[LanguageCode, Counter[str]] = {}
    for language, sentence in sentences:
        counts.setdefault(language, Counter()).update(sentence)
    characters = {c for language, counter in counts.items() for c in _frequent_characters(counter, language)}
    texts = (sentence for _, sentence in sentences)
    shared = _train_vocabulary(texts, config, list(counts), required_characters=sorted(characters - {" "}))
    return Tokenizer(shared, shared)


def train_verbatim_vocabulary(texts: Iterable[str], config: TokenizerConfig, language: LanguageCode) -> Vocabulary:
    """Train a vocabulary that preserves white space, so that decoding returns the encoded text exactly.

    Raises CarouselError if the text does not allow a vocabulary of the configured size.
    """
    return _train_vocabulary(texts, config, [language], verbatim=True)


def _train_vocabulary(
    texts: Iterable[str], config: TokenizerConfig, languages: Sequence[LanguageCode], verbatim: bool = False,
    required_characters: Sequence[str] = (),
) -> Vocabulary:  # fmt: skip
    """Train a vocabulary with the given characters, or by default with the most frequent characters of the text."""
    minimum = FIRST_TEXT_ID + 256 * config.byte_fallback + 1
    if config.kind == "char" and config.vocab_size < minimum:  # SentencePiece checks the size of the other kinds
        raise _too_small_error(config, minimum)
    # Rare characters of large scripts are encoded as bytes; an alphabet is small enough to be covered completely.
    coverage = _RARE_CHARACTER_COVERAGE if any(map(_has_rare_characters, languages)) else 1.0
    options = {
        "model_type": config.kind,
        "vocab_size": config.vocab_size,
        "byte_fallback": config.byte_fallback,
        "character_coverage": _MIN_COVERAGE if required_characters else coverage,
        **({"required_chars": "".join(required_characters)} if required_characters else {}),
        "normalization_rule_name": "identity",  # the text is normalised already, by nmt.text.normalisation
        "control_symbols": RESERVED_PIECES,
        "pad_id": PAD,
        "unk_id": UNK,
        "bos_id": BOS,
        "eos_id": EOS,
        "max_sentence_length": _MAX_SENTENCE_BYTES,
        "num_threads": 4,  # constant, because the sums of the unigram trainer depend on it
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


def _with_placeholder_characters(serialized: bytes) -> bytes:
    """Return a SentencePiece model whose placeholder pieces are user-defined symbols, named by their characters.

    SentencePiece encodes text to user-defined symbols, and never to control symbols. A model is a protocol buffer:
    field 1 of the message is a piece, of which field 1 is the name, 2 the score and 3 the type.
    """
    for name, character in zip(PLACEHOLDERS, PLACEHOLDER_CHARACTERS, strict=True):
        serialized = serialized.replace(_piece_record(name, _CONTROL), _piece_record(character, _USER_DEFINED), 1)
    return serialized


def _piece_record(name: str, kind: int) -> bytes:
    """Return a serialised piece with score 0, in the encoding of protocol buffers."""
    text = name.encode()
    fields = b"\x0a" + bytes([len(text)]) + text + b"\x15" + bytes(4) + b"\x18" + bytes([kind])
    return b"\x0a" + bytes([len(fields)]) + fields


def _has_rare_characters(language: LanguageCode) -> bool:
    return primary_subtag(language) in _RARE_CHARACTER_LANGUAGES


def _frequent_characters(counts: Counter[str], language: LanguageCode) -> Iterator[str]:
    """Yield the most frequent characters of a language, which cover nearly all of its text."""
    coverage = _MULTILINGUAL_RARE_CHARACTER_COVERAGE if _has_rare_characters(language) else 1.0
    remaining = coverage * counts.total()
    for character, count in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])):
        if remaining <= 0:
            return
        yield character
        remaining -= count


def _training_error(message: str, config: TokenizerConfig) -> CarouselError:
    size = f"tokenizer.vocab_size: {config.vocab_size}"
    too_high = re.search(r"too high.*?<= (\d+)", message)
    too_small = re.search(r"smaller than required_chars.*?(\d+) vs (\d+)", message)
    if too_high:
        return CarouselError(f"{size} is too large for this corpus; set it to at most {too_high[1]}")
    if too_small:
        return _too_small_error(config, int(too_small[2]) + 1)
    if "!sentences_.empty()" in message:
        return CarouselError("data.train: no text is left to train a tokenizer; relax data.filter or add text")
    reason = message.strip().splitlines()[-1] if message.strip() else "no reason given"
    return CarouselError(f"{size}: SentencePiece failed ({reason}); change the tokenizer settings or the corpus")


def _too_small_error(config: TokenizerConfig, minimum: int) -> CarouselError:
    return CarouselError(
        f"tokenizer.vocab_size: {config.vocab_size} is too small for this corpus; set it to at least {minimum}"
    )


def _read_vocabulary(path: Path) -> Vocabulary:
    try:
        return Vocabulary(path.read_bytes(), str(path))
    except OSError as error:
        raise CarouselError(f"{path}: can't be read ({error.strerror}); name a complete model directory") from None
