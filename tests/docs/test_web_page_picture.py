"""The picture of the web page is current: it was made from the files of today's page and shows today's translation."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from nmt import Translator

ASSETS = Path(__file__).parents[2] / "docs/assets"


@pytest.fixture(scope="module")
def make_picture() -> ModuleType:
    pytest.importorskip("playwright.sync_api")
    spec = importlib.util.spec_from_file_location("make_picture", ASSETS / "make_picture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_shows_the_page_and_its_translation(make_picture: ModuleType) -> None:
    recorded = json.loads((ASSETS / "web-page.json").read_text(encoding="utf-8"))
    translation = Translator.load(make_picture.MODEL).translate(make_picture.TEXT).text
    expected = make_picture.record(translation)
    assert recorded == expected, "run python docs/assets/make_picture.py, and look at the picture"


def test_the_hash_depends_on_every_file_of_the_page(
    make_picture: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "static"
    shutil.copytree(make_picture.STATIC, copy)
    monkeypatch.setattr(make_picture, "STATIC", copy)
    seen = {make_picture.page_hash()}
    for name in ("index.html", "theme.css", "app/page.css", "app/target.js", "strings/en.js"):
        (copy / name).write_text((copy / name).read_text() + " ")
        seen.add(make_picture.page_hash())
    assert len(seen) == 6
