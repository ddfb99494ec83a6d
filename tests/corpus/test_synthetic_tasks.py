"""Synthetic tasks: correct answers, lossless tokenisation, and exact match in training reports."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import Nmt
from hypothesis import given
from hypothesis import strategies as st

from nmt.config.data import SyntheticCorpus
from nmt.config.loading import load_translator_recipe
from nmt.config.schema import TokenizerConfig
from nmt.corpus import synthetic_tasks as tasks
from nmt.corpus import tokenizer as tokenizers
from nmt.corpus.parallel_corpus import corpus_fingerprint, read_pairs
from nmt.corpus.training_text import sources_in_training_data
from nmt.evaluation.metrics import exact_match, exact_match_on_unseen
from nmt.inference.translator import Translator
from nmt.model_directory.directory import read_model_directory
from nmt.text.normalisation import normalise
from nmt.utils.errors import UsageError

CONFIGS = Path(__file__).parents[2] / "configs" / "lab"
RECIPES = [path for path in sorted(CONFIGS.glob("*.yaml")) if "task:" in path.read_text(encoding="utf-8")]
RANGES = st.tuples(st.integers(1, 12), st.integers(0, 20), st.integers(1, 60), st.integers(0, 2**31))


def is_correct(task: str, question: str, answer: str) -> bool:
    """Return whether an answer is correct, by a definition independent of the generators."""
    match task:
        case "counting":
            return re.fullmatch("a+Xb+", question + answer) is not None and question.count("a") == answer.count("b")
        case "selective-counting":
            while "a" in question:
                question, answer = question.replace("a", "", 1), answer.replace("b", "", 1)
            return answer == "" and re.fullmatch("x*Y", question) is not None
        case "remembering":
            return re.fullmatch(r"([PQRS])[uvw]+=\1", f"{question}={answer}") is not None
        case "copying":
            return question == answer
        case "reversing":
            return len(question) == len(answer) and all(a == b for a, b in zip(question, reversed(answer), strict=True))
        case _:
            first, second = question.split("+")
            carry, digits = 0, []
            for a, b in zip(first[::-1], second[::-1], strict=True):
                carry, digit = divmod(int(a) + int(b) + carry, 10)
                digits.append(str(digit))
            return answer == (str(carry) if carry else "") + "".join(digits[::-1])


def question_length(task: str, question: str) -> int:
    """Return the length of a question as its task defines it."""
    return len(question.split("+")[0]) if task == "addition" else len(re.findall("[a-hxuvw]", question))


@pytest.mark.parametrize("task", tasks.TASK_NAMES)
@given(RANGES)
def test_answers_are_correct_and_lengths_are_balanced(task: tasks.SyntheticTask, ranges: tuple[int, ...]) -> None:
    shortest, more, count, seed = ranges
    pairs = list(tasks.generate_pairs(task, count, shortest, shortest + more, seed))
    assert all(is_correct(task, *pair) for pair in pairs)
    found = [question_length(task, question) for question, _ in pairs]
    assert found == tasks.question_lengths(count, shortest, shortest + more)
    assert max(map(found.count, set(found))) - min(map(found.count, set(found))) <= 1
    assert set(found) <= set(range(shortest, shortest + more + 1))
    assert pairs == list(tasks.generate_pairs(task, count, shortest, shortest + more, seed))


@pytest.mark.parametrize("task", [task for task in tasks.TASK_NAMES if task != "counting"])
def test_pairs_depend_on_the_seed(task: tasks.SyntheticTask) -> None:
    assert list(tasks.generate_pairs(task, 50, 5, 9, seed=1)) != list(tasks.generate_pairs(task, 50, 5, 9, seed=2))


@pytest.mark.parametrize("task", tasks.TASK_NAMES)
def test_tokenizer_and_normalisation_preserve_every_symbol(task: tasks.SyntheticTask) -> None:
    pairs = list(tasks.generate_pairs(task, 400, 1, 12, seed=1))
    tokenizer = tokenizers.train_tokenizer(
        lambda: pairs, TokenizerConfig(kind="char", vocab_size=100, byte_fallback=False), ("zxx", "zxx")
    )
    for text in [side for pair in pairs for side in pair]:
        assert normalise(text) == text
        pieces = tokenizer.source.encode(text)
        assert [text[start:end] for start, end in pieces.spans if start < end] == list(text)
        assert tokenizers.UNK not in pieces.ids
        assert tokenizer.target.decode(pieces.ids).text == text


def test_task_is_read_like_a_corpus() -> None:
    spec = SyntheticCorpus(task="addition", pairs=7, shortest=2, longest=3, seed=5)
    assert list(read_pairs(spec, "zxx", "zxx")) == list(tasks.generate_pairs("addition", 7, 2, 3, 5))
    others = [spec.model_copy(update=change) for change in ({"seed": 6}, {"pairs": 8}, {"task": "copying"})]
    assert len({corpus_fingerprint(each, "zxx", "zxx") for each in (spec, *others)}) == 4


def test_exact_match_by_length() -> None:
    task = SyntheticCorpus(task="counting", pairs=8, shortest=3, longest=6)
    references = [answer for _, answer in read_pairs(task, "zxx", "zxx")]
    answers = list(references)
    answers[6] += "b"  # this question and the third one have length 5
    found = exact_match(task, answers, references)
    assert found["score"] == 87.5
    assert found["right_to"] == 4
    assert found["by_length"] == [[3, 100.0], [4, 100.0], [5, 50.0], [6, 100.0]]
    assert exact_match(task, [""] * 8, references)["right_to"] == 0


def test_questions_seen_in_training_are_scored_separately() -> None:
    recipe = load_translator_recipe(CONFIGS / "addition.yaml", ["data.dev.pairs=60"])
    questions, answers = zip(*read_pairs(recipe.data.dev or "", "zxx", "zxx"), strict=True)
    [train] = recipe.data.train
    assert isinstance(train, SyntheticCorpus)
    known = {question for question, _ in read_pairs(train, "zxx", "zxx")} & set(questions)
    assert sources_in_training_data(recipe, questions) == known
    assert 0 < len(known) < len(set(questions))
    memorised = [answer if question in known else "" for question, answer in zip(questions, answers, strict=True)]
    new = sum(question not in known for question in questions)
    assert exact_match_on_unseen(questions, memorised, answers, known) == {"questions": new, "score": 0.0}
    assert exact_match_on_unseen(questions, answers, answers, known) == {"questions": new, "score": 100.0}
    assert exact_match_on_unseen(questions, answers, answers, set(questions)) == {"questions": 0, "score": None}


def test_every_task_has_a_recipe() -> None:
    assert {path.stem for path in RECIPES} == set(tasks.TASK_NAMES)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_recipes_test_lengths_inside_and_beyond_those_of_training(recipe: Path) -> None:
    data = load_translator_recipe(recipe).data
    [train] = data.train
    assert isinstance(train, SyntheticCorpus)
    assert isinstance(data.dev, SyntheticCorpus)
    assert isinstance(data.test, SyntheticCorpus)
    assert {train.task, data.dev.task, data.test.task} == {train.task}
    assert (train.shortest, train.longest) == (data.dev.shortest, data.dev.longest)
    assert data.test.shortest == train.longest + 1
    assert len({train.seed, data.dev.seed, data.test.seed}) == 3


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{task: juggling, pairs: 5, longest: 3}", "data.dev.task: must be 'counting', "),
        ("{task: counting, pairs: 5, shortest: 4, longest: 3}", "data.dev: shortest must be at most longest, 3"),
        ("{task: counting, pairs: 5, longest: 3, noise: 1}", "data.dev.noise: unknown key"),
        ("{task: counting, pairs: 5}", "data.dev.longest: is missing"),
    ],
)
def test_invalid_task_is_reported_in_one_line(spec: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        load_translator_recipe(CONFIGS / "counting.yaml", [f"data.dev={spec}"])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_training_on_a_task_reports_exact_match(tmp_path: Path, nmt: Nmt) -> None:
    out = tmp_path / "run"
    short = "training.max_updates=40", "training.validate_every=40", "data.test.longest=25", "data.test.pairs=15"
    ran = nmt("train", CONFIGS / "counting.yaml", *short, "--out", out)
    assert ran.status == 0, ran.err
    scores = read_model_directory(out).card.scores
    inside, beyond = scores["dev"]["exact"], scores["test"]["exact"]
    assert beyond["signature"] == "task:counting|lengths:11-25|pairs:15|seed:3"
    assert inside["new"] == {"questions": 0, "score": None}
    assert beyond["new"] == {"questions": 15, "score": beyond["score"]}
    right_to = f"all right to length {inside['right_to']}   task:counting|"
    assert f"dev: exact {inside['score']:.2f} (all questions were in training), {right_to}" in ran.out
    score = f"{beyond['score']:.2f}"
    assert f"test: exact {score} ({score} of 15 questions that were not in training), all right to length " in ran.out
    *_, dev, last = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    assert dev["kind"] == "dev"
    assert 0 <= dev["exact"] <= 100
    assert last == {
        "kind": "task", "update": 40, "dev_exact": inside["score"], "dev_right_to": inside["right_to"],
        "dev_new_questions": 0, "dev_new_exact": None,
        "test_exact": beyond["score"], "test_right_to": beyond["right_to"],
        "test_new_questions": 15, "test_new_exact": beyond["score"],
    }  # fmt: skip
    page = (out / "report.html").read_text()
    assert "exact match" in page
    assert "<td>none</td>" in page
    assert f"<td>{score}% of 15</td>" in page
    assert "BLEU" not in page.split("<h2>Environment")[0]
    # The translator gives the same answers: long questions are not split and repetition is not retried.
    questions, answers = zip(*tasks.generate_pairs("counting", 15, 11, 25, seed=3), strict=True)
    found = [each.text for each in Translator.load(out).translate(list(questions))]
    assert round(100 * sum(a == b for a, b in zip(found, answers, strict=True)) / 15, 2) == beyond["score"]


def test_task_with_a_plain_test_set_has_both_kinds_of_scores(tmp_path: Path, nmt: Nmt) -> None:
    for name, texts in zip(
        ("q", "a"), zip(*tasks.generate_pairs("counting", 8, 3, 6, seed=5), strict=True), strict=True
    ):
        (tmp_path / name).write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    test = f"data.test={{source: {tmp_path / 'q'}, target: {tmp_path / 'a'}}}"
    short = "training.max_updates=3", "training.validate_every=3", "data.dev.pairs=10"
    ran = nmt("train", CONFIGS / "counting.yaml", *short, test, "--out", tmp_path / "run")
    assert ran.status == 0, ran.err
    assert "not written" not in ran.err
    found = re.findall(r"^(dev|test): (\w+) .* {3}(\S+)$", ran.out, re.MULTILINE)
    assert [each[:2] for each in found] == [("dev", "exact"), ("test", "bleu"), ("test", "chrf"), ("test", "ter")]
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert '<th scope="col">exact match</th>' in page
    assert '<th scope="col">BLEU</th>' in page
    assert all(signature in page for *_, signature in found)
