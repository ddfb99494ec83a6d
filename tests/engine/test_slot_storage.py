"""Arrays of sentences of several lengths, against one array a sentence."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nmt.engine.slot_storage import Column, SlotStorage

STEPS = st.lists(
    st.one_of(st.lists(st.integers(1, 30), min_size=1, max_size=3), st.integers(0, 5)), min_size=1, max_size=12
)


@given(STEPS)
def test_sentences_come_and_go(steps: list[list[int] | int]) -> None:
    """A list of lengths is put; a number removes the sentence in that place, into which the last one moves."""
    padded = SlotStorage({"a": Column(1), "b": Column(2, -1.0)}, places=6, block=4)
    random = np.random.default_rng(0)
    expected: list[np.ndarray] = []
    for step in steps:
        if isinstance(step, int):
            if step < len(expected):
                padded.move(len(expected) - 1, step)
                expected[step] = expected[-1]
                expected.pop()
        elif len(expected) + len(step) <= 6:
            sentences = [random.normal(size=length) for length in step]
            arrays = np.full((len(step), max(step)), 9.0)  # what pads the newcomers is not to be trusted
            for row, sentence in zip(arrays, sentences, strict=True):
                row[: len(sentence)] = sentence
            padding = np.arange(max(step)) >= np.array(step)[:, None]
            a, b = np.where(padding, 0.0, arrays), np.where(padding, -1.0, arrays)
            padded.put(len(expected), {"a": a, "b": np.stack((b, b), axis=1)}, np.array(step))
            expected += sentences
        views = padded.views(len(expected))
        for place, sentence in enumerate(expected):
            length = len(sentence)
            np.testing.assert_array_equal(views["a"][place, :length], sentence)
            assert (views["a"][place, length:] == 0).all()
            np.testing.assert_array_equal(views["b"][place, :, :length], np.stack((sentence, sentence)))
            assert (views["b"][place, :, length:] == -1).all()
        if expected:
            assert views["a"].shape[1] % 4 == 0
