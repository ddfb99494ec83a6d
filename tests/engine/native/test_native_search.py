"""The native beam search finds what `nmt.search.beam_search.BeamSearch` finds on the same engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from engines import DESIGNS, VOCABULARY, HalfVocabularyShortlist, native_factory, network
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.corpus.tokenizer import BOS, EOS, FIRST_TEXT_ID
from nmt.search.beam_search import BeamSearch, DecodingOptions, Hypothesis, decode_sentences
from nmt.search.protocol import PlainBeamSearch, SearchingEngine, SentenceGroup

SOURCES = st.lists(
    st.lists(st.integers(FIRST_TEXT_ID, VOCABULARY - 1), min_size=1, max_size=12), min_size=1, max_size=6
)
OPTIONS = st.builds(
    DecodingOptions,
    length_penalty=st.floats(0, 2),
    max_length_ratio=st.floats(0, 2),
    max_length_extra=st.integers(0, 6),
    min_length_ratio=st.floats(0, 1.5),
    num_hypotheses=st.integers(1, 7),
    return_attention=st.booleans(),
    no_repeat_ngram_size=st.integers(0, 3),
    copy_tokens=st.lists(st.integers(EOS + 1, FIRST_TEXT_ID + 4), unique=True, max_size=4).map(tuple),
)


def run(
    search: BeamSearch | PlainBeamSearch, sources: Sequence[Sequence[int]], options: DecodingOptions, num_slots: int
) -> Iterator[tuple[int, list[Hypothesis]]]:
    """Decode sentences, each of which enters the search when a slot is free."""
    numbers: dict[int, int] = {}
    waiting = list(enumerate(sources))
    while waiting or numbers:
        while waiting and len(numbers) < num_slots:
            number, source = waiting.pop(0)
            slot = search.free_slots()[-1]
            numbers[slot] = number
            search.admit_groups([SentenceGroup([slot], [source], options)])
        for slot, hypotheses in search.advance():
            yield numbers.pop(slot), hypotheses


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("design", DESIGNS, ids=str)
@given(SOURCES, OPTIONS, st.integers(1, 6), st.integers(1, 3), st.booleans())
@settings(max_examples=25)
def test_native_search_equals_python_search(
    design: dict[str, object],
    precision: str,
    sources: list[list[int]],
    options: DecodingOptions,
    beam_size: int,
    num_slots: int,
    with_shortlist: bool,
) -> None:
    shortlist = HalfVocabularyShortlist() if with_shortlist else None
    engine = native_factory(network(**design), precision, shortlist)(num_slots, beam_size)
    assert isinstance(engine, SearchingEngine)
    native = dict(run(engine.plain_beam_search(), sources, options, num_slots))
    python = dict(run(BeamSearch(engine, BOS, EOS), sources, options, num_slots))
    for number in range(len(sources)):
        for ours, theirs in zip(native[number], python[number], strict=True):
            assert (ours.tokens, ours.score) == (theirs.tokens, theirs.score)
            assert ours.source_positions == theirs.source_positions
            assert ours.rank_score == pytest.approx(theirs.rank_score, rel=1e-12)
            assert ours.token_scores == theirs.token_scores


def test_slots_are_free_after_release() -> None:
    engine = native_factory(network(attention="dot"))(2, 2)
    assert isinstance(engine, SearchingEngine)
    search = engine.plain_beam_search()
    search.admit_groups([SentenceGroup([1, 0], [[70, 71], [72]], DecodingOptions())])
    assert search.free_slots() == []
    with pytest.raises(ValueError, match="not free"):
        search.admit_groups([SentenceGroup([0], [[70]], DecodingOptions())])
    search.release([1])
    assert search.free_slots() == [1]
    [(slot, interrupted)] = search.advance()
    search.admit_groups([SentenceGroup([1], [[72]], DecodingOptions())])
    assert (slot, search.advance()) == (0, [(1, interrupted)])


def test_other_options_are_decoded_step_by_step() -> None:
    """All hypotheses are valid for options that plain beam search does not cover."""
    engine = native_factory(network(attention="multihead"))(2, 4)
    source, a = [70, 71, 72], FIRST_TEXT_ID
    for options in (
        DecodingOptions(target_prefix=(a, a)),
        DecodingOptions(copy_tokens=(5,), coverage_penalty=0.5),
        DecodingOptions(sampling_temperature=1.0),
    ):
        [(_, [hypothesis])] = decode_sentences(engine, [(0, source)], BOS, EOS, options)
        assert hypothesis.tokens[: len(options.target_prefix)] == list(options.target_prefix)
        assert [token for token in hypothesis.tokens if token < FIRST_TEXT_ID] == list(options.copy_tokens)
