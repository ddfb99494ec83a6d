"""The native engine agrees with torch and ONNX Runtime, with every instruction set, and refuses damaged models."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engines import (
    DESIGNS,
    VOCABULARY,
    HalfVocabularyShortlist,
    graphs,
    native_factory,
    native_model,
    network,
    onnx_factory,
    torch_factory,
    wide_network,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.corpus.tokenizer import BOS, EOS, FIRST_TEXT_ID
from nmt.engine.factory import EngineFactory
from nmt.engine.native.library import KERNELS_VARIABLE, Library, load_library, select_kernels
from nmt.engine.native.model import load_native_model, native_model_from_tensors
from nmt.engine.onnx.initializers import read_initializers
from nmt.model.seq2seq import Seq2Seq
from nmt.search.beam_search import DecodingOptions, Hypothesis, decode_sentences
from nmt.search.protocol import StepRequest
from nmt.utils.arrays import AnyArray
from nmt.utils.errors import CarouselError, UsageError

OPTIONS = DecodingOptions(num_hypotheses=2, return_attention=True)


@pytest.fixture(autouse=True)
def library() -> Library:
    found = load_library()
    if found is None:
        pytest.skip("the native engine is not compiled; run python -m nmt.engine.native.build")
    return found


@pytest.fixture(params=["avx512", "avxvnni", "avx2", "neon", "portable"])
def instruction_set(request: pytest.FixtureRequest, library: Library) -> str:
    name: str = request.param
    if library.find_kernels(name) is None:
        pytest.skip(f"this processor has no {name}")
    return name


def random_sources(*lengths: int) -> list[list[int]]:
    random = np.random.default_rng(1)
    return [random.integers(FIRST_TEXT_ID, VOCABULARY, size=n).tolist() for n in lengths]


def decode(make: EngineFactory, sources: list[list[int]]) -> list[list[Hypothesis]]:
    found = dict(decode_sentences(make(3, 3), enumerate(sources), BOS, EOS, OPTIONS))
    return [found[number] for number in range(len(sources))]


@pytest.mark.parametrize("design", DESIGNS, ids=str)
def test_translations_are_those_of_torch(design: dict[str, object], instruction_set: str) -> None:
    net, sources = network(**design), random_sources(3, 9, 1, 6, 17, 2, 33)
    native = decode(native_factory(net, instruction_set=instruction_set), sources)
    for ours, theirs in zip(native, decode(torch_factory(net), sources), strict=True):
        assert [h.tokens for h in ours] == [h.tokens for h in theirs]
        assert [h.source_positions for h in ours] == [h.source_positions for h in theirs]
        assert [h.score for h in ours] == pytest.approx([h.score for h in theirs], abs=1e-4)


def step_scores(make: EngineFactory, sources: list[list[int]], tokens: list[int]) -> AnyArray:
    """Return the log-probabilities of all tokens after each of the given tokens."""
    engine, none = make(len(sources), 1), np.zeros(0, dtype=np.int64)
    engine.admit(list(range(len(sources))), sources, [()] * len(sources))
    rows, result = np.arange(len(sources)), []
    for token in tokens:
        ids = np.tile(np.arange(VOCABULARY), (len(sources), 1))
        step = engine.step(StepRequest(np.full(len(sources), token), rows, 1, ids, none, none))
        result.append(step.id_scores)
    return np.array(result)


@pytest.mark.parametrize("net", [*(network(**design) for design in DESIGNS), wide_network()], ids=lambda net: "net")
def test_int8_is_as_precise_as_on_onnx_runtime(net: Seq2Seq, instruction_set: str) -> None:
    """Encoder LSTMs are quantised here and not there, which may add as much error again."""
    sources, tokens = random_sources(3, 9, 1, 6, 17, 2, 33), [BOS, FIRST_TEXT_ID, FIRST_TEXT_ID + 1]
    exact = step_scores(torch_factory(net), sources, tokens)
    ours = step_scores(native_factory(net, "int8", instruction_set=instruction_set), sources, tokens) - exact
    theirs = step_scores(onnx_factory(net, "int8"), sources, tokens) - exact
    assert np.sqrt((ours**2).mean()) < 2 * np.sqrt((theirs**2).mean())


def test_threads_share_a_model() -> None:
    net, sources = wide_network(), random_sources(5, 20, 14, 31, 9)
    make = native_factory(net, "int8", HalfVocabularyShortlist())
    expected = decode(make, sources)
    results: list[list[list[Hypothesis]]] = []
    threads = [threading.Thread(target=lambda: results.append(decode(make, sources))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert results == [expected] * 3


def test_invalid_input_is_refused() -> None:
    engine = native_factory(network(attention="dot"))(2, 1)
    with pytest.raises(ValueError, match="token"):
        engine.admit([0], [[VOCABULARY]], [()])
    engine.admit([0], [[70]], [()])
    with pytest.raises(ValueError, match="not free"):
        engine.admit([0], [[70]], [()])
    none = np.zeros(0, dtype=np.int64)
    for tokens, parents in (([VOCABULARY, 0], [0, 1]), ([BOS, BOS], [2, 1]), ([BOS, BOS], [-1, 1])):
        with pytest.raises(ValueError, match="does not exist"):
            engine.step(
                StepRequest(np.array(tokens), np.array(parents), 2, np.zeros((2, 0), dtype=np.int64), none, none)
            )


def test_the_environment_selects_the_instruction_set(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KERNELS_VARIABLE, "portable")
    assert library.kernels_name(select_kernels(library)) == "portable"
    monkeypatch.setenv(KERNELS_VARIABLE, "avx9000")
    with pytest.raises(UsageError, match=r"CAROUSEL_KERNELS.*avx9000"):
        select_kernels(library)


# --- damaged models -------------------------------------------------------------------------------------------------


def tensors(net: Seq2Seq) -> dict[str, Any]:
    folder = graphs(net, "int8")
    return read_initializers(folder / "encoder.onnx") | read_initializers(folder / "step.onnx")


def is_weight(name: str) -> bool:
    return not name.startswith("constant_") and name != "never_proposed"


def load(net: Seq2Seq, stored: dict[str, Any]) -> None:
    native_model_from_tensors(stored, net.config, (VOCABULARY, VOCABULARY), True)


@pytest.mark.parametrize("design", DESIGNS, ids=str)
def test_every_weight_is_needed_in_its_shape_and_type(design: dict[str, object]) -> None:
    net = network(**design)
    stored = tensors(net)
    load(net, stored)
    for name in filter(is_weight, stored):
        if name == "output.input_scales":  # the table of the embeddings is the output layer
            continue
        with pytest.raises(ValueError, match=r"missing|shape"):
            load(net, {other: value for other, value in stored.items() if other != name})
        value = stored[name]
        for damaged in (value[..., :-1], value[None], value.astype(np.float64)):
            with pytest.raises(ValueError, match=r"shape"):
                load(net, {**stored, name: damaged})


def test_weights_that_are_not_finite_or_out_of_range_are_refused() -> None:
    net = network(attention="multihead")
    stored = tensors(net)
    bias, levels = stored["decoder.blocks.0.feed_forward.widen.bias"].copy(), stored["output.levels"].copy()
    bias[3], levels[7, 2] = np.nan, 64
    with pytest.raises(ValueError, match="not finite"):
        load(net, {**stored, "decoder.blocks.0.feed_forward.widen.bias": bias})
    with pytest.raises(ValueError, match="levels outside"):
        load(net, {**stored, "output.levels": levels})


@pytest.mark.parametrize("net", [network(attention="multihead"), wide_network()], ids=["small", "wide"])
@given(st.data())
@settings(max_examples=60)
def test_damaged_files_are_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, net: Seq2Seq, data: Any
) -> None:
    """A flipped byte in a weight cannot be recognised here (the checksums of model directories do that)."""
    folder = tmp_path_factory.mktemp("damaged") / "onnx"
    shutil.copytree(graphs(net, "int8"), folder)
    name = data.draw(st.sampled_from(["encoder.onnx", "step.onnx", "weights.bin"]))
    content = bytearray((folder / name).read_bytes())
    if content and data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    for position in data.draw(st.lists(st.integers(0, max(len(content) - 1, 0)), max_size=4)):
        content[position : position + 1] = bytes([data.draw(st.integers(0, 255))])
    (folder / name).write_bytes(content)
    try:
        model = load_native_model(folder, net.config, (VOCABULARY, VOCABULARY), True)
    except CarouselError:
        return
    finally:
        shutil.rmtree(folder.parent)
    from nmt.engine.native.engine import NativeEngine

    engine = NativeEngine(model, 2, 2)
    engine.admit([0, 1], [[70, 71, 72], [80]], [(), ()])
    none = np.zeros(0, dtype=np.int64)
    for _ in range(2):
        result = engine.step(
            StepRequest(
                np.full(4, BOS), np.array([1, 0, 2, 2]), 5, np.full((4, 1), EOS), none, none, return_attention=True
            )
        )
        assert ((result.ids >= 0) & (result.ids < VOCABULARY)).all()


def test_a_model_of_another_architecture_is_refused(tmp_path: Path) -> None:
    small, other = network(attention="multihead"), network(attention="dot")
    with pytest.raises(CarouselError, match=r"is damaged .*; copy the model directory again"):
        load_native_model(graphs(small, "int8"), other.config, (VOCABULARY, VOCABULARY), True)
    with pytest.raises(CarouselError, match="copy the model directory again"):
        load_native_model(tmp_path, small.config, (VOCABULARY, VOCABULARY), True)


def test_models_are_freed_after_their_engines() -> None:
    net = network(attention="dot")
    model = load_native_model(graphs(net, "fp32"), net.config, (VOCABULARY, VOCABULARY), True)
    from nmt.engine.native.engine import NativeEngine

    engine = NativeEngine(model, 1, 1)
    del model
    engine.admit([0], [[70, 71]], [()])
    assert native_model(net, "fp32").has_attention
