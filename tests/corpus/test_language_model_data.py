"""Token sequences and parallel streams for language models."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nmt.config.loading import load_recipe
from nmt.config.schema import LanguageModelRecipe
from nmt.corpus.arrow_store import RaggedArray
from nmt.corpus.data_loader import DataPosition
from nmt.corpus.language_model_data import LanguageModelLoader, MonolingualCorpus, prepare_language_model_data
from nmt.corpus.tokenizer import BOS, EOS

LINES = st.lists(st.lists(st.integers(100, 200), max_size=5), min_size=1, max_size=12)


@given(LINES)
def test_concatenated_lines_have_begin_and_end_of_sentence(lines: list[list[int]]) -> None:
    inputs, outputs = MonolingualCorpus(RaggedArray.from_lists(lines), "").concatenate()
    assert inputs.tolist() == [piece for line in lines for piece in (BOS, *line)]
    assert outputs.tolist() == [piece for line in lines for piece in (*line, EOS)]


@given(LINES, st.integers(1, 4), st.integers(1, 6), st.integers(0, 99))
def test_streams_continue_from_window_to_window(lines: list[list[int]], streams: int, window: int, seed: int) -> None:
    corpus = MonolingualCorpus(RaggedArray.from_lists(lines), "")
    text = [piece for line in lines for piece in (BOS, *line)]
    steps = len(text) // streams
    if not steps:
        return
    loader = LanguageModelLoader(corpus, streams, window, seed)
    count = -(-steps // window)
    with loader.batches(DataPosition(0, 0)) as batches:
        epochs = [list(islice(batches, count)) for _ in range(2)]
    for number, epoch in enumerate(epochs):
        assert [batch.reset_state for batch, _ in epoch] == [True] + [False] * (count - 1)
        assert [place for _, place in epoch] == [DataPosition(number, n) for n in range(1, count + 1)]
        inputs = np.concatenate([batch.target_in for batch, _ in epoch], axis=1)
        assert inputs.shape == (streams, steps)
        joined = inputs.ravel().tolist()
        assert any(joined == [*text, *text][at : at + len(joined)] for at in range(len(text)))
        # The expected output is the next input, where end of sentence is followed by begin of sentence.
        outputs = np.concatenate([batch.target_out for batch, _ in epoch], axis=1)
        assert np.where(outputs == EOS, BOS, outputs)[:, :-1].tolist() == inputs[:, 1:].tolist()
    assert loader.epoch_tokens() == streams * steps
    with loader.batches(DataPosition(1, min(1, count - 1))) as batches:
        batch, place = next(batches)
    expected = epochs[1][min(1, count - 1)]
    assert batch.target_in.tolist() == expected[0].target_in.tolist()
    assert place == expected[1]


def test_text_is_read_verbatim(tmp_path: Path) -> None:
    text = ["def f(x):", "    return  x ", "", "\tpass", " ½ é"]
    (tmp_path / "text").write_text("\n".join(text) + "\n", encoding="utf-8")
    recipe = tmp_path / "lm.yaml"
    recipe.write_text(
        "data: {language: en, train: [text], dev: text}\n"
        "tokenizer: {kind: char, vocab_size: 100, byte_fallback: false}\n"
        "training: {max_updates: 1, batch_tokens: 10, validate_every: 1, checkpoint_every: 1}\n"
    )
    loaded = load_recipe(recipe)
    assert isinstance(loaded, LanguageModelRecipe)
    prepared = prepare_language_model_data(loaded)
    assert prepared.dev == text
    ids = prepared.train.target_ids(np.arange(len(text))).to_lists()
    assert [len(line) for line in ids] == list(map(len, text))
    assert prepared.vocabulary.decode_batch([line.tolist() for line in ids]) == text
