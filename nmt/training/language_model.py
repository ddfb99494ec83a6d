"""What is special about training a language model: its batches, its dev score, its bundle."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from nmt.config.schema import LanguageModelRecipe, PretrainedTokenizerConfig
from nmt.corpus.arrow_store import RaggedArray
from nmt.corpus.batching import Batch, collate
from nmt.corpus.data_loader import BatchLoader
from nmt.corpus.language_model_data import (
    LanguageModelData,
    LanguageModelLoader,
    MonolingualCorpus,
    make_window_batch,
    prepare_language_model_data,
)
from nmt.corpus.tokenizer import Vocabulary
from nmt.engine.torch_engine import load_weights
from nmt.model.decoder import DecoderState
from nmt.model.device import to_device
from nmt.model.language_model import LanguageModel, TextBatch
from nmt.model_directory.card import LanguageModelCard
from nmt.model_directory.directory import read_model_directory, write_language_model_directory
from nmt.training.distributed import ALONE, Processes
from nmt.training.model_export import history
from nmt.training.run_directory import RunDirectory
from nmt.training.trainer import Trainer, fingerprint
from nmt.utils.hashing import digest

_BATCH = 64  # lines scored together
_WINDOW = 1000  # pieces of a stream that are scored together


class LanguageModelTrainer(Trainer):
    """A trainer whose batches may go on where the last one ended."""

    network: LanguageModel

    def _examples(self, batch: Batch) -> TextBatch:
        rows = len(batch.target_in)
        state = self.network.initial_state(rows) if batch.reset_state else self._carried
        return passage(batch, state, self.device)


def prepare_language_model_text(recipe: LanguageModelRecipe, say: Callable[[str], None]) -> LanguageModelData:
    """Read and tokenise the text of a recipe, with the tokenizer of another model where the recipe names one."""
    if not isinstance(recipe.tokenizer, PretrainedTokenizerConfig):
        return prepare_language_model_data(recipe, say)
    vocabulary = read_model_directory(Path(recipe.tokenizer.model)).tokenizer.target
    say(f"Tokenizer: that of {recipe.tokenizer.model}")
    return prepare_language_model_data(recipe, say, vocabulary)


def passage(batch: Batch, state: DecoderState, device: torch.device) -> TextBatch:
    """What the network's `loss` is of."""
    ids = batch.target_in, batch.target_out.ravel()[batch.target_positions], batch.target_positions
    pieces, targets, places = (to_device(torch.from_numpy(each), device) for each in ids)
    return TextBatch(pieces, targets, places, state)


def language_model_trainer(
    network: LanguageModel, prepared: LanguageModelData, recipe: LanguageModelRecipe, processes: Processes = ALONE
) -> LanguageModelTrainer:
    """What trains a language model by a recipe; ``network`` is on its device already."""
    training, corpus = recipe.training, prepared.train
    changeless = fingerprint(corpus, [1.0], recipe, training.unroll)
    if training.unroll is None:
        rank, world = processes.rank, processes.world
        loader = BatchLoader(corpus, [1.0], training.batch_tokens, training.seed, rank=rank, world_size=world)
        return LanguageModelTrainer(network, loader, recipe, changeless, processes)
    total = len(corpus) + int(corpus.target_lengths.sum())
    streams = max(min(training.batch_tokens // training.unroll, total // training.unroll), 1)
    feed = LanguageModelLoader(corpus, streams, training.unroll, training.seed)
    return LanguageModelTrainer(network, feed, recipe, changeless, processes)


class TextScore:
    """A text under a language model, scored as it was trained: its state carried on from line to line, or not."""

    def __init__(self, lines: Sequence[str], vocabulary: Vocabulary, carried: bool) -> None:
        self.characters = sum(len(line) + 1 for line in lines)
        """Line ends counted."""
        ids = vocabulary.encode_batch(lines)
        self.pieces = sum(map(len, ids)) + len(ids)
        """End of sentence counted."""
        self.fingerprint = digest(ids, carried)
        self._ids, self._carried = ids, carried

    def loss(self, trainer: Trainer) -> float:
        """Nats a piece."""
        network = trainer.network
        assert isinstance(network, LanguageModel)
        total, state = 0.0, network.initial_state(1)
        with torch.no_grad():
            for batch in self._windows() if self._carried else self._batches():
                before = state if self._carried else network.initial_state(len(batch.target_in))
                loss = trainer.loss_of(passage(batch, before, trainer.device))
                total, state = total + loss.negative_log_likelihood.item(), loss.state
        return total / self.pieces

    def measure(self, trainer: Trainer) -> tuple[float, float]:
        """See `nmt.training.validation.DevSet.measure`: the score is the loss, turned round."""
        loss = self.loss(trainer)
        return loss, -loss

    def score(self, trainer: Trainer) -> float:
        """See `measure`."""
        return self.measure(trainer)[1]

    def metrics(self, loss: float, score: float = 0.0) -> dict[str, float]:
        """What people ask for: perplexity of a piece, and what a character costs."""
        bits = loss * self.pieces / self.characters / math.log(2)
        return {"perplexity": math.exp(min(loss, 100.0)), "bits_per_character": bits}

    def best(self, score: float) -> str:
        """See `nmt.training.validation.DevSet.best`."""
        return f"perplexity {self.metrics(-score)['perplexity']:.2f}"

    def _batches(self) -> Iterator[Batch]:
        order = sorted(self._ids, key=len)
        for start in range(0, len(order), _BATCH):
            lines = order[start : start + _BATCH]
            yield collate(RaggedArray.from_lists([[] for _ in lines]), RaggedArray.from_lists(lines))

    def _windows(self) -> Iterator[Batch]:
        read, wanted = (side[None] for side in MonolingualCorpus(RaggedArray.from_lists(self._ids), "").concatenate())
        for start in range(0, self.pieces, _WINDOW):
            yield make_window_batch(read[:, start : start + _WINDOW], wanted[:, start : start + _WINDOW], start == 0)


class LanguageModelPublisher:
    """Writes the bundle of a run's best weights so far."""

    def __init__(
        self, recipe: LanguageModelRecipe, run: RunDirectory, prepared: LanguageModelData, trainer: Trainer
    ) -> None:
        self._recipe, self._run, self._prepared, self._trainer = recipe, run, prepared, trainer

    def write(self, weights: Path) -> None:
        """Write the bundle of a run that goes on."""
        self._write(weights, {})

    def finish(self, weights: Path, mean_of: Sequence[int], say: Callable[[str], None]) -> dict[str, Any]:
        """Write the final bundle of these weights, scored. Gives set -> metric -> score, signature.

        ``mean_of`` as for `nmt.training.model_export.Publisher.finish`.
        """
        load_weights(self._trainer.network.eval(), weights)
        scores = {}
        carried = self._recipe.training.unroll is not None
        for name, lines in (("dev", self._prepared.dev), ("test", self._prepared.test)):
            if lines:
                say(f"Scoring the best model on the {name} set")
                text = TextScore(lines, self._prepared.vocabulary, carried)
                signature = f"pieces:{text.pieces}|characters:{text.characters}|state:{'carried' if carried else 'new'}"
                found = text.metrics(text.loss(self._trainer))
                scores[name] = {key: {"score": round(value, 4), "signature": signature} for key, value in found.items()}
        self._write(weights, scores, mean_of)
        return scores

    def _write(self, weights: Path, scores: dict[str, Any], mean_of: Sequence[int] = ()) -> None:
        recipe, vocabulary = self._recipe, self._prepared.vocabulary
        card = LanguageModelCard(
            language=recipe.data.language,
            vocabulary=len(vocabulary),
            model=recipe.model,
            carried=recipe.training.unroll is not None,
            verbatim=self._prepared.verbatim,
            training={
                **history(self._trainer, mean_of),
                "training_lines": len(self._prepared.train),
                "recipe": recipe.model_dump(mode="json", exclude={"data": {"train", "dev", "test"}}),
            },
            scores=scores,
        )
        write_language_model_directory(self._run.model, card, vocabulary, weights.read_bytes())
