"""The README and the page on decoding are true: code runs, tables and links are whole, both languages say the same."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from nmt.config.schema import Config
from serve.settings import Settings

ROOT = Path(__file__).parents[2]
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
BLOCK = re.compile(r"(?P<note><!-- not run [^>]*-->\n)?```(?P<language>\w+)\n(?P<code>.*?)```", re.DOTALL)


def blocks(path: Path) -> list[re.Match[str]]:
    return list(BLOCK.finditer(path.read_text(encoding="utf-8")))


def code_to_run() -> list[tuple[str, str]]:
    pages = [READMES[0], *(ROOT / "docs" / name for name in ("decoding.md", "serving.md"))]
    return [(block["language"], block["code"]) for page in pages for block in blocks(page) if not block["note"]]


@pytest.fixture
def workplace(model: Path, tmp_path: Path) -> Path:
    """A folder that looks like the project after `make demo`, with the tests' own little model."""
    (tmp_path / "runs" / "demo").mkdir(parents=True)
    (tmp_path / "runs" / "demo" / "model").symlink_to(model)
    shutil.copytree(
        ROOT / "data", tmp_path / "data", ignore=lambda _, names: [n for n in names if n.startswith("train")]
    )
    return tmp_path


@pytest.mark.parametrize(("language", "code"), code_to_run(), ids=lambda text: text.split("\n")[0][:40])
def test_the_code_runs(language: str, code: str, workplace: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        code = code.replace("5000", str(probe.getsockname()[1]))
    command = [sys.executable, "-c", code] if language == "python" else ["bash", "-emuc", code]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    ran = subprocess.run(
        command, cwd=workplace, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip()


def test_there_is_code_to_run() -> None:
    assert len(code_to_run()) >= 3


def test_both_readmes_hold_the_same_code_and_figures() -> None:
    english, chinese = (
        [[line.partition("#")[0].strip() for line in block["code"].splitlines()] for block in blocks(path)]
        for path in READMES
    )
    assert english == chinese
    figures = [re.findall(r"\d[\d.,]*\d", path.read_text(encoding="utf-8").split("## ")[4]) for path in READMES]
    assert figures[0] == figures[1]


@pytest.mark.parametrize("path", READMES, ids=lambda p: p.name)
def test_every_setting_is_in_the_table(path: Path) -> None:
    named = re.findall(r"^\| `(NMT_\w+)` \|", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(f"NMT_{name.upper()}" for name in Settings.model_fields)


@pytest.mark.parametrize("path", [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("data/*/*.md")], ids=str)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


def test_the_training_page_shows_every_key_with_its_default() -> None:
    text = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    shown = Config.model_validate(yaml.safe_load(block))
    minimal = {
        "data": {"source": "en", "target": "fr", "train": ["x"]},
        "tokenizer": {"vocab_size": 1},
        "training": {"max_updates": 1, "batch_tokens": 1, "validate_every": 1, "checkpoint_every": 1},
    }
    defaults = Config.model_validate(minimal)
    for section in ("tokenizer", "model", "training", "search"):
        expected, found = getattr(defaults, section), getattr(shown, section)
        assert set(yaml.safe_load(block)[section]) == set(type(expected).model_fields)
        required = minimal.get(section, {})
        for key in type(expected).model_fields:
            assert key in required or getattr(found, key) == getattr(expected, key), key
    assert set(yaml.safe_load(block)["data"]) == set(type(defaults.data).model_fields)
    assert shown.data.filter == defaults.data.filter
