"""``-`` is standard input for every command that reads text."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "data" / "demo-en-fr" / "model"
SENTENCES = "The black cat sleeps.\nA dog eats.\n"


def run(*arguments: object, text: str = "") -> str:
    command = [sys.executable, "-m", "nmt", *map(str, arguments)]
    done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_text_is_read_from_standard_input(tmp_path: Path) -> None:
    translated = run("translate", MODEL, text=SENTENCES)
    assert translated.startswith("Le chat noir dort.\n")
    assert run("translate", MODEL, "-", text=SENTENCES) == translated
    (tmp_path / "more.txt.gz").write_bytes(gzip.compress(b"A cat sleeps.\n"))
    both = run("translate", MODEL, "-", tmp_path / "more.txt.gz", text=SENTENCES)
    assert both.startswith(translated)
    assert both.count("\n") == 3
    assert run("translate", MODEL, "-", "-o", "/dev/stdout", text=SENTENCES) == translated


def test_pairs_are_read_from_standard_input(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("Le chat noir dort.\nUn chien mange.\n")
    (tmp_path / "source").write_text(SENTENCES)
    scores = run("score", MODEL, "--source", tmp_path / "source", "--target", tmp_path / "target")
    assert run("score", MODEL, "--source", "-", "--target", tmp_path / "target", text=SENTENCES) == scores
    arguments = "--json", "--reference", tmp_path / "target"
    expected = json.loads(run("evaluate", MODEL, "--source", tmp_path / "source", *arguments))
    found = json.loads(run("evaluate", MODEL, "--source", "-", *arguments, text=SENTENCES))
    assert found["bleu"] == expected["bleu"]
