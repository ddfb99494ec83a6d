"""The training report: complete, self-contained, escaped and consistent with the model card and the metrics."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import Nmt
from toy import ADJECTIVES, NOUNS, RECIPE, VERBS, toy_pairs, write_corpus

from nmt.config.loading import load_translator_recipe
from nmt.config.schema import TranslatorRecipe
from nmt.corpus.parallel_corpus import corpus_fingerprint
from nmt.corpus.preparation import prepare_data
from nmt.evaluation import dev_set_sections
from nmt.evaluation.metrics import corpus_bleu, sentence_chrf
from nmt.inference.translator import Translator
from nmt.model_directory.directory import read_model_directory
from nmt.training import session

SECTIONS = ["summary", "curves", "quality", "attention", "examples", "data", "environment", "recipe"]
VOID = {"meta", "br", "hr", "img", "input", "link"}
HTML = '<script>alert("1")</script> & <b>'


@dataclass
class Page(HTMLParser):
    """Contents of an HTML page; tags must nest."""

    text: str
    sections: list[str] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)
    attributes: list[tuple[str, str]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.sections += [value or "" for name, value in attrs if tag == "section" and name == "id"]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag != "mark":
            self.words.append(" ")  # separates cells and labels

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.words.append(data)

    def shown(self) -> str:
        """Return all text, with single spaces."""
        return " ".join("".join(self.words).split())


def page_of(run: Path) -> Page:
    return Page((run / "report.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with dev and test sets; one dev pair contains HTML, and all pairs are shown."""
    folder = tmp_path_factory.mktemp("report")
    write_corpus(folder / "train", toy_pairs(300, seed=1))
    write_corpus(folder / "dev", [(f"the dog {HTML}", f"le chien {HTML}"), *toy_pairs(11, seed=2)])
    write_corpus(folder / "test", toy_pairs(20, seed=3))
    (folder / "toy.yaml").write_text(RECIPE, encoding="utf-8")
    recipe = load_translator_recipe(
        folder / "toy.yaml", ["training.max_updates=60", "training.learning_rate=1e-2", "training.ema=0.9",
                              "training.validate_every=20", f"data.test={folder / 'test'}"],
    )  # fmt: skip
    session.train(recipe, folder / "run")
    return folder / "run"


def test_the_page_is_complete_and_self_contained(run: Path) -> None:
    page = page_of(run)
    assert page.sections == SECTIONS
    assert not page.tags & {"script", "link", "img", "iframe", "object"}
    assert not {name for name, _ in page.attributes} & {"src", "href", "xlink:href", "srcset", "onload", "onclick"}
    assert not re.search(r"https?:|url\(|@import|//[a-z]", page.text)
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes
    assert page.text.startswith("<!DOCTYPE html>")


def test_text_of_the_corpus_is_escaped(run: Path) -> None:
    page = page_of(run)
    assert "script" not in page.tags
    assert f"the dog {HTML}" in page.shown()
    assert "&lt;script&gt;" in page.text


def test_the_page_agrees_with_the_model_card_and_the_recipe(run: Path) -> None:
    page, card = page_of(run), read_model_directory(run).card
    shown = page.shown()
    for metrics in card.scores.values():
        for value in metrics.values():
            assert f"{value['score']:.2f} ± {value['ci']:.2f}" in shown
            assert value["signature"] in shown
    assert f"Parameters {card.training['parameters']:,} Pieces 420 for both languages" in shown
    assert f"Updates 60, the best after {card.training['updates']}" in shown
    config = load_translator_recipe(run / "config.yaml")
    [recipe] = re.findall(r'<pre class="recipe">(.*?)</pre>', page.text, re.DOTALL)
    assert TranslatorRecipe.model_validate(yaml.safe_load(recipe)) == config
    for spec in (*config.data.train, config.data.dev, config.data.test):
        assert spec is not None
        assert corpus_fingerprint(spec, "en", "fr") in shown
    assert prepare_data(config).train.fingerprint in shown
    for name in ("Python", "torch", "sacreBLEU", "Carousel", "CPU", "Threads"):
        assert f"{name} " in shown


def test_the_curves_show_the_recorded_metrics(run: Path) -> None:
    page = page_of(run)
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    shown = page.shown()
    for record in records:
        if record["kind"] == "dev":
            assert f"update {record['update']}: dev {record['bleu']:.4g}" in shown
        else:
            assert f"update {record['update']}: training {record['loss']:.4g}" in shown
            assert f"update {record['update']}: gradient norm {record['grad_norm']:.4g}" in shown
    assert page.text.count('class="best"') == 5  # once per curve


def dev_set(run: Path) -> tuple[list[str], list[str], list[str]]:
    """Return the sources, references and newly made translations of the dev set."""
    config = load_translator_recipe(run / "config.yaml")
    pairs = prepare_data(config).directions[0].dev
    found = Translator.load(run / "model", threads=2).translate([source for source, _ in pairs])
    return [source for source, _ in pairs], [target for _, target in pairs], [t.text for t in found]


def test_bleu_of_each_length_bin_is_that_of_its_sentences(run: Path) -> None:
    sources, references, translations = dev_set(run)
    picture = page_of(run).text.partition('id="lengths"')[2].partition('id="frequencies"')[0]
    bars = re.findall(r"(\d+)(?:–(\d+))?: ([\d.]+)(?: ± [\d.]+)? \((\d+)\)</title>", picture)
    assert sum(int(count) for *_, count in bars) == len(sources)
    lengths = [len(re.findall(r"[\w$]+|[^\w\s]", source)) for source in sources]
    for low, high, value, count in bars:
        rows = [n for n, length in enumerate(lengths) if int(low) <= length <= int(high or low)]
        assert len(rows) == int(count)
        assert float(value) == pytest.approx(
            corpus_bleu([translations[n] for n in rows], [references[n] for n in rows], "fr"), abs=0.06
        )


def test_the_examples_are_the_best_and_the_worst(run: Path) -> None:
    _, references, translations = dev_set(run)
    qualities = [100 * each for each in sentence_chrf(translations, references)]
    found = [
        (int(number), float(chrf))
        for number, chrf in re.findall(r"Sentence (\d+), chrF ([\d.]+)", page_of(run).shown())
    ]
    assert len(found) == 12
    assert len({number for number, _ in found}) == 12
    assert [chrf for _, chrf in found[:4]] == pytest.approx(sorted(qualities)[:4], abs=0.06)
    assert [chrf for _, chrf in found[8:]] == pytest.approx(sorted(qualities, reverse=True)[:4], abs=0.06)
    assert all(chrf == pytest.approx(qualities[number - 1], abs=0.06) for number, chrf in found)


def test_words_are_counted_in_the_training_text(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ids decode to the text of the corpus; of a large corpus, an evenly spaced sample is read in chunks."""
    config = load_translator_recipe(run / "config.yaml")
    prepared = prepare_data(config)
    rows = np.arange(len(prepared.train))
    texts = list(dev_set_sections._decode_training_targets(prepared, rows))
    corpus = (run.parent / "train.fr").read_text(encoding="utf-8").splitlines()
    assert list(dict.fromkeys(corpus))[:50] == list(dict.fromkeys(texts))[:50]
    monkeypatch.setattr(dev_set_sections, "_PAIRS_PER_DECODING", 7)
    assert list(dev_set_sections._decode_training_targets(prepared, rows)) == texts
    monkeypatch.setattr(dev_set_sections, "_MAX_COUNTED_PAIRS", 20)
    read: list[list[int]] = []
    monkeypatch.setattr(dev_set_sections, "_decode_training_targets", lambda _, rows: read.append(rows) or [])
    [section] = dev_set_sections.build_dev_set_sections(prepared, read_model_directory(run), {"en-fr": ["x"] * 12})
    assert section.counted == f"20 evenly spaced of the {len(rows)}"
    assert len(read[0]) == 20
    assert (read[0][0], read[0][-1]) == (0, len(rows) - 1)
    assert np.ptp(np.diff(read[0])) <= 1
    assert f"counted in all {len(rows)} training pairs" in page_of(run).shown()


def test_a_run_without_dev_and_test_sets_has_a_report(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    out = tmp_path / "run"
    assert nmt("train", recipe, "--out", out, "data.dev=null", "training.max_updates=3").status == 0
    page = page_of(out)
    assert page.sections == [name for name in SECTIONS if name not in {"quality", "attention", "examples"}]
    assert "Not scored: the recipe names neither a dev nor a test set." in page.shown()
    assert "Updates 3 Time" in page.shown()
    assert 'class="best"' not in page.text


def test_the_report_of_a_resumed_run_has_the_whole_curve(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    out = tmp_path / "run"
    assert nmt("train", recipe, "--out", out, "search.beam=1").status == 0
    assert "Updates 12," in page_of(out).shown()
    assert nmt("train", recipe, "--out", out, "--resume", "training.max_updates=18", "search.beam=1").status == 0
    page = page_of(out)
    assert "Updates 18," in page.shown()
    assert all(f"update {update}: dev " in page.shown() for update in (6, 12, 18))


def test_other_scripts_separate_vocabularies_and_no_attention(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    """Arabic to Chinese: the browser infers the text direction, and words are Chinese characters."""
    words = {
        "the": ("ال", "那"),
        **{word: (f"ع{n}ب", chr(0x4E00 + 7 * n)) for n, word in enumerate([*NOUNS, *VERBS, *ADJECTIVES])},
    }
    for name, count in (("train", 300), ("dev", 10)):
        sentences = [[words[word] for word in source[:-1].split()] for source, _ in toy_pairs(count, seed=len(name))]
        for language, joined in (
            ("ar", [" ".join(a for a, _ in sentence) + "؟" for sentence in sentences]),
            ("zh", ["".join(z for _, z in sentence) + "。" for sentence in sentences]),
        ):
            (tmp_path / f"{name}.{language}").write_text("".join(f"{text}\n" for text in joined), encoding="utf-8")
    text = RECIPE.replace("source: en, target: fr", "source: ar, target: zh").replace("420", "345, shared: false")
    recipe.write_text(text, encoding="utf-8")
    ran = nmt("train", recipe, "--out", tmp_path / "run", "model.attention=none", "search.beam=1")
    assert ran.status == 0, ran.err
    page = page_of(tmp_path / "run")
    assert page.sections == [name for name in SECTIONS if name != "attention"]
    assert "345 of ar, 345 of zh" in page.shown()
    assert page.attributes.count(("dir", "auto")) >= 27  # source, translation, reference of nine sentences and more
    assert {("lang", "ar"), ("lang", "zh")} <= set(page.attributes)
    references = (tmp_path / "dev.zh").read_text(encoding="utf-8").splitlines()
    counts = re.findall(
        r'class="label">[\d–,+]+</text><text[^>]*>([\d,]+)</text>', page.text.split('id="frequencies"')[1]
    )
    assert sum(int(count.replace(",", "")) for count in counts) == sum(map(len, references))


def test_each_direction_of_a_multilingual_run_has_a_section(multilingual_run: Path) -> None:
    page = page_of(multilingual_run)
    assert page.sections == ["summary", "curves", "directions", "data", "environment", "recipe"]
    config = load_translator_recipe(multilingual_run / "config.yaml")
    prepared, translator = prepare_data(config), Translator.load(multilingual_run)
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    parts = page.text.split("<details>")[1:]
    assert len(parts) == len(prepared.directions) == 4
    into_english = sum(len(rows) for rows in prepared.train.direction_rows[1::2])
    for part, each, rows in zip(parts, prepared.directions, prepared.train.direction_rows, strict=True):
        direction, shown = each.direction, Page(f"<main>{part.partition('</details>')[0]}</main>").shown()
        assert f"{direction.source} → {direction.target} {len(rows)} training pairs; {len(each.dev)} dev" in shown
        counted = into_english if direction.target == "en" else len(rows)
        assert f"counted in all {counted} training pairs into {direction.target}" in shown
        assert {f"lengths-{direction.name}", f"frequencies-{direction.name}", direction.name} <= set(ids)
        sources = [source for source, _ in each.dev]
        found = translator.translate(sources, source=direction.source, target=direction.target)
        qualities = [100 * q for q in sentence_chrf([t.text for t in found], [target for _, target in each.dev])]
        examples = [(int(n), float(q)) for n, q in re.findall(r"Sentence (\d+), chrF ([\d.]+)", shown)]
        assert len(examples) == 6
        assert all(q == pytest.approx(qualities[n - 1], abs=0.06) for n, q in examples)
        assert all(sources[n - 1] in shown for n, _ in examples)
        # The attention map shows the language piece that the network reads.
        assert f"&lt;lang:{['en', 'fr', 'xx'].index(direction.target)}&gt;" in part
        assert f"{direction.name}: {len(rows)} of" in page.shown()


def test_a_failing_report_does_not_fail_the_training(
    recipe: Path, tmp_path: Path, nmt: Nmt, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    monkeypatch.setitem(sys.modules, "jinja2", None)
    ran = nmt("train", recipe, "--out", out)
    assert ran.status == 0
    assert "report.html: not written" in ran.err
    assert "the report needs the 'train' extra: pip install 'carousel-nmt[train]'" in ran.err
    assert "dev: bleu" in ran.out
    assert read_model_directory(out).card.scores["dev"]
    assert not (out / "report.html").exists()
