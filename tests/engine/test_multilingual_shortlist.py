"""Vocabulary shortlists of several target languages."""

from pathlib import Path

import numpy as np
import pytest

from nmt.corpus.tokenizer import EOS, FIRST_TEXT_ID, language_id
from nmt.corpus.word_aligner import learn_translation_table
from nmt.engine.multilingual_shortlist import MultilingualShortlist, build_language_shortlist
from nmt.engine.shortlist import build_shortlist
from nmt.utils.arrays import Int32Array
from nmt.utils.errors import CarouselError

VOCABULARY = FIRST_TEXT_ID + 1000
GERMAN, FRENCH, ITALIAN = language_id(1), language_id(2), language_id(3)


def random_sentences(first: int, seed: int, count: int = 200) -> list[Int32Array]:
    """Return sentences of tokens of one of the 100-token alphabets, counted from ``first``."""
    random = np.random.default_rng(seed)
    return [FIRST_TEXT_ID + first + random.integers(0, 100, 6).astype(np.int32) for _ in range(count)]


@pytest.fixture(scope="module")
def shortlist() -> MultilingualShortlist:
    """English (0–99) to German (100–199) and to French (200–299)."""
    english = random_sentences(0, 1)
    german = learn_translation_table(english, [ids + 100 for ids in english])
    french = learn_translation_table(english, [ids + 200 for ids in english])
    first = MultilingualShortlist({GERMAN: build_language_shortlist(german, VOCABULARY)})
    return first.merge(MultilingualShortlist({FRENCH: build_language_shortlist(french, VOCABULARY)}))


def alphabets(shortlist: MultilingualShortlist, source: list[int]) -> set[int]:
    """Return the hundreds of the tokens in a shortlist."""
    ids = shortlist.target_ids_for_sentence(source)
    assert ids[0] == EOS
    assert (np.diff(ids) > 0).all()
    return set(((ids[1:] - FIRST_TEXT_ID) // 100).tolist())


def test_language_piece_selects_the_candidates(shortlist: MultilingualShortlist) -> None:
    sentence = [FIRST_TEXT_ID + 3, FIRST_TEXT_ID + 50]
    assert alphabets(shortlist, [GERMAN, *sentence]) == {0, 1}  # 0: the tokens themselves
    assert alphabets(shortlist, [FRENCH, *sentence]) == {0, 2}
    assert FIRST_TEXT_ID + 103 in shortlist.target_ids_for_sentence([GERMAN, *sentence])
    assert FIRST_TEXT_ID + 203 in shortlist.target_ids_for_sentence([FRENCH, *sentence])


def test_sentence_of_an_untrained_direction_gets_all_tokens_of_the_target_language(
    shortlist: MultilingualShortlist,
) -> None:
    german = [FIRST_TEXT_ID + 103, FIRST_TEXT_ID + 150]
    ids = shortlist.target_ids_for_sentence([FRENCH, *german])
    assert set(range(FIRST_TEXT_ID + 200, FIRST_TEXT_ID + 300)) <= set(ids.tolist())
    assert len(ids) < 120
    italian = shortlist.target_ids_for_sentence([ITALIAN, *german], [5])
    assert italian.tolist() == [EOS, 5, *range(FIRST_TEXT_ID, VOCABULARY)]


def test_required_ids_are_included(shortlist: MultilingualShortlist) -> None:
    for token in (FIRST_TEXT_ID + 3, FIRST_TEXT_ID + 103):  # a known and an unknown source token
        assert {7, FIRST_TEXT_ID + 999} <= set(
            shortlist.target_ids_for_sentence([FRENCH, token], [7, FIRST_TEXT_ID + 999]).tolist()
        )


def test_files_restore_the_shortlists(shortlist: MultilingualShortlist, tmp_path: Path) -> None:
    path = tmp_path / "shortlist.npz"
    path.write_bytes(shortlist.serialise())
    loaded = MultilingualShortlist.load(path, (VOCABULARY, VOCABULARY))
    assert loaded.serialise() == shortlist.serialise()
    assert loaded.vocabulary_sizes == shortlist.vocabulary_sizes == (VOCABULARY, VOCABULARY)
    for piece in (GERMAN, FRENCH, ITALIAN):
        for token in (0, 3, 99, 103, 299, 700):
            source = [piece, FIRST_TEXT_ID + token]
            found, expected = (each.target_ids_for_sentence(source).tolist() for each in (loaded, shortlist))
            assert found == expected


@pytest.mark.parametrize("damage", ["truncated", "other arrays", "too long", "outside", "negative"])
def test_damaged_files_are_refused(shortlist: MultilingualShortlist, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "shortlist.npz"
    path.write_bytes(shortlist.serialise())
    with np.load(path) as stored:
        arrays = dict(stored)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "other arrays":
        del arrays[f"language_{GERMAN}"]
    elif damage == "too long":
        arrays[f"differences_{GERMAN}"] = arrays[f"differences_{GERMAN}"][:-1]
    elif damage == "outside":
        arrays[f"language_{GERMAN}"] = arrays[f"language_{GERMAN}"] + 60
    else:
        arrays[f"language_{GERMAN}"] = -arrays[f"language_{GERMAN}"].astype(np.int32)
    if damage != "truncated":
        np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(CarouselError, match="is damaged"):
        MultilingualShortlist.load(path, (VOCABULARY, VOCABULARY))


def test_merging_a_language_with_itself_changes_nothing(shortlist: MultilingualShortlist) -> None:
    assert shortlist.merge(shortlist).serialise() == shortlist.serialise()


def test_coverage_counts_target_tokens(shortlist: MultilingualShortlist) -> None:
    english, german = [FIRST_TEXT_ID + 3], [FIRST_TEXT_ID + 103]
    assert shortlist.coverage([([GERMAN, *english], german)]) == 1
    assert shortlist.coverage([([FRENCH, *english], german)]) == 0


def test_candidates_equal_those_of_one_pair_of_languages() -> None:
    english = random_sentences(0, 2)
    table = learn_translation_table(english, [ids + 100 for ids in english])
    alone = build_shortlist(table, VOCABULARY, VOCABULARY, shared_vocab=True, candidates_per_token=30)
    language = build_language_shortlist(table, VOCABULARY)
    for source in english[:20]:
        expected = alone.target_ids_for_sentence(source.tolist()).tolist()
        assert language.target_ids_for_sentence(source.tolist()).tolist() == expected


def test_shortlists_of_another_tokenizer_are_refused(shortlist: MultilingualShortlist, tmp_path: Path) -> None:
    path = tmp_path / "shortlist.npz"
    path.write_bytes(shortlist.serialise())
    for sizes in ((VOCABULARY, 2**31), (VOCABULARY + 1, VOCABULARY)):
        with pytest.raises(CarouselError, match="belongs to another tokenizer"):
            MultilingualShortlist.load(path, sizes)
