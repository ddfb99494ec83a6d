"""Whether one system is better than another, or luckier: sacreBLEU's two paired tests.

Paired bootstrap resampling (Koehn 2004) draws the test set's sentences again and again, with replacement; paired
approximate randomisation (Riezler & Maxwell 2005) swaps the two systems' translations of random sentences.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nmt.corpus.reader import read_lines
from nmt.errors import CarouselError, UsageError
from nmt.evaluation.metrics import sacrebleu_metrics

_TESTS = {"bootstrap": "bs", "randomisation": "ar"}
"""Our name -> sacreBLEU's."""
_LEVEL = 0.05
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
    metrics = sacrebleu_metrics(language)
    outcomes = {test: _run(kind, systems, references, metrics, samples, seed) for test, kind in _TESTS.items()}
    return {
        name: {
            "signatures": {test: str(list(signatures.values())[n]) for test, (signatures, _) in outcomes.items()},
            "systems": _rows({test: results[n] for test, (_, results) in outcomes.items()}, systems),
        }
        for n, name in enumerate(metrics)
    }


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


def _run(
    kind: str,
    systems: Sequence[tuple[str, Sequence[str]]],
    references: Sequence[str],
    metrics: dict[str, Any],
    samples: int | None,
    seed: int,
) -> tuple[dict[str, Any], list[list[Any]]]:
    """A test's signatures, and for each metric the results of the systems."""
    from sacrebleu.significance import PairedTest

    with _seeded(seed):
        signatures, found = PairedTest(list(systems), metrics, [references], kind, n_samples=samples or 0)()
    return signatures, [results for name, results in found.items() if name != "System"]


def _rows(results: dict[str, list[Any]], systems: Sequence[tuple[str, Sequence[str]]]) -> list[dict[str, Any]]:
    """What is told of each system, from a metric's results in both tests."""
    rows: list[dict[str, Any]] = []
    baseline = results["bootstrap"][0].score
    for n, (name, _) in enumerate(systems):
        result = results["bootstrap"][n]
        row = {"system": name, "score": round(result.score, 2), "ci": round(float(result.ci), 2)}
        if n:
            difference = result.score - baseline
            # No difference is the likeliest outcome by chance. SacreBLEU counts what exceeds the difference, strictly,
            # and would find a system better than itself.
            p = {test: found[n].p_value if difference else 1.0 for test, found in results.items()}
            row |= {"difference": round(difference, 2), "p": {test: round(value, 6) for test, value in p.items()}}
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
