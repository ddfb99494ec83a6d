"""Language models: their gradients, their scores, what they write, and what they say to a translator."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Nmt
from processes import wait_for
from safetensors.torch import load_file
from torch import nn
from toy import toy_pairs

from nmt.config.loading import load_recipe
from nmt.config.model import ModelConfig
from nmt.config.schema import LanguageModelRecipe
from nmt.corpus.data_loader import DataPosition
from nmt.corpus.language_model_data import LanguageModelData, prepare_language_model_data
from nmt.corpus.tokenizer import BOS, EOS, reserved_mask
from nmt.engine.shallow_fusion import LanguageModelScorer, fused_engine_factory, load_language_model
from nmt.engine.torch_engine import torch_engine_factory
from nmt.inference.rescoring import Rescorer
from nmt.inference.translation import Translation
from nmt.inference.translator import Translator
from nmt.lab.text_generation import TextGenerator
from nmt.model.language_model import LanguageModel, build_language_model
from nmt.model_directory.directory import LanguageModelDirectory, read_language_model_directory, read_model_directory
from nmt.search.hypotheses import Hypothesis
from nmt.search.protocol import StepRequest
from nmt.training import session
from nmt.training.language_model import LanguageModelTrainer, TextScore, language_model_trainer

ROOT = Path(__file__).parents[2]
RECIPE = """\
data: {language: fr, train: [train.txt], dev: dev.txt}
tokenizer: {kind: char, vocab_size: 100, byte_fallback: false}
model: {design: classic, width: 16, decoder_layers: 1, dropout: 0.1}
training: {max_updates: 12, batch_tokens: 120, unroll: 20, warmup: 4, learning_rate: 1e-2, ema: 0.9,
           validate_every: 6, checkpoint_every: 5, precision: fp32}
"""


def write_text(folder: Path) -> Path:
    for name, count, seed in (("train", 120, 1), ("dev", 12, 2)):
        text = "".join(target + "\n" for _, target in toy_pairs(count, seed))
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    recipe = folder / "lm.yaml"
    recipe.write_text(RECIPE, encoding="utf-8")
    return recipe


def load(path: Path, *overrides: str) -> LanguageModelRecipe:
    recipe = load_recipe(path, overrides)
    assert isinstance(recipe, LanguageModelRecipe)
    return recipe


@pytest.fixture
def text_recipe(tmp_path: Path) -> Path:
    return write_text(tmp_path)


@pytest.fixture(scope="module")
def characters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A character model, read in streams."""
    folder = tmp_path_factory.mktemp("characters")
    session.train(load(write_text(folder), "training.max_updates=60"), folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    """A model of the toy translator's pieces, line by line."""
    folder = tmp_path_factory.mktemp("pieces")
    recipe = load(
        write_text(folder), f"tokenizer={{model: {model}}}", "training.unroll=null", "model.design=blocks",
        "training.max_updates=40",
    )  # fmt: skip
    session.train(recipe, folder / "run")
    return folder / "run"


def trainer(recipe: LanguageModelRecipe, prepared: LanguageModelData) -> LanguageModelTrainer:
    network = build_language_model(recipe.model, len(prepared.vocabulary), seed=1)
    return language_model_trainer(network.train(), prepared, recipe)


@pytest.mark.parametrize("design", ["blocks", "classic"])
def test_a_carried_state_equals_one_long_sequence(design: str) -> None:
    model = ModelConfig.model_validate({"design": design, "attention": "none", "width": 16, "decoder_layers": 2})
    network = build_language_model(model, vocabulary=30, seed=1).double().eval()
    text = torch.randint(30, (3, 24), generator=torch.TextGenerator().manual_seed(1))
    whole, last = network(text, network.initial_state(3))
    state, parts = network.initial_state(3), []
    for window in text.split(7, dim=1):
        part, state = network(window, state)
        parts.append(part)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(state, last, rtol=1e-12, atol=1e-12)
    state = network.initial_state(3)
    for place in range(24):
        scores, state = network.step(text[:, place], state)
        expected = (whole[:, place] @ network.output.T).log_softmax(dim=-1)
        torch.testing.assert_close(scores, expected.float(), rtol=1e-6, atol=1e-6)


def test_gradients_of_truncated_back_propagation_end_where_a_window_begins(text_recipe: Path) -> None:
    recipe = load(text_recipe, "model.dropout=0", "training.batch_tokens=60")
    prepared = prepare_language_model_data(recipe)
    learner = trainer(recipe, prepared)
    with learner._loader.batches(DataPosition(0, 0)) as batches:
        windows = [batch for batch, _ in islice(batches, 3)]
    network = learner.network
    # The reference knows cells, no layers: its own loop, its own loss, its own cut.
    [layer] = network.decoder.layers
    cell = nn.LSTMCell(16, 16)
    cell.load_state_dict({name.removesuffix("_l0"): w.detach().clone() for name, w in layer.lstm.named_parameters()})
    table = network.output.detach().clone().requires_grad_()
    h = c = torch.zeros(len(windows[0].target_in), 16)
    for batch in windows:
        learner._optimiser.zero_grad()
        learner._backward(batch, last=True)
        cell.zero_grad()
        table.grad = None
        h, c = h.detach(), c.detach()
        loss = torch.zeros(())
        for read, wanted in zip(batch.target_in.T, batch.target_out.T, strict=True):
            h, c = cell(table[torch.from_numpy(read)] * 4.0, (h, c))
            loss = loss + nn.functional.cross_entropy(h @ table.T, torch.from_numpy(wanted), reduction="sum")
        loss.backward()
        for name, parameter in cell.named_parameters():
            found = layer.lstm.get_parameter(f"{name}_l0").grad
            torch.testing.assert_close(found, parameter.grad, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(network.output.grad, table.grad, rtol=1e-4, atol=1e-5)


def test_a_resumed_run_carries_its_state_on(text_recipe: Path, tmp_path: Path) -> None:
    recipe = load(text_recipe)
    prepared = prepare_language_model_data(recipe)
    straight, broken = trainer(recipe, prepared), trainer(recipe, prepared)
    losses = [report.loss for report in islice(straight.updates(), 9)]
    found = [report.loss for report in islice(broken.updates(), 4)]
    broken.save(tmp_path / "checkpoint")
    resumed = trainer(recipe, prepared)
    assert resumed.restore(tmp_path / "checkpoint")
    resumed.outlook()  # learns from batches of its own, and forgets them
    found += [report.loss for report in islice(resumed.updates(), 5)]
    assert found == losses
    for ours, theirs in zip(resumed.network.parameters(), straight.network.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_stopped_run_ends_as_one_that_never_stopped(text_recipe: Path, tmp_path: Path) -> None:
    def start(out: str, *more: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "nmt", "train", str(text_recipe), "--out", str(tmp_path / out), *more]
        return subprocess.Popen([*command, "training.max_updates=150"], cwd=ROOT, stderr=subprocess.PIPE)

    stopped = start("stopped")
    log = tmp_path / "stopped" / "metrics.jsonl"
    wait_for(lambda: log.exists() and '"dev"' in log.read_text(), stopped)
    stopped.send_signal(signal.SIGTERM)
    _, err = stopped.communicate(timeout=120)
    assert stopped.returncode == 0, err.decode()
    assert b"go on with --resume" in err
    for process in (start("stopped", "--resume"), start("straight")):
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err.decode()
    one, other = (tmp_path / name / "model" / "model.safetensors" for name in ("stopped", "straight"))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("which", ["characters", "pieces"])
def test_perplexity_is_that_of_one_step_after_another(which: str, request: pytest.FixtureRequest) -> None:
    read = read_language_model_directory(request.getfixturevalue(which))
    network, lines = load_language_model(read), [target for _, target in toy_pairs(12, seed=2)]
    assert read.card.carried == (which == "characters")
    nats, pieces, state = 0.0, 0, network.initial_state(1)
    with torch.no_grad():
        for ids in read.vocabulary.encode_batch(lines):
            state = state if read.card.carried else network.initial_state(1)
            for before, after in zip([BOS, *ids], [*ids, EOS], strict=True):
                scores, state = network.step(torch.tensor([before]), state)
                nats, pieces = nats - float(scores[0, after]), pieces + 1
    dev = read.card.scores["dev"]
    assert dev["perplexity"]["score"] == pytest.approx(math.exp(nats / pieces), rel=1e-3)
    characters = sum(len(line) + 1 for line in lines)
    assert dev["bits_per_character"]["score"] == pytest.approx(nats / characters / math.log(2), rel=1e-3)
    assert dev["perplexity"]["signature"].startswith(f"pieces:{pieces}|characters:{characters}|")
    text = TextScore(lines, read.vocabulary, read.card.carried)
    assert (text.pieces, text.characters) == (pieces, characters)
    if not read.card.carried:
        assert sum(LanguageModelScorer(read).score(lines)) == pytest.approx(-nats, rel=1e-5)


def test_a_run_tells_perplexity_and_bits(text_recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    ran = nmt("train", text_recipe, "--out", tmp_path / "run")
    assert ran.status == 0, ran.err
    assert "dev: perplexity " in ran.out
    assert "bits per character" in ran.err
    *_, record = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert set(json.loads(record)) == {"kind", "update", "loss", "perplexity", "bits_per_character"}
    assert read_language_model_directory(tmp_path / "run").card.kind == "language-model"
    assert "nmt generate" in (tmp_path / "run" / "model" / "README.md").read_text()


# --- writing -----------------------------------------------------------------------------------------------


def greedy(read: LanguageModelDirectory, prompt: str, length: int) -> str:
    """What is likeliest, the whole text read anew for each piece."""
    network, allowed = load_language_model(read), ~torch.from_numpy(reserved_mask(read.card.vocabulary))
    [ids] = read.vocabulary.encode_batch([prompt])
    text, line = [BOS, *ids], [list(ids)]
    for _ in range(length):
        with torch.no_grad():
            hidden, _ = network(torch.tensor([text]), network.initial_state(1))
            scores = (hidden[0, -1] @ network.output.T).masked_fill(~allowed, -torch.inf)
        piece = int(scores.argmax())
        text.append(BOS if piece == EOS else piece)
        if piece == EOS:
            line.append([])
        else:
            line[-1].append(piece)
    return "\n".join(read.vocabulary.decode_batch(line))


def test_temperature_zero_writes_what_is_likeliest(characters: Path) -> None:
    generator = TextGenerator.load(characters)
    expected = greedy(read_language_model_directory(characters), "le roi", 60)
    assert generator.generate("le roi", 60, temperature=0.0) == expected
    assert generator.generate("le roi", 60, temperature=0.0, seed=5) == expected


def test_equal_seeds_write_equal_text(characters: Path, nmt: Nmt) -> None:
    ran = [nmt("generate", characters, "--prompt", "le ", "--length", 40, "--seed", seed) for seed in (1, 1, 2)]
    assert [each.status for each in ran] == [0, 0, 0]
    first, again, other = (each.out for each in ran)
    assert first == again
    assert first != other
    assert first.startswith("le ")
    assert len(first) == len("le ") + 40 + 1  # a character a piece, and the end of the output


def test_sampling_follows_the_distribution(characters: Path) -> None:
    read = read_language_model_directory(characters)
    generator, network = TextGenerator.load(characters), load_language_model(read)
    with torch.no_grad():
        scores, _ = network.step(torch.tensor([BOS]), network.initial_state(1))
    allowed = np.where(reserved_mask(read.card.vocabulary), -np.inf, scores[0].double().numpy())
    expected = np.exp(allowed / 0.7) / np.exp(allowed / 0.7).sum()
    drawn = [generator.generate("", 1, temperature=0.7, seed=seed) for seed in range(300)]
    [likeliest] = read.vocabulary.decode_batch([[int(expected.argmax())]])
    share = drawn.count(likeliest) / len(drawn)
    assert share == pytest.approx(float(expected.max()), abs=4 * math.sqrt(0.25 / len(drawn)))


def test_a_prompt_that_can_not_be_read_costs_one_line(characters: Path, nmt: Nmt) -> None:
    ran = nmt("generate", characters, "--prompt", "漢字")
    assert ran.status == 2
    assert ran.err == "nmt: --prompt: '漢字' has characters that are not in the vocabulary; leave them out\n"


# --- beside a translator -------------------------------------------------------------------------------------

SOURCES = [source for source, _ in toy_pairs(12, seed=5)]


def test_weight_zero_changes_nothing(model: Path, pieces: Path) -> None:
    alone = Translator.load(model, engine="torch").translate(SOURCES, alternatives=2)
    fused = Translator.load(model, language_model=pieces, lm_weight=0.0).translate(SOURCES, alternatives=2)
    rescored = Translator.load(model, engine="torch", language_model=pieces, lm_weight=0.0, rescore=3)
    for found in (fused, rescored.translate(SOURCES, alternatives=2)):
        assert [each.text for each in found] == [each.text for each in alone]
        assert [each.alternatives for each in found] == [each.alternatives for each in alone]
        assert [each.score for each in found] == [each.score for each in alone]
        assert all(each.confidence is None for each in found)


def test_a_fused_score_is_the_sum_of_log_probabilities(model: Path, pieces: Path) -> None:
    translator, language_model = read_model_directory(model), read_language_model_directory(pieces)
    fused = fused_engine_factory(translator, language_model, 0.3, threads=2)(3, 2)
    alone, network = torch_engine_factory(translator, threads=2)(3, 2), load_language_model(language_model)
    random, sources = np.random.default_rng(1), [[80, 90], [100, 110, 120], [75]]
    vocabulary = language_model.card.vocabulary
    for engine in (fused, alone):
        engine.admit([0, 1], sources[:2], [(), ()])
    histories = [[] for _ in range(6)]  # of each row, as the search would have it
    tokens, parents = np.full(6, BOS), np.arange(6)
    for step in range(5):
        if step == 3:  # a sentence enters while others are in work
            for engine in (fused, alone):
                engine.admit([2], [sources[2]], [()])
            histories[4], histories[5], tokens[4:], parents[4:] = [], [], BOS, (4, 5)
        histories = [
            [*histories[parent], token] for parent, token in zip(parents.tolist(), tokens.tolist(), strict=True)
        ]
        asked = random.integers(70, vocabulary, size=(6, 4))
        none = np.zeros(0, dtype=np.int64)
        request = StepRequest(tokens, parents, 3, asked, none, none)
        results = fused.step(request), alone.step(request)
        rows = range(6 if step >= 3 else 4)
        with torch.no_grad():
            liked = [network(torch.tensor([histories[row]]), network.initial_state(1))[0][0, -1] for row in rows]
            liked = [(hidden @ network.output.T).log_softmax(dim=0).numpy() for hidden in liked]
        for row in rows:
            expected = results[1].asked[row] + 0.3 * liked[row][asked[row]]
            assert results[0].asked[row] == pytest.approx(expected, abs=1e-4)
        tokens = random.integers(70, vocabulary, size=6)
        parents = (np.arange(6) // 2) * 2 + random.integers(2, size=6)


def test_rescoring_orders_by_the_sum(model: Path, pieces: Path, characters: Path) -> None:
    def four(translator: Translator) -> list[Translation]:
        options = replace(translator.decoding_options, length_penalty=0.0)
        return translator.translate(SOURCES, beam=4, alternatives=3, options=options)

    plain = four(Translator.load(model, engine="torch"))
    for path in (pieces, characters):  # any tokenizer will do
        scorer = LanguageModelScorer(read_language_model_directory(path))
        found = four(Translator.load(model, engine="torch", language_model=path, lm_weight=1e6, rescore=4))
        for before, after in zip(plain, found, strict=True):
            texts = [before.text, *(each.text for each in before.alternatives)]
            assert after.text == texts[int(np.argmax(scorer.score(texts)))]
            assert {after.text, *(each.text for each in after.alternatives)} == set(texts)


def test_a_rescored_rank_is_the_sum_of_both_under_one_penalty() -> None:
    hypotheses = [Hypothesis([7] * n, -float(n), -float(n), None) for n in (1, 4, 2)]
    liked = {"7": -3.0, "7777": -0.5, "77": -6.0}
    rescorer = Rescorer(lambda texts: [liked[text] for text in texts], weight=0.5, num_hypotheses=3)
    decode = lambda lists: ["".join(map(str, ids)) for ids in lists]  # noqa: E731
    ordered = rescorer.rerank({4: hypotheses}, decode, alpha=1.0)[4]
    expected = {n: -n + 0.5 * liked["7" * n] / ((5 + n + 1) / 6) for n in (1, 4, 2)}
    assert [len(each.tokens) for each in ordered] == sorted(expected, key=lambda n: -expected[n])
    assert [each.rank_score for each in ordered] == pytest.approx(sorted(expected.values(), reverse=True))


def test_another_tokenizer_is_refused_for_fusion(model: Path, characters: Path, nmt: Nmt) -> None:
    ran = nmt("translate", model, "--lm", characters)
    assert ran.status == 1
    assert ran.err == (
        f"nmt: {characters / 'model'}: has another tokenizer than {model}; train it with tokenizer.model={model}, "
        "or rescore with --rescore N\n"
    )


def test_models_are_not_taken_for_one_another(model: Path, characters: Path, nmt: Nmt, tmp_path: Path) -> None:
    for command in (
        ["translate", characters],
        ["export", characters, tmp_path / "out"],
        ["translate", model, "--with", characters],
    ):
        ran = nmt(*command)
        assert ran.status == 1
        assert "is a language model, which can't translate" in ran.err
        assert ran.err.count("\n") == 1
    for command in (["generate", model], ["translate", model, "--lm", model]):
        ran = nmt(*command)
        assert ran.status == 1
        assert "is a translator, which can't score or write text by itself" in ran.err
    ran = nmt("translate", model, "--lm-weight", "0.5")
    assert (ran.status, ran.err) == (2, "nmt: --lm-weight: needs a language model; add --lm\n")


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("model.attention=dot", "a language model has no source to attend to; remove attention"),
        ("model.encoder_layers=3", "a language model has no encoder and no attention; remove encoder_layers"),
        ("training.r_drop=1", "language models do not support r_drop; remove it"),
        ("training.unroll=1000", "unroll must be at most batch_tokens, 120"),
        ("data.target=fr", "data.target: unknown key"),
        ("tokenizer={model: nowhere}", "nowhere: no model directory"),
        ("tokenizer=null", "tokenizer: must be a valid dictionary"),
        ("tokenizer=bpe", "tokenizer: must be a valid dictionary"),
        ("data.train=[nothing.txt]", "nothing.txt: no such file"),
    ],
)
def test_a_wrong_recipe_costs_one_line(
    text_recipe: Path, tmp_path: Path, nmt: Nmt, override: str, complaint: str
) -> None:
    ran = nmt("train", text_recipe, override, "--out", tmp_path / "run")
    assert ran.status in (1, 2)
    assert complaint in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("name", ["charlm", "lm"])
def test_recipes_of_the_laboratory_are_whole(name: str) -> None:
    recipe = load(ROOT / "configs" / "lab" / f"{name}.yaml")
    files = [*recipe.data.train, recipe.data.dev, recipe.data.test]
    assert all(Path(file).is_file() for file in files if file)


def test_weights_are_those_of_the_decoder_alone(characters: Path) -> None:
    stored = load_file(read_language_model_directory(characters).weights)
    assert {name.split(".")[0] for name in stored} <= {"output", "decoder"}
    assert not any("bridge" in name or "attention" in name for name in stored)
    assert isinstance(load_language_model(read_language_model_directory(characters)), LanguageModel)
