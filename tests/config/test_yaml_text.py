"""YAML of users: bounds on time and memory, and errors of one line for any content."""

import os
import random
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nmt.config.loading import load_recipe
from nmt.config.yaml_text import YamlError, parse_yaml
from nmt.utils.errors import CarouselError, UsageError

RECIPES = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
)
MERGE_BOMB = "a: &a {k: v}\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} {{<<: [{','.join([f'*{chr(97 + n)}'] * 9)}]}}\n" for n in range(9)
)

yaml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)


@given(yaml_values)
def test_values_are_read_as_written(value: object) -> None:
    assert parse_yaml(yaml.safe_dump(value))[0] == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "aliases stand for more than 100,000 values"),
        (MERGE_BOMB, "aliases stand for more than 100,000 values"),
        ("a: &a [*a]", "nested more than 50 levels deep"),
        ("a: &a {b: *a}", "nested more than 50 levels deep"),
        ("a: &a {<<: *a}", "nested more than 50 levels deep"),
        ("[" * 60 + "]" * 60, "nested more than 50 levels deep"),
        ("[" * 50_000, "nested more than 50 levels deep"),
        ("{" * 50_000, "nested more than 50 levels deep"),
        ("- " * 50_000, "nested more than 50 levels deep"),
        ("a: " + "1" * 5000, "a number or date that is out of range"),
        ("a: 2026-02-30", "a number or date that is out of range"),
        ("a: !!int x", "a number or date that is out of range"),
        ("a: !!python/object:os.system {}", "could not determine a constructor"),
        ("a: *b", "found undefined alias"),
        ("{[a]: b}", "found unhashable key"),
        ("a: \0", "not valid YAML"),
        ("a: b\n--- \nc: d", "but found another document"),
    ],
)
def test_harmful_text_is_an_error(text: str, message: str) -> None:
    start = time.process_time()
    with pytest.raises(YamlError, match=message):
        parse_yaml(text)
    assert time.process_time() - start < 20


def test_an_empty_document_is_null() -> None:
    assert parse_yaml("") == (None, None)
    assert parse_yaml("# nothing")[0] is None


@pytest.mark.parametrize("content", [BOMB, "data: &a {source: en, target: fr, train: [*a]}", "data: {train: [" * 2000])
def test_harmful_recipes_are_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"recipe\.yaml:\d+: .*; fix the YAML syntax|recipe\.yaml: nested"):
        load_recipe(path)


def test_harmful_overrides_are_refused() -> None:
    for value in ("&a [*a]", "[" * 5000, "1" * 5000):
        with pytest.raises(UsageError, match=r"data\.train: .* is not valid YAML"):
            load_recipe(RECIPES[0], [f"data.train={value}"])


def test_a_recipe_is_a_regular_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    for path, message in [
        (pipe, "is no regular file; name a YAML file"),
        (Path("/dev/zero"), "is no regular file; name a YAML file"),
        (tmp_path, "is a folder; name a YAML file"),
        (tmp_path / "a\0b", "can't be read"),
    ]:
        with pytest.raises(UsageError, match=message):
            load_recipe(path)


def test_a_recipe_has_a_maximum_size(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("# " + "x" * 200_000)
    with pytest.raises(UsageError, match=r"has 200,002 bytes \(limit 200,000\)"):
        load_recipe(path)


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + RECIPES[0].read_bytes())
    assert load_recipe(path).model_dump(exclude={"data"}) == load_recipe(RECIPES[0]).model_dump(exclude={"data"})


_SNIPPETS = [
    "*",
    "&a ",
    "<<: *a",
    "[",
    "]",
    "{",
    "}",
    ": ",
    "- ",
    "!!",
    "\t",
    "\0",
    "'",
    '"',
    "|",
    "1e999",
    "-1",
    "null",
    "é",
    "\x85",
]


@pytest.mark.parametrize("seed", range(8))
def test_damaged_recipes_give_errors_of_one_line(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    path = tmp_path / "recipe.yaml"
    for _ in range(25):
        content = bytearray(rng.choice(RECIPES).read_bytes())
        for _ in range(rng.randint(1, 6)):
            place = rng.randrange(len(content))
            change = rng.choice(_SNIPPETS).encode() if rng.random() < 0.7 else rng.randbytes(rng.randint(1, 4))
            content[place : place + rng.choice([0, 0, len(change), 20])] = change
        path.write_bytes(content)
        message = ""
        try:
            load_recipe(path)
        except CarouselError as error:
            message = str(error)
        assert "\n" not in message
