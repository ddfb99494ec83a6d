"""The command line as a whole: exit statuses, missing extras, signals and imports."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Nmt


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["translate", "nowhere"], 1, "nowhere: no model directory (config.json is missing"),
        (["translate", "everydy", "--to", "de"], 1, "or name a built-in model (everyday)"),
        (
            ["translate", "nowhere", "--n-best", "2"],
            2,
            "--n-best: several translations per line need JSON output; add --json",
        ),
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
        (["translate", "MODEL", "--top-k", "3"], 2, "--top-k: applies only to sampling; add --sample"),
        (["translate", "MODEL", "--sample", "--top-k", "9" * 30], 2, "--top-k"),
        (["translate", "MODEL", "--sample", "--temperature", "inf"], 2, "--temperature"),
        (["translate", "MODEL", "in.txt", "--field", "body"], 2, "--field: applies only to .jsonl and .parquet files"),
        (["translate", "MODEL", "--with", "nowhere"], 1, "nowhere: no model directory"),
        (["train", "nowhere.yaml"], 2, "nowhere.yaml: no such recipe"),
        (["fly"], 2, "No such command 'fly'"),
        (["serve", "nowhere", "--check"], 1, "nowhere: no model directory"),
        (
            ["translate", "nowhere", "--ray", "-o", "out"],
            2,
            "--ray: needs input files and an output file; name files and -o",
        ),
        (["translate", "nowhere", "--ray", "in"], 2, "--ray: needs input files and an output file; name files and -o"),
        (["translate", "MODEL", "--ray", "nowhere", "-o", "out"], 1, "nowhere: can't be read (No such file"),
        (["translate", "MODEL", "--ray", "/dev/null", "-o", "out"], 1, "/dev/null: not a regular file"),
        (
            ["translate", "MODEL", "--lm", "x", "--rescore", "4", "--sample"],
            2,
            "--rescore: does not work with sampling",
        ),
    ],
)
def test_an_invalid_call_is_an_error_without_traceback(
    arguments: list[str], status: int, message: str, model: Path, nmt: Nmt
) -> None:
    ran = nmt(*(model if word == "MODEL" else word for word in arguments))
    assert ran.status == status
    assert message in ran.err
    assert "Traceback" not in ran.err


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
def test_the_error_names_the_missing_extra(
    module: str, command: list[str], extra: str, model: Path, recipe: Path
) -> None:
    """Run the command in a process in which the module can't be imported."""
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


SIGNAL_AT_IMPORT = """
import os, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), {number})

sys.meta_path.insert(0, Finder())
sys.argv = ["nmt", *{command!r}]
from nmt.__main__ import main
main()
"""
"""A program that sends itself a signal when it imports a module."""


@pytest.mark.parametrize(("module", "command"), [("numpy", ["--help"]), ("torch._C", ["train", "x.yaml"])])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_imports_prints_no_traceback(module: str, command: list[str], number: int) -> None:
    code = SIGNAL_AT_IMPORT.format(module=module, command=command, number=int(number))
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (128 + number, "", "")


@pytest.mark.parametrize("module", ["typer", "fastapi", "serve.app", "serve.settings", "serve.stores.glossaries"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_that_is_told_to_stop_while_it_starts_succeeds(module: str, number: int) -> None:
    code = SIGNAL_AT_IMPORT.format(module=module, command=["serve", "nowhere"], number=int(number))
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.mark.parametrize("module", ["typer", "serve.app"])
def test_a_server_that_is_told_to_reload_while_it_starts_goes_on(module: str) -> None:
    code = SIGNAL_AT_IMPORT.format(module=module, command=["serve", "nowhere"], number=int(signal.SIGHUP))
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("nowhere: no model directory")


def test_a_check_of_a_server_that_is_told_to_stop_fails() -> None:
    code = SIGNAL_AT_IMPORT.format(module="serve.app", command=["serve", "x", "--check"], number=int(signal.SIGTERM))
    assert subprocess.run([sys.executable, "-c", code], timeout=100, check=False).returncode == 128 + signal.SIGTERM


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
def test_usage_marks_optional_arguments(command: str, rest: str, nmt: Nmt) -> None:
    assert nmt(command, "-h").out.splitlines()[0].endswith("} " + rest)
