"""Conversion of text to token ids for decoding, and of decoded hypotheses back to text.

A text is normalised, and split into chunks if it is too long for the model; the translations of the chunks are joined
again. Nothing is cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nmt.corpus.tokenizer import UNK, TokenizedText
from nmt.inference.translation import Alternative, Translation
from nmt.model_directory.card import Calibration
from nmt.model_directory.directory import ModelDirectory
from nmt.search.hypotheses import Hypothesis
from nmt.search.options import DecodingOptions
from nmt.text.alignment import AlignedSpan
from nmt.text.chunking import split_into_chunks
from nmt.text.languages import language_scripts
from nmt.text.normalisation import is_translatable, normalise, original_offsets
from nmt.text.scripts import is_spaced_word_character, is_unspaced_script
from nmt.utils.errors import UsageError


@dataclass(frozen=True)
class Chunk:
    """A part of a text that is decoded as one sentence."""

    start: int
    """Offset in the normalised text, in code points."""
    tokenized: TokenizedText
    """Tokens of the chunk."""


class TextProcessor:
    """Splits and tokenizes texts for a model, and assembles translations from its hypotheses. Thread-safe."""

    def __init__(self, model: ModelDirectory, calibration: Calibration | None) -> None:
        self._card, self._tokenizer = model.card, model.tokenizer
        self._calibration = calibration
        self._separator = "" if "CJK" in language_scripts(model.card.target_language) else " "

    def chunks(self, text: str) -> list[Chunk]:
        """Split a text into tokenized chunks; return none if the text contains nothing to translate."""
        normalised = normalise(text)
        if not is_translatable(normalised):
            return []
        encode = self._tokenizer.source.encode
        pieces = encode(normalised)
        limit = self._card.longest_source
        if len(pieces.ids) <= limit or not self._card.search.guards:
            return [Chunk(0, pieces)]
        spans = split_into_chunks(normalised, [end for _, end in pieces.spans], limit)
        chunks = [(start + _indentation(normalised[start:end]), normalised[start:end].strip()) for start, end in spans]
        return [Chunk(start, encode(chunk)) for start, chunk in chunks if chunk]

    def target_ids(self, text: str) -> tuple[int, ...]:
        """Return the token ids of a target text; see `nmt.inference.translator.Translator.target_ids`."""
        ids = tuple(self._tokenizer.target.encode(normalise(text)).ids)
        if UNK in ids:
            raise UsageError(f"{text!r}: the model can't write all of its characters; leave them out")
        return ids

    def force_phrase_ids(self, text: str) -> tuple[int, ...]:
        """Return the token ids of a phrase to force; see `nmt.inference.translator.Translator.force_phrase_ids`."""
        normalised = normalise(text)
        if normalised and is_unspaced_script(normalised[0]):
            return self._continuation_ids(text)
        return self.target_ids(text)

    def bad_phrase_ids(self, text: str) -> list[tuple[int, ...]]:
        """Return the tokenizations of a phrase to suppress; see `Translator.bad_phrase_ids`."""
        normalised, ids = normalise(text), self.target_ids(text)
        if not normalised or is_spaced_word_character(normalised[0]):
            return [ids]
        return [ids, self._continuation_ids(text)]

    def _continuation_ids(self, text: str) -> tuple[int, ...]:
        """Return the token ids of a text that follows other text without a space."""
        self.target_ids(text)  # raises for unknown characters, which encode_continuation would drop
        return tuple(self._tokenizer.target.encode_continuation(normalise(text)))

    def assemble(
        self, text: str, chunks: Sequence[Chunk], found: Sequence[Sequence[Hypothesis]], options: DecodingOptions
    ) -> Translation:
        """Join the translations of a text's chunks, given the hypotheses of each chunk, best first."""
        if not chunks:
            return Translation(text, 0.0)
        decode = self._tokenizer.target.decode
        first = [hypotheses[0] for hypotheses in found]
        first_decoded = [decode(hypothesis.tokens) for hypothesis in first]
        best = self._separator.join(pieces.text for pieces in first_decoded)
        alternatives: list[Alternative] = []
        for n in range(1, options.num_hypotheses):
            # The n-th alternative of a text joins the n-th best hypotheses of its chunks.
            nth = [hypotheses[min(n, len(hypotheses) - 1)] for hypotheses in found]
            joined = self._separator.join(decode(hypothesis.tokens).text for hypothesis in nth)
            if joined != best and all(joined != alternative.text for alternative in alternatives):
                alternatives.append(Alternative(joined, _mean_token_score(nth)))
        score = _mean_token_score(first)
        confidence = None
        if self._calibration is not None and options.sampling_temperature == 0:
            confidence = self._calibration.confidence(score)
        return Translation(
            text=best,
            score=score,
            confidence=confidence,
            alternatives=tuple(alternatives),
            alignment=align_chunks(
                text, chunks, [hypothesis.source_positions for hypothesis in first], first_decoded, self._separator
            ),
        )


def align_chunks(
    text: str,
    chunks: Sequence[Chunk],
    source_positions: Sequence[list[int] | None],
    translations: Sequence[TokenizedText],
    separator: str = " ",
) -> tuple[AlignedSpan, ...] | None:
    """Convert token alignments of chunks to character spans of the original text and of its translation.

    ``source_positions`` holds, for each chunk, the index of the aligned source token of each target token, and
    ``separator`` joins the translations of the chunks. Return None if a chunk has no alignment.
    """
    known = [positions for positions in source_positions if positions is not None]
    if len(known) < len(chunks):
        return None
    offsets = original_offsets(text)
    spans: list[AlignedSpan] = []
    target_offset = 0
    for chunk, positions, translation in zip(chunks, known, translations, strict=True):
        for position, (target_start, target_end) in zip(positions, translation.spans, strict=True):
            # A token aligned to end of sentence has no source span.
            if position >= len(chunk.tokenized.spans):
                continue
            start, end = _without_space(chunk.tokenized.text, *chunk.tokenized.spans[position])
            target_start, target_end = _without_space(translation.text, target_start, target_end)
            if start < end and target_start < target_end:
                source_start, source_end = offsets[chunk.start + start], offsets[chunk.start + end]
                spans.append((source_start, source_end, target_offset + target_start, target_offset + target_end))
        target_offset += len(translation.text) + len(separator)
    return tuple(spans)


def align_pair(
    texts: tuple[str, str], pieces: tuple[TokenizedText, TokenizedText], source_positions: list[int] | None
) -> tuple[AlignedSpan, ...] | None:
    """Convert the token alignment of a given sentence pair to character spans of the texts as the user gave them."""
    spans = align_chunks(texts[0], [Chunk(0, pieces[0])], [source_positions], [pieces[1]])
    offsets = original_offsets(texts[1])
    return None if spans is None else tuple((a, b, offsets[c], offsets[d]) for a, b, c, d in spans)


def _indentation(text: str) -> int:
    return len(text) - len(text.lstrip())


def _mean_token_score(hypotheses: Sequence[Hypothesis]) -> float:
    """Return the mean log-probability per token, including end of sentence."""
    return sum(h.score for h in hypotheses) / sum(len(h.tokens) + 1 for h in hypotheses)


def _without_space(text: str, start: int, end: int) -> tuple[int, int]:
    """Exclude the space that a token may begin with from its span."""
    return (start + 1, end) if text[start:end].startswith(" ") else (start, end)
