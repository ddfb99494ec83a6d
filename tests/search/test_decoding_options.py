"""Decoding options equal exhaustive search with wide beams and hold their guarantees with narrow ones."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from exhaustive_search import rank_all_translations
from fake_engine import BEGIN, END, FakeEngine
from hypothesis import given, settings
from hypothesis import strategies as st
from test_beam_search import run

from nmt.search.beam_search import BeamSearch, Hypothesis, length_penalty
from nmt.search.options import DecodingOptions
from nmt.search.strategies.phrase_constraints import RequiredPhrases, tokens_completing_phrases, tokens_repeating_ngrams

_TOKENS = st.integers(2, 3)


def _phrases(max_size: int) -> st.SearchStrategy[tuple[tuple[int, ...], ...]]:
    return st.lists(st.lists(_TOKENS, min_size=1, max_size=2).map(tuple), max_size=max_size).map(tuple)


@st.composite
def any_options(draw: st.DrawFn) -> DecodingOptions:
    strategy = draw(st.sampled_from(["beam", "groups", "constraints"]))
    return DecodingOptions(
        length_penalty=draw(st.sampled_from([0.0, 0.8, 1.0, 1.5])),
        max_length_ratio=0.0,
        max_length_extra=draw(st.integers(2, 5)),
        num_hypotheses=draw(st.integers(1, 4)),
        min_length_ratio=draw(st.sampled_from([0.0, 1.0, 2.0])),
        coverage_penalty=draw(st.sampled_from([0.0, 0.2, 1.0])),
        no_repeat_ngram_size=draw(st.integers(0, 3)),
        bad_phrases=draw(_phrases(2)),
        target_prefix=draw(st.lists(_TOKENS, max_size=2).map(tuple)),
        force_phrases=draw(_phrases(2)) if strategy == "constraints" else (),
        word_continuations=draw(st.frozensets(_TOKENS)) if strategy == "constraints" else frozenset(),
        num_beam_groups=2 if strategy == "groups" else 1,
        diversity_penalty=draw(st.sampled_from([0.0, 0.5, 3.0])),
        copy_tokens=draw(st.sampled_from([(), (), (4,)])),
    )


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=3), any_options())
@settings(max_examples=120, deadline=None)
def test_wide_beam_equals_exhaustive_search(source: list[int], options: DecodingOptions) -> None:
    """With two ordinary tokens and a copy token, the beam (or each of two groups) holds all translations."""
    vocabulary, beam_size = (5, 120) if options.copy_tokens else (4, 65)
    engine = FakeEngine(1, beam_size * options.num_beam_groups, vocabulary)
    [found] = run(engine, [source], options)
    expected = rank_all_translations(engine, source, options)[: options.num_hypotheses]
    if expected:
        assert [h.rank_score for h in found] == pytest.approx([rank for rank, _ in expected], abs=1e-5)
        assert [h.tokens for h in found] == [tokens for _, tokens in expected]
    else:
        assert found, "contradictory options must still yield a translation"


EXAMPLES = [
    DecodingOptions(num_hypotheses=2),
    DecodingOptions(num_hypotheses=3, min_length_ratio=1.0, coverage_penalty=0.3),
    DecodingOptions(no_repeat_ngram_size=2, bad_phrases=((4,), (2, 3)), return_attention=False),
    DecodingOptions(target_prefix=(5, 5, 2)),
    DecodingOptions(target_prefix=(5, 2), prefix_ends_word=True, word_continuations=frozenset({3, 4, 6})),
    DecodingOptions(return_alternatives=True, num_hypotheses=3, min_length_ratio=1.0),
    DecodingOptions(return_alternatives=True, num_hypotheses=4, target_prefix=(4,), copy_tokens=(6,)),
    DecodingOptions(force_phrases=((3, 3), (4,), (4,))),
    DecodingOptions(force_phrases=((3, 4),), word_continuations=frozenset(range(4, 7))),
    DecodingOptions(num_beam_groups=3, num_hypotheses=3, diversity_penalty=2.0),
    DecodingOptions(sampling_temperature=0.9, num_hypotheses=2, seed=7, target_prefix=(2,)),
    DecodingOptions(sampling_temperature=1.5, sampling_topk=3, sampling_topp=0.8, no_repeat_ngram_size=1),
    DecodingOptions(copy_tokens=(6, 2), num_hypotheses=3),
    DecodingOptions(copy_tokens=(6, 5), target_prefix=(3, 6), bad_phrases=((4,), (2, 3)), no_repeat_ngram_size=1),
    DecodingOptions(copy_tokens=(6, 5, 4), max_length_ratio=0.0, max_length_extra=1, num_hypotheses=2),
    DecodingOptions(copy_tokens=(6,), force_phrases=((3, 3), (4,)), num_hypotheses=2),
    DecodingOptions(copy_tokens=(6, 5), allocate_copies=True, num_hypotheses=2),
    DecodingOptions(copy_tokens=(6, 5), num_beam_groups=2, num_hypotheses=2),
    DecodingOptions(copy_tokens=(6, 5), sampling_temperature=1.2, num_hypotheses=3, min_length_ratio=1.0),
]


@given(
    st.lists(st.tuples(st.integers(0, len(EXAMPLES) - 1), st.integers(0, 99)), min_size=1, max_size=12),
    st.integers(1, 4),
)
@settings(max_examples=30, deadline=None)
def test_sentences_with_different_options_share_a_batch(sentences: list[tuple[int, int]], beam_size: int) -> None:
    engine = FakeEngine(num_slots=4, beam_size=beam_size, vocabulary=7)
    search = BeamSearch(engine, BEGIN, END)
    found: dict[int, list[Hypothesis]] = {}
    numbers: dict[int, int] = {}
    waiting = list(enumerate(sentences))
    while waiting or numbers:
        for slot in search.free_slots()[: len(waiting)]:
            numbers[slot], (which, seed) = waiting.pop()
            search.admit([slot], [(seed, 1, 2)], EXAMPLES[which])
        found |= {numbers.pop(slot): hypotheses for slot, hypotheses in search.advance()}
    for number, (which, seed) in enumerate(sentences):
        [alone] = run(FakeEngine(1, beam_size, vocabulary=7), [(seed, 1, 2)], EXAMPLES[which])
        assert found[number] == alone


@given(st.integers(0, 10_000), st.integers(1, 5), st.sampled_from(EXAMPLES))
@settings(max_examples=60, deadline=None)
def test_narrow_beams_satisfy_all_options(seed: int, beam_size: int, options: DecodingOptions) -> None:
    engine = FakeEngine(num_slots=1, beam_size=beam_size, vocabulary=8)
    source = (seed, 1, 2)
    [found] = run(engine, [source], options)
    assert 1 <= len(found) <= options.num_hypotheses
    assert [h.rank_score for h in found] == sorted((h.rank_score for h in found), reverse=True)
    for hypothesis in found:
        tokens = tuple(hypothesis.tokens)
        min_length, max_length = options.length_limits(len(source))
        assert min_length <= len(tokens) < max_length
        assert tokens[: len(options.target_prefix)] == options.target_prefix
        assert RequiredPhrases(options.force_phrases).count_satisfied(tokens) == sum(map(len, options.force_phrases))
        assert all(tokens.count(token) == 1 for token in options.copy_tokens)
        for i in range(len(options.target_prefix), len(tokens)):
            assert tokens[i] not in tokens_completing_phrases(tokens[:i], options.bad_phrases)
            assert tokens[i] not in tokens_repeating_ngrams(tokens[:i], options.no_repeat_ngram_size)
        path = [BEGIN, *tokens, END]
        scores = [engine.log_probabilities(source, path[:i])[path[i]] for i in range(1, len(path))]
        assert hypothesis.token_scores == pytest.approx(scores, abs=1e-5)
        assert hypothesis.score == pytest.approx(sum(scores), abs=1e-4)


@given(st.integers(0, 10_000), st.integers(1, 5), st.sampled_from([(), (5,), (2, 4)]))
def test_alternatives_begin_with_the_best_tokens_and_go_on_greedily(
    seed: int, beam_size: int, prefix: tuple[int, ...]
) -> None:
    engine = FakeEngine(1, beam_size, vocabulary=8)
    source = (seed, 1)
    options = DecodingOptions(target_prefix=prefix, num_hypotheses=3, return_alternatives=True)
    [found] = run(engine, [source], options)
    after_prefix = engine.log_probabilities(source, (BEGIN, *prefix))
    if not prefix:
        after_prefix[END] = -np.inf  # a translation has at least one token
    expected = []
    for first in np.argsort(-after_prefix)[: min(3, beam_size)].tolist():
        path = [BEGIN, *prefix, first]
        while path[-1] != END and len(path) <= options.length_limits(len(source))[1]:
            path.append(int(engine.log_probabilities(source, path).argmax()))
        expected.append(path[1:-1])
    assert sorted(h.tokens for h in found) == sorted(expected)


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_the_last_word_of_a_complete_prefix_is_not_continued(seed: int, beam_size: int) -> None:
    continuations = frozenset({2, 3})
    options = DecodingOptions(target_prefix=(4, 2), word_continuations=continuations, num_hypotheses=4)
    for ends_word in (False, True):
        chosen = replace(options, prefix_ends_word=ends_word)
        [found] = run(FakeEngine(1, beam_size, vocabulary=6), [(seed,)], chosen)
        following = [h.tokens[2] for h in found if len(h.tokens) > 2]
        assert not ends_word or continuations.isdisjoint(following)


def test_engine_receives_tokens_that_the_shortlist_must_include() -> None:
    engine = FakeEngine(num_slots=2, beam_size=3)
    run(engine, [(1,)], DecodingOptions(target_prefix=(5, 2), force_phrases=((3, 5),)))
    run(engine, [(1,)], DecodingOptions())
    assert engine.required_ids == [(2, 3, 5), ()]


def test_a_forced_phrase_ends_at_the_end_of_a_word() -> None:
    for seed in range(20):
        engine = FakeEngine(num_slots=1, beam_size=5, vocabulary=8)
        options = DecodingOptions(force_phrases=((3, 4),), word_continuations=frozenset({2, 5, 6}))
        [[best]] = run(engine, [(seed, 1, 2)], options)
        after = best.tokens[[*zip(best.tokens, best.tokens[1:], strict=False)].index((3, 4)) + 2 :]
        assert not after or after[0] in {3, 4, 7}


def test_interrupted_phrases_start_again() -> None:
    required = RequiredPhrases([(2, 2, 3), (2, 2, 3), (4,)])
    assert required.total_tokens == 7
    for tokens, progress in [((), 0), ((2, 2), 2), ((2, 2, 2), 2), ((2, 2, 5), 0), ((2, 2, 2, 3), 3), ((4, 2), 2)]:
        assert required.count_satisfied(tokens) == progress
    assert required.next_tokens((2, 2)) == {3, 4}
    assert required.next_tokens((2, 2, 3, 4, 2, 2, 3)) == set()


def naive_diverse_beam_search(engine: FakeEngine, source: list[int], options: DecodingOptions) -> list[list[list[int]]]:
    """Return the hypotheses of each group, best first, by diverse beam search over lists."""
    size, alpha = engine.beam_size // options.num_beam_groups, options.length_penalty
    open_ = [[(0.0, [BEGIN])] for _ in range(options.num_beam_groups)]
    finished: list[list[tuple[float, list[int]]]] = [[] for _ in range(options.num_beam_groups)]
    _, limit = options.length_limits(len(source))
    for length in range(1, limit + 1):
        taken: Counter[int] = Counter()
        for group in range(options.num_beam_groups):
            candidates = [
                (total + float(scores[token]), [*path, token])
                for total, path in open_[group]
                for scores in [engine.log_probabilities(source, path)]
                for token in ([END] if length == limit else range(END + (length == 1), engine.vocabulary))
            ]
            candidates.sort(key=lambda c: c[0] - options.diversity_penalty * taken[c[1][-1]], reverse=True)
            ended = [(total, path[1:-1]) for total, path in candidates[:size] if path[-1] == END]
            finished[group] += ended[: size - len(finished[group])]
            going_on = [c for c in candidates if c[1][-1] != END][:size]
            open_[group] = going_on if len(finished[group]) < size else []
            taken.update(path[-1] for _, path in open_[group])
    return [
        [path for _, path in sorted(of_group, key=lambda f: -f[0] / length_penalty(len(f[1]) + 1, alpha))]
        for of_group in finished
    ]


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.7, 4.0]), st.integers(1, 3), st.integers(2, 3))
@settings(max_examples=40, deadline=None)
def test_diverse_beam_search_equals_naive_implementation(seed: int, diversity: float, size: int, groups: int) -> None:
    engine = FakeEngine(num_slots=2, beam_size=size * groups)
    options = DecodingOptions(num_beam_groups=groups, diversity_penalty=diversity, num_hypotheses=size * groups)
    expected = naive_diverse_beam_search(engine, [seed], options)
    [found] = run(engine, [[seed]], options)
    assert sorted(h.tokens for h in found) == sorted(map(list, {tuple(p) for g in expected for p in g}))
    [best] = run(engine, [[seed]], replace(options, num_hypotheses=groups))
    assert all(of_group[0] in [h.tokens for h in best] for of_group in expected)


def test_samples_follow_the_model_distribution() -> None:
    """Compare the first tokens of 40 × 50 samples; none is end of sentence, because no translation is empty."""
    engine = FakeEngine(num_slots=1, beam_size=50)
    counts: Counter[int] = Counter()
    for seed in range(40):
        options = DecodingOptions(
            sampling_temperature=0.7, max_length_ratio=0.0, max_length_extra=2, num_hypotheses=50, seed=seed
        )
        [found] = run(engine, [(3,)], options)
        counts.update(hypothesis.tokens[0] for hypothesis in found)
    weights = np.exp(engine.log_probabilities((3,), [BEGIN]) / 0.7)
    weights[END] = 0.0
    drawn = np.array([counts[token] for token in range(engine.vocabulary)]) / 2000
    assert counts.total() == 2000
    assert np.abs(drawn - weights / weights.sum()).max() < 0.04


@pytest.mark.parametrize(
    "narrowed",
    [
        DecodingOptions(sampling_temperature=2.0, sampling_topk=1),
        DecodingOptions(sampling_temperature=2.0, sampling_topp=1e-6),
    ],
)
def test_sampling_among_one_token_is_greedy_search(narrowed: DecodingOptions) -> None:
    sources = [(n,) for n in range(8)]
    sampled = run(FakeEngine(num_slots=3, beam_size=4), sources, narrowed)
    greedy = run(FakeEngine(num_slots=3, beam_size=1), sources, DecodingOptions())
    assert [h.tokens for [h] in sampled] == [h.tokens for [h] in greedy]


def test_samples_depend_on_seed_and_sample_number() -> None:
    def draw(seed: int, samples: int) -> set[tuple[int, ...]]:
        options = DecodingOptions(sampling_temperature=1.0, seed=seed, num_hypotheses=samples)
        [found] = run(FakeEngine(num_slots=1, beam_size=8, vocabulary=50), [(1, 2, 3)], options)
        return {tuple(hypothesis.tokens) for hypothesis in found}

    assert draw(1, 8) == draw(1, 8)
    assert draw(1, 3) < draw(1, 8)
    assert not draw(1, 8) & draw(2, 8)
    assert len(draw(1, 8)) == 8


def test_sentences_are_sampled_with_different_noise() -> None:
    """At a high temperature all tokens are about equally likely for every source."""
    options = DecodingOptions(sampling_temperature=100.0, seed=1)
    found = run(FakeEngine(num_slots=8, beam_size=1, vocabulary=50), [(n, 1) for n in range(200)], options)
    firsts = Counter(hypotheses[0].tokens[0] for hypotheses in found)
    assert len(firsts) > 40
    assert max(firsts.values()) < 20


@pytest.mark.parametrize(
    ("invalid", "field"),
    [
        ({"length_penalty": -1.0}, "length_penalty"),
        ({"min_length_ratio": float("nan")}, "min_length_ratio"),
        ({"num_hypotheses": 0}, "num_hypotheses"),
        ({"num_beam_groups": 0}, "num_beam_groups"),
        ({"sampling_topp": 0.0}, "sampling_topp"),
        ({"seed": -1}, "seed"),
        ({"bad_phrases": ((),)}, "bad_phrases"),
        ({"copy_tokens": (4, 4)}, "copy_tokens"),
        ({"copy_tokens": (4,), "force_phrases": ((3, 4),)}, "copy_tokens"),
        ({"copy_tokens": (4,), "bad_phrases": ((4,),)}, "copy_tokens"),
        ({"num_beam_groups": 2, "sampling_temperature": 1.0}, "num_beam_groups"),
        ({"force_phrases": ((3,),), "sampling_temperature": 1.0}, "force_phrases"),
    ],
)
def test_invalid_options_are_rejected(invalid: dict[str, object], field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        DecodingOptions(**invalid)  # type: ignore[arg-type]
