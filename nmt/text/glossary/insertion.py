"""Places in a translation for terms to which no word of the translation is aligned."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from nmt.text.alignment import AlignedSpan
from nmt.text.glossary.term_list import TermMatch
from nmt.text.glossary.words import find_words

_FINAL_PUNCTUATION = re.compile(r"[\s.!?…。！？｡।؟\"'»”’)\]]+\Z")


class InsertionOffsets:
    """Offsets of a translation at which terms without aligned words are inserted."""

    def __init__(self, alignment: Sequence[AlignedSpan], translation: str) -> None:
        self._translation = translation
        self._words = find_words(translation)
        self._by_start = sorted(alignment)
        self._by_end = sorted((source_end, target_end) for _, source_end, _, target_end in alignment)
        final = _FINAL_PUNCTUATION.search(translation)
        self._end = final.start() if final else len(translation)

    def insertion_offset(self, match: TermMatch) -> int:
        """Return the offset after the translation of the text before a match, or before that of the text after it."""
        before = bisect_right(self._by_end, match.start, key=lambda pair: pair[0])
        if before:
            offset = self._by_end[before - 1][1]
            word = bisect_right(self._words, offset - 1, key=lambda word: word[1])
            return self._words[word][1] if word < len(self._words) and self._words[word][0] < offset else offset
        after = bisect_left(self._by_start, match.end, key=lambda span: span[0])
        if after < len(self._by_start):
            offset = self._by_start[after][2]
            word = bisect_right(self._words, offset, key=lambda word: word[1])
            return self._words[word][0] if word < len(self._words) and self._words[word][0] < offset else offset
        return self._end
