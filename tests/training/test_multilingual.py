"""Training of one network for several translation directions."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import Nmt
from multilingual import METHODS, write_multilingual_recipe
from processes import finish, start_training
from runs import metrics, sha256

from nmt import Translator
from nmt.corpus.batching import select_epoch_rows
from nmt.corpus.tokenizer import language_id
from nmt.engine.factory import engine_factories, load_shortlist
from nmt.inference.batch_decoder import BatchDecoder
from nmt.inference.text_options import TextOptions
from nmt.inference.translation import Direction
from nmt.model_directory.card import FORMAT_VERSION, MULTILINGUAL_FORMAT_VERSION
from nmt.model_directory.directory import CARD, read_model_directory
from nmt.text.glossary import TermList
from nmt.utils.errors import UsageError

NAMES = ["en-fr", "fr-en", "en-xx", "xx-en"]


@pytest.fixture
def multilingual_recipe(tmp_path: Path) -> Path:
    return write_multilingual_recipe(tmp_path, dev_pairs=100)


def test_metrics_show_directions_apart(multilingual_run: Path) -> None:
    records = metrics(multilingual_run, "dev")
    assert list(records) == [6, 12]
    for record in records.values():
        by_direction, losses = record["bleu_by_direction"], record["loss_by_direction"]
        assert list(by_direction) == list(losses) == NAMES  # type: ignore[call-overload]
        assert record["bleu"] == pytest.approx(sum(by_direction.values()) / 4)  # type: ignore[attr-defined]
        assert min(losses.values()) < record["loss"] < max(losses.values())  # type: ignore[attr-defined]


def test_card_describes_each_direction(multilingual_run: Path) -> None:
    card = read_model_directory(multilingual_run).card
    assert card.format_version == MULTILINGUAL_FORMAT_VERSION
    assert card.languages == ["en", "fr", "xx"]
    assert [each.name for each in card.directions] == NAMES
    assert (card.source_language, card.target_language) == ("en", "fr")
    assert card.longest_source == max(each.longest_source for each in card.directions)
    for each in card.directions:
        assert set(each.scores["dev"]) == {"bleu", "chrf", "ter"}
        assert each.training_pairs > 0
        assert each.longest_source < 40
    assert str(multilingual_run.parent) not in (multilingual_run / "model" / CARD).read_text()  # no paths
    report = (multilingual_run / "report.html").read_text()
    for name in NAMES:
        assert f"dev {name}" in report
        assert f"BLEU {name}, greedy" in report


def test_translator_is_told_the_direction(multilingual_run: Path, tmp_path: Path, nmt: Nmt) -> None:
    translator = Translator.load(multilingual_run)
    assert translator.directions == [("en", "fr"), ("fr", "en"), ("en", "xx"), ("xx", "en")]
    with pytest.raises(UsageError, match="source, target: several directions are possible"):
        translator.translate("the dog sees the cat.")
    direct = translator.translate("the dog sees the cat.", source="en", target="fr")
    assert direct.direction == Direction("trained", ("en", "fr"))
    assert direct.alignment is not None
    assert max(end for _, end, _, _ in direct.alignment) <= len("the dog sees the cat.")
    pivoted = translator.translate("le chien voit le chat.", source="fr", target="xx")
    assert pivoted.direction == Direction("pivot", ("fr", "en", "xx"))
    pair = ("the dog sees the cat.", "le chien voit le chat.")
    french, cipher = (translator.score([pair], source="en", target=code)[0] for code in ("fr", "xx"))
    assert french.tokens == cipher.tokens
    assert french.score != cipher.score  # the network reads the target language
    (tmp_path / "in").write_text("the dog sees the cat.\n", encoding="utf-8")
    assert nmt("translate", multilingual_run, tmp_path / "in", "--from", "en", "--to", "fr").out == f"{direct.text}\n"


def test_card_of_one_pair_of_languages_is_unchanged(short_run: Path) -> None:
    stored = json.loads((short_run / "model" / CARD).read_text())
    assert stored["format_version"] == FORMAT_VERSION
    assert not {"languages", "directions"} & stored.keys()


@pytest.mark.parametrize("shortlist", [True, False])
def test_exported_model_keeps_directions_and_decodes_into_each_language(
    multilingual_run: Path, shortlist: bool, tmp_path: Path, nmt: Nmt
) -> None:
    options = ["--shortlist"] if shortlist else []
    exported = nmt("export", multilingual_run, tmp_path / "int8", "--quantize", "int8", *options)
    assert exported.status == 0, exported.err
    before, after = (read_model_directory(path) for path in (multilingual_run, tmp_path / "int8"))
    assert after.card.format_version == MULTILINGUAL_FORMAT_VERSION
    assert after.card.languages == before.card.languages
    assert [each.scores for each in after.card.directions] == [each.scores for each in before.card.directions]
    # Confidence was calibrated with the shortlist.
    assert all(each.confidence for each in before.card.directions)
    assert all(bool(each.confidence) == shortlist for each in after.card.directions)
    decoder = BatchDecoder(engine_factories([after], "onnx", 1, use_shortlist=True))
    words = after.tokenizer.source.encode("the dog sees the cat.").ids
    sources = [(number, [language_id(number), *words]) for number in range(3)]
    found = decoder.search(sources, 2, after.decoding_options)
    assert set(found) == {0, 1, 2}
    if shortlist:
        lists = load_shortlist(after)
        assert lists
        for number, source in sources:
            assert set(found[number][0].tokens) <= set(lists.target_ids_for_sentence(source).tolist())


def test_interrupted_training_resumes_to_the_same_bytes(
    multilingual_recipe: Path, multilingual_run: Path, tmp_path: Path, nmt: Nmt
) -> None:
    out = tmp_path / "run"
    assert nmt("train", multilingual_recipe, *METHODS, "training.max_updates=5", "--out", out).status == 0
    again = nmt("train", multilingual_recipe, *METHODS, "--out", out, "--resume")
    assert again.status == 0, again.err
    assert "Resumed after update 5" in again.err
    weights = [folder / "model" / "model.safetensors" for folder in (out, multilingual_run)]
    assert sha256(weights[0]) == sha256(weights[1])


def test_other_sampling_does_not_continue_a_run(
    multilingual_recipe: Path, multilingual_run: Path, tmp_path: Path, nmt: Nmt
) -> None:
    out = tmp_path / "run"
    assert nmt("train", multilingual_recipe, *METHODS, "--out", out).status == 0
    for change in ("data.temperature=2", "data.directions.0.weight=2", "data.languages=[xx]"):
        refused = nmt(
            "train", multilingual_recipe, *METHODS, change, "training.max_updates=20", "--out", out, "--resume"
        )
        assert refused.status == 1
        assert "belongs to other training text or other settings" in refused.err


@pytest.mark.slow
def test_two_processes_equal_one_that_accumulates_twice_as_much(multilingual_recipe: Path, tmp_path: Path) -> None:
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    parallel = start_training(multilingual_recipe, tmp_path / "two", *METHODS, launcher=launcher)
    single = start_training(multilingual_recipe, tmp_path / "one", *METHODS, "training.accumulate=2")
    finish(parallel)
    finish(single)
    one, two = (metrics(tmp_path / name, "dev") for name in ("one", "two"))
    assert [record["loss"] for record in two.values()] == pytest.approx(
        [each["loss"] for each in one.values()], rel=1e-6
    )


def test_epochs_contain_small_directions_more_often(multilingual_recipe: Path) -> None:
    from nmt.config.loading import load_translator_recipe
    from nmt.training.translation_task import TranslationTask

    counts = []
    for temperature in (1, 100):
        recipe = load_translator_recipe(multilingual_recipe, [f"data.temperature={temperature}"])
        task = TranslationTask(recipe, None, lambda message: None)
        task.prepare(lambda message: None)
        loader = task.create_loader(0, 1)
        rows = select_epoch_rows(loader.corpus.corpus_sizes, loader.weights, 1, 0)  # type: ignore[union-attr]
        pieces = [int(ids[0]) for ids in loader.corpus.source_ids(rows).to_lists()]
        counts.append([pieces.count(language_id(number)) for number in range(3)])
    for english, french, cipher in counts:
        assert english == french + cipher
    assert counts[0][1] > 1.8 * counts[0][2]
    assert counts[1][1] < 1.1 * counts[1][2]
    assert sum(counts[0]) == pytest.approx(sum(counts[1]), abs=4)


def test_terms_apply_through_a_pivot_language(multilingual_run: Path) -> None:
    translator = Translator.load(multilingual_run)
    terms = TermList([("chien", "qbttl"), ("roi", "xvat")], "fr", "xx")
    texts = ["le chien voit le roi.", "le chat dort.", "Chien !"]
    options = TextOptions(terms=terms)
    found = translator.translate(texts, source="fr", target="xx", text_options=options)
    assert [[term.target for term in each.terms] for each in found] == [["qbttl", "xvat"], [], ["qbttl"]]
    assert {"qbttl", "xvat"} <= set(re.findall(r"\w+", found[0].text.lower()))
    assert re.fullmatch(r"Qbttl\W*", found[2].text)
