"""Interfaces between the scheduler, the workers and the model registry, which do not import each other."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from nmt.inference.continuous_batcher import DecodingRequest
    from nmt.inference.text_processor import TextProcessor
    from nmt.search.hypotheses import Hypothesis


class Batcher(Protocol):
    """Continuous batching of requests, as in `nmt.inference.continuous_batcher.ContinuousBatcher`."""

    num_slots: int
    """Number of requests that can be decoded at the same time."""

    def __len__(self) -> int:
        """Return the number of requests in the batch."""

    @property
    def num_free(self) -> int:
        """Number of free slots."""

    def admit(self, requests: Sequence[DecodingRequest]) -> None:
        """Add requests, at most as many as there are free slots. If this raises, none of them was added."""

    def release(self, keys: Iterable[Hashable]) -> None:
        """Remove the requests with the given keys from the batch."""

    def advance(self) -> list[tuple[Hashable, list[Hypothesis]]]:
        """Return the key and hypotheses of each request that has finished since the last call.

        A batcher that raises here cannot be used any more.
        """


class Throughput(Protocol):
    """Estimate of a model's decoding speed."""

    def estimate(self, text: str) -> float:
        """Return the estimated number of seconds that one worker needs to decode a text."""

    def record(self, seconds: float, texts: Iterable[str]) -> None:
        """Update the estimate by a measurement: texts that one worker decoded in ``seconds``."""


class DecodingModel(Protocol):
    """A loaded model, as the workers use it. Sentences of all its directions share a batch."""

    throughput: Throughput
    retired: bool
    """Whether the model was replaced, so that idle batchers can be dropped."""

    def create_batcher(self, worker_number: int, beam_size: int) -> Batcher:
        """Create a batcher for the worker thread with this number."""


class DecodingDirection(Protocol):
    """A direction of a loaded model, as the scheduler uses it."""

    @property
    def model(self) -> DecodingModel:
        """The model."""

    @property
    def name(self) -> str:
        """Label of the direction in metrics."""

    @property
    def cache_key(self) -> Hashable:
        """Identifier of the model's files and the direction; sentences of equal keys have equal translations."""

    @property
    def text_processor(self) -> TextProcessor:
        """Converter of texts to token ids, and of hypotheses to translations."""


class BatchKey(NamedTuple):
    """Model and beam size of a sentence. Sentences with equal keys can share a batch."""

    model: DecodingModel
    beam_size: int

    def __hash__(self) -> int:
        """Hash the model by identity: after a reload, the same directory is another model."""
        return hash((id(self.model), self.beam_size))
