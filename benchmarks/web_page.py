"""Measure the web page in headless Chromium: weight, first paint, layout shift, latency while typing, and requests.

    python benchmarks/web_page.py                               # the demonstration model
    python benchmarks/web_page.py --model runs/demo/int8 --threads 2

The service runs in another process, on loopback, without cache. The sentence is typed at 5 characters per second; the
latency is the time from its last key to the moment at which the page shows the whole translation. Load of the machine
adds to all times.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).parents[1]
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
SENTENCE = "The small black cat sees the old dog and the young red bird."
CHARACTERS_PER_SECOND = 5

# Runs before the scripts of the page: records layout shifts and the times of keys and of changes of the translation.
RECORDER = """
window.shift = 0;
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) shift += entry.value;
}).observe({type: 'layout-shift', buffered: true});
window.keyTime = window.changeTime = 0;
addEventListener('keydown', () => { keyTime = performance.now(); }, true);
addEventListener('DOMContentLoaded', () => {
  const state = document.getElementById('state');
  new MutationObserver(() => { if (state.textContent === 'Translated') changeTime = performance.now(); })
    .observe(state, {childList: true, characterData: true, subtree: true});
});
"""


@contextmanager
def running_service(model: Path, threads: int) -> Iterator[str]:
    """Serve a model, and return the address."""
    environment = {**os.environ, "NMT_THREADS": str(threads), "NMT_LOG_LEVEL": "warning", "NMT_CACHE": "0"}
    command = [sys.executable, "-m", "nmt", "serve", str(model), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.send_signal(signal.SIGTERM)


def measure_loading(browser: Browser, url: str, runs: int) -> dict[str, Any]:
    """Load the page several times with an empty cache."""
    paints, shifts, weight, requests = [], [], 0.0, 0
    for _ in range(runs):
        with new_context(browser) as context:
            page = open_page(context, url)
            paint = "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"
            paints.append(page.evaluate(paint))
            shifts.append(page.evaluate("() => shift"))
            sizes = page.evaluate(
                "() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
                ".map(entry => entry.encodedBodySize)"
            )
            weight, requests = sum(sizes), len(sizes)
    return {
        "bytes, compressed": weight, "requests": requests,
        "first paint, ms": round(statistics.median(paints)), "slowest first paint, ms": round(max(paints)),
        "layout shift": max(shifts),
    }  # fmt: skip


def measure_typing(browser: Browser, url: str, runs: int) -> dict[str, Any]:
    """Type the sentence several times."""
    latencies, counts, shifts = [], [], []
    before = requests_by_status(url)
    for _ in range(runs):
        with new_context(browser) as context:
            page = open_page(context, url)
            sent: list[str] = []
            page.on("request", lambda request, sent=sent: sent.append(request.url))
            page.locator("#source").press_sequentially(SENTENCE, delay=1000 / CHARACTERS_PER_SECOND)
            page.wait_for_timeout(1000)
            latencies.append(page.evaluate("() => changeTime - keyTime"))
            counts.append(sum(address.endswith("/translate/stream") for address in sent))
            shifts.append(page.evaluate("() => shift"))
    after = requests_by_status(url)
    return {
        "characters": len(SENTENCE), "latency after the last key, ms": round(statistics.median(latencies)),
        "highest latency, ms": round(max(latencies)), "requests": statistics.median(counts),
        "requests by status": {status: count - before.get(status, 0) for status, count in after.items()},
        "layout shift": max(shifts),
    }  # fmt: skip


def measure_cancelling(browser: Browser, url: str) -> dict[str, Any]:
    """Replace a long text before it is translated, and count the sentences that are translated all the same."""
    with new_context(browser) as context:
        page = open_page(context, url)
        before = metric(url, "nmt_sentences_total")
        text = " ".join(f"{SENTENCE[:-1]} and {number} cats." for number in range(120))
        with page.expect_request("**/translate/stream"):
            page.fill("#source", text)
        page.wait_for_timeout(100)
        page.fill("#source", "The cat sleeps.")
        page.wait_for_timeout(3000)
        translated = metric(url, "nmt_sentences_total") - before
    return {"sentences in the text": text.count("."), "sentences translated": translated}


@contextmanager
def new_context(browser: Browser) -> Iterator[BrowserContext]:
    """Return a new profile of the browser."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1180, "height": 800})
    context.add_init_script(RECORDER)
    yield context
    context.close()


def open_page(context: BrowserContext, url: str) -> Page:
    """Open the page, and wait until it is ready and nothing moves any more."""
    page = context.new_page()
    page.goto(url)
    page.locator("html[data-ready]").wait_for(state="attached")
    page.wait_for_timeout(300)
    return page


def metric(url: str, name: str) -> float:
    """Return the sum of a metric of the service."""
    lines = re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", httpx.get(f"{url}/metrics").text, re.MULTILINE)
    return sum(map(float, lines))


def requests_by_status(url: str) -> dict[str, int]:
    """Return the number of requests for translations by status; that of cancelled ones is 499."""
    pattern = r'^nmt_requests_total\{.*route="/translate/stream".*status="(\d+)"\} (\S+)$'
    return {status: int(float(count)) for status, count in re.findall(pattern, httpx.get(f"{url}/metrics").text, re.M)}


def main() -> None:
    """Print the measurements as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "data/demo-en-fr/model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    with running_service(arguments.model, arguments.threads) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        measured = {
            "loading": measure_loading(browser, url, arguments.runs),
            "typing": measure_typing(browser, url, arguments.runs),
            "cancelling": measure_cancelling(browser, url),
        }
        browser.close()
    print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
