"""Readers of text files in one language, and their error messages."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.corpus.text_files import file_statistics, read_texts
from nmt.utils.errors import CarouselError

FIELDS = ("en", "text")


def test_lines_end_at_line_feeds_only(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_bytes("a\n\n b\u2028c\x85\x0b\x0cd \r\ne\rf\nlast".encode())
    assert list(read_texts(path, FIELDS)) == ["a", "", " b\u2028c\x85\x0b\x0cd ", "e\rf", "last"]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8)))
def test_jsonl_and_parquet_round_trip(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    folder = tmp_path_factory.mktemp("forms")
    (folder / "in.jsonl").write_text("".join(json.dumps({"id": 1, "en": text}) + "\n" for text in texts))
    pq.write_table(
        pa.table({"id": list(range(len(texts))), "text": pa.array(texts, pa.string())}), folder / "in.parquet"
    )
    assert list(read_texts(folder / "in.jsonl", FIELDS)) == texts
    assert list(read_texts(folder / "in.parquet", FIELDS)) == texts


def test_text_is_found_in_the_fields_of_records(tmp_path: Path) -> None:
    lines = [{"text": "b", "en": "a"}, {"text": "b"}, {"translation": {"en": "c", "de": "d"}}, {"en": None}]
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + r'{"en": "half \ud83d a pair"}')
    assert list(read_texts(path, FIELDS)) == ["a", "b", "c", "", "half \ufffd a pair"]
    assert next(read_texts(path, ("text", "en"))) == "b"
    pairs = [{"en": "a", "de": "b"}, {"en": None, "de": "b"}]
    pq.write_table(pa.table({"translation": pairs}), tmp_path / "in.parquet", row_group_size=1)
    assert list(read_texts(tmp_path / "in.parquet", FIELDS)) == ["a", ""]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("in.txt", b"a\nb\xc3\n", "in.txt:2: invalid UTF-8 at byte 2 (0xc3); re-encode the text as UTF-8"),
        ("in.jsonl", b'{"en": "a"}\n{"en"\n', 'in.jsonl:2: invalid JSON; write one object per line, such as {"en": …}'),
        (
            "in.jsonl",
            b'{"id": 1, "body": "a"}',
            "in.jsonl:1: no field 'en' or 'text' (found: id, body); name the field",
        ),
        ("in.jsonl", b'{"en": 5}', "in.jsonl:1: field 'en' is 5, not text; fix it or name another with --field"),
        ("in.jsonl", b'["a"]', "in.jsonl:1: no field 'en' or 'text' (found: list); name the field with --field"),
        ("in.parquet", b"PAR1", "in.parquet: not a readable parquet file ("),
        ("in.parquet", pa.table({"id": [1], "body": ["a"]}), "in.parquet:1: no field 'en' or 'text' (found: id, body)"),
        ("in.txt", None, "in.txt: can't be read (No such file or directory); check the path"),
    ],
)
def test_unreadable_text_is_reported(name: str, content: bytes | pa.Table | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if isinstance(content, pa.Table):
        pq.write_table(content, path)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(CarouselError, match=re.escape(message)) as error:
        file_statistics(path, FIELDS)
    assert "\n" not in str(error.value)


def test_file_statistics(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_bytes(b"a\n\nb")
    found = file_statistics(path, FIELDS)
    assert (found.num_texts, found.sha256) == (3, hashlib.sha256(b"a\n\nb").hexdigest())
