"""Markdown. The parser markdown-it decides what is text; everything else is copied."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nmt.inference.documents.document import Document
from nmt.inference.documents.html import HtmlDocument
from nmt.inference.files.format import FileFormat, Piece, ReadOptions, register_format
from nmt.inference.files.inline import InlineCode, InlineDocument, InlineItem
from nmt.inference.files.text_content import read_text
from nmt.text.tag_projection import TagKind

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_FRONT_MATTER = re.compile(r"---[ \t]*\r?\n.*?^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_HTML_NAMES = {"em": "em", "strong": "strong", "s": "s", "link": "a"}
_MARKUP_IN_TEXT = re.compile(r"[\\`\[\]]|(?<!\s)\*|\*(?!\s)|(?<!\w)_|_(?!\w)|<(?=[\w/!?])|&(?=\w+;|#)")
_MARK_AT_START = re.compile(r"#{1,6}\s|[-+>]\s|\d+(?=[.)]\s)")


@register_format
class MarkdownFormat(FileFormat):
    """Markdown as GitHub writes it."""

    name = "md"
    suffixes = (".md", ".markdown")
    media_type = "text/markdown"

    def read(self, path: Path, options: ReadOptions) -> Iterator[Piece]:
        """Yield the paragraphs, headings and cells, and everything between them."""
        from markdown_it import MarkdownIt  # in the extra ``documents``

        text = read_text(path)
        parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).disable("text_join")
        front = _FRONT_MATTER.match(text)
        position = front.end() if front else 0
        yield Piece(text[:position].encode())
        starts = _line_starts(text, position)
        for token in parser.parse(text[position:]):
            if token.map is None:
                continue
            first, last = starts[token.map[0]], starts[min(token.map[1], len(starts) - 1)]
            found = _find_inline(text, max(first, position), last, token, options, parser)
            if found is not None:
                start, stop, document = found
                yield Piece(text[position:start].encode())
                yield Piece(document)
                position = stop
        yield Piece(text[position:].encode())


def _line_starts(text: str, position: int) -> list[int]:
    """Return the offset of each line after a position, and of the end. The parser knows these line ends only."""
    starts = [position, *(match.end() for match in re.compile(r"\r\n|\n|\r").finditer(text, position))]
    return [*starts, len(text)]


def _find_inline(
    text: str, start: int, stop: int, token: Token, options: ReadOptions, parser: MarkdownIt
) -> tuple[int, int, Document] | None:
    """Return the range of a token in the file with its document, if it has text."""
    if token.type == "html_block":
        return start, stop, HtmlDocument(text[start:stop], options.source)
    if token.type != "inline" or not token.content.strip():
        return None
    raw = _locate(text, start, stop, token.content)
    if raw is None:
        return None
    begin, end = raw
    original = text[begin:end]
    content = list(_inline_content(token.children or [], token.content))
    gap = _line_gap(original)
    spans = [each for each in content if isinstance(each, str) and each.startswith("`")]
    document = InlineDocument(content, options.source, partial(_render, gap=gap, code_spans=spans), original)
    return (begin, end, document) if document.segments else None


def _locate(text: str, start: int, stop: int, content: str) -> tuple[int, int] | None:
    """Return the range of a content whose lines the parser has freed from indentation and quotation marks."""
    begin = -1
    for line in content.split("\n"):
        found = text.find(line, start, stop)
        if found < 0:  # for example a tab that the parser has expanded
            return None
        begin = found if begin < 0 else begin
        start = found + len(line)
    return begin, start


def _line_gap(original: str) -> str:
    r"""Return what stands between two lines of a paragraph, such as ``\n> `` in a quotation."""
    match = re.search(r"\r?\n[ \t>]*", original)
    return match[0] if match else "\n"


def _inline_content(tokens: Sequence[Token], raw: str) -> Iterator[str | InlineCode]:
    """Yield the texts and codes of a paragraph, given its tokens, by looking for each in the source in order."""
    position = 0
    opened: list[InlineCode] = []
    for token in tokens:
        kind = token.type
        if kind == "text":
            position = _skip(raw, position, token.content)
            yield token.content
        elif kind == "text_special":
            position = _skip(raw, position, token.markup)
            yield token.content
        elif kind == "softbreak":
            position = _skip(raw, position, "\n")
            yield " "
        elif kind == "hardbreak":
            end = raw.index("\n", position) + 1
            yield InlineCode(TagKind.STANDALONE, raw[position:end], "br", separates_words=True)
            position = end
        elif token.nesting == 1:
            markup = {"link_open": "["}.get(kind, token.markup)
            if kind == "link_open" and token.markup == "autolink":
                markup = "<"
            position = _skip(raw, position, markup)
            code = InlineCode(TagKind.OPENING, markup, _HTML_NAMES.get(kind.removesuffix("_open"), ""))
            opened.append(code)
            yield code
        elif token.nesting == -1:
            code = opened.pop()
            end = _closing_end(raw, position, token, code)
            yield InlineCode(TagKind.CLOSING, raw[position:end], code.name, code)
            position = end
        elif kind == "code_inline":
            end = _standalone_end(raw, position, token)
            yield raw[position:end]  # a protected span, around which the network translates
            position = end
        else:
            end = _standalone_end(raw, position, token)
            yield InlineCode(TagKind.STANDALONE, raw[position:end], is_visible=kind != "html_inline")
            position = end


def _skip(raw: str, position: int, text: str) -> int:
    """Return the position after a text. Spaces at the edges of lines are not part of the tokens."""
    found = raw.find(text, position)
    return (found if found >= 0 else position) + len(text)


def _closing_end(raw: str, position: int, token: Token, opening: InlineCode) -> int:
    """Return the end of the markup that ends an element."""
    if opening.data == "<":
        return raw.index(">", position) + 1
    if token.type != "link_close":
        return position + len(token.markup)
    return _link_end(raw, raw.index("]", position) + 1)


def _link_end(raw: str, end: int) -> int:
    """Return the end of the destination of a link, whose text ends at ``end``."""
    from markdown_it.helpers import parseLinkDestination, parseLinkTitle

    if raw[end : end + 1] == "[":
        close = raw.find("]", end)
        return close + 1 if close >= 0 else end
    if raw[end : end + 1] != "(":
        return end
    position = _skip_space(raw, end + 1)
    destination = parseLinkDestination(raw, position, len(raw))
    position = _skip_space(raw, destination.pos if destination.ok else position)
    title = parseLinkTitle(raw, position, len(raw))
    position = _skip_space(raw, title.pos if title.ok else position)
    return position + 1 if raw[position : position + 1] == ")" else end


def _skip_space(raw: str, position: int) -> int:
    while raw[position : position + 1] in {" ", "\t", "\n"}:
        position += 1
    return position


def _standalone_end(raw: str, position: int, token: Token) -> int:
    """Return the end of a code span, an image or an HTML tag."""
    if token.type == "code_inline":
        marks = len(token.markup)
        start = raw.index(token.markup, position)
        match = re.compile(rf"(?<!`)`{{{marks}}}(?!`)").search(raw, start + marks)
        return match.end() if match else len(raw)
    if token.type == "image":
        depth, end = 0, raw.index("[", position)
        while end < len(raw):
            if raw[end] == "\\":
                end += 1
            elif raw[end] in "[]":
                depth += 1 if raw[end] == "[" else -1
                if depth == 0:
                    break
            end += 1
        return _link_end(raw, end + 1)
    return _skip(raw, position, token.content)


def _render(items: Sequence[InlineItem], gap: str, code_spans: Sequence[str]) -> str:
    """Return the translation of a paragraph, which is written on one line, apart from hard line breaks."""
    parts: list[str] = []
    for item in items:
        if item.code is None:
            parts.append(_escape(item.text, code_spans, is_first=not parts))
        else:
            parts.append(item.code.data.replace("\n", gap.lstrip("\r") if "\r" not in gap else gap))
    return "".join(parts)


def _escape(text: str, code_spans: Sequence[str], *, is_first: bool) -> str:
    """Return text in which no character is markup, apart from code spans."""
    spans = "|".join(map(re.escape, sorted(code_spans, key=len, reverse=True))) or "(?!)"
    escaped = "".join(
        part if number % 2 else _MARKUP_IN_TEXT.sub(r"\\\g<0>", part)
        for number, part in enumerate(re.split(f"({spans})", text))
    )
    if is_first and (match := _MARK_AT_START.match(escaped)):
        number = match.end() if match[0].isdecimal() else 0
        escaped = f"{escaped[:number]}\\{escaped[number:]}"
    return escaped
