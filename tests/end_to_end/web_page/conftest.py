"""Fixtures of the tests of the web page: a real service with the built-in model, and a browser."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from browsing import launch_browser
from processes import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from web_page import WebPage

# The built-in model translates from English into French. The others are the same model under other languages, which
# gives the page something to detect and to swap; what they write is French all the same.
PAIRS = ("en-fr", "fr-en", "en-ar", "ar-en")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not for the session: while Playwright is active, other tests cannot use asyncio.
    with launch_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the service."""
    models = tmp_path_factory.mktemp("models")
    for pair in PAIRS:
        shutil.copytree(ROOT / "data/demo-en-fr/model", models / pair)
        card = models / pair / "config.json"
        source, target = pair.split("-")
        languages = {"source_language": source, "target_language": target}
        card.write_text(json.dumps(json.loads(card.read_text()) | languages))
    command = [sys.executable, "-m", "nmt", "serve", str(models), "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NMT_")}
    environment |= {"NMT_THREADS": "1", "NMT_LOG_LEVEL": "warning", "NMT_INSPECT": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1]
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[WebPage]:
    """The page, ready to translate from English into French."""
    from web_page import open_page

    with open_page(browser, url) as opened:
        opened.choose_languages("en", "fr")
        yield opened
