"""Surface form of a sentence: its casing and its final punctuation.

A sentence in capitals, in lower case, in title case, or with missing or repeated final punctuation is brought close to
the form of training data for the network, and its translation gets the surface form of the source.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from nmt.text.casing import (
    Casing,
    decapitalise_sentence,
    find_casing,
    is_ordinary,
    title_case,
    upper_case,
)
from nmt.text.final_punctuation import add_full_stop, find_final, restore_final, simplify_final

__all__ = ["Casing", "SurfaceForm", "analyse_surface", "restore_surface", "to_network_form"]


class SurfaceForm(NamedTuple):
    """Casing and final punctuation of a sentence."""

    casing: Casing
    final: str | None
    """Final punctuation as written, with the space before it and closing quotation marks after it, if any.

    None if there is none because the script has none.
    """


_SIMPLE_FINALS = frozenset(".!?。！？।")
_SIMPLE_FORMS = {final: SurfaceForm(Casing.NORMAL, final) for final in _SIMPLE_FINALS}


def analyse_surface(text: str) -> SurfaceForm:
    """Return the surface form of a sentence."""
    if (form := _SIMPLE_FORMS.get(text[-1:])) and text[-2:-1].isalnum() and is_ordinary(text):
        return form
    final = find_final(text)
    casing = find_casing(text, has_final_emphasis=final is not None and ("!" in final or "?" in final))
    if casing is Casing.NORMAL and final in _SIMPLE_FORMS:
        return _SIMPLE_FORMS[final]
    return SurfaceForm(casing, final)


def to_network_form(text: str, surface: SurfaceForm, trained: bool, truecase: Callable[[str], str]) -> str:
    """Return a sentence in the form that a network reads; only its end may differ in length.

    Args:
        text: Sentence.
        surface: Surface form of the sentence.
        trained: Whether the network was trained on surface variants. Such a network reads missing final punctuation
            as it is. Other casing is truecased for it, too, which measures better than reading it as it is.
        truecase: Returns a sentence in usual casing; see `nmt.text.truecasing`.
    """
    casing = surface.casing
    if casing is Casing.NORMAL and surface.final in _SIMPLE_FINALS:
        return text
    if casing is not Casing.NORMAL:
        text = truecase(text)
    if surface.final:
        return simplify_final(text, surface.final)
    return text if trained or surface.final is None else add_full_stop(text)


def restore_surface(translation: str, surface: SurfaceForm, language: str) -> str:
    """Return a translation in the surface form of its source; only its end may differ in length.

    Args:
        translation: Translation of the text that `to_network_form` returned.
        surface: Surface form of the source.
        language: Language code of the translation.
    """
    casing = surface.casing
    if casing is Casing.NORMAL and surface.final in _SIMPLE_FINALS and translation[-1:] in _SIMPLE_FINALS:
        return translation
    if casing is Casing.UPPER:
        translation = upper_case(translation, language)
    elif casing is Casing.TITLE:
        translation = title_case(translation, language)
    elif casing is Casing.LOWER:
        translation = decapitalise_sentence(translation, language)
    return translation if surface.final is None else restore_final(translation, surface.final, language)
