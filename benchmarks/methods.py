"""Compare training methods: the same small network on the same pairs, with one setting changed at a time.

    python benchmarks/methods.py OUT --train PREFIX --dev PREFIX --test PREFIX [--monolingual FILE]

PREFIX names plain files PREFIX.en and PREFIX.de (see --source, --target). Prints a table of BLEU by method: the mean
over the seeds, its difference from the baseline, and the range over the seeds. With more --updates the network fits its
--pairs more closely, so that regularisation gains more. With --monolingual, text in the target language,
back-translation is measured, too. Runs are stored in OUT and not repeated: the same command continues a study that was
interrupted.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import random
import statistics
from collections.abc import Iterable
from pathlib import Path

from nmt.config.loading import load_translator_recipe
from nmt.corpus.text_files import read_lines
from nmt.evaluation.metrics import corpus_bleu
from nmt.inference.translator import Translator
from nmt.model_directory.directory import read_model_directory
from nmt.training import session
from nmt.utils.errors import CarouselError
from nmt.utils.files import atomic_file

RECIPE = """\
data: {{source: {source}, target: {target}, train: [{train}], dev: {dev}, test: {test}}}
tokenizer: {{vocab_size: 5000}}
model: {{width: 192, feed_forward: 768, encoder_layers: 2, decoder_layers: 1, heads: 4, dropout: 0.25}}
training: {{max_updates: {updates}, batch_tokens: 3000, learning_rate: 2.0e-3, warmup: 150, label_smoothing: 0.1,
           ema: 0.998, validate_every: {interval}, checkpoint_every: {interval}}}
"""
METHODS = {
    "base": [],
    "no label smoothing": ["training.label_smoothing=0"],
    "no moving average": ["training.ema=0"],
    "mean of the 3 best, no moving average": ["training.ema=0", "training.average_best=3"],
    "mean of the 3 best": ["training.average_best=3"],
    "dropout 0.35": ["model.dropout=0.35"],
    "locked dropout": ["model.locked_dropout=true"],
    "word dropout 0.1": ["model.word_dropout=0.1"],
    "weight drop 0.2": ["model.weight_drop=0.2"],
    "subword sampling 0.1": ["training.subword_sampling=0.1"],
    "R-Drop 1": ["training.r_drop=1"],
    "R-Drop 3": ["training.r_drop=3"],
    "layer norm inside cells": ["model.cell=layer_norm"],
}


class MethodComparison:
    """Training runs on one corpus, stored in a folder."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.out = options, options.out
        self.train, self.recipe = (self.out / "train").resolve(), self.out / "base.yaml"
        text = RECIPE.format(
            source=options.source, target=options.target, train=self.train, dev=options.dev.resolve(),
            test=options.test.resolve(), updates=options.updates, interval=options.updates // 10,
        )  # fmt: skip
        languages, prefixes = (options.source, options.target), (options.train, options.dev, options.test)
        hashes = {f"{p}.{code}": checksum(Path(f"{p}.{code}")) for p in prefixes for code in languages}
        settings = {"recipe": text, "methods": METHODS, "pairs": options.pairs, "seeds": options.seeds}
        self._check_settings("study.json", {**settings, "text": hashes})
        for language in languages:
            write(Path(f"{self.train}.{language}"), itertools.islice(read(options.train, language), options.pairs))
        write(self.recipe, text.splitlines())

    def _check_settings(self, name: str, plan: dict[str, object]) -> None:
        """Store the settings of the runs, or check that they equal the stored ones."""
        written = self.out / name
        if not written.exists():
            self.out.mkdir(parents=True, exist_ok=True)
            write(written, json.dumps(plan, indent=1).splitlines())
        elif json.loads(written.read_text(encoding="utf-8")) != plan:
            raise SystemExit(f"{self.out}: contains runs with other text or settings; choose another folder")

    def run(self, name: str, overrides: list[str], seed: int) -> Path:
        """Train a method with a seed unless this has been done, and return the run."""
        out = self.out / f"{name.replace(' ', '-')}.{seed}"
        if not self._is_finished(out):
            recipe = load_translator_recipe(self.recipe, [*overrides, f"training.seed={seed}"])
            if not session.train(recipe, out, resume=True).finished:
                raise SystemExit("stopped; run the same command again to continue")
        return out

    def scores(self, name: str, overrides: list[str]) -> list[dict[str, float]]:
        """Return BLEU and training minutes of a method for each seed."""
        rows = []
        for seed in range(1, self.options.seeds + 1):
            card = read_model_directory(self.run(name, overrides, seed)).card
            scores = {part: metrics["bleu"]["score"] for part, metrics in card.scores.items()}
            rows.append({**scores, "minutes": card.training["minutes"]})
        return rows

    def ensemble_scores(self) -> list[dict[str, float]]:
        """Return BLEU of the ensemble of the baseline runs."""
        models = [self.run("base", [], seed) for seed in range(1, self.options.seeds + 1)]
        ensemble = Translator.load(models[0], ensemble=models[1:])
        scores = {}
        for part, prefix in (("dev", self.options.dev), ("test", self.options.test)):
            source, target = (read(prefix, language) for language in (self.options.source, self.options.target))
            scores[part] = corpus_bleu([t.text for t in ensemble.translate(source)], target, self.options.target)
        return [{**scores, "minutes": 0.0}]

    def distillation_overrides(self) -> list[str]:
        """Return overrides that add the ensemble's translations of the training source (knowledge distillation)."""
        teacher = self.out / f"teacher.{self.options.target}"
        if not teacher.exists():
            models = [self.run("base", [], seed) for seed in range(1, self.options.seeds + 1)]
            ensemble = Translator.load(models[0], threads=2, ensemble=models[1:])
            write(teacher, (each.text for each in ensemble.translate(read(self.train, self.options.source))))
        return self._add_corpus({"source": f"{self.train}.{self.options.source}", "target": str(teacher)})

    def back_translation_overrides(self, tag: int | None) -> list[str]:
        """Return overrides that add back-translated monolingual text, three times as much as the training pairs."""
        options = self.options
        self._check_settings("monolingual.json", {"text": checksum(options.monolingual)})
        targets, sources = self.out / f"mono.{options.target}", self.out / f"mono.{options.source}"
        if not sources.exists():
            held_out = {line for part in (options.dev, options.test) for line in read(part, options.target)}
            lines = sorted(set(read_lines(options.monolingual)) - held_out)
            chosen = random.Random(1).sample(lines, min(3 * options.pairs, len(lines)))
            write(targets, chosen)
            reversed_direction = [f"data.source={options.target}", f"data.target={options.source}"]
            translator = Translator.load(self.run("backward", reversed_direction, 1), threads=2)
            write(sources, (each.text for each in translator.translate(chosen)))
        tagging = {} if tag is None else {"tag": tag}
        return self._add_corpus({"corpus": {"source": str(sources), "target": str(targets)}, **tagging})

    def _add_corpus(self, corpus: dict[str, object]) -> list[str]:
        return [f"data.train={json.dumps([str(self.train), corpus])}"]

    @staticmethod
    def _is_finished(out: Path) -> bool:
        try:
            return "test" in read_model_directory(out).card.scores
        except CarouselError:
            return False


def checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read(prefix: Path, language: str) -> list[str]:
    return list(read_lines(Path(f"{prefix}.{language}")))


def write(path: Path, lines: Iterable[str]) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def print_row(name: str, rows: list[dict[str, float]], base: list[dict[str, float]]) -> None:
    """Print a row of the table from the scores of each seed."""

    def cells(key: str) -> list[str]:
        values = [row[key] for row in rows]
        gain = statistics.fmean(values) - statistics.fmean(row[key] for row in base)
        return [f"{statistics.fmean(values):.1f}", f"{gain:+.1f}", f"{max(values) - min(values):.1f}"]

    minutes = f"{statistics.fmean(row['minutes'] for row in rows):.0f}"
    print(f"| {' | '.join([name, *cells('dev'), *cells('test'), minutes])} |", flush=True)


def main() -> None:
    """Train the missing runs, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    for name in ("train", "dev", "test"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--monolingual", type=Path)
    parser.add_argument("--source", default="en")
    parser.add_argument("--target", default="de")
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--updates", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=3)
    comparison = MethodComparison(options := parser.parse_args())
    base = comparison.scores("base", METHODS["base"])
    print(f"| method | dev | over base | range | test | over base | range | minutes |\n|{'---|' * 8}")
    for name, overrides in METHODS.items():
        print_row(name, comparison.scores(name, overrides), base)
    if options.seeds > 1:
        print_row(f"ensemble of {options.seeds}", comparison.ensemble_scores(), base)
    print_row("distilled from that", comparison.scores("distilled", comparison.distillation_overrides()), base)
    if options.monolingual:
        print_row(
            "back-translation", comparison.scores("back-translation", comparison.back_translation_overrides(None)), base
        )
        print_row(
            "tagged back-translation",
            comparison.scores("tagged back-translation", comparison.back_translation_overrides(0)),
            base,
        )


if __name__ == "__main__":
    main()
