"""HTML as a document: whole sentences are translated, and all that is not text stays as it was written.

The tags of inline elements are lifted out of a sentence and put back into its translation, in the same order. So the
answer has the tags, comments and other markup of the source, byte for byte, whatever the translations are; and what a
translation leaves as it was, is as it was, entities and line breaks included.

Markup is told from text as the HTML standard's tokenizer does, which no input is an error for. (The parser of Python's
library gives no ranges, raises on some input, and takes time in the square of the length of other.)
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape, unescape
from typing import TYPE_CHECKING

from nmt.inference.documents.plain import Answer, combine, fill, one_line, touching
from nmt.text.sentence_splitting import separate_from_next, split_sentences
from nmt.text.tag_projection import InlineTag, TagKind, project_tags

if TYPE_CHECKING:
    from nmt.inference.translator import Translation

_VALUE = r""" "[^"]*+"? | '[^']*+'? | [^\s>]*+ """
_NAME = r"[^\s/>][^\s/>=]*+"
_MARKUP = re.compile(
    rf"""
      <!--(?: -?> | .*?(?:--!?>|\Z) )         # a comment
    | <!\[CDATA\[.*?(?:\]\]>|\Z)
    | <[!?][^>]*+>?                           # a doctype, a processing instruction
    | </(?: > | [^a-z>][^>]*+>? )             # what the standard makes a comment of
    | <(?P<closing>/?)(?P<name>[a-z][^\s/>]*+)
      (?: \s++ | /(?!>) | {_NAME}(?:\s*+=\s*+(?:{_VALUE}))?+ )*+
      (?P<empty>/?)>?                         # a tag that never ends takes the rest of the text
    """,
    re.ASCII | re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_ATTRIBUTE = re.compile(rf"({_NAME})(?:\s*+=\s*+({_VALUE}))?", re.ASCII | re.VERBOSE)
_REFERENCE = re.compile(r"&(?:#(?:\d+|x[\da-f]+)|[a-z][a-z\d]*);?", re.ASCII | re.IGNORECASE)


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


# Elements that are part of a sentence; all others, known or not, bound the text around and in them.
_INLINE = _names(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i img ins kbd label mark math nobr q rb rp rt ruby s "
    "samp small span strike strong sub sup time tt u var wbr"
)
_VOID = _names("area base br col embed hr img input link meta param source track wbr")
# Up to their end tag, these hold no markup.
_RAW = _names("iframe noembed noframes script style textarea xmp")
_RAW_END = {name: re.compile(rf"</{name}(?=[\s/>])", re.ASCII | re.IGNORECASE) for name in _RAW}
_COPIED = _RAW | _names("code kbd math pre rp rt samp var")


class HtmlDocument:
    """An HTML page or a piece of one, well made or not."""

    def __init__(self, text: str, language: str) -> None:
        self._text = text
        self._sentences = [sentence for run in _runs(text) for sentence in run.sentences(text, language)]
        self.segments: Sequence[str] = [sentence.text for sentence in self._sentences]

    def assemble(self, translations: Sequence[Translation]) -> Answer:
        """The text's translation, given those of all its segments. It has no alignment."""
        return combine(translations, self._put_together, alignment=None)

    def _put_together(self, translations: Sequence[Translation]) -> str:
        return fill(
            self._text,
            [(each.start, each.stop) for each in self._sentences],
            [
                sentence.translated(translation, self._text)
                for sentence, translation in zip(self._sentences, translations, strict=True)
            ],
        )


def visible_text(html: str) -> str:
    """What ``html`` says, without what says nothing in a language: tags, comments, scripts and code."""
    return "\n".join(filter(None, (run.text.strip() for run in _runs(html))))


@dataclass(slots=True)
class _Tag:
    """An inline tag, or what is put back like one: a comment, an element without text, one that is not translated."""

    start: int
    stop: int
    kind: TagKind
    place: int
    """Where it stands in the text of the run, and"""
    far: int
    """where the other end of its element does; a point's is its own."""


@dataclass(frozen=True, slots=True)
class _Sentence:
    """What is translated as one, the range of the HTML that its translation replaces, and the marks that move in it."""

    text: str
    start: int
    stop: int
    marks: Sequence[InlineTag]
    markup: Sequence[str]
    touches_next: bool

    def translated(self, translation: Translation, html: str) -> str:
        """The translation as HTML, marks and all."""
        target = one_line(translation.text)
        if target == self.text:
            return html[self.start : self.stop]
        if self.touches_next:
            target = separate_from_next(target)
        places = project_tags(self.marks, self.text, target, translation.alignment)
        chunks: list[str] = []
        end = 0
        for mark, markup, here in zip(self.marks, self.markup, places, strict=True):
            chunks += (escape(target[end:here], quote=False), self._spaced(mark, markup, target, here))
            end = here
        return "".join((*chunks, escape(target[end:], quote=False)))

    def _spaced(self, mark: InlineTag, markup: str, target: str, here: int) -> str:
        """A point may stand for a word: it has spaces where it had, at the ends of the target aside."""
        if mark.kind is TagKind.STANDALONE and here > 0 and _is_space(self.text, mark.position - 1):
            markup = markup if _is_space(target, here - 1) else f" {markup}"
        if mark.kind is TagKind.STANDALONE and here < len(target) and _is_space(self.text, mark.position):
            markup = markup if _is_space(target, here) else f"{markup} "
        return markup


class _Run:
    """Text that no block-level tag divides, without the tags in it."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.starts: list[int] = []
        """For each character, where it begins in the HTML,"""
        self.stops: list[int] = []
        """and where it ends: an entity is one character, seldom several."""
        self.tags: list[_Tag] = []

    def add_text(self, html: str, start: int, stop: int) -> None:
        """Text with entities."""
        for reference in _REFERENCE.finditer(html, start, stop):
            characters = unescape(reference.group())
            if characters != reference.group():
                self._add_literal(html, start, reference.start())
                start = reference.end()
                self.pieces.append(characters)
                self.starts += [reference.start(), *[start] * len(characters)][: len(characters)]
                self.stops += [start] * len(characters)
        self._add_literal(html, start, stop)

    def _add_literal(self, html: str, start: int, stop: int) -> None:
        self.pieces.append(html[start:stop])
        self.starts += range(start, stop)
        self.stops += range(start + 1, stop + 1)

    def add_point(self, start: int, stop: int) -> None:
        """What has no text in it."""
        self.tags.append(_Tag(start, stop, TagKind.STANDALONE, len(self.starts), len(self.starts)))

    def add_opening(self, start: int, stop: int) -> None:
        """A start tag. Until its element is closed, that reaches to the end of the run."""
        self.tags.append(_Tag(start, stop, TagKind.OPENING, len(self.starts), sys.maxsize))

    def add_closing(self, start: int, stop: int, opening: int | None) -> None:
        """An end tag. ``opening`` is the place of the start tag among the tags of the run, if it is one of them."""
        here = len(self.starts)
        if opening is None:
            self.tags.append(_Tag(start, stop, TagKind.CLOSING, here, 0))
        elif self.tags[opening].place == here:
            start = self.tags[opening].start
            del self.tags[opening:]
            self.add_point(start, stop)
        else:
            self.tags[opening].far = here
            self.tags.append(_Tag(start, stop, TagKind.CLOSING, here, self.tags[opening].place))

    @property
    def text(self) -> str:
        """All its text, a space for each line break."""
        return one_line("".join(self.pieces))

    def sentences(self, html: str, language: str) -> Iterator[_Sentence]:
        """The run's sentences, each with the tags that may move in it."""
        text = self.text
        places = [tag.place for tag in self.tags]
        free = 0
        ranges = split_sentences(text, language)
        for (start, stop), touches_next in zip(ranges, touching(ranges), strict=True):
            nearby = range(max(free, bisect_left(places, start)), bisect_right(places, stop))
            # Tags at an edge stay there, unless the other end of their element is inside.
            moving = [n for n in nearby if start < places[n] < stop or start < self.tags[n].far < stop]
            tags = self.tags[moving[0] : moving[-1] + 1] if moving else []
            free = moving[-1] + 1 if moving else free
            yield _Sentence(
                text[start:stop],
                min([self.starts[start], *(tag.start for tag in tags[:1])]),
                max([self.stops[stop - 1], *(tag.stop for tag in tags[-1:])]),
                [_mark(tag, start, stop) for tag in tags],
                [html[tag.start : tag.stop] for tag in tags],
                touches_next,
            )


def _mark(tag: _Tag, start: int, stop: int) -> InlineTag:
    """A tag of a run as a mark of the sentence ``[start, stop)``."""
    begin, end = sorted(min(max(edge, start), stop) - start for edge in (tag.place, tag.far))
    return InlineTag(tag.kind, begin, end)


def _is_space(text: str, place: int) -> bool:
    return text[place : place + 1].isspace()


class _Reader:
    """Follows the tags of a page and sorts its text into runs."""

    def __init__(self, html: str) -> None:
        self._html = html
        self.runs = [_Run()]
        self._open: list[tuple[str, _Run, int]] = []
        """The open elements, outermost first: name, run, place among its tags."""
        self._levels: defaultdict[str, list[int]] = defaultdict(list)
        """Where in that list those of a name are."""
        self._copied: tuple[str, int, int] | None = None
        """Of the element that is copied as a whole: name, level, and where it starts in the HTML."""

    def text(self, start: int, stop: int) -> None:
        """Text with entities."""
        if self._copied is None:
            self.runs[-1].add_text(self._html, start, stop)

    def point(self, start: int, stop: int, name: str | None) -> None:
        """A comment or the like, or an element that has no content."""
        if self._copied is None:
            if name is None or name in _INLINE:
                self.runs[-1].add_point(start, stop)
            else:
                self.runs.append(_Run())

    def start_tag(self, start: int, stop: int, name: str) -> None:
        """An element begins."""
        run = self.runs[-1]
        self._levels[name].append(len(self._open))
        self._open.append((name, run, len(run.tags)))
        if self._copied is None:
            if name in _COPIED or _is_protected(self._html[start:stop]):
                self._copied = name, len(self._open) - 1, start
            elif name in _INLINE:
                run.add_opening(start, stop)
            else:
                self.runs.append(_Run())

    def end_tag(self, start: int, stop: int, name: str) -> None:
        """The innermost element of the name ends, and with it all that are in it."""
        run, opening = None, None
        if self._levels[name]:
            level = self._levels[name][-1]
            _, run, opening = self._open[level]
            while len(self._open) > level:
                self._levels[self._open.pop()[0]].pop()
        if self._copied is not None:
            copied_name, copied_level, copied_start = self._copied
            if len(self._open) > copied_level:
                return
            self._copied = None
            is_its_own = len(self._open) == copied_level
            self.point(copied_start, stop if is_its_own else start, copied_name)
            if is_its_own:
                return
        if name in _INLINE:
            self.runs[-1].add_closing(start, stop, opening if run is self.runs[-1] else None)
        else:
            self.runs.append(_Run())


def _runs(html: str) -> list[_Run]:
    """The text of a page, in the order of the page."""
    reader = _Reader(html)
    end = 0
    while markup := _MARKUP.search(html, end):
        start = markup.start()
        reader.text(end, start)
        end = markup.end()
        name = markup["name"] and markup["name"].lower()
        if name in _RAW and not markup["closing"]:
            reader.start_tag(start, end, name)
            raw_end = _RAW_END[name].search(html, end)
            end = raw_end.start() if raw_end else len(html)
        elif name is None or name in _VOID or markup["empty"]:
            reader.point(start, end, name)
        elif markup["closing"]:
            reader.end_tag(start, end, name)
        else:
            reader.start_tag(start, end, name)
    reader.text(end, len(html))
    return reader.runs


def _is_protected(tag: str) -> bool:
    """Whether a start tag says that its element is not to be translated."""
    if "translate" not in tag.lower():
        return False
    attributes = {name.lower(): value.strip("\"'").lower() for name, value in _ATTRIBUTE.findall(tag)}
    return attributes.get("translate") == "no" or "notranslate" in attributes.get("class", "").split()
