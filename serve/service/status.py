"""The state of the service for operators: models, queue, batches, latency, throughput, cache and workers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import BaseModel

from serve.metrics import Metrics
from serve.models.model_entry import ModelEntry
from serve.models.registry import ModelRegistry
from serve.settings import Settings
from serve.workers.thread import WorkerThread

_TRANSLATING_ROUTES = ("/translate", "/translate/stream", "/translate_file", "/v2/translate")


class ModelStatus(BaseModel):
    """A served model."""

    name: str
    directions: list[tuple[str, str]]
    loaded: bool
    checksum: str | None
    beam_size: int | None


class WorkerStatus(BaseModel):
    """A worker thread of the server, which waits for a decoding thread of each model."""

    alive: bool
    sentences: int


class HistogramBucket(BaseModel):
    """Number of values above the bound of the previous bucket and up to this bound; the last one has no bound."""

    bound: float | None
    count: int


class ServiceStatus(BaseModel):
    """The state of the service. Totals are counted from the start of the server."""

    state: str
    """``loading``, ``ready`` or ``draining``."""
    uptime_seconds: float
    models: list[ModelStatus]
    reloading: bool
    reloads: dict[str, float]
    reload_error: str | None
    active_requests: int
    waiting_sentences: int
    queue_limit: int
    slots_in_use: int
    slots: int
    workers: list[WorkerStatus]
    batch_occupancy: list[HistogramBucket]
    """Fraction of the slots in use, per decoding step."""
    latency: list[HistogramBucket]
    """Seconds from request to response, of the routes that translate."""
    queue_wait: list[HistogramBucket]
    """Seconds that sentences waited in the queue."""
    sentences: int
    source_tokens: int
    target_tokens: int
    cached_sentences: int
    cache_limit: int
    cache_hits: int
    cache_misses: int
    requests: dict[str, float]
    """Requests by status."""
    rejected: dict[str, float]
    """Rejected requests by reason."""


def describe_status(
    settings: Settings,
    metrics: Metrics,
    models: ModelRegistry,
    *,
    uptime: float,
    active: int,
    num_cached: int,
    workers: Sequence[WorkerThread],
    reloading: bool,
    reload_error: str | None,
) -> ServiceStatus:
    """Return the state of the service from its parts and its metrics."""
    tokens, cache = metrics.totals(metrics.tokens, "direction"), metrics.totals(metrics.cache, "result")
    return ServiceStatus(
        state="draining" if models.draining else "ready" if models.ready else "loading",
        uptime_seconds=round(uptime, 1),
        models=[_describe_model(entry) for entry in models.entries],
        reloading=reloading,
        reloads=metrics.totals(metrics.model_reloads, "result"),
        reload_error=reload_error,
        active_requests=active,
        waiting_sentences=int(metrics.totals(metrics.waiting_sentences)[""]),
        queue_limit=settings.queue_limit,
        slots_in_use=int(metrics.totals(metrics.slots_in_use)[""]),
        slots=settings.threads * settings.slots,
        workers=[WorkerStatus(alive=worker.is_alive(), sentences=worker.num_running) for worker in workers],
        batch_occupancy=_describe_buckets(metrics.buckets(metrics.batch_occupancy)),
        latency=_describe_buckets(metrics.buckets(metrics.request_seconds, _TRANSLATING_ROUTES)),
        queue_wait=_describe_buckets(metrics.buckets(metrics.queue_wait_seconds)),
        sentences=int(sum(metrics.totals(metrics.sentences, "model").values())),
        source_tokens=int(tokens.get("source", 0)),
        target_tokens=int(tokens.get("target", 0)),
        cached_sentences=num_cached,
        cache_limit=settings.cache,
        cache_hits=int(cache.get("hit", 0)),
        cache_misses=int(cache.get("miss", 0)),
        requests=metrics.totals(metrics.requests, "status"),
        rejected=metrics.totals(metrics.rejected, "reason"),
    )


def _describe_model(entry: ModelEntry) -> ModelStatus:
    model = entry.model
    return ModelStatus(
        name=entry.name,
        directions=sorted(entry.directions.trained),
        loaded=model is not None,
        checksum=model.checksum if model else None,
        beam_size=model.translator.beam_size if model else None,
    )


def _describe_buckets(buckets: Sequence[tuple[float, int]]) -> list[HistogramBucket]:
    return [HistogramBucket(bound=None if math.isinf(bound) else bound, count=count) for bound, count in buckets]
