"""Model directories with damaged files and matching checksums, loaded and used: errors of one line, or translations."""

import hashlib
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from nmt import CarouselError, Translator

DEMO = Path(__file__).parents[2] / "data" / "demo-en-fr" / "model"
_VALUES = [
    None,
    -1,
    0,
    1,
    2**31,
    2**63,
    1e308,
    "",
    "x",
    [],
    {},
    True,
    "../x",
    [1],
    float("inf"),
    10**30,
    "gru",
    64,
    0.5,
]


def damage_bytes(rng: random.Random, content: bytes) -> bytes:
    """Return a content that is cut off, longer, or has other bytes in some places."""
    changed = bytearray(content)
    match rng.randrange(5):
        case 0:
            return content[: rng.randrange(len(content))]
        case 1:
            return content + rng.randbytes(rng.randint(1, 100))
        case 2:
            start, other, length = rng.randrange(len(content)), rng.randrange(len(content)), rng.randint(1, 64)
            changed[start : start + length] = changed[other : other + length]
        case _:  # also headers, which are at the beginning
            within = rng.choice([400, len(content)])
            for _ in range(rng.randint(1, 6)):
                changed[rng.randrange(min(len(content), within))] = rng.choice([0, 127, 128, 255, rng.randrange(256)])
    return bytes(changed)


def damage_values(rng: random.Random, tree: Any) -> None:
    """Change or remove one value of a JSON tree, in place."""
    while True:
        keys: list[Any] = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
        key = rng.choice(keys)
        if isinstance(tree[key], dict | list) and tree[key] and rng.random() < 0.8:
            tree = tree[key]
            continue
        if rng.random() < 0.2:
            del tree[key]
        else:
            tree[key] = rng.choice(_VALUES)
        return


@pytest.mark.parametrize(
    ("engine", "seed"),
    [("onnx", seed) for seed in range(4)]
    + [("torch", seed) for seed in range(2)]
    + [pytest.param(engine, seed, marks=pytest.mark.slow) for engine in ("onnx", "torch") for seed in range(4, 20)],
)
def test_damaged_files(engine: Any, seed: int, model: Path, tmp_path: Path) -> None:
    original = DEMO if engine == "onnx" else model
    rng = random.Random(seed)
    for n in range(10):
        folder = Path(shutil.copytree(original, tmp_path / str(n)))
        card = json.loads((folder / "config.json").read_text())
        names = sorted(name for name in card["files"] if name != "README.md")
        for name in rng.choices(names, k=rng.choice([0, 1, 1])):
            content = damage_bytes(rng, (folder / name).read_bytes())
            (folder / name).write_bytes(content)
            card["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        if rng.random() < 0.3:
            damage_values(rng, card)
        (folder / "config.json").write_text(json.dumps(card))
        message = ""
        try:
            Translator.load(folder, engine=engine).translate(["The black cat sleeps.", "It is 5."])
        except CarouselError as error:
            message = str(error)
        assert "\n" not in message
        shutil.rmtree(folder)
