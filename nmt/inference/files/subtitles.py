"""Subtitles in SubRip (.srt) and WebVTT (.vtt).

Sentences that run across cues are translated whole, and the translation is divided among the same cues. Numbers, time
codes and settings are copied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar, NamedTuple

from nmt.inference.files.format import FileFormat, Piece, ReadOptions, register_format
from nmt.inference.files.inline import InlineCode, InlineDocument, InlineItem
from nmt.inference.files.subtitle_layout import divide_text, wrap_cue
from nmt.inference.files.text_content import read_lines
from nmt.text.tag_projection import TagKind

_TIME = r"(?:\d+:)?\d{1,2}:\d{2}[,.]\d{1,3}"
_TIMING = re.compile(rf"\s*({_TIME})\s*-->\s*({_TIME})")
_TAG = re.compile(r"</?(?:[biuscv]|font|ruby|rt|lang)\b[^<>]*>|</?c[.\w-]*>|\{\\[^{}]*\}|<\d[\d:.]*>", re.IGNORECASE)
_SENTENCE_END = re.compile(r"""[.!?…。！？♪♫\])"][\s"'”’»)\]]*\Z""")
_NEW_SPEAKER = re.compile(r"\s*(?:[-–—]\s*\S|♪|#\s|[^\W\d_]+[ .\w]{0,30}:\s)")
_MAX_PAUSE = 3.0  # seconds between two cues of a sentence
_MAX_CUES = 8  # of a sentence


class _Cue(NamedTuple):
    head: str
    """Everything before the text: number, time codes and settings."""
    text: str
    """Lines of text without the last line end."""
    tail: str
    """Line end of the text, and empty lines."""
    start: float
    end: float

    @property
    def is_text(self) -> bool:
        return any(map(str.isalpha, self.text))

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


class _SubtitleFormat(FileFormat):
    """Subtitles with time codes."""

    copied_blocks: ClassVar[re.Pattern[str]]
    """Pattern of the beginning of blocks that are no cues."""

    def read(self, path: Path, options: ReadOptions) -> Iterator[Piece]:
        """Yield cues in groups, each of which is a sentence or several."""
        group: list[_Cue] = []
        for block in _blocks(read_lines(path)):
            cue = None if self.copied_blocks.match(block) else _parse_cue(block)
            if cue is None or not cue.is_text:
                yield from _pieces(group, options)
                group = []
                yield Piece(block.encode())
                continue
            if group and not _continues(group, cue):
                yield from _pieces(group, options)
                group = []
            group.append(cue)
        yield from _pieces(group, options)


@register_format
class SubRipFormat(_SubtitleFormat):
    """SubRip."""

    name = "srt"
    suffixes = (".srt",)
    media_type = "application/x-subrip"
    copied_blocks = re.compile(r"(?!)")


@register_format
class WebVttFormat(_SubtitleFormat):
    """WebVTT."""

    name = "vtt"
    suffixes = (".vtt",)
    media_type = "text/vtt"
    copied_blocks = re.compile(r"(?:WEBVTT|NOTE|STYLE|REGION)\b")


def _blocks(lines: Iterator[str]) -> Iterator[str]:
    """Yield blocks of lines with the empty lines after them."""
    block: list[str] = []
    ended = False
    for line in lines:
        is_empty = not line.strip()
        if block and ended and not is_empty:
            yield "".join(block)
            block = []
        block.append(line)
        ended = is_empty
    if block:
        yield "".join(block)


def _parse_cue(block: str) -> _Cue | None:
    """Return a block as a cue, or None if it has no time codes."""
    lines = block.splitlines(keepends=True)
    for number, line in enumerate(lines[:3]):
        if match := _TIMING.match(line):
            head = "".join(lines[: number + 1])
            text = "".join(lines[number + 1 :])
            stripped = text.rstrip("\r\n \t")
            return _Cue(head, stripped, text[len(stripped) :], _seconds(match[1]), _seconds(match[2]))
    return None


def _seconds(time: str) -> float:
    *larger, seconds = time.replace(",", ".").split(":")
    total = 0
    for part in larger:
        total = 60 * (total + int(part))
    return total + float(seconds)


def _continues(group: Sequence[_Cue], cue: _Cue) -> bool:
    """Return whether a cue may continue the sentence of the cues before it."""
    before = _TAG.sub("", group[-1].text)
    after = _TAG.sub("", cue.text)
    if _SENTENCE_END.search(before) or _NEW_SPEAKER.match(after) or _is_dialogue(cue) or _is_dialogue(group[-1]):
        return False
    first = next((character for character in after if character.isalnum()), "")
    is_cased_start = first.isupper() and not before.rstrip().endswith((",", ";", "-", "–"))
    # A line in capitals, or without any final punctuation, is a title unless the next one begins in lower case.
    is_title = is_cased_start and before.upper() == before
    return len(group) < _MAX_CUES and cue.start - group[-1].end <= _MAX_PAUSE and not is_title


def _is_dialogue(cue: _Cue) -> bool:
    """Return whether a new speaker begins at a line of a cue other than the first one."""
    return any(_NEW_SPEAKER.match(_TAG.sub("", line)) for line in cue.lines[1:])


def _pieces(group: Sequence[_Cue], options: ReadOptions) -> Iterator[Piece]:
    if not group:
        return
    if len(group) == 1 and _is_dialogue(group[0]):
        yield from _dialogue_pieces(group[0], options)
        return
    original = "".join(cue.head + cue.text + cue.tail for cue in group)
    content = list(_group_content(group))
    yield Piece(InlineDocument(content, options.source, partial(_render_group, list(group)), original))


def _dialogue_pieces(cue: _Cue, options: ReadOptions) -> Iterator[Piece]:
    """Yield the turns of several speakers in a cue, each of which keeps its lines."""
    turns: list[list[str]] = []
    for line in cue.text.splitlines(keepends=True):
        if not turns or _NEW_SPEAKER.match(_TAG.sub("", line)):
            turns.append([])
        turns[-1].append(line)
    yield Piece(cue.head.encode())
    for turn in turns:
        text = "".join(turn)
        stripped = text.rstrip("\r\n")
        part = _Cue("", stripped, text[len(stripped) :], cue.start, cue.end)
        content = list(_group_content([part]))
        yield Piece(InlineDocument(content, options.source, partial(_render_group, [part]), text))
    yield Piece(cue.tail.encode())


def _group_content(group: Sequence[_Cue]) -> Iterator[str | InlineCode]:
    """Yield the text of cues with inline codes for their tags; line ends count as spaces."""
    opened: list[InlineCode] = []
    for number, cue in enumerate(group):
        if number:
            yield " "
        text = " ".join(line.strip() for line in cue.lines)
        position = 0
        for match in _TAG.finditer(text):
            yield text[position : match.start()]
            yield _tag_code(match[0], opened)
            position = match.end()
        yield text[position:]


def _tag_code(tag: str, opened: list[InlineCode]) -> InlineCode:
    name = re.sub(r"\W.*", "", tag.strip("</>")).lower()
    if tag.startswith("</"):
        matching = next((code for code in reversed(opened) if code.name == name), None)
        if matching is not None:
            opened.remove(matching)
        return InlineCode(TagKind.CLOSING, tag, name, matching)
    if tag.startswith("{") or tag[1:2].isdigit():
        return InlineCode(TagKind.STANDALONE, tag, is_visible=False)
    code = InlineCode(TagKind.OPENING, tag, name)
    opened.append(code)
    return code


def _render_group(group: Sequence[_Cue], items: Sequence[InlineItem]) -> str:
    """Return cues with a translation divided among them."""
    text, tags = "", list[tuple[int, str]]()
    for item in items:
        if item.code is None:
            text += item.text
        else:
            tags.append((len(text), item.code.data))
    sources = [" ".join(_TAG.sub("", cue.text).split()) for cue in group]
    parts: list[str] = []
    open_tags: list[str] = []
    position = 0
    for number, (cue, end) in enumerate(zip(group, divide_text(text, sources), strict=True)):
        is_last = number == len(group) - 1
        inside = [(offset - position, tag) for offset, tag in tags if position <= offset and (offset < end or is_last)]
        body = wrap_cue(text[position:end], [_TAG.sub("", line) for line in cue.lines])
        newline = "\r\n" if "\r\n" in cue.head + cue.tail else "\n"
        parts += (cue.head, _insert_tags(body, text[position:end], inside, open_tags).replace("\n", newline), cue.tail)
        position = end
    return "".join(parts)


def _insert_tags(body: str, text: str, tags: Sequence[tuple[int, str]], open_tags: list[str]) -> str:
    """Return the lines of a cue with its tags; tags that enclose several cues are closed and opened again."""
    places = [n for n, character in enumerate(body) if not character.isspace()]
    parts = list(open_tags)
    position = 0
    for offset, tag in tags:
        # Line ends replace spaces, so that only the other characters are counted.
        before = sum(not character.isspace() for character in text[:offset])
        if tag.startswith("</"):
            at = places[before - 1] + 1 if before else 0
        else:
            at = places[before] if before < len(places) else len(body)
        at = max(at, position)
        parts += (body[position:at], tag)
        position = at
        if tag.startswith("</"):
            name = tag[2:-1]
            open_tags[:] = [each for each in open_tags if not re.match(rf"<{re.escape(name)}\b", each)]
        elif tag.startswith("<") and not tag[1:2].isdigit():
            open_tags.append(tag)
    parts.append(body[position:])
    parts += (f"</{re.sub(r'[^a-z].*', '', tag[1:].lower())}>" for tag in reversed(open_tags))
    return "".join(parts)
