"""Tests of the documentation: its code runs, its links resolve, its generated pages are current."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from serve.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
BLOCK = re.compile(r"(?P<note><!-- not run [^>]*-->\n)?```(?P<language>\w+)\n(?P<code>.*?)```", re.DOTALL)


def code_blocks(path: Path) -> list[re.Match[str]]:
    return list(BLOCK.finditer(path.read_text(encoding="utf-8")))


def runnable_code() -> list[tuple[str, str]]:
    pages = [
        READMES[0],
        *(
            DOCS / name
            for name in ("how-to/translate.md", "how-to/file-formats.md", "how-to/serve.md", "explanation/decoding.md")
        ),
    ]
    return [(block["language"], block["code"]) for page in pages for block in code_blocks(page) if not block["note"]]


@pytest.fixture
def project_directory(model: Path, tmp_path: Path) -> Path:
    """Return a directory that looks like the project after `make demo`, with the small model of the tests."""
    (tmp_path / "runs" / "demo").mkdir(parents=True)
    (tmp_path / "runs" / "demo" / "model").symlink_to(model)
    shutil.copytree(
        ROOT / "data", tmp_path / "data", ignore=lambda _, names: [n for n in names if n.startswith("train")]
    )
    return tmp_path


@pytest.mark.parametrize(("language", "code"), runnable_code(), ids=lambda text: text.split("\n")[0][:40])
def test_code_runs(language: str, code: str, project_directory: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        code = code.replace("5000", str(probe.getsockname()[1]))
    command = [sys.executable, "-c", code] if language == "python" else ["bash", "-emuc", code]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    ran = subprocess.run(
        command, cwd=project_directory, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip()


def test_pages_contain_runnable_code() -> None:
    assert len(runnable_code()) >= 3


def test_both_readmes_contain_the_same_code_and_results() -> None:
    english, chinese = (
        [[line.partition("#")[0].strip() for line in block["code"].splitlines()] for block in code_blocks(path)]
        for path in READMES
    )
    assert english == chinese
    figures = [
        re.findall(r"\d[\d.,]*\d", re.split(r"## (?:Results|结果)", path.read_text(encoding="utf-8"))[1])
        for path in READMES
    ]
    assert figures[0] == figures[1]


@pytest.mark.parametrize("path", READMES, ids=lambda p: p.name)
def test_settings_table_is_complete(path: Path) -> None:
    named = re.findall(r"^\| `(NMT_\w+)` \|", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(f"NMT_{name.upper()}" for name in Settings.model_fields)


@pytest.mark.parametrize("path", [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("data/*/*.md")], ids=str)
def test_relative_links_resolve(path: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


def test_generated_reference_pages_are_current() -> None:
    command = [sys.executable, str(DOCS / "generate_reference.py"), "--check"]
    ran = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_readmes_are_short() -> None:
    assert all(len(path.read_text(encoding="utf-8").splitlines()) <= 160 for path in READMES)


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert set(re.findall(r"[\w/.-]+\.md", navigation)) == pages
