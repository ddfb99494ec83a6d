"""Jobs on a real Ray whose processes are killed: every line once, in order, and as one process would translate it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Nmt
from processes import wait_for
from toy import toy_pairs

from nmt.bulk import job
from nmt.inference.job import TranslationJob
from nmt.search.options import DecodingOptions
from nmt.utils.errors import CarouselError

SENTENCES = [source for source, _ in toy_pairs(1000, seed=7)]
TIMES = 3
ODD = ["", "   ", "😀🎉", "我喜欢猫。", "a\0b\x07", "the\u2028dog\x0b\x85", "the red dog\r", "the dog " * 900, "\u202e"]


class Process:
    """A call of ``nmt translate --ray``, and all that descends from it."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-m", "nmt", "translate", *map(str, arguments), "--ray"]
        self.main = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def descendants(self) -> dict[int, str]:
        """Process ids and command lines."""
        found: dict[int, str] = {}
        ahead = [self.main.pid]
        while ahead:
            for thread in Path(f"/proc/{ahead.pop()}/task").glob("*"):
                try:
                    children = [int(pid) for pid in (thread / "children").read_text().split()]
                    found |= {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in children}
                except OSError:
                    continue  # it has ended
                ahead += children
        return found

    def kill(self) -> None:
        """The main process first, as a lack of memory might; Ray's helpers take a minute and more to notice."""
        others = self.descendants()
        self.main.kill()
        self.main.communicate()
        for pid in others:
            with_its_name = Path(f"/proc/{pid}/cmdline")
            if with_its_name.exists() and with_its_name.read_text() == others[pid]:
                os.kill(pid, signal.SIGKILL)

    def finish(self) -> str:
        """What it says."""
        out, error = self.main.communicate(timeout=200)
        assert (self.main.returncode, out) == (0, ""), error
        return error


@pytest.fixture
def texts(tmp_path: Path) -> list[Path]:
    """Files of three forms, in which the odd ones are among many plain sentences."""
    lines = [*SENTENCES[:500], *ODD, *SENTENCES[500:]]
    (tmp_path / "a.txt").write_text("\n".join([*lines, *SENTENCES * TIMES]), encoding="utf-8", newline="")
    rows = ["the dog sees\nthe cat.", "!\n?", "", "the king"]
    (tmp_path / "b.jsonl").write_text("".join(json.dumps({"en": row}) + "\n" for row in rows))
    pq.write_table(pa.table({"id": [1, 2, 3], "text": ["the bird sees the cat.", None, "x"]}), tmp_path / "c.parquet")
    return [tmp_path / name for name in ("a.txt", "b.jsonl", "c.parquet")]


@pytest.fixture
def cleared() -> Iterator[None]:
    """What a killed process can't clear away is cleared away."""
    temporary = Path(tempfile.gettempdir())
    before = set(temporary.glob("nmt-ray-*"))
    yield
    for folder in set(temporary.glob("nmt-ray-*")) - before:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("cleared")
def test_a_job_outlives_its_processes(model: Path, texts: list[Path], tmp_path: Path, nmt: Nmt) -> None:
    """First a worker is killed, then everything; what was finished by then is not translated again."""
    out = tmp_path / "out"
    manifest, lines = tmp_path / "out.parts" / "manifest.json", tmp_path / "out.parts" / "lines"

    def done() -> int:
        return int(json.loads(manifest.read_text())["lines"]) if manifest.exists() else 0

    first = Process(model, *texts, "-o", out)
    wait_for(lambda: done() > 0, first.main)
    before = done()
    os.kill(next(pid for pid, command in first.descendants().items() if "MapWorker" in command), signal.SIGKILL)
    wait_for(lambda: done() > before, first.main)
    first.kill()
    finished, total = done(), len(SENTENCES) * (1 + TIMES) + len(ODD) + 7
    assert before < finished < total
    content = lines.read_bytes()
    end = content.index(b"\n")
    lines.write_bytes(b"#" * end + content[end:])  # if it is still there in the end, it was not made again

    assert f"after {finished:,} of {total:,} lines, " in Process(model, *texts, "-o", out).finish()
    texts[0].write_text("\n".join([*SENTENCES[:500], *ODD, *SENTENCES[500:]]), encoding="utf-8", newline="")
    plain = nmt("translate", model, *texts).out.split("\n")
    found = out.read_text(encoding="utf-8").split("\n")
    middle = len(SENTENCES) + len(ODD)
    again = [*plain[:500], *plain[500 + len(ODD) : middle]] * TIMES
    assert found[0] == "#" * end
    assert found[1:] == [*plain[1:middle], *again, *plain[middle:]]
    assert found[middle + len(again) :] == [
        "le chien voit le chat.",
        "! ?",
        "",
        plain[middle + 3],
        *plain[middle + 4 :],
    ]
    assert not manifest.parent.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_with_one_line(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = signal.getsignal(number)
    monkeypatch.setattr(job, "file_statistics", lambda *_: signal.raise_signal(number))
    request = TranslationJob((), None, 0, DecodingOptions(), True, "text")
    with pytest.raises(CarouselError, match="stopped; what is finished is kept, and the same call goes on with it"):
        job.translate_files(request, [tmp_path / "in"], [], tmp_path / "out")
    assert signal.getsignal(number) == handler


def test_each_worker_has_a_core_or_a_gpu(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    """A GPU where there are some, and one model with weights to put there."""
    exported = tmp_path / "exported"
    assert nmt("export", model, exported).status == 0

    def share(resources: dict[str, float], *models: Path, workers: int | None = None) -> tuple[int, bool]:
        return job._share(TranslationJob(models, None, 0, DecodingOptions(), True, "text"), resources, workers)

    large = {"CPU": 64.0, "GPU": 4.0}
    assert share({"CPU": 8.0}, model) == (8, False)
    assert share({"CPU": 8.0}, model, workers=3) == (3, False)
    assert share({"CPU": 8.0}, model, workers=30) == (8, False)
    assert share(large, model) == (4, True)
    assert share(large, exported) == share(large, model, model) == (64, False)
    with pytest.raises(CarouselError, match="no CPUs to work with"):
        share({"CPU": 0.0}, model)


def test_a_temporary_folder_that_is_too_deep_for_ray_is_named(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tmp_path / "text.en"
    text.write_text("the red dog\n")
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    monkeypatch.setenv("TMPDIR", str(deep))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    process = Process(model, text, "-o", tmp_path / "out")
    _, said = process.main.communicate(timeout=90)
    assert process.main.returncode == 1
    assert "AF_UNIX path length cannot exceed" in said
    assert said.endswith("; check TMPDIR, whose path must be short\n")
