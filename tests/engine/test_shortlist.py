"""Vocabulary shortlists: contents, merging, coverage and files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.corpus.tokenizer import EOS, FIRST_TEXT_ID
from nmt.corpus.word_aligner import TranslationTable, learn_translation_table
from nmt.engine.shortlist import Shortlist, build_shortlist
from nmt.utils.errors import CarouselError

VOCABULARY = FIRST_TEXT_ID + 20
token = st.integers(FIRST_TEXT_ID, VOCABULARY - 1)
sentence = st.lists(token, min_size=1, max_size=8)


def translation_table() -> TranslationTable:
    """Translate token 0 to 1 or 2, token 3 to 2, and the null word to 4, counted from the first text token."""
    sources = np.array([0, FIRST_TEXT_ID, FIRST_TEXT_ID, FIRST_TEXT_ID + 3], dtype=np.int32)
    targets = FIRST_TEXT_ID + np.array([4, 1, 2, 2], dtype=np.int32)
    return TranslationTable(sources, targets, np.array([1.0, 0.4, 0.6, 1.0]), np.array([9.0, 4.0, 6.0, 1.0]))


def shortlisted_tokens(shortlist: Shortlist, *tokens: int) -> list[int]:
    """Return a shortlist, counted from the first text token, without end of sentence, which is always in it."""
    ids = shortlist.target_ids_for_sentence([FIRST_TEXT_ID + token for token in tokens]).tolist()
    assert ids[0] == EOS
    return [i - FIRST_TEXT_ID for i in ids[1:]]


def test_shortlists_hold_likely_translations_frequent_tokens_and_copies_of_the_source() -> None:
    one = build_shortlist(
        translation_table(), VOCABULARY, VOCABULARY, shared_vocab=False, candidates_per_token=1, num_frequent=1
    )
    assert [
        shortlisted_tokens(one, 0),
        shortlisted_tokens(one, 3),
        shortlisted_tokens(one, 0, 3),
        shortlisted_tokens(one, 7),
    ] == [
        [2, 4],
        [2, 4],
        [2, 4],
        [4],
    ]
    two = build_shortlist(
        translation_table(), VOCABULARY, VOCABULARY, shared_vocab=True, candidates_per_token=2, num_frequent=2
    )
    assert [shortlisted_tokens(two, *tokens) for tokens in ((0,), (3,), (0, 3), (7,))] == [
        [0, 1, 2, 4], [2, 3, 4], [0, 1, 2, 3, 4], [2, 4, 7],
    ]  # fmt: skip


@given(
    st.lists(st.tuples(sentence, sentence), min_size=1, max_size=5), sentence, st.lists(st.integers(0, VOCABULARY - 1))
)
def test_shortlists_are_sorted_and_include_constraints(
    pairs: list[tuple[list[int], list[int]]], source: list[int], required_ids: list[int]
) -> None:
    sources, targets = ([np.array(side, dtype=np.int32) for side in sides] for sides in zip(*pairs, strict=True))
    shortlist = build_shortlist(
        learn_translation_table(sources, targets), VOCABULARY, VOCABULARY, True, candidates_per_token=2, num_frequent=3
    )
    ids = shortlist.target_ids_for_sentence(source, required_ids)
    assert ids.dtype == np.int32
    assert ids.tolist() == sorted(set(ids.tolist()))
    assert {EOS, *source, *required_ids} <= set(ids.tolist())
    assert all(i == EOS or i >= FIRST_TEXT_ID or i in required_ids for i in ids)
    everything = build_shortlist(
        learn_translation_table(sources, targets), VOCABULARY, VOCABULARY, True, VOCABULARY, VOCABULARY
    )
    assert everything.coverage(pairs) == 1.0


def test_merged_shortlists_are_unions() -> None:
    one = build_shortlist(
        translation_table(), VOCABULARY, VOCABULARY, shared_vocab=False, candidates_per_token=1, num_frequent=1
    )
    tokens = FIRST_TEXT_ID + np.array([0, 7], dtype=np.int32)
    translations = FIRST_TEXT_ID + np.array([5, 6], dtype=np.int32)
    domain = TranslationTable(tokens, translations, np.ones(2), np.array([1.0, 2.0]))
    other = build_shortlist(domain, VOCABULARY, VOCABULARY, shared_vocab=False, candidates_per_token=1, num_frequent=1)
    assert [shortlisted_tokens(other, 0), shortlisted_tokens(other, 3), shortlisted_tokens(other, 7)] == [
        [5, 6],
        [6],
        [6],
    ]
    assert [shortlisted_tokens(one.merge(other), n) for n in (0, 3, 7, 8)] == [[2, 4, 5, 6], [2, 4, 6], [4, 6], [4, 6]]
    assert one.merge(other).serialise() == other.merge(one).serialise()
    assert one.merge(one).serialise() == one.serialise()


def test_coverage_is_the_share_of_reference_tokens() -> None:
    shortlist = build_shortlist(
        translation_table(), VOCABULARY, VOCABULARY, shared_vocab=False, candidates_per_token=1, num_frequent=1
    )
    pair = [FIRST_TEXT_ID], [FIRST_TEXT_ID + 2, FIRST_TEXT_ID + 4, FIRST_TEXT_ID + 1]
    assert shortlist.coverage([pair]) == pytest.approx(2 / 3)


def test_shortlists_survive_serialisation_and_equal_ones_give_equal_bytes(tmp_path: Path) -> None:
    shortlist = build_shortlist(translation_table(), VOCABULARY, VOCABULARY, shared_vocab=True)
    (tmp_path / "a").write_bytes(shortlist.serialise())
    assert (
        build_shortlist(translation_table(), VOCABULARY, VOCABULARY, shared_vocab=True).serialise()
        == shortlist.serialise()
    )
    again = Shortlist.load(tmp_path / "a", (VOCABULARY, VOCABULARY))
    for token in range(FIRST_TEXT_ID, VOCABULARY):
        assert again.target_ids_for_sentence([token]).tolist() == shortlist.target_ids_for_sentence([token]).tolist()


def test_a_damaged_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "shortlist.npz"
    whole = build_shortlist(translation_table(), VOCABULARY, VOCABULARY, shared_vocab=True).serialise()
    beyond = {"target_vocabulary": 3, "offsets": [0, 1], "candidates": [3], "frequent": [2]}
    for content in (b"", b"garbage", whole[:-50]):
        path.write_bytes(content)
        with pytest.raises(CarouselError, match=r"shortlist\.npz: is damaged"):
            Shortlist.load(path, (VOCABULARY, VOCABULARY))
    changes: list[dict[str, object]] = [
        {},
        {"candidates": [1, 2]},
        {"offsets": [1, 0]},
        {"candidates": [0.5]},
        {"candidates": [[1]]},
        {"candidates": [2**40]},
        {"frequent": np.array([None])},
        {"frequent": ["x"]},
        {"target_vocabulary": [3, 3]},
    ]
    for change in changes:
        np.savez(path, **(beyond | change))  # type: ignore[arg-type]
        with pytest.raises(CarouselError, match=r"shortlist\.npz: is damaged"):
            Shortlist.load(path, (1, 3))


def test_a_shortlist_of_another_tokenizer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shortlist.npz"
    path.write_bytes(build_shortlist(translation_table(), VOCABULARY, VOCABULARY, shared_vocab=True).serialise())
    for sizes in ((VOCABULARY + 1, VOCABULARY), (VOCABULARY, VOCABULARY - 1)):
        with pytest.raises(CarouselError, match="belongs to another tokenizer"):
            Shortlist.load(path, sizes)
