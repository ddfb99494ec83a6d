"""Translation on a real Ray cluster whose processes are killed: every line occurs once, in order, and is correct."""

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
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Nmt
from processes import wait_for
from toy import toy_pairs

from nmt.bulk import job
from nmt.bulk.output import resumable_output
from nmt.corpus.text_files import file_statistics
from nmt.inference.job import TranslationJob
from nmt.search.options import DecodingOptions
from nmt.utils.errors import CarouselError

SENTENCES = [source for source, _ in toy_pairs(1000, seed=7)]
REPETITIONS = 3
UNUSUAL_TEXTS = [
    "",
    "   ",
    "😀🎉",
    "我喜欢猫。",
    "a\0b\x07",
    "the\u2028dog\x0b\x85",
    "the red dog\r",
    "the dog " * 900,
    "\u202e",
]


class RayTranslation:
    """A process of ``nmt translate --ray`` and its descendants."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-m", "nmt", "translate", *map(str, arguments), "--ray"]
        self.main = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def descendants(self) -> dict[int, str]:
        """Return process ids and command lines."""
        found: dict[int, str] = {}
        pending = [self.main.pid]
        while pending:
            for thread in Path(f"/proc/{pending.pop()}/task").glob("*"):
                try:
                    children = [int(pid) for pid in (thread / "children").read_text().split()]
                    found |= {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in children}
                except OSError:
                    continue  # the process has ended
                pending += children
        return found

    def kill(self) -> None:
        """Kill the main process first, as the kernel does when out of memory, then its descendants.

        Ray's own processes would take more than a minute to exit.
        """
        others = self.descendants()
        self.main.kill()
        self.main.communicate()
        for pid in others:
            with_its_name = Path(f"/proc/{pid}/cmdline")
            if with_its_name.exists() and with_its_name.read_text() == others[pid]:
                os.kill(pid, signal.SIGKILL)

    def finish(self) -> str:
        """Wait for success and return stderr."""
        out, error = self.main.communicate(timeout=200)
        assert (self.main.returncode, out) == (0, ""), error
        return error


@pytest.fixture
def texts(tmp_path: Path) -> list[Path]:
    """Files in three formats with unusual texts among ordinary sentences."""
    lines = [*SENTENCES[:500], *UNUSUAL_TEXTS, *SENTENCES[500:]]
    (tmp_path / "a.txt").write_text("\n".join([*lines, *SENTENCES * REPETITIONS]), encoding="utf-8", newline="")
    rows = ["the dog sees the cat.\nthe cat sees the dog.", "!\n?", "", "the king"]
    (tmp_path / "b.jsonl").write_text("".join(json.dumps({"en": row}) + "\n" for row in rows))
    pq.write_table(pa.table({"id": [1, 2, 3], "text": ["the bird sees the cat.", None, "x"]}), tmp_path / "c.parquet")
    return [tmp_path / name for name in ("a.txt", "b.jsonl", "c.parquet")]


@pytest.fixture
def remove_temporary_folders() -> Iterator[None]:
    """Remove the temporary folders that killed processes leave behind."""
    temporary = Path(tempfile.gettempdir())
    before = set(temporary.glob("nmt-ray-*"))
    yield
    for folder in set(temporary.glob("nmt-ray-*")) - before:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("remove_temporary_folders")
def test_run_survives_killed_processes(model: Path, texts: list[Path], tmp_path: Path, nmt: Nmt) -> None:
    """A worker is killed, then all processes; the next run does not translate finished lines again."""
    out = tmp_path / "out"
    manifest, lines = tmp_path / "out.parts" / "manifest.json", tmp_path / "out.parts" / "lines"

    def saved_lines() -> int:
        return int(json.loads(manifest.read_text())["lines"]) if manifest.exists() else 0

    first = RayTranslation(model, *texts, "-o", out)
    wait_for(lambda: saved_lines() > 0, first.main)
    before = saved_lines()
    os.kill(next(pid for pid, command in first.descendants().items() if "MapWorker" in command), signal.SIGKILL)
    wait_for(lambda: saved_lines() > before, first.main)
    first.kill()
    finished, total = saved_lines(), len(SENTENCES) * (1 + REPETITIONS) + len(UNUSUAL_TEXTS) + 7
    assert before < finished < total
    content = lines.read_bytes()
    end = content.index(b"\n")
    lines.write_bytes(b"#" * end + content[end:])  # marks a finished line, to check that it is not translated again

    assert f"after {finished:,} of {total:,} lines, " in RayTranslation(model, *texts, "-o", out).finish()
    texts[0].write_text("\n".join([*SENTENCES[:500], *UNUSUAL_TEXTS, *SENTENCES[500:]]), encoding="utf-8", newline="")
    plain = nmt("translate", model, *texts).out.split("\n")
    found = out.read_text(encoding="utf-8").split("\n")
    middle = len(SENTENCES) + len(UNUSUAL_TEXTS)
    again = [*plain[:500], *plain[500 + len(UNUSUAL_TEXTS) : middle]] * REPETITIONS
    assert found[0] == "#" * end
    assert found[1:] == [*plain[1:middle], *again, *plain[middle:]]
    assert found[middle + len(again) :] == [
        "le chien voit le chat. le chat voit le chien.",
        "! ?",
        "",
        plain[middle + 3],
        *plain[middle + 4 :],
    ]
    assert not manifest.parent.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_interrupts_with_one_line_message(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = signal.getsignal(number)
    monkeypatch.setattr(job, "file_statistics", lambda *_: signal.raise_signal(number))
    translation = TranslationJob((), None, 0, DecodingOptions(), True, "text")
    with pytest.raises(CarouselError, match="out: interrupted; repeat the command to continue"):
        job.translate_files(translation, [tmp_path / "in"], [], tmp_path / "out")
    assert signal.getsignal(number) == handler


def test_workers_use_gpus_or_cpus(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    """GPUs are used if the cluster has any and the job has a single model with torch weights."""
    exported = tmp_path / "exported"
    assert nmt("export", model, exported).status == 0

    def choose(resources: dict[str, float], *models: Path, num_workers: int | None = None) -> tuple[int, bool]:
        return job._choose_workers(
            TranslationJob(models, None, 0, DecodingOptions(), True, "text"), resources, num_workers
        )

    large = {"CPU": 64.0, "GPU": 4.0}
    assert choose({"CPU": 8.0}, model) == (8, False)
    assert choose({"CPU": 8.0}, model, num_workers=3) == (3, False)
    assert choose({"CPU": 8.0}, model, num_workers=30) == (8, False)
    assert choose(large, model) == (4, True)
    assert choose(large, exported) == choose(large, model, model) == (64, False)
    with pytest.raises(CarouselError, match="has no CPUs"):
        choose({"CPU": 0.0}, model)


def test_temporary_path_too_long_for_ray_is_reported(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tmp_path / "text.en"
    text.write_text("the red dog\n")
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    monkeypatch.setenv("TMPDIR", str(deep))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    process = RayTranslation(model, text, "-o", tmp_path / "out")
    _, error = process.main.communicate(timeout=90)
    assert process.main.returncode == 1
    assert "AF_UNIX path length cannot exceed" in error
    assert error.endswith("; set TMPDIR to a shorter path\n")


@pytest.mark.parametrize("changed", [("en", "xx"), (None, "fr")])
def test_another_direction_does_not_continue_a_job(
    changed: tuple[str | None, str], multilingual_run: Path, tmp_path: Path
) -> None:
    text = tmp_path / "in"
    text.write_text("the dog\n")

    def describe(languages: tuple[str | None, str]) -> dict[str, Any]:
        of_job = TranslationJob((multilingual_run,), None, 0, DecodingOptions(), True, "text", languages=languages)
        return job._describe_inputs(of_job, [text], ["text"], [file_statistics(text, ["text"])])

    with pytest.raises(KeyboardInterrupt), resumable_output(tmp_path / "out", describe(("en", "fr"))) as output:
        output.append(1, b"le chien\n")
        raise KeyboardInterrupt
    with resumable_output(tmp_path / "out", describe(("en", "fr"))) as output:
        assert output.num_lines == 1
    with (
        pytest.raises(CarouselError, match="belongs to a translation with another direction"),
        resumable_output(tmp_path / "out", describe(changed)),
    ):
        pass


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("remove_temporary_folders")
def test_multilingual_job_equals_translation_in_one_process(multilingual_run: Path, tmp_path: Path, nmt: Nmt) -> None:
    """Languages are identified, and French is translated through English."""
    french = [target for _, target in toy_pairs(60, seed=8)]
    mixed = [text for pair in zip(SENTENCES[:60], french, strict=True) for text in pair]
    (tmp_path / "in").write_text("".join(f"{text}\n" for text in mixed), encoding="utf-8")
    RayTranslation(multilingual_run, tmp_path / "in", "-o", tmp_path / "out", "--to", "xx", "--threads", 1).finish()
    plain = nmt("translate", multilingual_run, tmp_path / "in", "--to", "xx")
    assert (tmp_path / "out").read_text(encoding="utf-8") == plain.out
