"""The command line: what it prints, how it ends, and that a user's mistake costs one line."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Nmt
from safetensors.numpy import load_file, save
from toy import toy_pairs, write_corpus

from nmt import Translator
from nmt.corpus.parallel_corpus import read_pairs
from nmt.model_directory.directory import WEIGHTS, read_model_directory, write_model_directory


def test_sigterm_leaves_nothing_half_written(model: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nmt", "translate", model, "-o", tmp_path / "out"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin
        wait_for(lambda: any(tmp_path.iterdir()))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 143
    assert not any(tmp_path.iterdir())


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def damage(recipe: Path, kind: str) -> None:
    """Spoil the toy corpus beside a recipe."""
    source, target = recipe.parent / "train.en", recipe.parent / "train.fr"
    lines = source.read_bytes().splitlines(keepends=True)
    match kind:
        case "unequal line counts":
            source.write_bytes(b"".join(lines[:-1]))
        case "an invalid byte":
            source.write_bytes(b"".join([*lines[:6], b"caf\xe9\n", *lines[7:]]))
        case "an empty file":
            source.write_bytes(b"")
        case "an empty dev file":
            (recipe.parent / "dev.fr").write_bytes(b"")
        case "a missing file":
            target.unlink()
        case "a NUL":
            source.write_bytes(b"".join([*lines[:2], b"a\0b\n", *lines[3:]]))
        case "a long line":
            source.write_bytes(b"".join([*lines[:9], b"x" * 100_000 + b"\n", *lines[10:]]))
        case "a folder in place of a file":
            target.unlink()
            target.mkdir()


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        ("unequal line counts", r"train\.en: 299 lines, but .*train\.fr has 300; make line N of one"),
        ("an invalid byte", r"train\.en:7: invalid UTF-8 at byte 4 \(0xe9\); re-encode"),
        ("an empty file", r"train\.en: file is empty; name a corpus"),
        ("an empty dev file", r"dev\.fr: file is empty; name a corpus"),
        ("a missing file", r"train\.fr: can't be read \(No such file or directory\); check the path"),
        ("a NUL", r"train\.en:3: contains a NUL character; remove it"),
        ("a long line", r"train\.en:10: 100,000 characters \(limit 50,000\); write one sentence per line"),
        ("a folder in place of a file", r"train\.fr: can't be read \(Is a directory\); check the path"),
    ],
)
def test_a_corpus_that_is_not_as_it_must_be_costs_one_line(
    kind: str, complaint: str, recipe: Path, tmp_path: Path, nmt: Nmt
) -> None:
    damage(recipe, kind)
    ran = nmt("train", recipe, "--out", tmp_path / "run")
    assert ran.status == 1
    assert re.fullmatch(rf"nmt: .*{complaint}.*\n", ran.err), ran.err
    assert ran.out == ""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["model.widht=3"], "model.widht: unknown key; did you mean 'width'?"),
        (["training.learning_rate=5"], "training.learning_rate: must be less than or equal to 1 (got 5)"),
        (["search.beam=0"], "search.beam: must be greater than 0 (got 0)"),
        (["beam"], "'beam': not an override; write section.key=value"),
    ],
)
def test_a_wrong_configuration_costs_one_line(
    arguments: list[str], complaint: str, recipe: Path, tmp_path: Path, nmt: Nmt
) -> None:
    ran = nmt("train", recipe, "--out", tmp_path / "run", *arguments)
    assert ran.status == 2
    assert ran.err.startswith("nmt: ")
    assert complaint in ran.err
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_device_that_is_not_there_is_named(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    ran = nmt("train", recipe, "--out", tmp_path / "run", "training.device=cuda:7")
    assert ran.status == 1
    assert "training.device: cuda:7 is not there; use auto or cpu" in ran.err


@pytest.mark.skipif(platform.machine() != "x86_64", reason="oneDNN cannot be told so of other processors")
def test_a_processor_without_bf16_is_said_before_anything_is_prepared(recipe: Path, tmp_path: Path) -> None:
    """oneDNN is told to take this processor for one of 2013."""
    command = [sys.executable, "-m", "nmt", "train", recipe, "--out", tmp_path / "run", "training.precision=bf16"]
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert ran.returncode == 1
    assert ran.stderr == "nmt: training.precision: this processor cannot train LSTMs in bf16; use auto or fp32\n"


def translate(model: Path, text: bytes, *options: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "nmt", "translate", str(model), *options]
    return subprocess.run(command, input=text, capture_output=True, timeout=250, check=False)


def test_odd_input_gives_as_many_lines_as_it_has(model: Path) -> None:
    long = " ".join(source for source, _ in toy_pairs(850, seed=4))
    lines = ["", "the dog sees the cat.", "   ", "😀🎉", "我喜欢猫。", "a\0b\x07\x1b[31mc", "the\u2028dog\x0b\x85",
             "\u200f\u202e", "x" * 30_000, long, "�", "the red dog\r", "end"]  # fmt: skip
    assert len(long.split()) > 4500
    ran = translate(model, "\n".join(lines).encode(), "--beam", "1")
    assert ran.returncode == 0, ran.stderr.decode()
    out = ran.stdout.decode().split("\n")
    assert out.pop() == ""
    assert len(out) == len(lines)
    assert [out[0], out[2], out[3]] == ["", "   ", "😀🎉"]
    assert out[1] == "le chien voit le chat."
    # Nothing of the long line is cut: a sentence has one verb, so its translation has as many.
    verbs = [sum(text.count(verb) for verb in ("voit", "entend", "suit", "aime", "dessine")) for text in out]
    assert abs(verbs[9] - 850) < 43


def test_ten_thousand_lines(model: Path) -> None:
    sources = [source for source, _ in toy_pairs(10_000, seed=6)]
    ran = translate(model, "\n".join(sources).encode() + b"\n", "--beam", "1", "--threads", "2")
    out = ran.stdout.decode().splitlines()
    assert len(out) == 10_000
    again = dict(zip(sources, out, strict=True))
    assert all(again[source] == line for source, line in zip(sources, out, strict=True))


def test_bytes_that_are_no_text_are_named(model: Path) -> None:
    ran = translate(model, b"fine\nbr\xc3\n")
    assert ran.returncode == 1
    assert ran.stderr.decode() == "nmt: stdin:2: invalid UTF-8 at byte 3 (0xc3); re-encode the text as UTF-8\n"


def test_no_input_gives_no_output(model: Path) -> None:
    ran = translate(model, b"")
    assert (ran.returncode, ran.stdout) == (0, b"")


def test_json_holds_the_fields_of_the_contract(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in.txt").write_text("the dog sees the cat.\n\n", encoding="utf-8")
    ran = nmt("translate", model, tmp_path / "in.txt", "--json", "--n-best", 3)
    first, second = map(json.loads, ran.out.splitlines())
    assert set(first) == {"text", "score", "confidence", "alternatives", "alignment"}
    assert first["text"] == "le chien voit le chat."
    assert len(first["alternatives"]) == 2
    assert all(set(other) == {"text", "score"} for other in first["alternatives"])
    assert all(len(span) == 4 for span in first["alignment"])
    assert 0 < first["confidence"] <= 1
    assert (second["text"], second["alternatives"], second["confidence"]) == ("", [], None)


def test_output_goes_to_a_file_when_it_is_whole(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in").write_bytes(b"the dog sees the cat.\n")
    assert nmt("translate", model, tmp_path / "in", "-o", tmp_path / "out").status == 0
    assert (tmp_path / "out").read_text() == "le chien voit le chat.\n"
    (tmp_path / "in").write_bytes(b"the dog sees the cat.\n\xff\n")
    assert nmt("translate", model, tmp_path / "in", "-o", tmp_path / "out").status == 1
    assert (tmp_path / "out").read_text() == "le chien voit le chat.\n"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_files_of_several_forms_are_one_text(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "a.txt").write_text("the dog sees the cat.", encoding="utf-8")
    (tmp_path / "b.jsonl").write_text('{"body": "the cat sees the dog."}\n', encoding="utf-8")
    files = (tmp_path / "a.txt", tmp_path / "b.jsonl")
    out = nmt("translate", model, *files, "--field", "body").out
    assert out == "le chien voit le chat.\nle chat voit le chien.\n"
    ran = nmt("translate", model, *files)
    assert (ran.status, ran.err.count("\n")) == (1, 1)
    assert "b.jsonl:1: no field 'en' or 'text' (found: body); name the field with --field" in ran.err
    (tmp_path / "b.jsonl").write_text('{"en": 3}\n', encoding="utf-8")
    ran = nmt("translate", model, *files)
    assert (ran.status, ran.err.count("\n")) == (1, 1)
    assert "b.jsonl:1: field 'en' is 3, not text; fix it" in ran.err


def test_pairs_are_a_corpus_to_train_on(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in").write_text("the dog sees the cat.\nthe cat sees the dog.\n", encoding="utf-8")
    assert nmt("translate", model, tmp_path / "in", "-o", tmp_path / "made.jsonl").status == 0
    assert list(read_pairs(str(tmp_path / "made.jsonl"), "en", "fr")) == [
        ("the dog sees the cat.", "le chien voit le chat."),
        ("the cat sees the dog.", "le chat voit le chien."),
    ]
    same = shutil.copytree(model, tmp_path / "same")
    card = (same / "config.json").read_text(encoding="utf-8")
    (same / "config.json").write_text(card.replace('"target_language": "fr"', '"target_language": "en"'))
    ran = nmt("translate", same, tmp_path / "in", "-o", tmp_path / "none.jsonl")
    assert (ran.status, (tmp_path / "none.jsonl").exists()) == (2, False)
    assert "none.jsonl: pairs need names for both sides, and both are en" in ran.err


def test_the_search_obeys_the_command_line(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in").write_text("the dog sees the cat.\n", encoding="utf-8")

    def out(*options: object) -> str:
        ran = nmt("translate", model, tmp_path / "in", *options)
        assert (ran.status, ran.err) == (0, "")
        return ran.out

    plain = out()
    assert plain == out("--no-shortlist") == out("--with", model) == "le chien voit le chat.\n"
    assert "chat" not in out("--ban", "chat")
    assert "." in out()
    assert "." not in out("--ban", ".")
    assert out("--prefix", "le roi").startswith("le roi")
    assert "cheval" in out("--require", "cheval")
    sample = ("--sample", "--temperature", 3, "--top-k", 30)
    assert out(*sample, "--seed", 3) == out(*sample, "--seed", 3)
    assert len({out(*sample, "--seed", seed) for seed in range(8)}) > 1
    assert out("--sample", "--top-p", 0.01) == plain
    alternatives = json.loads(out("--json", "--n-best", 3, "--groups", 3))["alternatives"]
    assert len({other["text"] for other in alternatives} - {plain.strip()}) == len(alternatives) > 0


def test_score_gives_the_log_probability_of_each_pair(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in").write_text("the dog sees the cat.\n" * 4, encoding="utf-8")
    (tmp_path / "out").write_text("le chien voit le chat.\nle chat voit le chien.\nroi\n\n", encoding="utf-8")
    call = ("score", model, "--source", tmp_path / "in", "--target", tmp_path / "out")
    right, swapped, wrong, empty = map(float, nmt(*call).out.splitlines())
    assert 0 > right > max(swapped, wrong, empty)
    exact = nmt("translate", model, tmp_path / "in", "--json", "--no-shortlist").out
    translation = json.loads(exact.splitlines()[0])
    assert nmt(*call, "--json", "-o", tmp_path / "s").out == ""
    scored = json.loads((tmp_path / "s").read_text().splitlines()[0])
    assert scored["score"] == pytest.approx(right, abs=1e-5)
    assert scored["score"] / scored["tokens"] == pytest.approx(translation["score"], abs=1e-5)
    assert scored["alignment"] == translation["alignment"]


def test_an_exported_model_translates_alike_and_is_small(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in").write_text("".join(f"{source}\n" for source, _ in toy_pairs(60, seed=12)), encoding="utf-8")
    assert nmt("export", model, tmp_path / "int8", "--quantize", "int8", "--shortlist").status == 0
    ran = nmt("export", model, tmp_path / "fp32")
    assert re.fullmatch(rf"Model: {tmp_path}/fp32 \(\d+\.\d MB\)\n", ran.out)
    whole = nmt("translate", model, tmp_path / "in", "--no-shortlist").out.splitlines()
    assert nmt("translate", tmp_path / "fp32", tmp_path / "in").out.splitlines() == whole
    expected = nmt("translate", model, tmp_path / "in").out.splitlines()
    int8 = nmt("translate", tmp_path / "int8", tmp_path / "in").out.splitlines()
    assert sum(a == b for a, b in zip(int8, expected, strict=True)) >= 58
    assert (tmp_path / "int8" / "shortlist.npz").exists()
    assert not (tmp_path / "fp32" / "shortlist.npz").exists()
    assert not list(tmp_path.glob("*/model.safetensors"))
    sizes = [(tmp_path / name / "onnx" / "weights.bin").stat().st_size for name in ("int8", "fp32")]
    assert sizes[0] < 0.4 * sizes[1]


def test_exports_that_would_lose_something_are_refused(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("dear")
    ran = nmt("export", model, tmp_path / "letters")
    assert (ran.status, ran.err) == (
        1,
        f"nmt: {tmp_path}/letters: exists and is no model directory; choose another OUT\n",
    )
    ran = nmt("export", model, model.parent / "model")
    assert ran.status == 1
    assert "holds trained weights, which would be lost" in ran.err
    assert nmt("export", model, tmp_path / "out").status == 0
    ran = nmt("export", tmp_path / "out", tmp_path / "again")
    assert (ran.status, ran.err.count("\n")) == (1, 1)
    assert "has no model.safetensors" in ran.err
    assert nmt("export", model, tmp_path / "out").status == 0  # over what was exported before
    (tmp_path / "out" / "diary.txt").write_text("dear")
    ran = nmt("export", model, tmp_path / "out")
    assert (ran.status, "holds diary.txt, which is no part of a model" in ran.err) == (1, True)
    (tmp_path / "letters" / "config.json").write_text("{}")
    assert "exists and is no model directory" in nmt("export", model, tmp_path / "letters").err
    assert (tmp_path / "letters" / "a.txt").read_text() == "dear"


def test_translating_needs_neither_torch_nor_what_else_trains(model: Path) -> None:
    """In a process in which none of it can be imported."""
    absent = ["torch", "onnx", "datasets", "pyarrow", "sacrebleu", "tensorboard", "fastapi", "ray"]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({absent}))\n"
        f"sys.argv = ['nmt', 'translate', {str(model)!r}]; from nmt.__main__ import main; main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, input="the dog sees the cat.\n", timeout=100,
        check=False,
    )  # fmt: skip
    assert (ran.stdout, ran.stderr) == ("le chien voit le chat.\n", "")


def test_translating_leaves_nothing_behind(model: Path, tmp_path: Path) -> None:
    """ONNX Runtime would store a device's identity and report to its maker."""
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "nmt", "translate", str(model)]
    ran = subprocess.run(command, input=b"the dog\n", capture_output=True, env=home, timeout=100, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert list(tmp_path.iterdir()) == []


def test_a_beam_may_be_wider_than_the_list(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in").write_text("the dog sees the cat.\n", encoding="utf-8")
    wide = nmt("translate", model, tmp_path / "in", "--beam", 64, "--n-best", 64, "--json")
    assert wide.status == 0
    assert json.loads(wide.out)["text"] == "le chien voit le chat."


def test_evaluate_prints_scores_with_signatures(
    model: Path, tmp_path: Path, nmt: Nmt, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_corpus(tmp_path / "test", toy_pairs(30, seed=11))
    call = ("evaluate", model, "--source", tmp_path / "test.en", "--reference", tmp_path / "test.fr")
    result = json.loads(nmt(*call, "--json").out)
    assert set(result) == {"bleu", "chrf", "ter", "sentences_per_second"}
    assert result["bleu"]["score"] > 60
    assert set(result["bleu"]) == {"score", "signature", "ci"}
    assert result["bleu"]["signature"] in nmt(*call).out
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "sacrebleu.metrics.bleu", None)
        patch.setattr(Translator, "translate", None)  # nothing is translated in vain
        ran = nmt(*call)
    assert (ran.status, ran.err) == (1, "nmt: scoring needs the 'eval' extra: pip install 'carousel-nmt[eval]'\n")
    (tmp_path / "test.fr").write_text("le chien\n", encoding="utf-8")
    ran = nmt(*call)
    assert ran.status == 1
    assert "has 30 lines but" in ran.err


def test_evaluate_scores_an_ensemble(model: Path, tmp_path: Path, nmt: Nmt) -> None:
    write_corpus(tmp_path / "test", toy_pairs(30, seed=11))
    trained, ignorant = read_model_directory(model), tmp_path / "ignorant"
    assert trained.weights
    nothing = {name: np.zeros_like(value) for name, value in load_file(trained.weights).items()}
    write_model_directory(tmp_path / "weights", trained.card, trained.tokenizer, {WEIGHTS: save(nothing)})
    assert nmt("export", tmp_path / "weights", ignorant).status == 0

    def score(*models: object) -> float:
        call = ("evaluate", *models, "--source", tmp_path / "test.en", "--reference", tmp_path / "test.fr", "--json")
        ran = nmt(*call)
        assert ran.status == 0, ran.err
        return float(json.loads(ran.out)["bleu"]["score"])

    assert score(ignorant) < 1
    assert score(ignorant, "--with", model) > 60


def test_the_scores_in_the_card_are_those_of_evaluate(model: Path, nmt: Nmt) -> None:
    dev = model.parent.parent / "dev"
    call = ("evaluate", model, "--source", f"{dev}.en", "--reference", f"{dev}.fr", "--threads", 2)
    found = json.loads(nmt(*call, "--json").out)
    expected = json.loads((model / "config.json").read_text(encoding="utf-8"))["scores"]["dev"]
    assert {name: found[name] for name in expected} == expected
    assert 0 < expected["bleu"]["score"] < 100  # at the ends different translations could score alike


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (["translate", "nowhere"], 1, "nowhere: no model directory (config.json is missing"),
        (["translate", "nowhere", "--n-best", "2"], 2, "--n-best: more than one translation a line needs --json"),
        (["translate"], 2, "Missing argument 'MODEL'"),
        (["translate", "x", "--beam", "0"], 2, "--beam"),
        (["evaluate", "x"], 2, "--source"),
        (["score", "x"], 2, "--source"),
        (["compare", "x", "y"], 2, "--reference"),
        (["compare", "--reference", "x"], 2, "Missing argument 'SYSTEM"),
        (["compare", "--reference", "x", "y", "z", "--samples", "0"], 2, "--samples"),
        (["export", "nowhere", "out"], 1, "nowhere: no model directory"),
        (["translate", "MODEL", "--sample", "--groups", "2"], 2, "num_beam_groups: excludes sampling_temperature"),
        (["translate", "MODEL", "--ban", ""], 2, "bad_phrases: a phrase is empty; leave it out"),
        (["translate", "MODEL", "--top-k", "3"], 2, "--top-k: says how to draw; it goes with --sample"),
        (["translate", "MODEL", "--sample", "--top-k", "9" * 30], 2, "--top-k"),
        (["translate", "MODEL", "--sample", "--temperature", "inf"], 2, "--temperature"),
        (["translate", "MODEL", "in.txt", "--field", "body"], 2, "--field: is about .jsonl and .parquet files"),
        (["translate", "MODEL", "--with", "nowhere"], 1, "nowhere: no model directory"),
        (["train", "nowhere.yaml"], 2, "nowhere.yaml: no such recipe"),
        (["fly"], 2, "No such command 'fly'"),
        (["serve", "nowhere", "--check"], 1, "nowhere: no model directory"),
        (["translate", "nowhere", "--ray", "-o", "out"], 2, "--ray: works from files to a file; name them, and -o"),
        (["translate", "nowhere", "--ray", "in"], 2, "--ray: works from files to a file; name them, and -o"),
        (["translate", "MODEL", "--ray", "nowhere", "-o", "out"], 1, "nowhere: can't be read (No such file"),
        (["translate", "MODEL", "--ray", "/dev/null", "-o", "out"], 1, "/dev/null: not a regular file"),
        (["translate", "MODEL", "--lm", "x", "--rescore", "4", "--sample"], 2, "--rescore: chooses among"),
    ],
)
def test_wrong_calls(arguments: list[str], status: int, complaint: str, model: Path, nmt: Nmt) -> None:
    ran = nmt(*(model if word == "MODEL" else word for word in arguments))
    assert ran.status == status
    assert complaint in ran.err
    assert "Traceback" not in ran.err


def test_a_file_that_is_not_there_is_named(model: Path, nmt: Nmt) -> None:
    ran = nmt("translate", model, "nowhere.txt")
    assert (ran.status, ran.err) == (
        1,
        "nmt: nowhere.txt: can't be read (No such file or directory); check the path\n",
    )


def test_what_is_wrong_with_the_last_file_is_said_before_the_first_is_translated(
    model: Path, tmp_path: Path, nmt: Nmt, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "good").write_text("the dog\n", encoding="utf-8")
    (tmp_path / "bad").write_bytes(b"the dog\ncaf\xe9\n")
    monkeypatch.setattr(Translator, "stream", None)
    ran = nmt("translate", model, tmp_path / "good", tmp_path / "bad", "-o", tmp_path / "out")
    assert ran.status == 1
    assert ran.err.endswith("/bad:2: invalid UTF-8 at byte 4 (0xe9); re-encode the text as UTF-8\n")


def test_at_a_terminal_each_line_is_answered_at_once(model: Path) -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "nmt", "translate", model]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs) as process:
        os.close(theirs)
        said = b""
        os.write(ours, b"the dog sees the cat.\n")
        while b"le chien voit le chat.\r\n" not in said:  # after the echo of what was typed
            said += os.read(ours, 1000)
        os.write(ours, b"\x04")  # end of file
        assert process.wait(20) == 0
    os.close(ours)


@pytest.mark.parametrize(
    ("module", "command", "extra"),
    [
        ("onnx", ["export", "MODEL", "OUT"], "train"),
        ("torch", ["train", "RECIPE"], "train"),
        ("pyarrow", ["train", "RECIPE"], "train"),
        ("sacrebleu", ["evaluate", "MODEL", "--source", "RECIPE", "--reference", "RECIPE"], "eval"),
        ("sacrebleu", ["compare", "--reference", "RECIPE", "RECIPE", "RECIPE"], "eval"),
        ("fastapi", ["serve", "MODEL", "--check"], "serve"),
        ("ray", ["translate", "MODEL", "RECIPE", "--ray", "-o", "OUT"], "ray"),
        ("pyarrow", ["translate", "MODEL", "PARQUET"], "ray"),
        ("sentencex", ["translate", "MODEL", "PAGE"], "documents"),
    ],
)
def test_a_missing_extra_is_named(module: str, command: list[str], extra: str, model: Path, recipe: Path) -> None:
    """In a process of its own, in which the module can't be imported."""
    parquet = recipe.with_suffix(".parquet")
    parquet.touch()
    page = recipe.with_suffix(".html")
    page.write_text("<p>the dog</p>", encoding="utf-8")
    names = {"MODEL": str(model), "RECIPE": str(recipe), "PARQUET": str(parquet), "PAGE": str(page)}
    arguments = [names.get(word, word) for word in command]
    code = (
        f"import sys; sys.modules[{module!r}] = None; sys.argv = ['nmt', *{arguments!r}]\n"
        "from nmt.__main__ import main; main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, input="", timeout=100, check=False
    )
    assert ran.returncode == 1
    assert f"pip install 'carousel-nmt[{extra}]'" in ran.stderr
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize(("module", "command"), [("numpy", ["--help"]), ("torch._C", ["train", "x.yaml"])])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_imports_leaves_no_traceback(module: str, command: list[str], number: int) -> None:
    """In a process that gets it the moment it asks for the module."""
    code = f"""
import os, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), {int(number)})

sys.meta_path.insert(0, Finder())
sys.argv = ["nmt", *{command!r}]
from nmt.__main__ import main
main()
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (128 + number, "", "")


def test_help_names_every_command(nmt: Nmt) -> None:
    out = nmt("--help").out
    assert all(command in out for command in ("train", "translate", "evaluate", "compare", "score", "export", "serve"))


def test_importing_the_package_needs_no_torch() -> None:
    heavy = {"torch", "datasets", "sacrebleu", "fastapi", "ray", "pyarrow"}
    code = f"import sys, nmt, nmt.cli.main; assert not {heavy} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


@pytest.mark.parametrize(
    ("command", "rest"), [("train", "[KEY=VALUE]..."), ("translate", "[FILE]..."), ("inspect", "[TEXT]")]
)
def test_the_usage_names_what_may_be_left_out(command: str, rest: str, nmt: Nmt) -> None:
    assert nmt(command, "-h").out.splitlines()[0].endswith("} " + rest)
