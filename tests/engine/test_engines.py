"""All engines implement the protocol, and a sentence's result does not depend on its batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from engines import (
    CELL_DESIGNS,
    DESIGNS,
    VOCABULARY,
    WIDE_INPUT_DESIGNS,
    HalfVocabularyShortlist,
    native_factory,
    network,
    onnx_factory,
    onnx_sessions,
    torch_factory,
    wide_network,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.corpus.tokenizer import BOS, EOS, FIRST_TEXT_ID, UNK
from nmt.engine.factory import EngineFactory
from nmt.model.seq2seq import Seq2Seq
from nmt.search.beam_search import BeamSearch, DecodingOptions, Hypothesis, decode_sentences
from nmt.search.protocol import Engine, StepRequest, StepResult

ENGINES = {"torch": torch_factory, "onnx": onnx_factory, "native": native_factory}
EXACT_ENGINES = {"onnx": onnx_factory, "native": native_factory}
"""Engines whose results do not depend on the batch, to the last bit."""


def step_request(engine: Engine, tokens: list[int], parents: list[int] | None = None, **more: object) -> StepRequest:
    none = np.zeros(0, dtype=np.int64)
    fields: dict[str, object] = {
        "tokens": np.array(tokens),
        "parents": np.arange(len(tokens)) if parents is None else np.array(parents),
        "num_candidates": 5,
        "score_ids": np.full((len(tokens), 1), EOS),
        "suppress_rows": none,
        "suppress_tokens": none,
    }
    return StepRequest(**{**fields, **more})  # type: ignore[arg-type]


def expected(net: Seq2Seq, source: list[int], prefix: list[int]) -> torch.Tensor:
    """Return the log-probabilities [V] after a prefix, computed by the whole-sequence decoder."""
    ids = torch.tensor([[*source, EOS]])
    with torch.inference_mode():
        hidden, _ = net(ids, torch.tensor([ids.shape[1]]), torch.tensor([prefix]))
        return (hidden[0, -1] @ net.output.T).log_softmax(-1)


def make_engine_factory(kind: str, net: Seq2Seq) -> EngineFactory:
    return ENGINES[kind](net)


@pytest.mark.parametrize(
    ("design", "kind"),
    [(design, kind) for design in DESIGNS for kind in ENGINES]
    + [(design, kind) for design in CELL_DESIGNS + WIDE_INPUT_DESIGNS for kind in ("torch", "onnx")],
    ids=str,
)
def test_rows_continue_the_state_of_their_parents(design: dict[str, object], kind: str) -> None:
    """Two sentences are admitted at different times, into some of the slots, and their rows swap parents."""
    net = network(**design)
    engine = make_engine_factory(kind, net)(3, 2)
    first, second = [70, 71, 72, 73, 74], [80, 81]
    a, b = FIRST_TEXT_ID, FIRST_TEXT_ID + 1
    engine.admit([2], [first], [()])
    engine.step(step_request(engine, [BOS] * 6))
    engine.admit([0], [second], [()])
    prefixes: dict[int, list[int]] = {4: [BOS], 5: [BOS], 0: [], 1: []}
    steps = [([BOS, BOS, 0, 0, a, b], [0, 1, 2, 3, 4, 5]), ([a, b, 0, 0, b, a], [1, 0, 2, 3, 5, 5])]
    for tokens, parents in steps:
        result = engine.step(step_request(engine, tokens, parents))
        prefixes = {row: [*prefixes[parents[row]], tokens[row]] for row in prefixes}
        for row, prefix in prefixes.items():
            scores = expected(net, first if row >= 4 else second, prefix)
            assert result.id_scores[row, 0] == pytest.approx(scores[EOS].item(), abs=1e-5)
            np.testing.assert_allclose(result.scores[row], scores[result.ids[row]], atol=1e-5)


@pytest.mark.parametrize("kind", ENGINES)
def test_candidates_are_the_most_probable_tokens_and_never_reserved(kind: str) -> None:
    net = network(attention="multihead")
    engine = make_engine_factory(kind, net)(1, 1)
    engine.admit([0], [[70, 71]], [()])
    result = engine.step(step_request(engine, [BOS], num_candidates=VOCABULARY - FIRST_TEXT_ID + 1))
    scores = expected(net, [70, 71], [BOS])
    allowed = [EOS, *range(FIRST_TEXT_ID, VOCABULARY)]
    assert result.ids[0].tolist() == sorted(allowed, key=lambda token: -scores[token])


@pytest.mark.parametrize("kind", ENGINES)
def test_suppressed_pairs_are_no_candidates_but_keep_their_scores(kind: str) -> None:
    engine = make_engine_factory(kind, network(attention="dot"))(2, 2)
    engine.admit([1], [[70, 71]], [()])
    plain = engine.step(step_request(engine, [BOS] * 4))
    best = int(plain.ids[2, 0])
    engine.release([1])
    engine.admit([1], [[70, 71]], [()])
    result = engine.step(
        step_request(
            engine, [BOS] * 4, suppress_rows=np.array([2, 0]), suppress_tokens=np.array([best, best]),
            score_ids=np.full((4, 1), best),
        )
    )  # fmt: skip
    assert best not in result.ids[2]
    assert result.ids[3, 0] == best
    assert result.ids[2, 0] == plain.ids[2, 1]
    assert result.scores[2, 0] == plain.scores[2, 1]  # not renormalised
    assert result.id_scores[2, 0] == plain.scores[2, 0]


@pytest.mark.parametrize("kind", ENGINES)
def test_empty_slots_have_no_candidates(kind: str) -> None:
    engine = make_engine_factory(kind, network(attention="none"))(3, 2)
    engine.admit([1], [[70]], [()])
    result = engine.step(step_request(engine, [BOS] * 6))
    assert np.isneginf(result.scores[[0, 1, 4, 5]]).all()
    assert np.isfinite(result.scores[[2, 3]]).all()


def test_a_failed_admit_leaves_the_engine_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network(attention="multihead")
    make = onnx_factory(net, shortlist=HalfVocabularyShortlist())
    untouched, failed = make(4, 2), make(4, 2)
    for engine in (untouched, failed):
        engine.admit([2], [[70, 71, 72]], [()])
        engine.step(step_request(engine, [BOS] * 8))
    sessions = onnx_sessions(net, "fp32")
    run, encoded = sessions.run, []

    def fail_at_the_second_group(name: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if name == "encoder":
            encoded.append(inputs["lengths"].tolist())
            if len(encoded) == 2:
                raise MemoryError
        return run(name, inputs)

    with monkeypatch.context() as patches:
        patches.setattr(sessions, "run", fail_at_the_second_group)
        with pytest.raises(MemoryError):
            failed.admit([0, 1], [[80], [70] * 40], [(), ()])
    assert encoded == [[41], [2]]  # the longer one was already stored
    before, after = (engine.step(step_request(engine, [FIRST_TEXT_ID] * 8)) for engine in (untouched, failed))
    np.testing.assert_array_equal(before.scores, after.scores)
    np.testing.assert_array_equal(before.ids, after.ids)


@pytest.mark.parametrize("kind", ENGINES)
def test_attention_is_a_distribution_over_the_source(kind: str) -> None:
    engine = make_engine_factory(kind, network(attention="multihead"))(2, 1)
    engine.admit([0, 1], [[70, 71, 72], [80]], [(), ()])
    result = engine.step(step_request(engine, [BOS, BOS], return_attention=True))
    assert result.attention is not None
    np.testing.assert_allclose(result.attention.sum(axis=1), 1.0, atol=1e-6)
    assert (result.attention[1, 2:] == 0).all()
    assert engine.step(step_request(engine, [70, 70])).attention is None


@pytest.mark.parametrize("kind", ENGINES)
def test_samples_follow_the_distribution_and_depend_on_the_seed_alone(kind: str) -> None:
    net = network(attention="none")
    make, rows = make_engine_factory(kind, net), 2000
    batch = make(1, rows)
    batch.admit([0], [[70, 71]], [()])
    temperature = np.full(rows, 0.7, dtype=np.float32)
    seeds = np.arange(rows)
    sample: StepResult = batch.step(
        step_request(batch, [BOS] * rows, num_candidates=2, temperature=temperature, seeds=seeds)
    )
    scores = expected(net, [70, 71], [BOS])
    allowed = torch.full_like(scores, -torch.inf)
    allowed[EOS], allowed[FIRST_TEXT_ID:] = scores[EOS], scores[FIRST_TEXT_ID:]
    probabilities = (allowed / 0.7).softmax(-1).numpy()
    drawn = np.bincount(sample.ids[:, 0], minlength=VOCABULARY) / rows
    assert np.abs(drawn - probabilities).max() < 0.04
    assert (sample.ids[:, 0] != sample.ids[:, 1]).all()  # without replacement
    alone = make(1, 1)
    for seed in (5, 1234):
        alone.admit([0], [[70, 71]], [()])
        one = alone.step(
            step_request(alone, [BOS], num_candidates=2, temperature=temperature[:1], seeds=np.array([seed]))
        )
        assert one.ids[0].tolist() == sample.ids[seed].tolist()
        alone.release([0])


@pytest.mark.parametrize("kind", ENGINES)
def test_sampling_respects_top_k_and_top_p(kind: str) -> None:
    """Six rows in the same state: one is not sampled, the others have different limits."""
    net = network(attention="none")
    engine = make_engine_factory(kind, net)(1, 6)
    engine.admit([0], [[70, 71]], [()])
    scores = expected(net, [70, 71], [BOS])
    allowed = sorted([EOS, *range(FIRST_TEXT_ID, VOCABULARY)], key=lambda token: -scores[token])
    shares = (scores[allowed] / 1.5).softmax(-1).cumsum(-1).numpy()
    result = engine.step(
        step_request(
            engine, [BOS] * 6, num_candidates=len(allowed), seeds=np.arange(6),
            temperature=np.array([0, 1.5, 1.5, 1.5, 1.5, 1.5], dtype=np.float32),
            top_k=np.array([1, 0, 7, 0, 3, 1]),
            top_p=np.array([0.1, 1.0, 1.0, (shares[3] + shares[4]) / 2, 1e-6, 1.0], dtype=np.float32),
        )
    )  # fmt: skip
    assert result.ids[0].tolist() == allowed
    for row, kept in enumerate([len(allowed), len(allowed), 7, 5, 1, 1]):
        possible = np.isfinite(result.scores[row])
        assert set(result.ids[row][possible].tolist()) == set(allowed[:kept])
        np.testing.assert_allclose(result.scores[row][possible], scores[result.ids[row][possible]], atol=1e-5)


@pytest.mark.parametrize("kind", ENGINES)
@pytest.mark.parametrize("design", DESIGNS, ids=str)
def test_decoding_options_give_the_same_result_alone_and_in_a_batch(design: dict[str, object], kind: str) -> None:
    """Forbidden and required phrases, prefixes, beam groups and sampling, on a real network."""
    make = make_engine_factory(kind, network(**design))
    a, b, c = FIRST_TEXT_ID, FIRST_TEXT_ID + 1, FIRST_TEXT_ID + 2
    for options in (
        DecodingOptions(num_hypotheses=2, bad_phrases=((a,), (b, c)), no_repeat_ngram_size=2, coverage_penalty=0.2),
        DecodingOptions(target_prefix=(a, b), force_phrases=((c, c), (a,))),
        DecodingOptions(num_beam_groups=2, num_hypotheses=2, target_prefix=(c,)),
        DecodingOptions(sampling_temperature=0.8, sampling_topk=10, sampling_topp=0.9, num_hypotheses=2),
    ):
        sources = [[70, 71, 72], [80], [75, 76]]
        together = dict(decode_sentences(make(2, 4), enumerate(sources), BOS, EOS, options))
        for number, source in enumerate(sources):
            [(_, alone)] = decode_sentences(make(1, 4), [(0, source)], BOS, EOS, options)
            assert [h.tokens for h in alone] == [h.tokens for h in together[number]]
            assert all(h.tokens[: len(options.target_prefix)] == list(options.target_prefix) for h in alone)


@pytest.mark.parametrize("make_factory", EXACT_ENGINES.values(), ids=EXACT_ENGINES)
@pytest.mark.parametrize("with_shortlist", [True, False])
def test_surplus_candidates_have_no_score(make_factory: Callable[..., EngineFactory], with_shortlist: bool) -> None:
    shortlist = HalfVocabularyShortlist() if with_shortlist else None
    engine = make_factory(network(attention="dot"), "int8", shortlist)(1, 1)
    engine.admit([0], [[70, 71]], [()])
    result = engine.step(step_request(engine, [BOS], num_candidates=VOCABULARY + 9))
    tokens = 16 if with_shortlist else VOCABULARY - FIRST_TEXT_ID + 1
    assert np.isfinite(result.scores[0, :tokens]).all()
    assert np.isneginf(result.scores[0, tokens:]).all()
    assert result.ids.shape == (1, VOCABULARY + 9)
    assert (result.ids[0] < VOCABULARY).all()


@pytest.mark.parametrize("make_factory", EXACT_ENGINES.values(), ids=EXACT_ENGINES)
def test_the_unknown_token_stays_out_of_the_shortlist(make_factory: Callable[..., EngineFactory]) -> None:
    engine = make_factory(network(attention="dot"), "fp32", HalfVocabularyShortlist())(1, 1)
    engine.admit([0], [[70, 71]], [(UNK, 90)])
    result = engine.step(step_request(engine, [BOS], num_candidates=17, score_ids=np.array([[EOS, UNK, 90]])))
    assert UNK not in result.ids[0]
    assert np.isneginf(result.id_scores[0, 1])
    assert np.isfinite(result.id_scores[0, [0, 2]]).all()
    assert result.scores[0][result.ids[0] == EOS][0] == result.id_scores[0, 0]


@pytest.mark.parametrize("kind", [*ENGINES, "onnx with shortlist", "native with shortlist"])
def test_copy_tokens_are_the_only_reserved_tokens_generated(kind: str) -> None:
    net = network(attention="multihead")
    make_factory = ENGINES[kind.split()[0]]
    make = make_factory(net) if kind in ENGINES else make_factory(net, "int8", HalfVocabularyShortlist())
    copies = tuple(range(EOS + 1, EOS + 4))
    search = BeamSearch(make(4, 3), BOS, EOS)
    search.admit([2, 0], [[70, 71, *copies], [80]], DecodingOptions(copy_tokens=copies, num_hypotheses=3))
    search.admit([3], [[75, 76]], DecodingOptions(num_hypotheses=3))
    search.admit([1], [[77, copies[1]]], DecodingOptions(copy_tokens=copies[1:2], sampling_temperature=1.0))
    found: dict[int, list[Hypothesis]] = {}
    while len(found) < 4:
        found |= dict(search.advance())
    for slot, expected_ in enumerate([copies, copies[1:2], copies, ()]):
        for hypothesis in found[slot]:
            assert sorted(token for token in hypothesis.tokens if token < FIRST_TEXT_ID) == list(expected_)
    [(_, alone)] = decode_sentences(
        make(1, 3), [(0, [70, 71, *copies])], BOS, EOS, DecodingOptions(copy_tokens=copies, num_hypotheses=3)
    )
    assert [h.tokens for h in alone] == [h.tokens for h in found[2]]


SOURCES = st.lists(
    st.lists(st.integers(FIRST_TEXT_ID, VOCABULARY - 1), min_size=1, max_size=40), min_size=2, max_size=8
)


def decode(engine: Engine, sources: list[list[int]]) -> list[list[tuple[list[int], list[int] | None, float]]]:
    """Return the hypotheses of each source: tokens, source positions attended to, score."""
    options = DecodingOptions(num_hypotheses=2)
    hypotheses = dict(decode_sentences(engine, enumerate(sources), BOS, EOS, options))
    return [[(h.tokens, h.source_positions, h.score) for h in hypotheses[number]] for number in range(len(sources))]


@pytest.mark.parametrize("make_factory", EXACT_ENGINES.values(), ids=EXACT_ENGINES)
@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("design", DESIGNS, ids=str)
@given(SOURCES, st.integers(2, 5), st.integers(1, 4), st.booleans())
@settings(max_examples=8)
def test_results_do_not_depend_on_the_batch(
    make_factory: Callable[..., EngineFactory],
    design: dict[str, object],
    precision: str,
    sources: list[list[int]],
    num_slots: int,
    beam_size: int,
    with_shortlist: bool,
) -> None:
    """Tokens, attention and scores are bit-identical alone, in any batch, in any slot and after any refill."""
    make = make_factory(network(**design), precision, HalfVocabularyShortlist() if with_shortlist else None)
    alone = [decode(make(1, beam_size), [source])[0] for source in sources]
    assert decode(make(num_slots, beam_size), sources) == alone
    assert decode(make(num_slots, beam_size), sources[::-1]) == alone[::-1]


@pytest.mark.parametrize("design", CELL_DESIGNS, ids=str)
def test_cells_translate_alike_in_both_engines_and_in_any_batch(design: dict[str, object]) -> None:
    net = network(**design)
    random = np.random.default_rng(1)
    sources = [random.integers(FIRST_TEXT_ID, VOCABULARY, size=n).tolist() for n in (3, 1, 20)]
    by_torch = decode(torch_factory(net)(4, 2), sources)
    by_onnx = decode(onnx_factory(net)(4, 2), sources)
    for pair in zip(by_torch, by_onnx, strict=True):
        assert len({tuple(tuple(tokens) for tokens, _, _ in hypotheses) for hypotheses in pair}) == 1
    for precision in ("fp32", "int8"):
        make = onnx_factory(net, precision)
        assert [decode(make(1, 2), [source])[0] for source in sources] == decode(make(3, 2), sources)


@pytest.mark.parametrize("make_factory", EXACT_ENGINES.values(), ids=EXACT_ENGINES)
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_results_do_not_depend_on_the_batch_at_a_realistic_width(
    make_factory: Callable[..., EngineFactory], precision: str
) -> None:
    """Wide matrix products are summed in parts; a source of 70 tokens has five blocks."""
    make = make_factory(wide_network(), precision, HalfVocabularyShortlist())
    random = np.random.default_rng(2)
    sources = [random.integers(FIRST_TEXT_ID, VOCABULARY, size=n).tolist() for n in (5, 70, 14, 31, 15, 16, 9, 33)]
    alone = [decode(make(1, 5), [source])[0] for source in sources]
    assert decode(make(8, 5), sources) == alone
    assert decode(make(3, 5), sources[::-1]) == alone[::-1]


@pytest.mark.parametrize("design", DESIGNS, ids=str)
def test_results_of_the_torch_engine_depend_on_the_batch_by_rounding_only(design: dict[str, object]) -> None:
    make = torch_factory(network(**design))
    random = np.random.default_rng(1)
    sources = [random.integers(FIRST_TEXT_ID, VOCABULARY, size=n).tolist() for n in (3, 9, 1, 6, 6, 2, 12)]
    together = decode(make(3, 3), sources)
    for source, expected_ in zip(sources, together, strict=True):
        [alone] = decode(make(1, 3), [source])
        assert [tokens for tokens, _, _ in alone] == [tokens for tokens, _, _ in expected_]
        assert [score for _, _, score in alone] == pytest.approx([score for _, _, score in expected_], abs=1e-4)
