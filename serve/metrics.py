"""Prometheus metrics of the service."""

from collections.abc import Collection, Iterable, Iterator
from functools import partial

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

# Otherwise every counter and histogram is accompanied by a series with its creation time.
disable_created_metrics()  # type: ignore[no-untyped-call]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SECONDS_PER_TOKEN = (1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1)
_TENTHS = tuple(n / 10 for n in range(1, 11))


class Metrics:
    """The metrics of one application. No label takes its values from what clients send."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        counter, gauge = partial(Counter, registry=self._registry), partial(Gauge, registry=self._registry)
        histogram = partial(Histogram, registry=self._registry)
        self.requests = counter("nmt_requests_total", "Number of requests answered", ["route", "method", "status"])
        self.request_seconds = histogram(
            "nmt_request_seconds", "Time from request to response", ["route"], buckets=_SECONDS
        )
        self.in_flight = gauge("nmt_requests_in_flight", "Number of requests in progress")
        self.rejected = counter("nmt_rejected_total", "Number of requests rejected by a limit, by reason", ["reason"])
        self.queue_wait_seconds = histogram(
            "nmt_queue_wait_seconds", "Time that a sentence waits in the queue", buckets=_SECONDS
        )
        self.token_seconds = histogram(
            "nmt_token_seconds", "Decoding time per target token", buckets=_SECONDS_PER_TOKEN
        )
        self.batch_occupancy = histogram(
            "nmt_batch_occupancy", "Fraction of slots in use in a decoding step", buckets=_TENTHS
        )
        self.slots_in_use = gauge("nmt_slots_in_use", "Number of sentences being decoded")
        self.sentences = counter("nmt_sentences_total", "Number of sentences translated, by direction", ["model"])
        self.tokens = counter(
            "nmt_tokens_total", "Number of source tokens read and target tokens written", ["direction"]
        )
        self.cache = counter("nmt_cache_total", "Number of sentences looked up in the cache, by result", ["result"])
        self.waiting_sentences = gauge("nmt_waiting_sentences", "Number of sentences waiting in the queue")
        self.model_info = gauge(
            "nmt_model_info", "1 for every direction of each served model", ["source", "target", "checksum"]
        )
        self.model_reloads = counter("nmt_model_reloads_total", "Number of model reloads, by result", ["result"])

    @staticmethod
    def totals(metric: Counter | Gauge, label: str | None = None) -> dict[str, float]:
        """Return the values of a metric by the value of a label, or under the empty string without labels."""
        values: dict[str, float] = {}
        for sample in _samples(metric):
            key = sample.labels[label] if label else ""
            values[key] = values.get(key, 0.0) + sample.value
        return values

    @staticmethod
    def buckets(histogram: Histogram, routes: Collection[str] = ()) -> list[tuple[float, int]]:
        """Return the upper bounds of a histogram's buckets and the number of values in each, in ascending order.

        ``routes`` selects values of the label "route"; without them, all values are counted.
        """
        cumulative: dict[float, float] = {}
        for sample in _samples(histogram):
            if sample.name.endswith("_bucket") and (not routes or sample.labels["route"] in routes):
                bound = float(sample.labels["le"])
                cumulative[bound] = cumulative.get(bound, 0.0) + sample.value
        bounds = sorted(cumulative)
        counts = [cumulative[bound] for bound in bounds]
        below = [0.0, *counts]
        return [(bound, int(count - below[n])) for n, (bound, count) in enumerate(zip(bounds, counts, strict=True))]

    def render(self) -> bytes:
        """Return all metrics in Prometheus's text format (``content_type``)."""
        return generate_latest(self._registry)


def _samples(metric: Counter | Gauge | Histogram) -> Iterator[Sample]:
    """Yield the current values of a metric with their labels."""
    families: Iterable[Metric] = metric.collect()
    for family in families:
        yield from family.samples
