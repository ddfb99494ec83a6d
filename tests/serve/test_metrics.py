import socket

from fake_translator import FakeTranslator
from prometheus_client.parser import text_string_to_metric_families
from serving import RunningServer, run_server, wait_until

from serve.metrics import Metrics


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(text)
    return {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}


def value(it: RunningServer, name: str, **labels: str) -> float | None:
    return samples(it.client.get("/metrics").text).get((name, frozenset(labels.items())))


def test_requests_are_counted_by_route():
    with run_server(FakeTranslator()) as it:
        assert it.client.get("/metrics").headers["content-type"].startswith("text/plain; version=")
        for text in ("one", "two"):
            it.translate(text)
        for n in range(5):
            it.client.get(f"/nowhere/{n}")
            it.client.get(f"/docs/assets/{n}")
        it.client.get("/openapi.json")
        it.client.request("PROPFIND", "/health")
        wait_until(lambda: value(it, "nmt_requests_total", route="/health", method="other", status="405") == 1)
        assert value(it, "nmt_requests_total", route="/translate", method="POST", status="200") == 2
        assert value(it, "nmt_requests_total", route="unmatched", method="GET", status="404") == 5
        assert value(it, "nmt_request_seconds_count", route="/translate") == 2
        assert value(it, "nmt_requests_in_flight") == 1  # this request
        routes = {dict(labels).get("route") for _, labels in samples(it.client.get("/metrics").text)}
        described = {"/openapi.json", "/docs/assets/{name}"}
        assert routes == {None, "/translate", "/ready", "/metrics", "/health", "unmatched"} | described


def test_requests_in_flight():
    with run_server(FakeTranslator()) as it:
        it.fake.open.clear()
        it.translate_meanwhile("x")
        wait_until(lambda: it.fake.decoded() == ["x"])
        assert value(it, "nmt_requests_in_flight") == 2
        it.fake.open.set()
        it.join()
        wait_until(lambda: value(it, "nmt_requests_in_flight") == 1)


def test_rejected_requests_are_counted_by_reason():
    with run_server(FakeTranslator(), max_body_bytes=100, request_timeout=0.3, queue_limit=10) as it:
        it.client.post("/translate", content=b"x" * 101)
        it.fake.open.clear()
        assert it.translate("late").status_code == 503
        it.fake.open.set()
        with socket.create_connection(("127.0.0.1", it.port), timeout=30) as connection:
            connection.sendall(b"GET /heal")
            assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")
        for reason in ("body_too_large", "timed_out", "head_too_slow"):
            assert value(it, "nmt_rejected_total", reason=reason) == 1
        assert value(it, "nmt_rejected_total", reason="malformed") is None


def test_names_of_all_metrics():
    metrics = Metrics()
    metrics.requests.labels("/translate", "POST", 200).inc()
    metrics.request_seconds.labels("/translate").observe(0.1)
    metrics.rejected.labels("rate").inc()
    metrics.queue_wait_seconds.observe(0.01)
    metrics.token_seconds.observe(0.0001)
    metrics.batch_occupancy.observe(0.5)
    metrics.sentences.labels("en-fr").inc()
    metrics.tokens.labels("source").inc(7)
    metrics.cache.labels("hit").inc()
    metrics.waiting_sentences.set(3)
    metrics.slots_in_use.set(3)
    metrics.model_info.labels("en", "fr", "abc").set(1)
    metrics.model_reloads.labels("ok").inc()
    names = {name for name, _ in samples(metrics.render().decode())}
    assert {name for name in names if not name.endswith(("_bucket", "_sum"))} == {
        "nmt_requests_total",
        "nmt_request_seconds_count",
        "nmt_requests_in_flight",
        "nmt_rejected_total",
        "nmt_queue_wait_seconds_count",
        "nmt_token_seconds_count",
        "nmt_batch_occupancy_count",
        "nmt_sentences_total",
        "nmt_tokens_total",
        "nmt_cache_total",
        "nmt_waiting_sentences",
        "nmt_slots_in_use",
        "nmt_model_info",
        "nmt_model_reloads_total",
    }
    assert Metrics().render() != metrics.render()
