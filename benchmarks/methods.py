"""What each method of training is worth: the same small network on the same pairs, with one thing changed at a time.

    python benchmarks/methods.py OUT --train PREFIX --dev PREFIX --test PREFIX [--monolingual FILE]

PREFIX are plain files PREFIX.en and PREFIX.de (see --source, --target). Prints a table of BLEU by method: the mean over
the seeds, its distance from the base's, and the range of the seeds. With more --updates the network comes closer to
what it can learn of its --pairs, and what keeps it from learning them by heart pays. With --monolingual, text in the
target language, back-translation is measured too. Runs lie in OUT, and what is there already is not run again: a study
that was stopped goes on, with the same text and settings.
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
from nmt.evaluation.metrics import bleu
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


class Study:
    """The runs of one corpus."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.out = options, options.out
        self.train, self.recipe = (self.out / "train").resolve(), self.out / "base.yaml"
        text = RECIPE.format(
            source=options.source, target=options.target, train=self.train, dev=options.dev.resolve(),
            test=options.test.resolve(), updates=options.updates, interval=options.updates // 10,
        )  # fmt: skip
        languages, prefixes = (options.source, options.target), (options.train, options.dev, options.test)
        hashes = {f"{prefix}.{of}": checksum(Path(f"{prefix}.{of}")) for prefix in prefixes for of in languages}
        settings = {"recipe": text, "methods": METHODS, "pairs": options.pairs, "seeds": options.seeds}
        self._keep_to("study.json", {**settings, "text": hashes})
        for language in languages:
            write(Path(f"{self.train}.{language}"), itertools.islice(read(options.train, language), options.pairs))
        write(self.recipe, text.splitlines())

    def _keep_to(self, name: str, plan: dict[str, object]) -> None:
        """Write down what runs are made of, or see that it is still the same."""
        written = self.out / name
        if not written.exists():
            self.out.mkdir(parents=True, exist_ok=True)
            write(written, json.dumps(plan, indent=1).splitlines())
        elif json.loads(written.read_text(encoding="utf-8")) != plan:
            raise SystemExit(f"{self.out}: holds a study of other text or settings; name another folder")

    def run(self, name: str, overrides: list[str], seed: int) -> Path:
        """Train, unless that is done."""
        out = self.out / f"{name.replace(' ', '-')}.{seed}"
        if not self._scored(out):
            recipe = load_translator_recipe(self.recipe, [*overrides, f"training.seed={seed}"])
            if not session.train(recipe, out, resume=True).finished:
                raise SystemExit("stopped; the same command goes on")
        return out

    def row(self, name: str, overrides: list[str]) -> list[dict[str, float]]:
        """Scores and minutes of the method with each seed."""
        rows = []
        for seed in range(1, self.options.seeds + 1):
            card = read_model_directory(self.run(name, overrides, seed)).card
            scores = {of: metrics["bleu"]["score"] for of, metrics in card.scores.items()}
            rows.append({**scores, "minutes": card.training["minutes"]})
        return rows

    def ensemble(self) -> list[dict[str, float]]:
        """The base's seeds together."""
        models = [self.run("base", [], seed) for seed in range(1, self.options.seeds + 1)]
        together = Translator.load(models[0], ensemble=models[1:])
        scores = {}
        for of, prefix in (("dev", self.options.dev), ("test", self.options.test)):
            source, target = (read(prefix, language) for language in (self.options.source, self.options.target))
            scores[of] = bleu([t.text for t in together.translate(source)], target, self.options.target)
        return [{**scores, "minutes": 0.0}]

    def distilled(self) -> list[str]:
        """Overrides that add the ensemble's translations of the training source."""
        teacher = self.out / f"teacher.{self.options.target}"
        if not teacher.exists():
            models = [self.run("base", [], seed) for seed in range(1, self.options.seeds + 1)]
            together = Translator.load(models[0], threads=2, ensemble=models[1:])
            write(teacher, (each.text for each in together.translate(read(self.train, self.options.source))))
        return self._with({"source": f"{self.train}.{self.options.source}", "target": str(teacher)})

    def back_translated(self, tag: int | None) -> list[str]:
        """Overrides that add monolingual text with its back-translation, of three times as many pairs."""
        options = self.options
        self._keep_to("monolingual.json", {"text": checksum(options.monolingual)})
        text, made = self.out / f"mono.{options.target}", self.out / f"mono.{options.source}"
        if not made.exists():
            known = {line for of in (options.dev, options.test) for line in read(of, options.target)}
            lines = sorted(set(read_lines(options.monolingual)) - known)
            chosen = random.Random(1).sample(lines, min(3 * options.pairs, len(lines)))
            write(text, chosen)
            back = [f"data.source={options.target}", f"data.target={options.source}"]
            translator = Translator.load(self.run("backward", back, 1), threads=2)
            write(made, (each.text for each in translator.translate(chosen)))
        marked = {} if tag is None else {"tag": tag}
        return self._with({"corpus": {"source": str(made), "target": str(text)}, **marked})

    def _with(self, corpus: dict[str, object]) -> list[str]:
        return [f"data.train={json.dumps([str(self.train), corpus])}"]

    @staticmethod
    def _scored(out: Path) -> bool:
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


def show(name: str, rows: list[dict[str, float]], base: list[dict[str, float]]) -> None:
    """Print a row of the table; ``rows`` are of the seeds."""

    def cells(key: str) -> list[str]:
        values = [row[key] for row in rows]
        gain = statistics.fmean(values) - statistics.fmean(row[key] for row in base)
        return [f"{statistics.fmean(values):.1f}", f"{gain:+.1f}", f"{max(values) - min(values):.1f}"]

    minutes = f"{statistics.fmean(row['minutes'] for row in rows):.0f}"
    print(f"| {' | '.join([name, *cells('dev'), *cells('test'), minutes])} |", flush=True)


def main() -> None:
    """Run what is missing, and print the table."""
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
    study = Study(options := parser.parse_args())
    base = study.row("base", METHODS["base"])
    print(f"| method | dev | over base | range | test | over base | range | minutes |\n|{'---|' * 8}")
    for name, overrides in METHODS.items():
        show(name, study.row(name, overrides), base)
    if options.seeds > 1:
        show(f"ensemble of {options.seeds}", study.ensemble(), base)
    show("distilled from that", study.row("distilled", study.distilled()), base)
    if options.monolingual:
        show("back-translation", study.row("back-translation", study.back_translated(None)), base)
        show("tagged back-translation", study.row("tagged back-translation", study.back_translated(0)), base)


if __name__ == "__main__":
    main()
