"""A scheduler with worker threads and a fake model, for tests."""

from __future__ import annotations

import time
from collections.abc import Callable

from fake_translator import FakeTranslator
from serving import wait_until

from nmt.inference.text_options import TextOptions
from nmt.inference.translation import Translation
from nmt.search.options import DecodingOptions
from serve.metrics import Metrics
from serve.models.served_model import ServedModel
from serve.scheduling.jobs import PendingRequest, Sentence
from serve.scheduling.scheduler import Scheduler
from serve.scheduling.throughput import ThroughputEstimate
from serve.workers.thread import WorkerThread

SLOTS, LIMIT, LONG = 4, 100, 60.0


class SchedulerSetup:
    """A scheduler with some workers, and a model."""

    def __init__(self, workers: int = 1, cache_size: int = 0) -> None:
        self.fake = FakeTranslator()
        self.model = ServedModel(self.fake, SLOTS, ThroughputEstimate())
        self.metrics = Metrics()
        self.scheduler = Scheduler(workers, SLOTS, LIMIT, cache_size, self.metrics)
        self.workers = [WorkerThread(number, self.scheduler, SLOTS, self.metrics) for number in range(workers)]
        for worker in self.workers:
            worker.start()

    def submit(
        self,
        *texts: str,
        seconds: float = LONG,
        num_hypotheses: int = 1,
        beam_size: int = 2,
        on_sentence: Callable[[int, Translation], None] | None = None,
        client: str | None = None,
    ) -> PendingRequest:
        options = DecodingOptions(num_hypotheses=num_hypotheses)
        sentences = [self.create_sentence(text, beam_size, options) for text in texts]
        return self.scheduler.submit(sentences, time.monotonic() + seconds, on_sentence, client=client)

    def create_sentence(
        self, text: str, beam_size: int = 2, options: DecodingOptions | None = None, cache_scope: str | None = None
    ) -> Sentence:
        direction = self.model.direction(("en", "fr"))
        return Sentence(text, direction, beam_size, options or DecodingOptions(), TextOptions(), cache_scope)

    def block(self) -> PendingRequest:
        """Keep the only worker in a step with all slots in use, until ``fake.open`` is set."""
        self.fake.open.clear()
        request = self.submit(*["blocking"] * SLOTS)
        wait_until(lambda: len(self.fake.admitted) == 1)
        return request

    def metric(self, name: str) -> float:
        found = [line for line in self.metrics.render().decode().splitlines() if line.startswith(name)]
        return float(found[0].split()[-1])


def wait_for_texts(request: PendingRequest) -> list[str]:
    """Wait for the translations of a request."""
    return [sentence.translation.text for sentence in request.future.result(30)]
