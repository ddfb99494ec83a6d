"""Generated documents keep their markup, as independent parsers see it, with a translator that reorders words."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from nmt.inference.translation import Translation

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

import markup

SENTENCES = [
    "The black cat sleeps in the kitchen.",
    "Where is my key?",
    "He found a book, and he read it.",
    "Our new neighbour has twenty-one small boats.",
]


def reverse_words(texts: Sequence[str]) -> Iterator[Translation]:
    """Translate to the words in upper case and reverse order, with the alignment of the words."""
    for text in texts:
        words = text.split()
        final = words[-1][-1] if words and words[-1][-1] in ".?" else ""
        reversed_words = [word.rstrip(".?").upper() for word in reversed(words)]
        alignment, source, target = [], len(text), 0
        for word, translated in zip(reversed(words), reversed_words, strict=True):
            source = text.rindex(word, 0, source)
            alignment.append((source, source + len(word), target, target + len(translated)))
            target += len(translated) + 1
        yield Translation(" ".join(reversed_words) + final, 0.0, alignment=tuple(alignment))


@pytest.mark.parametrize("kind", ["html", "xml"])
def test_generated_documents_are_preserved(kind: markup.Format) -> None:
    results = list(markup.check(kind, 60, SENTENCES, reverse_words))
    assert [(problems, source) for problems, source, _ in results if problems] == []
    assert sum(source != output for _, source, output in results) > 50


@pytest.mark.parametrize(
    ("kind", "output", "problem"),
    [
        ("html", "<p id=n1>Le <b>chat</b> <code>a b</code> dort.</p>\n<p id=n2>Le chien.</p>", []),
        ("html", "<p id=n1>Le <i>chat</i> <code>a b</code> dort.</p>\n<p id=n2>Le chien.</p>", ["elements"]),
        ("html", "<p id=n1>Le <b>chat</b> <code>a c</code> dort.</p>\n<p id=n2>Le chien.</p>", ["copied elements"]),
        (
            "html",
            "<p id=n1>Le <b>chat</b> <code>a b</code> dort.</p> <p id=n2>Le chien.</p>",
            ["text between sentences"],
        ),
        ("html", "<p id=n1>Le<b>chat</b> <code>a b</code> dort.</p>\n<p id=n2>Le chien.</p>", ["joined words"]),
        ("xml", "<p id='n1'>Le <b>chat</b> <code>a b</code>dort.</p>\n<p id='n2'>Le chien.</p>", ["joined words"]),
        ("xml", "<p id='n1'>Le <b>chat</b> dort <code>a b</code> .</p>\n<p id='n2'>Le chien.</p>", []),
    ],
)
def test_problems_are_found(kind: markup.Format, output: str, problem: list[str]) -> None:
    quote = "'" if kind == "xml" else ""
    pieces = [
        markup.Piece(f"<p id={quote}n1{quote}>", False),
        markup.Piece("The <b>cat</b> <code>a b</code> sleeps.", True),
        markup.Piece(f"</p>\n<p id={quote}n2{quote}>", False),
        markup.Piece("The dog.", True),
        markup.Piece("</p>", False),
    ]
    if kind == "xml":
        pieces = [markup.Piece("<d>", False), *pieces, markup.Piece("</d>", False)]
        output = f"<d>{output}</d>"
    assert markup.find_problems(pieces, output, kind) == problem
