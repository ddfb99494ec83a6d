"""The operators' page in a browser."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api")
from fake_translator import FakeLoader, FakeTranslator
from playwright.sync_api import Browser, Page, expect
from serving import RunningServer, run_server, wait_until
from web_page import violations

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    file = tmp_path / "keys.yaml"
    file.write_text(f"[{{name: boss, sha256: '{hashlib.sha256(b'boss').hexdigest()}', operator: true}}]")
    loader = FakeLoader(FakeTranslator(checksum="first"), FakeTranslator(checksum="second"))
    with run_server(loader, api_keys_file=file) as it:
        yield it


@pytest.fixture
def page(browser: Browser, server: RunningServer) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme="dark")
    context.set_default_timeout(20_000)
    page, problems = context.new_page(), list[str]()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if "Security Policy" in message.text else None)
    page.goto(f"http://127.0.0.1:{server.port}/status")
    yield page
    assert problems == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()


def enter_key(page: Page, key: str) -> None:
    page.fill("#key", key)
    page.keyboard.press("Enter")


def test_a_wrong_key_is_refused(page: Page) -> None:
    expect(page.locator("#key")).to_be_focused()
    enter_key(page, "wrong")
    expect(page.locator("#message")).to_contain_text("API key: unknown")
    assert page.locator("#content").is_hidden()
    assert page.locator("#drain").is_disabled()
    assert violations(page) == []


def test_the_state_is_shown_live(page: Page, server: RunningServer) -> None:
    enter_key(page, "boss")
    expect(page.locator("#state")).to_have_text("Ready")
    expect(page.locator("#models tbody")).to_contain_text("en → fr")
    expect(page.locator("#latency tbody")).to_contain_text("none yet")
    assert server.translate(["a", "b", "a"]).status_code == 200
    expect(page.locator("#totals tbody")).to_contain_text("Sentences3")
    expect(page.locator("#latency tbody tr")).to_have_count(1)
    assert violations(page) == []
    expect(page.locator("#workers tbody tr")).to_have_count(server.service.settings.threads)


def test_reloading_and_draining_need_confirmation(page: Page, server: RunningServer) -> None:
    enter_key(page, "boss")
    expect(page.locator("#models")).to_contain_text("first")
    page.click("#reload")
    page.keyboard.press("Escape")
    page.click("#reload")
    page.click("#confirm button[value=cancel]")
    expect(page.locator("#models")).to_contain_text("first")
    page.click("#reload")
    page.click("#confirm-yes")
    expect(page.locator("#models")).to_contain_text("second")
    expect(page.locator("#totals")).to_contain_text("Reloads: done1")
    page.click("#drain")
    assert violations(page) == []
    page.click("#confirm-yes")
    expect(page.locator("#state")).to_have_text("Draining: refuses requests")
    assert page.locator("#drain").is_disabled()
    wait_until(lambda: server.translate("x").status_code == 503)
