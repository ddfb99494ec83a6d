"""Whether one system is better than another, or luckier: sacreBLEU's two paired tests.

Paired bootstrap resampling (Koehn 2004) draws the test set's sentences again and again, with replacement. Its p-value
is sacreBLEU's, which takes differences without their sign and is in effect one-sided. Paired approximate randomisation
(Riezler & Maxwell 2005) swaps the two systems' translations of random sentences. There sacreBLEU counts the trials that
make a larger difference than the one observed. Here those count too that make the same: they are many where few lines
differ, or where the metric counts in whole words, and without them noise would be called significant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nmt.corpus.text_files import read_lines
from nmt.evaluation import resampling
from nmt.evaluation.metrics import sacrebleu_metrics
from nmt.evaluation.resampling import Numbers
from nmt.text.scripts import is_unspaced_script
from nmt.utils.errors import CarouselError, UsageError

_TESTS = ("bootstrap", "randomisation")
_TRUSTED = "randomisation"  # of equally good systems, the bootstrap's p-value is below 0.05 in one pair of ten
_LEVEL = 0.05
_ROUNDING = 1e-9  # of a score


def compare_files(
    reference: Path, systems: Sequence[Path], language: str | None, samples: int | None, seed: int
) -> dict[str, dict[str, Any]]:
    """`compare_systems` of translated files, a translation a line.

    Raises CarouselError naming a file that can't be read or has another number of lines than the reference, and
    UsageError for fewer than two systems, and where no ``language`` is given for text without spaces: as English, a
    sentence would be one word, right or wrong.
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
    if language is None and _is_unspaced(references):
        raise UsageError("--target-language: this text has no spaces; say which it is, such as zh or ja")
    return compare_systems(texts, references, language or "en", samples, seed)


def compare_systems(
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
    more.
    """
    resamples, trials = samples or resampling.RESAMPLES, samples or resampling.TRIALS
    found: dict[str, dict[str, Any]] = {}
    for name, metric in sacrebleu_metrics(language).items():
        sums = [resampling.statistics(metric, texts, references) for _, texts in systems]
        scores = [resampling.score(metric, each.sum(0)) for each in sums]
        resampled = resampling.bootstrap(metric, sums, resamples, seed)
        swapped = resampling.randomisation(metric, sums[0], sums[1:], trials, seed)
        found[name] = {
            "signatures": {
                "bootstrap": _signature(metric, seed, bs=resamples),
                "randomisation": _signature(metric, seed, ar=trials),
            },
            "systems": _rows([system for system, _ in systems], scores, resampled, swapped),
        }
    return found


def _is_unspaced(texts: Sequence[str]) -> bool:
    """Whether most characters are of scripts without spaces."""
    characters = "".join(texts).replace(" ", "")
    return 2 * sum(map(is_unspaced_script, characters)) > len(characters)


def format_comparison(comparison: dict[str, dict[str, Any]]) -> Iterator[str]:
    """The lines that a person reads, of what `compare_systems` gave."""
    names = [system["system"] for system in comparison["bleu"]["systems"]]
    width = max(map(len, names))
    yield f"{'':5} {'':{width}}  score   ± 95%  difference" + "".join(f"   p {test}" for test in _TESTS)
    for metric, outcome in comparison.items():
        for system in outcome["systems"]:
            line = f"{metric:5} {system['system']:{width}} {system['score']:6.2f} {system['ci']:7.2f}"
            yield line + (_verdict(system) if "p" in system else "    baseline")
    yield f"* p < {_LEVEL} by {_TRUSTED}. Lower is better in ter alone."
    for outcome in comparison.values():
        yield from outcome["signatures"].values()


def _verdict(system: dict[str, Any]) -> str:
    columns = (
        f"   {p:>{len(test) + 1}.4f}{'*' if test == _TRUSTED and p < _LEVEL else ' '}"
        for test, p in system["p"].items()
    )
    return f"  {system['difference']:+10.2f}{''.join(columns)}".rstrip()


def _read(path: Path) -> list[str]:
    lines = list(read_lines(path))
    if not lines:
        raise CarouselError(f"{path}: is empty; name a file with a translation a line")
    return lines


def _signature(metric: Any, seed: int, **draws: int) -> str:
    signature = metric.get_signature()
    for name, value in {"seed": str(seed), **draws}.items():
        signature.update(name, value)
    return str(signature)


def _rows(names: Sequence[str], scores: Sequence[float], resampled: Numbers, swapped: Numbers) -> list[dict[str, Any]]:
    """What is told of each system, by its score, its ``resampled`` ones, and but for the first what swapping makes."""
    rows: list[dict[str, Any]] = []
    for n, (name, found) in enumerate(zip(names, scores, strict=True)):
        row = {"system": name, "score": round(found, 2), "ci": round(resampling.half_width(resampled[n]), 2)}
        if n:
            difference = found - scores[0]
            p = _of_bootstrap(difference, resampled[n] - resampled[0]), _of_randomisation(difference, swapped[n - 1])
            row |= {"difference": round(difference, 2)}
            row |= {"p": {test: round(value, 6) for test, value in zip(_TESTS, p, strict=True)}}
        rows.append(row)
    return rows


def _of_bootstrap(difference: float, drawn: Numbers) -> float:
    """SacreBLEU's p-value; but no difference is the likeliest outcome by chance, where it has a system beat itself."""
    sizes = np.abs(drawn)
    return _share(sizes - sizes.mean() > abs(difference)) if difference else 1.0


def _of_randomisation(difference: float, made: Numbers) -> float:
    return _share(made >= abs(difference) - _ROUNDING)


def _share(happened: Any) -> float:
    """The p-value of trials; what was observed counts as one of them."""
    return (1 + int(np.sum(happened))) / (1 + len(happened))
