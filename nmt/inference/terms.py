"""Glossary terms in finished translations, for translations that several models made one after the other."""

from __future__ import annotations

from dataclasses import replace

from nmt.inference.translation import Alternative, AppliedTerm, Translation
from nmt.text.glossary import TermList, replace_terms
from nmt.text.normalisation import normalise, original_offsets


def apply_terms(terms: TermList, source: str, translation: Translation) -> Translation:
    """Return the translation of a sentence with the prescribed translations of the terms in the sentence.

    A translation that is a copy of the sentence stays as it is. Terms in alternatives are placed without alignment.
    """
    matches = terms.find(normalise(source))
    if not matches or translation.copied:
        return translation
    offsets = original_offsets(source)
    matches = [match._replace(start=offsets[match.start], end=offsets[match.end]) for match in matches]
    language = terms.target_language
    replaced = replace_terms(matches, source, translation.text, translation.alignment, language)
    alternatives: dict[str, Alternative] = {}
    for each in translation.alternatives:
        text = replace_terms(matches, source, each.text, None, language).text
        if text != replaced.text:
            alternatives.setdefault(text, replace(each, text=text))
    return replace(
        translation,
        text=replaced.text,
        alignment=replaced.alignment,
        alternatives=tuple(alternatives.values()),
        terms=tuple(AppliedTerm(match.source, match.target) for match in replaced.applied),
    )
