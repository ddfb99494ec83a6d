"""Tests of the page on the LSTM: its code runs in order and draws its figures, and both languages contain the same."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import Nmt

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / "explanation" / name for name in ("lstm.md", "lstm.zh-CN.md")]
FEW_UPDATES = ("training.max_updates=4", "training.validate_every=4", "training.checkpoint_every=4", "data.test=null")
SHORT_DISTANCES = ("--distance", "1", "--distance", "2")


def reduced_data(recipe: str) -> list[str]:
    """Return overrides that replace the data of a recipe by a small amount of the same kind."""
    task = Path(recipe).stem
    if task == "charlm":
        return ["data.train=[reduced.en]", "data.dev=reduced.en", "model.width=16", "training.precision=fp32"]
    pairs = f"{{task: {task}, pairs: 40, longest: 10, seed: 1}}"
    return [f"data.train=[{pairs}]", f"data.dev={pairs}"]


def code_blocks(page: Path) -> list[tuple[str, str]]:
    """Return the language and the code of each block of a page."""
    return re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def split_commands(code: str) -> list[str]:
    """Return the commands of a block; a command ends with a line that leaves no quotation mark open."""
    commands, unfinished = [], ""
    for line in code.splitlines(keepends=True):
        unfinished += line
        if unfinished.count('"') % 2 == 0:
            commands, unfinished = [*commands, unfinished.strip()], ""
    assert not unfinished
    return commands


def test_code_runs_in_order_and_draws_the_figures(tmp_path: Path, nmt: Nmt, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from nmt.lab import vanishing_gradients as gradients

    torch.set_num_threads(1)  # the networks are so small that a second thread slows them down
    shutil.copytree(ROOT / "configs" / "lab", tmp_path / "configs" / "lab")
    text = (ROOT / "data" / "demo-en-fr" / "dev.en").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "reduced.en").write_text("The old\n" + "".join(text[:40]), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gradients, "_UPDATES", 4)
    paths = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    for language, code in code_blocks(PAGES[0]):
        if language == "python":
            exec(compile(code, "lstm.md", "exec"), {})
            continue
        for command in split_commands(code):
            if command == "python docs/explanation/lstm/figures.py":
                monkeypatch.setattr(sys, "argv", ["figures.py", "--out", str(tmp_path), *SHORT_DISTANCES])
                runpy.run_path(str(ROOT / "docs" / "explanation" / "lstm" / "figures.py"), run_name="__main__")
            elif command.startswith("nmt "):
                _, *arguments = shlex.split(command)
                reductions = {"train": [*FEW_UPDATES, *reduced_data(arguments[1])], "lab": SHORT_DISTANCES}
                ran = nmt(*arguments, *reductions.get(arguments[0], ()))
                assert ran.status == 0, (command, ran.err)
            else:
                subprocess.run(["bash", "-euc", command], env={**os.environ, **paths}, check=True, timeout=100)
    shown = set(re.findall(r"\(lstm/([\w-]+\.svg)\)", PAGES[0].read_text(encoding="utf-8")))
    assert {path.name for path in tmp_path.glob("*.svg")} == shown
    for name in shown:
        assert ElementTree.parse(name).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_committed_figures_are_small_and_self_contained() -> None:
    figures = list((ROOT / "docs" / "explanation" / "lstm").glob("*.svg"))
    assert figures
    assert sum(figure.stat().st_size for figure in figures) < 300_000
    for figure in figures:
        root = ElementTree.parse(figure).getroot()
        assert root.get("aria-label")
        assert not any("href" in name or name.startswith("on") for each in root.iter() for name in each.attrib)


def test_both_languages_contain_the_same_code_figures_formulas_and_papers() -> None:
    english, chinese = (page.read_text(encoding="utf-8") for page in PAGES)
    assert code_blocks(PAGES[0]) == code_blocks(PAGES[1])
    assert len(code_blocks(PAGES[0])) >= 7
    pictures = r"\]\((lstm/[^)]+)\)"
    assert re.findall(pictures, english) == re.findall(pictures, chinese)
    assert re.findall(r"^    .+=.+?(?:  |$)", english, re.MULTILINE) == re.findall(
        r"^    .+=.+?(?:  |$)", chinese, re.MULTILINE
    )
    years = [re.findall(r"^\| (\d{4}) \| ([^:|]+)", text, re.MULTILINE) for text in (english, chinese)]
    assert years[0] == years[1]
