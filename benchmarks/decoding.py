"""Translation speed of a model on one thread, compared with Transformers on CTranslate2.

    pip install ctranslate2
    python benchmarks/decoding.py MODEL --source test.en --target test.de      # an int8 model with a shortlist
    python benchmarks/decoding.py configs/multi30k-en-de-fast.yaml --source … --target …

In the second form the model is built from the recipe, with random weights. CTranslate2 gets Transformers with random
weights, the model's own tokenizer and, as its vocabulary map, the model's own shortlist:

    4 + 4    encoder and decoder layers; width 256, feed-forward 1,024, 4 heads
    6 + 2    the same with a deep encoder and a shallow decoder

Each system runs in its own process, on one thread, in int8. Carousel runs with its native engine and with ONNX
Runtime. The systems take turns, so that a drift of the machine's speed affects all alike. All translate text to text:
encoding, search and tokenisation are timed, start-up is not. All times are CPU time, which other processes on the
machine affect less.

A batch holds sentences of the same reference length, and every system decodes exactly that many tokens and end of
sentence, because a network with random weights does not know when to stop. In the task "file", Carousel decodes each
sentence in proportion to its source, and as many tokens in all; CTranslate2 still gets batches of one length.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from random_transformers import LAYERS, build_transformer

from nmt.engine.factory import EngineName
from nmt.inference.translator import Translator
from nmt.model_directory.directory import ModelDirectory, read_model_directory
from nmt.search.options import DecodingOptions
from nmt.text.normalisation import normalise

BATCH, SINGLES = 32, 100
LIST, WHOLE = ", shortlist", ", whole vocabulary"
END = "</s>"


class Pair(NamedTuple):
    """Source text, and its length and that of its reference in tokens, without end of sentence."""

    text: str
    source_length: int
    length: int


class CarouselSystem:
    """A Carousel model, with or without its shortlist."""

    def __init__(self, model: Path, use_shortlist: bool, engine: EngineName) -> None:
        self._translator = Translator.load(model, shortlist=use_shortlist, engine=engine)
        self._options = dataclasses.replace(self._translator.decoding_options, return_attention=False)

    def translate_batch(self, batch: Sequence[Pair], beam: int) -> list[str]:
        """Translate sentences of one reference length to exactly that length."""
        options = self._forced_length(ratio=0.0, extra=batch[0].length + 1)
        texts = [pair.text for pair in batch]
        return [t.text for t in self._translator.translate(texts, beam_size=beam, options=options)]

    def translate_file(self, pairs: Sequence[Pair], beam: int) -> list[str]:
        """Translate sentences of all lengths, each to its share of the total length of the references."""
        # Half a token is lost to rounding.
        ratio = sum(pair.length + 0.5 for pair in pairs) / sum(pair.source_length for pair in pairs)
        options = self._forced_length(ratio, extra=1)
        texts = (pair.text for pair in pairs)
        return [t.text for t in self._translator.stream(texts, beam_size=beam, options=options)]

    def _forced_length(self, ratio: float, extra: int) -> DecodingOptions:
        return dataclasses.replace(
            self._options,
            max_length_ratio=ratio,
            max_length_extra=extra,
            min_length_ratio=1e6,
            retry_repetition=False,  # forced lengths and random weights cause repetition
        )


class CTranslate2System:
    """A Transformer on CTranslate2, with or without a vocabulary map."""

    def __init__(self, model: Path, tokenizer: Path, use_shortlist: bool) -> None:
        import ctranslate2
        import sentencepiece

        self._source = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer / "tokenizer.model"))
        target = tokenizer / "tokenizer.target.model"
        self._target = sentencepiece.SentencePieceProcessor(model_file=str(target)) if target.exists() else self._source
        self._model = ctranslate2.Translator(str(model), compute_type="int8", inter_threads=1, intra_threads=1)
        self._use_shortlist = use_shortlist

    def translate_batch(self, batch: Sequence[Pair], beam: int) -> list[str]:
        """Translate sentences of one reference length to exactly that length."""
        found = self._model.translate_batch(
            [[*self._source.encode(normalise(pair.text), out_type=str), END] for pair in batch],
            beam_size=beam,
            use_vmap=self._use_shortlist,
            min_decoding_length=batch[0].length + 1,  # with end of sentence
            max_decoding_length=batch[0].length + 1,
        )
        return [self._target.decode(each.hypotheses[0]) for each in found]

    def translate_file(self, pairs: Sequence[Pair], beam: int) -> list[str]:
        """Translate sentences in batches of one reference length, which is the best case for CTranslate2."""
        return [text for batch in batches(pairs, BATCH, full_only=False) for text in self.translate_batch(batch, beam)]


def batches(pairs: Sequence[Pair], size: int, full_only: bool = True) -> Iterator[list[Pair]]:
    """Yield batches of one reference length; with ``full_only``, no smaller ones."""
    by_length: dict[int, list[Pair]] = {}
    for pair in pairs:
        by_length.setdefault(pair.length, []).append(pair)
    for group in by_length.values():
        for start in range(0, len(group) - (size - 1 if full_only else 0), size):
            yield group[start : start + size]


# --- processes ------------------------------------------------------------------------------------------


def run_system(connection: Connection, kind: str, arguments: dict[str, Any], pairs: Sequence[Pair]) -> None:
    """Load a system, run the tasks that arrive, and send the number of sentences and the times in seconds."""
    start = time.perf_counter()
    system = {"carousel": CarouselSystem, "ctranslate2": CTranslate2System}[kind](**arguments)
    system.translate_batch(pairs[:1], beam=1)
    connection.send(time.perf_counter() - start)
    full = list(batches(pairs, BATCH))
    for task, beam in iter(connection.recv, None):
        if task == "batch":
            connection.send((sum(map(len, full)), [timed(system.translate_batch, batch, beam) for batch in full]))
        elif task == "single":
            connection.send((SINGLES, [timed(system.translate_batch, [pair], beam) for pair in pairs[:SINGLES]]))
        else:
            connection.send((len(pairs), [timed(system.translate_file, pairs, beam)]))
    connection.send(peak_memory())


def peak_memory() -> float:
    """Return the peak memory of this process in MiB; getrusage would include that of its parent at the fork."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def timed(function: Any, *arguments: Any) -> float:
    """Return the CPU time of a call in seconds."""
    start = time.process_time()
    function(*arguments)
    return time.process_time() - start


class SystemProcess:
    """A system in its own process, and its measurements."""

    def __init__(self, name: str, kind: str, arguments: dict[str, Any], pairs: Sequence[Pair]) -> None:
        self.name = name
        self._connection, theirs = get_context("spawn").Pipe()
        self._process = get_context("spawn").Process(
            target=run_system, args=(theirs, kind, arguments, pairs), daemon=True
        )
        self._process.start()
        self.load: float = self._connection.recv()
        self.rates: dict[tuple[str, int], list[float]] = {}
        self.latencies: dict[int, list[float]] = {}
        self.memory = 0.0

    def run(self, task: str, beam: int, keep: bool) -> None:
        """Run a task once, and keep its measurements if ``keep``."""
        self._connection.send((task, beam))
        sentences, seconds = self._connection.recv()
        if keep:
            self.rates.setdefault((task, beam), []).append(sentences / sum(seconds))
            if task == "single":
                self.latencies.setdefault(beam, []).extend(seconds)

    def stop(self) -> None:
        """End the process, and store its peak memory in MiB."""
        self._connection.send(None)
        self.memory = self._connection.recv()
        self._process.join()

    def rate(self, task: str, beam: int) -> float:
        """Return the median over the rounds of the sentences per second."""
        return statistics.median(self.rates[task, beam])

    def latency(self, beam: int) -> float:
        """Return the median time of a sentence in seconds."""
        return statistics.median(self.latencies[beam])


# --- models ---------------------------------------------------------------------------------------------


def build_model(recipe: Path, folder: Path) -> Path:
    """Train a recipe for one update, export it in int8, and return the model directory."""
    overrides = [f"training.{key}=1" for key in ("max_updates", "validate_every", "checkpoint_every")]
    overrides += ["data.dev=null", "data.test=null"]
    nmt = [sys.executable, "-m", "nmt"]
    subprocess.run([*nmt, "train", recipe, *overrides, "--out", folder / "run"], check=True)
    subprocess.run([*nmt, "export", folder / "run", folder / "int8", "--quantize", "int8", "--shortlist"], check=True)
    return folder / "int8"


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="int8 model with a shortlist, or a recipe")
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--target", type=Path, required=True)
    parser.add_argument("--sentences", type=int, default=1000)
    parser.add_argument("--beam", type=int, nargs="+", default=[5, 1])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path = build_model(options.model, folder) if options.model.is_file() else options.model
        model = read_model_directory(path)
        lines = zip(options.source.open(encoding="utf-8"), options.target.open(encoding="utf-8"), strict=True)
        texts = [(normalise(source), normalise(target)) for source, target in lines][: options.sentences]
        sources = model.tokenizer.source.encode_batch([source for source, _ in texts])
        targets = model.tokenizer.target.encode_batch([target for _, target in texts])
        pairs = [
            Pair(text, len(source), len(target))
            for (text, _), source, target in zip(texts, sources, targets, strict=True)
        ]
        transformers = {shape: build_transformer(model, shape, folder) for shape in LAYERS}
        systems = []
        for use_shortlist in (True, False):
            name = LIST if use_shortlist else WHOLE
            for engine in ("native", "onnx"):
                arguments = {"model": model.path, "engine": engine, "use_shortlist": use_shortlist}
                systems.append(SystemProcess(f"Carousel {engine}{name}", "carousel", arguments, pairs))
            for shape, transformer in transformers.items():
                arguments = {"model": transformer, "tokenizer": model.path, "use_shortlist": use_shortlist}
                systems.append(SystemProcess(f"CTranslate2 {shape}{name}", "ctranslate2", arguments, pairs))
        for number in range(options.rounds + 1):
            for beam in options.beam:
                for task in ("batch", "single", "file"):
                    for system in systems:
                        system.run(task, beam, keep=number > 0)
        for system in systems:
            system.stop()
    report(model, pairs, systems, options)


def report(
    model: ModelDirectory, pairs: Sequence[Pair], systems: Sequence[SystemProcess], options: argparse.Namespace
) -> None:
    """Print the measurements, and the ratios between systems."""
    if options.json:
        results = {
            system.name: {
                "load": system.load,
                "memory": system.memory,
                "rates": {f"{task}, beam {beam}": rates for (task, beam), rates in system.rates.items()},
            }
            for system in systems
        }
        print(json.dumps(results))
        return
    print(
        f"{len(pairs)} sentences, {statistics.mean(pair.source_length for pair in pairs):.1f} source and "
        f"{statistics.mean(pair.length for pair in pairs):.1f} target tokens; vocabulary "
        f"{model.card.target_vocabulary}; one thread, CPU time"
    )
    for beam in options.beam:
        print(f"\n{f'beam {beam}':34}{'batch 32':>10}{'p50 ms':>8}{'p99 ms':>8}{'file':>8}{'MiB':>6}{'load s':>8}")
        for system in systems:
            p50, p99 = (1000 * float(np.quantile(system.latencies[beam], q)) for q in (0.5, 0.99))
            print(
                f"{system.name:34}{system.rate('batch', beam):10.0f}{p50:8.2f}{p99:8.2f}"
                f"{system.rate('file', beam):8.0f}{system.memory:6.0f}{system.load:8.2f}"
            )
        print(f"{'times the native engine, shortlist':34}")
        ours = systems[0]
        for theirs in systems[1:]:
            batch, file = (ours.rate(task, beam) / theirs.rate(task, beam) for task in ("batch", "file"))
            latency = ours.latency(beam) / theirs.latency(beam)
            print(f"  {theirs.name:32}{batch:10.2f}{latency:8.2f}{'':8}{file:8.2f}")


if __name__ == "__main__":
    main()
