"""The route /inspect with a trained model: its answers, limits and errors."""

from __future__ import annotations

import base64
import hashlib
import shutil
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
from fake_translator import FakeTranslator
from serving import RunningServer, run_server, wait_until

from nmt import Translator
from nmt.lab.inspect.sentence import inspect_translation, load_translator
from nmt.model_directory.directory import read_model_directory
from serve.service.inspection import InspectionRequest, InspectionService

TEXT = "the red dog sees the small bird. the king hears the cat."


@contextmanager
def serve_inspection(*directories: Path, **settings: object) -> Iterator[RunningServer]:
    """Serve a fake translator whose sentences are inspected with the model directories."""
    with run_server(FakeTranslator("en", "fr"), inspect=True, **settings) as it:
        it.server.config.app.state.inspection = InspectionService(it.service, directories)  # type: ignore[union-attr]
        yield it


def inspect(it: RunningServer, q: object = TEXT, **others: object) -> httpx.Response:
    return it.client.post("/inspect", json={"q": q, "source": "en", "target": "fr", **others})


def test_the_route_exists_only_on_request() -> None:
    with run_server(FakeTranslator("en", "fr")) as it:
        response = inspect(it)
        assert (response.status_code, response.json()) == (404, {"error": "Not Found"})
        assert it.client.get("/frontend/settings").json()["inspect"] is False
    with serve_inspection() as it:
        assert it.client.get("/frontend/settings").json()["inspect"] is True


def test_the_chosen_sentence_is_inspected_as_it_is_translated(model: Path) -> None:
    translator, loaded = Translator.load(model), load_translator(model, use_shortlist=True)
    with serve_inspection(model) as it:
        for number, sentence in enumerate(TEXT.replace(". ", ".|").split("|")):
            found = inspect(it, sentence=number).json()
            assert (found["text"], found["sentence"], found["sentences"]) == (sentence, number, 2)
            assert found["translation"] == translator.translate(sentence).text
            assert found["languages"] == ["en", "fr"]
            expected = inspect_translation(loaded, sentence)
            arrays = zlib.decompress(base64.b64decode(found["arrays"]))
            weights = expected.attention[0]
            start = found["attention"][0]["start"]
            stored = np.frombuffer(arrays, dtype=np.uint8, count=weights.size, offset=start).reshape(weights.shape)
            np.testing.assert_allclose(stored / 255, weights, atol=0.003)
            assert found["source"] == expected.source_pieces
            assert expected.tree is not None
            assert found["tree"]["parents"] == expected.tree.parents.tolist()
        form = it.client.post("/inspect", data={"q": TEXT, "source": "auto", "target": "FR", "sentence": "1"})
        assert form.json()["text"] == "the king hears the cat."


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"q": None}, "q: "),
        ({"q": ["a"]}, "q: "),
        ({"q": " "}, "q: contains nothing to translate"),
        ({"q": "dog " * 121}, "q: has "),
        ({"q": "x" * 10_001}, "a text of 10001 characters is too long"),
        ({"sentence": 2}, "sentence: 2 is too large; the text has 2 sentences"),
        ({"sentence": -1}, "sentence: "),
        ({"source": "fr"}, "target: is the language of the text"),
        ({"target": "de"}, "language 'de' is not supported"),
        ({"target": None}, "target: "),
    ],
)
def test_invalid_requests_are_refused(model: Path, parameters: dict[str, object], message: str) -> None:
    with serve_inspection(model) as it:
        response = inspect(it, **parameters)
        assert response.status_code == 400, response.text
        assert response.json()["error"].startswith(message)


def test_a_pair_with_a_pivot_language_is_refused(model: Path) -> None:
    with run_server(FakeTranslator("de", "en"), FakeTranslator("en", "fr"), inspect=True) as it:
        response = inspect(it, source="de", target="fr")
        assert response.json() == {"error": "target: reached in two steps; inspect de→en and en→fr separately"}


def test_keys_and_rate_limits_apply(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    digest = hashlib.sha256(b"secret").hexdigest()
    file.write_text(f"[{{name: x, sha256: '{digest}', requests_per_minute: 3, character_limit: {2 * len(TEXT)}}}]")
    with serve_inspection(model, api_keys_file=file, require_api_key=True) as it:
        assert inspect(it).status_code == inspect(it, api_key="wrong").status_code == 403
        assert [inspect(it, api_key="secret").status_code for _ in range(2)] == [200, 200]
        assert "limit of" in inspect(it, api_key="secret").json()["error"]
        last = inspect(it, api_key="secret")
        assert (last.status_code, "Retry-After" in last.headers) == (429, True)


def test_the_event_loop_is_not_blocked_and_the_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    opened, started = threading.Event(), threading.Event()

    def block(self: InspectionService, request: InspectionRequest, pair: tuple[str, str]) -> bytes:
        started.set()
        assert opened.wait(20)
        return b"{}"

    monkeypatch.setattr(InspectionService, "_inspect", block)
    with serve_inspection() as it, ThreadPoolExecutor(8) as clients:
        pending = [clients.submit(inspect, it) for _ in range(8)]
        assert started.wait(10)
        wait_until(lambda: it.service.active == 8)
        assert it.client.get("/health").status_code == 200
        assert it.translate("hello").status_code == 200
        refused = inspect(it)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        opened.set()
        assert {each.result().status_code for each in pending} == {200}


def test_a_slow_inspection_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = threading.Event()
    monkeypatch.setattr(InspectionService, "_inspect", lambda *_: opened.wait(20) and b"{}")
    with serve_inspection(request_timeout=0.3) as it:
        assert inspect(it).status_code == 503
        opened.set()


def test_a_replaced_model_directory_is_read_again(model: Path, tmp_path: Path) -> None:
    from nmt.engine.onnx.export import export_model

    served = tmp_path / "served"
    shutil.copytree(model, served)
    with serve_inspection(served) as it:
        before = inspect(it).json()
        shutil.rmtree(served)
        export_model(read_model_directory(model), served, "int8", include_shortlist=False)
        after = inspect(it).json()
        assert after["translation"] == before["translation"]
        assert after["arrays"] != before["arrays"]
        (served / "tokenizer.model").write_bytes(b"damaged")
        (served / "config.json").write_bytes((served / "config.json").read_bytes() + b" ")
        damaged = inspect(it)
        assert damaged.status_code == 503
        assert damaged.json() == {"error": "the model for en→fr cannot be inspected"}
