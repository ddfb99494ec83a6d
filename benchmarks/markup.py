"""Check on generated documents that the translation of HTML and XML preserves everything but the text.

    python benchmarks/markup.py data/demo-en-fr/model

The documents nest up to six levels of known, unknown and custom elements with attributes, comments, character
references, CDATA sections, marks, labels and copied elements. After translation, parsers that have nothing to do with
this package (html5lib, and Expat through ElementTree) read the source and the output, which must have

- the same elements, comments and attributes, apart from attributes that contain text,
- the same content in copied elements,
- the same text between sentences,
- a separation between words wherever tags stood between separate words in the source, and no space between a word and
  the comma or full stop that follows it.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple
from xml.etree import ElementTree as ET

import html5lib

from nmt.inference.documents.html import HtmlDocument
from nmt.inference.documents.xml import XmlDocument
from nmt.inference.translation import Translation
from nmt.inference.translator import Translator

Format = Literal["html", "xml"]
Translate = Callable[[Sequence[str]], Iterable[Translation]]
MAX_DEPTH = 6
DEMO = Path(__file__).parents[1] / "data" / "demo-en-fr"
_INLINE = {
    "html": ["b", "i", "em", "span", "x", "my-term", "u", "mark", "output", "font", "slot", "bdo", "ins"],
    "xml": ["b", "x", "term", "ns:e", "hi", "my-term", "g"],
}
_BLOCKS = {
    "html": ["div", "section", "article", "blockquote", "main"],
    "xml": ["sec", "ns:part", "list", "body", "chapter"],
}
_LEAVES = {"html": ["p", "h2", "li", "td-x", "dd", "figcaption"], "xml": ["para", "title", "ns:item", "entry"]}
_COPIED = {
    "html": [
        "<code>a &lt;b&gt; c</code>",
        "<kbd>Ctrl x</kbd>",
        "<b translate=no>Do not</b>",
        "<svg><text>no</text></svg>",
    ],
    "xml": ["<code>a &lt; b</code>", "<t translate='no'>Do <b>not</b></t>", "<script>x y</script>"],
}
_UNITS = {
    "html": [
        "<img src=x alt='The cat'>",
        "<my-icon></my-icon>",
        "<!-- a <b> c -->",
        "<input>",
        "<wbr>",
        "<sup>1</sup>",
    ],
    "xml": ["<ph id='1'/>", "<x></x>", "<!-- a <b> c -->", "<?pi a b?>", "<hi>1</hi>"],
}
_TEXT_ATTRIBUTES = {"alt", "aria-label", "title", "placeholder"}
# Elements that are displayed apart from each other.
_SEPARATE = {*_BLOCKS["html"], "p", "h2", "li", "dd", "figcaption", "button"}
_COPIED_NAMES = {"code", "kbd", "script", "svg"}


class Piece(NamedTuple):
    """A part of a generated document."""

    text: str
    is_sentence: bool


class Item(NamedTuple):
    """A tag, comment or text, as an independent parser reports it."""

    kind: Literal["start", "end", "comment", "text"]
    content: str
    """Name of the element, or text."""
    attributes: tuple[tuple[str, str], ...] = ()


class Generator:
    """Generator of random documents around given sentences."""

    def __init__(self, sentences: Sequence[str], kind: Format, seed: int) -> None:
        self._random = random.Random(seed)
        self._sentences = sentences
        self._kind: Format = kind
        self._count = 0

    def document(self) -> list[Piece]:
        """Return a document as alternating markup and sentences."""
        if self._kind == "xml":
            start, stop = "<?xml version='1.0'?>\n<doc xmlns:ns='n'>", "</doc>\n"
        elif self._random.random() < 0.5:
            start, stop = "<!DOCTYPE html>\n<html lang=fr><head><meta charset=utf-8></head><body>", "</body></html>"
        else:
            start, stop = "<div>", "</div>"
        return [Piece(start, False), *self._children(1), Piece(stop, False)]

    def _children(self, depth: int) -> list[Piece]:
        pieces: list[Piece] = []
        for _ in range(self._random.randint(1, 3)):
            pieces.append(Piece(self._random.choice(["", "\n  ", "<!-- comment -->", " "]), False))
            if depth < MAX_DEPTH and self._random.random() < 0.5:
                start, stop = self._tags(self._random.choice(_BLOCKS[self._kind]))
                pieces += [Piece(start, False), *self._children(depth + 1), Piece(stop, False)]
            else:
                pieces += self._leaf(depth)
        return pieces

    def _leaf(self, depth: int) -> list[Piece]:
        """Return a block of sentences, or of labels."""
        start, stop = self._tags(self._random.choice(_LEAVES[self._kind]))
        pieces = [Piece(start, False)]
        if self._kind == "html" and self._random.random() < 0.2:
            name, separator = self._random.choice(["a", "button"]), self._random.choice(["", " ", " | "])
            for n in range(self._random.randint(2, 4)):
                opening, closing = self._tags(name)
                label = self._random.choice(self._sentences)
                pieces += [Piece((separator if n else "") + opening, False), Piece(label, True), Piece(closing, False)]
        else:
            for n in range(self._random.randint(1, 3)):
                pieces.append(Piece(self._random.choice(["  ", "\n    ", "&#32; "]) if n else "", False))
                pieces.append(Piece(self._sentence(MAX_DEPTH - depth), True))
        return [*pieces, Piece(stop, False)]

    def _sentence(self, depth: int) -> str:
        words = self._random.choice(self._sentences).split()
        return self._mark(words, depth)

    def _mark(self, words: list[str], depth: int) -> str:
        """Return words with elements around some of them and units between them."""
        if self._kind == "xml" and len(words) > 1 and self._random.random() < 0.05:
            return f"<![CDATA[{' '.join(words)}]]>"
        n = 0
        parts: list[str] = []
        while n < len(words):
            length = self._random.randint(1, min(4, len(words) - n))
            part = words[n : n + length]
            n += length
            draw = self._random.random()
            if draw < 0.25 and depth > 0 and (length > 1 or part[0].isalpha()):
                name = self._random.choice(_INLINE[self._kind])
                start, stop = self._tags(name)
                parts.append(f"{start}{self._mark(part, depth - 1)}{stop}")
            elif draw < 0.4 and n < len(words):
                glue = self._random.choice(["", " "])
                parts.append(" ".join(part) + glue + self._random.choice(_UNITS[self._kind]))
            elif draw < 0.45 and n < len(words):
                parts += [" ".join(part), self._random.choice(_COPIED[self._kind])]
            else:
                parts.append(" ".join(part))
        return " ".join(parts)

    def _tags(self, name: str) -> tuple[str, str]:
        """Return the tags of an element with an attribute that makes it unique, and perhaps others."""
        self._count += 1
        others = ["", " data-x='a &amp; b'", ' class="c d"', " title='The cat'"]
        return f"<{name} id='n{self._count}'{self._random.choice(others)}>", f"</{name}>"


def parse(text: str, kind: Format) -> list[Item]:
    """Return the content of a document according to an independent parser."""
    if kind == "html":
        root = html5lib.parse(text, namespaceHTMLElements=False)
    else:
        parser = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True, insert_pis=True))
        parser.feed(text)
        root = parser.close()
    items: list[Item] = []
    _flatten(root, items)
    return items


def _flatten(element: ET.Element, items: list[Item]) -> None:
    if not isinstance(element.tag, str):
        items.append(Item("comment", element.text or ""))
        return
    items.append(Item("start", element.tag, tuple(sorted(element.attrib.items()))))
    items.append(Item("text", element.text or ""))
    for child in element:
        _flatten(child, items)
        items.append(Item("text", child.tail or ""))
    items.append(Item("end", element.tag))


def find_problems(pieces: Sequence[Piece], output: str, kind: Format) -> list[str]:
    """Return what the translation of a document has changed apart from the text."""
    source_items = parse("".join(piece.text for piece in pieces), kind)
    output_items = parse(output, kind)
    problems = []
    if _markup(source_items) != _markup(output_items):
        return ["elements"]
    if _copied_texts(source_items) != _copied_texts(output_items):
        problems.append("copied elements")
    if not _has_same_gaps(pieces, output):
        problems.append("text between sentences")
    edges = list(zip(_edges(source_items), _edges(output_items), strict=True))
    if any(_is_joined(after) and not _is_joined(before) for before, after in edges):
        problems.append("joined words")
    if any(after[0].isspace() and after[1] in {",", "."} and before[1] not in {",", "."} for before, after in edges):
        problems.append("separated punctuation")
    return problems


def _markup(items: Sequence[Item]) -> list[Item]:
    """Return the tags and comments, without the values of attributes that contain text."""
    found = []
    for item in items:
        if item.kind != "text":
            attributes = [(name, "" if name in _TEXT_ATTRIBUTES else value) for name, value in item.attributes]
            found.append(item._replace(attributes=tuple(attributes)))
    return found


def _copied_texts(items: Sequence[Item]) -> list[str]:
    """Return the texts in elements that must be copied."""
    found = []
    open_elements: list[bool] = []
    for item in items:
        if item.kind == "start":
            is_copied = item.content in _COPIED_NAMES or ("translate", "no") in item.attributes
            open_elements.append(is_copied or bool(open_elements and open_elements[-1]))
        elif item.kind == "end":
            open_elements.pop()
        elif item.kind == "text" and open_elements and open_elements[-1]:
            found.append(item.content)
    return found


def _has_same_gaps(pieces: Sequence[Piece], output: str) -> bool:
    """Return whether the output consists of the markup around the sentences, in order, and text between it."""
    attribute = re.compile(r"((?:title|alt)=)(?:'[^']*'|\"[^\"]*\")")
    rest = attribute.sub(r"\1", output)
    gaps = [""]
    for piece in pieces:
        if not piece.is_sentence:
            gaps[-1] += attribute.sub(r"\1", piece.text)
        else:
            gaps.append("")
    if not (rest.startswith(gaps[0]) and rest.endswith(gaps[-1])):
        return False
    position = len(gaps[0])
    for gap in gaps[1:]:
        found = rest.find(gap, position + 1)
        if found < 0:
            return False
        position = found + len(gap)
    return position == len(rest) or gaps[-1] == ""


def _edges(items: Sequence[Item]) -> list[tuple[str, str]]:
    """Return the characters of text before and after each tag and comment."""
    before, after = [], []
    last = " "
    for item in items:
        if item.kind == "text":
            last = item.content[-1:] or last
        else:
            last = " " if item.content in _SEPARATE else last
            before.append(last)
    last = " "
    for item in reversed(items):
        if item.kind == "text":
            last = item.content[:1] or last
        else:
            last = " " if item.content in _SEPARATE else last
            after.append(last)
    return list(zip(before, reversed(after), strict=True))


def _is_joined(edge: tuple[str, str]) -> bool:
    return edge[0].isalnum() and edge[1].isalnum()


def check(
    kind: Format, count: int, sentences: Sequence[str], translate: Translate, seed: int = 1
) -> Iterator[tuple[list[str], str, str]]:
    """Yield for each generated document its problems, the source and the output."""
    generator = Generator(sentences, kind, seed)
    documents = [generator.document() for _ in range(count)]
    sources = ["".join(piece.text for piece in pieces) for pieces in documents]
    parsed = [
        (HtmlDocument if kind == "html" else XmlDocument)(source, "en", target_language="fr") for source in sources
    ]
    translations = iter(translate([segment for document in parsed for segment in document.segments]))
    for pieces, source, document in zip(documents, sources, parsed, strict=True):
        output = document.assemble([next(translations) for _ in document.segments]).text
        yield find_problems(pieces, output, kind), source, output


def main() -> None:
    """Check the documents and print the share of those that are preserved."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--html", type=int, default=1000, help="number of HTML documents")
    parser.add_argument("--xml", type=int, default=500, help="number of XML documents")
    parser.add_argument("--sentences", type=Path, default=DEMO / "test.en", help="sentences, one per line")
    parser.add_argument("--show", type=int, default=2, help="number of documents with problems to print")
    options = parser.parse_args()
    translator = Translator.load(options.model)
    decoding = replace(translator.decoding_options, return_attention=True)
    sentences = options.sentences.read_text(encoding="utf-8").splitlines()
    kinds: list[tuple[Format, int]] = [("html", options.html), ("xml", options.xml)]
    failed = 0
    for kind, count in kinds:
        problems: Counter[str] = Counter()
        shown = 0
        num_preserved = 0
        for found, source, output in check(
            kind, count, sentences, lambda texts: translator.stream(texts, options=decoding)
        ):
            num_preserved += not found
            problems.update(found)
            if found and shown < options.show:
                shown += 1
                print(f"{', '.join(found)}:\n{source}\n{output}\n")
        details = ", ".join(f"{name}: {number}" for name, number in problems.most_common())
        print(f"{kind}: {num_preserved} of {count} documents preserved. {details}", flush=True)
        failed += count - num_preserved
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
