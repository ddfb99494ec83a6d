"""Whether one system is better than another, or luckier: sacreBLEU's two paired tests.

Paired bootstrap resampling (Koehn 2004) draws the test set's sentences again and again, with replacement; paired
approximate randomisation (Riezler & Maxwell 2005) swaps the two systems' translations of random sentences. Of the
second, sacreBLEU counts the trials that make a larger difference than the one observed. Here those count too that make
the same: they are many where few lines differ, or where the metric counts in whole words, and without them noise would
be called significant.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from nmt.corpus.reader import read_lines
from nmt.errors import CarouselError, UsageError
from nmt.evaluation.metrics import sacrebleu_metrics

_TESTS = ("bootstrap", "randomisation")
_LEVEL = 0.05
_TRIALS = 10_000  # of randomisation, as sacreBLEU has it
_ROUNDING = 1e-9  # of a score
_SEED_VARIABLE = "SACREBLEU_SEED"


def compare_files(
    reference: Path, systems: Sequence[Path], language: str, samples: int | None, seed: int
) -> dict[str, dict[str, Any]]:
    """`compare` of translated files, a translation a line.

    Raises CarouselError naming a file that can't be read or has another number of lines than the reference, and
    UsageError for fewer than two systems.
    """
    if len(systems) < 2:
        raise UsageError("a comparison needs two translated files or more; name the baseline first")
    references = _read(reference)
    texts = [(str(system), _read(system)) for system in systems]
    for name, translations in texts:
        if len(translations) != len(references):
            raise CarouselError(
                f"{name} has {len(translations):,} lines but {reference} has {len(references):,}; "
                "line N of one must translate what line N of the other does"
            )
    return compare(texts, references, language, samples, seed)


def compare(
    systems: Sequence[tuple[str, Sequence[str]]],
    references: Sequence[str],
    language: str,
    samples: int | None,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Each system against the first one: ``{metric: {"signatures": {test: …}, "systems": [{…}, …]}}``.

    ``systems`` are names and translations. A system has its name (``system``), its ``score`` and ``ci``, the half-width
    of the bootstrap's 95% interval; beyond the first also the ``difference`` to it and ``p``, the p-value of each test.
    ``samples`` is the number of resamples and of trials, by default sacreBLEU's own 1,000 and 10,000; ``seed`` is 1 or
    more. Memory grows with resamples times sentences: about 0.1 GB for the default and 1,000 sentences.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, metric in sacrebleu_metrics(language).items():
        resampled, results = _bootstrap(metric, systems, references, samples, seed)
        swapped, chances = _randomisation(metric, systems, references, samples or _TRIALS, seed)
        found[name] = {
            "signatures": dict(zip(_TESTS, (resampled, swapped), strict=True)),
            "systems": _rows(systems, results, chances),
        }
    return found


def table(comparison: dict[str, dict[str, Any]]) -> Iterator[str]:
    """The lines that a person reads, of what `compare` gave."""
    names = [system["system"] for system in comparison["bleu"]["systems"]]
    width = max(map(len, names))
    yield f"{'':5} {'':{width}}  score   ± 95%  difference" + "".join(f"   p {test}" for test in _TESTS)
    for metric, outcome in comparison.items():
        for system in outcome["systems"]:
            line = f"{metric:5} {system['system']:{width}} {system['score']:6.2f} {system['ci']:7.2f}"
            yield line + (_verdict(system) if "p" in system else "    baseline")
    yield f"* p < {_LEVEL}. Lower is better in ter alone."
    for outcome in comparison.values():
        yield from outcome["signatures"].values()


def _verdict(system: dict[str, Any]) -> str:
    columns = (f"   {p:>{len(test) + 1}.4f}{'*' if p < _LEVEL else ' '}" for test, p in system["p"].items())
    return f"  {system['difference']:+10.2f}{''.join(columns)}".rstrip()


def _read(path: Path) -> list[str]:
    lines = list(read_lines(path))
    if not lines:
        raise CarouselError(f"{path}: is empty; name a file with a translation a line")
    return lines


def _bootstrap(
    metric: Any, systems: Sequence[tuple[str, Sequence[str]]], references: Sequence[str], samples: int | None, seed: int
) -> tuple[str, list[Any]]:
    """The test's signature, and sacreBLEU's result for each system."""
    from sacrebleu.significance import PairedTest

    with _seeded(seed):
        signatures, found = PairedTest(list(systems), {"": metric}, [references], "bs", n_samples=samples or 0)()
    ((name, signature),) = signatures.items()
    return str(signature), found[name]


def _randomisation(
    metric: Any, systems: Sequence[tuple[str, Sequence[str]]], references: Sequence[str], trials: int, seed: int
) -> tuple[str, list[float]]:
    """The test's signature, and the p-value of each system but the first, from sacreBLEU's statistics and its draws."""
    base, *others = (np.array(metric._extract_corpus_statistics(texts, [references])) for _, texts in systems)
    kept = np.random.default_rng(seed).integers(2, size=(trials, len(references)), dtype=bool)

    def scores(totals: Any) -> Any:
        return np.array([metric._aggregate_and_compute(row).score for row in totals[:, None]])

    chances = []
    for other in others:
        observed = abs(scores(base.sum(0, keepdims=True)) - scores(other.sum(0, keepdims=True)))
        made = abs(scores(kept @ base + ~kept @ other) - scores(~kept @ base + kept @ other))
        chances.append((1 + int(np.sum(made >= observed - _ROUNDING))) / (1 + trials))
    signature = metric.get_signature()
    signature.update("seed", str(seed))
    signature.update("ar", trials)
    return str(signature), chances


def _rows(
    systems: Sequence[tuple[str, Sequence[str]]], results: Sequence[Any], chances: Sequence[float]
) -> list[dict[str, Any]]:
    """What is told of each system: ``results`` of the bootstrap for all of them, ``chances`` for all but the first."""
    rows: list[dict[str, Any]] = []
    for n, ((name, _), result) in enumerate(zip(systems, results, strict=True)):
        row = {"system": name, "score": round(result.score, 2), "ci": round(float(result.ci), 2)}
        if n:
            difference = result.score - results[0].score
            # No difference is the likeliest outcome by chance; sacreBLEU would find a system better than itself.
            p = (result.p_value if difference else 1.0, chances[n - 1])
            row |= {"difference": round(difference, 2)}
            row |= {"p": {test: round(value, 6) for test, value in zip(_TESTS, p, strict=True)}}
        rows.append(row)
    return rows


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """SacreBLEU takes its seed from the environment alone."""
    before = os.environ.get(_SEED_VARIABLE)
    os.environ[_SEED_VARIABLE] = str(seed)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SEED_VARIABLE]
        else:
            os.environ[_SEED_VARIABLE] = before
