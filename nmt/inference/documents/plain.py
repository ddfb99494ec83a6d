r"""Plain text documents.

A document alternates between gaps and segments, beginning and ending with a gap. A *segment* is a sentence without
surrounding white space; it never spans a line break, unless lines are joined, and a tab only in a list mark or in a
protected span. Gaps are copied, which preserves line breaks of any kind, indentation, columns and trailing space. Where
no space separates two sentences, as in Chinese, a space is inserted between their translations if the target script
requires it.

    ""                  no segments; the gap is ""
    " "                 no segments; the gap is " "
    "hi"                the segment "hi" between two empty gaps
    "1.\tA b\tC"         the segments "1.\tA b" and "C"
    " A b.  C\r\n\r\nd" the segments "A b.", "C" and "d"; the gaps are " ", "  ", "\r\n\r\n" and ""
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nmt.inference.documents.document import (
    LINE_BREAKS,
    combine_translations,
    flag_adjacent_spans,
    replace_spans,
    to_single_line,
)
from nmt.text.decorations import find_core
from nmt.text.protected_spans import DEFAULT_PROTECTOR, SpanProtector
from nmt.text.sentence_splitting import is_plain_sentence, separate_from_next, split_sentences

if TYPE_CHECKING:
    from nmt.inference.translation import Translation
    from nmt.text.alignment import AlignedSpan

_LINE = re.compile(f"[^{LINE_BREAKS}]+")
_LINE_BREAK = re.compile(f"\r\n|[{LINE_BREAKS}]")
_COLUMN_GAP = re.compile(r"\t+| {3,}")
_MAX_LIST_MARK = 40  # characters, with indentation and decorations
_NOT_LIST_MARKS = "\"'“”„«»‘’([{¿¡ "


class PlainDocument:
    """A plain text, divided into segments and gaps."""

    def __init__(
        self,
        text: str,
        language: str,
        joins_lines: bool = False,
        protector: SpanProtector = DEFAULT_PROTECTOR,
        is_one_sentence: bool = False,
    ) -> None:
        """Divide a text.

        Args:
            text: Text.
            language: Language code.
            joins_lines: Whether a sentence may continue on the next line, unless an empty line or a list mark follows.
            protector: Finder of spans that stay in one piece.
            is_one_sentence: Whether the text is one segment, whatever it contains.
        """
        self._text = text
        if is_plain_sentence(text):
            self._spans = [(0, len(text))]
        elif is_one_sentence:
            core = text.strip()
            start = text.index(core)
            self._spans = [(start, start + len(core))] if core else []
        else:
            self._spans = [
                (begin + start, begin + stop)
                for begin, end in _find_units(text, joins_lines, protector)
                for start, stop in split_sentences(text[begin:end], language, protector)
            ]
        self._touches_next = flag_adjacent_spans(self._spans)
        self.segments: Sequence[str] = [to_single_line(text[start:stop]) for start, stop in self._spans]

    def span(self, index: int) -> tuple[int, int]:
        """Return the range of a segment in the text, in code points."""
        return self._spans[index]

    def replacement(self, index: int, translation: Translation) -> str:
        """Return the text that takes the place of a segment in the translated document."""
        text = to_single_line(translation.text)
        return separate_from_next(text) if self._touches_next[index] else text

    def assemble(self, translations: Sequence[Translation]) -> Translation:
        """Return the translation of the document, given the translations of all segments."""
        if self._spans == [(0, len(self._text))] and not translations[0].alternatives:
            [translation] = translations
            text = to_single_line(translation.text)
            return translation if text == translation.text else replace(translation, text=text)
        return combine_translations(translations, self._render, self._document_alignment(translations))

    def _render(self, translations: Sequence[Translation]) -> str:
        return replace_spans(self._text, self._spans, self._segment_replacements(translations))

    def _segment_replacements(self, translations: Sequence[Translation]) -> list[str]:
        return [self.replacement(n, translation) for n, translation in enumerate(translations)]

    def _document_alignment(self, translations: Sequence[Translation]) -> tuple[AlignedSpan, ...] | None:
        spans: list[AlignedSpan] = []
        shift = 0
        replacements = self._segment_replacements(translations)
        for (start, stop), translation, replacement in zip(self._spans, translations, replacements, strict=True):
            if translation.alignment is None:
                return None
            target = start + shift
            spans += [(start + a, start + b, target + c, target + d) for a, b, c, d in translation.alignment]
            shift += len(replacement) - (stop - start)
        return tuple(spans)


def _find_units(text: str, joins_lines: bool, protector: SpanProtector) -> list[tuple[int, int]]:
    """Return the ranges of the lines, cells of lines with columns, or joined lines, in which sentences are found."""
    units: list[tuple[int, int]] = []
    is_open = False  # whether the last unit may continue on the next line
    for line in _LINE.finditer(text):
        cells = _find_cells(line.group(), line.start(), protector)
        if is_open and len(cells) == 1 and _continues(text, units[-1][1], *cells[0]):
            units[-1] = (units[-1][0], line.end())
        else:
            units += cells
        is_open = joins_lines and len(cells) == 1
    return units


def _find_cells(line: str, offset: int, protector: SpanProtector) -> list[tuple[int, int]]:
    """Return the ranges of the cells of a line, which tabs or several spaces separate; none for an empty line."""
    start, end = len(line) - len(line.lstrip()), len(line.rstrip())
    cells: list[tuple[int, int]] = []
    gaps = list(_COLUMN_GAP.finditer(line, start, end))
    spans = protector.find(line) if gaps else []
    for gap in gaps:
        n = bisect_right(spans, gap.start(), key=lambda span: span.start)
        is_in_span = n > 0 and gap.start() < spans[n - 1].end
        if not is_in_span and not _is_list_mark(line[start : gap.end()]):
            cells.append((offset + start, offset + gap.start()))
            start = gap.end()
    return [*cells, (offset + start, offset + end)] if start < end else cells


def _is_list_mark(text: str) -> bool:
    """Return whether a text followed by a sentence is a list mark or another decoration of the sentence."""
    return len(text) <= _MAX_LIST_MARK and find_core(f"{text}Sentence")[0] >= len(text)


def _continues(text: str, end: int, start: int, stop: int) -> bool:
    """Return whether a line ``[start, stop)`` may continue the sentence that ends the line before it at ``end``."""
    if _LINE_BREAK.fullmatch(text[end:start].strip(" \t")) is None:
        return False
    core_start, _ = find_core(text[start:stop])
    return not text[start : start + core_start].strip(_NOT_LIST_MARKS)
