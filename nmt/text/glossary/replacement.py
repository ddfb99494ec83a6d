"""Replacement of words of a translation by the prescribed translations of terms.

This is a post-edit of a translation that the model has made without the terms. The word alignment shows which words of
the translation a term replaces.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from nmt.text.alignment import AlignedSpan
from nmt.text.glossary.agreement import adapt_previous_word
from nmt.text.glossary.edits import Edit, apply_edits
from nmt.text.glossary.placement import Placement, place_terms
from nmt.text.glossary.term_list import TermMatch
from nmt.text.languages import primary_subtag
from nmt.text.scripts import is_spaced_word_character, is_unspaced_script, is_word_boundary

_SENTENCE_START = re.compile(r"(?:\A|[.!?…]\s)[^\w\s]*\s*\Z")
_FINAL_PUNCTUATION = re.compile(r"\s?[.!?…。！？｡।؟]+\s*\Z")
_MAX_LOOK_BACK = 40  # characters; longer than any article, and than the marks before a sentence


class TermReplacement(NamedTuple):
    """Translation with its terms."""

    text: str
    alignment: tuple[AlignedSpan, ...] | None
    """Alignment of the text; None if the translation has none."""
    applied: tuple[TermMatch, ...]
    """Matches whose translations the text contains, including those that it contained already."""


def replace_terms(
    matches: Sequence[TermMatch],
    source: str,
    translation: str,
    alignment: Sequence[AlignedSpan] | None,
    target_language: str,
) -> TermReplacement:
    """Return a translation in which each matched source term has its prescribed translation.

    Each term replaces whole words: those aligned to its occurrence in the source. A term that already stands in the
    translation, possibly inflected, is left as it is. The case of a term follows the source, and the word before it is
    adapted where only sounds decide its form, such as the French article. A source text that consists of a term is
    translated as this term, with the punctuation around it.

    Args:
        matches: Occurrences of terms in ``source``, as `TermList.find` returns them.
        source: Source text.
        translation: Translation of the source text by the model.
        alignment: Word alignment of both texts; without it, terms are placed by their relative position.
        target_language: Language of the translation.
    """
    if not matches:
        return TermReplacement(translation, None if alignment is None else tuple(alignment), ())
    if len(matches) == 1 and not _has_words(source[: matches[0].start] + source[matches[0].end :]):
        return _translate_single_term(matches[0], source, translation, alignment is not None)
    placements = place_terms(matches, source, translation, alignment, target_language)
    ends = sorted(end for each in placements for _, end in ((each.start, each.end), *each.leftovers))
    edits: list[Edit] = []
    insertions: dict[int, list[TermMatch]] = {}
    for match, placement in zip(matches, placements, strict=True):
        if placement.start == placement.end:
            insertions.setdefault(placement.start, []).append(match)
        elif not placement.is_present:
            changed_before = bisect_right(ends, placement.start)
            free_from = ends[changed_before - 1] if changed_before else 0
            edits += _replacement_edits(match, placement, source, translation, target_language, free_from)
            edits += (Edit(start - 1, end, "", match[:2]) for start, end in placement.leftovers)
    for offset, inserted in insertions.items():
        edits += _insertion_edits(inserted, offset, source, translation)
    return TermReplacement(*apply_edits(translation, alignment, edits), tuple(matches))


def _translate_single_term(match: TermMatch, source: str, translation: str, aligned: bool) -> TermReplacement:
    """Translate a source text that contains nothing but a term and punctuation."""
    before, after = source[: match.start], source[match.end :]
    if _FINAL_PUNCTUATION.fullmatch(after) and (marks := _FINAL_PUNCTUATION.search(translation)):
        after = marks.group()  # in the style of the target language
    target = _follow_case(match, source, sentence_start=False)
    start = len(before)
    alignment = ((match.start, match.end, start, start + len(target)),) if aligned else None
    return TermReplacement(before + target + after, alignment, (match,))


def _replacement_edits(
    match: TermMatch, placement: Placement, source: str, translation: str, language: str, free_from: int
) -> list[Edit]:
    """Return the edit that writes a term in its place, and an edit of the words before it if they must change.

    ``free_from`` is the offset from which on the words before belong to no other term.
    """
    start, end = placement.start, placement.end
    before = translation[max(start - _MAX_LOOK_BACK, 0) : start]
    starts_sentence = translation[start].isupper() and _SENTENCE_START.search(before) is not None
    term = _follow_case(match, source, sentence_start=starts_sentence)
    if placement.is_compound_part:
        return _compound_edits(term, match, placement, translation, language)
    edits = [Edit(start, end, term, (match.start, match.end))]
    if change := adapt_previous_word(translation[max(start - _MAX_LOOK_BACK, free_from) : start], term, language):
        length, text = change
        edits.append(Edit(start - length, start, text))
    return edits


def _compound_edits(term: str, match: TermMatch, placement: Placement, translation: str, language: str) -> list[Edit]:
    """Return the edits that write a term in place of a part of a compound, with a hyphen between the parts."""
    start, end = placement.start, placement.end
    if is_word_boundary(translation, end):
        return [Edit(start, end, f"-{term}", match[:2])]
    edits = [Edit(start, end, f"{term}-", match[:2])]
    if primary_subtag(language) == "de" and translation[start].isupper():
        edits.append(Edit(end, end + 1, translation[end].upper()))
    return edits


def _insertion_edits(matches: Sequence[TermMatch], offset: int, source: str, translation: str) -> list[Edit]:
    """Return the edits that insert terms at an offset, with the spaces that separate them from the words around."""
    before, after = translation[offset - 1 : offset], translation[offset : offset + 1]
    edits: list[Edit] = []
    for match in matches:
        text = _follow_case(match, source, sentence_start=offset == 0 and source[match.start].isupper())
        joins = not before or before.isspace() or before in "'’([{«“„" or is_unspaced_script(before)
        edits.append(Edit(offset, offset, text if joins or is_unspaced_script(text[0]) else f" {text}", match[:2]))
        before = text[-1]
    if after and is_spaced_word_character(after) and not is_unspaced_script(before):
        edits[-1] = edits[-1]._replace(text=f"{edits[-1].text} ")
    return edits


def _follow_case(match: TermMatch, source: str, *, sentence_start: bool) -> str:
    """Return the translation of a term in the case of its occurrence in the source.

    A translation with capital letters of its own, such as a name, only changes if the occurrence is in capitals.
    """
    found, target = source[match.start : match.end], match.target
    if found.isupper() and not match.source.isupper() and sum(map(str.isalpha, found)) > 1:
        return target.upper()
    is_capitalised = found[:1].isupper() and not match.source[:1].isupper()
    follows_sentence_start = is_capitalised and _SENTENCE_START.search(source[: match.start][-_MAX_LOOK_BACK:])
    only_term = not _has_words(source[: match.start] + source[match.end :])
    if sentence_start or (is_capitalised and (only_term or not follows_sentence_start)):
        first = target.split(maxsplit=1)[0]
        return target[0].upper() + target[1:] if first.islower() else target
    return target


def _has_words(text: str) -> bool:
    return any(character.isalnum() for character in text)
