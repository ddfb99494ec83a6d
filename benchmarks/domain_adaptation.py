r"""Domain adaptation of a general model: gain on text of the domain, loss on other text, and minutes of training.

    python benchmarks/domain_adaptation.py MODEL OUT --from en --to fr \
        --domain corpora/canlaws-en-fr/train --domain-dev corpora/canlaws-en-fr/dev \
        --general corpora/tatoeba-en-fr/train --general-dev corpora/tatoeba-en-fr/dev

PREFIX names plain files such as PREFIX.en and PREFIX.fr. MODEL is a run directory or a model directory, of one
pair of languages or multilingual. It is fine-tuned on evenly spaced --pairs of the domain, once for each of
--shares: general pairs per pair of the domain, where 0 is the domain alone. Checkpoints are selected on other pairs of
the domain's training text, so that neither dev set has any influence.

The script prints a table with the BLEU of the model before and after, the minutes of training, and the commands. Runs
are stored in OUT and not repeated: the same command continues after an interruption.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from nmt import Translator
from nmt.corpus.parallel_corpus import TextPair, read_parallel_files
from nmt.evaluation.metrics import bleu_with_interval
from nmt.model_directory.directory import ModelDirectory, read_model_directory

VALIDATION_SHARE = 0.05  # of the pairs of the domain, which select the checkpoint instead of training the network


class Row(NamedTuple):
    """Scores of a model."""

    name: str
    domain: dict[str, Any]
    general: dict[str, Any]
    minutes: float


def read_pairs(prefix: Path, languages: Sequence[str]) -> list[TextPair]:
    """Return the pairs of a corpus of two files."""
    source, target = (Path(f"{prefix}.{language}") for language in languages)
    return list(read_parallel_files(source, target))


def spread(pairs: Sequence[TextPair], count: int) -> list[TextPair]:
    """Return evenly spaced pairs."""
    count = min(count, len(pairs))
    return [pairs[n * len(pairs) // count] for n in range(count)]


def write_pairs(prefix: Path, languages: Sequence[str], pairs: Sequence[TextPair]) -> None:
    """Write a corpus of two files."""
    for language, side in zip(languages, (0, 1), strict=True):
        text = "".join(f"{pair[side]}\n" for pair in pairs)
        Path(f"{prefix}.{language}").write_text(text, encoding="utf-8")


def write_recipe(path: Path, model: ModelDirectory, languages: Sequence[str], updates: int) -> None:
    """Write the recipe of the adaptation, in which paths are relative to its folder."""
    source, target = languages
    direction = {"source": source, "target": target, "train": ["domain"], "dev": "validation"}
    data: dict[str, Any] = {"directions": [direction]} if model.card.is_multilingual else direction
    if model.card.placeholders:  # otherwise the network would forget them
        data["placeholders"] = 0.3
    if model.card.unpunctuated:
        data["unpunctuated"] = 0.1
    interval = max(1, updates // 5)
    training = {
        "max_updates": updates,
        "batch_tokens": 4096,
        "learning_rate": 5e-4,
        "warmup": max(1, updates // 10),
        "schedule": "cosine",
        "label_smoothing": 0.1,
        "ema": 0.98,
        "validate_every": interval,
        "checkpoint_every": interval,
    }
    recipe = {"data": data, "model": {"dropout": 0.1}, "training": training}
    path.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")


def adapt(options: argparse.Namespace, is_multilingual: bool, weight: float) -> Path:
    """Fine-tune the model unless this has been done, with general text of a weight; return the run directory."""
    out = options.out / f"general-{weight:.3g}"
    key = "data.directions.0.train" if is_multilingual else "data.train"
    corpora = [f"{options.out}/domain", f"{{corpus: {options.general}, weight: {weight:.3g}}}"][: 1 + (weight > 0)]
    arguments = ["train", options.out / "adapt.yaml", "--finetune", options.model, "--out", out]
    arguments += [f"{key}=[{', '.join(corpora)}]"]
    print(f"\nnmt {shlex.join(map(str, arguments))}", flush=True)
    if not (out / "report.html").exists():  # it is written last
        subprocess.run(
            [sys.executable, "-m", "nmt", *map(str, arguments), "--resume"], check=True, stdout=subprocess.DEVNULL
        )
    return Path(out)


def measure(
    name: str, model: Path, sets: Sequence[Sequence[TextPair]], languages: Sequence[str], minutes: float = 0.0
) -> Row:
    """Return the scores of a model on the dev sets."""
    translator, scores = Translator.load(model), []
    for pairs in sets:
        sources, references = ([pair[side] for pair in pairs] for side in (0, 1))
        found = translator.translate(sources, source=languages[0], target=languages[1])
        scores.append(bleu_with_interval([translation.text for translation in found], references, languages[1]))
    return Row(name, scores[0], scores[1], minutes)


def measure_all(options: argparse.Namespace) -> Iterator[Row]:
    """Yield the scores of the model, and of the model adapted with each share of general text."""
    languages = options.source_language, options.target_language
    model = read_model_directory(options.model)
    options.out.mkdir(parents=True, exist_ok=True)
    pairs = spread(read_pairs(options.domain, languages), options.pairs)
    held_out = dict.fromkeys(spread(pairs, int(VALIDATION_SHARE * len(pairs))))
    domain = [pair for pair in pairs if pair not in held_out]
    write_pairs(options.out / "validation", languages, list(held_out))
    write_pairs(options.out / "domain", languages, domain)
    write_recipe(options.out / "adapt.yaml", model, languages, options.updates)
    sets = [
        spread(read_pairs(prefix, languages), options.dev_pairs) for prefix in (options.domain_dev, options.general_dev)
    ]
    general_pairs = len(read_pairs(options.general, languages))
    yield measure("before", options.model, sets, languages)
    for share in options.shares:
        run = adapt(options, model.card.is_multilingual, share * len(domain) / general_pairs)
        name = f"{share:g} general pairs per pair of the domain" if share else f"{len(pairs):,} pairs of the domain"
        yield measure(name, run, sets, languages, read_model_directory(run).card.training["minutes"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--from", dest="source_language", required=True, metavar="CODE")
    parser.add_argument("--to", dest="target_language", required=True, metavar="CODE")
    for name in ("domain", "domain-dev", "general", "general-dev"):
        parser.add_argument(f"--{name}", type=Path, required=True, metavar="PREFIX")
    parser.add_argument("--pairs", type=int, default=10_000, help="pairs of the domain (10,000)")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.5, 1.0], help="(0 0.5 1)")
    parser.add_argument("--updates", type=int, default=500, help="updates of the fine-tuning (500)")
    parser.add_argument("--dev-pairs", type=int, default=2000, help="pairs of each dev set to translate (2,000)")
    options = parser.parse_args()
    rows = list(measure_all(options))
    print(f"\n| | {options.domain_dev} | {options.general_dev} | minutes |\n|---|---|---|---|")
    for row in rows:
        cells = [f"{score['score']:.1f} ± {score['ci']:.1f}" for score in (row.domain, row.general)]
        print(f"| {row.name} | {' | '.join(cells)} | {row.minutes:.0f} |")
    print(f"\n{rows[0].domain['signature']}")


if __name__ == "__main__":
    main()
