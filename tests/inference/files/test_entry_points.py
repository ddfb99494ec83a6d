"""Formats of other packages: the format of the documentation, installed as a package, translates files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "how-to" / "file-formats.md"
MODEL = ROOT / "data" / "demo-en-fr" / "model"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a directory with a package and its metadata, as an installer leaves them."""
    page = PAGE.read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)print\(", page, re.DOTALL)
    entry_point = re.search(r"properties = \"(.*?)\"", page)
    assert code is not None
    assert entry_point is not None
    module = entry_point[1].partition(":")[0]
    folder = tmp_path / "site"
    file = folder.joinpath(*module.split(".")).with_suffix(".py")
    file.parent.mkdir(parents=True)
    # Without the decorator, the class is found by the entry point alone.
    file.write_text(code[1].replace("@register_format\n", ""), encoding="utf-8")
    metadata = folder / "my_package-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[carousel.formats]\nproperties = {entry_point[1]}\n")
    return folder


def translate(package: Path, path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nmt", "translate", str(MODEL), str(path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(package), str(ROOT)))}
    return subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", timeout=100, check=False)


def test_a_format_of_another_package_translates(package: Path, tmp_path: Path) -> None:
    path = tmp_path / "in.properties"
    path.write_text("# a comment\n\nkey=The black cat sleeps.\nother = Where is my key?\n")
    ran = translate(package, path)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == "# a comment\n\nkey=Le chat noir dort.\nother = Où est ma clé ?\n"


def test_its_errors_have_one_line(package: Path, tmp_path: Path) -> None:
    path = tmp_path / "in.properties"
    path.write_text("key=x\nkey\n")
    ran = translate(package, path)
    assert (ran.returncode, ran.stderr) == (1, f"nmt: {path}:2: has no value; write key=value\n")
