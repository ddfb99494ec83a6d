"""Make the picture of the web page, web-page.png, from the page of a running service.

    python docs/assets/make_picture.py

The service translates with the demonstration model. Beside the picture, web-page.json holds a hash of the page's files
and the translation that the picture shows, by which a test recognises an outdated picture. Requires Chromium, and the
extra `dev`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "data/demo-en-fr/model"
PICTURE, RECORD = Path(__file__).with_name("web-page.png"), Path(__file__).with_name("web-page.json")
TEXT = "The black cat sleeps. The red dog sees the small bird."
POINTED_WORD = "rouge"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
STATIC = ROOT / "serve/static"


def page_hash() -> str:
    """Return a hash of the files that the page in the picture consists of."""
    files = [STATIC / "index.html", STATIC / "theme.css", STATIC / "strings/en.js", *sorted((STATIC / "app").iterdir())]
    content = b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)
    return hashlib.sha256(content).hexdigest()


def record(translation: str) -> dict[str, Any]:
    """Return what the picture depends on."""
    return {"page": page_hash(), "text": TEXT, "translation": translation}


def show_text(page: Page, url: str) -> str:
    """Translate the text on the page, point at a word of the translation, and return the translation."""
    page.goto(url)
    page.fill("#source", TEXT)
    expect(page.locator("#state")).to_have_text("Translated")
    page.locator("#source").blur()
    page.locator(".word", has_text=POINTED_WORD).first.hover()
    return page.locator("#translation").inner_text()


def main() -> None:
    """Write the picture and its record."""
    command = [sys.executable, "-m", "nmt", "serve", str(MODEL), "--port", "0"]
    environment = {**os.environ, "NMT_LOG_LEVEL": "warning"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT) as service:
        assert service.stdout is not None
        url = service.stdout.readline().split()[-1]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            settings: dict[str, Any] = {"viewport": {"width": 1080, "height": 480}, "device_scale_factor": 1.5}
            page = browser.new_page(locale="en-GB", reduced_motion="reduce", **settings)
            translation = show_text(page, url)
            with tempfile.TemporaryDirectory() as folder:
                page.screenshot(path=Path(folder) / "picture.png")
                shutil.move(Path(folder) / "picture.png", PICTURE)
            browser.close()
        service.send_signal(signal.SIGTERM)
    RECORD.write_text(json.dumps(record(translation), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
