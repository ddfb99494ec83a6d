"""``nmt train`` and ``nmt export``: errors of one line, and what an export holds."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Nmt
from toy import toy_pairs


def damage_corpus(recipe: Path, kind: str) -> None:
    """Damage the toy corpus beside a recipe."""
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
    ("kind", "message"),
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
def test_an_invalid_corpus_is_an_error_of_one_line(
    kind: str, message: str, recipe: Path, tmp_path: Path, nmt: Nmt
) -> None:
    damage_corpus(recipe, kind)
    ran = nmt("train", recipe, "--out", tmp_path / "run")
    assert ran.status == 1
    assert re.fullmatch(rf"nmt: .*{message}.*\n", ran.err), ran.err
    assert ran.out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model.widht=3"], "model.widht: unknown key; did you mean 'width'?"),
        (["training.learning_rate=5"], "training.learning_rate: must be less than or equal to 1 (got 5)"),
        (["search.beam=0"], "search.beam: must be greater than 0 (got 0)"),
        (["beam"], "'beam': not an override; write section.key=value"),
    ],
)
def test_an_invalid_override_is_an_error_of_one_line(
    arguments: list[str], message: str, recipe: Path, tmp_path: Path, nmt: Nmt
) -> None:
    ran = nmt("train", recipe, "--out", tmp_path / "run", *arguments)
    assert ran.status == 2
    assert ran.err.startswith("nmt: ")
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_missing_device_is_an_error(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    ran = nmt("train", recipe, "--out", tmp_path / "run", "training.device=cuda:7")
    assert ran.status == 1
    assert "training.device: cuda:7 is not available; use auto or cpu" in ran.err


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the environment variable limits only x86 processors")
def test_bf16_on_a_processor_without_it_is_an_error_before_preparation(recipe: Path, tmp_path: Path) -> None:
    """An environment variable limits oneDNN to the instructions of a processor of 2013."""
    command = [sys.executable, "-m", "nmt", "train", recipe, "--out", tmp_path / "run", "training.precision=bf16"]
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert ran.returncode == 1
    assert ran.stderr == "nmt: training.precision: this processor cannot train LSTMs in bf16; use auto or fp32\n"


def test_an_exported_model_translates_alike_and_is_smaller(model: Path, tmp_path: Path, nmt: Nmt) -> None:
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


def test_export_overwrites_nothing_but_exported_models(model: Path, tmp_path: Path, nmt: Nmt) -> None:
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
    assert "out: no model.safetensors, because this is an exported model" in ran.err
    assert nmt("export", model, tmp_path / "out").status == 0  # replaces the earlier export
    (tmp_path / "out" / "diary.txt").write_text("dear")
    ran = nmt("export", model, tmp_path / "out")
    assert (ran.status, "holds diary.txt, which is no part of a model" in ran.err) == (1, True)
    (tmp_path / "letters" / "config.json").write_text("{}")
    assert "exists and is no model directory" in nmt("export", model, tmp_path / "letters").err
    assert (tmp_path / "letters" / "a.txt").read_text() == "dear"
