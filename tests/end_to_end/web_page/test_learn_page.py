"""The page that explains the LSTM: its networks agree with torch, and its widgets show them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from processes import ROOT
from torch import nn

pytest.importorskip("playwright.sync_api")
from playwright.sync_api import Browser, Page, expect
from web_page import violations

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

NETWORKS = ROOT / "serve/static/learn/networks"
TEXTS = {"counting": "^aaaaaaaaaaaabbbb", "remembering": "^Quvwvuwwvu?", "sentences": "^the black cat sleeps."}


@pytest.fixture(params=[{"locale": "en-GB"}, {"locale": "zh-CN", "color_scheme": "dark", "viewport": {"width": 360, "height": 740}}], ids=["en", "zh"])  # fmt: skip  # noqa: E501
def page(browser: Browser, url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(**request.param)
    context.set_default_timeout(20_000)
    page, problems = context.new_page(), list[str]()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type in {"error", "warning"} else None)
    page.goto(f"{url}/learn")
    expect(page.locator("html[data-ready]")).to_be_attached()
    yield page
    assert problems == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()


def run_torch(stored: dict[str, Any], text: str) -> dict[str, np.ndarray]:
    """Return the hidden state, the cell state and the probabilities after each symbol, computed by torch."""
    symbols, width = stored["symbols"], len(stored["recurrent"][0])
    lstm, output = nn.LSTM(len(symbols), width).double(), nn.Linear(width, len(symbols)).double()
    zeros = [0.0] * (4 * width)
    parts = (stored["input"], stored["recurrent"], stored["bias"], zeros, stored["output"], stored["outputBias"])
    with torch.no_grad():
        for parameter, values in zip((*lstm.parameters(), *output.parameters()), parts, strict=True):
            parameter.copy_(torch.tensor(values, dtype=torch.float64))
        state, found = None, {"hidden": [], "cell": [], "probabilities": []}
        for symbol in text:
            one_hot = nn.functional.one_hot(torch.tensor([symbols.index(symbol)]), len(symbols)).double()
            y, state = lstm(one_hot, state)
            found["hidden"].append(y[0].numpy())
            found["cell"].append(state[1][0].numpy())
            found["probabilities"].append(output(y)[0].softmax(dim=-1).numpy())
    return {name: np.array(values) for name, values in found.items()}


@pytest.mark.parametrize("name", TEXTS)
def test_the_networks_of_the_page_equal_torch(page: Page, name: str) -> None:
    stored, text = json.loads((NETWORKS / f"{name}.json").read_text()), TEXTS[name]
    script = """async ([name, text]) => {
        const { Network } = await import('./static/learn/network.js');
        const network = new Network(await (await fetch(`static/learn/networks/${name}.json`)).json());
        return network.read(text);
    }"""
    steps = page.evaluate(script, [name, text])
    expected = run_torch(stored, text)
    for quantity, values in expected.items():
        np.testing.assert_allclose([step[quantity] for step in steps], values, rtol=0, atol=1e-12)
    for step, before in zip(steps[1:], steps, strict=False):
        kept = np.array(step["forget"]) * before["cell"] + np.array(step["input"]) * step["candidate"]
        np.testing.assert_allclose(step["cell"], kept, rtol=0, atol=1e-12)
        np.testing.assert_allclose(step["hidden"], np.array(step["output"]) * np.tanh(kept), rtol=0, atol=1e-12)


def test_the_networks_have_learned_their_tasks() -> None:
    counting = json.loads((NETWORKS / "counting.json").read_text())
    for count in (1, 5, 10, 14):  # up to ten in training
        probabilities = run_torch(counting, f"^{'a' * count}{'b' * count}")["probabilities"]
        best = [counting["symbols"][n] for n in probabilities.argmax(axis=1)]
        assert best[count + 1 :] == ["b"] * (count - 1) + ["$"]
    counter = run_torch(counting, f"^{'a' * 10}")["cell"][:, counting["unit"]]
    assert abs(np.corrcoef(counter, np.arange(11))[0, 1]) > 0.99
    remembering = json.loads((NETWORKS / "remembering.json").read_text())
    for symbol in "PQRS":
        for noise in ("", "uvw" * 5, "wwuv" * 20):
            answer = run_torch(remembering, f"^{symbol}{noise}?")["probabilities"][-1].argmax()
            assert remembering["symbols"][answer] == symbol
    assert sum(file.stat().st_size for file in NETWORKS.iterdir()) < 100_000


def move(page: Page, selector: str, value: int | float) -> None:
    page.locator(selector).evaluate(
        "(input, value) => { input.value = value; input.dispatchEvent(new Event('input', {bubbles: true})); }", value
    )


def test_the_widgets_show_what_the_networks_do(page: Page) -> None:
    is_chinese = (page.locator("html").get_attribute("lang") or "").startswith("zh")
    right = "正确" if is_chinese else "Correct"
    move(page, "#cell-forget", 0.5)
    expect(page.locator("#cell-result")).to_contain_text("1.0")
    before = page.locator("#counting-plot polyline.cell").get_attribute("points")
    move(page, "#counting-number", 9)
    expect(page.locator("#counting-result")).to_contain_text(right)
    assert page.locator("#counting-plot polyline.cell").get_attribute("points") != before
    for symbol in "PQRS":
        page.check(f"#remembering-form input[value={symbol}]", force=True)
        expect(page.locator("#remembering-result")).to_contain_text(symbol)
        expect(page.locator("#remembering-result")).to_contain_text(right)
    page.fill("#sentence-input", "The cat %")
    expect(page.locator("#sentence-unknown")).to_contain_text("%")
    assert page.locator("#sentence-text span").count() == len("^the cat ")
    page.locator("#sentence-map").focus()
    page.keyboard.press("ArrowDown")
    assert page.locator("#sentence-unit").input_value() == "1"
    page.check("#sentence-form input[value=forget]", force=True)
    expect(page.locator("#sentence-next")).to_contain_text("%")
    assert violations(page) == []


def test_the_language_is_chosen_by_the_browser_and_by_the_reader(page: Page) -> None:
    was = page.locator("html").get_attribute("lang")
    page.click("header a[hreflang]")
    expect(page.locator("html[data-ready]")).to_be_attached()
    assert {was, page.locator("html").get_attribute("lang")} == {"en", "zh-Hans"}
