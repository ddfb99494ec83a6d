"""Slot storage against a list with one array per sentence."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nmt.engine.slot_storage import PaddedArraySpec, SlotStorage

STEPS = st.lists(
    st.one_of(st.lists(st.integers(1, 30), min_size=1, max_size=3), st.integers(0, 5)), min_size=1, max_size=12
)


@given(STEPS)
def test_sentences_are_added_and_removed(steps: list[list[int] | int]) -> None:
    """A list of lengths adds sentences; a number removes the sentence at that index, where the last one moves."""
    storage = SlotStorage({"a": PaddedArraySpec(1), "b": PaddedArraySpec(2, -1.0)}, capacity=6, block_size=4)
    random = np.random.default_rng(0)
    expected: list[np.ndarray] = []
    for step in steps:
        if isinstance(step, int):
            if step < len(expected):
                storage.move(len(expected) - 1, step)
                expected[step] = expected[-1]
                expected.pop()
        elif len(expected) + len(step) <= 6:
            sentences = [random.normal(size=length) for length in step]
            arrays = np.full((len(step), max(step)), 9.0)  # any values may pad new sentences
            for row, sentence in zip(arrays, sentences, strict=True):
                row[: len(sentence)] = sentence
            padding = np.arange(max(step)) >= np.array(step)[:, None]
            a, b = np.where(padding, 0.0, arrays), np.where(padding, -1.0, arrays)
            storage.store(len(expected), {"a": a, "b": np.stack((b, b), axis=1)}, np.array(step))
            expected += sentences
        views = storage.views(len(expected))
        for index, sentence in enumerate(expected):
            length = len(sentence)
            np.testing.assert_array_equal(views["a"][index, :length], sentence)
            assert (views["a"][index, length:] == 0).all()
            np.testing.assert_array_equal(views["b"][index, :, :length], np.stack((sentence, sentence)))
            assert (views["b"][index, :, length:] == -1).all()
        if expected:
            assert views["a"].shape[1] % 4 == 0
