"""The page in a real browser: it draws the activations, and every control changes what it shows."""

from __future__ import annotations

import base64
import dataclasses
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import Nmt

from nmt.lab.inspect.corpus_activations import trace_pairs
from nmt.lab.inspect.inspection import LayerActivations
from nmt.lab.inspect.neuron_search import find_neurons
from nmt.lab.inspect.neuron_table import format_half_life
from nmt.lab.inspect.page import render_page
from nmt.lab.inspect.probes import parse_signals
from nmt.lab.inspect.sentence import TranslationInspection, inspect_translation, load_translator
from nmt.lab.inspect.text import inspect_text, load_text_model

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
SENTENCE = "the red dog sees the small bird."
CODE = 'def f(x):\n    """Say "x"."""\n\n    return [x, (1, 2)]'
PAPER, NEGATIVE, POSITIVE = (
    np.array([int(code[n : n + 2], 16) for n in (0, 2, 4)]) for code in ("fdfdfc", "b8322a", "2a6099")
)
LONG = " ".join(["the young king hears the calm horse."] * 24)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module", params=[SENTENCE, LONG], ids=["short", "long"])
def found(model: Path, request: pytest.FixtureRequest) -> TranslationInspection:
    return inspect_translation(load_translator(model), request.param)


@pytest.fixture(scope="module")
def file(found: TranslationInspection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(render_page(found), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium here")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser: sync_api.Browser, file: Path) -> Iterator[sync_api.Page]:
    with checked_page(browser) as page:
        yield draw(page, file)


class checked_page:  # noqa: N801
    """A browser page that may neither report errors nor request anything but itself."""

    def __init__(self, browser: sync_api.Browser, **settings: object) -> None:
        self.page = browser.new_page(viewport={"width": 1100, "height": 900}, **settings)
        self.problems: list[str] = []

    def __enter__(self) -> sync_api.Page:
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda said: self.problems.append(said.text) if said.type == "error" else None)
        self.page.on("request", lambda each: self.problems.append(each.url) if "page.html" not in each.url else None)
        return self.page

    def __exit__(self, *_: object) -> None:
        self.page.close()
        assert self.problems == []


def draw(page: sync_api.Page, file: Path) -> sync_api.Page:
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-drawn]")
    return page


def pixels(page: sync_api.Page, selector: str) -> np.ndarray:
    """Return the pixels of a canvas as [rows, columns, 4]."""
    rows, columns, values = page.locator(selector).evaluate(
        "c => [c.height, c.width, btoa(Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data,"
        " byte => String.fromCharCode(byte)).join(''))]"
    )
    return np.frombuffer(base64.b64decode(values), dtype=np.uint8).reshape(rows, columns, 4)


def readout_of(page: sync_api.Page) -> tuple[int, str, str, float]:
    """Return unit, piece, quantity and value of the readout."""
    match = re.fullmatch(
        r"unit (\d+), “(.*)”: (\w+) (−?[\d.]+)(?:, log-probability −?[\d.]+)?",
        page.locator("#inspection-readout").inner_text(),
    )
    assert match is not None
    return int(match[1]), match[2], match[3], float(match[4].replace("−", "-"))


def test_every_layer_and_quantity_is_drawn_correctly(opened: sync_api.Page, found: TranslationInspection) -> None:
    for number, layer in enumerate(found.layers):
        opened.select_option("#inspection-layer", index=number)
        for name in ("cell", "hidden", "input", "forget", "output"):
            opened.check(f"#inspection-quantities input[value={name}]", force=True)
            values = layer.values[name].T
            furthest = np.abs(values).max(axis=1, keepdims=True)
            most = {"cell": np.maximum(furthest, 1.0), "hidden": furthest.max()}.get(name, 1.0)
            drawn = pixels(opened, "#inspection-heat canvas")
            assert drawn.shape[:2] == values.shape
            share = np.clip(values / most, -1, 1)[..., None]
            expected = PAPER + np.abs(share) * (np.where(share < 0, NEGATIVE, POSITIVE) - PAPER)
            assert np.abs(drawn[..., :3] - expected).max() < (25 if name == "hidden" else 5)  # rounding
            opened.fill("#inspection-unit", "5")
            unit, _, quantity, value = readout_of(opened)
            assert (unit, quantity) == (5, name)
            assert value == pytest.approx(float(values[5, 0]), abs=0.006 + float(np.ptp(values[5])) / 127)
        mean, life = (layer.forget_statistics[name][5] for name in ("mean_forget", "half_life"))
        statistics = opened.locator("#inspection-forget-statistics").inner_text()
        assert statistics == f"mean forget gate {mean:.4f}, half-life {format_half_life(life)} steps"


def test_the_growth_of_a_counting_cell_is_visible(
    browser: sync_api.Browser, found: TranslationInspection, tmp_path: Path
) -> None:
    first, *others = found.layers
    cell = first.values["cell"].copy()
    cell[:, 3] = -np.arange(len(cell))
    counting = dataclasses.replace(first, values={**first.values, "cell": cell})
    page_of = render_page(dataclasses.replace(found, layers=[counting, *others]))
    (tmp_path / "page.html").write_text(page_of, encoding="utf-8")
    with checked_page(browser) as page:
        draw(page, tmp_path / "page.html")
        greens = pixels(page, "#inspection-heat canvas")[3, :, 1].astype(int)  # the redder, the less green
        assert (np.diff(greens) <= 0).all()
        assert len(set(greens)) > min(len(cell), 100) / 2
        assert greens[0] == PAPER[1]
        assert greens[-1] == NEGATIVE[1]
        assert page.locator("#inspection-low").inner_text() == "−1 or the unit’s maximum"
        page.check("#inspection-quantities input[value=hidden]", force=True)
        assert "maximum" not in page.locator("#inspection-low").inner_text()


def test_a_unit_is_selected_by_number_click_and_keys(opened: sync_api.Page) -> None:
    opened.fill("#inspection-unit", "7")
    assert readout_of(opened)[0] == 7
    heat = opened.locator("#inspection-heat canvas")
    size = heat.bounding_box()
    assert size is not None
    opened.locator("#inspection-heat").click(position={"x": size["width"] - 2, "y": size["height"] * 10.5 / 32})
    assert readout_of(opened)[:2] == (10, "</s>")
    assert opened.input_value("#inspection-unit") == "10"
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "ArrowLeft"):
        opened.keyboard.press(key)
    assert readout_of(opened)[:2] == (11, ".")
    opened.fill("#inspection-unit", "9999")
    opened.locator("#inspection-unit").blur()
    assert opened.input_value("#inspection-unit") == "31"


def test_text_is_red_for_negative_and_blue_for_positive_states(
    opened: sync_api.Page, found: TranslationInspection
) -> None:
    cells = found.layers[0].values["cell"]
    unit = int(np.argmin(np.abs(cells.max(axis=0) + cells.min(axis=0))))  # a unit with both signs
    opened.fill("#inspection-unit", str(unit))
    shades = opened.locator("#inspection-source .piece").evaluate_all("all => all.map(e => e.style.backgroundColor)")
    for shade, value in zip(shades, cells[:, unit], strict=True):
        red, _, blue = map(int, re.findall(r"\d+", shade))
        if abs(value) > 0.2 * np.abs(cells[:, unit]).max():
            assert (blue > red) == (value > 0)
    assert set(
        opened.locator("#inspection-target .piece").evaluate_all("all => all.map(e => e.style.backgroundColor)")
    ) == {""}
    near, exact = len(cells) - 3, 0.006 + float(np.ptp(cells[:, unit])) / 127
    opened.locator("#inspection-source .piece").nth(1).hover()
    assert readout_of(opened)[3] == pytest.approx(float(cells[1, unit]), abs=exact)
    opened.locator("#inspection-source .piece").nth(near).click()
    assert opened.locator("#inspection-source .piece.here").count() == 1
    assert readout_of(opened)[3] == pytest.approx(float(cells[near, unit]), abs=exact)
    before = opened.locator("#inspection-lines polyline.cell").get_attribute("points")
    opened.fill("#inspection-unit", str((unit + 1) % 32))
    assert opened.locator("#inspection-lines polyline.cell").get_attribute("points") != before
    assert opened.locator("#inspection-lines polyline").count() == 5


def test_attention_shows_the_selected_head_and_both_pieces(opened: sync_api.Page, found: TranslationInspection) -> None:
    [weights] = found.attention
    for head in range(4):
        opened.select_option("#inspection-attention-head", index=head)
        drawn = pixels(opened, "#inspection-attention canvas")[..., 0].astype(int)
        assert (drawn[np.arange(len(drawn)), weights[head].argmax(axis=1)] == drawn.min(axis=1)).all()
    size = opened.locator("#inspection-attention canvas").bounding_box()
    assert size is not None
    cell = size["width"] / len(found.source_pieces)
    for column, line in ((2, 1), (len(found.source_pieces) - 2, len(found.output_pieces) - 2)):
        opened.locator("#inspection-attention canvas").hover(
            position={"x": (column + 0.5) * cell, "y": (line + 0.5) * cell}
        )
        readout = opened.locator("#inspection-attention-readout").inner_text()
        assert float(readout.rsplit(" ", 1)[1]) == pytest.approx(weights[3, line, column], abs=0.008)
        assert (
            opened.locator("#inspection-source .linked").count()
            == opened.locator("#inspection-target .linked").count()
            == 1
        )
        assert opened.locator("#inspection-attention .here").all_inner_texts() == [
            found.source_pieces[column].replace("▁", ""), found.output_pieces[line].replace("▁", "")
        ]  # fmt: skip


def test_the_tree_highlights_the_translation_and_shows_any_hypothesis(
    opened: sync_api.Page, found: TranslationInspection
) -> None:
    tree = found.tree
    assert tree is not None
    assert opened.locator("#inspection-tree [data-node]").count() == len(tree.tokens)
    assert opened.locator("#inspection-tree g.best").count() == len(tree.path_to(tree.best_node)) + 1
    readout = opened.locator("#inspection-tree-readout")
    assert readout.inner_text().startswith(f"{found.translation} — log-probability −")
    for step in (3, int(tree.steps.max()) - 1):
        other = int(np.flatnonzero((tree.steps == step) & ~tree.final_mask)[-1])
        opened.locator(f"#inspection-tree [data-node='{other}']").hover(force=True)
        text = "".join(found.tree_pieces[node] for node in tree.path_to(other)).replace("▁", " ").strip()
        assert readout.inner_text().startswith(f"{text} — log-probability −{abs(tree.scores[other]):.1f}"[:-2])
        opened.locator("#inspection-tree").focus()
        opened.keyboard.press("ArrowLeft")
        assert opened.locator("#inspection-tree g.here").count() == step


def test_the_best_match_is_shown_first_and_others_on_request(
    browser: sync_api.Browser, model: Path, found: TranslationInspection, tmp_path: Path
) -> None:
    loaded = load_translator(model)
    pieces = loaded.directory.tokenizer.source.encode(SENTENCE)
    readings = trace_pairs(loaded, [(pieces, pieces)] * 2)
    matches = find_neurons(readings, parse_signals(["position"], ("en", "fr")), top_k=3)
    (tmp_path / "page.html").write_text(render_page(found, matches), encoding="utf-8")
    with checked_page(browser) as page:
        draw(page, tmp_path / "page.html")
        assert readout_of(page)[0] == matches[0].unit
        page.click("#matches button >> nth=2")
        assert readout_of(page)[0] == matches[2].unit
        assert page.locator("#inspection-layer option:checked").inner_text() == matches[2].layer
        assert page.locator("#matches svg polyline").count() == 1


@pytest.mark.parametrize("found", [LONG], indirect=True, ids=["long"])
def test_a_long_sentence_gives_a_small_page_that_draws_quickly(
    browser: sync_api.Browser, found: TranslationInspection, file: Path, tmp_path: Path
) -> None:
    assert len(found.source_pieces) >= 200
    assert file.stat().st_size < 3_000_000
    with checked_page(browser, color_scheme="dark") as page:
        draw(page, file)
        assert int(page.locator("html").get_attribute("data-drawn") or "") < 20_000  # under any load
        assert pixels(page, "#inspection-attention canvas").shape[:2] == (
            len(found.output_pieces),
            len(found.source_pieces),
        )
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.screenshot(path=tmp_path / "page.png", full_page=True)
    assert (tmp_path / "page.png").stat().st_size > 20_000


@pytest.mark.parametrize("found", [SENTENCE], indirect=True, ids=["short"])
def test_200_pieces_in_six_layers_of_512_units_stay_below_3_mb(found: TranslationInspection) -> None:
    random = np.random.default_rng(1)

    def layer(part: str, number: int, direction: str, units: int) -> LayerActivations:
        cell = random.uniform(-9, 9, (200, units)).astype(np.float32)  # incompressible
        gates = {name: random.random((200, units), dtype=np.float32) for name in ("input", "forget", "output")}
        return LayerActivations(
            part, number, direction, {"cell": cell, "hidden": gates["output"] * np.tanh(cell), **gates}, (0,)
        )

    encoder = [layer("encoder", 1 + n // 2, ("forward", "backward")[n % 2], 256) for n in range(6)]
    decoder = [layer("decoder", 1 + n, "forward", 512) for n in range(3)]
    page = render_page(dataclasses.replace(found, layers=[*encoder, *decoder]))
    assert len(page.encode()) < 3_000_000


def test_the_page_of_a_language_model_keeps_the_layout_of_the_text(
    browser: sync_api.Browser, language_model: Callable[..., Path], tmp_path: Path, nmt: Nmt
) -> None:
    path = language_model()
    ran = nmt("inspect", path, CODE, "-o", tmp_path / "page.html")
    assert ran.status == 0, ran.err
    found = inspect_text(load_text_model(path), CODE)
    with checked_page(browser) as page:
        draw(page, tmp_path / "page.html")
        shown = page.locator("#inspection-target .piece")
        assert "".join(shown.all_text_contents()) == "<s>\n" + CODE.replace("\n", "↵\n") + " </s> "
        boxes = shown.evaluate_all("all => all.map(e => e.getBoundingClientRect()).map(b => [b.x, b.y, b.width])")
        at = [boxes[CODE.index(word) + 1] for word in ("def", '"""', "return")]  # begin of sentence comes first
        assert at[0][0] + 4 * at[0][2] == pytest.approx(at[1][0], abs=0.5)
        assert at[1][0] == at[2][0]
        assert at[0][1] < at[1][1] < at[2][1]
        for number, layer in enumerate(found.layers):
            page.select_option("#inspection-layer", index=number)
            assert pixels(page, "#inspection-heat canvas").shape[:2] == layer.values["cell"].T.shape
        page.click("#inspection-target .piece >> nth=10")
        assert readout_of(page)[1] == "↵"
        assert page.locator("#inspection-readout").inner_text().endswith(f"log-probability −{-found.scores[9]:.2f}")
        page.check("#inspection-by-score")
        colours = shown.evaluate_all("all => all.map(e => e.style.backgroundColor)")
        greens = [int(re.findall(r"\d+", colour)[1]) for colour in colours[1:]]  # redder is less green
        order = np.argsort(found.scores)
        assert colours[0] == ""
        assert (np.diff(np.array(greens)[order]) >= 0).all()
        assert greens[order[0]] < greens[order[-1]]
        assert page.locator("#inspection-source, #inspection-attention, #inspection-tree").count() == 0


def test_2000_pieces_in_two_layers_of_256_units_stay_below_3_mb_and_show_a_part_over_time(
    browser: sync_api.Browser, language_model: Callable[..., Path], tmp_path: Path
) -> None:
    found, random = (
        inspect_text(load_text_model(language_model()), "\n".join([CODE] * 40)[:2000]),
        np.random.default_rng(1),
    )
    assert len(found.input_pieces) > 2000

    def layer(number: int) -> LayerActivations:
        cell = random.uniform(-9, 9, (len(found.input_pieces), 256)).astype(np.float32)  # incompressible
        gates = {name: random.random(cell.shape, dtype=np.float32) for name in ("input", "forget", "output")}
        values = {"cell": cell, "hidden": gates["output"] * np.tanh(cell), **gates}
        return LayerActivations("decoder", number, "forward", values, (0,))

    found = dataclasses.replace(found, layers=[layer(1), layer(2)])
    file = tmp_path / "page.html"
    file.write_text(render_page(found), encoding="utf-8")
    assert file.stat().st_size < 3_000_000
    with checked_page(browser) as page:
        draw(page, file)
        assert int(page.locator("html").get_attribute("data-drawn") or "") < 20_000  # under any load
        page.locator("#inspection-target .piece").nth(1000).click()
        _, _, _, value = readout_of(page)
        assert value == pytest.approx(float(found.layers[0].values["cell"][1000, 0]), abs=18 / 15 / 2 + 0.01)
        first, last = map(int, re.findall(r"\d+", page.locator("#inspection-lines-part").inner_text())[:2])
        assert first <= 1000 <= last
        points = (page.locator("#inspection-lines polyline.cell").get_attribute("points") or "").split(" ")
        assert len(points) == last - first + 1 < 100
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_page_is_self_contained_and_escapes_all_text(model: Path) -> None:
    page = render_page(inspect_translation(load_translator(model), "the <script>alert(1)</script> dog & the king"))
    assert "<script>alert" not in page
    assert re.findall(r"(?:src|href)=|url\(|@import|https?://(?!www\.w3\.org/2000/svg)", page) == []
    assert page.count("<script") == 2
