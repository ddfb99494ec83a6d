"""Translating on the page: text, alternatives, other words, long texts, links, files and glossary."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api")
from playwright.sync_api import Browser, expect
from web_page import TEXT, TRANSLATION, WebPage, open_page

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

SENTENCES = [f"The {size} {animal} sleeps." for size in ("small", "big", "red", "black", "white") for animal in
             ("cat", "dog", "bird", "horse", "king", "queen", "child", "girl", "boy", "woman")]  # fmt: skip


def test_text_is_translated_while_it_is_typed(page: WebPage) -> None:
    page.find("#source").press_sequentially(TEXT, delay=10)
    expect(page.find("#translation")).to_have_text(TRANSLATION)
    expect(page.find("#state")).to_have_text("Translated")
    expect(page.find("#count")).to_have_text("21 / 10,000")
    assert page.find("#translation").get_attribute("lang") == "fr"
    expect(page.find("#announcement")).to_have_text(f"Translated {TRANSLATION}")


def test_the_language_is_detected_and_languages_are_swapped(page: WebPage) -> None:
    page.choose_languages("auto", "fr")
    page.translate(TEXT, TRANSLATION)
    expect(page.find("#source-language option:checked")).to_have_text("English (detected)")
    page.page.click("#swap")
    assert page.find("#source").input_value() == TRANSLATION
    assert [page.find(f"#{side}-language").input_value() for side in ("source", "target")] == ["fr", "en"]
    expect(page.find("#state")).to_have_text("Translated")
    page.choose_languages("auto", "en")
    expect(page.find("#source-language option:checked")).to_have_text("French (detected)")


def test_text_in_the_language_of_the_reader_is_translated_into_another_one(browser: Browser, url: str) -> None:
    english, french = "Where is the key of my house?", "Où est la clé de la maison de mon père ?"
    with open_page(browser, url) as page:
        target, translation = page.find("#target-language"), page.find("#translation")
        assert target.input_value() == "en"
        page.translate(english)
        expect(target).to_have_value("ar")  # the first language that English is translated into
        expect(translation).to_contain_text("clé")
        assert translation.get_attribute("lang") == "ar"
        page.translate(french)
        expect(target).to_have_value("en")
        page.choose_languages("auto", "ar")
        page.choose_languages("auto", "en")
        page.translate(english)
        expect(translation).to_have_text(english)  # as the reader has chosen
        assert target.input_value() == "en"


def test_another_translation_can_be_chosen_and_taken_back(page: WebPage) -> None:
    page.translate()
    alternatives = page.find("#alternatives-list button")
    expect(alternatives).to_have_count(3)
    other = alternatives.first.inner_text()
    assert other != TRANSLATION
    alternatives.first.click()
    expect(page.find("#translation")).to_have_text(other)
    expect(alternatives.first).to_have_text(TRANSLATION)
    page.page.click("#restore")
    expect(page.find("#translation")).to_have_text(TRANSLATION)
    expect(page.find("#restore")).to_be_hidden()


def test_the_sentence_is_translated_again_from_a_chosen_word(page: WebPage) -> None:
    page.translate(f"{TEXT} The red dog sees the small bird.")
    page.word("rouge").click()
    items = page.find("#word-menu button")
    expect(items.first).to_be_focused()
    words = page.find("#word-menu strong").all_inner_texts()
    assert "rouge" not in words
    assert len(set(words)) == len(words) > 1
    items.nth(1).click()
    expect(page.find("#translation")).to_have_text(re.compile(rf"^{TRANSLATION} Le chien {words[1]}\b.*\.$"))
    assert page.find("#translation .word:focus").inner_text() == words[1]
    # What has been chosen stays while the rest of the text is edited.
    chosen = page.find(".sentence.chosen").inner_text()
    translated = page.translate(f"{TEXT} The red dog sees the small bird. The king sleeps.")
    assert translated == f"{TRANSLATION} {chosen} Le roi dort."


def test_words_are_linked_by_hover_focus_and_caret(page: WebPage) -> None:
    # The API counts the two astral characters as one each, and the browser as two each.
    page.translate("The 😀 black 😀 cat sleeps. The red dog sleeps.")
    page.word("noir").hover()
    assert (page.marked("#mirror"), page.marked("#translation")) == (["black"], ["noir"])
    page.word("rouge").focus()
    assert (page.marked("#mirror"), page.marked("#translation")) == (["red"], ["rouge"])
    box = page.page.locator("#mirror span", has_text="cat").bounding_box()
    assert box is not None
    page.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert (page.marked("#mirror"), page.marked("#translation")) == (["cat"], ["chat"])
    page.find("#source").press("End")
    page.find("#source").press("ArrowLeft")
    assert page.marked("#translation") == ["dort"]


def test_a_long_text_appears_sentence_by_sentence(page: WebPage) -> None:
    page.page.evaluate(
        "() => { window.shares = []; const bar = document.getElementById('progress');"
        " new MutationObserver(() => bar.hidden || shares.push(bar.value)).observe(bar, {attributes: true}); }"
    )
    translated = page.translate("\n".join(SENTENCES))
    lines = translated.split("\n")
    assert len(lines) == len(SENTENCES) == 50
    assert lines[SENTENCES.index("The black cat sleeps.")] == TRANSLATION
    shares = page.page.evaluate("() => shares")
    assert shares == sorted(shares)
    assert 0 < shares[0] < 1
    expect(page.find("#progress")).to_be_hidden()


def test_spaces_and_lines_between_sentences_are_kept(page: WebPage) -> None:
    page.enter(f"  {TEXT}\n\n\t{TEXT}  {TEXT}\n")
    expect(page.find("#state")).to_have_text("Translated")
    expected = f"  {TRANSLATION}\n\n\t{TRANSLATION}  {TRANSLATION}\n"
    assert page.find("#translation").evaluate("pane => pane.textContent") == expected


def test_signals_and_low_confidence_are_shown_in_words(page: WebPage) -> None:
    page.translate("Kgbv fdqs mlzp xwq. " + TEXT)
    expect(page.find(".sentence.unsure")).to_have_count(1)
    notes = page.find("#notes-list li")
    expect(notes.filter(has_text="The model is unsure")).to_have_count(1)
    notes.first.get_by_role("button").click()
    assert page.find("#translation .sentence.unsure .word:focus").count() == 1


def test_a_link_holds_the_text_in_its_fragment(page: WebPage, browser: Browser) -> None:
    text = "The black cat sleeps & 50% of #it?"
    page.translate(text)
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.page.click("#share")
    expect(page.find("#share")).to_contain_text("Link copied")
    link = page.page.evaluate("() => navigator.clipboard.readText()")
    fragment = link.removeprefix(f"{page.url}/")
    assert fragment.startswith("#")
    with open_page(browser, page.url, fragment) as other:
        assert other.find("#source").input_value() == text
        expect(other.find("#translation")).to_have_text(page.find("#translation").inner_text())
        assert not any("black" in request.url.partition("#")[0] for request in other.requests)
        other.enter("The dog sleeps.")
        other.page.wait_for_url(f"{page.url}/")


def test_copy_and_clear(page: WebPage) -> None:
    page.translate()
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.page.click("#copy")
    expect(page.find("#copy")).to_contain_text("Copied")
    assert page.page.evaluate("() => navigator.clipboard.readText()") == TRANSLATION
    page.page.click("#clear")
    expect(page.find("#translation")).to_be_empty()
    expect(page.find("#source")).to_be_focused()
    assert page.find("#copy").is_disabled()
    assert page.find("#alternatives").is_hidden()


def test_languages_theme_and_glossary_are_remembered(page: WebPage) -> None:
    page.choose_languages("fr", "en")
    page.page.click("#theme")
    page.page.click("#theme")
    page.open()
    assert [page.find(f"#{side}-language").input_value() for side in ("source", "target")] == ["fr", "en"]
    assert page.find("html").get_attribute("data-theme") == "dark"
    assert page.find("body").evaluate("body => getComputedStyle(body).backgroundColor") == "rgb(21, 23, 26)"


def test_a_file_is_translated_and_downloaded(page: WebPage, tmp_path: Path) -> None:
    file = tmp_path / "story.txt"
    file.write_text(f"{TEXT}\n")
    page.page.set_input_files("#file", file)
    with page.page.expect_download() as download:
        page.page.get_by_role("button", name="Download story.fr.txt").click()
    assert download.value.suggested_filename == "story.fr.txt"
    assert download.value.path().read_text() == f"{TRANSLATION}\n"
    page.page.get_by_role("button", name="Close").click()
    expect(page.find("#file-panel")).to_be_hidden()


def test_a_dropped_file_is_translated_or_refused(page: WebPage) -> None:
    for name, shown in (
        ("page.html", "Download page.fr.html"),
        ("photo.png", "cannot be translated. Choose a document"),
    ):
        transfer = page.page.evaluate_handle(
            "name => { const transfer = new DataTransfer();"
            " transfer.items.add(new File(['<p>The black cat sleeps.</p>'], name)); return transfer; }",
            name,
        )
        page.find("#source").dispatch_event("dragover", {"dataTransfer": transfer})
        page.find("#source").dispatch_event("drop", {"dataTransfer": transfer})
        expect(page.find("#file-panel")).to_contain_text(shown)


def test_glossary_terms_are_added_used_removed_imported_and_exported(page: WebPage, tmp_path: Path) -> None:
    page.translate()
    page.page.click("#open-glossary")
    page.page.fill("#term-source", "cat")
    page.page.fill("#term-target", "matou")
    page.page.keyboard.press("Enter")
    page.page.click("#glossary-close")
    expect(page.find("#translation")).to_have_text("Le matou noir dort.")
    expect(page.find("#glossary-size")).to_have_text("1")
    terms = tmp_path / "terms.csv"
    terms.write_text('cat,greffier\n"dog, big","cabot ""gros"""\nlonely\n', encoding="utf-8")
    page.page.click("#open-glossary")
    page.page.set_input_files("#glossary-file", terms)
    expect(page.find("#glossary-status")).to_have_text("Terms added: 2")
    with page.page.expect_download() as download:
        page.page.click("#glossary-export")
    assert download.value.suggested_filename == "glossary.en-fr.tsv"
    assert download.value.path().read_text() == 'cat\tgreffier\ndog, big\tcabot "gros"\n'
    page.page.get_by_role("button", name="Remove cat").click()
    page.page.click("#glossary-close")
    expect(page.find("#translation")).to_have_text(TRANSLATION)
    stored = json.loads(page.page.evaluate("() => localStorage.getItem('carousel')"))
    assert stored["glossaries"] == {"en-fr": [["dog, big", 'cabot "gros"']]}
    page.choose_languages("fr", "en")
    expect(page.find("#glossary-size")).to_be_hidden()


def test_text_of_an_input_method_is_translated_when_it_is_complete(page: WebPage) -> None:
    session = page.page.context.new_cdp_session(page.page)
    page.find("#source").focus()
    session.send("Input.imeSetComposition", {"text": "ni", "selectionStart": 2, "selectionEnd": 2})
    page.page.wait_for_timeout(150)
    assert not any(request.url.endswith("/translate/stream") for request in page.requests)
    session.send("Input.insertText", {"text": "你"})
    expect(page.find("#state")).to_have_text("Translated")
    assert page.find("#source").input_value() == "你"
