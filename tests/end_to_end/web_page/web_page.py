"""The web page in a browser, as its tests use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import axe_playwright_python
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect

TEXT = "The black cat sleeps."
TRANSLATION = "Le chat noir dort."
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}


AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")


def violations(page: Page) -> list[str]:
    """Return what axe-core finds, including its best practices."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [f"{each['id']}: {[node['html'] for node in each['nodes']]}" for each in found["violations"]]


class WebPage:
    """An open page. What must not happen on it is collected in ``problems``."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.problems: list[str] = []
        self.requests: list[Request] = []
        page.on("pageerror", lambda error: self.problems.append(f"exception: {error}"))
        page.on("console", self._record_message)
        page.on("request", self._record_request)
        page.on("dialog", lambda dialog: self.problems.append(f"dialog: {dialog.message}"))

    def _record_message(self, message: ConsoleMessage) -> None:
        # The browser reports every response with an error status and every lost connection.
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            self.problems.append(f"console: {message.text}")

    def _record_request(self, request: Request) -> None:
        self.requests.append(request)
        if urlsplit(request.url).netloc != urlsplit(self.url).netloc and not request.url.startswith("blob:"):
            self.problems.append(f"third-party request: {request.url}")

    def open(self, fragment: str = "") -> None:
        self.page.goto(f"{self.url}/{fragment}")
        expect(self.page.locator("html[data-ready]")).to_be_attached(timeout=20_000)

    def find(self, selector: str) -> Locator:
        return self.page.locator(selector)

    def choose_languages(self, source: str, target: str) -> None:
        self.page.select_option("#source-language", source)
        self.page.select_option("#target-language", target)

    def enter(self, text: str) -> None:
        self.page.fill("#source", text)

    def translate(self, text: str = TEXT, translation: str | None = None) -> str:
        """Enter a text, wait until it is translated, and return the translation."""
        with self.page.expect_request("**/translate/stream"):
            self.enter(text)
        expect(self.find("#translation")).to_have_attribute("aria-busy", "false")
        if translation is not None:
            expect(self.find("#translation")).to_have_text(translation)
        return self.find("#translation").inner_text()

    def word(self, text: str) -> Locator:
        """Return the first word of the translation with this text."""
        return self.page.locator(".word", has_text=text).first

    def marked(self, pane: str) -> list[str]:
        """Return the marked words of a pane, which is ``#mirror`` or ``#translation``."""
        return self.find(f"{pane} .marked").all_inner_texts()


@contextmanager
def open_page(browser: Browser, url: str, fragment: str = "", **settings: Any) -> Iterator[WebPage]:
    """Open the page in a new browser profile; fail at the end if there were problems."""
    defaults: dict[str, Any] = {"locale": "en-GB", "viewport": {"width": 1180, "height": 800}}
    context = browser.new_context(**(defaults | settings))
    context.set_default_timeout(20_000)
    expect.set_options(timeout=20_000)
    try:
        opened = WebPage(context.new_page(), url)
        opened.open(fragment)
        yield opened
        assert opened.problems == []
    finally:
        context.close()
