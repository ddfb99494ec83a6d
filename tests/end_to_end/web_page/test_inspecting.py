"""The panel that looks into the translated sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api")
from playwright.sync_api import Browser, Route, expect
from web_page import PHONE, TEXT, TRANSLATION, WebPage, open_page, violations

from nmt.lab.inspect.sentence import inspect_translation, load_translator

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

MODEL = Path(__file__).parents[3] / "data/demo-en-fr/model"


def requests_to(page: WebPage, path: str) -> list[str]:
    return [each.post_data or "" for each in page.requests if each.url.endswith(path)]


def look_inside(page: WebPage, text: str = TEXT) -> None:
    page.translate(text)
    page.page.click("#inspect summary")
    expect(page.find("#inspection-tree")).to_be_visible()


def test_the_panel_shows_the_sentence_that_was_translated(page: WebPage) -> None:
    assert page.find("#inspect").is_hidden()
    page.translate(TEXT, TRANSLATION)
    assert requests_to(page, "/inspect") == []  # nothing is computed for a closed panel
    look_inside(page)
    expected = inspect_translation(load_translator(MODEL, use_shortlist=True), TEXT)
    assert page.find("#inspection-source").inner_text().startswith(TEXT)
    assert TRANSLATION in page.find("#inspection-target").inner_text()
    assert page.find("#inspection-layer option").all_inner_texts() == [layer.name for layer in expected.layers]
    assert expected.tree is not None
    assert page.find("#inspection-tree [data-node]").count() == len(expected.tree.tokens)
    assert page.find("#inspection-attention .down span").count() == len(expected.output_pieces)
    page.page.select_option("#inspection-layer", index=len(expected.layers) - 1)
    page.page.check("#inspection-quantities input[value=forget]", force=True)
    page.page.fill("#inspection-unit", "7")
    shown = re.search(r"forget (\d\.\d\d)", page.find("#inspection-readout").inner_text())
    assert shown is not None
    assert float(shown[1]) == pytest.approx(expected.layers[-1].values["forget"][0, 7], abs=0.011)


def test_the_panel_follows_the_text_and_remembers_that_it_is_open(page: WebPage) -> None:
    look_inside(page)
    page.translate("The small dog sleeps.")
    expect(page.find("#inspection-source")).to_contain_text("The small dog sleeps.")
    page.translate(f"{TEXT} {TEXT}")  # two sentences
    expect(page.find("#inspect")).to_be_hidden()
    page.open()
    page.choose_languages("en", "fr")
    page.translate(TEXT)
    expect(page.find("#inspection-tree")).to_be_visible()
    page.page.click("#inspect summary")
    count = len(requests_to(page, "/inspect"))
    page.translate("The red bird sleeps.")
    assert len(requests_to(page, "/inspect")) == count


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_panel_has_no_accessibility_violations(browser: Browser, url: str, scheme: str) -> None:
    with open_page(browser, url, color_scheme=scheme) as page:
        page.choose_languages("en", "fr")
        look_inside(page)
        page.find("#inspection-attention").focus()
        page.page.keyboard.press("ArrowRight")
        assert violations(page.page) == []


def test_the_panel_is_used_by_keyboard(page: WebPage) -> None:
    page.translate(TEXT)
    page.find("#inspect summary").focus()
    page.page.keyboard.press("Enter")
    expect(page.find("#inspection-tree")).to_be_visible()
    page.find("#inspection-heat").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        page.page.keyboard.press(key)
    expect(page.find("#inspection-readout")).to_contain_text("unit 2,")
    page.find("#inspection-attention").focus()
    page.page.keyboard.press("ArrowRight")
    expect(page.find("#inspection-attention-readout")).to_contain_text("←")
    page.find("#inspection-tree").focus()
    page.page.keyboard.press("ArrowLeft")
    expect(page.find("#inspection-tree g.here").first).to_be_visible()


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (400, '{"error": "q: <b>has</b> 999 pieces"}', "The server cannot do this: q: <b>has</b> 999 pieces"),
        (503, '{"error": "busy"}', "The server is busy."),
        (500, "<html>", "The translation failed on the server."),
    ],
)
def test_errors_are_shown(page: WebPage, status: int, body: str, message: str) -> None:
    def fail(route: Route) -> None:
        route.fulfill(status=status, body=body)

    page.page.route("**/inspect", fail)
    page.translate(TEXT)
    page.page.click("#inspect summary")
    expect(page.find("#inspect [role=status]")).to_have_text(message)
    page.page.unroute("**/inspect")
    page.page.click("#inspect summary")
    page.page.click("#inspect summary")
    expect(page.find("#inspection-tree")).to_be_visible()


@pytest.mark.parametrize(
    ("locale", "heading", "gate"),
    [
        ("fr-FR", "Recherche en faisceau", "porte d’oubli"), ("de-DE", "Strahlsuche", "Vergesstor"),
        ("es-ES", "Búsqueda en haz", "puerta de olvido"), ("zh-CN", "束搜索", "遗忘门"),
    ],
)  # fmt: skip
def test_the_panel_speaks_the_language_of_the_page(
    browser: Browser, url: str, locale: str, heading: str, gate: str, tmp_path: Path
) -> None:
    with open_page(browser, url, locale=locale, color_scheme="dark", **PHONE) as page:
        page.choose_languages("en", "fr")
        look_inside(page)
        expect(page.find("#inspect h3").last).to_have_text(heading)
        expect(page.find("#inspection-quantities label").nth(3)).to_have_text(gate)
        assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert violations(page.page) == []


def test_the_colours_follow_the_theme(page: WebPage) -> None:
    look_inside(page)
    canvas = page.find("#inspection-attention canvas")
    page.page.evaluate("document.documentElement.dataset.theme = 'light'")
    light = canvas.evaluate("canvas => canvas.toDataURL()")
    page.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    changed = "before => document.querySelector('#inspection-attention canvas').toDataURL() !== before"
    page.page.wait_for_function(changed, arg=light)
