"""What the service counts and measures, for Prometheus to fetch."""

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

# Without this every series has a twin that says when it began.
disable_created_metrics()  # type: ignore[no-untyped-call]

_WAITS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_TOKEN_TIMES = (1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1)
_TENTHS = tuple(n / 10 for n in range(1, 11))


class Metrics:
    """The metrics of one application. Labels take few values: never what a client makes up."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "nmt_requests_total", "Requests answered", ["route", "method", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "nmt_request_seconds", "Time to answer a request", ["route"], buckets=_WAITS, registry=registry
        )
        self.in_flight = Gauge("nmt_requests_in_flight", "Requests being answered", registry=registry)
        self.rejected = Counter(
            "nmt_rejected_total", "Requests turned away, whatever they asked", ["reason"], registry=registry
        )
        self.queue_wait_seconds = Histogram(
            "nmt_queue_wait_seconds", "Time that a sentence waits for its turn", buckets=_WAITS, registry=registry
        )
        self.token_seconds = Histogram(
            "nmt_token_seconds", "Decoding time of a target token", buckets=_TOKEN_TIMES, registry=registry
        )
        self.batch_occupancy = Histogram(
            "nmt_batch_occupancy", "Share of a step's places that are in use", buckets=_TENTHS, registry=registry
        )
        self.slots_in_use = Gauge("nmt_slots_in_use", "Sentences that are being decoded", registry=registry)
        self.sentences = Counter("nmt_sentences_total", "Sentences translated", ["model"], registry=registry)
        self.tokens = Counter("nmt_tokens_total", "Tokens read and written", ["direction"], registry=registry)
        self.cache = Counter("nmt_cache_total", "Sentences looked up in the cache", ["result"], registry=registry)
        self.waiting_sentences = Gauge("nmt_waiting_sentences", "Sentences that wait", registry=registry)
        self.model_info = Gauge(
            "nmt_model_info", "1 for each served model", ["source", "target", "checksum"], registry=registry
        )
        self.model_reloads = Counter(
            "nmt_model_reloads_total", "Models loaded again while serving", ["result"], registry=registry
        )

    def render(self) -> bytes:
        """All of it as Prometheus reads it (``content_type``)."""
        return generate_latest(self._registry)
