"""The command ``nmt memory``, and translation with a memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Nmt

DEMO = Path(__file__).parents[2] / "data" / "demo-en-fr" / "model"
UNITS = [("The black cat sleeps.", "Le félin sommeille."), ("The small dog sees 5 cats.", "Le chiot voit 5 chats.")]


@pytest.fixture
def store(tmp_path: Path, nmt: Nmt) -> Path:
    units = "".join(
        f'<tu><tuv xml:lang="en"><seg>{source}</seg></tuv><tuv xml:lang="fr"><seg>{target}</seg></tuv></tu>'
        for source, target in UNITS
    )
    (tmp_path / "in.tmx").write_text(f'<tmx version="1.4"><header/><body>{units}</body></tmx>', encoding="utf-8")
    ran = nmt("memory", "import", tmp_path / "memory.db", tmp_path / "in.tmx")
    assert (ran.status, ran.err) == (0, f"nmt: {tmp_path / 'in.tmx'}: 2 translations\n")
    return tmp_path / "memory.db"


def test_exact_matches_are_reused_and_others_offered(store: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in.txt").write_text("The black cat sleeps.\nThe small dog sees 7 cats.\nWhere is my key?\n")
    arguments = ("translate", DEMO, tmp_path / "in.txt", "--memory", store)
    lines = nmt(*arguments).out.splitlines()
    assert lines[0] == "Le félin sommeille."
    assert lines[2] == "Où est ma clé ?"
    exact, fuzzy, other = map(json.loads, nmt(*arguments, "--json", "--n-best", 3).out.splitlines())
    assert exact["memory"][0]["similarity"] == 1
    assert exact["direction"]["kind"] == "memory"
    assert fuzzy["alternatives"][0]["text"] == "Le chiot voit 7 chats."
    assert [(match["similarity"], match["origin"]) for match in fuzzy["memory"]] == [(0.99, "in.tmx")]
    assert len(fuzzy["alternatives"]) == 2
    assert other["memory"] == []


def test_documents_use_the_memory(store: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in.html").write_text("<p>The black cat sleeps. Where is my key?</p>")
    ran = nmt("translate", DEMO, tmp_path / "in.html", "--memory", store)
    assert ran.out == "<p>Le félin sommeille. Où est ma clé ?</p>"


def test_export(store: Path, tmp_path: Path, nmt: Nmt) -> None:
    assert nmt("memory", "export", store, "-o", tmp_path / "out.tmx").status == 0
    assert "<seg>Le félin sommeille.</seg>" in (tmp_path / "out.tmx").read_text(encoding="utf-8")


def test_translations_of_an_owner_are_apart(store: Path, tmp_path: Path, nmt: Nmt) -> None:
    assert nmt("memory", "import", store, tmp_path / "in.tmx", "--owner", "ann", "--to", "fr").status == 0
    ran = nmt("memory", "export", store, "-o", tmp_path / "out.tmx", "--owner", "ann")
    assert (ran.status, ran.err) == (0, f"nmt: {tmp_path / 'out.tmx'}: 2 translations\n")
    assert nmt("memory", "export", store, "-o", tmp_path / "out.tmx", "--owner", "bob").status == 1


def test_missing_memory_is_reported(tmp_path: Path, nmt: Nmt) -> None:
    missing = tmp_path / "none.db"
    (tmp_path / "in.txt").write_text("Hello.\n")
    for arguments in (
        ("memory", "export", missing, "-o", tmp_path / "o"),
        ("translate", DEMO, tmp_path / "in.txt", "--memory", missing),
    ):
        ran = nmt(*arguments)
        assert ran.status == 1
        assert ran.err == f"nmt: {missing}: there is no translation memory; fill one with nmt memory import\n"
    assert not missing.exists()
