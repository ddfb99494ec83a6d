"""The page by keyboard, by screen reader, on a phone, in the dark, from right to left and in each language."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest

pytest.importorskip("playwright.sync_api")
from playwright.sync_api import Browser, expect
from web_page import PHONE, TEXT, TRANSLATION, WebPage, open_page, violations

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

LANGUAGES = ("en", "fr", "de", "es", "zh")
STRINGS = files("serve") / "static/strings"


def translate(page: WebPage) -> None:
    page.translate(f"{TEXT} Kgbv fdqs mlzp xwq.")
    expect(page.find("#notes")).to_be_visible()
    page.word("noir").focus()


def open_word_menu(page: WebPage) -> None:
    page.translate()
    page.word("noir").press("Enter")
    expect(page.find("#word-menu button").first).to_be_focused()


def open_glossary(page: WebPage) -> None:
    page.page.click("#open-glossary")
    page.page.fill("#term-source", "cat")
    page.page.fill("#term-target", "matou")
    page.page.keyboard.press("Enter")


def show_error(page: WebPage) -> None:
    page.enter("x" * 10_001)
    expect(page.find("#message")).to_be_visible()


def translate_file(page: WebPage) -> None:
    page.page.set_input_files("#file", [{"name": "a.txt", "mimeType": "text/plain", "buffer": TEXT.encode()}])
    expect(page.find("#file-panel .primary")).to_be_visible()


STATES: dict[str, Callable[[WebPage], None]] = {
    "empty": lambda page: None,
    "translated": translate,
    "word menu": open_word_menu,
    "glossary": open_glossary,
    "error": show_error,
    "file": translate_file,
    "key": lambda page: page.find("#key-dialog").evaluate("dialog => dialog.showModal()"),
}


@pytest.mark.parametrize(
    ("view", "states"),
    [
        ({}, list(STATES)),
        ({"color_scheme": "dark"}, ["translated", "word menu", "glossary", "error"]),
        (PHONE, ["translated", "glossary"]),
    ],
    ids=["light", "dark", "phone"],
)
def test_axe_finds_nothing_in_any_state(browser: Browser, url: str, view: dict[str, Any], states: list[str]) -> None:
    with open_page(browser, url, reduced_motion="reduce", **view) as page:
        page.choose_languages("en", "fr")
        for state in states:
            page.open()
            STATES[state](page)
            assert violations(page.page) == [], state


def test_the_page_works_by_keyboard_alone(page: WebPage) -> None:
    keyboard = page.page.keyboard
    page.page.evaluate("() => document.activeElement.blur()")
    visited = []
    while not visited or visited[-1] != "source":
        keyboard.press("Tab")
        visited.append(page.page.evaluate("() => document.activeElement.id"))
        assert len(visited) < 20
    assert visited == ["open-glossary", "theme", "source-language", "swap", "target-language", "source"]
    keyboard.type(TEXT)
    expect(page.find("#translation")).to_have_text(TRANSLATION)
    for _ in range(3):
        keyboard.press("Tab")
    focused = page.find(":focus")
    assert focused.inner_text() == "Le"
    keyboard.press("End")
    assert focused.inner_text() == "dort"
    keyboard.press("ArrowLeft")
    assert focused.inner_text() == "noir"
    assert focused.evaluate("word => getComputedStyle(word).outlineStyle") == "solid"
    keyboard.press("Enter")
    first = page.find("#word-menu button").first
    expect(first).to_be_focused()
    keyboard.press("ArrowDown")
    keyboard.press("Escape")
    expect(page.find("#word-menu")).to_be_hidden()
    assert focused.inner_text() == "noir"
    keyboard.press("Enter")
    expect(first).to_be_focused()
    other = first.locator("strong").inner_text()
    keyboard.press("Enter")
    expect(page.find("#translation")).to_contain_text(other)
    assert focused.inner_text() == other
    keyboard.press("Tab")
    keyboard.press("Enter")  # undo
    expect(page.find("#translation")).to_have_text(TRANSLATION)
    page.find("#open-glossary").press("Enter")
    keyboard.type("cat")
    keyboard.press("Tab")
    keyboard.type("matou")
    keyboard.press("Enter")
    keyboard.press("Escape")
    expect(page.find("#translation")).to_have_text("Le matou noir dort.")


def test_a_screen_reader_reads_source_target_state_and_errors_in_order(page: WebPage) -> None:
    page.translate()
    expect(page.find("#announcement")).to_have_text(f"Translated {TRANSLATION}")
    tree = page.find("body").aria_snapshot()
    parts = [
        'combobox "Translate from"', 'combobox "Translate into"', 'textbox "Text to translate"', f"text: {TEXT}",
        f'group "Translation": {TRANSLATION}', f"status: Translated {TRANSLATION}", 'heading "Other translations"',
    ]  # fmt: skip
    assert re.search("(?s)" + ".*".join(map(re.escape, parts)), tree), tree
    page.enter("x" * 10_001)
    expect(page.find("#message")).to_be_visible()
    tree = page.find("body").aria_snapshot()
    assert re.search(r'(?s)textbox "Text to translate".*status.*alert:.*The text has 10,001 characters', tree), tree
    description = page.find("#source").evaluate(
        "area => area.ariaDescribedByElements?.map(each => each.textContent).join() ?? ''"
    )
    assert description == "10,001 / 10,000"


# Buttons and selections that a phone's screen cuts off, whose labels do not fit, or that are too small for a finger.
# Quotations are part of a text.
UNFIT = """() => [...document.querySelectorAll('button, select')].filter(each => each.offsetParent).filter(each => {
  const box = each.getBoundingClientRect();
  return box.left < 0 || box.right > 360 || (each.tagName === 'BUTTON' && each.scrollWidth > each.clientWidth)
    || (box.height < 40 && !each.classList.contains('quote'));
}).map(each => each.outerHTML)"""


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_cut_off_at_360_pixels(browser: Browser, url: str, language: str) -> None:
    with open_page(browser, url, locale=language, **PHONE) as page:
        page.choose_languages("auto", "fr")
        page.translate(f"{TEXT} Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenhersteller!")
        assert page.page.evaluate("() => document.documentElement.scrollWidth") == 360
        assert page.page.evaluate(UNFIT) == []


def test_right_to_left_text_is_aligned_to_the_right(page: WebPage) -> None:
    page.choose_languages("ar", "en")
    page.translate("القط الأسود نائم.")
    assert page.find("#source").evaluate("area => getComputedStyle(area).direction") == "rtl"
    assert page.find("#source").get_attribute("lang") == "ar"
    pane = page.find(".stack").bounding_box()
    word = page.find("#mirror span").first.bounding_box()
    assert pane is not None
    assert word is not None
    assert word["x"] + word["width"] > pane["x"] + pane["width"] - 40
    # The mirror behind the text area has the same layout, or marks would be beside their words.
    heights = page.page.evaluate("() => ['source', 'mirror'].map(id => document.getElementById(id).clientHeight)")
    assert heights[0] == heights[1]


def test_arrow_keys_follow_the_direction_of_the_translation(page: WebPage) -> None:
    page.choose_languages("en", "ar")
    # The model writes French, so that Arabic has to be its own translation.
    answer = {"body": ARABIC_STREAM, "content_type": "text/event-stream"}
    page.page.route("**/translate/stream", lambda route: route.fulfill(**answer))
    page.enter("The cat sleeps.")
    expect(page.find(".word")).to_have_count(3)
    words = page.find(".word").all_inner_texts()
    page.find(".word").first.press("ArrowLeft")
    assert page.find(":focus").inner_text() == words[1]
    page.find(":focus").press("ArrowRight")
    assert page.find(":focus").inner_text() == words[0]


ARABIC_STREAM = "data: {}\n\nevent: done\ndata: {{}}\n\n".format(
    json.dumps(
        {
            "index": 0, "translatedText": "القط الأسود نائم.", "sentences": 1, "text": 0, "source": [0, 15],
            "details": {"alignment": [], "confidence": 0.9, "signals": []}, "alternatives": [],
        }
    )
)  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_browser_chooses_the_language_of_the_interface(browser: Browser, url: str, language: str) -> None:
    strings = read_strings(language)
    with open_page(browser, url, locale=f"{language}-XX" if language != "zh" else "zh-CN") as page:
        assert page.find("html").get_attribute("lang") == {"zh": "zh-Hans"}.get(language, language)
        for element in page.find("[data-t]").all():
            assert element.text_content() == strings[str(element.get_attribute("data-t"))]
        for element in page.find("[data-t-label]").all():
            assert element.get_attribute("aria-label") == strings[str(element.get_attribute("data-t-label"))]
        assert page.find("#source").get_attribute("placeholder") == strings["placeholder"]
        page.choose_languages("en", "fr")
        page.translate()
        expect(page.find("#state")).to_have_text(strings["translated"])


def test_an_unsupported_language_of_the_browser_falls_back_to_english(browser: Browser, url: str) -> None:
    with open_page(browser, url, locale="fi-FI") as page:
        assert page.find("#copy").inner_text().strip() == "Copy"


def read_strings(language: str) -> dict[str, str]:
    source = (STRINGS / f"{language}.js").read_text(encoding="utf-8")
    return dict(re.findall(r'^  (\w+): "((?:[^"\\]|\\.)*)",$', source, re.MULTILINE))


def test_all_interface_languages_have_the_same_strings_and_the_page_has_the_english_ones() -> None:
    english = read_strings("en")
    lines = (STRINGS / "en.js").read_text(encoding="utf-8").count("\n")
    assert len(english) == lines - 2
    for language in LANGUAGES[1:]:
        others = read_strings(language)
        assert list(others) == list(english)
        for key, text in english.items():
            assert set(re.findall(r"\{\w+\}", others[key])) == set(re.findall(r"\{\w+\}", text)), (language, key)
    page = (files("serve") / "static/index.html").read_text(encoding="utf-8")
    for key, text in re.findall(r'data-t="(\w+)">([^<]*)<', page):
        assert text == english[key]
    modules = "".join(each.read_text(encoding="utf-8") for each in (files("serve") / "static/app").iterdir())
    used = set(re.findall(r'\bdata-t(?:-label|-placeholder)?="(\w+)"', page)) | set(re.findall(r'"(\w+)"', modules))
    used |= {f"theme_{theme}" for theme in ("system", "light", "dark")}
    used |= set(re.findall(r'\b(\w+)(?=",? *\}?)', " ".join(re.findall(r"KEYS = \{.*\}", modules))))
    assert english.keys() <= used
