"""Translation in batches, journals, and formats of other packages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pseudo import OPTIONS, capitals, run

from nmt.inference.files import file_translation
from nmt.inference.files import format as formats
from nmt.inference.files.file_translation import summarise_file, translate_file
from nmt.inference.files.format import FileFormat, Piece, ReadOptions, find_format, get_format, register_format
from nmt.inference.files.journal import Journal
from nmt.inference.translation import Translation
from nmt.utils.errors import UsageError

PROGRAM = """
import sys, time
from pathlib import Path
sys.path.insert(0, {folder!r})
from pseudo import OPTIONS, capitals
from nmt.inference.files import file_translation
from nmt.inference.files.format import find_format
from nmt.inference.files.journal import Journal
file_translation._BATCH_SEGMENTS = 10
source, output, log = map(Path, sys.argv[1:4])
def translate(segments):
    for segment in segments:
        with log.open("a") as file:
            file.write(segment + "\\n")
    found = list(capitals(segments))
    time.sleep(float(sys.argv[4]))
    return found
journal = Journal(output.with_suffix(".journal"), "key")
print("ready", flush=True)
file_translation.translate_file(source, output, find_format(source.suffix), OPTIONS, translate, journal=journal,
    on_progress=lambda count: print(count, flush=True))
journal.delete()
"""


def test_killed_translation_is_resumed_without_repeated_work(tmp_path: Path) -> None:
    """At most the batch during which the process was killed is translated again."""
    source, output, log = tmp_path / "source.csv", tmp_path / "out.csv", tmp_path / "log"
    source.write_text("n,text\n" + "".join(f"{n},text number {n}\n" for n in range(3000)))
    command = [sys.executable, "-c", PROGRAM.format(folder=str(Path(__file__).parent)), source, output, log]
    for number_of_batches in (1, 2):
        with subprocess.Popen([*command, "0.01"], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(number_of_batches + 1):
                assert process.stdout.readline()
            os.kill(process.pid, signal.SIGKILL)
    subprocess.run([*command, "0"], check=True, stdout=subprocess.DEVNULL)
    expected = "n,text\n" + "".join(f"{n},TEXT NUMBER {n}\n" for n in range(3000))
    assert output.read_text() == expected
    done = log.read_text().splitlines()
    largest_batch = 100  # records of a piece
    assert len(set(done)) == 3000
    assert len(done) <= 3000 + 2 * largest_batch
    assert not output.with_suffix(".journal").exists()


def test_journal_drops_an_incomplete_record_and_other_keys(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, "one")
    journal.append([Translation("é\n", alignment=((0, 1, 0, 2),)), Translation("b")])
    journal.close()
    path.write_bytes(path.read_bytes() + b'["c", nul')
    again = Journal(path, "one")
    assert again.take(5) == [Translation("é\n", alignment=((0, 1, 0, 2),)), Translation("b")]
    again.append([Translation("c")])
    again.close()
    for key, expected in (("one", ["é\n", "b", "c"]), ("two", []), ("one", [])):
        with closing(Journal(path, key)) as reopened:
            assert [each.text for each in reopened.take(9)] == expected


def test_summary_counts_segments_and_characters(tmp_path: Path) -> None:
    path = tmp_path / "source.csv"
    path.write_text("n,text\n1,one two\n2,three\n")
    summary = summarise_file(path, get_format("csv"), OPTIONS, lambda: None)
    assert (summary.num_segments, summary.num_characters, summary.sample) == (2, 12, "one two\nthree")


def test_batches_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "source.csv"
    path.write_text("n,text\n" + "1,one two\n" * 5000)
    sizes: list[int] = []
    translate_file(path, tmp_path / "out", get_format("csv"), OPTIONS, lambda s: sizes.append(len(s)) or capitals(s))
    assert sum(sizes) == 5000
    assert max(sizes) <= file_translation._BATCH_SEGMENTS + 100


def test_registered_format_is_found_by_its_extension(tmp_path: Path) -> None:
    class Shouts(FileFormat):
        name, suffixes, media_type = "shouts", (".shout",), "text/x-shout"

        def read(self, path: Path, options: ReadOptions) -> Iterator[Piece]:
            yield Piece(path.read_bytes() + b"!")

    register_format(Shouts)
    try:
        (tmp_path / "source.shout").write_bytes(b"hey")
        assert run(tmp_path / "source.shout").read_bytes() == b"hey!"
    finally:
        del formats._registered["shouts"]
    assert find_format(".shout") is None
    with pytest.raises(UsageError, match="format: there is no 'shouts'; use one of"):
        get_format("shouts")
