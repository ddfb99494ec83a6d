"""Uses of multilingual translators: ensembles, distillation, engines, scores, language models, inspection."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Nmt
from multilingual import METHODS, write_multilingual_recipe
from runs import metrics

from nmt import Translator
from nmt.corpus.tokenizer import BOS, EOS, language_id
from nmt.engine.factory import engine_factories
from nmt.inference.batch_decoder import BatchDecoder
from nmt.inference.translation import Direction
from nmt.model_directory.directory import read_model_directory
from nmt.search.forced_scoring import score_pairs

PAIRS = [("en", "fr"), ("fr", "en"), ("en", "xx"), ("xx", "en")]
TEXTS = {
    "en": ["the dog sees the cat.", "the young king hears the red bird. the man sleeps."],
    "fr": ["le chien voit le chat.", "le roi jeune entend le oiseau rouge."],
    "xx": ["gur qbt frrf gur png.", "gur lbhat xvat urnef gur erq oveq."],
}


@pytest.fixture(scope="module")
def other_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the same recipe with another seed."""
    from nmt.config.loading import load_translator_recipe
    from nmt.training import session

    folder = tmp_path_factory.mktemp("other")
    recipe = load_translator_recipe(write_multilingual_recipe(folder, dev_pairs=100), [*METHODS, "training.seed=2"])
    session.train(recipe, folder / "run")
    return folder / "run"


@pytest.mark.parametrize(("source", "target"), [*PAIRS, ("fr", "xx")])
def test_all_engines_and_precisions_translate_each_direction(
    source: str, target: str, multilingual_run: Path, tmp_path: Path, nmt: Nmt
) -> None:
    outputs = []
    for engine in ("onnx", "torch"):
        translator = Translator.load(multilingual_run, engine=engine, shortlist=False)  # type: ignore[arg-type]
        outputs.append(translator.translate(TEXTS[source], source=source, target=target))
    for onnx, torch in zip(*outputs, strict=True):
        assert (onnx.text, onnx.direction) == (torch.text, torch.direction)
        assert onnx.score == pytest.approx(torch.score, abs=1e-4)
    for precision in ("fp32", "int8"):
        exported = nmt("export", multilingual_run, tmp_path / precision, "--quantize", precision)
        assert exported.status == 0, exported.err
        found = Translator.load(tmp_path / precision).translate(TEXTS[source], source=source, target=target)
        if precision == "fp32":
            assert [each.text for each in found] == [each.text for each in outputs[0]]
        assert [each.score for each in found] == pytest.approx([each.score for each in outputs[0]], abs=0.1)


def test_ensemble_averages_the_probabilities_of_the_direction(multilingual_run: Path, other_run: Path) -> None:
    models = [read_model_directory(run) for run in (multilingual_run, other_run)]
    tokenizer = models[0].tokenizer
    for source, target in PAIRS:
        prefix = language_id(["en", "fr", "xx"].index(target))
        ids = [prefix, *tokenizer.source.encode(TEXTS[source][0]).ids], tokenizer.target.encode(TEXTS[target][0]).ids
        members = []
        for group in ([models[0]], [models[1]], models):
            [make_engine] = engine_factories(group, "onnx", 1, use_shortlist=False)
            [(_, found)] = score_pairs(make_engine(1, 1), [(0, *ids)], BOS, EOS, return_attention=False)
            members.append(np.array(found.token_scores))
        assert np.exp(members[2]) == pytest.approx((np.exp(members[0]) + np.exp(members[1])) / 2, rel=1e-4)
    both = Translator.load(multilingual_run, ensemble=[other_run])
    assert both.translate(TEXTS["fr"][0], source="fr", target="xx").direction == Direction("pivot", ("fr", "en", "xx"))


def test_command_translates_and_evaluates_with_an_ensemble(
    multilingual_run: Path, other_run: Path, tmp_path: Path, nmt: Nmt
) -> None:
    (tmp_path / "in.fr").write_text("\n".join(TEXTS["fr"]) + "\n", encoding="utf-8")
    languages = ("--from", "fr", "--to", "en")
    done = nmt("translate", multilingual_run, tmp_path / "in.fr", *languages, "--with", other_run)
    assert done.status == 0, done.err
    expected = Translator.load(multilingual_run, ensemble=[other_run]).translate(TEXTS["fr"], source="fr", target="en")
    assert done.out.splitlines() == [each.text for each in expected]
    files = ("--source", tmp_path / "in.fr", "--reference", tmp_path / "in.fr")
    assert nmt("evaluate", multilingual_run, *files, *languages, "--with", other_run).status == 0


def test_models_of_other_directions_form_no_ensemble(multilingual_run: Path, model: Path, nmt: Nmt) -> None:
    refused = nmt("translate", multilingual_run, "--from", "en", "--to", "fr", "--with", model)
    assert refused.status == 1
    assert "translates between other languages than" in refused.err


def test_evaluation_repeats_the_scores_of_the_card(multilingual_run: Path, nmt: Nmt) -> None:
    folder = multilingual_run.parent
    for each in read_model_directory(multilingual_run).card.directions:
        pair = "fr" if "fr" in each.name else "xx"
        sides = [folder / f"{pair}.dev.{code}" for code in (each.source, each.target)]
        files = ("--source", sides[0], "--reference", sides[1])
        done = nmt("evaluate", multilingual_run, *files, "--from", each.source, "--to", each.target, "--json")
        assert done.status == 0, done.err
        found = json.loads(done.out)
        assert {name: found[name] for name in ("bleu", "chrf", "ter")} == each.scores["dev"]


def test_scores_are_of_the_direction(multilingual_run: Path, tmp_path: Path, nmt: Nmt) -> None:
    for code in ("en", "fr"):
        (tmp_path / code).write_text("\n".join(TEXTS[code]) + "\n", encoding="utf-8")
    done = nmt("score", multilingual_run, "--source", tmp_path / "fr", "--target", tmp_path / "en", "--from", "fr")
    assert done.status == 0, done.err
    pairs = list(zip(TEXTS["fr"], TEXTS["en"], strict=True))
    expected = Translator.load(multilingual_run, shortlist=False).score(pairs, source="fr", target="en")
    assert list(map(float, done.out.split())) == pytest.approx([each.score for each in expected], abs=1e-5)


def test_student_learns_directions_from_the_translations_of_a_teacher(
    multilingual_run: Path, tmp_path: Path, nmt: Nmt
) -> None:
    """A student of two directions, one of which the teacher translates through English."""
    folder = multilingual_run.parent
    for source, target in (("fr", "en"), ("fr", "xx")):
        options = ("--from", source, "--to", target, "-o", tmp_path / f"{source}-{target}.jsonl")
        assert nmt("translate", multilingual_run, folder / "fr.train.fr", *options).status == 0
    lines = (tmp_path / "fr-xx.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["fr"] for line in lines] == (folder / "fr.train.fr").read_text().splitlines()
    recipe = write_multilingual_recipe(tmp_path)
    directions = (
        f"data.directions=[{{source: fr, target: en, train: [{tmp_path}/fr.train, {tmp_path}/fr-en.jsonl],"
        f" dev: {tmp_path}/fr.dev}}, {{source: fr, target: xx, train: [{tmp_path}/fr-xx.jsonl], both_ways: true}}]"
    )
    settings = ("tokenizer.vocab_size=380", "data.filter.max_ratio=100")
    trained = nmt("train", recipe, directions, *settings, "--out", tmp_path / "run")
    assert trained.status == 0, trained.err
    assert Translator.load(tmp_path / "run").directions == [("fr", "en"), ("fr", "xx"), ("xx", "fr")]
    assert list(metrics(tmp_path / "run", "dev")[12]["bleu_by_direction"]) == ["fr-en"]  # type: ignore[call-overload]


@pytest.mark.parametrize("rescore", [[], ["--rescore", "4"]])
def test_language_model_of_a_target_language(
    rescore: list[str], multilingual_run: Path, tmp_path: Path, nmt: Nmt
) -> None:
    (tmp_path / "lm.yaml").write_text(
        f"data: {{language: fr, train: [{multilingual_run.parent}/fr.train.fr]}}\n"
        f"tokenizer: {{model: {multilingual_run}}}\n"
        "model: {width: 16, decoder_layers: 1, dropout: 0.1}\n"
        "training: {max_updates: 4, batch_tokens: 300, validate_every: 4, checkpoint_every: 4, precision: fp32}\n"
    )
    trained = nmt("train", tmp_path / "lm.yaml", "--out", tmp_path / "lm")
    assert trained.status == 0, trained.err
    (tmp_path / "in").write_text(TEXTS["en"][0] + "\n", encoding="utf-8")
    options = ("--from", "en", "--to", "fr", "--lm", tmp_path / "lm", *rescore)
    done = nmt("translate", multilingual_run, tmp_path / "in", *options, "--json")
    assert done.status == 0, done.err
    assert json.loads(done.out)["direction"] == {"kind": "trained", "languages": ["en", "fr"]}


def test_inspection_shows_the_language_piece(multilingual_run: Path, tmp_path: Path, nmt: Nmt) -> None:
    text, options = TEXTS["fr"][0], ("--from", "fr", "--to", "en")
    done = nmt("inspect", multilingual_run, text, "-o", tmp_path / "x.json", *options)
    assert done.status == 0, done.err
    expected = Translator.load(multilingual_run, shortlist=False).translate(text, source="fr", target="en")
    inspection = json.loads((tmp_path / "x.json").read_text())
    assert inspection["translation"] == expected.text
    assert inspection["source"][0] == "<lang:0>"
    refused = nmt("inspect", multilingual_run, text, "-o", tmp_path / "x.json", "--to", "de")
    assert (refused.status, refused.err.count("\n")) == (2, 1)
    assert "--to: the model does not translate into 'de'" in refused.err


def test_batches_of_mixed_directions_equal_single_sentences(multilingual_run: Path) -> None:
    directory = read_model_directory(multilingual_run)
    decoder = BatchDecoder(engine_factories([directory], "onnx", 1, use_shortlist=True))
    sources = [
        (10 * number + n, [language_id(number), *directory.tokenizer.source.encode(text).ids])
        for number in range(3)
        for n, text in enumerate([*TEXTS["en"], *TEXTS["fr"]])
    ]
    together = decoder.search(sources, 3, directory.decoding_options)
    for key, ids in sources:
        assert together[key] == decoder.search([(key, ids)], 3, directory.decoding_options)[key]
