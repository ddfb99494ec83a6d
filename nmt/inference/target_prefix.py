"""Decoding options for a translation that begins with a given text."""

from __future__ import annotations

from dataclasses import replace

from nmt.inference.prepared_text import PreparedText
from nmt.inference.text_processor import TextProcessor
from nmt.search.options import DecodingOptions
from nmt.text.casing import Casing, capitalise_sentence, lower_case
from nmt.utils.errors import UsageError


def add_target_prefix(
    options: DecodingOptions, prefix: str, prepared: PreparedText, processor: TextProcessor
) -> DecodingOptions:
    """Return decoding options with which the translation of a sentence begins with a text.

    The text is a part of a translation as a user reads it. It is converted to what the network writes: without the
    sentence's decorations, with placeholders for protected spans, and in usual casing. If the network has not learned
    placeholders, the word alignment places the spans, so that they may move out of the prefix. If several hypotheses
    are requested, they differ in the first word after the text.

    Args:
        options: Decoding options without a prefix.
        prefix: The text. A space at its end ends its last word.
        prepared: The sentence to translate.
        processor: Text processor that has prepared it.

    Raises:
        UsageError: The sentence has several chunks, or the vocabulary lacks a character of the text.
    """
    if not prepared.chunks:
        return options
    if len(prepared.chunks) > 1:
        raise UsageError("target_prefix: the sentence is too long to be translated at once; shorten it")
    written = _as_written_by_network(prefix, prepared, processor)
    return replace(
        options,
        target_prefix=processor.target_ids(written),
        prefix_ends_word=prefix[-1:].isspace(),
        word_continuations=processor.word_continuations,
        return_alternatives=options.num_hypotheses > 1,
    )


def _as_written_by_network(prefix: str, prepared: PreparedText, processor: TextProcessor) -> str:
    """Return the beginning of a translation as the network writes it."""
    text = prefix.removeprefix(prepared.text[: prepared.core[0]])
    end = 0
    for span in prepared.masked.spans:
        start = text.find(span.text, end)
        if start >= 0:
            text = text[:start] + span.placeholder + text[start + len(span.text) :]
            end = start + len(span.placeholder)
    casing, language = prepared.surface.casing, processor.target_language
    if casing in {Casing.UPPER, Casing.TITLE} or not processor.writes_capitals:
        text = lower_case(text, language)
    if casing is not Casing.NORMAL and processor.writes_capitals:
        text = capitalise_sentence(text, language)
    return text
