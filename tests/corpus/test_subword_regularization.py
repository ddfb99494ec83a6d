"""Sampled segmentations: the same text, by the seed alone, and without sampling SentencePiece's own."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import pytest
from toy import toy_pairs

from nmt.config.loading import load_translator_recipe
from nmt.corpus.batching import Batch, make_batch
from nmt.corpus.preparation import PreparedData, prepare_data
from nmt.corpus.subword_regularization import BpeDropout, SubwordSampler, UnigramSampler
from nmt.corpus.tokenizer import EOS, UNK

ROWS = np.arange(60)


def prepared(recipe: Path, kind: str = "bpe", *more: str) -> PreparedData:
    size = {"bpe": 420, "unigram": 370}[kind]
    return prepare_data(
        load_translator_recipe(recipe, [f"tokenizer.kind={kind}", f"tokenizer.vocab_size={size}", *more])
    )


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_sampled_pieces_spell_the_same_text_and_follow_from_the_seed(kind: str, recipe: Path) -> None:
    tagged = "data.train=[{corpus: " + str(recipe.parent / "train") + ", tag: 3}]"
    corpus = prepared(recipe, kind, tagged)
    vocabulary, sampler = corpus.tokenizer.source, SubwordSampler(corpus.tokenizer, kind, 0.3)  # type: ignore[arg-type]
    plain = make_batch(corpus.train, ROWS)
    one, same, other = (sampler.make_batch(corpus.train, ROWS, (1, n)) for n in (5, 5, 6))
    assert np.array_equal(one.source, same.source)
    assert np.array_equal(one.target_out, same.target_out)
    assert not np.array_equal(one.source, other.source)
    for batch in (one, other):
        for whole, ids, length in zip(plain.source, batch.source, batch.source_lengths, strict=True):
            assert vocabulary.id_to_piece(int(ids[0])) == "<tag:3>"
            assert ids[length - 1] == EOS
            assert text(corpus, whole) == text(corpus, ids)
    assert one.source_lengths.sum() > 1.02 * plain.source_lengths.sum()


def text(corpus: PreparedData, ids: np.ndarray) -> str:
    return corpus.tokenizer.source.decode([int(i) for i in ids if i > EOS]).text


@pytest.mark.parametrize("fallback", [True, False])
def test_without_dropout_it_is_sentencepieces_own_encoding(fallback: bool, recipe: Path) -> None:
    settings = [] if fallback else ["tokenizer.byte_fallback=false", "tokenizer.vocab_size=164"]
    vocabulary = prepared(recipe, "bpe", *settings).tokenizer.source
    cut = BpeDropout(vocabulary, 0.0).segment
    words = {word for pair in toy_pairs(300, seed=3) for side in pair for word in side.split()}
    strange = {"ledog", "hearshears", "x", "...", "the.cat", "Zürich", "\U0001f60a", "redred\u4f60", "aa"}
    for word in words | strange:
        assert cut("\u2581" + word, Random(1)) == vocabulary.encode_batch([word])[0], word
    assert (UNK in cut("\u2581\U0001f60a", Random(1))) == (not fallback)


@pytest.mark.parametrize("word", ["\u2581the", "\u2581small"])
def test_each_step_leaves_out_each_merge_with_its_probability(word: str, recipe: Path) -> None:
    vocabulary = prepared(recipe).tokenizer.source
    cut, random = BpeDropout(vocabulary, 0.2).segment, Random(1)
    counts = Counter(tuple(map(vocabulary.id_to_piece, cut(word, random))) for _ in range(4000))
    scores = {piece: score for piece, _, score in vocabulary.text_pieces()}
    expected = ends(tuple(word), scores, 0.2)
    assert sum(expected.values()) == pytest.approx(1)
    assert len(expected) > 3
    for pieces, share in expected.items():
        assert counts[pieces] / 4000 == pytest.approx(share, abs=0.03)


def ends(symbols: tuple[str, ...], scores: dict[str, float], dropout: float) -> dict[tuple[str, ...], float]:
    """Every segmentation in which algorithm 1 of Provilkov et al. ends, and how likely: all choices of all steps."""
    places = [i for i in range(len(symbols) - 1) if symbols[i] + symbols[i + 1] in scores]
    places.sort(key=lambda i: -scores[symbols[i] + symbols[i + 1]])  # the best first
    found: Counter[tuple[str, ...]] = Counter()
    for rank, i in enumerate(places):  # this one is merged where all better ones were left out
        merged = (*symbols[:i], symbols[i] + symbols[i + 1], *symbols[i + 2 :])
        for end, probability in ends(merged, scores, dropout).items():
            found[end] += dropout**rank * (1 - dropout) * probability
    found[symbols] += dropout ** len(places)
    return dict(found)


def test_unigram_draws_by_the_power_of_probability(recipe: Path) -> None:
    vocabulary = prepared(recipe, "unigram").tokenizer.source
    cut, random = UnigramSampler(vocabulary, 0.5).segment, Random(1)
    counts = Counter(tuple(cut("\u2581small", random)) for _ in range(4000))
    likely = vocabulary.nbest_segmentations("small", 64)
    assert likely[0][0] == vocabulary.encode_batch(["small"])[0]
    weights = np.exp([0.5 * score for _, score in likely])
    for (ids, _), share in zip(likely[:3], weights / weights.sum(), strict=False):
        assert counts[tuple(ids)] / 4000 == pytest.approx(share, abs=0.03)


def test_other_processes_draw_the_same(recipe: Path) -> None:
    """SentencePiece's own sampler does not: a resumed run would learn from other text."""
    program = (
        "import sys; from pathlib import Path; sys.path[:0] = ['tests', 'tests/corpus'];"
        f"import test_subword_regularization as t; print(t.drawn(Path({str(recipe)!r})).source.tolist())"
    )
    found = {subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout for _ in range(2)}
    assert found == {f"{drawn(recipe).source.tolist()}\n".encode()}


def drawn(recipe: Path) -> Batch:
    corpus = prepared(recipe)
    return SubwordSampler(corpus.tokenizer, "bpe", 0.3).make_batch(corpus.train, ROWS, (1, 2, 3))
