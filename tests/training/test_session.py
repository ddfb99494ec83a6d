"""Whole runs: what they leave behind, how they stop, and that a killed one comes back the same."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Nmt
from processes import children, wait_for
from safetensors import safe_open
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter
from toy import toy_pairs, write_corpus

from nmt.model_directory.directory import read_model_directory
from nmt.training.run_directory import MetricsLog, RunDirectory
from nmt.training.trainer import Trainer
from nmt.training.validation import Validator
from nmt.utils.errors import CarouselError

ROOT = Path(__file__).parents[2]


def spawn(recipe: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "nmt", "train", str(recipe), "--out", str(out), *more]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    _, err = process.communicate(timeout=120)
    return process.returncode, err.decode()


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def changed(path: Path) -> int:
    """When a file was last written; 0 while it is not there."""
    return path.stat().st_mtime_ns if path.exists() else 0


def listen_for(words: str, process: subprocess.Popen[bytes]) -> None:
    assert process.stderr
    for line in process.stderr:
        if words in line.decode():
            return


def at_work(pid: int) -> bool:
    """Whether there is such a process that has not ended, be its end seen by its parent or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_run_leaves_what_the_contract_names(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    out = tmp_path / "run"
    ran = nmt("train", recipe, f"data.test={tmp_path / 'dev'}", "--out", out)
    assert ran.status == 0, ran.err
    assert {"model", "checkpoints", "metrics.jsonl", "report.html", "config.yaml", "tensorboard"} <= {
        p.name for p in out.iterdir()
    }
    records = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [r["update"] for r in records if r["kind"] == "dev"] == [6, 12]
    assert set(records[-1]) == {"kind", "update", "loss", "bleu"} or set(records[-1]) == {
        "kind", "update", "epoch", "loss", "learning_rate", "grad_norm", "tokens_per_second",
    }  # fmt: skip
    card = read_model_directory(out).card
    assert card.scores["dev"]["bleu"]["signature"].startswith("nrefs:1")
    assert set(card.scores) == {"dev", "test"}
    assert "train" not in card.training["recipe"]["data"]  # no paths of the machine it was trained on
    assert "dev: bleu" in ran.out
    again = nmt("train", recipe, "--out", out)
    assert again.status == 1
    assert "holds a run; go on with --resume" in again.err


def test_two_equal_runs_give_equal_bytes(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    for name in ("a", "b"):
        assert nmt("train", recipe, "--out", tmp_path / name, "training.precision=auto").status == 0
    first, second = ((tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("a", "b"))
    assert first == second


@pytest.mark.timeout(400)
def test_a_killed_run_resumes_to_the_same_bytes(recipe: Path, tmp_path: Path) -> None:
    """kill -9 at three random moments, each after at least one more checkpoint."""
    length = ("training.max_updates=150", "training.checkpoint_every=7", "training.validate_every=30",
              "training.r_drop=1", "training.subword_sampling=0.1", "training.average_best=3")  # fmt: skip
    whole = spawn(recipe, tmp_path / "whole", *length)
    moments = random.Random(os.urandom(8))
    checkpoint = tmp_path / "killed" / "checkpoints" / "last.safetensors"
    for _ in range(3):
        before = changed(checkpoint)
        process = spawn(recipe, tmp_path / "killed", "--resume", *length)
        wait_for(lambda before=before: changed(checkpoint) > before, process)  # type: ignore[misc]
        time.sleep(moments.uniform(0.0, 0.5))
        process.kill()
        _, err = process.communicate()
        assert process.returncode == -signal.SIGKILL, f"ended before it was killed: {err.decode()}"
    status, error = finish(spawn(recipe, tmp_path / "killed", "--resume", *length))
    assert status == 0, error
    assert finish(whole)[0] == 0
    for name in ("model/model.safetensors", "model/tokenizer.model", "checkpoints/best.safetensors"):
        assert sha256(tmp_path / "whole" / name) == sha256(tmp_path / "killed" / name), name
    updates = [
        (record["kind"], record["update"], record["loss"])
        for line in (tmp_path / "killed" / "metrics.jsonl").read_text().splitlines()
        if (record := json.loads(line))["kind"] == "dev"
    ]
    assert [update for _, update, _ in updates] == [30, 60, 90, 120, 150]
    assert not [p.name for p in (tmp_path / "killed").rglob(".*") if p.name != ".lock"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_exits_0(number: signal.Signals, recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = spawn(recipe, out, "training.max_updates=100000", "training.checkpoint_every=100000")
    wait_for((out / "model" / "config.json").exists, process)  # of the first validation
    process.send_signal(number)
    status, err = finish(process)
    assert status == 0, err
    assert "go on with --resume" in err
    assert (out / "checkpoints" / "last.safetensors").exists()
    page = (out / "report.html").read_text()
    assert "This training has not come to its end: a signal stopped it after update" in page
    assert "<b>BLEU on dev, greedy</b>" in page
    assert "validate_every: 6" in page


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of so many words that all which is done with it takes seconds."""
    folder, draw = tmp_path_factory.mktemp("large"), random.Random(1)
    words = ["".join(draw.choices("abcdefghijklmnop", k=8)) for _ in range(40_000)]
    for name, count in (("train", 20_000), ("dev", 2_000)):
        texts = [" ".join(draw.choices(words, k=10)) for _ in range(count)]
        write_corpus(folder / name, [(text, text[::-1]) for text in texts])
    return folder


@pytest.mark.parametrize(("step", "pieces"), [("Training a bpe tokenizer", 6000), ("Encoding", 350)])
def test_a_signal_ends_preparation_at_once(
    step: str, pieces: int, large: Path, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left but what is whole, and the same command begins again."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process = spawn(recipe, tmp_path / "run", f"data.train=[{large / 'train'}]", f"tokenizer.vocab_size={pieces}")
    listen_for(step, process)
    if step.startswith("Training"):  # the time goes into a process of its own
        wait_for(lambda: bool(children(process.pid)), process)
    helpers = children(process.pid)
    process.send_signal(signal.SIGTERM)
    status, err = finish(process)
    assert status == 0, err
    assert "Stopped while the text was being prepared; the same command begins again" in err
    for _ in range(1000):
        if not any(map(at_work, helpers)):
            break
        time.sleep(0.01)
    assert not any(map(at_work, helpers))
    whole = [path.name.split("-")[0] for path in (tmp_path / "cache" / "carousel").glob("*")]
    assert whole == ([] if step.startswith("Training") else ["tokenizer"])
    assert not RunDirectory(tmp_path / "run").holds_a_run()


@pytest.mark.timeout(400)
def test_a_signal_ends_validation_and_scoring_which_are_made_up_for(large: Path, recipe: Path, tmp_path: Path) -> None:
    out, length = tmp_path / "run", ("--resume", "training.max_updates=10", "training.validate_every=10")
    process = spawn(recipe, out, *length, f"data.dev={large / 'dev'}")
    wait_for(lambda: 10 in losses(out), process)  # which is written before the validation
    process.send_signal(signal.SIGTERM)
    status, err = finish(process)
    assert status == 0, err
    assert "Stopped after update 10; go on with --resume" in err
    assert not losses(out, "dev")
    process = spawn(recipe, out, *length, f"data.test={large / 'dev'}")  # but validated on few sentences
    listen_for("Scoring the best model on the test set", process)
    process.send_signal(signal.SIGINT)
    status, err = finish(process)
    assert status == 0, err
    assert "Stopped while the finished model was being scored; go on with --resume" in err
    assert list(losses(out, "dev")) == [10]
    assert read_model_directory(out).card.scores == {}
    status, err = finish(spawn(recipe, out, *length))
    assert status == 0, err
    assert "Update 10:" not in err
    assert list(read_model_directory(out).card.scores) == ["dev"]


def test_a_second_run_in_the_same_directory_is_refused(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    with RunDirectory(tmp_path / "run").claim(resume=False):
        ran = nmt("train", recipe, "--out", tmp_path / "run")
    assert ran.status == 1
    assert "another nmt train is writing here" in ran.err


def test_whoever_launched_a_run_goes_on_unasked(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    with run.claim(resume=False, launcher="machine 12 345"):
        run.metrics.write_text("")
    for stranger in (None, "machine 12 346"):
        with pytest.raises(CarouselError, match="holds a run; go on with --resume"):
            run.claim(resume=False, launcher=stranger).__enter__()
    with run.claim(resume=False, launcher="machine 12 345"):
        pass
    with run.claim(resume=True):  # a restart after that is none of the launcher's
        pass
    with pytest.raises(CarouselError, match="holds a run; go on with --resume"):
        run.claim(resume=False, launcher="machine 12 345").__enter__()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_ends_its_reader_too_saves(number: signal.Signals, recipe: Path, tmp_path: Path) -> None:
    """As Ctrl-C does in `nmt train … 2>&1 | tee log`, and a terminal that is closed."""
    out = tmp_path / "run"
    process = spawn(recipe, out, "training.max_updates=100000", "training.checkpoint_every=100000")
    wait_for(lambda: len(losses(out)) > 1, process)
    assert process.stderr
    assert process.stdout
    process.stderr.close()
    process.send_signal(number)
    assert process.wait(60) == 0
    process.stdout.close()
    page = (out / "report.html").read_text()
    stopped = re.search(r"a signal stopped it after update ([\d,]+)", page)
    assert stopped
    with safe_open(out / "checkpoints" / "last.safetensors", "pt") as file:
        assert json.loads(file.metadata()["progress"])["update"] == int(stopped[1].replace(",", ""))


def test_a_log_that_cannot_be_written_is_named(
    recipe: Path, tmp_path: Path, nmt: Nmt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorBoard's is done without."""
    out = tmp_path / "run"
    monkeypatch.setattr(SummaryWriter, "add_scalar", full)
    ran = nmt("train", recipe, "--out", out)
    assert ran.status == 0
    assert ran.err.count("TensorBoard's events: not written any more (OSError: [Errno 28] No space left") == 1
    assert max(losses(out)) == 12
    begin = MetricsLog.__init__

    def begin_on_a_full_disk(self: MetricsLog, *arguments: Any) -> None:
        begin(self, *arguments)
        self._file.close()
        self._file = Path("/dev/full").open("a", encoding="utf-8")  # noqa: SIM115 - `close` does

    monkeypatch.setattr(MetricsLog, "__init__", begin_on_a_full_disk)
    ran = nmt("train", recipe, "--out", out, "--resume", "training.max_updates=20")
    assert ran.status == 1
    assert ran.err.splitlines()[-1] == (
        "nmt: /dev/full: the disk is full; free some space (the previous content is untouched)"
    )


def full(*arguments: object, **more: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_keeps_what_was_saved(recipe: Path, tmp_path: Path) -> None:
    """A limit on file sizes stands in for a full disk: the second checkpoint doesn't fit, the first is kept."""
    out = tmp_path / "run"
    assert finish(spawn(recipe, out, "training.max_updates=5"))[0] == 0
    saved = (out / "checkpoints" / "last.safetensors").read_bytes()
    limited = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        "sys.argv[0] = 'nmt'; from nmt.cli.main import main; main()"
    )
    command = [sys.executable, "-c", limited, "train", str(recipe), "--out", str(out), "--resume"]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert process.returncode == 1, process.stderr
    assert "can't be written" in process.stderr
    assert "Traceback" not in process.stderr
    assert (out / "checkpoints" / "last.safetensors").read_bytes() == saved


def test_patience_and_minutes_end_a_run_early(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    out = tmp_path / "patient"
    ran = nmt("train", recipe, "--out", out, "training.max_updates=500", "training.patience=2",
              "training.learning_rate=1e-9", "training.validate_every=2")  # fmt: skip
    assert ran.status == 0, ran.err
    assert json.loads((out / "metrics.jsonl").read_text().splitlines()[-1])["update"] <= 8
    out = tmp_path / "short"
    ran = nmt("train", recipe, "--out", out, "training.max_updates=100000", "training.max_minutes=0.01")
    assert ran.status == 0, ran.err
    assert read_model_directory(out).card.training["updates"] < 1000


def test_the_last_weights_are_validated_too(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    """Whatever the interval: the end of a schedule is where weights are best."""
    out = tmp_path / "run"
    assert nmt("train", recipe, "--out", out, "training.max_updates=10").status == 0
    dev = [json.loads(line)["update"] for line in (out / "metrics.jsonl").read_text().splitlines() if '"dev"' in line]
    assert dev == [6, 10]


def test_a_refused_resume_changes_nothing(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    out = tmp_path / "run"
    assert nmt("train", recipe, "--out", out).status == 0
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert nmt("train", recipe, "--out", out, "--resume", "model.width=64").status == 1
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_a_run_without_a_dev_set_ships_its_last_weights(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    out = tmp_path / "run"
    assert nmt("train", recipe, "--out", out, "data.dev=null").status == 0
    first = (out / "model" / "model.safetensors").read_bytes()
    assert nmt("train", recipe, "--out", out, "data.dev=null", "--resume", "training.max_updates=20").status == 0
    assert (out / "model" / "model.safetensors").read_bytes() != first
    assert read_model_directory(out).card.training["updates"] == 20


def losses(out: Path, kind: str = "train") -> dict[int, dict[str, float]]:
    log = out / "metrics.jsonl"
    lines = map(json.loads, log.read_text().splitlines() if log.exists() else ())
    return {line["update"]: line for line in lines if line["kind"] == kind}


@pytest.mark.parametrize("settles_every", [1, 10], ids=["as on the CPU", "as on a GPU"])
def test_a_run_that_diverges_gets_one_more_try(
    settles_every: int, recipe: Path, tmp_path: Path, nmt: Nmt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number that is none, once: the run goes on from the checkpoint before the last, more slowly."""
    backward, calls, begin = Trainer._backward, [], Trainer.__init__

    def begin_so(self: Trainer, *arguments: Any, **more: Any) -> None:
        begin(self, *arguments, **more)
        self.settles_every = settles_every

    monkeypatch.setattr(Trainer, "__init__", begin_so)

    def fail_once(self: Trainer, *arguments: object, **more: object) -> torch.Tensor:
        calls.append(self.progress.update)
        nats = backward(self, *arguments, **more)  # type: ignore[arg-type]
        return nats * torch.nan if calls.count(33) == 1 and calls[-1] == 33 else nats

    monkeypatch.setattr(Trainer, "_backward", fail_once)
    settings = ("training.max_updates=100", "training.checkpoint_every=10", "training.schedule=constant",
                "training.validate_every=8", "training.average_best=2")  # fmt: skip
    ran = nmt("train", recipe, "--out", tmp_path / "run", *settings)
    assert ran.status == 0, ran.err
    assert "Training diverged: the loss or its gradient is not finite at update 34. Going on from update 20" in ran.err
    assert calls.count(25) == 2
    assert losses(tmp_path / "run")[100]["learning_rate"] == pytest.approx(0.5 * 2e-3)
    dev = {update: line["bleu"] for update, line in losses(tmp_path / "run", "dev").items()}
    best = read_model_directory(tmp_path / "run").card.training["updates"]
    assert dev[best] == max(dev.values())


def test_a_gpu_that_is_too_small_is_named(
    recipe: Path, tmp_path: Path, nmt: Nmt, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(Trainer, "_backward", fail)
    ran = nmt("train", recipe, "--out", tmp_path / "run")
    assert ran.status == 1
    assert "no memory left for batches of 400 tokens; set a smaller training.batch_tokens" in ran.err
    assert "Traceback" not in ran.err


def test_what_came_after_the_point_gone_back_to_is_forgotten(
    recipe: Path, tmp_path: Path, nmt: Nmt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first validations are the best: they are kept, and then made again of other weights."""
    backward, failures = Trainer._backward, []

    def fail_once(self: Trainer, *arguments: object, **more: object) -> torch.Tensor:
        nats = backward(self, *arguments, **more)  # type: ignore[arg-type]
        if self.progress.update == 33 and not failures:
            failures.append(33)
            return nats * torch.nan
        return nats

    monkeypatch.setattr(Trainer, "_backward", fail_once)
    monkeypatch.setattr(Validator, "score", lambda self, trainer: 100.0 - trainer.progress.update)
    out, interval = tmp_path / "run", ("training.schedule=constant", "training.validate_every=4")
    ran = nmt("train", recipe, "--out", out, *interval, "training.max_updates=40",
              "training.checkpoint_every=15", "training.average_best=6")  # fmt: skip
    assert ran.status == 0, ran.err
    assert "Going on from update 15 with 0.5 times" in ran.err
    assert "the best weights stay those of 4;" in ran.err
    updates = [json.loads(line)["update"] for line in (out / "metrics.jsonl").read_text().splitlines() if "dev" in line]
    assert updates == list(range(4, 41, 4))
    kept = sorted(int(path.stem.split("-")[1]) for path in (out / "checkpoints").glob("validated-*"))
    assert kept == [4, 8, 12, 16, 20, 24]  # the last three of them twice
    assert "Mean of the 6 best" in ran.err
    # So does TensorBoard.
    shown = EventAccumulator(str(out / "tensorboard")).Reload().Scalars("dev/bleu")
    assert [point.step for point in shown] == updates


def test_a_run_that_diverges_twice_stops_with_a_reason(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    out, steady = tmp_path / "run", ("training.schedule=constant", "training.checkpoint_every=20")
    assert nmt("train", recipe, "--out", out, *steady, "training.max_updates=60").status == 0
    weights = (out / "model" / "model.safetensors").read_bytes()
    wild = ("training.max_updates=300", "training.learning_rate=1", "training.validate_every=1000")
    ran = nmt("train", recipe, "--out", out, *steady, "--resume", *wild)
    assert ran.status == 1
    assert "Training diverged: the loss has risen from" in ran.err
    assert "for the second time; earlier checkpoints are kept: set a smaller training.learning_rate" in ran.err
    assert (out / "model" / "model.safetensors").read_bytes() == weights
    page = (out / "report.html").read_text()
    assert re.search(r"has not come to its end: the loss has risen from [\d.]+ to [\d.]+ by update", page)
    assert "<b>Loss</b>" in page


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[:-1],
        lambda whole: bytes(len(whole)),
        lambda whole: whole[:-9000] + bytes(4096) + whole[-4904:],
    ],
    ids=["cut", "zeros", "a block of zeros"],
)
def test_a_damaged_last_checkpoint_is_no_lost_run(
    damage: Callable[[bytes], bytes], recipe: Path, tmp_path: Path, nmt: Nmt
) -> None:
    out = tmp_path / "run"
    assert nmt("train", recipe, "--out", out, "training.max_updates=10").status == 0
    checkpoints = out / "checkpoints"
    assert {"last.safetensors", "previous.safetensors"} <= {path.name for path in checkpoints.iterdir()}
    whole = (checkpoints / "last.safetensors").read_bytes()
    (checkpoints / "last.safetensors").write_bytes(damage(whole))
    ran = nmt("train", recipe, "--out", out, "--resume", "training.max_updates=10")
    assert ran.status == 0, ran.err
    assert "last.safetensors: is damaged; going on from the checkpoint before it, previous.safetensors" in ran.err
    assert "Resumed after update 5" in ran.err
    assert (checkpoints / "last.safetensors").read_bytes()[-len(whole) // 2 :] == whole[-len(whole) // 2 :]
    load_file(checkpoints / "previous.safetensors")  # it is not the damaged one that was rotated


def test_a_missing_last_checkpoint_is_no_lost_run(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    out = tmp_path / "run"
    assert nmt("train", recipe, "--out", out, "training.max_updates=10").status == 0
    (out / "checkpoints" / "last.safetensors").unlink()  # a kill between two renames
    ran = nmt("train", recipe, "--out", out, "--resume", "training.max_updates=10")
    assert ran.status == 0, ran.err
    assert "Resumed after update 5" in ran.err


def test_two_damaged_checkpoints_change_nothing_else(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    out = tmp_path / "run"
    assert nmt("train", recipe, "--out", out, "training.max_updates=10").status == 0
    for path in (out / "checkpoints" / "last.safetensors", out / "checkpoints" / "previous.safetensors"):
        path.write_bytes(path.read_bytes()[:1000])
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    ran = nmt("train", recipe, "--out", out, "--resume")
    assert ran.status == 1
    assert "last.safetensors: is no readable checkpoint" in ran.err
    assert "start afresh in another --out (the model and the best weights here stay as they are)" in ran.err
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_the_mean_of_the_best_weights_is_shipped_where_it_is_better(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    out = tmp_path / "run"
    settings = ("training.max_updates=60", "training.validate_every=10", "training.average_best=3",
                "training.learning_rate=5e-3", "training.ema=0")  # fmt: skip
    ran = nmt("train", recipe, "--out", out, *settings)
    assert ran.status == 0, ran.err
    dev = {update: line["bleu"] for update, line in losses(out, "dev").items()}
    best = sorted(dev, key=lambda update: (dev[update], update))[-3:]
    kept = {int(path.stem.split("-")[1]): load_file(path) for path in (out / "checkpoints").glob("validated-*")}
    assert sorted(kept) == sorted(best)
    mean = load_file(out / "checkpoints" / "mean.safetensors")
    for name, weight in mean.items():
        torch.testing.assert_close(weight, sum(weights[name] for weights in kept.values()) / 3)
    said = re.search(r"Mean of the 3 best: BLEU ([\d.]+); shipping the (mean|best)", ran.err)
    assert said
    assert (float(said[1]) >= round(max(dev.values()), 2)) == (said[2] == "mean")
    shipped = load_file(out / "model" / "model.safetensors")
    chosen = mean if "shipping the mean" in ran.err else load_file(out / "checkpoints" / "best.safetensors")
    assert all(torch.equal(weight, chosen[name]) for name, weight in shipped.items())


@pytest.mark.parametrize("score", [99.0, 0.0])
def test_model_and_report_tell_whether_the_weights_are_a_mean(
    score: float, recipe: Path, tmp_path: Path, nmt: Nmt, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([30.0, 10.0, 20.0, score])  # the last one is of the mean
    monkeypatch.setattr(Validator, "score", lambda self, trainer: next(scores))
    out = tmp_path / "run"
    settings = ("training.max_updates=6", "training.validate_every=2", "training.average_best=2")
    assert nmt("train", recipe, "--out", out, *settings).status == 0
    training = read_model_directory(out).card.training
    page, card = (out / "report.html").read_text(), (out / "model" / "README.md").read_text()
    assert training["updates"] == 2
    assert training.get("mean_of") == ([2, 6] if score else None)
    assert ("the model is the mean of the weights after 2, 6." in page) == bool(score)
    assert ("the best on dev, 2, whose weights are the model." in page) == (not score)
    assert ("mean of: [2, 6]" in card) == bool(score)


def test_going_back_keeps_the_weights_that_may_be_averaged(
    recipe: Path, tmp_path: Path, nmt: Nmt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint that training goes back to knows of others, which have made room for these."""
    diverged: list[int] = []
    backward = Trainer._backward

    def fail_once(self: Trainer, *arguments: object, **more: object) -> torch.Tensor:
        nats = backward(self, *arguments, **more)  # type: ignore[arg-type]
        if self.progress.update != 17 or diverged:
            return nats
        diverged.append(17)
        return nats * torch.nan

    def score(self: Validator, trainer: Trainer) -> float:
        return 0.0 if diverged else 10.0 + trainer.progress.update

    monkeypatch.setattr(Trainer, "_backward", fail_once)
    monkeypatch.setattr(Validator, "score", score)
    settings = ("training.max_updates=20", "training.checkpoint_every=5", "training.validate_every=4",
                "training.average_best=2")  # fmt: skip
    ran = nmt("train", recipe, "--out", tmp_path / "run", *settings)
    assert ran.status == 0, ran.err
    assert "Going on from update 10" in ran.err
    assert "Mean of the 2 best" in ran.err
    kept = {path.stem for path in (tmp_path / "run" / "checkpoints").glob("validated-*")}
    assert kept == {"validated-12", "validated-16"}


def test_a_run_goes_on_by_the_dev_set_that_chose_its_best_weights(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    out = tmp_path / "run"
    write_corpus(tmp_path / "other", toy_pairs(10, seed=9))
    assert nmt("train", recipe, "--out", out, "training.max_updates=6").status == 0
    last = sha256(out / "checkpoints" / "last.safetensors")
    for other in (tmp_path / "other", "null"):
        ran = nmt("train", recipe, "--out", out, "--resume", "training.max_updates=12", f"data.dev={other}")
        assert ran.status == 1
        assert "data.dev: is not what this run was validated on so far; restore it" in ran.err
    assert sha256(out / "checkpoints" / "last.safetensors") == last
    for side in ("en", "fr"):
        (recipe.parent / f"dev.{side}").rename(tmp_path / f"moved.{side}")
    ran = nmt("train", recipe, "--out", out, "--resume", "training.max_updates=12", f"data.dev={tmp_path / 'moved'}")
    assert ran.status == 0, ran.err


def test_what_lies_ahead_is_said_before(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    ran = nmt("train", recipe, "--out", tmp_path / "run", "training.max_updates=200", "training.max_minutes=0.02")
    tokens, epochs = re.search(r"Ahead: 200 updates, ([\d,]+) target pieces, ([\d.]+) epochs", ran.err).groups()  # type: ignore[union-attr]
    measured = losses(tmp_path / "run")
    spoken = measured[max(measured)]["epoch"] / max(measured) * 200
    assert float(epochs) == pytest.approx(spoken, rel=0.3)
    assert 200 * 200 < int(tokens.replace(",", "")) < 200 * 400  # batches of 400, less the padding
    assert "without validation, at most 0.02 min in all" in ran.err
