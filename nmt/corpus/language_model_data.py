"""Training data of language models: lines of token ids in memory, batched for truncated backpropagation through time.

Array shapes: N lines with L tokens in total; B parallel streams; T tokens per window.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nmt.config.schema import LanguageModelRecipe, TokenizerConfig
from nmt.corpus.arrow_store import RaggedArray
from nmt.corpus.batching import Batch
from nmt.corpus.cache import LogFunction
from nmt.corpus.data_loader import DataPosition
from nmt.corpus.text_files import read_lines
from nmt.corpus.tokenizer import BOS, EOS, Vocabulary, train_verbatim_vocabulary
from nmt.text.normalisation import normalise
from nmt.utils.arrays import Int32Array, IntArray
from nmt.utils.errors import CarouselError
from nmt.utils.hashing import hash_json

_CHUNK_LINES = 10_000  # lines that are tokenised together


class MonolingualCorpus:
    """Lines of token ids of a text in one language, in memory.

    The class implements `nmt.corpus.batching.TokenizedCorpus` with empty sources, so that language models and
    translators share batches and loaders.
    """

    def __init__(self, lines: RaggedArray, fingerprint: str) -> None:
        """Create a corpus; ``fingerprint`` is a hash of all inputs that determine the token ids."""
        self._lines, self.fingerprint = lines, fingerprint
        self._ends = np.cumsum(lines.lengths, dtype=np.int64)
        self._starts = self._ends - lines.lengths
        self.target_lengths: Int32Array = lines.lengths
        self.source_lengths: Int32Array = np.zeros_like(lines.lengths)

    @property
    def corpus_sizes(self) -> list[int]:
        """Number of lines, as a list with one element."""
        return [len(self)]

    def __len__(self) -> int:
        return len(self.target_lengths)

    def source_ids(self, rows: IntArray) -> RaggedArray:
        """Return an empty source sentence for each of the given lines."""
        return RaggedArray.from_lists([[] for _ in rows])

    def target_ids(self, rows: IntArray) -> RaggedArray:
        """Return the token ids of the given lines, without begin and end of sentence."""
        starts, ends = self._starts[rows].tolist(), self._ends[rows].tolist()
        return RaggedArray.from_lists([self._lines.values[i:j] for i, j in zip(starts, ends, strict=True)])

    def alignment_links(self, rows: IntArray) -> None:
        """Return None, because a text in one language has no word alignment."""

    def concatenate(self) -> tuple[Int32Array, Int32Array]:
        """Return all lines as one sequence: the input token ids [L + N] and the token ids to predict [L + N]."""
        return np.insert(self._lines.values, self._starts, BOS), np.insert(self._lines.values, self._ends, EOS)


@dataclass(frozen=True)
class LanguageModelData:
    """Data of a language model: the tokenised training text, and the dev and test text."""

    vocabulary: Vocabulary
    verbatim: bool
    """True if text is used unchanged, false if it is normalised."""
    train: MonolingualCorpus
    dev: list[str]
    test: list[str]


@dataclass(frozen=True)
class LanguageModelLoader:
    """Loader that divides a text into B parallel streams, and whose batches are windows of T tokens of all streams.

    The recurrent state can be carried over from window to window. An epoch starts at an offset in the text that depends
    only on (seed, epoch), and continues at the beginning of the text when it reaches the end.
    """

    corpus: MonolingualCorpus
    num_streams: int
    """Number of parallel streams, B."""
    window_size: int
    """Number of tokens per window, T; the last window of an epoch may be shorter."""
    seed: int

    @contextmanager
    def batches(self, start: DataPosition) -> Iterator[Iterator[tuple[Batch, DataPosition]]]:
        """Yield an iterator over the batches, as `BatchLoader.batches` does, but without a background thread."""
        yield self._cut_windows(start)

    def epoch_tokens(self) -> float:
        """Return the number of tokens per epoch, including end of sentence."""
        return float(self._stream_length() * self.num_streams)

    def estimate_batch_tokens(self, start: DataPosition) -> float:
        """Return the mean number of tokens per batch."""
        return self.epoch_tokens() / -(-self._stream_length() // self.window_size)

    def _cut_windows(self, start: DataPosition) -> Iterator[tuple[Batch, DataPosition]]:
        sequences = self.corpus.concatenate()
        shape = self.num_streams, self._stream_length()
        for epoch in itertools.count(start.epoch):
            offset = int(np.random.default_rng([self.seed, epoch]).integers(len(sequences[0])))
            inputs, outputs = (np.roll(ids, -offset)[: shape[0] * shape[1]].reshape(shape) for ids in sequences)
            for number, begin in enumerate(range(0, shape[1], self.window_size), start=1):
                if epoch > start.epoch or number > start.batch:
                    columns = slice(begin, begin + self.window_size)
                    batch = make_window_batch(inputs[:, columns], outputs[:, columns], reset_state=begin == 0)
                    yield batch, DataPosition(epoch, number)

    def _stream_length(self) -> int:
        return (len(self.corpus.target_lengths) + int(self.corpus.target_lengths.sum())) // self.num_streams


def make_window_batch(inputs: Int32Array, outputs: Int32Array, reset_state: bool) -> Batch:
    """Return the batch of one window, given the input token ids [B, T] and the token ids to predict [B, T]."""
    rows = len(inputs)
    return Batch(
        source=np.zeros((rows, 0), np.int64),
        source_lengths=np.zeros(rows, np.int64),
        target_in=inputs.astype(np.int64),
        target_out=outputs.astype(np.int64),
        reset_state=reset_state,
    )


def prepare_language_model_data(
    recipe: LanguageModelRecipe,
    log: LogFunction = lambda message: None,
    vocabulary: Vocabulary | None = None,
) -> LanguageModelData:
    """Read and tokenise the text of a recipe.

    A given ``vocabulary``, that of the model in `tokenizer.model`, is used with normalised text. Without one, a
    vocabulary is trained on the unchanged text. Raises CarouselError if a file is unreadable or contains no text.
    """
    data = recipe.data
    verbatim = vocabulary is None
    train, dev, test = (
        [line for file in files for line in read_training_lines(Path(file), verbatim)]
        for files in (data.train, [data.dev] if data.dev else [], [data.test] if data.test else [])
    )
    for file, text in ((data.train[0], train), (data.dev, dev), (data.test, test)):
        if file and not any(text):
            raise CarouselError(f"{file}: contains no text; name a file with text")
    vocabulary = vocabulary or _train_vocabulary(recipe, train, log)
    chunks = (train[start : start + _CHUNK_LINES] for start in range(0, len(train), _CHUNK_LINES))
    encoded = [RaggedArray.from_lists(vocabulary.encode_batch(chunk)) for chunk in chunks]
    lines = RaggedArray(*(np.concatenate(parts) for parts in zip(*encoded, strict=True)))
    contents = vocabulary.serialized, lines.values.tobytes(), lines.lengths.tobytes()
    corpus = MonolingualCorpus(lines, hash_json(*(hashlib.sha256(content).hexdigest() for content in contents)))
    log(f"Training text: {len(corpus):,} lines, {int(lines.lengths.sum()):,} tokens, vocabulary {len(vocabulary):,}")
    return LanguageModelData(vocabulary, verbatim, corpus, dev, test)


def read_training_lines(path: Path, verbatim: bool) -> Iterator[str]:
    """Return the lines of a text file: unchanged if ``verbatim`` is true, else normalised and without empty lines."""
    if verbatim:
        return read_lines(path)
    return (line for line in map(normalise, read_lines(path)) if line)


def _train_vocabulary(recipe: LanguageModelRecipe, train: Sequence[str], log: LogFunction) -> Vocabulary:
    config = recipe.tokenizer
    assert isinstance(config, TokenizerConfig), "a recipe with tokenizer.model needs the vocabulary of that model"
    log(f"Training a {config.kind} tokenizer with at most {config.vocab_size:,} pieces")
    return train_verbatim_vocabulary((line for line in train if line), config, recipe.data.language)
