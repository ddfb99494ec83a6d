r"""Plain text documents.

A document alternates between gaps and segments, beginning and ending with a gap. A *segment* is a sentence without
surrounding white space; it never spans a line break. Gaps are copied, which preserves line breaks of any kind,
indentation and trailing space. Where no space separates two sentences, as in Chinese, a space is inserted between their
translations if the target script requires it.

    ""                  no segments; the gap is ""
    " "                 no segments; the gap is " "
    "hi"                the segment "hi" between two empty gaps
    " A b.  C\r\n\r\nd" the segments "A b.", "C" and "d"; the gaps are " ", "  ", "\r\n\r\n" and ""
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nmt.inference.documents.document import (
    LINE_BREAKS,
    DocumentTranslation,
    combine_translations,
    flag_adjacent_spans,
    replace_spans,
    to_single_line,
)
from nmt.text.sentence_splitting import separate_from_next, split_sentences

if TYPE_CHECKING:
    from nmt.inference.translation import Translation
    from nmt.text.alignment import AlignedSpan

_LINE = re.compile(f"[^{LINE_BREAKS}]+")


class PlainDocument:
    """A plain text, divided into segments and gaps."""

    def __init__(self, text: str, language: str) -> None:
        self._text = text
        self._spans = [
            (line.start() + start, line.start() + stop)
            for line in _LINE.finditer(text)
            for start, stop in split_sentences(line.group(), language)
        ]
        self._touches_next = flag_adjacent_spans(self._spans)
        self.segments: Sequence[str] = [text[start:stop] for start, stop in self._spans]

    def assemble(self, translations: Sequence[Translation]) -> DocumentTranslation:
        """Return the translation of the document, given the translations of all segments."""
        return combine_translations(translations, self._render, self._document_alignment(translations))

    def _render(self, translations: Sequence[Translation]) -> str:
        return replace_spans(self._text, self._spans, self._segment_replacements(translations))

    def _segment_replacements(self, translations: Sequence[Translation]) -> list[str]:
        texts = [to_single_line(translation.text) for translation in translations]
        pairs = zip(texts, self._touches_next, strict=True)
        return [separate_from_next(text) if touches else text for text, touches in pairs]

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
