"""Paired significance tests: against plain reimplementations, against sacreBLEU, and under the null hypothesis."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import numpy as np
import pytest
from conftest import Nmt
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.significance import PairedTest
from toy import toy_pairs

from nmt.evaluation import resampling
from nmt.evaluation.metrics import sacrebleu_metrics
from nmt.evaluation.significance import compare_systems

REFERENCES = [target for _, target in toy_pairs(60, seed=5)]


def with_deletions(share: float, seed: int) -> list[str]:
    """Return the references with a share of the words deleted."""
    rng = random.Random(seed)
    return [" ".join(w for w in text.split() if rng.random() >= share) for text in REFERENCES]


GOOD, SIMILAR, BAD = with_deletions(0.2, 1), with_deletions(0.2, 2), with_deletions(0.5, 3)


def test_p_values_equal_those_of_plain_reimplementations() -> None:
    """Both p-values of BLEU are computed by a plain loop over whole corpora."""
    found = compare_systems([("good", GOOD), ("similar", SIMILAR)], REFERENCES, "fr", samples=200, seed=7)["bleu"][
        "systems"
    ][1]
    bleu, count = BLEU(), len(REFERENCES)

    def score(texts: list[str], rows: range | np.ndarray = range(count)) -> float:
        return float(bleu.corpus_score([texts[n] for n in rows], [[REFERENCES[n] for n in rows]]).score)

    difference = abs(score(GOOD) - score(SIMILAR))
    rng = np.random.default_rng(7)
    draws = rng.choice(count, size=(200, count), replace=True)
    resampled = np.abs([score(SIMILAR, rows) - score(GOOD, rows) for rows in draws])
    assert found["p"]["bootstrap"] == pytest.approx(
        (1 + np.sum(resampled - resampled.mean() > difference)) / 201, abs=0.006
    )
    rng = np.random.default_rng(7)
    trials = 0
    for kept in rng.integers(2, size=(200, count), dtype=bool):
        swapped = [a if keep else b for a, b, keep in zip(GOOD, SIMILAR, kept, strict=True)]
        others = [b if keep else a for a, b, keep in zip(GOOD, SIMILAR, kept, strict=True)]
        trials += abs(score(swapped) - score(others)) >= difference - 1e-9
    assert found["p"]["randomisation"] == pytest.approx((1 + trials) / 201, abs=1e-6)
    assert found["score"] == pytest.approx(score(SIMILAR), abs=0.005)


def test_a_worse_system_is_significant_and_a_similar_one_is_not() -> None:
    systems = [("good", GOOD), ("similar", SIMILAR), ("bad", BAD), ("good again", GOOD)]
    result = compare_systems(systems, REFERENCES, "fr", samples=100, seed=1)
    assert list(result) == ["bleu", "chrf", "ter"]
    for metric, outcome in result.items():
        _, similar, bad, same = outcome["systems"]
        assert all(p > 0.05 for p in similar["p"].values())
        assert all(p < 0.05 for p in bad["p"].values())
        assert (bad["difference"] > 0) == (metric == "ter")
        assert same["p"] == {"bootstrap": 1.0, "randomisation": 1.0}
        assert same["difference"] == 0
        assert "bs:100|seed:1|" in outcome["signatures"]["bootstrap"]
        assert "ar:100|seed:1|" in outcome["signatures"]["randomisation"]


@pytest.mark.parametrize(("changed", "chance"), [(1, 1.0), (2, 1 / 2), (4, 1 / 8)])
def test_few_differing_lines_are_not_significant(changed: int, chance: float) -> None:
    """Two of 2^``changed`` trials swap all differing lines or none, and so give the observed difference."""
    worse = [f"{text} xx" if n < changed else text for n, text in enumerate(REFERENCES)]
    result = compare_systems([("good", REFERENCES), ("worse", worse)], REFERENCES, "fr", samples=2000, seed=1)
    for outcome in result.values():
        p = outcome["systems"][1]["p"]["randomisation"]
        assert p == pytest.approx(chance, abs=0.03)


def test_randomisation_equals_that_of_sacrebleu() -> None:
    found = compare_systems(
        [("good", GOOD), ("bad", BAD), ("similar", SIMILAR)], REFERENCES, "fr", samples=300, seed=12345
    )
    expected = PairedTest(
        [("good", GOOD), ("bad", BAD), ("similar", SIMILAR)], {"bleu": BLEU()}, [REFERENCES], "ar", 300
    )
    signatures, results = expected()
    assert found["bleu"]["signatures"]["randomisation"] == str(signatures["BLEU"])
    ours = [system["p"]["randomisation"] for system in found["bleu"]["systems"][1:]]
    assert ours == pytest.approx([result.p_value for result in results["BLEU"][1:]], abs=1e-6)


def test_the_bootstrap_equals_that_of_sacrebleu() -> None:
    systems = [("good", GOOD), ("bad", BAD), ("similar", SIMILAR)]
    found = compare_systems(systems, REFERENCES, "fr", samples=300, seed=12345)
    for name, metric in sacrebleu_metrics("fr").items():
        [(_, expected)] = list(PairedTest(systems, {name: metric}, [REFERENCES], "bs", 300)()[1].items())[1:]
        for ours, result in zip(found[name]["systems"], expected, strict=True):
            assert ours["score"] == pytest.approx(result.score, abs=0.005)
            assert ours["ci"] == pytest.approx(result.ci, abs=0.0051)
            assert ours.get("p", {}).get("bootstrap") == pytest.approx(result.p_value, abs=0.0035)


def test_results_do_not_depend_on_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    systems = [("a", GOOD[:50]), ("b", SIMILAR[:50])]
    whole = compare_systems(systems, REFERENCES[:50], "fr", samples=100, seed=3)
    monkeypatch.setattr(resampling, "_BLOCK_SIZE", 333)
    assert compare_systems(systems, REFERENCES[:50], "fr", samples=100, seed=3) == whole


def test_equal_systems_are_significant_as_rarely_as_the_level_says() -> None:
    """About five of 100 pairs of equally damaged texts have p < 0.05; more than eleven have a probability of 1/200."""
    metric = BLEU()
    systems = [resampling.sentence_statistics(metric, with_deletions(0.2, seed), REFERENCES) for seed in range(200)]
    significant = 0
    for one, other in zip(systems[::2], systems[1::2], strict=True):
        observed = abs(
            resampling.score_from_sums(metric, one.sum(0)) - resampling.score_from_sums(metric, other.sum(0))
        )
        [differences] = resampling.randomisation_differences(metric, one, [other], 200, seed=1)
        significant += (1 + np.sum(differences >= observed)) / 201 < 0.05
    assert 1 <= significant <= 11


def test_results_depend_only_on_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def p_values(seed: int) -> list[float]:
        result = compare_systems([("a", GOOD), ("b", SIMILAR)], REFERENCES, "fr", samples=50, seed=seed)
        return [p for outcome in result.values() for p in outcome["systems"][1]["p"].values()]

    first = p_values(3)
    monkeypatch.setenv("SACREBLEU_SEED", "none")
    assert p_values(3) == first
    assert os.environ["SACREBLEU_SEED"] == "none"
    assert p_values(4) != first


def test_text_without_spaces_needs_a_language(tmp_path: Path, nmt: Nmt) -> None:
    texts = {"ref": "我喜欢红色的苹果。", "one": "我喜欢红色的梨子。", "two": "我喜欢绿色的苹果。"}
    for name, text in texts.items():
        (tmp_path / name).write_text(f"{text}\n{text}\n", encoding="utf-8")
    call = ("compare", "--reference", *(tmp_path / name for name in texts), "--samples", 20)
    ran = nmt(*call)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == "nmt: --target-language: this text has no spaces; give its language, for example zh or ja\n"
    assert "bleu" in nmt(*call, "--target-language", "zh").out
    assert "tok:13a" in nmt(*call, "--target-language", "th").out


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    texts = {"ref": REFERENCES, "good": GOOD, "bad": BAD}
    for name, lines in texts.items():
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return {name: tmp_path / name for name in texts}


def test_the_command_prints_a_table_or_json(files: dict[str, Path], nmt: Nmt) -> None:
    call = ("compare", "--reference", files["ref"], files["good"], files["bad"], "--samples", 100)
    ran = nmt(*call)
    assert (ran.status, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert [line.split()[0] for line in lines[1:7]] == ["bleu", "bleu", "chrf", "chrf", "ter", "ter"]
    assert lines[1].endswith("baseline")
    assert lines[2].count("*") == 1
    assert lines[2].endswith("*")
    result = json.loads(nmt(*call, "--json").out)
    assert result == compare_systems(
        [(str(files["good"]), GOOD), (str(files["bad"]), BAD)], REFERENCES, "fr", samples=100, seed=12345
    )
    assert f"{result['bleu']['systems'][1]['score']:.2f}" in lines[2]
    assert all(text in ran.out for outcome in result.values() for text in outcome["signatures"].values())
    chinese = json.loads(nmt(*call, "--json", "--target-language", "zh").out)
    assert "tok:zh" in chinese["bleu"]["signatures"]["bootstrap"]


def test_errors_are_one_line(files: dict[str, Path], tmp_path: Path, nmt: Nmt) -> None:
    short, broken, empty = tmp_path / "short", tmp_path / "broken", tmp_path / "empty"
    short.write_text("le chien\n" * 7, encoding="utf-8")
    broken.write_bytes(b"le chien\ncaf\xe9\n")
    empty.write_bytes(b"")
    good, ref = files["good"], files["ref"]
    expected = {
        (good,): (2, "SYSTEM: a comparison needs two or more translated files; give the baseline first"),
        (good, short): (1, f"{short}: has 7 lines but {ref} has 60; line N of one must"),
        (good, tmp_path / "none"): (1, f"{tmp_path}/none: can't be read (No such file or directory); check the path"),
        (good, broken): (1, f"{broken}:2: invalid UTF-8 at byte 4 (0xe9); re-encode"),
        (empty, good): (1, f"{empty}: is empty; give a file"),
    }
    for systems, (status, complaint) in expected.items():
        ran = nmt("compare", "--reference", ref, *systems)
        assert (ran.status, ran.out, ran.err.count("\n")) == (status, "", 1)
        assert ran.err.startswith(f"nmt: {complaint}")
