import base64
import hashlib
import re
import threading

import httpx
from fake_translator import FakeTranslator
from serving import RunningServer, run_server, wait_until


def test_health(server: RunningServer):
    calls = len(server.fake.admitted)
    answer = server.client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert len(server.fake.admitted) == calls


def test_ready(server: RunningServer):
    assert server.client.get("/ready").status_code == 200


def test_the_server_is_ready_only_after_the_models_are_warmed_up():
    fake = FakeTranslator()
    fake.open.clear()
    with run_server(FakeTranslator("fr", "en"), fake, ready=False) as it:
        wait_until(lambda: fake.batchers)
        assert it.client.get("/health").json() == {"status": "ok"}
        for answer in (it.client.get("/ready"), it.client.get("/languages"), it.translate("x")):
            assert answer.status_code == 503
            assert answer.json() == {"error": "the models are still loading"}
            assert int(answer.headers["retry-after"]) > 0
        fake.open.set()
        wait_until(lambda: it.client.get("/ready").status_code == 200)
        assert it.translate("x").json() == {"translatedText": "[x]"}


def test_the_openapi_description_has_all_routes(server: RunningServer):
    description = server.client.get("/openapi.json").json()
    assert {"/translate", "/languages", "/health", "/ready"} <= set(description["paths"])
    body = description["paths"]["/translate"]["post"]["requestBody"]["content"]
    assert set(body) == {"application/json", "application/x-www-form-urlencoded"}
    assert body["application/json"]["schema"]["required"] == ["q", "source", "target"]


def test_swagger_ui_works_offline(server: RunningServer):
    page = server.client.get("/docs")
    assert "text/html" in page.headers["content-type"]
    urls = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(urls) == 3
    for path in urls:
        assert server.client.get(f"/{path}").status_code == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    (script,) = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    assert "'openapi.json'" in script
    assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy
    assert server.client.get("/redoc").status_code == 404


def test_health_answers_while_many_translations_wait():
    with run_server(FakeTranslator()) as it:
        it.fake.open.clear()
        for n in range(10):
            it.translate_meanwhile(f"text {n}")
        wait_until(lambda: it.server.config.app.state.service.active == 10)
        assert it.client.get("/health").elapsed.total_seconds() < 1
        assert it.client.get("/ready").status_code == 200


def test_no_server_header(server: RunningServer):
    assert "server" not in server.client.get("/health").headers


def test_keep_alive(server: RunningServer):
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", trust_env=False) as client:
        assert [client.get("/health").status_code for _ in range(3)] == [200] * 3
    assert threading.active_count() < 40
