"""Translate a DOCX of 50 MB and a CSV of 200 MB: time, peak memory, and resumption after SIGKILL.

    python benchmarks/large_files.py [--docx-mb 50] [--csv-mb 200] [--sentences 3000]

The files are mostly numbers, checksums and images, which are read and copied, so that the run ends in minutes; a given
number of cells and paragraphs are sentences for the demonstration model. The DOCX is made by python-docx, of which a
paragraph is repeated; a third of its size is the XML of the text before compression, the rest are images. Each file is
translated once without interruption. Then its translation is killed with SIGKILL when the journal has half of the
sentences, and repeated. The outputs must be equal, and the second attempt must keep the records of the journal.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import docx

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "data" / "demo-en-fr" / "model"
MB = 1_000_000
ROW_BYTES = 1000
SENTENCES = ["The black cat sleeps.", "Where is my key?", "The small dog sees the red house.", "I like coffee."]


def write_csv(path: Path, size: int, sentences: int) -> None:
    """Write a table with an identifier, a number, a checksum and a text that is empty in most rows."""
    rows = size // ROW_BYTES
    generator = random.Random(1)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("id,number,data,text\r\n")
        for row in range(rows):
            has_text = row * sentences // rows != (row + 1) * sentences // rows
            text = f'"{SENTENCES[row % len(SENTENCES)]}"' if has_text else ""
            data = generator.randbytes(487).hex()
            file.write(f"{row},{generator.random():.6f},{data},{text}\r\n")


def write_docx(path: Path, size: int, sentences: int) -> None:
    """Write a document of paragraphs and images, of which the sentences are evenly distributed among the paragraphs."""
    made = docx.Document()
    paragraph = made.add_paragraph("MARK ")
    paragraph.add_run("bold").bold = True
    written = io.BytesIO()
    made.save(written)
    generator = random.Random(1)
    with zipfile.ZipFile(written) as template, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in template.infolist():
            content = template.read(member)
            if member.filename != "word/document.xml":
                archive.writestr(member, content)
                continue
            with archive.open(member.filename, "w", force_zip64=True) as file:
                for part in _body(content.decode(), size // 3, sentences, generator):
                    file.write(part.encode())
        image = 0
        while archive.fp is not None and archive.fp.tell() < size:
            archive.writestr(f"word/media/image{image}.png", generator.randbytes(MB))
            image += 1


def _body(xml: str, size: int, sentences: int, generator: random.Random) -> Iterator[str]:
    """Yield the XML of a document of about this size, in which a paragraph is repeated with other texts."""
    start, stop = xml.index("<w:p>"), xml.index("</w:p>") + len("</w:p>")
    paragraph = xml[start:stop]
    count = size // len(paragraph)
    yield xml[:start]
    for n in range(count):
        if n * sentences // count != (n + 1) * sentences // count:
            yield paragraph.replace("MARK ", SENTENCES[n % len(SENTENCES)] + " ").replace("bold", "No!")
        else:
            yield paragraph.replace("MARK ", f"{generator.random():.9f} ").replace("bold", str(n))
    yield xml[stop:]


def translate(path: Path, output: Path, kill_at: int | None = None) -> tuple[float, float]:
    """Translate a file; return seconds and peak memory in MB. Kill the process when its journal has some records."""
    command = [sys.executable, "-m", "nmt", "translate", str(MODEL), str(path), "-o", str(output)]
    command += ["--field", "text"] if path.suffix == ".csv" else []
    journal = journal_path(output)
    start = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while True:
        done, status, usage = os.wait4(process.pid, os.WNOHANG)
        if done:
            break
        if kill_at is not None and journal.exists() and journal.read_bytes().count(b"\n") > kill_at:
            os.kill(process.pid, signal.SIGKILL)
            kill_at = None
        time.sleep(0.02)
    process.returncode = os.waitstatus_to_exitcode(status)
    return time.perf_counter() - start, usage.ru_maxrss * 1024 / MB


def journal_path(output: Path) -> Path:
    """Return the path of the journal of a translation."""
    return output.with_name(f".{output.name}.journal")


def measure(path: Path, sentences: int) -> None:
    """Translate a file without and with an interruption, and print the measurements."""
    whole, resumed = path.with_name(f"whole{path.suffix}"), path.with_name(f"resumed{path.suffix}")
    print(f"{path.name}: {path.stat().st_size / MB:.0f} MB", flush=True)
    seconds, peak = translate(path, whole)
    print(f"  uninterrupted: {seconds:.0f} s, peak memory {peak:.0f} MB", flush=True)
    seconds, _ = translate(path, resumed, kill_at=sentences // 2)
    kept = journal_path(resumed).read_bytes()
    kept = kept[: kept.rindex(b"\n") + 1]
    with journal_path(resumed).open("rb") as journal:  # readable after its deletion
        print(f"  killed after {seconds:.0f} s with {kept.count(bytes([10])) - 1} sentences in the journal", flush=True)
        seconds, peak = translate(path, resumed)
        records = journal.read()
    num_new = records[len(kept) :].count(b"\n")
    print(f"  resumed: {seconds:.0f} s, peak memory {peak:.0f} MB, {num_new} sentences were translated")
    print(
        f"  records kept: {records.startswith(kept)}, output equal: {contents(whole) == contents(resumed)}", flush=True
    )


def contents(path: Path) -> dict[str, bytes]:
    """Return the SHA-256 digests of the members of an archive, or of a file."""
    if path.suffix == ".csv":
        return {"": hashlib.sha256(path.read_bytes()).digest()}
    with zipfile.ZipFile(path) as archive:
        return {name: hashlib.sha256(archive.read(name)).digest() for name in archive.namelist()}


def main() -> None:
    """Make the files and measure their translation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docx-mb", type=float, default=50)
    parser.add_argument("--csv-mb", type=float, default=200)
    parser.add_argument("--sentences", type=int, default=3000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table, document = Path(folder, "table.csv"), Path(folder, "document.docx")
        write_csv(table, int(options.csv_mb * MB), options.sentences)
        measure(table, options.sentences)
        write_docx(document, int(options.docx_mb * MB), options.sentences)
        measure(document, options.sentences)


if __name__ == "__main__":
    main()
