"""Conversion of decoded hypotheses to text, in which everything that was taken from the sentence is put back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from nmt.corpus.tokenizer import TokenizedText, Vocabulary
from nmt.inference.chunk_alignment import align_chunks
from nmt.inference.masking import restore_spans
from nmt.inference.prepared_text import PreparedText
from nmt.inference.translation import AppliedTerm
from nmt.search.hypotheses import Hypothesis
from nmt.search.options import DecodingOptions
from nmt.text.alignment import AlignedSpan
from nmt.text.glossary import replace_terms
from nmt.text.languages import language_scripts
from nmt.text.number_localisation import localise_numbers
from nmt.text.surface_form import restore_surface


class RenderedText(NamedTuple):
    """Text of a hypothesis."""

    text: str
    alignment: tuple[AlignedSpan, ...] | None
    """Alignment of the sentence with the text; None if the hypothesis has none."""
    terms: tuple[AppliedTerm, ...] = ()


class Renderer:
    """Converter of hypotheses to text for a direction of a model."""

    def __init__(
        self,
        guards: bool,
        languages: tuple[str, str],
        vocabulary: Vocabulary,
        convert: Callable[[str], str] | None = None,
    ) -> None:
        """Create a renderer.

        Args:
            guards: Whether the surface form of the source is restored.
            languages: Codes of the source and the target language.
            vocabulary: Target vocabulary.
            convert: Function that is applied to the text that the network has written, and preserves its length.
        """
        self._guards, self._languages, self._convert = guards, languages, convert
        self._vocabulary = vocabulary
        self._separator = "" if "CJK" in language_scripts(languages[1]) else " "

    def render(
        self, prepared: PreparedText, hypotheses: Sequence[Hypothesis], options: DecodingOptions
    ) -> RenderedText:
        """Return the text of a sentence's translation, given one hypothesis per chunk."""
        decoded = [self._decode(hypothesis) for hypothesis in hypotheses]
        target = self._separator.join(tokenized.text for tokenized in decoded)
        positions = [hypothesis.source_positions for hypothesis in hypotheses]
        alignment = align_chunks(prepared.chunks, positions, decoded, self._separator)
        written, target_language = target, self._languages[1]
        if self._guards:
            target = restore_surface(target, prepared.surface, target_language)
            if options.bad_phrases:  # final punctuation that is banned must not be added
                target = target[: len(written)]
        if prepared.is_plain and target == written:
            return RenderedText(target, alignment)
        alignment = _clip_alignment(alignment, len(prepared.masked.text), len(target))
        if prepared.masked.spans:
            texts = self._span_texts(prepared)
            target, alignment = restore_spans(prepared.masked, prepared.normalised, target, alignment, texts)
        text, alignment = _add_decorations(prepared, target, alignment)
        if not prepared.terms:
            return RenderedText(text, alignment)
        replaced = replace_terms(prepared.original_terms(), prepared.text, text, alignment, target_language)
        applied = tuple(AppliedTerm(match.source, match.target) for match in replaced.applied)
        return RenderedText(replaced.text, replaced.alignment, applied)

    def _decode(self, hypothesis: Hypothesis) -> TokenizedText:
        decoded = self._vocabulary.decode(hypothesis.tokens)
        return replace(decoded, text=self._convert(decoded.text)) if self._convert else decoded

    def _span_texts(self, prepared: PreparedText) -> list[str]:
        """Return the text that replaces each protected span: the span as it is written in the sentence."""
        offsets = prepared.core_offsets()
        spans = [span.source for span in prepared.masked.spans]
        texts = [prepared.text[offsets[start] : offsets[end]] for start, end in spans]
        if not prepared.options.localise_numbers:
            return texts
        return [localise_numbers(text, *self._languages) for text in texts]


def _clip_alignment(
    alignment: Sequence[AlignedSpan] | None, source_length: int, target_length: int
) -> tuple[AlignedSpan, ...] | None:
    """Return an alignment without the final punctuation that was added to the source or removed from the target."""
    if alignment is None:
        return None
    clipped = ((a, min(b, source_length), c, min(d, target_length)) for a, b, c, d in alignment)
    return tuple((a, b, c, d) for a, b, c, d in clipped if a < b and c < d)


def _add_decorations(
    prepared: PreparedText, target: str, alignment: tuple[AlignedSpan, ...] | None
) -> tuple[str, tuple[AlignedSpan, ...] | None]:
    """Return the translation of the core with the decorations around it, and its alignment with the sentence."""
    start, end = prepared.core
    before, after = prepared.text[:start], prepared.text[end:]
    text = before + target + after
    if alignment is None or prepared.text == prepared.normalised:
        return text, alignment
    offsets = prepared.core_offsets()
    shifted = [(offsets[a], offsets[b], start + c, start + d) for a, b, c, d in alignment]
    edges = [(0, start, 0, start), (end, len(prepared.text), start + len(target), len(text))]
    first, last = ([edge] if prepared.text[edge[0] : edge[1]].strip() else [] for edge in edges)
    return text, (*first, *shifted, *last)
