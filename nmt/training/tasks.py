"""Interface of training tasks, which covers all differences between training a translator and a language model.

`nmt.training.translation_task` and `nmt.training.language_model_task` implement the interface; the trainer and the
training loop work with any task.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from nmt.config.schema import LanguageModelRecipe, TranslatorRecipe
from nmt.corpus.batching import Batch, TokenizedCorpus
from nmt.corpus.cache import LogFunction
from nmt.corpus.data_loader import BatchLoader
from nmt.corpus.language_model_data import LanguageModelLoader
from nmt.model.decoder import DecoderState
from nmt.model.language_model import LanguageModel
from nmt.model.seq2seq import Loss, Seq2Seq
from nmt.model_directory.card import ParentModel
from nmt.training.reports import TrainingSummary
from nmt.training.run_directory import RunDirectory
from nmt.utils.hashing import hash_json

Network = Seq2Seq | LanguageModel
"""Network that can be trained."""

METRIC_NAMES = {"bleu": "BLEU", "exact": "exact match", "bits_per_character": "bits per character"}
"""Names of metrics in messages by key in ``metrics.jsonl``; other metrics are named by their key."""


class Evaluator(Protocol):
    """Network under training with its loss, which is the part of the trainer that validation uses."""

    network: Any

    def compute_loss(self, inputs: Any) -> Loss:
        """Return the loss of a batch, summed over target tokens, without label smoothing."""


class Validation(NamedTuple):
    """Result of a validation."""

    loss: float
    """Negative log-likelihood, in nats per target token."""
    score: float
    """Score that selects the best weights; higher is better."""
    metrics: dict[str, Any]
    """Metrics for ``metrics.jsonl`` in addition to the loss; a dictionary has a value per translation direction."""


class DevSet(Protocol):
    """Held-out data on which the weights are validated during training (development set)."""

    @property
    def fingerprint(self) -> str:
        """Hash of the content; scores are comparable only if it is equal."""

    def evaluate(self, evaluator: Evaluator) -> Validation:
        """Return the loss, the score and further metrics."""

    def compute_score(self, evaluator: Evaluator) -> float:
        """Return the score that selects the best weights; higher is better."""

    def format_score(self, score: float) -> str:
        """Format a score for messages."""


class TrainingTask(ABC):
    """Training of one kind of model by a recipe: data, network, inputs of the loss, dev set and export.

    `prepare` must be called before the other methods; it sets ``dev_set`` if the recipe names a dev set.
    """

    recipe: TranslatorRecipe | LanguageModelRecipe
    dev_set: DevSet | None = None
    parent: ParentModel | None = None
    """Model that is fine-tuned; None for training from scratch."""
    has_unused_parameters = False
    """True if some parameters get no gradient, which `DistributedDataParallel` requires to be declared."""

    @abstractmethod
    def prepare(self, log: LogFunction) -> None:
        """Read and tokenize the data. Raises CarouselError if the data is invalid."""

    @abstractmethod
    def build_network(self) -> Network:
        """Return the network with its initial weights."""

    @abstractmethod
    def create_loader(self, rank: int, world_size: int) -> BatchLoader | LanguageModelLoader:
        """Return a loader of the training batches of one process."""

    @abstractmethod
    def make_network_inputs(self, network: Any, batch: Batch, state: DecoderState) -> Any:
        """Convert a batch to the argument of the network's ``loss`` method, on the network's device.

        ``state`` is the state after the previous batch, from which a batch of running text continues.
        """

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Hash of the data and settings in which a checkpoint and the run that resumes from it must agree."""

    @abstractmethod
    def export(self, path: Path, weights_file: Path, summary: TrainingSummary) -> None:
        """Write a model directory with the weights in ``weights_file``, without scores."""

    @abstractmethod
    def export_with_scores(
        self, run: RunDirectory, weights_file: Path, summary: TrainingSummary, evaluator: Evaluator, log: LogFunction
    ) -> dict[str, Any]:
        """Score the final model on dev and test set, and write the model directory and the report.

        Returns, by data set and metric, a dictionary with "score", "signature" and further values.
        """

    @abstractmethod
    def write_report(self, run: RunDirectory, summary: TrainingSummary, reason: str, log: LogFunction) -> None:
        """Write the report of a run that ends early for a reason, if this kind of model has a report."""

    def _hash_settings(self, corpus: TokenizedCorpus, weights: Sequence[float], *more: Any) -> str:
        """Return the hash of the data and of the settings on which the weights depend.

        Durations and intervals, such as ``max_updates``, are not included.
        """
        training, model = self.recipe.training, self.recipe.model.model_dump()
        settings = training.seed, training.batch_tokens, training.accumulate
        return hash_json(corpus.fingerprint, weights, model, *settings, *more)
