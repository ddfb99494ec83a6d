"""Significance of score differences between systems, by the two paired tests of sacreBLEU.

Paired bootstrap resampling (Koehn 2004) draws sentences of the test set with replacement. Its p-value is sacreBLEU's,
which uses absolute differences and is in effect one-sided. Paired approximate randomisation (Riezler & Maxwell 2005)
swaps the two systems' translations of random sentences. SacreBLEU counts the trials with a larger difference than the
observed one. This module also counts those with an equal difference, which are frequent if few lines differ or if the
metric counts whole words; otherwise noise would appear significant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nmt.corpus.text_files import read_lines
from nmt.evaluation import resampling
from nmt.evaluation.metrics import sacrebleu_metrics
from nmt.text.scripts import is_unspaced_script
from nmt.utils.arrays import Float64Array
from nmt.utils.errors import CarouselError, UsageError

_TESTS = ("bootstrap", "randomisation")
_MAIN_TEST = "randomisation"  # between equally good systems, the bootstrap has p < 0.05 in one case of ten
_SIGNIFICANCE_LEVEL = 0.05
_TOLERANCE = 1e-9  # score differences up to this are rounding errors


def compare_files(
    reference: Path, systems: Sequence[Path], language: str | None, samples: int | None, seed: int
) -> dict[str, dict[str, Any]]:
    """Compare files of translations, which contain one sentence per line; see `compare_systems`.

    Args:
        reference: File of reference translations.
        systems: Two or more files of translations; the first is the baseline.
        language: Code of the target language; None for a language with spaces.
        samples: See `compare_systems`.
        seed: See `compare_systems`.

    Raises:
        UsageError: There are fewer than two systems, or the text has no spaces and no language is given, so that each
            sentence would count as a single word.
        CarouselError: A file can't be read, or its number of lines differs from that of the reference.
    """
    if len(systems) < 2:
        raise UsageError("SYSTEM: a comparison needs two or more translated files; give the baseline first")
    references = _read_translations(reference)
    translations = [(str(system), _read_translations(system)) for system in systems]
    for name, lines in translations:
        if len(lines) != len(references):
            raise CarouselError(
                f"{name}: has {len(lines):,} lines but {reference} has {len(references):,}; "
                "line N of one must translate the same sentence as line N of the other"
            )
    if language is None and _is_mostly_unspaced(references):
        raise UsageError("--target-language: this text has no spaces; give its language, for example zh or ja")
    return compare_systems(translations, references, language or "en", samples, seed)


def compare_systems(
    systems: Sequence[tuple[str, Sequence[str]]],
    references: Sequence[str],
    language: str,
    samples: int | None,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Compare each system with the first one, the baseline.

    Args:
        systems: Name and translations of each system.
        references: Reference translations.
        language: Code of the target language.
        samples: Number of bootstrap samples and of randomisation trials; sacreBLEU's 1,000 and 10,000 if None.
        seed: Seed of the draws, at least 1.

    Returns:
        ``{metric: {"signatures": {test: …}, "systems": [{…}, …]}}``. A system has its name ("system"), its "score" and
        "ci", the half-width of the bootstrap's 95% interval. All but the first also have the "difference" to the
        baseline and "p", the p-value of each test.
    """
    bootstrap_samples = samples or resampling.BOOTSTRAP_SAMPLES
    trials = samples or resampling.RANDOMISATION_TRIALS
    comparison: dict[str, dict[str, Any]] = {}
    for name, metric in sacrebleu_metrics(language).items():
        statistics = [resampling.sentence_statistics(metric, texts, references) for _, texts in systems]
        scores = [resampling.score_from_sums(metric, each.sum(0)) for each in statistics]
        resampled = resampling.bootstrap_scores(metric, statistics, bootstrap_samples, seed)
        differences = resampling.randomisation_differences(metric, statistics[0], statistics[1:], trials, seed)
        comparison[name] = {
            "signatures": {
                "bootstrap": _signature(metric, seed, bs=bootstrap_samples),
                "randomisation": _signature(metric, seed, ar=trials),
            },
            "systems": _system_results([system for system, _ in systems], scores, resampled, differences),
        }
    return comparison


def format_comparison(comparison: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Format the result of `compare_systems` as a table, and yield its lines."""
    names = [system["system"] for system in comparison["bleu"]["systems"]]
    width = max(map(len, names))
    yield f"{'':5} {'':{width}}  score   ± 95%  difference" + "".join(f"   p {test}" for test in _TESTS)
    for metric, result in comparison.items():
        for system in result["systems"]:
            line = f"{metric:5} {system['system']:{width}} {system['score']:6.2f} {system['ci']:7.2f}"
            yield line + (_format_difference(system) if "p" in system else "    baseline")
    yield f"* p < {_SIGNIFICANCE_LEVEL} by {_MAIN_TEST}. Higher is better, except for ter."
    for result in comparison.values():
        yield from result["signatures"].values()


def _format_difference(system: dict[str, Any]) -> str:
    """Return the table columns of the difference to the baseline and of its p-values."""
    columns = (
        f"   {p:>{len(test) + 1}.4f}{'*' if test == _MAIN_TEST and p < _SIGNIFICANCE_LEVEL else ' '}"
        for test, p in system["p"].items()
    )
    return f"  {system['difference']:+10.2f}{''.join(columns)}".rstrip()


def _is_mostly_unspaced(texts: Sequence[str]) -> bool:
    """Return whether most characters belong to scripts that are written without spaces."""
    characters = "".join(texts).replace(" ", "")
    return 2 * sum(map(is_unspaced_script, characters)) > len(characters)


def _read_translations(path: Path) -> list[str]:
    """Return the lines of a file. Raises CarouselError if it is empty or can't be read."""
    lines = list(read_lines(path))
    if not lines:
        raise CarouselError(f"{path}: is empty; give a file with one translation per line")
    return lines


def _signature(metric: Any, seed: int, **draws: int) -> str:
    """Return sacreBLEU's signature of a metric with the seed and the number of draws of a test."""
    signature = metric.get_signature()
    for name, value in {"seed": str(seed), **draws}.items():
        signature.update(name, value)
    return str(signature)


def _system_results(
    names: Sequence[str], scores: Sequence[float], resampled: Float64Array, differences: Float64Array
) -> list[dict[str, Any]]:
    """Return the entries of "systems" in the result of `compare_systems`.

    Args:
        names: Names of the S systems.
        scores: Their scores.
        resampled: Their scores [S, R] on the bootstrap samples.
        differences: Differences [S - 1, R] to the baseline in the randomisation trials.
    """
    results: list[dict[str, Any]] = []
    for n, (name, score) in enumerate(zip(names, scores, strict=True)):
        half_width = resampling.confidence_half_width(resampled[n])
        result = {"system": name, "score": round(score, 2), "ci": round(half_width, 2)}
        if n:
            observed = score - scores[0]
            bootstrap_p = _bootstrap_p_value(observed, resampled[n] - resampled[0])
            p_values = bootstrap_p, _randomisation_p_value(observed, differences[n - 1])
            rounded = {test: round(p, 6) for test, p in zip(_TESTS, p_values, strict=True)}
            result |= {"difference": round(observed, 2), "p": rounded}
        results.append(result)
    return results


def _bootstrap_p_value(observed: float, differences: Float64Array) -> float:
    """Return the p-value as in sacreBLEU, but 1 if no difference was observed, where that of sacreBLEU is too small."""
    sizes = np.abs(differences)
    return _proportion_of_extreme_trials(sizes - sizes.mean() > abs(observed)) if observed else 1.0


def _randomisation_p_value(observed: float, differences: Float64Array) -> float:
    """Return the p-value of a difference, given the differences in the randomisation trials."""
    return _proportion_of_extreme_trials(differences >= abs(observed) - _TOLERANCE)


def _proportion_of_extreme_trials(extreme: Any) -> float:
    """Return the proportion of extreme trials; the observation counts as an additional extreme trial."""
    return (1 + int(np.sum(extreme))) / (1 + len(extreme))
