"""Third-party clients from PyPI with a real server process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nmt import Translator

# Installed without dependencies, except for those that the tested parts import: argostranslate alone would install
# another PyTorch.
CLIENTS = ["deepl==1.32.0", "libretranslatepy==2.1.4", "deep-translator==1.11.4", "argostranslate==1.11.0"]
IMPORTED = ["requests", "urllib3", "idna", "charset-normalizer", "certifi"]
IMPORTED += ["beautifulsoup4", "soupsieve", "typing-extensions"]

KEY = "key-of-all-clients"
TEXT = "the dog sees the cat."


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the clients into a directory that only their own processes import from."""
    folder = tmp_path_factory.mktemp("clients")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "0"]
    pip += ["--timeout", "10", "--no-deps", "--target", str(folder)]
    installed = subprocess.run([*pip, *CLIENTS, *IMPORTED], capture_output=True, text=True, check=False)
    if installed.returncode:
        reason = (installed.stderr.strip() or "pip failed").splitlines()[-1]
        pytest.skip(f"the clients cannot be installed from a package index: {reason}")
    return folder


@pytest.fixture(scope="module")
def url(model: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "nmt", "serve", str(model), "--port", "0"]
    settings = {"NMT_API_KEYS": KEY, "NMT_REQUIRE_API_KEY": "true"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **settings}) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1]
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


@pytest.fixture(scope="module")
def translated(model: Path) -> str:
    """The library's translation of the text."""
    return Translator.load(model).translate([TEXT])[0].text


def run_client(name: str, clients: Path, url: str) -> dict[str, Any]:
    """Run a program of this directory as a process, and return the JSON that it prints."""
    program = Path(__file__).with_name(f"{name}_program.py")
    environment = {**os.environ, "PYTHONPATH": str(clients), "NO_PROXY": "127.0.0.1"}
    ran = subprocess.run(
        [sys.executable, str(program), url, KEY, TEXT],
        capture_output=True,
        text=True,
        env=environment,
        cwd=clients,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    result: dict[str, Any] = json.loads(ran.stdout)
    return result


def test_deepl(clients: Path, url: str, translated: str) -> None:
    result = run_client("deepl", clients, url)
    refused = result.pop("refused")
    markup, with_glossary = result.pop("markup"), result.pop("with glossary")
    assert result == {
        "translated": translated,
        "detected": "EN",
        "billed": len(TEXT),
        "several": [translated, translated],
        "made": ["Animals", True, "EN", "FR", 2],
        "kept": True,
        "entries": [{"dog": "cheval", "a cat": "un chat"}, {"cat, the": "le chat"}],
        "listed": ["Animals", "From CSV"],
        "left": [],
        "glossary pairs": [["en", "fr"]],
        "sources": [["EN", "English"]],
        "targets": [["FR", "French", False]],
        "usage": [6 * len(TEXT) + len("<p></p>"), True, False],
    }
    assert markup.startswith("<p>")
    assert markup.endswith("</p>")
    assert "cheval" not in translated
    assert all("cheval" in each for each in with_glossary)
    assert refused["key"][0] == "AuthorizationException"
    assert refused["glossary"][0] == "GlossaryNotFoundException"
    assert "message: Value for 'target_lang' not supported: language 'DE' is not supported" in refused["language"][1]
    assert "message: formality" in refused["formality"][1]


def test_libretranslatepy(clients: Path, url: str, translated: str) -> None:
    result = run_client("libretranslatepy", clients, url)
    assert result["translated"] == result["unknown source"] == translated
    check_detection_and_languages(result)


def test_argostranslate(clients: Path, url: str, translated: str) -> None:
    result = run_client("argostranslate", clients, url)
    assert result["translated"] == translated
    check_detection_and_languages(result)


def check_detection_and_languages(result: dict[str, Any]) -> None:
    best = result["detected"][0]
    assert best["language"] == "en"
    assert 0 < best["confidence"] <= 100
    languages = {language["code"]: language for language in result["languages"]}
    assert languages["en"]["name"] == "English"
    assert "fr" in languages["en"]["targets"]


def test_deep_translator(clients: Path, url: str, translated: str) -> None:
    result = run_client("deep_translator", clients, url)
    assert result.pop("refused")
    assert result == {"translated": translated, "batch": [translated] * 2, "file": translated}
