"""Signals on hand-made examples, and search for units that are known to follow a signal."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Nmt

from nmt.corpus.tokenizer import TokenizedText
from nmt.lab.inspect import corpus_activations, neuron_search
from nmt.lab.inspect.activations import trace_translation
from nmt.lab.inspect.half_life import half_life
from nmt.lab.inspect.neuron_search import ActivationExample, NeuronMatch, SignalValueStatistics, find_neurons
from nmt.lab.inspect.neuron_table import format_extreme_examples, format_mean_states
from nmt.lab.inspect.probes import parse_signals
from nmt.lab.inspect.sentence import InspectableTranslator, load_translator
from nmt.utils.errors import CarouselError, UsageError

LINE = 'He (so [old]) said: "Go on." 3 a'


def by_word(text: str) -> TokenizedText:
    """Return a piece for each word with the space before it."""
    spans, start = [], 0
    for word in text.split(" "):
        end = start + len(word) + (start > 0)
        spans.append((start, end))
        start = end
    return TokenizedText(text, list(range(len(spans))), spans)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("position", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("remaining", [7, 6, 5, 4, 3, 2, 1, 0]),
        ("quotes", [0, 0, 0, 0, 1, 0, 0, 0]),
        ("brackets", [0, 1, 0, 0, 0, 0, 0, 0]),
        ("capitals", [1, 0, 0, 0, 1, 0, 0, 0]),
        ("end", [0, 0, 0, 0, 0, 1, 0, 1]),
        ("indentation", [0] * 8),
        ("count:o", [0, 1, 2, 2, 3, 4, 4, 4]),
        ("next:o", [0, 0, 0, 0, 1, 0, 0, 0]),
        ("first:H", [math.nan, 1, 1, 1, 1, 1, 1, 1]),
        ("first:X", [math.nan, 0, 0, 0, 0, 0, 0, 0]),
        ("first", [math.nan, *[ord("H")] * 7]),
        ("class:pronoun", [1, 0, 0, 0, 0, 0, 0, 0]),
        ("class:preposition", [0, 0, 0, 0, 0, 1, 0, 0]),
        ("class:determiner", [0, 0, 0, 0, 0, 0, 0, 1]),
        ("class:number", [0, 0, 0, 0, 0, 0, 1, 0]),
        ("class:punctuation", [0, 1, 1, 1, 1, 1, 0, 0]),
    ],
)
def test_signals_of_one_line(name: str, expected: list[float]) -> None:
    [signal] = parse_signals([name], ("en", "fr"))
    np.testing.assert_array_equal(signal.values(by_word(LINE), "en"), expected)


def test_depth_and_indentation_of_several_lines() -> None:
    text = "f(\n  [x{y}]\n    z)"
    pieces = TokenizedText(text, list(range(len(text))), [(n, n + 1) for n in range(len(text))])
    depth, indentation = parse_signals(["depth", "indentation"], ("en", "en"))
    assert depth.values(pieces, "en").tolist() == [0, 1, 1, 1, 1, 2, 2, 3, 3, 2, 1, 1, 1, 1, 1, 1, 1, 0]
    assert indentation.values(pieces, "en").tolist() == [0, 0, 0, 1, *[2] * 7, 0, 1, 2, 3, 4, 4, 4]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("position", [1, 2, 3, 0, 0, 1, 2, 3, 4]),
        ("remaining", [2, 1, 0, 0, 4, 3, 2, 1, 0]),
        ("indentation", [0, 0, 0, 0, 0, 1, 2, 2, 2]),
        ("quotes", [0, 1, 1, 1, 1, 1, 1, 1, 0]),
        ("count:a", [1, 1, 2, 0, 0, 0, 0, 1, 1]),
        ("next:a", [0, 1, 0, 0, 0, 0, 1, 0, 0]),
        ("next:\n", [0, 0, 1, 1, 0, 0, 0, 0, 0]),
        ("first:a", [math.nan, 1, 1, math.nan, math.nan, math.nan, 0, 0, 0]),
    ],
)
def test_signals_of_several_lines(name: str, expected: list[float]) -> None:
    text = 'a"a\n\n  a"'
    [signal] = parse_signals([name], ["en"])
    pieces = TokenizedText(text, list(range(len(text))), [(n, n + 1) for n in range(len(text))])
    np.testing.assert_array_equal(signal.values(pieces, "en"), expected)


@pytest.mark.parametrize("name", ["positon", "count", "count:", "quotes:x"])
def test_an_unknown_signal_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"unknown signal '{name}'; use position"):
        parse_signals([name], ("en", "fr"))


@pytest.mark.parametrize("name", ["class:foo", "class:pronouns"])
def test_an_unknown_word_class_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"no word class '{name}' in the model's languages; use class:auxiliary, "):
        parse_signals([name], ("en", "fr"))
    with pytest.raises(UsageError, match=r"'class:pronoun' .* use class:number, class:punctuation$"):
        parse_signals(["class:pronoun"], ("zxx",))
    assert [each.name for each in parse_signals([], ("en-GB",))][-3:] == [
        "class:pronoun", "class:number", "class:punctuation"
    ]  # fmt: skip


def test_half_of_the_content_is_left_after_the_half_life() -> None:
    for forget in (0.3, 0.9, 0.999):
        assert forget ** half_life(forget) == pytest.approx(0.5)
    assert half_life([1.0, 0.0, math.nan]).tolist() == pytest.approx([math.inf, 0.0, math.nan], nan_ok=True)


@pytest.fixture
def loaded(model: Path) -> InspectableTranslator:
    return load_translator(model)


def corpus(loaded: InspectableTranslator, count: int) -> list[corpus_activations.EncodedPair]:
    tokenizer = loaded.directory.tokenizer
    texts = [" ".join(["the dog sees the (small) cat."] * (1 + n % 4)) for n in range(count)]
    return [(tokenizer.source.encode(text), tokenizer.target.encode(f"le chien {text}")) for text in texts]


def test_correlations_equal_those_of_numpy(loaded: InspectableTranslator) -> None:
    pairs = corpus(loaded, 10)
    names = ["position", "brackets", "count:d"]
    found = find_neurons(
        corpus_activations.trace_pairs(loaded, pairs), parse_signals(names, ("en", "fr")), top_k=10_000
    )
    states: dict[str, list[np.ndarray]] = {}
    gates: dict[str, list[np.ndarray]] = {}
    expected: dict[tuple[str, str], list[np.ndarray]] = {}
    for source, target in pairs:
        ids = np.array([[*source.ids, 3]])
        traces = trace_translation(loaded.weights, ids, np.array([ids.shape[1]]), np.array([[2, *target.ids]]))
        for layer in traces.layers:
            read = slice(None, -1) if layer.part == "encoder" else slice(1, None)
            states.setdefault(layer.name, []).append(layer.values["cell"][0, read])
            later = slice(1, -1) if layer.name.endswith("forward") else read
            gates.setdefault(layer.name, []).append(layer.values["forget"][0, later])
            for signal in parse_signals(names, ("en", "fr")):
                pieces = source if layer.part == "encoder" else target
                expected.setdefault((signal.name, layer.name), []).append(signal.values(pieces, "en"))
    assert len(found) == 3 * (32 + 32 + 64)
    for each in found:
        x = np.concatenate(states[each.layer])[:, each.unit]
        y = np.concatenate(expected[each.signal, each.layer])
        assert each.r == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-5)
        assert each.forget == pytest.approx(np.concatenate(gates[each.layer])[:, each.unit].mean(), abs=1e-6)
        assert [level.pieces for level in each.levels] == np.unique(y, return_counts=True)[1].tolist()[:40]
        level = each.levels[-1]
        assert level.state == pytest.approx(x[y == level.signal].mean(), abs=1e-5)
        assert (level.low, level.high) == pytest.approx(
            (x[y == level.signal].min(), x[y == level.signal].max()), abs=1e-5
        )
        assert each.examples[0].state == pytest.approx(x.max(), rel=1e-5, abs=1e-6)
        assert each.examples[3].state == pytest.approx(x.min(), rel=1e-5, abs=1e-6)
    for name in names:
        ranked = [abs(each.r) for each in found if each.signal == name]
        assert ranked == sorted(ranked, reverse=True)


def test_the_most_frequent_values_of_a_nominal_signal_are_kept(loaded: InspectableTranslator) -> None:
    tokenizer = loaded.directory.tokenizer
    texts = [*(f"{chr(first)} dog" for first in range(ord("!"), ord("!") + 45)), *["z dog and cat"] * 9]
    pairs = [(tokenizer.source.encode(text), tokenizer.target.encode("le chien")) for text in texts]
    found = find_neurons(corpus_activations.trace_pairs(loaded, pairs), parse_signals(["first"], ("en", "fr")), top_k=1)
    levels = found[0].levels
    assert (len(levels), levels[-1].signal) == (40, "z")
    assert levels[-1].pieces > 9 * levels[0].pieces
    assert [level.signal for level in levels] == sorted(level.signal for level in levels)


def test_a_counting_unit_is_found(loaded: InspectableTranslator) -> None:
    """The weights make the cell of one unit grow by 1 with each piece."""
    arrays = {name: array.copy() for name, array in loaded.weights.arrays.items()}
    for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
        array = arrays[f"encoder.blocks.0.recurrent.lstm.{name}"]
        for gate, bias in enumerate((50.0, 50.0, 50.0, 0.0)):  # input, forget, candidate
            array[gate * len(array) // 4 + 7] = bias / 2 if array.ndim == 1 else 0.0
    changed = loaded._replace(weights=replace(loaded.weights, arrays=arrays))
    readings = corpus_activations.trace_pairs(changed, corpus(loaded, 8))
    [found] = find_neurons(readings, parse_signals(["position"], ("en", "fr")), top_k=1)
    assert (found.layer, found.unit) == ("encoder 1 forward", 7)
    assert found.r2 == pytest.approx(1.0)
    assert [level.state for level in found.levels[:3]] == pytest.approx([1, 2, 3])
    assert found.half_life == math.inf
    assert found.as_dict()["half_life"] is None


def test_nominal_signals_use_the_correlation_ratio() -> None:
    class ScalarLayerStatistics(neuron_search._LayerStatistics):
        def __init__(self) -> None:
            self._signals = parse_signals(["first"], ("en", "fr"))
            states = {80.0: [1.0, 2.0, 3.0], 81.0: [5.0, 7.0], 82.0: [1.0]}
            x = np.concatenate([np.array(group) for group in states.values()])
            y = np.repeat([80.0, 81.0, 82.0], [3, 2, 1])
            self._n, self._y, self._yy = np.array([[[6.0]], [[y.sum()]], [[(y**2).sum()]]])
            self._x, self._xx = np.array([[[x.sum()]], [[(x**2).sum()]]])
            self._xy = np.array([[y @ x]])
            self._levels = [{value: neuron_search._StateStatistics(1) for value in states}]
            for value, group in states.items():
                self._levels[0][value].add(np.array(group)[:, None])
            mean = x.mean()
            between = sum(len(group) * (np.mean(group) - mean) ** 2 for group in states.values())
            self.eta = np.sqrt(between / ((x - mean) ** 2).sum())

    layer = ScalarLayerStatistics()
    assert layer.correlations(0).tolist() == pytest.approx([layer.eta])


def test_mean_states_and_extreme_examples_are_formatted() -> None:
    def level(name: str, state: float) -> SignalValueStatistics:
        return SignalValueStatistics(name, state, state - 1, state + 0.25, pieces=9)

    ends = [("uv", "w", 2.66, "S"), ("", "u", 2.5, "S"), ("\n", "v", 2.4, "R"), ("u", "w", -7.77, "Q")]
    found = NeuronMatch(
        "first", "encoder 1 forward", 7, "cell", 0.9, None,
        levels=[level("P", 0.5), level("Q", -5.82), level("R", 2.38), level("\n", 2.5)],
        examples=[ActivationExample(*each) for each in ends],
    )  # fmt: skip
    assert format_mean_states(found) == "Q: -5.82, P: 0.50, R: 2.38, ↵: 2.50"
    assert format_mean_states(found, with_ranges=True).startswith(
        "Q: -5.82 (-6.82 to -5.57), P: 0.50 (-0.50 to 0.75), R: "
    )
    assert format_extreme_examples(found) == "uv[w] 2.66 (S); u[w] -7.77 (Q)"
    many = [SignalValueStatistics(chr(65 + n), -float(n), -20.0, 0.0, pieces=1 + (n > 7)) for n in range(20)]
    of_many = format_mean_states(dataclasses.replace(found, levels=many))
    assert of_many.startswith("T: -19.00, S: -18.00")
    assert of_many.endswith("I: -8.00, …")
    counted = [SignalValueStatistics(float(n), 2.0 * n, 0.0, 40.0, pieces=1) for n in range(9)]
    of_numbers = format_mean_states(dataclasses.replace(found, levels=counted))
    assert of_numbers == "0: 0.00, 1: 2.00, 2: 4.00, 3: 6.00, 4: 8.00, 5: 10.00, …"


def test_the_command_prints_a_table_or_json(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    text = tmp_path / "text.en"
    text.write_text("the red dog sees the king.\n…\nthe small bird follows the horse.\n", encoding="utf-8")
    ran = nmt("inspect", model, "--corpus", text, "--signal", "position", "--signal", "quotes", "--top", 2)
    assert ran.status == 0, ran.err
    assert ran.out.count("position") == 2
    assert "quotes" not in ran.out
    assert "mean state by value" not in ran.out
    text.write_text("the red dog sees the king.\nsmall birds follow the horse.\n", encoding="utf-8")
    ran = nmt("inspect", model, "--corpus", text, "--signal", "first", "--signal", "position", "--top", 1)
    assert "mean state by value" in ran.out
    assert re.search(r"^first .*[st]: -?\d+\.\d\d, .*", ran.out, re.MULTILINE)
    page = tmp_path / "page.html"
    ran = nmt("inspect", model, "the dog", "-o", page, "--corpus", text, "--signal", "position", "--json")
    found = json.loads(ran.out)
    assert [each["signal"] for each in found] == ["position"] * 3
    assert f">{found[0]['layer']}, {found[0]['unit']}</button>" in page.read_text()


def test_files_contain_the_matches(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    text = tmp_path / "text.en"
    text.write_text("the red dog sees the king.\nsmall birds follow the horse.\n", encoding="utf-8")
    asked = ("--corpus", text, "--signal", "position", "--signal", "first", "--top", 2, "--json")
    for name in ("states.json", "states.npz"):
        ran = nmt("inspect", model, "the dog", "-o", tmp_path / name, *asked)
        assert ran.status == 0, ran.err
    found = json.loads(ran.out)
    assert json.loads((tmp_path / "states.json").read_text())["units"] == found
    with np.load(tmp_path / "states.npz") as file:
        stored = dict(file)
    for name in ("signal", "layer", "unit", "quantity", "r", "forget", "half_life"):
        assert stored[f"units.{name}"].tolist() == [each[name] for each in found]
    assert len(found) == 4
    for number, each in enumerate(found, start=1):
        for name in ("signal", "state", "low", "high", "pieces"):
            assert stored[f"units.{number}.{name}"].tolist() == [level[name] for level in each["levels"]]
    assert {"s", "t"} <= set(stored["units.3.signal"])


def test_errors_are_one_line(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    for arguments in ([], ["a text"], ["-o", tmp_path / "page.html"]):
        ran = nmt("inspect", model, *arguments)
        assert ran.status == 2
        assert (
            ran.err
            == "nmt: nmt inspect: nothing to do; name a TEXT and an output file with -o, or a --corpus, or both\n"
        )
    page, text = ["a text", "-o", tmp_path / "page.html"], ["--corpus", tmp_path / "text.en"]
    for option, others, told in (
        (["--signal", "end"], page, "--signal: applies only with --corpus; add --corpus, or remove --signal"),
        (["--top", 3], page, "--top: applies only with --corpus; add --corpus, or remove --top"),
        (["--json"], page, "--json: applies only with --corpus; add --corpus, or remove --json"),
        (["--target", ""], text, "--target: applies only with TEXT; add TEXT, or remove --target"),
        (["--beam", 5], text, "--beam: applies only with TEXT; add TEXT, or remove --beam"),
        (
            ["--beam", 5],
            [*page, "--target", "x"],
            "--beam: a given translation is not searched for; remove --beam or --target",
        ),
    ):
        ran = nmt("inspect", model, *others, *option)
        assert ran.status == 2
        assert ran.err == f"nmt: {told}\n"
        assert ran.err.count("\n") == 1
    assert not (tmp_path / "page.html").exists()
    empty = tmp_path / "empty.txt"
    empty.write_text("…\n", encoding="utf-8")
    with pytest.raises(CarouselError, match="contains no text"):
        corpus_activations.load_pairs(empty, load_translator(model))
