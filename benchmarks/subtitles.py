"""Check translated subtitles: order and number of cues, length of lines, and sentences that run across cues.

    python benchmarks/subtitles.py [--model everyday] [--from en] [--to fr] [--cues 500]

The sentences of the demonstration corpus, joined in threes, run across cues of at most two lines of 42 characters. The
package srt reads the translation. A sentence counts as translated whole if its cues, put together, are the translation
of the whole sentence, for which the translator is asked directly.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import srt

from nmt import Translator

ROOT = Path(__file__).parents[1]
WIDTH = 42


def make_sentences() -> Iterator[str]:
    """Yield sentences of a hundred characters or so."""
    lines = (ROOT / "data" / "demo-en-fr" / "test.en").read_text(encoding="utf-8").splitlines()
    statements = [line.rstrip(".") for line in dict.fromkeys(lines) if line.endswith(".")]
    for first, second, third in zip(statements, statements[1:], statements[2:], strict=False):
        yield f"{first}, {second[0].lower()}{second[1:]} and {third[0].lower()}{third[1:]}."


def make_cues(count: int) -> tuple[list[srt.Subtitle], list[tuple[str, list[int]]]]:
    """Return cues of one or two lines, and each sentence with the numbers of its cues."""
    cues: list[srt.Subtitle] = []
    sentences: list[tuple[str, list[int]]] = []
    for sentence in make_sentences():
        lines = textwrap.wrap(sentence, WIDTH)
        size = 1 + len(sentences) % 2
        texts = ["\n".join(lines[n : n + size]) for n in range(0, len(lines), size)]
        if len(cues) + len(texts) > count:
            break
        sentences.append((sentence, list(range(len(cues), len(cues) + len(texts)))))
        for text in texts:
            start = timedelta(seconds=3 * len(cues))
            cues.append(srt.Subtitle(len(cues) + 1, start, start + timedelta(seconds=2.9), text))
    return cues, sentences


def share(found: list[bool]) -> str:
    """Return a number of true values as a text."""
    return f"{sum(found)} of {len(found)} ({sum(found) / len(found):.1%})"


def main() -> None:
    """Translate subtitles, and print what is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="everyday")
    parser.add_argument("--from", dest="source", default="en")
    parser.add_argument("--to", dest="target", default="fr")
    parser.add_argument("--cues", type=int, default=500)
    options = parser.parse_args()
    cues, sentences = make_cues(options.cues)
    with tempfile.TemporaryDirectory() as folder:
        path, output = Path(folder, "film.srt"), Path(folder, "film.out.srt")
        path.write_text(srt.compose(cues), encoding="utf-8")
        command = [sys.executable, "-m", "nmt", "translate", options.model, str(path), "-o", str(output)]
        subprocess.run([*command, "--from", options.source, "--to", options.target], check=True)
        found = list(srt.parse(output.read_text(encoding="utf-8")))
    translator = Translator.load(options.model)
    texts = [sentence for sentence, _ in sentences]
    whole = translator.translate(texts, source=options.source, target=options.target)
    print(f"{len(cues)} cues, {len(sentences)} sentences; cues in the translation: {len(found)}")
    pairs = list(zip(cues, found, strict=True))
    print(f"cues with their times, in order: {share([(a.start, a.end) == (b.start, b.end) for a, b in pairs])}")
    print(f"cues with text: {share([bool(cue.content.strip()) for cue in found])}")
    lines = [line for cue in found for line in cue.content.splitlines()]
    print(f"lines of at most {WIDTH} characters: {share([len(line) <= WIDTH for line in lines])}")
    heights = [a.content.count("\n") == b.content.count("\n") for a, b in pairs]
    print(f"cues with as many lines as before: {share(heights)}")
    joined = [" ".join(" ".join(found[n].content for n in numbers).split()) for _, numbers in sentences]
    print(f"sentences translated whole: {share([a == b.text for a, b in zip(joined, whole, strict=True)])}")


if __name__ == "__main__":
    main()
