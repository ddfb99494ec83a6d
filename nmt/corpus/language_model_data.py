"""Text in one language: a language model's corpus, as ids in memory, and its parallel streams.

N lines, L pieces in all, B streams, T pieces of a window.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nmt.config.schema import LanguageModelRecipe, TokenizerConfig
from nmt.corpus import tokenizer as tokenizers
from nmt.corpus.arrow_store import Ids, Lengths, RaggedArray, Rows
from nmt.corpus.batching import Batch
from nmt.corpus.data_loader import DataPosition
from nmt.corpus.text_files import read_lines
from nmt.corpus.tokenizer import BOS, EOS, Vocabulary
from nmt.text.normalisation import normalise
from nmt.utils.errors import CarouselError
from nmt.utils.hashing import digest

_CHUNK = 10_000  # lines that are encoded together


class MonolingualCorpus:
    """Lines as ids; to those who read pairs, pairs without a source."""

    def __init__(self, lines: RaggedArray, fingerprint: str) -> None:
        """``fingerprint`` is the hash of all that made the ids."""
        self._lines, self.fingerprint = lines, fingerprint
        self._starts = np.cumsum(lines.lengths, dtype=np.int64) - lines.lengths
        self.target_lengths: Lengths = lines.lengths
        self.source_lengths: Lengths = np.zeros_like(lines.lengths)

    @property
    def sizes(self) -> list[int]:
        """N: all files are one corpus."""
        return [len(self)]

    def __len__(self) -> int:
        return len(self.target_lengths)

    def sources(self, rows: Rows) -> RaggedArray:
        """Nothing, for each of some lines."""
        return RaggedArray.of([[] for _ in rows])

    def targets(self, rows: Rows) -> RaggedArray:
        """The ids of some lines, without begin and end of sentence."""
        spans = zip(self._starts[rows].tolist(), self.target_lengths[rows].tolist(), strict=True)
        return RaggedArray.of([self._lines.values[start : start + length] for start, length in spans])

    def links(self, rows: Rows) -> None:
        """There are none."""

    def joined(self) -> tuple[Ids, Ids]:
        """All lines as one text: what is read [L + N], and what is to be predicted at each place."""
        ends = np.cumsum(self.target_lengths, dtype=np.int64)
        values = self._lines.values
        return np.insert(values, self._starts, BOS), np.insert(values, ends, EOS)


@dataclass(frozen=True)
class LanguageModelData:
    """What training needs of the text."""

    vocabulary: Vocabulary
    verbatim: bool
    """Whether text is read as it stands; else normalised."""
    train: MonolingualCorpus
    dev: list[str]
    test: list[str]


@dataclass(frozen=True)
class LanguageModelLoader:
    """A text in B parallel streams, a window of them at a time: states can be carried from window to window.

    An epoch begins at a place of the text that depends on (seed, epoch) alone, and goes round.
    """

    corpus: MonolingualCorpus
    streams: int
    """B"""
    window: int
    """T; the last one of an epoch may be shorter."""
    seed: int

    @contextmanager
    def batches(self, start: DataPosition) -> Iterator[Iterator[tuple[Batch, DataPosition]]]:
        """See `nmt.corpus.data_loader.BatchLoader.batches`: here they are cut out of the text, which needs no thread."""
        yield self._windows(start)

    def epoch_tokens(self) -> float:
        """Pieces of an epoch, end of sentence counted."""
        return float(self._steps() * self.streams)

    def estimate_batch_tokens(self, start: DataPosition) -> float:
        """Pieces of a batch."""
        return self.epoch_tokens() / -(-self._steps() // self.window)

    def _windows(self, start: DataPosition) -> Iterator[tuple[Batch, DataPosition]]:
        read, wanted = self.corpus.joined()
        steps = self._steps()
        for epoch in itertools.count(start.epoch):
            first = int(np.random.default_rng([self.seed, epoch]).integers(len(read)))
            shape = self.streams, steps
            reads, wants = (np.roll(side, -first)[: self.streams * steps].reshape(shape) for side in (read, wanted))
            for number, begin in enumerate(range(0, steps, self.window), start=1):
                if epoch > start.epoch or number > start.batch:
                    places = slice(begin, begin + self.window)
                    yield window(reads[:, places], wants[:, places], begin == 0), DataPosition(epoch, number)

    def _steps(self) -> int:
        """Pieces of a stream."""
        return (len(self.corpus.target_lengths) + int(self.corpus.target_lengths.sum())) // self.streams


def window(read: Ids, wanted: Ids, reset_state: bool) -> Batch:
    """The batch of ids [B, T] that are read and predicted."""
    rows = len(read)
    return Batch(
        source=np.zeros((rows, 0), np.int64),
        source_lengths=np.zeros(rows, np.int64),
        target_in=read.astype(np.int64),
        target_out=wanted.astype(np.int64),
        reset_state=reset_state,
    )


def prepare_language_model_data(
    recipe: LanguageModelRecipe,
    say: Callable[[str], None] = lambda message: None,
    vocabulary: Vocabulary | None = None,
) -> LanguageModelData:
    """Read and tokenise the text of a recipe.

    Args:
        recipe: names the text and the tokenizer.
        say: is called with each line of progress.
        vocabulary: that of the model which `tokenizer.model` names. Without one, a tokenizer is trained and the text
            is read verbatim; with one, the text is normalised as translators do.

    Raises CarouselError if a file cannot be read or holds no text.
    """
    data = recipe.data
    verbatim = vocabulary is None
    train, dev, test = (
        [line for file in files for line in read_training_lines(Path(file), verbatim)]
        for files in (data.train, [data.dev] if data.dev else [], [data.test] if data.test else [])
    )
    for file, text in ((data.train[0], train), (data.dev, dev), (data.test, test)):
        if file and not any(text):
            raise CarouselError(f"{file}: holds no text; name a file with text in it")
    vocabulary = vocabulary or _train_vocabulary(recipe, train, say)
    chunks = (train[start : start + _CHUNK] for start in range(0, len(train), _CHUNK))
    encoded = [RaggedArray.of(vocabulary.encode_batch(chunk)) for chunk in chunks]
    lines = RaggedArray(*(np.concatenate(parts) for parts in zip(*encoded, strict=True)))
    parts = [hashlib.sha256(vocabulary.serialized).hexdigest(), hashlib.sha256(lines.values.tobytes()).hexdigest(),
             hashlib.sha256(lines.lengths.tobytes()).hexdigest()]  # fmt: skip
    corpus = MonolingualCorpus(lines, digest(*parts))
    say(f"Training text: {len(corpus):,} lines, {int(lines.lengths.sum()):,} pieces of {len(vocabulary):,} kinds")
    return LanguageModelData(vocabulary, verbatim, corpus, dev, test)


def read_training_lines(path: Path, verbatim: bool) -> Iterator[str]:
    """The lines of a text as a model reads it: as they stand, or normalised and without the empty ones."""
    if verbatim:
        return read_lines(path)
    return (line for line in map(normalise, read_lines(path)) if line)


def _train_vocabulary(recipe: LanguageModelRecipe, train: Sequence[str], say: Callable[[str], None]) -> Vocabulary:
    spec = recipe.tokenizer
    assert isinstance(spec, TokenizerConfig), "tokenizer.model needs a vocabulary"
    say(f"Training a {spec.kind} tokenizer of at most {spec.vocab_size:,} pieces")
    return tokenizers.train_verbatim_vocabulary((line for line in train if line), spec, recipe.data.language)
