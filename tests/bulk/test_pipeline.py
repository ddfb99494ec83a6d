"""How a stream of texts is cut into parts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.bulk import pipeline
from nmt.bulk.pipeline import Source


@given(st.lists(st.integers(0, 9)), st.integers(0, 20), st.integers(1, 7))
def test_every_text_is_in_one_part(
    tmp_path_factory: pytest.TempPathFactory, lines: list[int], first: int, most: int
) -> None:
    """Wherever it begins, and through all files."""
    folder = tmp_path_factory.mktemp("parts")
    texts: list[str] = []
    for name, count in enumerate(lines):
        own = [f"{name}.{line}" for line in range(count)]
        (folder / str(name)).write_text("".join(f"{line}\n" for line in own))
        texts += own
    parts = list(Source(tuple(folder / str(n) for n in range(len(lines))), (), first, most).parts())
    assert [text for _, part in parts for text in part] == texts[first:]
    assert [start for start, _ in parts] == list(range(first, first + len(texts[first:]), most))
    assert all(len(part) == most for _, part in parts[:-1])


def test_long_texts_make_short_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "_CHARACTERS", 10)
    (tmp_path / "in").write_text("a\n" + "b" * 100 + "\nccccc\nddddd\ne\n")
    parts = list(Source((tmp_path / "in",), (), 0, 1000).parts())
    assert [(first, len(texts)) for first, texts in parts] == [(0, 2), (2, 2), (4, 1)]
