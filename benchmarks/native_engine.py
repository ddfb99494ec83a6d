"""Speed of the native engine: the decoder against the limit of the processor, the encoder, and two threads over one.

    python benchmarks/native_engine.py MODEL --source test.en      # an int8 model with a shortlist

Prints multiply-adds per second in the decoder, with 16 sentences of 5 hypotheses, next to what `kernel_limit.cpp`
reaches on the same processor (compiled with ``c++``); the time per sentence of admitting sentences, which is the work
of the encoder, with the native engine and ONNX Runtime; and the speed of two decoding threads over one. Times are CPU
time, the least of several rounds, in which the measurements take turns; the speed of threads is in elapsed time, which
needs an idle machine.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from nmt.engine.factory import EngineFactory, EngineName, engine_factories, load_shortlist
from nmt.model_directory.directory import ModelDirectory, read_model_directory
from nmt.search.options import DecodingOptions
from nmt.search.protocol import PlainBeamSearch, SearchingEngine, SentenceGroup

SENTENCES, SLOTS, BEAM, LENGTH, ROUNDS = 160, 16, 5, 16, 7
OPTIONS = DecodingOptions(max_length_ratio=0.0, max_length_extra=LENGTH, min_length_ratio=1e6)


def measure_limit(folder: Path) -> Callable[[], float]:
    """Return a function that measures the limit in 10⁹ multiply-adds per second."""
    program = folder / "kernel_limit"
    source = Path(__file__).with_name("kernel_limit.cpp")
    subprocess.run(["c++", "-O3", "-march=native", source, "-o", program], check=True)
    return lambda: float(subprocess.run([program], check=True, capture_output=True).stdout)


def multiply_adds(model: ModelDirectory, source: Sequence[int]) -> float:
    """Return the multiply-adds of a row of the decoder in a step, for a source sentence."""
    config, shortlist = model.card.model, load_shortlist(model)
    assert shortlist is not None
    assert (config.design, config.attention) == ("blocks", "multihead")
    width = config.width
    choices = len(shortlist.target_ids_for_sentence(source))
    products = 8 * width * width + 2 * width * width + 2 * width * config.feed_forward_width
    return config.decoder_layers * (products + 2 * (len(source) + 1) * width) + choices * width


def decode(search: PlainBeamSearch, sources: Sequence[Sequence[int]]) -> float:
    """Decode sentences, and return the time after they have been admitted."""
    seconds = 0.0
    for first in range(0, len(sources), SLOTS):
        search.admit_groups([SentenceGroup(list(range(SLOTS)), sources[first : first + SLOTS], OPTIONS)])
        start = time.process_time()
        finished = 0
        while finished < SLOTS:
            finished += len(search.advance())
        seconds += time.process_time() - start
    return seconds


def encode(make: EngineFactory, sources: Sequence[Sequence[int]]) -> float:
    """Admit sentences without decoding them, and return the time per sentence."""
    engine, slots = make(SLOTS, BEAM), list(range(SLOTS))
    start = time.process_time()
    for first in range(0, len(sources), SLOTS):
        engine.admit(slots, sources[first : first + SLOTS], [()] * SLOTS)
        engine.release(slots)
    return (time.process_time() - start) / len(sources)


def elapsed(searches: Sequence[PlainBeamSearch], sources: Sequence[Sequence[int]]) -> float:
    """Decode the sentences once in each of several threads, and return the elapsed time."""
    threads = [threading.Thread(target=decode, args=(search, sources)) for search in searches]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start


def new_search(make: EngineFactory) -> PlainBeamSearch:
    """Return a native beam search."""
    engine = make(SLOTS, BEAM)
    assert isinstance(engine, SearchingEngine)
    return engine.plain_beam_search()


def factory(model: ModelDirectory, engine: EngineName) -> EngineFactory:
    """Return a factory of engines with a shortlist."""
    return engine_factories([model], engine, 1, True)[0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--source", type=Path, required=True)
    options = parser.parse_args()
    model = read_model_directory(options.model)
    with options.source.open(encoding="utf-8") as lines:
        texts = [line.strip() for line, _ in zip(lines, range(SENTENCES), strict=False)]
    if len(texts) < SENTENCES:
        sys.exit(f"{options.source}: has {len(texts)} lines; use a file of at least {SENTENCES}")
    sources = sorted(model.tokenizer.source.encode_batch(texts), key=len)
    native, onnx = factory(model, "native"), factory(model, "onnx")
    searches = [new_search(native) for _ in range(2)]
    work = sum(multiply_adds(model, source) for source in sources) * BEAM * LENGTH
    times: dict[str, list[float]] = {}
    limits = []
    with tempfile.TemporaryDirectory() as folder:
        limit = measure_limit(Path(folder))
        for _ in range(ROUNDS):
            limits.append(limit())
            for name, seconds in (
                ("decoder", decode(searches[0], sources)),
                ("native", encode(native, sources)),
                ("onnx", encode(onnx, sources)),
                ("one thread", elapsed(searches[:1], sources)),
                ("two threads", elapsed(searches, sources)),
            ):
                times.setdefault(name, []).append(seconds)
    least = {name: min(seconds) for name, seconds in times.items()}
    speed = 1e-9 * work / least["decoder"]
    print(
        f"decoder: {speed:.0f} GMAC/s at {SLOTS * BEAM} rows, {speed / max(limits):.2f} of the limit, {max(limits):.0f}"
    )
    print(f"encoder: {1e3 * least['native']:.2f} ms, {least['native'] / least['onnx']:.2f} of ONNX Runtime's time")
    print(f"two threads: {2 * least['one thread'] / least['two threads']:.2f} times the speed of one")


if __name__ == "__main__":
    main()
