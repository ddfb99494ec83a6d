"""JSON files, of which string values are translated."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nmt.inference.documents.document import combine_translations
from nmt.inference.documents.plain import PlainDocument
from nmt.inference.files.errors import MAX_UNIT_BYTES, FileFormatError, too_large
from nmt.inference.files.format import FileFormat, Piece, ReadOptions, register_format
from nmt.inference.files.xml_format import open_file

if TYPE_CHECKING:
    from nmt.inference.translation import Translation

_CHUNK = 2**16
_MAX_DEPTH = 1000
_TOKEN = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*+"|[\[\]{},:]|[^\s"\[\]{},:]++|\s++', re.DOTALL)
_LITERAL = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")


@dataclass(frozen=True)
class _StringValue:
    """A string of a JSON file."""

    raw: str
    document: PlainDocument

    @property
    def segments(self) -> Sequence[str]:
        return self.document.segments

    def assemble(self, translations: Sequence[Translation]) -> Translation:
        """Return the translated string with its quotation marks."""
        return combine_translations(translations, self._render, alignment=None)

    def _render(self, translations: Sequence[Translation]) -> str:
        text = self.document.assemble(translations).text
        if text == json.loads(self.raw):
            return self.raw
        return json.dumps(text, ensure_ascii=self.raw.isascii() and "\\u" in self.raw)


@register_format
class JsonFormat(FileFormat):
    """Files in JSON, such as the messages of a program."""

    name = "json"
    suffixes = (".json",)
    media_type = "application/json"
    has_fields = True

    def read(self, path: Path, options: ReadOptions) -> Iterator[Piece]:
        """Yield the string values, and everything between them.

        ``options.fields`` are paths such as ``items.*.title``, in which ``*`` matches any key or index. A path also
        selects everything inside the value. Without fields, all string values are translated, but never the keys.
        """
        selected = [_split_path(field) for field in options.fields]
        copied: list[str] = []
        size = 0
        reader = _Reader(path)
        for token in reader.tokens():
            if token[0] == '"' and reader.is_value and _is_selected(reader.path, selected):
                document = PlainDocument(reader.decode(token), options.source)
                if document.segments:
                    yield Piece("".join(copied).encode())
                    copied, size = [], 0
                    yield Piece(_StringValue(token, document))
                    continue
            copied.append(token)
            size += len(token)
            if size > _CHUNK:
                yield Piece("".join(copied).encode())
                copied, size = [], 0
        yield Piece("".join(copied).encode())


def _split_path(field: str) -> list[str]:
    """Return the keys and indices of a path such as ``$.items[0].title``."""
    return re.sub(r"\[(\w+|\*)\]", r".\1", field).removeprefix("$").strip(".").split(".")


def _is_selected(path: Sequence[str], selected: Sequence[Sequence[str]]) -> bool:
    """Return whether a path is selected by a pattern, or is inside a value that is."""
    if not selected:
        return True
    for pattern in selected:
        if len(pattern) <= len(path) and all(a in ("*", b) for a, b in zip(pattern, path, strict=False)):
            return True
    return False


class _Reader:
    """Streaming tokeniser of JSON that follows the path of the current value."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._line = 1
        self._path: list[str | int] = []
        self._expected = "value"
        self.is_value = False
        """True if the last token is a value, not a key."""

    @property
    def path(self) -> Sequence[str]:
        """Path of the value of the last token."""
        return [str(part) for part in self._path]

    def error(self, message: str) -> FileFormatError:
        """Return an error at the current line."""
        return FileFormatError(f"{self._file}:{self._line}: {message}")

    def decode(self, token: str) -> str:
        """Return the value of a string. Raises FileFormatError if it is invalid."""
        try:
            value: str = json.loads(token)
            value.encode()
        except ValueError:  # among them UnicodeEncodeError, for a lone surrogate
            raise self.error("invalid string; correct its escape sequences") from None
        return value

    def tokens(self) -> Iterator[str]:
        """Yield all tokens, including white space. Raises FileFormatError if the file is not JSON."""
        for token in self._split():
            if not token.isspace():
                self._follow(token)
            self._line += token.count("\n")
            yield token
        if self._path or self._expected != "end":
            raise self.error("the file ends too early; complete the JSON")

    def _split(self) -> Iterator[str]:
        """Yield tokens, which may cross the borders of the chunks in which the file is read."""
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        pending, is_last = "", False
        with open_file(self._file) as file:
            while not is_last:
                content = file.read(max(_CHUNK, len(pending)))  # so that a long token is scanned a few times only
                is_last = not content
                try:
                    pending += decoder.decode(content, is_last)
                except UnicodeDecodeError:
                    raise self.error("invalid UTF-8; re-encode the file as UTF-8") from None
                position = 0
                while match := _TOKEN.match(pending, position):
                    if match.end() == len(pending) and not is_last:
                        break
                    yield match.group()
                    position = match.end()
                pending = pending[position:]
                if len(pending) > MAX_UNIT_BYTES:
                    raise too_large(f"{self._file}:{self._line}", "a string")
        if pending:
            raise self.error("invalid string or character; correct the JSON")

    def _follow(self, token: str) -> None:
        """Check a token and update the path."""
        kind = token if token in "[]{},:" else "string" if token[0] == '"' else "literal"
        self.is_value = False
        if kind in {"string", "literal", "[", "{"} and self._expected in {"value", "value or ]"}:
            self._follow_value(token, kind)
        elif kind == "string" and self._expected in {"key", "key or }"}:
            self._path[-1] = self.decode(token)
            self._expected = ":"
        elif kind == ":" and self._expected == ":":
            self._expected = "value"
        elif kind == "," and self._expected == ", or end" and self._path:
            if isinstance(self._path[-1], int):
                self._path[-1] += 1
                self._expected = "value"
            else:
                self._expected = "key"
        elif self._closes(kind):
            self._path.pop()
            self._expected = ", or end" if self._path else "end"
        else:
            raise self.error(f"unexpected {token[:20]!r}; correct the JSON")

    def _closes(self, kind: str) -> bool:
        if kind == "]":
            can_end = bool(self._path) and isinstance(self._path[-1], int)
            return can_end and self._expected in {"value or ]", ", or end"}
        can_end = bool(self._path) and isinstance(self._path[-1], str)
        return kind == "}" and can_end and self._expected in {"key or }", ", or end"}

    def _follow_value(self, token: str, kind: str) -> None:
        if kind in {"[", "{"}:
            if len(self._path) >= _MAX_DEPTH:
                raise self.error(f"more than {_MAX_DEPTH} nested values; flatten the JSON")
            self._path.append(0 if kind == "[" else "")
            self._expected = "value or ]" if kind == "[" else "key or }"
            return
        if kind == "literal" and not _LITERAL.fullmatch(token):
            raise self.error(f"unexpected {token[:20]!r}; correct the JSON")
        self.is_value = kind == "string"
        self._expected = ", or end" if self._path else "end"
