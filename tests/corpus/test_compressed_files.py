"""Compressed files: the same text as uncompressed ones, and errors that name damaged files."""

import gzip
import io
import lzma
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from nmt.corpus.compressed_files import content_suffix
from nmt.corpus.parallel_corpus import corpus_fingerprint, read_pairs
from nmt.corpus.text_files import file_statistics, read_texts
from nmt.utils.errors import CarouselError


def zstandard(content: bytes) -> bytes:
    stream = pa.BufferOutputStream()
    with pa.CompressedOutputStream(stream, "zstd") as compressed:
        compressed.write(content)
    return stream.getvalue().to_pybytes()


COMPRESS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".xz": lzma.compress, ".zst": zstandard}
LINES = [f"line {n} é 日本 {'x' * (n % 300)}" for n in range(2000)]
TEXT = "\n".join(LINES).encode() + b"\n"


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".zst", ".GZ"])
def test_compressed_text_is_read(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"text.txt{suffix}"
    file.write_bytes(COMPRESS[suffix.lower()](TEXT))
    assert list(read_texts(file, ())) == LINES
    assert file_statistics(file, ()).num_texts == 2000


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".zst"])
def test_corpora_may_be_compressed(suffix: str, tmp_path: Path) -> None:
    expected = [("a", "x"), ("b", "y")]
    contents = {"p.en": b"a\nb\n", "p.fr": b"x\ny\n", "t.TSV": b"a\tx\nb\ty\n"}
    contents["j.jsonl"] = b'{"en": "a", "fr": "x"}\n{"en": "b", "fr": "y"}\n'
    for name, content in contents.items():
        (tmp_path / (name + suffix)).write_bytes(COMPRESS[suffix](content))
    for spec in ("p", f"t.TSV{suffix}", f"j.jsonl{suffix}"):
        assert list(read_pairs(str(tmp_path / spec), "en", "fr")) == expected
        assert len(corpus_fingerprint(str(tmp_path / spec), "en", "fr")) == 64
    (tmp_path / "p.en").write_bytes(b"c\nd\n")  # an uncompressed file is preferred
    assert list(read_pairs(str(tmp_path / "p"), "en", "fr")) == [("c", "x"), ("d", "y")]


def test_several_compressed_streams_in_a_file_are_one_text(tmp_path: Path) -> None:
    file = tmp_path / "text.gz"
    file.write_bytes(gzip.compress(TEXT[:1000]) + gzip.compress(TEXT[1000:]))
    assert list(read_texts(file, ())) == LINES


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".zst"])
def test_damaged_files_are_named(suffix: str, tmp_path: Path) -> None:
    whole, rng = COMPRESS[suffix](TEXT), random.Random(0)
    file = tmp_path / f"text{suffix}"
    changed = bytearray(whole)
    for _ in range(20):
        changed[rng.randrange(len(whole) // 4, len(whole) // 2)] ^= 0xFF
    for content in (whole[: len(whole) // 2], bytes(changed), b"no compressed text at all"):
        file.write_bytes(content)
        with pytest.raises(CarouselError) as error:
            list(read_texts(file, ()))
        assert str(file) in str(error.value)
        assert "\n" not in str(error.value)


def test_an_overlong_line_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    content = io.BytesIO()
    with gzip.GzipFile(fileobj=content, mode="wb") as stream:
        for _ in range(100):
            stream.write(b"a" * 1_000_000)
    (tmp_path / "p.en.gz").write_bytes(content.getvalue())
    (tmp_path / "p.fr.gz").write_bytes(gzip.compress(b"x\n"))
    with pytest.raises(CarouselError, match=r"p\.en\.gz:1: too many characters"):
        list(read_pairs(str(tmp_path / "p"), "en", "fr"))


def test_the_suffix_of_the_content() -> None:
    for name, expected in [("a.JSONL.gz", ".jsonl"), ("a.tsv", ".tsv"), ("a.gz", ""), ("a", ""), ("a.b.XZ", ".b")]:
        assert content_suffix(Path(name)) == expected
