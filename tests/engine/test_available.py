"""Engines of an installation: what is listed, and what happens where ONNX Runtime or the native engine is missing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "data" / "demo-en-fr" / "model"


def run_without(*modules: str, arguments: list[str], native: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command line as if the modules were not installed, and the native engine perhaps not compiled."""
    program = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({modules!r}))\n"  # importing a module that is None raises an error
        "import nmt.engine.native.library as library\n"
        f"if not {native}: library.LIBRARY = 'missing.so'\n"
        "from nmt.cli.main import main\n"
        f"sys.argv = ['nmt', *{arguments!r}]\n"
        "main()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program], input="Where is my key?\n", capture_output=True, text=True, cwd=ROOT
    )


def test_the_version_names_the_engines() -> None:
    shown = run_without(arguments=["--version"]).stdout
    assert shown.startswith("nmt ")
    assert "native (" in shown
    assert "onnx (" in shown
    assert "native" not in run_without(arguments=["--version"], native=False).stdout


def test_the_native_engine_needs_no_onnx_runtime() -> None:
    done = run_without("onnxruntime", "onnx", "torch", arguments=["translate", str(DEMO)])
    assert (done.stdout, done.stderr) == ("Où est ma clé ?\n", "")


def test_without_the_native_engine_the_extra_is_named() -> None:
    done = run_without("onnxruntime", arguments=["translate", str(DEMO)], native=False)
    needs = "needs the 'onnx' extra: pip install 'carousel-nmt[onnx]'"
    assert (done.returncode, done.stderr) == (1, f"nmt: translating without the native engine {needs}\n")


def test_a_cell_that_the_native_engine_lacks_names_the_extra(tmp_path: Path) -> None:
    shutil.copytree(DEMO, tmp_path / "gru")
    card = json.loads((DEMO / "config.json").read_text(encoding="utf-8"))
    card["model"]["cell"] = "gru"
    (tmp_path / "gru" / "config.json").write_text(json.dumps(card), encoding="utf-8")
    done = run_without("onnxruntime", arguments=["translate", str(tmp_path / "gru")])
    assert done.returncode == 1
    assert done.stderr.startswith(f"nmt: {tmp_path / 'gru'}: the cell gru needs the 'onnx' extra")


def test_onnx_runtime_translates_where_the_native_engine_is_missing() -> None:
    pytest.importorskip("onnxruntime")
    assert run_without(arguments=["translate", str(DEMO)], native=False).stdout == "Où est ma clé ?\n"
