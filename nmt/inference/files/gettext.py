"""Message catalogues of GNU gettext (.po, .pot), of which untranslated entries are translated."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nmt.inference.documents.document import combine_translations
from nmt.inference.documents.plain import PlainDocument
from nmt.inference.files.errors import MAX_UNIT_BYTES, FileFormatError, too_large
from nmt.inference.files.format import FileFormat, Piece, ReadOptions, register_format
from nmt.inference.files.text_content import read_lines

if TYPE_CHECKING:
    from nmt.inference.translation import Translation

_KEYWORD = re.compile(r'(msgctxt|msgid_plural|msgid|msgstr(?:\[\d+\])?)\s+(?=")')
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"\s*\Z')
_LINE_WIDTH = 76


@dataclass(frozen=True)
class _Message:
    """A field of an entry, such as ``msgid``."""

    keyword: str
    text: str
    lines: tuple[int, int]
    """Range of its lines in the entry."""


class _Entry:
    """An entry without a translation."""

    def __init__(self, lines: Sequence[str], messages: Sequence[_Message], language: str) -> None:
        self._lines, self._messages = lines, messages
        texts = {message.keyword: message.text for message in messages}
        self._single = PlainDocument(texts["msgid"], language, joins_lines=False)
        self._plural = PlainDocument(texts["msgid_plural"], language) if "msgid_plural" in texts else None
        self.segments = [*self._single.segments, *(self._plural.segments if self._plural else ())]

    def assemble(self, translations: Sequence[Translation]) -> Translation:
        """Return the entry with its translation."""
        return combine_translations(translations, self._render, alignment=None)

    def _render(self, translations: Sequence[Translation]) -> str:
        count = len(self._single.segments)
        single = self._single.assemble(translations[:count]).text
        plural = self._plural.assemble(translations[count:]).text if self._plural else single
        lines = list(self._lines)
        for message in reversed(self._messages):
            if message.keyword.startswith("msgstr"):
                text = single if message.keyword in {"msgstr", "msgstr[0]"} else plural
                newline = "\r\n" if lines[message.lines[0]].endswith("\r\n") else "\n"
                lines[slice(*message.lines)] = [line + newline for line in _write_message(message.keyword, text)]
        return "".join(lines)


@register_format
class GettextFormat(FileFormat):
    """Message catalogues."""

    name = "po"
    suffixes = (".po", ".pot")
    media_type = "text/x-gettext-translation"

    def read(self, path: Path, options: ReadOptions) -> Iterator[Piece]:
        """Yield the entries. Those that have a translation, and obsolete ones, are copied."""
        line_number = 1
        for lines in _entries(read_lines(path), path):
            messages = _parse_entry(lines, path, line_number)
            line_number += len(lines)
            texts = {message.keyword: message.text for message in messages}
            if texts.get("msgid") == "" and "msgctxt" not in texts:
                yield Piece(_set_language(lines, options.target).encode())
                continue
            translated = [text for keyword, text in texts.items() if keyword.startswith("msgstr")]
            if not texts.get("msgid") or not translated or any(translated):
                yield Piece("".join(lines).encode())
                continue
            yield Piece(_Entry(lines, messages, options.source))


def _entries(lines: Iterator[str], path: Path) -> Iterator[list[str]]:
    """Yield entries, each with the empty lines after it."""
    entry: list[str] = []
    size = 0
    for line in lines:
        if entry and line.strip() and not entry[-1].strip():
            yield entry
            entry, size = [], 0
        entry.append(line)
        size += len(line)
        if size > MAX_UNIT_BYTES:
            raise too_large(str(path), "an entry")
    if entry:
        yield entry


def _parse_entry(lines: Sequence[str], path: Path, first_line: int) -> list[_Message]:
    messages: list[_Message] = []
    for number, line in enumerate(lines):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        keyword = _KEYWORD.match(stripped)
        string = _STRING.match(stripped, keyword.end() if keyword else 0)
        if string is None or (keyword is None and not messages):
            raise FileFormatError(f"{path}:{first_line + number}: not an entry of a catalogue; correct the line")
        text = _unescape(string[1])
        if keyword:
            messages.append(_Message(keyword[1], text, (number, number + 1)))
        else:
            last = messages[-1]
            messages[-1] = _Message(last.keyword, last.text + text, (last.lines[0], number + 1))
    return messages


def _unescape(text: str) -> str:
    """Return a string without its escape sequences, which are those of C."""
    if "\\" not in text:
        return text
    return re.sub(r"\\([0-7]{1,3}|x[0-9a-fA-F]{1,2}|.)", lambda match: _unescape_sequence(match[1]), text)


def _unescape_sequence(code: str) -> str:
    if code[0] in "01234567x":
        return chr(int(code.lstrip("x"), 16 if code[0] == "x" else 8)) if code != "x" else "x"
    return {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "a": "\a"}.get(code, code)


def _write_message(keyword: str, text: str) -> list[str]:
    """Return the lines of a field. A text with several lines, or a long one, begins with an empty string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t").replace("\r", "\\r")
    parts = [part.replace("\n", "\\n") for part in re.findall(r"[^\n]*\n|[^\n]+", escaped)]
    if len(parts) < 2 and len(keyword) + len(escaped) + 3 <= _LINE_WIDTH:
        return [f'{keyword} "{"".join(parts)}"']
    wrapped = [line for part in parts for line in _wrap(part)]
    return [f'{keyword} ""', *(f'"{line}"' for line in wrapped)]


def _wrap(text: str) -> list[str]:
    lines = [""]
    for word in re.findall(r"\S*\s*", text):
        if lines[-1] and len(lines[-1]) + len(word) > _LINE_WIDTH:
            lines.append("")
        lines[-1] += word
    return lines


def _set_language(lines: Sequence[str], target: str) -> str:
    """Return the header of a catalogue with its language changed."""
    code = target.replace("-", "_")
    return re.sub(r'^"Language:[^"\\]*', f'"Language: {code}', "".join(lines), flags=re.MULTILINE)
