"""A model directory is whole, or refused with one line."""

import json
import re
import shutil
from pathlib import Path

import pytest

from nmt.model_directory import directory as bundle
from nmt.utils.errors import CarouselError


@pytest.fixture
def copy(model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model, tmp_path / "copy"))


def edit(copy: Path, **values: object) -> None:
    card = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**card, **values}))


def test_a_bundle_is_self_contained_and_relocatable(copy: Path) -> None:
    read = bundle.read(copy)
    assert (read.card.source_language, read.card.target_language) == ("en", "fr")
    graphs = {f"onnx/{name}.onnx" for name in ("encoder", "rows", "step", "step_list", "scores", "scores_list")}
    others = {"tokenizer.model", "model.safetensors", "shortlist.npz", "onnx/weights.bin", "README.md"}
    assert set(read.card.files) == graphs | others
    [row] = [line for line in (copy / "README.md").read_text().splitlines() if line.startswith("| dev | bleu |")]
    assert len(re.split(r"(?<!\\)\|", row)) == 4 + 2  # cells, and what is left and right of all
    for path in copy.rglob("*.*"):
        path.chmod(0o444)
    bundle.read(copy)


def test_a_run_directory_stands_for_its_model(model: Path) -> None:
    assert bundle.read(model.parent).path == model


@pytest.mark.parametrize("name", ["tokenizer.model", "model.safetensors", "onnx/weights.bin", "README.md"])
def test_missing_and_damaged_files_are_named(name: str, copy: Path) -> None:
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(CarouselError, match=rf"{name}: is damaged \(checksum differs\)"):
        bundle.read(copy)
    (copy / name).unlink()
    with pytest.raises(CarouselError, match=rf"{name}: is missing"):
        bundle.read(copy)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"format_version": "1"}, r"is damaged \(format_version"),
        ({"source_vocabulary": -1}, r"is damaged \(source_vocabulary"),
        ({"target_vocabulary": 999}, "belongs to another tokenizer"),
        ({"format_version": 99}, "format 99 is newer than this Carousel reads"),
        ({"model": {"width": "wide"}}, r"is damaged \(model\.width"),
        ({"origins": {}}, r"is damaged \(origins"),
        ({"origins": [{"model": "general", "sha256": "0"}]}, r"is damaged \(origins\.0\.sha256"),
        ({"files": {}}, "lists no tokenizer.model"),
        ({"files": {"/etc/passwd": {"sha256": "0", "bytes": 1}}}, "outside the folder"),
        ({"files": {"../x": {"sha256": "0", "bytes": 1}}}, "outside the folder"),
    ],
)
def test_a_card_that_lies_is_refused(values: dict[str, object], complaint: str, copy: Path) -> None:
    edit(copy, **values)
    with pytest.raises(CarouselError, match=complaint) as error:
        bundle.read(copy)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["", "{", "[]", "null"])
def test_a_card_that_is_no_card_is_refused(content: str, copy: Path) -> None:
    (copy / "config.json").write_text(content)
    with pytest.raises(CarouselError, match=r"config\.json: is damaged"):
        bundle.read(copy)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(CarouselError, match="no model directory"):
            bundle.read(path)


def test_weights_of_another_architecture_are_refused(copy: Path) -> None:
    from nmt.engine.torch_engine import load_network

    card = json.loads((copy / "config.json").read_text())
    edit(copy, model={**card["model"], "encoder_layers": 2})
    with pytest.raises(CarouselError, match=r"model\.safetensors: .* is None, not"):
        load_network(bundle.read(copy))


def test_a_model_of_the_first_format_is_read(copy: Path) -> None:
    """It had no graphs: torch translates with it."""
    from nmt import Translator

    card = json.loads((copy / "config.json").read_text())
    files = {n: f for n, f in card["files"].items() if n in {"tokenizer.model", "model.safetensors", "README.md"}}
    edit(copy, format_version=1, files=files)
    assert Translator.load(copy).translate("the dog sees the cat.").text == "le chien voit le chat."
    with pytest.raises(CarouselError, match="has no graphs for the onnx engine"):
        Translator.load(copy, engine="onnx")


def test_a_model_that_names_no_origin_is_read(copy: Path) -> None:
    """As bundles did once."""
    card = json.loads((copy / "config.json").read_text())
    del card["origins"]
    (copy / "config.json").write_text(json.dumps(card))
    assert bundle.read(copy).card.origins == []


def test_a_bundle_without_weights_and_graphs_is_refused(copy: Path) -> None:
    card = json.loads((copy / "config.json").read_text())
    edit(copy, files={"tokenizer.model": card["files"]["tokenizer.model"]})
    with pytest.raises(CarouselError, match="lists neither weights nor graphs"):
        bundle.read(copy)
