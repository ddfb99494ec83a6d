"""A trained model in a real server process."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from nmt import Translator


@pytest.fixture(scope="module")
def url(model: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "nmt", "serve", str(model), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("Serving en→fr on http://127.0.0.1:")
            yield line.split()[-1]
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


def test_the_service_translates_like_the_library(url: str, model: Path) -> None:
    texts = ["the dog sees the cat.", "the small king hears the bird."]
    expected = [result.text for result in Translator.load(model).translate(texts)]
    for body in ({"q": texts}, {"q": texts[0]}):
        answer = httpx.post(f"{url}/translate", json={**body, "source": "en", "target": "fr"}).json()
        assert answer["translatedText"] == (expected if isinstance(body["q"], list) else expected[0])


def test_details_and_alternatives(url: str) -> None:
    body = {"q": "the dog sees the cat.", "source": "en", "target": "fr", "alternatives": 2, "details": True}
    answer = httpx.post(f"{url}/translate", json=body).json()
    assert len(answer["alternatives"]) == 2
    assert answer["translatedText"] not in answer["alternatives"]
    fields = {"score", "confidence", "alignment", "pivot", "signals", "terms", "left_untranslated", "memory"}
    assert set(answer["details"]) == fields | {"direction"}
    assert answer["details"]["direction"] == {"kind": "trained", "languages": ["en", "fr"]}


def test_health_readiness_and_languages(url: str) -> None:
    assert httpx.get(f"{url}/health").json() == {"status": "ok"}
    assert httpx.get(f"{url}/ready").status_code == 200
    languages = {language["code"]: language["targets"] for language in httpx.get(f"{url}/languages").json()}
    assert "fr" in languages["en"]


def test_an_unsupported_language_is_400_with_a_message(url: str) -> None:
    answer = httpx.post(f"{url}/translate", json={"q": "hello", "source": "en", "target": "de"})
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}
