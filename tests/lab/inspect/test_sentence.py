"""Inspections of translations agree with the translator and the beam search."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Nmt

from nmt import Translator
from nmt.config.schema import TokenizerConfig
from nmt.corpus.tokenizer import BOS, EOS, train_verbatim_vocabulary
from nmt.engine.onnx.export import export_model
from nmt.engine.onnx.layer_graphs import Precision
from nmt.engine.torch_engine import TorchEngine, load_network
from nmt.lab.inspect.beam_tree import search_with_tree
from nmt.lab.inspect.sentence import InspectableTranslator, inspect_translation, load_translator
from nmt.search.beam_search import decode_sentences
from nmt.utils.errors import UsageError

SENTENCE = "the red dog sees the small bird."


@pytest.fixture(scope="module")
def loaded(model: Path) -> InspectableTranslator:
    return load_translator(model)


def test_the_translation_equals_that_of_the_translator(model: Path, loaded: InspectableTranslator) -> None:
    expected = Translator.load(model, engine="torch", shortlist=False).translate(SENTENCE)
    found = inspect_translation(loaded, SENTENCE)
    assert found.translation == expected.text
    assert found.score == pytest.approx(expected.score, abs=1e-5)
    assert len(found.input_pieces) == len(found.output_pieces) == len(found.scores)
    assert found.input_pieces[1:] == found.output_pieces[:-1]
    assert [weights.shape for weights in found.attention] == [(4, len(found.output_pieces), len(found.source_pieces))]
    shapes = {(each.part, each.direction): each.values["cell"].shape for each in found.layers}
    assert shapes == {
        ("encoder", "forward"): (len(found.source_pieces), 32),
        ("encoder", "backward"): (len(found.source_pieces), 32),
        ("decoder", "forward"): (len(found.input_pieces), 64),
    }


def test_the_tree_contains_the_hypotheses_of_the_search(loaded: InspectableTranslator) -> None:
    source = loaded.directory.tokenizer.source.encode(SENTENCE).ids
    options = loaded.directory.decoding_options
    network = load_network(loaded.directory)
    found, tree = search_with_tree(TorchEngine(network, 1, 4), source, options)
    [(_, expected)] = decode_sentences(TorchEngine(network, 1, 4), [(0, source)], BOS, EOS, options)
    assert found == expected
    path = tree.path_to(tree.best_node)
    assert tree.tokens[path].tolist() == [*found[0].tokens, EOS]
    assert np.diff(tree.scores[[0, *path]]) == pytest.approx(found[0].token_scores)
    assert tree.ranks[tree.best_node] == found[0].rank_score
    assert (tree.tokens == EOS).tolist() == tree.final_mask.tolist()
    inner = np.arange(1, len(tree.tokens))
    assert (tree.parents[inner] < inner).all()
    assert (tree.steps[inner] == tree.steps[tree.parents[inner]] + 1).all()
    assert (tree.scores[inner] < tree.scores[tree.parents[inner]]).all()
    assert not tree.final_mask[tree.parents[inner]].any()
    open_ = np.bincount(tree.steps[inner][~tree.final_mask[inner]])
    assert open_.max() == 4


def test_the_tree_of_the_exported_graphs_equals_that_of_torch(loaded: InspectableTranslator) -> None:
    source = loaded.directory.tokenizer.source.encode(SENTENCE).ids
    _, expected = search_with_tree(
        TorchEngine(load_network(loaded.directory), 1, 4), source, loaded.directory.decoding_options
    )
    found = inspect_translation(loaded, SENTENCE, beam_size=4).tree
    assert found is not None
    np.testing.assert_array_equal(found.tokens, expected.tokens)
    np.testing.assert_array_equal(found.parents, expected.parents)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_an_exported_model_is_inspected_with_the_weights_of_its_graphs(
    loaded: InspectableTranslator, tmp_path: Path, precision: Precision
) -> None:
    export_model(loaded.directory, tmp_path / "exported", precision, include_shortlist=False)
    exported = load_translator(tmp_path / "exported")
    assert exported.directory.weights is None
    found, expected = inspect_translation(exported, SENTENCE), inspect_translation(loaded, SENTENCE)
    assert found.translation == expected.translation
    if precision == "fp32":
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
        for layer, original in zip(found.layers, expected.layers, strict=True):
            for name, values in original.values.items():
                np.testing.assert_allclose(layer.values[name], values, atol=1e-5)
    else:  # the weights that the engine multiplies give nearly its scores
        tree = found.tree
        assert tree is not None
        path = [0, *tree.path_to(tree.best_node)]
        np.testing.assert_allclose(np.diff(tree.scores[path]), found.scores, atol=0.15)


def test_inspection_imports_no_torch(loaded: InspectableTranslator, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['torch', 'onnx', 'pyarrow', 'filelock']))\n"
        "from nmt.cli.main import main\n"
        "main()"
    )
    arguments = ["inspect", str(loaded.directory.path), SENTENCE, "-o", str(tmp_path / "page.html")]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)
    assert (tmp_path / "page.html").stat().st_size > 10_000


def test_text_is_prepared_as_for_translation(model: Path, loaded: InspectableTranslator) -> None:
    text = "THE RED DOG SEES THE SMALL BIRD"
    expected = Translator.load(model, shortlist=False).translate(text)
    found = inspect_translation(loaded, text)
    assert found.text != text
    assert found.translation == expected.text


def test_a_given_translation_is_inspected_unchanged(model: Path, loaded: InspectableTranslator) -> None:
    found = inspect_translation(loaded, SENTENCE, translation="le roi")
    assert (found.translation, found.is_given, found.tree) == ("le roi", True, None)
    [expected] = Translator.load(model, engine="torch", shortlist=False).score([(SENTENCE, "le roi")])
    assert found.scores.sum() == pytest.approx(expected.score, abs=1e-4)


def test_empty_texts_are_refused(loaded: InspectableTranslator) -> None:
    with pytest.raises(UsageError, match="TEXT: contains nothing to translate"):
        inspect_translation(loaded, " … ")
    with pytest.raises(UsageError, match="--target: is empty; give a translation"):
        inspect_translation(loaded, SENTENCE, translation=" ")


def test_unknown_characters_are_named(
    loaded: InspectableTranslator, tmp_path: Path, nmt: Nmt, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = train_verbatim_vocabulary(
        [SENTENCE], TokenizerConfig(kind="char", vocab_size=120, byte_fallback=False), "en"
    )
    tokenizer = replace(loaded.directory.tokenizer, source=letters)
    unable = loaded._replace(directory=replace(loaded.directory, tokenizer=tokenizer))
    monkeypatch.setattr("nmt.lab.inspect.model.load_translator", lambda *_: unable)
    ran = nmt("inspect", loaded.directory.path, "the dog, ß", "-o", tmp_path / "page.html")
    assert (ran.status, ran.err) == (
        0,
        "nmt: TEXT: the vocabulary does not contain ',', 'ß'; the model reads <unk> instead\n",
    )
    assert inspect_translation(unable, SENTENCE).warning == ""


def test_files_contain_the_arrays(model: Path, loaded: InspectableTranslator, tmp_path: Path, nmt: Nmt) -> None:
    found = inspect_translation(loaded, SENTENCE)
    for name in ("states.npz", "states.json"):
        ran = nmt("inspect", model, SENTENCE, "-o", tmp_path / name)
        assert ran.status == 0, ran.err
        assert ran.out.startswith(found.translation)
    with np.load(tmp_path / "states.npz") as file:
        stored = dict(file)
    tree = json.loads((tmp_path / "states.json").read_text())
    for each in found.layers:
        for name, values in each.values.items():
            np.testing.assert_array_equal(stored[f"{each.part}.{each.layer}.{each.direction}.{name}"], values)
            np.testing.assert_allclose(tree[each.part][str(each.layer)][each.direction][name], values, atol=1e-6)
        later = slice(None, -1) if each.direction == "backward" else slice(1, None)  # without the first position
        forget, name = each.values["forget"][later].mean(axis=0), f"{each.part}.{each.layer}.{each.direction}"
        np.testing.assert_allclose(stored[f"{name}.mean_forget"], forget, rtol=1e-6)
        np.testing.assert_allclose(stored[f"{name}.mean_forget"] ** stored[f"{name}.half_life"], 0.5)
        for of_unit in ("mean_forget", "half_life"):
            of_json = tree[each.part][str(each.layer)][each.direction][of_unit]
            np.testing.assert_allclose(of_json, stored[f"{name}.{of_unit}"], atol=1e-6)
    np.testing.assert_array_equal(stored["attention.1"], found.attention[0])
    assert stored["source"].tolist() == tree["source"] == found.source_pieces
    assert found.tree is not None
    assert tree["tree"]["parents"] == found.tree.parents.tolist()
    assert [rank is not None for rank in tree["tree"]["ranks"]] == found.tree.final_mask.tolist()


def test_errors_are_one_line(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    ran = nmt("inspect", model, SENTENCE, "-o", tmp_path / "states.txt")
    assert ran.status == 2
    assert ran.err.count("\n") == 1
    assert "states.txt has no supported extension" in ran.err
    (tmp_path / "file").touch()
    for place, reason in (
        (tmp_path / "file" / "states.npz", "File exists"),
        (tmp_path / "folder.npz", "Is a directory"),
    ):
        (tmp_path / "folder.npz").mkdir(exist_ok=True)
        ran = nmt(
            "inspect", model, SENTENCE, "-o", place, "--corpus", tmp_path / "none.txt"
        )  # which is not even opened
        assert (ran.status, ran.err) == (1, f"nmt: {place}: can't be written ({reason}); choose another path\n")
    ran = nmt("inspect", tmp_path, SENTENCE, "-o", tmp_path / "states.npz")
    assert ran.status == 1
    assert "no model directory" in ran.err
