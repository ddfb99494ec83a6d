"""Model directories: complete ones are read, all others are an error of one line."""

import json
import os
import resource
import shutil
from pathlib import Path

import pytest

from nmt.engine.torch_engine import load_network
from nmt.model_directory.directory import read_model_directory
from nmt.utils.errors import CarouselError


@pytest.fixture
def model_copy(model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model, tmp_path / "copy"))


def edit_card(model_copy: Path, **values: object) -> None:
    card = json.loads((model_copy / "config.json").read_text())
    (model_copy / "config.json").write_text(json.dumps({**card, **values}))


def test_a_model_directory_is_self_contained_and_relocatable(model_copy: Path) -> None:
    read = read_model_directory(model_copy)
    assert (read.card.source_language, read.card.target_language) == ("en", "fr")
    graphs = {f"onnx/{name}.onnx" for name in ("encoder", "rows", "step", "step_list", "scores", "scores_list")}
    others = {"tokenizer.model", "model.safetensors", "shortlist.npz", "onnx/weights.bin", "README.md"}
    assert set(read.card.files) == graphs | others
    [row] = [line for line in (model_copy / "README.md").read_text().splitlines() if line.startswith("| dev |")]
    assert len(row.split("|")) == 4 + 2  # set, BLEU, chrF and TER, and the text before and after the row
    for path in model_copy.rglob("*.*"):
        path.chmod(0o444)
    read_model_directory(model_copy)


def test_a_run_directory_is_read_as_its_model_directory(model: Path) -> None:
    assert read_model_directory(model.parent).path == model


@pytest.mark.parametrize("name", ["tokenizer.model", "model.safetensors", "onnx/weights.bin", "README.md"])
def test_the_error_names_missing_and_damaged_files(name: str, model_copy: Path) -> None:
    content = bytearray((model_copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (model_copy / name).write_bytes(content)
    with pytest.raises(CarouselError, match=rf"{name}: is damaged \(checksum differs\)"):
        read_model_directory(model_copy)
    (model_copy / name).unlink()
    with pytest.raises(CarouselError, match=rf"{name}: is missing"):
        read_model_directory(model_copy)


@pytest.mark.parametrize(
    ("values", "message"),
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
def test_an_invalid_card_is_an_error(values: dict[str, object], message: str, model_copy: Path) -> None:
    edit_card(model_copy, **values)
    with pytest.raises(CarouselError, match=message) as error:
        read_model_directory(model_copy)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["", "{", "[]", "null"])
def test_a_card_that_is_not_a_json_object_is_an_error(content: str, model_copy: Path) -> None:
    (model_copy / "config.json").write_text(content)
    with pytest.raises(CarouselError, match=r"config\.json: is damaged"):
        read_model_directory(model_copy)


def test_a_folder_without_a_model_is_an_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(CarouselError, match="no model directory"):
            read_model_directory(path)


def test_weights_of_another_architecture_are_an_error(model_copy: Path) -> None:
    from nmt.engine.torch_engine import load_network

    card = json.loads((model_copy / "config.json").read_text())
    edit_card(model_copy, model={**card["model"], "encoder_layers": 2})
    with pytest.raises(CarouselError, match=r"model\.safetensors: .* is None, not"):
        load_network(read_model_directory(model_copy))


def test_a_model_of_the_first_format_is_read(model_copy: Path) -> None:
    """Format 1 had no ONNX graphs: the torch engine is used."""
    from nmt import Translator

    card = json.loads((model_copy / "config.json").read_text())
    files = {n: f for n, f in card["files"].items() if n in {"tokenizer.model", "model.safetensors", "README.md"}}
    edit_card(model_copy, format_version=1, files=files)
    assert Translator.load(model_copy).translate("the dog sees the cat.").text == "le chien voit le chat."
    with pytest.raises(CarouselError, match="has no graphs for the onnx engine"):
        Translator.load(model_copy, engine="onnx")


def test_a_card_without_origins_is_read(model_copy: Path) -> None:
    """Cards written by early versions have no such key."""
    card = json.loads((model_copy / "config.json").read_text())
    del card["origins"]
    (model_copy / "config.json").write_text(json.dumps(card))
    assert read_model_directory(model_copy).card.origins == []


def test_a_model_directory_without_weights_and_graphs_is_an_error(model_copy: Path) -> None:
    card = json.loads((model_copy / "config.json").read_text())
    edit_card(model_copy, files={"tokenizer.model": card["files"]["tokenizer.model"]})
    with pytest.raises(CarouselError, match="lists neither weights nor graphs"):
        read_model_directory(model_copy)


def test_a_file_that_is_a_pipe_or_a_folder_is_an_error(model_copy: Path) -> None:
    file = model_copy / "model.safetensors"
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(CarouselError, match=r"model\.safetensors: is missing"):
        read_model_directory(model_copy)
    file.unlink()
    file.mkdir()
    with pytest.raises(CarouselError, match=r"model\.safetensors: is missing"):
        read_model_directory(model_copy)


def test_a_card_that_is_a_pipe_is_an_error(model_copy: Path) -> None:
    (model_copy / "config.json").unlink()
    os.mkfifo(model_copy / "config.json")
    with pytest.raises(CarouselError, match=r"config\.json is missing or unreadable"):
        read_model_directory(model_copy)


def test_links_may_not_lead_out_of_the_folder(model_copy: Path, tmp_path: Path) -> None:
    file, outside = model_copy / "model.safetensors", tmp_path / "outside"
    (model_copy / "stored").mkdir()
    file.rename(model_copy / "stored" / "weights")
    file.symlink_to("stored/weights")
    read_model_directory(model_copy)  # as in a mounted volume of Kubernetes
    (model_copy / "stored" / "weights").rename(outside)
    file.unlink()
    file.symlink_to(outside)
    with pytest.raises(CarouselError, match=r"model\.safetensors: is a link out of the folder"):
        read_model_directory(model_copy)
    file.unlink()
    file.symlink_to("model.safetensors")
    with pytest.raises(CarouselError, match=r"model\.safetensors: is missing"):
        read_model_directory(model_copy)


def test_the_folder_itself_may_be_a_link(model_copy: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(model_copy)
    assert read_model_directory(tmp_path / "link").card == read_model_directory(model_copy).card


@pytest.mark.parametrize(
    "confidence",
    [
        {"scores": [-2.0, -1.0], "values": [0.5]},
        {"scores": [], "values": []},
        {"scores": [-1.0, -2.0], "values": [0.5, 0.6]},
        {"scores": [-2.0, -1.0], "values": [0.5, 7]},
        {"scores": [-2.0, None], "values": [0.5, 0.6]},
    ],
)
def test_an_inconsistent_calibration_is_an_error(confidence: dict[str, object], model_copy: Path) -> None:
    edit_card(model_copy, confidence=confidence)
    with pytest.raises(CarouselError, match=r"config\.json: is damaged \(confidence"):
        read_model_directory(model_copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 16_384}, "weights, too few for the network in config.json"),
        ({"feed_forward": 65_536}, "weights, too few for the network in config.json"),
        ({"encoder_layers": 64}, r"the shape of encoder\.\S+ is None, not|too few for the network"),
        ({"width": 2**31}, r"is damaged \(model\.width: must be less than or equal to 16384\)"),
        ({"decoder_layers": 10**9}, r"is damaged \(model\.decoder_layers: must be less than or equal to 64\)"),
    ],
)
def test_a_card_of_a_larger_network_takes_no_memory(change: dict[str, int], message: str, model_copy: Path) -> None:
    card = json.loads((model_copy / "config.json").read_text())
    edit_card(model_copy, model={**card["model"], **change})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CarouselError, match=message):
        load_network(read_model_directory(model_copy))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kilobytes
