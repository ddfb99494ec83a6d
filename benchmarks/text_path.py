"""Speed of translating plain text with this version of the source code, compared with another version.

    git worktree add /tmp/before COMMIT
    python benchmarks/text_path.py MODEL FILE --before /tmp/before
    python benchmarks/text_path.py MODEL FILE --before /tmp/before --details
    python benchmarks/text_path.py MODEL FILE --profile

MODEL is an int8 model with a shortlist, whose decoding takes little time; FILE contains lines of plain text. Both
versions translate the same lines in processes of their own, on one thread. They take turns in an order that changes,
so that a drift of the machine's speed affects both alike. The ratio of a round is the processor time of the old version
over that of the new one, and above 1 the new version is faster. Equal versions show the precision of the measurement.

The last two lines compare the time per sentence that is not spent in the search: normalisation, tokenisation and
everything else between text and token ids. ``--profile`` lists the functions that take most of it.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

BEAM = 5
_READY = "ready"


class Times(NamedTuple):
    """Processor time of one translation of all lines, in seconds."""

    total: float
    search: float

    @property
    def text_path(self) -> float:
        """Time outside of the search."""
        return self.total - self.search


class Version:
    """Process that translates with the source code in a directory."""

    def __init__(self, source_code: Path, arguments: argparse.Namespace) -> None:
        details = ["--details"] if arguments.details else []
        command = [sys.executable, __file__, arguments.model, arguments.file, "--worker", "--lines"]
        self._process = subprocess.Popen(
            [*command, str(arguments.lines), *details],
            env={**os.environ, "PYTHONPATH": str(source_code.resolve()), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._read_line() != _READY:
            raise SystemExit(f"{source_code}: does not start")

    def measure(self) -> Times:
        """Translate all lines once."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return Times(*map(float, self._read_line().split()))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _read_line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


class LineTranslator:
    """Translator of all lines of a file, which measures the time of the search."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        from nmt.inference import batch_decoder
        from nmt.inference.translator import Translator

        self._translator = Translator.load(arguments.model)
        self._options = replace(
            self._translator.decoding_options, retry_repetition=False, return_attention=arguments.details
        )
        self._settings = _text_settings(arguments.details)
        self._lines = arguments.file.read_text(encoding="utf-8").splitlines()[: arguments.lines]
        self._search_time = 0.0
        search = batch_decoder.BatchDecoder.search
        batch_decoder.BatchDecoder.search = self._timed(search)  # type: ignore[method-assign]

    def translate(self) -> Times:
        """Translate all lines."""
        self._search_time = 0.0
        start = time.process_time()
        for _ in self._translator.stream(self._lines, beam_size=BEAM, options=self._options, **self._settings):
            pass
        return Times(time.process_time() - start, self._search_time)

    def _timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            start = time.process_time()
            try:
                return function(*arguments)
            finally:
                self._search_time += time.process_time() - start

        return timed


def _text_settings(details: bool) -> dict[str, Any]:
    """Return the arguments that leave out quality signals without details; old versions have no such argument."""
    try:
        from nmt.inference.text_options import TextOptions
    except ModuleNotFoundError:
        return {}
    return {"text_options": TextOptions(find_signals=details)}


def compare(arguments: argparse.Namespace) -> None:
    """Measure both versions and print their ratio."""
    versions = Version(arguments.before, arguments), Version(Path(__file__).parent.parent, arguments)
    rounds: list[tuple[Times, Times]] = []
    for number in range(arguments.rounds + 1):
        if number % 2:
            new, old = versions[1].measure(), versions[0].measure()
        else:
            old, new = versions[0].measure(), versions[1].measure()
        if number:  # the first round warms up
            rounds.append((old, new))
    for version in versions:
        version.close()
    ratios = sorted(old.total / new.total for old, new in rounds)
    low, _, high = statistics.quantiles(ratios, n=4)
    print(f"new / old speed: {statistics.median(ratios):.3f} (quartiles {low:.3f} to {high:.3f}, {len(rounds)} rounds)")
    for name, n in (("old", 0), ("new", 1)):
        per_line = [
            1e6 / arguments.lines * statistics.median(values) for values in zip(*(r[n] for r in rounds), strict=True)
        ]
        text_path = 1e6 / arguments.lines * statistics.median(r[n].text_path for r in rounds)
        print(f"{name}: {per_line[0]:.0f} µs per line, {text_path:.0f} µs of them outside of the search")


def profile(arguments: argparse.Namespace) -> None:
    """Print the functions of the text path with the largest times of their own."""
    translator = LineTranslator(arguments)
    translator.translate()
    profiler = cProfile.Profile()
    profiler.runcall(translator.translate)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(
        r"nmt/(text|inference|corpus)|regex|re\.|sentencepiece", 40
    )


def work(arguments: argparse.Namespace) -> None:
    """Translate the lines each time that a line arrives on standard input."""
    translator = LineTranslator(arguments)
    print(_READY, flush=True)
    for _ in sys.stdin:
        print(*translator.translate(), flush=True)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("file", type=Path)
    parser.add_argument("--before", type=Path, help="source code of the other version")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--lines", type=int, default=400, help="number of lines to translate, from the start of FILE")
    parser.add_argument("--profile", action="store_true", help="profile this version instead")
    parser.add_argument("--details", action="store_true", help="include alignment and quality signals")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.lines = min(arguments.lines, len(arguments.file.read_text(encoding="utf-8").splitlines()))
    if arguments.worker:
        work(arguments)
    elif arguments.profile:
        profile(arguments)
    elif arguments.before:
        compare(arguments)
    else:
        parser.error("name the other version with --before, or use --profile")


if __name__ == "__main__":
    main()
