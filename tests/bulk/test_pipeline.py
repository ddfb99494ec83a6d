"""Batches of texts are read from files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.bulk import pipeline
from nmt.bulk.pipeline import TextBatchReader


@given(st.lists(st.integers(0, 9)), st.integers(0, 20), st.integers(1, 7))
def test_every_text_is_in_one_batch(
    tmp_path_factory: pytest.TempPathFactory, lines: list[int], first: int, batch_size: int
) -> None:
    """Batches cover all texts from ``first`` on, across file boundaries."""
    folder = tmp_path_factory.mktemp("batches")
    texts: list[str] = []
    for name, count in enumerate(lines):
        own = [f"{name}.{line}" for line in range(count)]
        (folder / str(name)).write_text("".join(f"{line}\n" for line in own))
        texts += own
    files = tuple(folder / str(n) for n in range(len(lines)))
    batches = list(TextBatchReader(files, (), first, batch_size).read_batches())
    assert [text for _, batch in batches for text in batch] == texts[first:]
    assert [start for start, _ in batches] == list(range(first, first + len(texts[first:]), batch_size))
    assert all(len(batch) == batch_size for _, batch in batches[:-1])


def test_batches_of_long_texts_are_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "_MAX_BATCH_CHARACTERS", 10)
    (tmp_path / "in").write_text("a\n" + "b" * 100 + "\nccccc\nddddd\ne\n")
    batches = list(TextBatchReader((tmp_path / "in",), (), 0, 1000).read_batches())
    assert [(first, len(texts)) for first, texts in batches] == [(0, 2), (2, 2), (4, 1)]
