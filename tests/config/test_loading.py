"""Recipes: valid ones load, and the error of an invalid one names file, line and key."""

from pathlib import Path

import pytest
import yaml

from nmt.config.data import HubDataset
from nmt.config.loading import dump_recipe, load_translator_recipe, read_yaml
from nmt.config.model import ModelConfig
from nmt.config.schema import TranslatorRecipe
from nmt.utils.errors import UsageError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda p: p.name)
def test_every_recipe_in_configs_is_valid(path: Path) -> None:
    load_translator_recipe(path)


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda p: p.name)
def test_every_key_of_the_recipes_in_configs_has_a_comment(path: Path) -> None:
    text = path.read_text(encoding="utf-8").splitlines()
    _, lines = read_yaml(path)
    keys = {key: (text[line - 2].strip(), text[line - 1]) for key, line in lines.items() if len(key) == 2}
    assert len(keys) > 15
    assert [key for key, (above, own) in keys.items() if " # " not in own and not above.startswith("#")] == []


def test_paths_are_relative_to_the_recipe_and_in_overrides_to_the_working_directory(recipe: Path) -> None:
    loaded = load_translator_recipe(recipe, ["data.test=elsewhere/test"])
    assert loaded.data.train == [str(recipe.parent / "train")]
    assert loaded.data.dev == str(recipe.parent / "dev")
    assert loaded.data.test == "elsewhere/test"


def test_model_summary() -> None:
    mixed = ModelConfig(design="classic", bidirectional_layers=1, width=8, attention="dot")
    assert mixed.summary == (
        "classic design, encoder 1 × bidirectional lstm and 1 × lstm, decoder 2 × lstm, width 8, attention dot"
    )


def test_guided_alignment_adds_an_alignment_head(recipe: Path) -> None:
    assert not load_translator_recipe(recipe).model.alignment_head
    assert load_translator_recipe(recipe, ["training.guided_alignment=0.1"]).model.alignment_head
    for wanted in ("training.guided_alignment=0.1", "model.alignment_head=true"):
        with pytest.raises(UsageError, match=r"needs attention; set (model\.)?attention to dot, additive or multihead"):
            load_translator_recipe(recipe, [wanted, "model.attention=none"])


def test_a_data_set_name_written_as_a_relative_path_is_resolved(recipe: Path) -> None:
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("train: [train]", "train: [{dataset: ./sets}]"))
    [train] = load_translator_recipe(recipe).data.all_directions[0].train
    assert train.corpus == HubDataset(dataset=str(recipe.parent / "sets"))
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("./sets", "some/sets"))
    [train] = load_translator_recipe(recipe).data.all_directions[0].train
    assert train.corpus == HubDataset(dataset="some/sets")


def test_r_drop_needs_dropout(recipe: Path) -> None:
    load_translator_recipe(recipe, ["training.r_drop=1", "model.dropout=0", "model.word_dropout=0.1"])
    with pytest.raises(UsageError, match=r"set model\.dropout or word_dropout"):
        load_translator_recipe(recipe, ["training.r_drop=1", "model.dropout=0"])


def test_coverage_penalty_needs_attention(recipe: Path) -> None:
    load_translator_recipe(recipe, ["search.coverage_penalty=0.2"])
    with pytest.raises(UsageError, match="coverage_penalty needs attention"):
        load_translator_recipe(recipe, ["search.coverage_penalty=0.2", "model.attention=none"])


def test_a_dumped_recipe_loads_as_an_equal_recipe(recipe: Path, tmp_path: Path) -> None:
    loaded = load_translator_recipe(recipe, ["model.width=48", "data.train=[{dataset: csv, data_files: a.csv}]"])
    (tmp_path / "again.yaml").write_text(dump_recipe(loaded), encoding="utf-8")
    again = yaml.safe_load((tmp_path / "again.yaml").read_text())
    assert TranslatorRecipe.model_validate(again) == loaded


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.widht=3", "model.widht: unknown key; did you mean 'width'?"),
        ("nothing.here=3", "nothing: unknown key; known keys: data, tokenizer, model, training, search"),
        ("data.train=[{dataset: x, splt: y}]", "data.train.0.splt: unknown key; did you mean 'split'?"),
        ("model.dropout=1.0", "model.dropout: must be less than 1 (got 1.0)"),
        ("training.max_updates=-5", "training.max_updates: must be greater than 0 (got -5)"),
        ("training.max_updates=many", "training.max_updates: must be a valid integer"),
        ("model.attention=soft", "model.attention: must be 'none', 'dot', 'additive' or 'multihead'"),
        ("model.heads=5", "width 32 must be a multiple of heads, 5"),
        ("model.width=33", "width must be even"),
        ("training.guided_alignment=-1", "training.guided_alignment: must be greater than or equal to 0"),
        ("training.device=tpu", "training.device: must be auto, cpu, cuda or cuda:N"),
        ("training.device=cuda:x", "training.device: must be auto, cpu, cuda or cuda:N"),
        ("training.learning_rate=.nan", "training.learning_rate: must be"),
        ("data.source=English", "data.source: must match pattern"),
        ("data.source=no", "data.source: a bare no means false in YAML; quote it"),
        ("data.train=[]", "data.train: must have at least 1 item"),
        ("data.train=[5]", "data.train.0: must be a valid string"),
        ("data.train=[{corpus: x, wieght: 2}]", "data.train.0.wieght: unknown key; did you mean"),
        ("data.train=[{corpus: x, weight: 0}]", "data.train.0.weight: must be greater than or equal to 0.001"),
        (
            "data.train=[{dataset: x, weight: 2}]",
            "data.train.0.weight: weight belongs to a corpus of data.train; write {corpus: …, weight: 0.5, tag: 1}",
        ),
        ("data.dev={corpus: x, weight: 2}", "data.dev: weights and tags are only for the corpora of data.train"),
        ("model={input_feeding: true, weight_drop: 0.1}", "weight_drop does not work with input_feeding"),
        ("data.train=[{corpus: x, tag: 16}]", "data.train.0.tag: must be less than 16 (got 16)"),
        (
            "model={design: classic, feed_forward: 64}",
            "model: the classic design has no feed-forward layers; remove feed_forward",
        ),
        (
            "data.dev={task: counting, pairs: 50, shortest: 11, longest: 200}",
            "data.dev: pairs must be at least 190: one of each length from shortest to longest",
        ),
        ("data.train=[{source: x}]", "data.train.0.target: is missing; add this key"),
        (
            "training={max_updates: 1, batch_tokens: 9, validate_every: 1, checkpoint_every: 1, guided_alignment: 1, "
            "subword_sampling: 0.1}",
            "guided_alignment needs a fixed segmentation",
        ),
        ("model=3", "model: must be a valid dictionary"),
        ("oops", "'oops': not an override; write section.key=value"),
        ("model.width=[", "model.width: '[' is not valid YAML"),
        ("model.cell=lstn", "model.cell: must be 'lstm', 'rnn', 'gru'"),
        ("model={cell: gru, forget_bias: 2}", "model: cell gru has no forget gate; remove forget_bias"),
        ("model={cell: sru, weight_drop: 0.1}", "model: cell sru has no recurrent matrix; remove weight_drop"),
        ("model={cell: clockwork, width: 36, heads: 4}", "model: width 36 must be a multiple of 8 for cell clockwork"),
        ("model.cell=grid", "model: cell grid connects the layers of a stack within each step; set design to classic"),
        (
            "model={cell: grid, design: classic, bidirectional_layers: 1}",
            "model: cell grid connects the layers of a stack within each step; set bidirectional_layers to 0 or 2",
        ),
    ],
)
def test_an_invalid_value_is_an_error_of_one_line(override: str, message: str, recipe: Path) -> None:
    with pytest.raises(UsageError) as error:
        load_translator_recipe(recipe, [override])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_the_error_names_the_line(recipe: Path) -> None:
    text = recipe.read_text().replace("model: {width: 32,", "model:\n  {\n    wdth: 32,")
    recipe.write_text(text)
    with pytest.raises(UsageError, match=r"toy\.yaml:5: model\.wdth: unknown key; did you mean 'width'\?"):
        load_translator_recipe(recipe)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no sections"),
        (b"- a", "holds no sections"),
        (b"a: [1", r":1: expected"),
        (b"model: {width: 8}\ndata: {source: en}\nmodel: {heads: 2}", r":3: model is on line 1 already; keep one"),
        (b"training:\n  max_updates: 7\n  max_updates: 900", r":3: training\.max_updates is on line 2 already"),
        (b"a: b: c", r":1: mapping values are not allowed"),
        (b"\xff\xfe", "byte 0 is not UTF-8"),
        (b"data: {source: en}", r":1: data\.target: is missing; add this key"),
        (
            b"data: {source: en, target: fr, train: [x]}",
            r"tokenizer: is missing; add this section, or name .* --finetune",
        ),
    ],
)
def test_an_invalid_file_is_an_error_of_one_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message) as error:
        load_translator_recipe(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_recipe_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such recipe"):
        load_translator_recipe(tmp_path / "none.yaml")
    with pytest.raises(UsageError, match=r"is a folder; name a YAML file"):
        load_translator_recipe(tmp_path)
