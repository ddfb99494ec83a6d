"""The interface of a training task: everything in which training a translator and a language model differ.

`nmt.training.translation_task` and `nmt.training.language_model_task` implement it; the trainer and the training loop
work with any task.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

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

METRIC_NAMES = {"bleu": "BLEU", "exact": "exact match", "bits_per_character": "bits per character"}
"""Names of metrics in messages, if they differ from the key in ``metrics.jsonl``."""


class Evaluator(Protocol):
    """The network under training and its loss, as validation needs them."""

    network: Any

    def compute_loss(self, inputs: Any) -> Loss:
        """Return the summed loss without smoothing, in the precision of the run."""


class DevSet(Protocol):
    """Development set: held-out data on which the weights are validated during training."""

    @property
    def fingerprint(self) -> str:
        """Hash of the content: scores on different sets are not comparable."""

    def evaluate(self, evaluator: Evaluator) -> tuple[float, float]:
        """Return the loss, in nats per target token, and the score."""

    def score(self, evaluator: Evaluator) -> float:
        """Return the score that selects the best weights; higher is better."""

    def metrics(self, loss: float, score: float) -> dict[str, float]:
        """Return the values for ``metrics.jsonl`` in addition to the loss."""

    def format_score(self, score: float) -> str:
        """Return a score as text for messages."""


class TrainingTask(ABC):
    """A kind of model to train: its data, network, loss, validation score and export.

    Call `prepare` first. It sets ``dev_set`` if the recipe names one.
    """

    recipe: TranslatorRecipe | LanguageModelRecipe
    dev_set: DevSet | None = None
    parent: ParentModel | None = None
    """The model that is fine-tuned; None for training from scratch."""
    has_unused_parameters = False
    """True if some parameters get no gradient, which is an option of `DistributedDataParallel`."""

    @abstractmethod
    def prepare(self, log: LogFunction) -> None:
        """Read and tokenise the data. Raises CarouselError for mistakes in it."""

    @abstractmethod
    def build_network(self) -> Network:
        """Return the network with its initial weights."""

    @abstractmethod
    def loader(self, rank: int, world_size: int) -> BatchLoader | LanguageModelLoader:
        """Return the source of the batches of one process."""

    @abstractmethod
    def network_inputs(self, network: Any, batch: Batch, state: DecoderState) -> Any:
        """Convert a batch to the argument of the network's ``loss``, on its device.

        ``state`` is the state after the batch before, which a batch of running text continues.
        """

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Hash of everything that a resumed run must have in common with its checkpoint."""

    @abstractmethod
    def export(self, path: Path, weights: Path, summary: TrainingSummary) -> None:
        """Write a model directory of these weights, without scores."""

    @abstractmethod
    def export_scored(
        self, run: RunDirectory, weights: Path, summary: TrainingSummary, evaluator: Evaluator, log: LogFunction
    ) -> dict[str, Any]:
        """Write the final model directory, scored on the dev and test set, and the report.

        Returns the scores by set and metric: score and signature, and further values.
        """

    @abstractmethod
    def write_report(self, run: RunDirectory, summary: TrainingSummary, reason: str, log: LogFunction) -> None:
        """Write the report of a run that ends early for the given reason, if this kind of model has a report."""

    def _hash_settings(self, corpus: TokenizedCorpus, weights: Sequence[float], *more: Any) -> str:
        """Return the hash of the data and of the settings that weights depend on, not of durations and intervals."""
        training, model = self.recipe.training, self.recipe.model.model_dump()
        settings = training.seed, training.batch_tokens, training.accumulate
        return hash_json(corpus.fingerprint, weights, model, *settings, *more)
