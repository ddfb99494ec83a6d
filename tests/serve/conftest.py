"""Fixtures of the service's tests: real servers with fake translators."""

import os
from collections.abc import Iterator

import pytest
from fake_translator import FakeTranslator
from serving import RunningServer, run_server


@pytest.fixture(autouse=True)
def _no_settings_from_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("NMT_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def server() -> Iterator[RunningServer]:
    """A server with one model, en→fr, and the default limits. Tests do not change its state."""
    with run_server(FakeTranslator()) as it:
        yield it


@pytest.fixture(scope="session")
def multilingual_server() -> Iterator[RunningServer]:
    """A server with three models, two source languages, and no French→Portuguese."""
    with run_server(FakeTranslator("en", "fr"), FakeTranslator("fr", "en"), FakeTranslator("en", "pt-BR")) as it:
        yield it
