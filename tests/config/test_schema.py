"""Recipes: what is accepted, and how a mistake is named."""

from pathlib import Path

import pytest
import yaml

from nmt.config import schema as config
from nmt.utils.errors import UsageError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda p: p.name)
def test_every_recipe_of_ours_is_valid(path: Path) -> None:
    config.load(path)


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda p: p.name)
def test_every_key_of_our_recipes_has_a_comment(path: Path) -> None:
    text = path.read_text(encoding="utf-8").splitlines()
    _, lines = config.read_yaml(path)
    keys = {key: (text[line - 2].strip(), text[line - 1]) for key, line in lines.items() if len(key) == 2}
    assert len(keys) > 15
    assert [key for key, (above, own) in keys.items() if " # " not in own and not above.startswith("#")] == []


def test_paths_are_relative_to_the_recipe_and_to_the_working_directory(recipe: Path) -> None:
    loaded = config.load(recipe, ["data.test=elsewhere/test"])
    assert loaded.data.train == [str(recipe.parent / "train")]
    assert loaded.data.dev == str(recipe.parent / "dev")
    assert loaded.data.test == "elsewhere/test"


def test_a_network_is_said_in_words() -> None:
    mixed = config.ModelConfig(design="classic", bidirectional_layers=1, width=8, attention="dot")
    assert mixed.summary == (
        "classic design, encoder 1 × bidirectional lstm and 1 × lstm, decoder 2 × lstm, width 8, attention dot"
    )


def test_guidance_gives_the_model_an_alignment_head(recipe: Path) -> None:
    assert not config.load(recipe).model.alignment_head
    assert config.load(recipe, ["training.guided_alignment=0.1"]).model.alignment_head
    for wanted in ("training.guided_alignment=0.1", "model.alignment_head=true"):
        with pytest.raises(UsageError, match="needs an attention other than none"):
            config.load(recipe, [wanted, "model.attention=none"])


def test_a_data_set_that_is_written_as_a_folder_is_one(recipe: Path) -> None:
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("train: [train]", "train: [{dataset: ./sets}]"))
    [train] = config.load(recipe).data.mixture
    assert train.corpus == config.HubDataset(dataset=str(recipe.parent / "sets"))
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("./sets", "some/sets"))
    [train] = config.load(recipe).data.mixture
    assert train.corpus == config.HubDataset(dataset="some/sets")


def test_r_drop_needs_passes_that_differ(recipe: Path) -> None:
    config.load(recipe, ["training.r_drop=1", "model.dropout=0", "model.word_dropout=0.1"])
    with pytest.raises(UsageError, match=r"it needs model\.dropout or word_dropout"):
        config.load(recipe, ["training.r_drop=1", "model.dropout=0"])


def test_a_coverage_penalty_needs_an_attention(recipe: Path) -> None:
    config.load(recipe, ["search.coverage_penalty=0.2"])
    with pytest.raises(UsageError, match="coverage_penalty counts what the attention saw"):
        config.load(recipe, ["search.coverage_penalty=0.2", "model.attention=none"])


def test_what_is_dumped_loads_as_the_same(recipe: Path, tmp_path: Path) -> None:
    loaded = config.load(recipe, ["model.width=48", "data.train=[{dataset: csv, data_files: a.csv}]"])
    (tmp_path / "again.yaml").write_text(config.dump(loaded), encoding="utf-8")
    again = yaml.safe_load((tmp_path / "again.yaml").read_text())
    assert config.Config.model_validate(again) == loaded


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("model.widht=3", "model.widht: unknown key; did you mean 'width'?"),
        ("nothing.here=3", "nothing: unknown key; known keys: data, tokenizer, model, training, search"),
        ("data.train=[{dataset: x, splt: y}]", "data.train.0.splt: unknown key; did you mean 'split'?"),
        ("model.dropout=1.0", "model.dropout: input should be less than 1 (it is 1.0)"),
        ("training.max_updates=-5", "training.max_updates: input should be greater than 0 (it is -5)"),
        ("training.max_updates=many", "training.max_updates: input should be a valid integer"),
        ("model.attention=soft", "model.attention: input should be 'none', 'dot', 'additive' or 'multihead'"),
        ("model.heads=5", "width 32 must be a multiple of heads 5"),
        ("model.width=33", "width must be even"),
        ("training.guided_alignment=-1", "training.guided_alignment: input should be greater than or equal to 0"),
        ("training.device=tpu", "training.device: must be auto, cpu, cuda or cuda:N"),
        ("training.device=cuda:x", "training.device: must be auto, cpu, cuda or cuda:N"),
        ("training.learning_rate=.nan", "training.learning_rate: input should be"),
        ("data.source=English", "data.source: string should match pattern"),
        ("data.source=no", "data.source: must be quoted: YAML takes a bare no for false"),
        ("data.train=[]", "data.train: list should have at least 1 item"),
        ("data.train=[5]", "data.train.0: input should be a valid string"),
        ("data.train=[{corpus: x, wieght: 2}]", "data.train.0.wieght: unknown key; did you mean"),
        ("data.train=[{corpus: x, weight: 0}]", "data.train.0.weight: input should be greater than or equal to 0.001"),
        (
            "data.train=[{dataset: x, weight: 2}]",
            "data.train.0.weight: a corpus of data.train has a weight or a tag so",
        ),
        ("data.dev={corpus: x, weight: 2}", "data.dev: names a corpus of a mixture; only the corpora of data.train"),
        ("model={input_feeding: true, weight_drop: 0.1}", "weight_drop leaves weights out of whole passes"),
        ("data.train=[{corpus: x, tag: 16}]", "data.train.0.tag: input should be less than 16 (it is 16)"),
        ("model={design: classic, feed_forward: 64}", "model: feed_forward is for blocks"),
        (
            "data.dev={task: counting, pairs: 50, shortest: 11, longest: 200}",
            "data.dev: pairs must be at least 190: one of each length from shortest to longest",
        ),
        ("data.train=[{source: x}]", "data.train.0.target: missing; add this key"),
        (
            "training={max_updates: 1, batch_tokens: 9, validate_every: 1, checkpoint_every: 1, guided_alignment: 1, "
            "subword_sampling: 0.1}",
            "guided_alignment links fixed pieces",
        ),
        ("model=3", "model: input should be a valid dictionary"),
        ("oops", "'oops' is no override; write section.key=value"),
        ("model.width=[", "model.width: '[' is not valid YAML"),
        ("model.cell=lstn", "model.cell: input should be 'lstm', 'rnn', 'gru'"),
        ("model={cell: gru, forget_bias: 2}", "model: forget_bias is of forget gates: cell gru has none"),
        ("model={cell: sru, weight_drop: 0.1}", "model: weight_drop thins recurrent matrices: cell sru has none"),
        ("model={cell: clockwork, width: 36, heads: 4}", "model: width 36 must be a multiple of 8 for cell clockwork"),
        ("model.cell=grid", "model: cell grid couples the layers of a stack step by step: it needs design classic"),
        (
            "model={cell: grid, design: classic, bidirectional_layers: 1}",
            "model: cell grid couples the layers of a stack: bidirectional_layers must be 0 or 2",
        ),
    ],
)
def test_a_wrong_value_is_named_in_one_line(override: str, complaint: str, recipe: Path) -> None:
    with pytest.raises(UsageError) as error:
        config.load(recipe, [override])
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_a_wrong_line_is_named(recipe: Path) -> None:
    text = recipe.read_text().replace("model: {width: 32,", "model:\n  {\n    wdth: 32,")
    recipe.write_text(text)
    with pytest.raises(UsageError, match=r"toy\.yaml, line 5, model\.wdth: unknown key; did you mean 'width'\?"):
        config.load(recipe)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "holds no sections"),
        (b"- a", "holds no sections"),
        (b"a: [1", r"line 1: expected"),
        (b"model: {width: 8}\ndata: {source: en}\nmodel: {heads: 2}", r"line 3: model is on line 1 already; keep one"),
        (b"training:\n  max_updates: 7\n  max_updates: 900", r"line 3: training\.max_updates is on line 2 already"),
        (b"a: b: c", r"line 1: mapping values are not allowed"),
        (b"\xff\xfe", "byte 0 is not UTF-8"),
        (b"data: {source: en}", r"line 1, data\.target: missing; add this key"),
        (b"data: {source: en, target: fr, train: [x]}", r"tokenizer: missing; add this section, or name .* --from"),
    ],
)
def test_a_file_that_is_no_recipe_is_named(content: bytes, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=complaint) as error:
        config.load(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_recipe_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such recipe"):
        config.load(tmp_path / "none.yaml")
    with pytest.raises(UsageError, match=r"can't be read"):
        config.load(tmp_path)
