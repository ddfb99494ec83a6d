"""Every error that the service can answer with, and a service that does not answer, on the page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fake_translator import FakeTranslator
from serving import RunningServer, run_server, wait_until

pytest.importorskip("playwright.sync_api")
from playwright.sync_api import Browser, expect
from web_page import WebPage, open_page

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@contextmanager
def served_page(browser: Browser, **settings: Any) -> Iterator[tuple[RunningServer, WebPage]]:
    """The page of a service with a fake translator, which writes ``[text]``."""
    with (
        run_server(FakeTranslator(), **settings) as server,
        open_page(browser, f"http://127.0.0.1:{server.port}") as page,
    ):
        yield server, page


def test_a_stopped_server_is_reported_and_found_again(browser: Browser) -> None:
    with run_server(FakeTranslator()) as server:
        port = server.port
        with open_page(browser, f"http://127.0.0.1:{port}") as page:
            page.translate("a", "[a]")
            # The server waits for open connections, which the browser closes when it leaves the page.
            page.page.context.set_offline(True)
            page.enter("b")
            expect(page.find("#message")).to_contain_text("The server cannot be reached.")
            expect(page.find("#message")).to_contain_text("Next attempt in")
            assert page.find("#translation").inner_text() == "[a]"  # what has been translated stays
            page.page.context.set_offline(False)
            expect(page.find("#translation")).to_have_text("[b]")
            expect(page.find("#message")).to_be_hidden()
    with open_page_without_server(browser, port) as page:
        expect(page.find("#message")).to_contain_text("The server cannot be reached.")
        with run_server(FakeTranslator(), port=port):
            page.page.get_by_role("button", name="Try again").click()
            expect(page.find("#message")).to_be_hidden()
            page.translate("c", "[c]")


@contextmanager
def open_page_without_server(browser: Browser, port: int) -> Iterator[WebPage]:
    """Open the page and stop the server before the page has asked for its languages."""
    context = browser.new_context(locale="en-GB")
    try:
        page = WebPage(context.new_page(), f"http://127.0.0.1:{port}")
        with run_server(FakeTranslator(), port=port):
            page.page.route("**/languages", lambda route: route.abort())
            page.page.goto(page.url)
            expect(page.find("#message")).to_be_visible()
        page.page.unroute("**/languages")
        yield page
    finally:
        context.close()


def test_a_text_over_the_limit_is_not_sent(browser: Browser) -> None:
    with served_page(browser, char_limit=12) as (server, page):
        page.translate("😀 four five", "[😀 four five]")
        before = len(server.fake.decoded())
        page.enter("😀 four fives!")
        expect(page.find("#message")).to_contain_text("The text has 13 characters; at most 12 are allowed.")
        assert page.find("#source").get_attribute("aria-invalid") == "true"
        page.enter("short")
        expect(page.find("#translation")).to_have_text("[short]")
        assert page.find("#source").get_attribute("aria-invalid") is None
        expect(page.find("#message")).to_be_hidden()
        assert len(server.fake.decoded()) == before + 1


def test_a_key_is_asked_for_refused_and_accepted(browser: Browser) -> None:
    with served_page(browser, api_keys="rightkey", require_api_key=True) as (_, page):
        expect(page.find("#key-dialog")).to_be_visible()
        page.page.fill("#api-key", "wröng")
        page.page.keyboard.press("Enter")
        page.enter("a")
        expect(page.find("#message")).to_contain_text("does not accept this API key")
        page.find("#message").get_by_role("button", name="Enter a key").click()
        page.page.fill("#api-key", "rightkey")
        page.page.check("#keep-key")
        page.page.keyboard.press("Enter")
        expect(page.find("#translation")).to_have_text("[a]")
        expect(page.find("#message")).to_be_hidden()
        page.open()
        page.translate("b", "[b]")  # the key is remembered
        assert all("right" not in request.url for request in page.requests)


def test_a_rate_limit_is_waited_for(browser: Browser) -> None:
    with served_page(browser, rate_limit=6) as (_, page):
        for text in "abcdefgh":
            page.enter(text)
            page.page.wait_for_timeout(60)
        expect(page.find("#message")).to_contain_text("Too many requests in a short time.")
        expect(page.find("#message")).to_contain_text("Next attempt in")
        expect(page.find("#translation")).to_have_text("[h]", timeout=30_000)
        expect(page.find("#message")).to_be_hidden()


def test_a_busy_server_and_a_failed_translation(browser: Browser) -> None:
    with served_page(browser, request_timeout=0.5) as (server, page):
        server.fake.open.clear()
        page.enter("a")
        expect(page.find("#message")).to_contain_text("The server is busy or starting.")
        server.fake.open.set()
        expect(page.find("#translation")).to_have_text("[a]")
        page.enter("EXPLODE")
        expect(page.find("#message")).to_contain_text("The translation failed on the server.")
        page.enter("first one.\nEXPLODE")  # the failure follows a sentence that is shown already
        expect(page.find("#message")).to_contain_text("The translation failed on the server.")
        page.enter("b")
        expect(page.find("#translation")).to_have_text("[b]")
        expect(page.find("#message")).to_be_hidden()


def test_a_refused_request_shows_the_reason(browser: Browser) -> None:
    with served_page(browser, queue_limit=3) as (_, page):
        page.enter("a.\nb.\nc.\nd.")
        expect(page.find("#message")).to_contain_text("too many sentences; at most 3 are allowed")


def test_an_exhausted_quota_asks_for_another_key(browser: Browser, tmp_path: Any) -> None:
    from hashlib import sha256

    keys = tmp_path / "keys.yaml"
    digest = sha256(b"secret").hexdigest()
    keys.write_text(f"- {{name: small, sha256: '{digest}', character_limit: 3}}\n")
    with served_page(browser, api_keys_file=keys) as (_, page):
        page.page.click("#open-key")
        page.page.fill("#api-key", "secret")
        page.page.keyboard.press("Enter")
        page.enter("long text")
        expect(page.find("#message")).to_contain_text("The quota of this API key is used up.")


def test_superseded_requests_are_cancelled_on_the_server(browser: Browser) -> None:
    with served_page(browser) as (server, page):
        page.enter("STEPS1000000 a")
        wait_until(lambda: any(batcher.running for batcher in server.fake.batchers))
        page.translate("b", "[b]")
        wait_until(lambda: not any(batcher.running for batcher in server.fake.batchers))


def test_errors_of_files(browser: Browser, tmp_path: Any) -> None:
    with served_page(browser, max_body_bytes=1000, max_file_bytes=1000, api_keys="rightkey") as (_, page):
        cases = [
            ("a.txt", b"x" * 1001, "The file has 2 kB; at most 1 kB are allowed."),
            ("a.txt", b"x" * 900, "This is too large for the server."),
            ("a.txt", b"bad \xff", "file:1: invalid UTF-8"),
            ("a.xml", b"<p>a</b>", "not well-formed XML"),
            ("a", b"x", "This kind of file cannot be translated."),
            ("a.txt", b"EXPLODE", "The translation failed on the server."),
        ]
        for name, content, message in cases:
            page.page.set_input_files("#file", [{"name": name, "mimeType": "text/plain", "buffer": content}])
            expect(page.find("#file-panel")).to_contain_text(message)
