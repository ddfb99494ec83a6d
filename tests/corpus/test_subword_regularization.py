"""BPE-dropout and unigram sampling: correctness, distribution and reproducibility."""

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
from nmt.corpus.arrow_store import RaggedArray
from nmt.corpus.batching import Batch, make_batch
from nmt.corpus.preparation import PreparedData, prepare_data
from nmt.corpus.subword_regularization import BpeDropout, SubwordSampler, UnigramSampler
from nmt.corpus.tokenizer import EOS, UNK
from nmt.text.placeholders import PLACEHOLDER_CHARACTERS

ROWS = np.arange(60)


def prepare_toy_data(recipe: Path, kind: str = "bpe", *more: str) -> PreparedData:
    size = {"bpe": 420, "unigram": 370}[kind]
    return prepare_data(
        load_translator_recipe(recipe, [f"tokenizer.kind={kind}", f"tokenizer.vocab_size={size}", *more])
    )


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_sampled_batches_decode_to_the_same_text_and_depend_on_the_seed(kind: str, recipe: Path) -> None:
    tagged = "data.train=[{corpus: " + str(recipe.parent / "train") + ", tag: 3}]"
    corpus = prepare_toy_data(recipe, kind, tagged)
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
            assert decode_text(corpus, whole) == decode_text(corpus, ids)
    assert one.source_lengths.sum() > 1.02 * plain.source_lengths.sum()


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_placeholders_survive_sampling(kind: str, recipe: Path) -> None:
    corpus = prepare_toy_data(recipe, kind)
    first, last = PLACEHOLDER_CHARACTERS[0], PLACEHOLDER_CHARACTERS[-1]
    texts = [f"{first} the cat {last} sees", f"{first}{last}", f"the cat({last}) {first}."]
    vocabulary = corpus.tokenizer.source
    encoded = vocabulary.encode_batch(texts)

    class Texts:
        def source_ids(self, rows: np.ndarray) -> RaggedArray:
            return RaggedArray.from_lists([encoded[row] for row in rows])

        target_ids = source_ids

    sampler = SubwordSampler(corpus.tokenizer, kind, 0.3)  # type: ignore[arg-type]
    for number in range(20):
        batch = sampler.make_batch(Texts(), np.arange(3), (1, number))  # type: ignore[arg-type]
        assert [decode_text(corpus, row) for row in batch.source] == texts


def decode_text(corpus: PreparedData, ids: np.ndarray) -> str:
    return corpus.tokenizer.source.decode([int(i) for i in ids if i > EOS]).text


@pytest.mark.parametrize("fallback", [True, False])
def test_zero_dropout_equals_sentencepiece(fallback: bool, recipe: Path) -> None:
    settings = [] if fallback else ["tokenizer.byte_fallback=false", "tokenizer.vocab_size=164"]
    vocabulary = prepare_toy_data(recipe, "bpe", *settings).tokenizer.source
    segment = BpeDropout(vocabulary, 0.0).segment
    words = {word for pair in toy_pairs(300, seed=3) for side in pair for word in side.split()}
    unusual = {"ledog", "hearshears", "x", "...", "the.cat", "Zürich", "\U0001f60a", "redred\u4f60", "aa"}
    for word in words | unusual:
        assert segment("\u2581" + word, Random(1)) == vocabulary.encode_batch([word])[0], word
    assert (UNK in segment("\u2581\U0001f60a", Random(1))) == (not fallback)


@pytest.mark.parametrize("word", ["\u2581the", "\u2581small"])
def test_bpe_dropout_distribution_matches_the_algorithm(word: str, recipe: Path) -> None:
    vocabulary = prepare_toy_data(recipe).tokenizer.source
    segment, random = BpeDropout(vocabulary, 0.2).segment, Random(1)
    counts = Counter(tuple(map(vocabulary.id_to_piece, segment(word, random))) for _ in range(4000))
    scores = {piece: score for piece, _, score in vocabulary.text_pieces()}
    expected = segmentation_probabilities(tuple(word), scores, 0.2)
    assert sum(expected.values()) == pytest.approx(1)
    assert len(expected) > 3
    for pieces, share in expected.items():
        assert counts[pieces] / 4000 == pytest.approx(share, abs=0.03)


def segmentation_probabilities(
    symbols: tuple[str, ...], scores: dict[str, float], dropout: float
) -> dict[tuple[str, ...], float]:
    """Return the probability of each segmentation under algorithm 1 of Provilkov et al., by enumeration."""
    places = [i for i in range(len(symbols) - 1) if symbols[i] + symbols[i + 1] in scores]
    places.sort(key=lambda i: -scores[symbols[i] + symbols[i + 1]])  # best first
    found: Counter[tuple[str, ...]] = Counter()
    for rank, i in enumerate(places):  # this merge is applied if all better ones are dropped
        merged = (*symbols[:i], symbols[i] + symbols[i + 1], *symbols[i + 2 :])
        for end, probability in segmentation_probabilities(merged, scores, dropout).items():
            found[end] += dropout**rank * (1 - dropout) * probability
    found[symbols] += dropout ** len(places)
    return dict(found)


def test_unigram_sampling_follows_the_power_of_probability(recipe: Path) -> None:
    vocabulary = prepare_toy_data(recipe, "unigram").tokenizer.source
    segment, random = UnigramSampler(vocabulary, 0.5).segment, Random(1)
    counts = Counter(tuple(segment("\u2581small", random)) for _ in range(4000))
    nbest = vocabulary.nbest_segmentations("small", 64)
    assert nbest[0][0] == vocabulary.encode_batch(["small"])[0]
    weights = np.exp([0.5 * score for _, score in nbest])
    for (ids, _), share in zip(nbest[:3], weights / weights.sum(), strict=False):
        assert counts[tuple(ids)] / 4000 == pytest.approx(share, abs=0.03)


def test_sampling_is_the_same_in_other_processes(recipe: Path) -> None:
    """SentencePiece's own sampling differs, so that a resumed run would train on other text."""
    program = (
        "import sys; from pathlib import Path; sys.path[:0] = ['tests', 'tests/corpus'];"
        f"import test_subword_regularization as t; print(t.sample_batch(Path({str(recipe)!r})).source.tolist())"
    )
    found = {subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout for _ in range(2)}
    assert found == {f"{sample_batch(recipe).source.tolist()}\n".encode()}


def sample_batch(recipe: Path) -> Batch:
    corpus = prepare_toy_data(recipe)
    return SubwordSampler(corpus.tokenizer, "bpe", 0.3).make_batch(corpus.train, ROWS, (1, 2, 3))
