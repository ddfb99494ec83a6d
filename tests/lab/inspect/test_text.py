"""Inspections of texts agree with the language model, stepped piece by piece."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Nmt

from nmt.corpus.tokenizer import BOS, EOS
from nmt.engine.shallow_fusion import load_language_model
from nmt.lab.inspect import corpus_activations
from nmt.lab.inspect.neuron_search import find_neurons
from nmt.lab.inspect.probes import parse_signals
from nmt.lab.inspect.text import InspectableLanguageModel, inspect_text, join_lines, load_text_model
from nmt.model.cells.registry import state_specs
from nmt.utils.errors import CarouselError, UsageError

TEXT = 'def f(x):\n    """Say "x"."""\n\n    return [x, (1, 2)]'


def step_through(model: InspectableLanguageModel, text: str) -> tuple[list[int], np.ndarray, dict[str, np.ndarray]]:
    """Step through a text; return the output ids, their log-probabilities [T] and the states [T, D] by name."""
    directory, network = model.directory, load_language_model(model.directory)
    parts = state_specs(directory.card.model.cell, directory.card.model.width)
    written, scores, states = [], [], {}
    state = network.initial_state(1)
    with torch.inference_mode():
        for line in text.split("\n"):
            state = state if directory.card.carried else network.initial_state(1)
            [ids] = directory.vocabulary.encode_batch([line])
            for piece, following in zip([BOS, *ids], [*ids, EOS], strict=True):
                proposals, state = network.step(torch.tensor([piece]), state)
                written.append(following)
                scores.append(float(proposals[0, following]))
                for number, held in enumerate(state):
                    layer, part = divmod(number, len(parts))
                    name = f"decoder.{layer + 1}.forward.{parts[part].kind}"
                    states.setdefault(name, []).append(held[0].numpy())
    return written, np.array(scores), {name: np.array(values) for name, values in states.items()}


@pytest.mark.parametrize("carried", [True, False])
@pytest.mark.parametrize("model", [{"cell": "lstm"}, {"cell": "gru"}, {"design": "blocks"}])
def test_states_and_scores_equal_those_of_single_steps(
    language_model: Callable[..., Path], model: dict[str, str], carried: bool
) -> None:
    loaded = load_text_model(language_model(carried=carried, **model))
    found = inspect_text(loaded, TEXT)
    written, scores, states = step_through(loaded, TEXT)
    assert found.output_pieces == loaded.directory.vocabulary.ids_to_pieces(written)
    np.testing.assert_allclose(found.scores, scores, atol=1e-5)
    arrays = found.arrays()
    assert len(states) == (2 if model.get("cell") == "gru" else 4)
    places = range(len(found.input_pieces))
    later = [place for place in places if place and (carried or found.input_pieces[place] != "<s>")]
    for layer in found.layers:
        if model.get("cell") == "gru":
            assert layer.forget_statistics == {}
        else:
            expected = layer.values["forget"][later].mean(axis=0)
            np.testing.assert_allclose(layer.forget_statistics["mean_forget"], expected, rtol=1e-6)
            np.testing.assert_allclose(expected ** layer.forget_statistics["half_life"], 0.5, rtol=1e-4)
    for name, values in states.items():
        np.testing.assert_allclose(arrays[name], values, atol=1e-6)
    assert found.score == pytest.approx(scores.mean(), abs=1e-5)
    assert found.summary.startswith(f"{len(written)} pieces, perplexity {math.exp(-scores.mean()):.2f}")


def test_every_piece_has_its_span_in_the_text(language_model: Callable[..., Path]) -> None:
    found = inspect_text(load_text_model(language_model()), TEXT)
    assert found.text == TEXT
    assert "".join(TEXT[start:end] for start, end in found.spans) == TEXT
    begins = [place for place, piece in enumerate(found.input_pieces) if piece == "<s>"]
    assert [TEXT[slice(*found.spans[place])] for place in begins] == ["", "\n", "\n", "\n"]
    assert found.input_pieces[1:] == [{"</s>": "<s>"}.get(piece, piece) for piece in found.output_pieces[:-1]]
    plain = inspect_text(load_text_model(language_model(verbatim=False)), "  def\tf(x):  \n\n x")
    assert plain.text == "def f(x):\n\nx"


def test_empty_texts_and_unknown_characters_are_refused(language_model: Callable[..., Path]) -> None:
    loaded = load_text_model(language_model())
    with pytest.raises(UsageError, match="TEXT: is empty"):
        inspect_text(loaded, "\n")
    with pytest.raises(UsageError, match=r"TEXT: the vocabulary does not contain 'ß', 'é'; leave these characters out"):
        inspect_text(loaded, "déf\nß é")


def test_files_contain_the_arrays(language_model: Callable[..., Path], tmp_path: Path, nmt: Nmt) -> None:
    path = language_model()
    found = inspect_text(load_text_model(path), TEXT)
    for name in ("states.npz", "states.json"):
        ran = nmt("inspect", path, TEXT, "-o", tmp_path / name)
        assert ran.status == 0, ran.err
        assert ran.out.startswith(found.summary)
    with np.load(tmp_path / "states.npz") as file:
        stored = dict(file)
    tree = json.loads((tmp_path / "states.json").read_text())
    assert set(stored) == set(found.arrays())
    np.testing.assert_array_equal(stored["decoder.2.forward.cell"], found.layers[1].values["cell"])
    np.testing.assert_allclose(tree["scores"], found.scores, atol=1e-6)
    assert tree["text"] == TEXT
    assert tree.keys() == {"text", "read", "written", "scores", "decoder"}


@pytest.mark.parametrize(("option", "value"), [("--target", "le roi"), ("--beam", 3)])
def test_options_for_translators_are_refused(
    language_model: Callable[..., Path], tmp_path: Path, nmt: Nmt, option: str, value: str
) -> None:
    path = language_model()
    ran = nmt("inspect", path, TEXT, "-o", tmp_path / "page.html", option, value)
    assert (ran.status, ran.err) == (
        2, f"nmt: {option}: applies to translators, and {path} is a language model; leave it out\n"
    )  # fmt: skip
    ran = nmt("inspect", path, "--corpus", tmp_path / "pairs.tsv")
    assert ran.status == 2
    assert ran.err.endswith("pairs.tsv contains pairs, but a language model reads text; give a text file\n")


def write(file: Path, lines: list[str]) -> Path:
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


def test_passages_begin_where_the_state_is_reset(language_model: Callable[..., Path], tmp_path: Path) -> None:
    block = ["x" * 99] * 9 + ["", " " * 99, ""]  # 1,000 pieces, and an empty line before one that is not indented
    lines = [*block, *["f" * 99] * 60, "", "e"]
    file = write(tmp_path / "text.txt", lines)
    carried = corpus_activations.load_passages(file, load_text_model(language_model()))
    assert [each.text.count("\n") + 1 for each in carried] == [12, 50, 11, 1]
    assert "\n".join(each.text for each in carried) == "\n".join(lines)
    alone = corpus_activations.load_passages(file, load_text_model(language_model(carried=False)))
    assert [each.text for each in alone] == [line for line in lines if line.strip()]
    with pytest.raises(CarouselError, match=r"empty.txt: contains no text"):
        corpus_activations.load_passages(write(tmp_path / "empty.txt", ["", " "]), load_text_model(language_model()))


@pytest.mark.parametrize("carried", [True, False])
def test_correlations_over_a_corpus_equal_those_of_numpy(
    language_model: Callable[..., Path], tmp_path: Path, carried: bool
) -> None:
    loaded = load_text_model(language_model(carried=carried))
    file = write(tmp_path / "text.txt", TEXT.split("\n") * 3)
    wanted = parse_signals(["indentation", "brackets", "position", "next:x"], loaded.directory.card.language)
    batches = corpus_activations.trace_passages(loaded, corpus_activations.load_passages(file, loaded))
    found = find_neurons(batches, wanted, top_k=10_000)
    passages = [TEXT + f"\n{TEXT}" * 2] if carried else [line for line in TEXT.split("\n") * 3 if line]
    states: dict[str, list[np.ndarray]] = {}
    expected: dict[str, list[np.ndarray]] = {each.name: [] for each in wanted}
    for passage in passages:
        for name, values in step_through(loaded, passage)[2].items():
            states.setdefault(name, []).append(values[1:])
        pieces = join_lines(loaded.directory.vocabulary, passage.split("\n"))
        for each in wanted:
            expected[each.name].append(each.values(pieces, "en"))
    assert len(found) == 4 * 2 * 16
    for each in found:
        x = np.concatenate(states[each.layer.replace(" ", ".") + ".forward.cell"])[:, each.unit]
        assert each.r == pytest.approx(np.corrcoef(x, np.concatenate(expected[each.signal]))[0, 1], abs=1e-4)


def test_the_command_searches_a_text_and_shows_line_ends(
    language_model: Callable[..., Path], tmp_path: Path, nmt: Nmt
) -> None:
    path, file = language_model(), write(tmp_path / "text.txt", TEXT.split("\n") * 3)
    ran = nmt("inspect", path, "--corpus", file, "--top", 1)
    assert ran.status == 0, ran.err
    assert {line.split(" ")[0] for line in ran.out.splitlines()[1:]} >= {"indentation", "quotes", "class:punctuation"}
    assert "↵" in ran.out
    page = tmp_path / "page.html"
    ran = nmt("inspect", path, TEXT, "-o", page, "--corpus", file, "--signal", "indentation", "--top", 2, "--json")
    found = json.loads(ran.out)
    assert [each["signal"] for each in found] == ["indentation"] * 2
    assert f">{found[0]['layer']}, {found[0]['unit']}</button>" in page.read_text()
