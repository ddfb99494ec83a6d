"""The operators' routes: who may use them, what they report, reloading and draining."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fake_translator import FakeLoader, FakeTranslator
from serving import RunningServer, run_server, wait_until

from serve.metrics import Metrics

OPERATOR = {"Authorization": "Bearer boss"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@contextmanager
def serve(folder: Path, *served: FakeTranslator | FakeLoader, **settings: object) -> Iterator[RunningServer]:
    file, digests = folder / "keys.yaml", [hashlib.sha256(key).hexdigest() for key in (b"boss", b"guest")]
    file.write_text(
        f"[{{name: boss, sha256: '{digests[0]}', operator: true}}, {{name: guest, sha256: '{digests[1]}'}}]"
    )
    with run_server(*(served or [FakeTranslator("en", "fr")]), api_keys_file=file, **settings) as it:
        yield it


def status(it: RunningServer) -> dict:
    response = it.client.get("/status", headers=OPERATOR)
    assert response.status_code == 200
    return response.json()


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/status"), ("POST", "/status/reload"), ("POST", "/status/drain")]
)
def test_only_operators_are_admitted(tmp_path: Path, method: str, path: str) -> None:
    with serve(tmp_path) as it:
        attempts: list[dict[str, dict[str, str]]] = [
            {}, {"headers": {"Authorization": "Bearer guest"}}, {"headers": {"Authorization": "Bearer wrong"}},
            {"params": {"api_key": "boss"}}, {"headers": {"X-Forwarded-For": "127.0.0.1"}},
        ]  # fmt: skip
        for attempt in attempts:
            response = it.client.request(method, path, **attempt)
            assert response.status_code == 403, attempt
            assert response.json()["error"].startswith("API key: ")
        assert it.translate("hello").status_code == 200
        assert it.client.get("/status", headers={"X-API-Key": "boss"}).status_code == 200


def test_without_an_operator_key_nobody_is_admitted() -> None:
    with run_server(FakeTranslator()) as it:
        response = it.client.get("/status", headers=OPERATOR)
        assert response.status_code == 403
        assert "no operator is configured" in response.json()["error"]


def test_a_browser_gets_a_page_without_data(tmp_path: Path) -> None:
    with serve(tmp_path) as it:
        response = it.client.get("/status", headers=BROWSER)
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert "Accept" in response.headers["vary"]
        assert "require-trusted-types-for 'script'" in response.headers["content-security-policy"]
        assert "fr" not in response.text.split()
        json = it.client.get("/status", headers=OPERATOR)
        assert json.headers["cache-control"] == "no-store"


def test_the_state_counts_what_has_happened(tmp_path: Path) -> None:
    with serve(tmp_path, FakeTranslator("en", "fr"), FakeTranslator("fr", "en"), threads=2, slots=4) as it:
        before = status(it)
        assert (before["state"], before["slots"], before["sentences"], before["latency"]) == ("ready", 8, 0, [])
        assert [model["directions"] for model in before["models"]] == [[["en", "fr"]], [["fr", "en"]]]
        assert {model["loaded"] for model in before["models"]} == {True}
        assert before["workers"] == [{"alive": True, "sentences": 0}] * 2
        assert [it.translate(text).status_code for text in ("a b", "c", "a b", ["a b", "c"])] == [200] * 4
        assert it.translate("a", target="xx").status_code == 400
        after = status(it)
        assert (after["sentences"], after["cache_misses"], after["cache_hits"], after["cached_sentences"]) == (
            2,
            2,
            3,
            2,
        )
        assert after["target_tokens"] > 0
        assert sum(bucket["count"] for bucket in after["latency"]) == 5  # without those for the status
        assert sum(bucket["count"] for bucket in after["batch_occupancy"]) >= 1
        assert sum(bucket["count"] for bucket in after["queue_wait"]) == 2
        assert (after["requests"]["400"], after["waiting_sentences"], after["slots_in_use"]) == (1, 0, 0)


def test_sentences_in_the_queue_and_in_batches_are_shown(tmp_path: Path) -> None:
    fake = FakeTranslator("en", "fr")
    with serve(tmp_path, fake, threads=1, slots=2) as it:
        fake.open.clear()
        answers = it.translate_meanwhile([f"STEPS3 {n}" for n in range(5)])
        wait_until(lambda: status(it)["active_requests"] == 1)
        wait_until(lambda: status(it)["waiting_sentences"] >= 1)
        fake.open.set()
        it.join()
        assert answers[0].status_code == 200


def test_the_models_are_reloaded_in_the_background(tmp_path: Path) -> None:
    loader = FakeLoader(FakeTranslator(checksum="1"), FakeTranslator(checksum="2"))
    with serve(tmp_path, loader) as it:
        assert status(it)["models"][0]["checksum"] == "1"
        response = it.client.post("/status/reload", headers=OPERATOR)
        assert (response.status_code, response.json()) == (202, {"status": "reloading"})
        wait_until(lambda: status(it)["models"][0]["checksum"] == "2")
        wait_until(lambda: status(it)["reloads"] == {"done": 1})
        assert status(it)["reload_error"] is None


def test_a_draining_server_refuses_translations_and_still_reports(tmp_path: Path) -> None:
    with serve(tmp_path) as it:
        assert it.client.post("/status/drain", headers=OPERATOR).json() == {"status": "draining"}
        assert status(it)["state"] == "draining"
        refused: list[httpx.Response] = [it.translate("x"), it.client.get("/ready")]
        refused.append(it.client.post("/status/reload", headers=OPERATOR))
        assert {each.status_code for each in refused} == {503}
        assert it.client.get("/health").status_code == 200


def test_metrics_are_summed_by_label_and_by_bucket() -> None:
    metrics = Metrics()
    for route, seconds in (("/a", 0.004), ("/a", 0.02), ("/b", 0.02), ("/b", 99.0)):
        metrics.request_seconds.labels(route).observe(seconds)
        metrics.requests.labels(route, "GET", 200).inc()
    counted = {bound: count for bound, count in metrics.buckets(metrics.request_seconds) if count}
    assert counted == {0.005: 1, 0.025: 2, float("inf"): 1}
    only_a = {bound: count for bound, count in metrics.buckets(metrics.request_seconds, ["/a"]) if count}
    assert only_a == {0.005: 1, 0.025: 1}
    assert metrics.totals(metrics.requests, "route") == {"/a": 2, "/b": 2}
    assert metrics.totals(metrics.in_flight) == {"": 0}
