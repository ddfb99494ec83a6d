"""Translation speed of a model on one thread, compared with Transformers on CTranslate2.

    pip install ctranslate2
    python benchmarks/decoding.py MODEL --source test.en --target test.de      # an int8 model with a shortlist
    python benchmarks/decoding.py configs/multi30k-en-de-fast.yaml --source … --target …

In the second form the model is built from the recipe, with random weights. CTranslate2 gets Transformers with random
weights, the model's own tokenizer and, as its vocabulary map, the model's own shortlist:

    small    4 + 4 layers, width 256, feed-forward 1,024, 4 heads
    base     6 + 6 layers, width 512, feed-forward 2,048, 8 heads

Each system runs in its own process, on one thread, in int8. Carousel runs with its native engine and with ONNX
Runtime. The systems take turns, so that a drift of the machine's speed affects all alike. All translate text to text:
encoding, search and tokenisation are timed, start-up is not. All times are CPU time, which other processes on the
machine affect less.

A batch holds sentences of the same reference length, and every system must produce exactly that many tokens, because a
network with random weights does not learn when to stop. In the task "file", Carousel stops by itself, as `nmt
translate` does (so the model should be a trained one), while CTranslate2 still gets the reference length.
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

from nmt.corpus.tokenizer import FIRST_TEXT_ID
from nmt.engine.factory import EngineName, load_shortlist
from nmt.inference.translator import Translator
from nmt.model_directory.directory import ModelDirectory, read_model_directory
from nmt.text.normalisation import normalise

BATCH, SINGLES = 32, 100
SHAPES = {"small": (4, 256, 1024, 4), "base": (6, 512, 2048, 8)}
END = "</s>"


class Pair(NamedTuple):
    """Source text and the length of its reference."""

    text: str
    length: int
    """Number of target tokens, without end of sentence."""


class CarouselSystem:
    """A Carousel model, with or without its shortlist."""

    def __init__(self, model: Path, use_shortlist: bool, beam: int, engine: EngineName) -> None:
        self._beam = beam
        self._translator = Translator.load(model, shortlist=use_shortlist, engine=engine)
        self._options = dataclasses.replace(self._translator.decoding_options, return_attention=False)

    def translate_batch(self, batch: Sequence[Pair]) -> list[str]:
        """Translate sentences of one reference length to exactly that length."""
        length = batch[0].length + 1
        options = dataclasses.replace(
            self._options,
            max_length_ratio=0.0,
            max_length_extra=length,
            min_length_ratio=1e6,
            retry_repetition=False,  # forced lengths and random weights cause repetition
        )
        texts = [pair.text for pair in batch]
        return [t.text for t in self._translator.translate(texts, beam_size=self._beam, options=options)]

    def translate_file(self, pairs: Sequence[Pair]) -> list[str]:
        """Translate sentences of all lengths."""
        texts = (pair.text for pair in pairs)
        return [t.text for t in self._translator.stream(texts, beam_size=self._beam, options=self._options)]


class CTranslate2System:
    """A Transformer on CTranslate2, with or without a vocabulary map."""

    def __init__(self, model: Path, tokenizer: Path, use_shortlist: bool, beam: int) -> None:
        import ctranslate2
        import sentencepiece

        self._source = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer / "tokenizer.model"))
        target = tokenizer / "tokenizer.target.model"
        self._target = sentencepiece.SentencePieceProcessor(model_file=str(target)) if target.exists() else self._source
        self._model = ctranslate2.Translator(str(model), compute_type="int8", inter_threads=1, intra_threads=1)
        self._use_shortlist, self._beam = use_shortlist, beam

    def translate_batch(self, batch: Sequence[Pair]) -> list[str]:
        """Translate sentences of one reference length to exactly that length."""
        found = self._model.translate_batch(
            [[*self._source.encode(normalise(pair.text), out_type=str), END] for pair in batch],
            beam_size=self._beam,
            use_vmap=self._use_shortlist,
            min_decoding_length=batch[0].length,
            max_decoding_length=batch[0].length,
        )
        return [self._target.decode(each.hypotheses[0]) for each in found]

    def translate_file(self, pairs: Sequence[Pair]) -> list[str]:
        """Translate sentences in batches of one reference length, which is the best case for CTranslate2."""
        return [text for batch in batches(pairs, BATCH, full_only=False) for text in self.translate_batch(batch)]


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
    system.translate_batch(pairs[:1])
    connection.send(time.perf_counter() - start)
    full = list(batches(pairs, BATCH))
    for task in iter(connection.recv, None):
        if task == "batch":
            connection.send((sum(map(len, full)), [timed(system.translate_batch, batch) for batch in full]))
        elif task == "single":
            connection.send((SINGLES, [timed(system.translate_batch, [pair]) for pair in pairs[:SINGLES]]))
        else:
            connection.send((len(pairs), [timed(system.translate_file, pairs)]))
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
        self.rates: dict[str, list[float]] = {}
        self.latencies: list[float] = []
        self.memory = 0.0

    def run(self, task: str, keep: bool) -> None:
        """Run a task once, and keep its measurements if ``keep``."""
        self._connection.send(task)
        sentences, seconds = self._connection.recv()
        if keep:
            self.rates.setdefault(task, []).append(sentences / sum(seconds))
            self.latencies += seconds if task == "single" else []

    def stop(self) -> None:
        """End the process, and store its peak memory in MiB."""
        self._connection.send(None)
        self.memory = self._connection.recv()
        self._process.join()

    def rate(self, task: str) -> float:
        """Return the median over the rounds of the sentences per second."""
        return statistics.median(self.rates[task])


# --- models ---------------------------------------------------------------------------------------------


def build_model(recipe: Path, folder: Path) -> Path:
    """Train a recipe for one update, export it in int8, and return the model directory."""
    overrides = [f"training.{key}=1" for key in ("max_updates", "validate_every", "checkpoint_every")]
    overrides += ["data.dev=null", "data.test=null"]
    nmt = [sys.executable, "-m", "nmt"]
    subprocess.run([*nmt, "train", recipe, *overrides, "--out", folder / "run"], check=True)
    subprocess.run([*nmt, "export", folder / "run", folder / "int8", "--quantize", "int8", "--shortlist"], check=True)
    return folder / "int8"


def build_transformer(model: ModelDirectory, shape: str, folder: Path) -> Path:
    """Write a CTranslate2 Transformer with random weights and the vocabularies and the shortlist of ``model``."""
    from ctranslate2.specs import transformer_spec

    layers, width, inner, heads = SHAPES[shape]
    sizes = model.card.source_vocabulary, model.card.target_vocabulary
    random = np.random.default_rng(1)
    spec = transformer_spec.TransformerSpec.from_config((layers, layers), heads, pre_norm=True)
    for name, value in spec.variables(ordered=True):
        if value is None:
            rows, columns = tensor_size(name, sizes, width, inner)
            tensor = random.normal(scale=columns**-0.5, size=(rows, columns)).astype(np.float32)
            if rows == 1:  # layer normalisation
                tensor = np.full(columns, name.endswith("gamma"), dtype=np.float32)
            *path, last = name.split("/")
            owner = spec
            for part in path:
                owner = child(owner, part)
            setattr(owner, last, tensor)
    tokenizer = model.tokenizer
    vocabularies = [[side.id_to_piece(i) for i in range(len(side))] for side in (tokenizer.source, tokenizer.target)]
    spec.register_source_vocabulary(vocabularies[0])
    spec.register_target_vocabulary(vocabularies[1])
    spec.register_vocabulary_mapping(str(write_vocabulary_map(model, *vocabularies, folder / f"{shape}.vmap")))
    spec.validate()
    spec.optimize(quantization="int8")
    (folder / shape).mkdir()
    spec.save(str(folder / shape))
    return folder / shape


def tensor_size(name: str, vocabularies: tuple[int, int], width: int, inner: int) -> tuple[int, int]:
    """Return the rows and columns of a weight; vectors of layer normalisation have one row."""
    *_, layer, last = name.split("/")
    if last in {"gamma", "beta"}:
        return 1, width
    if "embeddings" in name or "projection" in name:
        return vocabularies[not name.startswith("encoder")], width
    if "ffn" in name:
        return (inner, width) if layer == "linear_0" else (width, inner)
    if "self_attention" in name:  # query, key and value together; output
        return {"linear_0": 3 * width, "linear_1": width}[layer], width
    return {"linear_0": width, "linear_1": 2 * width, "linear_2": width}[layer], width


def child(owner: Any, part: str) -> Any:
    """Return a part of a specification; numbered parts are elements of lists."""
    if hasattr(owner, part):
        return getattr(owner, part)
    name, _, number = part.rpartition("_")
    return getattr(owner, name)[int(number)]


def write_vocabulary_map(model: ModelDirectory, sources: Sequence[str], targets: Sequence[str], path: Path) -> Path:
    """Write CTranslate2's vocabulary map: a source token and its target tokens per line.

    The first line, without a source token, holds the target tokens that are always included.
    """
    shortlist = load_shortlist(model)
    if shortlist is None:
        sys.exit(f"{model.path}: has no shortlist; export the model with --shortlist")
    always = set(shortlist.target_ids_for_sentence([]).tolist())
    lines = ["\t" + " ".join(targets[i] for i in sorted(always))]
    for i in range(FIRST_TEXT_ID, len(sources)):
        own = [targets[t] for t in shortlist.target_ids_for_sentence([i]).tolist() if t not in always]
        lines.append(f"{sources[i]}\t{' '.join(own)}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="int8 model with a shortlist, or a recipe")
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--target", type=Path, required=True)
    parser.add_argument("--sentences", type=int, default=1000)
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path = build_model(options.model, folder) if options.model.is_file() else options.model
        model = read_model_directory(path)
        lines = zip(options.source.open(encoding="utf-8"), options.target.open(encoding="utf-8"), strict=True)
        texts = [(source.strip(), normalise(target)) for source, target in lines][: options.sentences]
        lengths = map(len, model.tokenizer.target.encode_batch([target for _, target in texts]))
        pairs = [Pair(source, length) for (source, _), length in zip(texts, lengths, strict=True)]
        transformers = {shape: build_transformer(model, shape, folder) for shape in SHAPES}
        systems = []
        for use_shortlist in (True, False):
            name = "shortlist" if use_shortlist else "whole vocabulary"
            common = {"use_shortlist": use_shortlist, "beam": options.beam}
            for engine in ("native", "onnx"):
                arguments = {"model": model.path, "engine": engine, **common}
                systems.append(SystemProcess(f"Carousel {engine}, {name}", "carousel", arguments, pairs))
            for shape, transformer in transformers.items():
                arguments = {"model": transformer, "tokenizer": model.path, **common}
                systems.append(SystemProcess(f"CTranslate2 {shape}, {name}", "ctranslate2", arguments, pairs))
        for number in range(options.rounds + 1):
            for task in ("batch", "single", "file"):
                for system in systems:
                    system.run(task, keep=number > 0)
        for system in systems:
            system.stop()
    report(model, pairs, systems, options)


def report(
    model: ModelDirectory, pairs: Sequence[Pair], systems: Sequence[SystemProcess], options: argparse.Namespace
) -> None:
    """Print the measurements, and the ratios between systems."""
    if options.json:
        print(json.dumps({c.name: {"load": c.load, "memory": c.memory, "rates": c.rates} for c in systems}))
        return
    source_lengths = [len(model.tokenizer.source.encode(normalise(p.text)).ids) for p in pairs]
    print(
        f"{len(pairs)} sentences, {statistics.mean(source_lengths):.1f} source and "
        f"{statistics.mean(p.length for p in pairs):.1f} target tokens; vocabulary {model.card.target_vocabulary}; "
        f"beam {options.beam}, one thread, CPU time"
    )
    head = f"{'':34}{'batch 32':>10}{'one by one':>12}{'p50 ms':>8}{'p99 ms':>8}{'file':>8}{'MiB':>6}{'load s':>8}"
    print(head)
    for c in systems:
        p50, p99 = (1000 * float(np.quantile(c.latencies, q)) for q in (0.5, 0.99))
        print(
            f"{c.name:34}{c.rate('batch'):10.0f}{c.rate('single'):12.0f}{p50:8.2f}{p99:8.2f}"
            f"{c.rate('file'):8.0f}{c.memory:6.0f}{c.load:8.2f}"
        )
    by_name = {c.name: c for c in systems}
    ours, onnx = by_name["Carousel native, shortlist"], "Carousel onnx, shortlist"
    small, base = "CTranslate2 small", "CTranslate2 base"
    for comparison, theirs, task in (
        ("batch 32, ONNX Runtime, shortlists on both", onnx, "batch"),
        ("one by one, ONNX Runtime, shortlists on both", onnx, "single"),
        ("file, ONNX Runtime, shortlists on both", onnx, "file"),
        ("batch 32, small, shortlists on both", f"{small}, shortlist", "batch"),
        ("batch 32, small as shipped", f"{small}, whole vocabulary", "batch"),
        ("batch 32, base, shortlists on both", f"{base}, shortlist", "batch"),
        ("file, small as shipped", f"{small}, whole vocabulary", "file"),
    ):
        print(f"{comparison}: {ours.rate(task) / by_name[theirs].rate(task):.2f} times the sentences per second")
    for comparison, theirs in (("shortlists on both", "shortlist"), ("as shipped", "whole vocabulary")):
        ratio = statistics.median(ours.latencies) / statistics.median(by_name[f"{small}, {theirs}"].latencies)
        print(f"one sentence at a time, small, {comparison}: {ratio:.2f} times the latency")


if __name__ == "__main__":
    main()
