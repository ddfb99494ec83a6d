"""Calibration of the confidence on ordinary, degraded and foreign input.

    python benchmarks/confidence.py MODEL --source dev.en --reference dev.de --foreign other.fr --foreign other.zh

The calibration is fitted on the first half of the sentence pairs. The second half is translated as it is, in capitals,
and with its words in random order; so are the lines of the foreign files. Quality is the sentence chrF against the
reference, where capitals are compared with capitals. No translation of a foreign line can be right, so it counts as 0.

The script prints the mean quality, and the mean and the expected calibration error, over bins of 0.1, of three versions
of the confidence: from the score alone, constant beyond the calibrated range; falling below it; with quality signals.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmt import Translator
from nmt.evaluation.calibration import fit_calibration
from nmt.evaluation.metrics import sentence_chrf
from nmt.inference.quality_signals import find_signals, lower_confidence

UNCHANGED, CAPITALS, RANDOM_ORDER = "unchanged", "capitals", "words in random order"


def expected_calibration_error(confidences: NDArray[np.float64], qualities: NDArray[np.float64]) -> float:
    """Return the mean difference of mean confidence and mean quality, over bins of 0.1 weighted by their size."""
    bins = np.minimum(confidences * 10, 9).astype(int)
    parts = [bins == n for n in set(bins.tolist())]
    return float(sum(abs(confidences[p].mean() - qualities[p].mean()) * p.sum() for p in parts) / len(bins))


def degraded_inputs(sources: Sequence[str], foreign: Sequence[Path], size: int) -> dict[str, list[str]]:
    """Return the inputs of each kind: those of the first three kinds are translations of the same references."""
    rng = random.Random(1)
    sources = sources[:size]
    inputs = {UNCHANGED: list(sources), CAPITALS: [text.upper() for text in sources]}
    inputs[RANDOM_ORDER] = [" ".join(rng.sample(text.split(), len(text.split()))) for text in sources]
    for path in foreign:
        inputs[path.name] = path.read_text(encoding="utf-8").split("\n")[:-1][:size]
    return inputs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--foreign", type=Path, action="append", default=[], metavar="FILE", help="may be repeated")
    parser.add_argument("--size", type=int, default=200, help="number of texts of each kind of input")
    parser.add_argument("--beam-size", type=int)
    arguments = parser.parse_args()
    translator = Translator.load(arguments.model)
    sources, references = (
        path.read_text(encoding="utf-8").split("\n")[:-1] for path in (arguments.source, arguments.reference)
    )
    half = len(sources) // 2
    translations = translator.translate(sources[:half], beam_size=arguments.beam_size)
    qualities = sentence_chrf([each.text for each in translations], references[:half])
    calibration = fit_calibration([each.score for each in translations], qualities)
    if calibration is None:
        parser.error(f"{arguments.source}: too few lines to fit a calibration")
    print(
        "| input | quality | flat: mean | error | falling: mean | error | with signals: mean | error |\n"
        + "|---" * 8
        + "|"
    )
    languages = translator.source_language, translator.target_language
    for kind, texts in degraded_inputs(sources[half:], arguments.foreign, arguments.size).items():
        translations = translator.translate(texts, beam_size=arguments.beam_size)
        hypotheses = [each.text for each in translations]
        expected = [text.upper() if kind == CAPITALS else text for text in references[half:][: len(texts)]]
        is_foreign = kind not in (UNCHANGED, CAPITALS, RANDOM_ORDER)
        quality = np.zeros(len(texts)) if is_foreign else np.array(sentence_chrf(hypotheses, expected))
        scores = [each.score for each in translations]
        falling = [calibration.confidence(score) for score in scores]
        versions = {
            "flat": [calibration.confidence(max(score, calibration.scores[0])) for score in scores],
            "falling": falling,
            "signals": [
                lower_confidence(confidence, text, languages[0], find_signals(text, hypothesis, *languages))
                for confidence, text, hypothesis in zip(falling, texts, hypotheses, strict=True)
            ],
        }
        cells = [
            f"{np.mean(v):.3f} | {expected_calibration_error(np.array(v), quality):.3f}" for v in versions.values()
        ]
        print(f"| {kind} | {quality.mean():.3f} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
