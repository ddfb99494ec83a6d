"""Check that translation keeps the structure of plain text documents.

    python benchmarks/document_structure.py MODEL [--source FILE] [--documents N]

Documents are generated from sentences with random line breaks, indentation, bullets, numbering, quotation marks,
Markdown, emoji and columns. The structure of a document is what remains if each sentence, and its translation by
itself, is replaced by a mark.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from nmt.inference.documents.plain import PlainDocument
from nmt.inference.translator import Translator

DEMO = Path(__file__).parents[1] / "data" / "demo-en-fr"

BREAKS = ["\n", "\n", "\n", "\r\n", "\n\n", "\n\n\n", "\n \n", "\u2028", "\r", "\f"]
INDENTS = ["", "", "", "  ", "    ", "\t", "\t\t", "\u3000"]
MARKS = [
    *["", "", ""],
    *["- ", "* ", "+ ", "• ", "◦ ", "‣ ", "– ", "— ", "— ", "- [ ] ", "- [x] "],
    *[
        "{n}. ",
        "{n}) ",
        "({n}) ",
        "[{n}] ",
        "{n}.{n} ",
        "{n}.{n}.{n}. ",
        "{letter}) ",
        "({letter}) ",
        "{roman}. ",
        "({roman}) ",
    ],
    *["{n}.\t", "•\t", "# ", "### ", "> ", "> > ", "🎉 ", "✅ ", "→ ", "👩‍👩‍👧 ", "1️⃣ ", "★", "① "],
]
ENCLOSINGS = [
    *[("", "")] * 10,
    *[
        ('"', '"'),
        ("“", "”"),
        ("«\u00a0", "\u00a0»"),
        ("„", "“"),
        ("'", "'"),
        ("(", ")"),
        ("[", "]"),
        ("**", "**"),
        ("__", "__"),
    ],
    *[
        ("*", "*"),
        ("~~", "~~"),
        ("", " 🎉"),
        ("", "🎉🎉"),
        ("", " ✓"),
        ("", " :)"),
        ("", "[{n}]"),
        ("", " →"),
        ("", " |"),
    ],
]
ROMAN = ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix"]


class Generator:
    """Generator of random documents and of the sentences in them."""

    def __init__(self, sentences: Sequence[str], seed: int) -> None:
        self._sentences, self._random = sentences, random.Random(seed)

    def document(self) -> list[tuple[str, bool]]:
        """Return the parts of a document; true marks sentences."""
        parts: list[tuple[str, bool]] = []
        for _ in range(self._random.randint(1, 6)):
            if parts:
                parts.append((self._random.choice(BREAKS), False))
            parts += self._line()
        if self._random.random() < 0.5:
            parts.append((self._random.choice(["\n", "\n\n", "  ", "\r\n"]), False))
        return parts

    def _line(self) -> list[tuple[str, bool]]:
        choose, chance = self._random.choice, self._random.random()
        parts: list[tuple[str, bool]] = [(choose(INDENTS), False)]
        if chance < 0.1:  # a table row
            cells = [self._decorated(("", "")) for _ in range(self._random.randint(2, 4))]
            before, between, after = choose([("", "\t", ""), ("| ", " | ", " |"), ("|", "|", "|"), ("", "     ", "")])
            parts.append((before, False))
            for n, cell in enumerate(cells):
                parts += [*([(between, False)] if n else []), *cell]
            return [*parts, (after, False)]
        if chance < 0.2:  # several items
            style = choose(["{n}. ", "{n}) ", "({n}) ", "{letter}) ", "• ", "- ", "🎉 "])
            for n in range(1, self._random.randint(3, 5)):
                parts += [(" " if n > 1 else "", False), (self._fill(style, n), False), *self._decorated(("", ""))]
            return parts
        parts.append((self._fill(choose(MARKS), self._random.randint(1, 9)), False))
        opening, closing = choose(ENCLOSINGS)
        count = choose([1, 1, 2, 3])
        parts.append((opening, False))
        for n in range(count):
            parts += [(" " if n else "", False), (choose(self._sentences), True)]
        return [*parts, (self._fill(closing, self._random.randint(1, 30)), False)]

    def _decorated(self, enclosing: tuple[str, str]) -> list[tuple[str, bool]]:
        return [(enclosing[0], False), (self._random.choice(self._sentences), True), (enclosing[1], False)]

    def _fill(self, style: str, number: int) -> str:
        return style.format(n=number, letter="abcdefghi"[(number - 1) % 9], roman=ROMAN[(number - 1) % 9])


def main() -> None:
    """Translate generated documents, and print how many keep their structure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--source", type=Path, default=DEMO / "dev.en", help="sentences, one per line")
    parser.add_argument("--sentences", type=int, default=200, help="number of different sentences")
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--failures", type=int, default=10, help="number of differences to print")
    options = parser.parse_args()
    lines = [line for line in options.source.read_text(encoding="utf-8").splitlines() if re.search(r"\w[.!?]$", line)]
    translator = Translator.load(options.model)
    sentences = lines[: options.sentences]
    translations = dict(zip(sentences, (each.text for each in translator.translate(sentences)), strict=True))
    generator = Generator(sentences, seed=1)
    documents = [generator.document() for _ in range(options.documents)]
    plain = [PlainDocument("".join(text for text, _ in parts), translator.source_language) for parts in documents]
    segments = list(dict.fromkeys(segment for document in plain for segment in document.segments))
    translated = dict(zip(segments, translator.translate(segments), strict=True))
    failures: list[tuple[str, str, str]] = []
    for parts, document in zip(documents, plain, strict=True):
        found = document.assemble([translated[segment] for segment in document.segments]).text
        expected = "".join(translations[text] if is_sentence else text for text, is_sentence in parts)
        if found != expected:
            failures.append(("".join(text for text, _ in parts), expected, found))
    kept = len(documents) - len(failures)
    print(f"{kept} of {len(documents)} documents ({len(segments)} segments) keep their structure")
    for source, expected, found in failures[: options.failures]:
        print(f"    source     {source!r}\n    expected   {expected!r}\n    translated {found!r}\n")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
