"""Training task of language models, with their dev set."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nmt.config.schema import LanguageModelRecipe, PretrainedTokenizerConfig
from nmt.corpus.arrow_store import RaggedArray
from nmt.corpus.batching import Batch, collate_batch
from nmt.corpus.cache import LogFunction
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
from nmt.model.language_model import LanguageModel, TextBatch, build_language_model
from nmt.model_directory.card import LanguageModelCard
from nmt.model_directory.directory import read_model_directory, write_language_model_directory
from nmt.training.reports import TrainingSummary
from nmt.training.run_directory import RunDirectory
from nmt.training.tasks import Evaluator, TrainingTask, Validation
from nmt.utils.errors import CarouselError
from nmt.utils.hashing import hash_json

_BATCH_SIZE = 64  # number of lines scored together
_WINDOW_SIZE = 1000  # number of tokens of running text scored together


class LanguageModelTask(TrainingTask):
    """Training of a language model, on single lines or on running text, where the state is carried over line ends."""

    recipe: LanguageModelRecipe
    _data: LanguageModelData

    def __init__(self, recipe: LanguageModelRecipe, world_size: int = 1) -> None:
        """Create the task of a recipe for training in ``world_size`` processes.

        Raises CarouselError if the recipe can't be trained in several processes.
        """
        if recipe.training.unroll and world_size > 1:
            raise CarouselError("training.unroll: running text is read by one process; start it without torchrun")
        self.recipe = recipe
        self._carries_state = recipe.training.unroll is not None

    def prepare(self, log: LogFunction) -> None:
        """Read and tokenize the text, with the tokenizer of another model if the recipe names one."""
        vocabulary = None
        if isinstance(self.recipe.tokenizer, PretrainedTokenizerConfig):
            vocabulary = read_model_directory(Path(self.recipe.tokenizer.model)).tokenizer.target
            log(f"Tokenizer: from {self.recipe.tokenizer.model}")
        self._data = prepare_language_model_data(self.recipe, log, vocabulary)
        if self._data.dev:
            self.dev_set = LanguageModelDevSet(self._data.dev, self._data.vocabulary, self._carries_state)

    def build_network(self) -> LanguageModel:
        """Return the network with newly initialised weights."""
        return build_language_model(self.recipe.model, len(self._data.vocabulary), self.recipe.training.seed)

    def create_loader(self, rank: int, world_size: int) -> BatchLoader | LanguageModelLoader:
        """Return a loader of the training batches of one process."""
        training, corpus = self.recipe.training, self._data.train
        if training.unroll is None:
            return BatchLoader(corpus, [1.0], training.batch_tokens, training.seed, rank=rank, world_size=world_size)
        tokens = len(corpus) + int(corpus.target_lengths.sum())
        streams = max(min(training.batch_tokens // training.unroll, tokens // training.unroll), 1)
        return LanguageModelLoader(corpus, streams, training.unroll, training.seed)

    def make_network_inputs(self, network: LanguageModel, batch: Batch, state: DecoderState) -> TextBatch:
        """Convert a batch to tensors on the device of the network; running text continues from ``state``."""
        return make_text_batch(network, batch, state)

    @property
    def fingerprint(self) -> str:
        """Hash of the data and settings in which a checkpoint and the run that resumes from it must agree."""
        return self._hash_settings(self._data.train, [1.0], self.recipe.training.unroll)

    def export(self, path: Path, weights_file: Path, summary: TrainingSummary) -> None:
        """Write a model directory with weights and tokenizer, without scores."""
        self._write_model(path, weights_file, summary, {})

    def export_with_scores(
        self, run: RunDirectory, weights_file: Path, summary: TrainingSummary, evaluator: Evaluator, log: LogFunction
    ) -> dict[str, Any]:
        """Score the model on dev and test set, and write the final model directory."""
        load_weights(evaluator.network.eval(), weights_file)
        scores = {}
        for name, lines in (("dev", self._data.dev), ("test", self._data.test)):
            if lines:
                log(f"Scoring the best model on the {name} set")
                text = LanguageModelDevSet(lines, self._data.vocabulary, self._carries_state)
                state = "carried" if self._carries_state else "new"
                signature = f"pieces:{text.tokens}|characters:{text.characters}|state:{state}"
                metrics = text.build_metrics(text.compute_loss(evaluator))
                scores[name] = {key: {"score": round(v, 4), "signature": signature} for key, v in metrics.items()}
        self._write_model(run.model, weights_file, summary, scores)
        return scores

    def write_report(self, run: RunDirectory, summary: TrainingSummary, reason: str, log: LogFunction) -> None:
        """Do nothing, because language models have no report."""

    def _write_model(self, path: Path, weights_file: Path, summary: TrainingSummary, scores: dict[str, Any]) -> None:
        """Write a model directory with weights, tokenizer and model card."""
        recipe, data = self.recipe, self._data
        card = LanguageModelCard(
            language=recipe.data.language,
            vocabulary=len(data.vocabulary),
            model=recipe.model,
            carried=self._carries_state,
            verbatim=data.verbatim,
            training={
                **summary.history,
                "training_lines": len(data.train),
                "recipe": recipe.model_dump(mode="json", exclude={"data": {"train", "dev", "test"}}),
            },
            scores=scores,
        )
        write_language_model_directory(path, card, data.vocabulary, weights_file.read_bytes())


class LanguageModelDevSet:
    """Lines of text on which a language model is validated; the state is carried over line ends as in training."""

    def __init__(self, lines: Sequence[str], vocabulary: Vocabulary, carries_state: bool) -> None:
        self.characters = sum(len(line) + 1 for line in lines)
        """Number of characters, including line ends."""
        ids = vocabulary.encode_batch(lines)
        self.tokens = sum(map(len, ids)) + len(ids)
        """Number of tokens, including an end of sentence per line."""
        self.fingerprint = hash_json(ids, carries_state)
        self._ids, self._carries_state = ids, carries_state

    def compute_loss(self, evaluator: Evaluator) -> float:
        """Return the negative log-likelihood of the lines, in nats per token."""
        total, state = 0.0, DecoderState()
        with torch.no_grad():
            for batch in self._make_windows() if self._carries_state else self._make_batches():
                loss = evaluator.compute_loss(make_text_batch(evaluator.network, batch, state))
                total, state = total + loss.negative_log_likelihood.item(), loss.state
        return total / self.tokens

    def evaluate(self, evaluator: Evaluator) -> Validation:
        """Return the loss, in nats per token, the score, which is the negative loss, and further metrics."""
        loss = self.compute_loss(evaluator)
        return Validation(loss, -loss, self.build_metrics(loss))

    def compute_score(self, evaluator: Evaluator) -> float:
        """Return the negative loss."""
        return -self.compute_loss(evaluator)

    def build_metrics(self, loss: float) -> dict[str, float]:
        """Return the perplexity per token and the bits per character."""
        bits = loss * self.tokens / self.characters / math.log(2)
        return {"perplexity": math.exp(min(loss, 100.0)), "bits_per_character": bits}

    def format_score(self, score: float) -> str:
        """Format a score as perplexity, for example ``perplexity 57.76``."""
        return f"perplexity {self.build_metrics(-score)['perplexity']:.2f}"

    def _make_batches(self) -> Iterator[Batch]:
        """Yield batches of lines of similar length."""
        order = sorted(self._ids, key=len)
        for start in range(0, len(order), _BATCH_SIZE):
            lines = order[start : start + _BATCH_SIZE]
            yield collate_batch(RaggedArray.from_lists([[] for _ in lines]), RaggedArray.from_lists(lines))

    def _make_windows(self) -> Iterator[Batch]:
        """Yield batches of a single window each, which together cover the lines as one running text."""
        corpus = MonolingualCorpus(RaggedArray.from_lists(self._ids), "")
        inputs, targets = (side[None] for side in corpus.concatenate())
        for start in range(0, self.tokens, _WINDOW_SIZE):
            window = np.s_[:, start : start + _WINDOW_SIZE]
            yield make_window_batch(inputs[window], targets[window], start == 0)


def make_text_batch(network: LanguageModel, batch: Batch, state: DecoderState) -> TextBatch:
    """Return a batch as tensors on the network's device; it continues from ``state`` unless it resets the state."""
    positions = batch.target_indices
    arrays = batch.target_in, batch.target_out.ravel()[positions], positions
    tokens, targets, places = (to_device(torch.from_numpy(array), network.output.device) for array in arrays)
    return TextBatch(tokens, targets, places, network.initial_state(len(tokens)) if batch.reset_state else state)
