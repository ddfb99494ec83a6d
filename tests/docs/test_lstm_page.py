"""The page on the LSTM is true: its code runs in order and makes its figures, and both languages hold the same code."""

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
SHORT = ("training.max_updates=4", "training.validate_every=4", "training.checkpoint_every=4", "data.test=null")
NEAR = ("--distance", "1", "--distance", "2")


def small(recipe: str) -> list[str]:
    """Less data for a recipe, of the kind that it asks for."""
    task = Path(recipe).stem
    if task == "charlm":
        return ["data.train=[few.en]", "data.dev=few.en", "model.width=16", "training.precision=fp32"]
    pairs = f"{{task: {task}, pairs: 40, longest: 10, seed: 1}}"
    return [f"data.train=[{pairs}]", f"data.dev={pairs}"]


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and code."""
    return re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def commands(code: str) -> list[str]:
    """A block's commands; one ends with a line that leaves no quote open."""
    found, open_ = [], ""
    for line in code.splitlines(keepends=True):
        open_ += line
        if open_.count('"') % 2 == 0:
            found, open_ = [*found, open_.strip()], ""
    assert not open_
    return found


def test_all_code_runs_in_order(tmp_path: Path, nmt: Nmt, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from nmt.lab import vanishing_gradients as gradients

    torch.set_num_threads(1)  # two would wait for each other more than they compute
    shutil.copytree(ROOT / "configs" / "lab", tmp_path / "configs" / "lab")
    text = (ROOT / "data" / "demo-en-fr" / "dev.en").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "few.en").write_text("The old\n" + "".join(text[:40]), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gradients, "_UPDATES", 4)
    paths = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    for language, code in blocks(PAGES[0]):
        if language == "python":
            exec(compile(code, "lstm.md", "exec"), {})
            continue
        for command in commands(code):
            if command == "python docs/explanation/lstm/figures.py":
                monkeypatch.setattr(sys, "argv", ["figures.py", "--out", str(tmp_path), *NEAR])
                runpy.run_path(str(ROOT / "docs" / "explanation" / "lstm" / "figures.py"), run_name="__main__")
            elif command.startswith("nmt "):
                _, *arguments = shlex.split(command)
                shorter = {"train": [*SHORT, *small(arguments[1])], "lab": NEAR}.get(arguments[0], [])
                ran = nmt(*arguments, *shorter)
                assert ran.status == 0, (command, ran.err)
            else:
                subprocess.run(["bash", "-euc", command], env={**os.environ, **paths}, check=True, timeout=100)
    shown = set(re.findall(r"\(lstm/([\w-]+\.svg)\)", PAGES[0].read_text(encoding="utf-8")))
    assert {path.name for path in tmp_path.glob("*.svg")} == shown
    for name in shown:
        assert ElementTree.parse(name).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_the_committed_figures_are_small_and_alone() -> None:
    figures = list((ROOT / "docs" / "explanation" / "lstm").glob("*.svg"))
    assert figures
    assert sum(figure.stat().st_size for figure in figures) < 300_000
    for figure in figures:
        root = ElementTree.parse(figure).getroot()
        assert root.get("aria-label")
        assert not any("href" in name or name.startswith("on") for each in root.iter() for name in each.attrib)


def test_both_languages_hold_the_same_code_figures_and_papers() -> None:
    english, chinese = (page.read_text(encoding="utf-8") for page in PAGES)
    assert blocks(PAGES[0]) == blocks(PAGES[1])
    assert len(blocks(PAGES[0])) >= 7
    pictures = r"\]\((lstm/[^)]+)\)"
    assert re.findall(pictures, english) == re.findall(pictures, chinese)
    assert re.findall(r"^    .+=.+?(?:  |$)", english, re.MULTILINE) == re.findall(
        r"^    .+=.+?(?:  |$)", chinese, re.MULTILINE
    )
    years = [re.findall(r"^\| (\d{4}) \| ([^:|]+)", text, re.MULTILINE) for text in (english, chinese)]
    assert years[0] == years[1]
