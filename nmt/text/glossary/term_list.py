"""Terms with prescribed translations, and their occurrences in a text."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from os.path import commonprefix
from typing import NamedTuple

from nmt.text.glossary.inflection import inflected_forms
from nmt.text.normalisation import normalise
from nmt.text.scripts import is_word_boundary


class TermMatch(NamedTuple):
    """Occurrence of a term in a source text."""

    start: int
    """Offset of the occurrence in the text, in code points."""
    end: int
    source: str
    """Source term as the list spells it; the text may contain an inflected form or another case."""
    target: str
    """Prescribed translation as the list spells it."""


class TermList:
    """Immutable list of source terms with their prescribed translations. Thread-safe.

    Attributes:
        source_language: Language code of the source terms.
        target_language: Language code of their translations.
        entries: Pairs of source term and translation, normalised.
    """

    def __init__(self, entries: Sequence[tuple[str, str]], source_language: str, target_language: str) -> None:
        """Create a list from pairs of terms; of several pairs with the same source term, the first one applies."""
        self.source_language, self.target_language = source_language, target_language
        self._exact: dict[str, str] = {}
        for source, target in entries:
            if normalise(source) and normalise(target):
                self._exact.setdefault(normalise(source), normalise(target))
        self.entries = tuple(self._exact.items())
        # Source term by its case-folded spelling or inflected form. A spelling takes precedence over inflected forms.
        self._terms: dict[str, str] = {}
        for source in self._exact:
            self._terms.setdefault(source.casefold(), source)
        for source in self._exact:
            for form in inflected_forms(source, source_language):
                self._terms.setdefault(form.casefold(), source)
        self._forms = sorted(self._terms)
        self._longest = max(map(len, self._forms), default=0)

    def find(self, text: str) -> list[TermMatch]:
        """Return the occurrences of source terms in a normalised text, in order and without overlap.

        Terms match whole words, or any part of a text in a script without spaces. They also match in inflected forms.
        The match is case-insensitive, unless two source terms differ only in case. If terms overlap, the first one is
        used; if several terms start at the same position, the longest one. The run time is linear in the length of
        the text.
        """
        folded = text.casefold()
        if len(folded) == len(text):
            positions: Sequence[int] = range(len(text))
        else:  # case folding turns some characters into several
            positions = [position for position, character in enumerate(text) for _ in character.casefold()]
        found: list[TermMatch] = []
        start = 0
        while start < len(folded):
            form = self._longest_form(folded, start)
            if form is None:
                start += 1
                continue
            last = start + len(form) - 1
            begin, end = positions[start], positions[last] + 1
            source = text[begin:end] if text[begin:end] in self._exact else self._terms[form]
            found.append(TermMatch(begin, end, source, self._exact[source]))
            start = last + 1
        return found

    def _longest_form(self, folded: str, start: int) -> str | None:
        """Return the longest form of a term that matches whole words of ``folded`` at position ``start``, or None."""
        if not is_word_boundary(folded, start):
            return None
        rest = folded[start : start + self._longest]
        # In sorted order, the prefixes of ``rest`` come before it. The last form before it is one of them, or it shares
        # a prefix with ``rest`` that no matching form exceeds.
        while before := bisect_right(self._forms, rest):
            form = self._forms[before - 1]
            if not rest.startswith(form):
                rest = commonprefix((rest, form))  # noqa: RUF071 - common characters, not path components
            elif is_word_boundary(folded, start + len(form)):
                return form
            else:
                rest = form[:-1]
        return None
