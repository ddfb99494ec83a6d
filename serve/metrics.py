"""Prometheus metrics of the service."""

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

# Otherwise every counter and histogram is accompanied by a series with its creation time.
disable_created_metrics()  # type: ignore[no-untyped-call]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SECONDS_PER_TOKEN = (1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1)
_TENTHS = tuple(n / 10 for n in range(1, 11))


class Metrics:
    """The metrics of one application. No label takes its values from what clients send."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "nmt_requests_total", "Number of requests answered", ["route", "method", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "nmt_request_seconds", "Time from request to response", ["route"], buckets=_SECONDS, registry=registry
        )
        self.in_flight = Gauge("nmt_requests_in_flight", "Number of requests in progress", registry=registry)
        self.rejected = Counter(
            "nmt_rejected_total", "Number of requests rejected by a limit, by reason", ["reason"], registry=registry
        )
        self.queue_wait_seconds = Histogram(
            "nmt_queue_wait_seconds", "Time that a sentence waits in the queue", buckets=_SECONDS, registry=registry
        )
        self.token_seconds = Histogram(
            "nmt_token_seconds", "Decoding time per target token", buckets=_SECONDS_PER_TOKEN, registry=registry
        )
        self.batch_occupancy = Histogram(
            "nmt_batch_occupancy", "Fraction of slots in use in a decoding step", buckets=_TENTHS, registry=registry
        )
        self.slots_in_use = Gauge("nmt_slots_in_use", "Number of sentences being decoded", registry=registry)
        self.sentences = Counter("nmt_sentences_total", "Number of sentences translated", ["model"], registry=registry)
        self.tokens = Counter(
            "nmt_tokens_total",
            "Number of source tokens read and target tokens written",
            ["direction"],
            registry=registry,
        )
        self.cache = Counter(
            "nmt_cache_total", "Number of sentences looked up in the cache, by result", ["result"], registry=registry
        )
        self.waiting_sentences = Gauge(
            "nmt_waiting_sentences", "Number of sentences waiting in the queue", registry=registry
        )
        self.model_info = Gauge(
            "nmt_model_info", "1 for every model being served", ["source", "target", "checksum"], registry=registry
        )
        self.model_reloads = Counter(
            "nmt_model_reloads_total", "Number of model reloads, by result", ["result"], registry=registry
        )

    def render(self) -> bytes:
        """Return all metrics in Prometheus's text format (``content_type``)."""
        return generate_latest(self._registry)
