"""Hostile files end with an error of one line, in bounded time and memory."""

from __future__ import annotations

import io
import resource
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pseudo import capitals, run

from nmt.inference.files.errors import FileFormatError
from nmt.inference.files.file_translation import translate_file
from nmt.inference.files.format import ReadOptions, available_formats

MIB = 2**20
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
EXTERNAL = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


def archive(members: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return written.getvalue()


def word(xml: str = f"<w:document {W}/>", **members: bytes) -> bytes:
    return archive({"[Content_Types].xml": b"<Types/>", "word/document.xml": xml.encode(), **members})


def encrypted() -> bytes:
    content = bytearray(word())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def lying_size() -> bytes:
    """Return an archive whose directory understates the size of a member."""
    content = bytearray(word("<w:document>" + "x" * 100_000))
    name = content.rindex(b"word/document.xml")
    content[name - 22 : name - 18] = struct.pack("<I", 10)
    return bytes(content)


def deep(tag: str, depth: int) -> str:
    return f"<{tag}>" * depth + f"</{tag}>" * depth


CASES: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "zip bomb": (".docx", lambda: word(**{"word/media/a.bin": bytes(100 * MIB)}), "after decompression"),
    "zip bomb in the text": (".docx", lambda: word(f"<w:document {W}>" + " " * 90 * MIB), "after decompression"),
    "path traversal": (".docx", lambda: word(**{"../../etc/cron.d/x": b"x"}), "outside of the archive"),
    "absolute path": (".odt", lambda: archive({"content.xml": b"<a/>", "/etc/passwd": b""}), "outside of the archive"),
    "path of Windows": (".epub", lambda: archive({"..\\x": b""}), "outside of the archive"),
    "too many members": (".docx", lambda: word(**{str(n): b"" for n in range(50_001)}), "more than 50000 members"),
    "encrypted": (".docx", encrypted, "encrypted"),
    "understated size": (".docx", lying_size, "damaged archive|not well-formed"),
    "no archive": (".xlsx", lambda: b"PK\x03\x04" + b"x" * 100, "damaged archive"),
    "another archive": (".docx", lambda: archive({"a.txt": b""}), r"has no \[Content_Types\].xml"),
    "entity expansion": (".docx", lambda: word(f"{BOMB}<w:document {W}>&b;</w:document>"), "declares entities"),
    "external entity": (".docx", lambda: word(f"{EXTERNAL}<w:document {W}>&a;</w:document>"), "declares entities"),
    "entities in XLIFF": (".xlf", lambda: f"{EXTERNAL}<xliff>&a;</xliff>".encode(), "declares entities"),
    "entities in TMX": (".tmx", lambda: f"{BOMB}<tmx><tu>&b;</tu></tmx>".encode(), "declares entities"),
    "entities in XML": (".xml", lambda: f"{BOMB}<x>&b;</x>".encode(), "declares entities"),
    "nested elements": (".odt", lambda: archive({"content.xml": deep("a", 10_000).encode()}), "nested elements"),
    "unclosed tags": (".docx", lambda: word(f"<w:document {W}><w:p><w:r>"), "not well-formed"),
    "long paragraph": (
        ".docx",
        lambda: word(f"<w:document {W}><w:p><w:r><w:t>" + "ab " * 7 * MIB),
        "a paragraph is larger than 16 MiB",
    ),
    "long attribute": (".tmx", lambda: b'<tmx a="' + b"x" * 40 * MIB, "a tag is larger than 16 MiB"),
    "long line": (".csv", lambda: b"a" * 40 * MIB, "a line is larger than 16 MiB"),
    "long subtitle": (".srt", lambda: b"a" * 40 * MIB, "a line is larger than 16 MiB"),
    "long text": (".txt", lambda: b"a" * 40 * MIB, "a line is larger than 16 MiB"),
    "long record": (".csv", lambda: b'a,"' + b"a\n" * 20 * MIB, "a record is larger than 16 MiB"),
    "long string": (".json", lambda: b'["' + b"a" * 40 * MIB, "a string is larger than 16 MiB"),
    "nested JSON": (".json", lambda: b"[" * 100_000, "more than 1000 nested values"),
    "long entry": (".po", lambda: b'msgid ""\n' + b'"aaaaaaaaaaaaaaa"\n' * MIB, "an entry is larger than 16 MiB"),
    "large page": (".md", lambda: b"a\n" * 40 * MIB, "larger than 64 MiB"),
    "damaged PDF": (".pdf", lambda: b"%PDF-1.4\n1 0 obj\n<< /Length 9999999999 >>", "damaged PDF"),
    "invalid UTF-8": (".po", lambda: b'msgid "\xff"\n', r"source.po:1: invalid UTF-8 \(byte 0xff\)"),
    "unknown encoding": (".tmx", lambda: b'<?xml version="1.0" encoding="no-such"?><tmx/>', "unknown encoding"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.timeout(60)
def test_hostile_file_is_refused_in_bounded_memory(case: str, tmp_path: Path) -> None:
    suffix, make, message = CASES[case]
    path = tmp_path / f"source{suffix}"
    path.write_bytes(make())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(FileFormatError, match=message) as caught:
        run(path)
    assert "\n" not in str(caught.value)
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * (1 if sys.platform == "darwin" else 1024)
    assert growth < 256 * MIB


@pytest.mark.parametrize("name", sorted(available_formats()))
@pytest.mark.parametrize(
    "content", [b"", b"\0" * 100, b"PK\x03\x04", b"<?xml version='1.0'?>", b"\xff\xfe\x00", b"a" * 5000]
)
def test_content_of_another_kind_never_fails_unexpectedly(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "source"
    path.write_bytes(content)
    try:
        translate_file(path, tmp_path / "out", available_formats()[name], ReadOptions("en", "fr"), capitals)
    except FileFormatError as error:
        assert "\n" not in str(error)  # noqa: PT017
