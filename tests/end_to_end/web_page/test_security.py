"""Nothing that comes from texts, models, files, glossaries, languages or links runs on the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

pytest.importorskip("playwright.sync_api")
from playwright.sync_api import Browser, Route, expect
from web_page import TEXT, WebPage, open_page

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

# Each payload, if it ran, would set `window.owned`, open a dialog or request another address.
PAYLOADS = [
    "<script>window.owned=1</script>",
    "<img src=x onerror=window.owned=1>",
    "<svg onload=window.owned=1></svg>",
    "\"><iframe srcdoc='<script>parent.owned=1</script>'></iframe>",
    "' autofocus onfocus=window.owned=1 x='",
    "javascript:window.owned=1",
    "{{constructor.constructor('window.owned=1')()}}",
    "</textarea><script>window.owned=1</script>",
    "<style>@import 'https://example.org/x.css'</style><link rel=stylesheet href=https://example.org/y.css>",
    "<a href='javascript:window.owned=1' style='position:fixed;inset:0'>x</a><math><mtext></form><mglyph>",
    "$& $1 ${window.owned=1} \u202e<b>bold</b>",
    "__proto__",
]


def check_nothing_ran(page: WebPage) -> None:
    """Assert that no payload has run and that none has become an element."""
    assert page.page.evaluate("() => window.owned") is None
    injected = "iframe, math, main style, main link, main script, main b, main img, [onerror], [onload], [onfocus]"
    assert page.page.locator(f"{injected}, a[href^='javascript' i]").count() == 0


def test_source_text_and_link(browser: Browser, url: str) -> None:
    with open_page(browser, url) as page:
        for payload in PAYLOADS:
            page.page.goto(f"{url}/#source=en&target=fr&text={quote(payload)}")
            expect(page.find("#source")).to_have_value(payload)
            page.translate(f"{payload} {TEXT}")
            check_nothing_ran(page)


def answer_with(**response: Any) -> Callable[[Route], None]:
    """Return a handler that answers requests with a response instead of the service's."""
    return lambda route: route.fulfill(**response)


def stream_of(source: str, payload: str) -> str:
    """Return the events of a translation that consists of the payload."""
    sentence = {
        "index": 0, "translatedText": payload, "sentences": 1, "text": 0, "source": [0, len(source)],
        "detectedLanguage": {"language": payload, "confidence": 90}, "alternatives": [payload, f"{payload} 2"],
        "details": {"alignment": [[0, 3, 0, 3]], "confidence": 0.1, "signals": [payload, "length", "__proto__"]},
    }  # fmt: skip
    return f"data: {json.dumps(sentence)}\n\nevent: done\ndata: {{}}\n\n"


def test_model_output(browser: Browser, url: str) -> None:
    with open_page(browser, url) as page:
        page.choose_languages("auto", "fr")
        for payload in PAYLOADS:
            answer: dict[str, Any] = {"translatedText": payload, "alternatives": [f"{payload} a", f"{payload} b"]}
            answer["details"] = {"alignment": [], "confidence": 0.1, "signals": [payload]}
            text = f"{TEXT} {len(payload)}"
            events = answer_with(body=stream_of(text, payload), content_type="text/event-stream")
            page.page.route("**/translate/stream", events)
            page.page.route("**/translate", answer_with(json=answer))
            page.enter(text)
            expect(page.find("#alternatives-list button").nth(1)).to_have_text(f"{payload} 2")
            page.find(".word").first.click()
            expect(page.find("#word-menu")).to_be_visible()
            check_nothing_ran(page)
            page.page.keyboard.press("Escape")
            page.find("#alternatives-list button").nth(1).click()
            expect(page.find("#restore")).to_be_visible()
            check_nothing_ran(page)


def test_errors_languages_glossary_storage_and_file_names(browser: Browser, url: str) -> None:
    with open_page(browser, url) as page:
        for payload in PAYLOADS:
            glossary = [[payload, payload], ["cat", payload], {"not": "a term"}, [1, 2]]
            stored = {"glossaries": {"en-fr": glossary}, "theme": payload, "source": payload, "target": payload}
            page.page.evaluate("value => localStorage.setItem('carousel', value)", json.dumps(stored))
            served = [{"code": payload, "name": payload, "targets": ["fr", payload]}]
            served += [{"code": "en", "name": "English", "targets": ["en", "fr", payload]}]
            page.page.route("**/languages", answer_with(json=served))
            for path in ("translate_file", "translate/stream"):
                page.page.route(f"**/{path}", answer_with(status=400, json={"error": payload}))
            page.open()
            page.choose_languages("en", "fr")
            page.page.click("#open-glossary")
            expect(page.find("#terms li")).to_have_count(2)
            with page.page.expect_download() as download:
                page.page.click("#glossary-export")
            assert download.value.path().read_text() == f"{payload}\t{payload}\ncat\t{payload}\n"
            page.page.click("#glossary-close")
            page.enter(TEXT)
            expect(page.find("#message")).to_contain_text("The server cannot do this")
            name = f"{payload.replace('/', ':')}.txt"
            page.page.set_input_files("#file", [{"name": name, "mimeType": "text/plain", "buffer": b"x"}])
            expect(page.find("#file-panel")).to_contain_text("The server cannot do this")
            page.page.select_option("#source-language", payload)
            check_nothing_ran(page)
            assert page.find("html").get_attribute("data-theme") is None


# What a flaw in the page could be used for.
ATTEMPTS = [
    "const s = document.createElement('script'); s.textContent = 'window.owned=1'; document.body.append(s)",
    "document.body.innerHTML = '<b>x</b>'",
    "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
    "document.write('<b>x</b>')",
    "const s = document.createElement('script'); s.src = 'https://example.org/x.js'",
    "new DOMParser().parseFromString('<b>x</b>', 'text/html')",
    "trustedTypes.createPolicy('x', {createHTML: text => text})",
    "document.createElement('b').setAttribute('onclick', 'window.owned=1')",
    "setTimeout('window.owned=1')",
    "new Image().src = 'https://example.org/x.png'; throw 0",
    "fetch('https://example.org/').catch(() => {}); throw 0",
    "const b = document.createElement('base'); b.href = 'https://example.org/'; document.head.append(b);"
    " if (!document.baseURI.includes('example')) throw 0",
]


def test_the_policy_refuses_scripts_markup_and_other_addresses(browser: Browser, url: str) -> None:
    with open_page(browser, url) as page:
        sent = []
        page.page.on("response", lambda response: sent.append(response.url))
        for attempt in ATTEMPTS:
            run = f"() => {{ try {{ {attempt}; return 'done' }} catch {{ return 'refused' }} }}"
            assert page.page.evaluate(run) == "refused", attempt
        page.page.wait_for_timeout(100)
        assert page.page.evaluate("() => window.owned") is None
        assert sent == []
        assert len(page.problems) >= len(ATTEMPTS)  # the browser reports each attempt on the console
        page.problems.clear()


def test_other_pages_cannot_frame_it_and_nothing_in_it_is_inline(browser: Browser, url: str) -> None:
    with open_page(browser, url) as page:
        assert page.page.locator("script:not([src]), style, [style], [onclick], [onload]").count() == 0
        outside = page.page.context.new_page()
        refused: list[str] = []
        outside.on("console", lambda message: refused.append(message.text))
        outside.set_content(f"<iframe src='{url}/'></iframe>")
        outside.wait_for_timeout(500)
        assert any("frame-ancestors" in text for text in refused), refused
