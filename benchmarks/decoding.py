"""How fast a bundle translates on one thread, side by side with CTranslate2's Transformers.

    pip install ctranslate2
    python benchmarks/decoding.py MODEL --source test.en --target test.de      # an int8 bundle with a shortlist
    python benchmarks/decoding.py configs/multi30k-en-de-fast.yaml --source … --target …

In the second form the bundle is built from the recipe, with random weights. CTranslate2 gets Transformers with random
weights, the bundle's own tokenizer and, as its vocabulary map, the bundle's own shortlist:

    small    4 + 4 layers, width 256, feed-forward 1,024, 4 heads
    base     6 + 6 layers, width 512, feed-forward 2,048, 8 heads

Each system runs in a process of its own, on one thread, in int8, and all take turns, so that a machine whose speed
drifts treats all alike. Everyone translates text to text: encoder, search and tokenisation are timed, start-up is not.

A batch holds sentences of one reference length, and every system must write exactly as many pieces: random weights say
nothing about when to stop. In the task "file" Carousel stops where it likes, as `nmt translate` does (so the bundle
should be a trained one), and CTranslate2 is still told the reference's length.
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
from nmt.engine.shortlist import Shortlist
from nmt.inference.translator import Translator
from nmt.model_directory.directory import ModelDirectory, read_model_directory
from nmt.text.normalisation import normalise

BEAM, BATCH, SINGLES = 5, 32, 100
SHAPES = {"small": (4, 256, 1024, 4), "base": (6, 512, 2048, 8)}
END = "</s>"


class Pair(NamedTuple):
    """A sentence, and how many pieces its translation shall have, end of sentence not counted."""

    text: str
    pieces: int


class Carousel:
    """A bundle, with or without its shortlist."""

    def __init__(self, model: Path, listed: bool) -> None:
        self._translator = Translator.load(model, shortlist=listed)
        self._options = dataclasses.replace(self._translator.decoding_options, return_attention=False)

    def forced(self, batch: Sequence[Pair]) -> list[str]:
        """Translate sentences of one reference length."""
        length = batch[0].pieces + 1
        options = dataclasses.replace(
            self._options,
            max_length_ratio=0.0,
            max_length_extra=length,
            min_length_ratio=1e6,
            retry_repetition=False,  # forced lengths and random weights cause repetition
        )
        return [t.text for t in self._translator.translate([p.text for p in batch], beam=BEAM, options=options)]

    def file(self, pairs: Sequence[Pair]) -> list[str]:
        """Translate many sentences of all lengths."""
        return [t.text for t in self._translator.stream((p.text for p in pairs), beam=BEAM, options=self._options)]


class CTranslate2:
    """A Transformer, with or without a vocabulary map."""

    def __init__(self, model: Path, tokenizer: Path, listed: bool) -> None:
        import ctranslate2
        import sentencepiece

        self._pieces = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer / "tokenizer.model"))
        target = tokenizer / "tokenizer.target.model"
        self._target = sentencepiece.SentencePieceProcessor(model_file=str(target)) if target.exists() else self._pieces
        self._model = ctranslate2.Translator(str(model), compute_type="int8", inter_threads=1, intra_threads=1)
        self._listed = listed

    def forced(self, batch: Sequence[Pair]) -> list[str]:
        """Translate sentences of one reference length."""
        found = self._model.translate_batch(
            [[*self._pieces.encode(normalise(pair.text), out_type=str), END] for pair in batch],
            beam_size=BEAM,
            use_vmap=self._listed,
            min_decoding_length=batch[0].pieces,
            max_decoding_length=batch[0].pieces,
        )
        return [self._target.decode(each.hypotheses[0]) for each in found]

    def file(self, pairs: Sequence[Pair]) -> list[str]:
        """Translate many sentences in batches of one reference length: the best case."""
        return [text for batch in batches(pairs, BATCH, fill=False) for text in self.forced(batch)]


def batches(pairs: Sequence[Pair], size: int, fill: bool = True) -> Iterator[list[Pair]]:
    """Batches of one reference length, full ones only if ``fill``."""
    by_length: dict[int, list[Pair]] = {}
    for pair in pairs:
        by_length.setdefault(pair.pieces, []).append(pair)
    for alike in by_length.values():
        for start in range(0, len(alike) - (size - 1 if fill else 0), size):
            yield alike[start : start + size]


# --- the processes ---------------------------------------------------------------------------------------


def serve(orders: Connection, kind: str, arguments: dict[str, Any], pairs: Sequence[Pair]) -> None:
    """Load a system, then do the tasks that come, and answer with seconds."""
    began = time.perf_counter()
    system = {"carousel": Carousel, "ctranslate2": CTranslate2}[kind](**arguments)
    system.forced(pairs[:1])
    orders.send(time.perf_counter() - began)
    full = list(batches(pairs, BATCH))
    for task in iter(orders.recv, None):
        if task == "batch":
            orders.send((sum(map(len, full)), [timed(system.forced, batch) for batch in full]))
        elif task == "single":
            orders.send((SINGLES, [timed(system.forced, [pair]) for pair in pairs[:SINGLES]]))
        else:
            orders.send((len(pairs), [timed(system.file, pairs)]))
    orders.send(peak_memory())


def peak_memory() -> float:
    """Of this process since it began, in MiB; getrusage would count what its parent held at the fork."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def timed(work: Any, *arguments: Any) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - began


class Contestant:
    """A system in its process, and what was measured of it."""

    def __init__(self, name: str, kind: str, arguments: dict[str, Any], pairs: Sequence[Pair]) -> None:
        self.name = name
        self._orders, theirs = get_context("spawn").Pipe()
        self._process = get_context("spawn").Process(target=serve, args=(theirs, kind, arguments, pairs), daemon=True)
        self._process.start()
        self.load: float = self._orders.recv()
        self.rates: dict[str, list[float]] = {}
        self.latencies: list[float] = []
        self.memory = 0.0

    def run(self, task: str, keep: bool) -> None:
        """Do a task once; the first time only warms up."""
        self._orders.send(task)
        sentences, seconds = self._orders.recv()
        if keep:
            self.rates.setdefault(task, []).append(sentences / sum(seconds))
            self.latencies += seconds if task == "single" else []

    def stop(self) -> None:
        """End the process and learn its peak of memory, in MiB."""
        self._orders.send(None)
        self.memory = self._orders.recv()
        self._process.join()

    def rate(self, task: str) -> float:
        """Sentences a second: the median of the rounds."""
        return statistics.median(self.rates[task])


# --- what is compared ------------------------------------------------------------------------------------


def build_bundle(recipe: Path, folder: Path) -> Path:
    """A bundle of a recipe's shape after a single update."""
    overrides = [f"training.{key}=1" for key in ("max_updates", "validate_every", "checkpoint_every")]
    overrides += ["data.dev=null", "data.test=null"]
    nmt = [sys.executable, "-m", "nmt"]
    subprocess.run([*nmt, "train", recipe, *overrides, "--out", folder / "run"], check=True)
    subprocess.run([*nmt, "export", folder / "run", folder / "int8", "--quantize", "int8", "--shortlist"], check=True)
    return folder / "int8"


def build_transformer(model: ModelDirectory, shape: str, folder: Path) -> Path:
    """A Transformer with random weights and the bundle's vocabularies; its map is the bundle's shortlist."""
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
    pieces = [[side.id_to_piece(i) for i in range(len(side))] for side in (tokenizer.source, tokenizer.target)]
    spec.register_source_vocabulary(pieces[0])
    spec.register_target_vocabulary(pieces[1])
    spec.register_vocabulary_mapping(str(write_map(model, *pieces, folder / f"{shape}.vmap")))
    spec.validate()
    spec.optimize(quantization="int8")
    (folder / shape).mkdir()
    spec.save(str(folder / shape))
    return folder / shape


def tensor_size(name: str, vocabularies: tuple[int, int], width: int, inner: int) -> tuple[int, int]:
    """Rows and columns of a weight; one row for the vectors of layer normalisation."""
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
    """A part of a specification; numbered parts lie in lists."""
    if hasattr(owner, part):
        return getattr(owner, part)
    name, _, number = part.rpartition("_")
    return getattr(owner, name)[int(number)]


def write_map(model: ModelDirectory, sources: Sequence[str], targets: Sequence[str], path: Path) -> Path:
    """CTranslate2's vocabulary map: a source piece and its target pieces a line, first those that are always there."""
    if model.shortlist is None:
        sys.exit(f"{model.path}: has no shortlist; export it with --shortlist")
    lists = Shortlist.load(model.shortlist)
    always = set(lists.for_sentence([]).tolist())
    lines = ["\t" + " ".join(targets[i] for i in sorted(always))]
    for i in range(FIRST_TEXT_ID, len(sources)):
        own = [targets[t] for t in lists.for_sentence([i]).tolist() if t not in always]
        lines.append(f"{sources[i]}\t{' '.join(own)}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="an int8 bundle with a shortlist, or a recipe")
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--target", type=Path, required=True)
    parser.add_argument("--sentences", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path = build_bundle(options.model, folder) if options.model.is_file() else options.model
        bundle = read_model_directory(path)
        lines = zip(options.source.open(encoding="utf-8"), options.target.open(encoding="utf-8"), strict=True)
        texts = [(source.strip(), normalise(target)) for source, target in lines][: options.sentences]
        lengths = map(len, bundle.tokenizer.target.encode_batch([target for _, target in texts]))
        pairs = [Pair(source, length) for (source, _), length in zip(texts, lengths, strict=True)]
        transformers = {shape: build_transformer(bundle, shape, folder) for shape in SHAPES}
        contestants = []
        for listed in (True, False):
            name = "shortlist" if listed else "whole vocabulary"
            contestants.append(
                Contestant(f"Carousel, {name}", "carousel", {"model": bundle.path, "listed": listed}, pairs)
            )
            for shape, model in transformers.items():
                arguments = {"model": model, "tokenizer": bundle.path, "listed": listed}
                contestants.append(Contestant(f"CTranslate2 {shape}, {name}", "ctranslate2", arguments, pairs))
        for number in range(options.rounds + 1):
            for task in ("batch", "single", "file"):
                for contestant in contestants:
                    contestant.run(task, keep=number > 0)
        for contestant in contestants:
            contestant.stop()
    report(bundle, pairs, contestants, options.json)


def report(bundle: ModelDirectory, pairs: Sequence[Pair], contestants: Sequence[Contestant], as_json: bool) -> None:
    """Print what was measured, and the ratios."""
    if as_json:
        print(json.dumps({c.name: {"load": c.load, "memory": c.memory, "rates": c.rates} for c in contestants}))
        return
    pieces = [len(bundle.tokenizer.source.encode(normalise(p.text)).ids) for p in pairs]
    print(
        f"{len(pairs)} sentences, {statistics.mean(pieces):.1f} source and "
        f"{statistics.mean(p.pieces for p in pairs):.1f} target pieces; vocabulary {bundle.card.target_vocabulary}; "
        f"beam {BEAM}, one thread"
    )
    head = f"{'':34}{'batch 32':>10}{'one by one':>12}{'p50 ms':>8}{'p99 ms':>8}{'file':>8}{'MiB':>6}{'load s':>8}"
    print(head)
    for c in contestants:
        p50, p99 = (1000 * float(np.quantile(c.latencies, q)) for q in (0.5, 0.99))
        print(
            f"{c.name:34}{c.rate('batch'):10.0f}{c.rate('single'):12.0f}{p50:8.2f}{p99:8.2f}"
            f"{c.rate('file'):8.0f}{c.memory:6.0f}{c.load:8.2f}"
        )
    by_name = {c.name: c for c in contestants}
    ours, small, base = by_name["Carousel, shortlist"], "CTranslate2 small", "CTranslate2 base"
    for words, theirs, task in (
        ("batch 32, small, shortlists on both", f"{small}, shortlist", "batch"),
        ("batch 32, small as shipped", f"{small}, whole vocabulary", "batch"),
        ("batch 32, base, shortlists on both", f"{base}, shortlist", "batch"),
        ("file, small as shipped", f"{small}, whole vocabulary", "file"),
    ):
        print(f"{words}: {ours.rate(task) / by_name[theirs].rate(task):.2f} times the sentences a second")
    for words, theirs in (("shortlists on both", "shortlist"), ("as shipped", "whole vocabulary")):
        ratio = statistics.median(ours.latencies) / statistics.median(by_name[f"{small}, {theirs}"].latencies)
        print(f"one sentence at a time, small, {words}: {ratio:.2f} times the latency")


if __name__ == "__main__":
    main()
