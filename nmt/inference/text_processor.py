"""Conversion of text to token ids for decoding, and of decoded hypotheses back to text.

A text is normalised, and split into chunks if it is too long for the model. The translations of the chunks are joined,
so that the whole text is translated.
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
    """Text of the chunk with its token ids."""


class TextProcessor:
    """Converter from texts to token ids for a model, and from its hypotheses to translations. Thread-safe."""

    def __init__(self, model: ModelDirectory, calibration: Calibration | None) -> None:
        self._card, self._tokenizer = model.card, model.tokenizer
        self._calibration = calibration
        self._separator = "" if "CJK" in language_scripts(model.card.target_language) else " "

    def make_chunks(self, text: str) -> list[Chunk]:
        """Split a text into tokenized chunks; return none if the text contains nothing to translate."""
        normalised = normalise(text)
        if not is_translatable(normalised):
            return []
        encode = self._tokenizer.source.encode
        tokenized = encode(normalised)
        max_tokens = self._card.longest_source
        if len(tokenized.ids) <= max_tokens or not self._card.search.guards:
            return [Chunk(0, tokenized)]
        ranges = split_into_chunks(normalised, [end for _, end in tokenized.spans], max_tokens)
        texts = [(end, normalised[start:end].lstrip()) for start, end in ranges]
        return [Chunk(end - len(text), encode(text.rstrip())) for end, text in texts if text]

    def target_ids(self, text: str) -> tuple[int, ...]:
        """Return the token ids of a target text; see `Translator.target_ids`."""
        ids = tuple(self._tokenizer.target.encode(normalise(text)).ids)
        if UNK in ids:
            raise UsageError(f"{text!r}: the model can't write all of its characters; leave them out")
        return ids

    def force_phrase_ids(self, text: str) -> tuple[int, ...]:
        """Return the token ids of a phrase to force; see `Translator.force_phrase_ids`."""
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

    @property
    def word_continuations(self) -> frozenset[int]:
        """Target token ids that continue a word, for ``DecodingOptions.word_continuations``."""
        return self._tokenizer.target.word_continuations

    def _continuation_ids(self, text: str) -> tuple[int, ...]:
        """Return the token ids of a text that follows other text without a space."""
        self.target_ids(text)  # raises for unknown characters, which encode_continuation would drop
        return tuple(self._tokenizer.target.encode_continuation(normalise(text)))

    def assemble(
        self, text: str, chunks: Sequence[Chunk], hypotheses: Sequence[Sequence[Hypothesis]], options: DecodingOptions
    ) -> Translation:
        """Return the translation of a text, given its chunks and the hypotheses of each chunk, best first."""
        if not chunks:
            return Translation(text, 0.0)
        decode = self._tokenizer.target.decode
        best = [of_chunk[0] for of_chunk in hypotheses]
        decoded = [decode(hypothesis.tokens) for hypothesis in best]
        best_text = self._separator.join(tokenized.text for tokenized in decoded)
        alternatives: list[Alternative] = []
        for n in range(1, options.num_hypotheses):
            # The n-th alternative of a text joins the n-th best hypotheses of its chunks.
            nth = [of_chunk[min(n, len(of_chunk) - 1)] for of_chunk in hypotheses]
            joined = self._separator.join(decode(hypothesis.tokens).text for hypothesis in nth)
            if joined != best_text and all(joined != alternative.text for alternative in alternatives):
                alternatives.append(Alternative(joined, _mean_token_score(nth)))
        score = _mean_token_score(best)
        calibration = self._calibration if options.sampling_temperature == 0 else None
        confidence = None if calibration is None else calibration.confidence(score)
        positions = [hypothesis.source_positions for hypothesis in best]
        alignment = align_chunks(text, chunks, positions, decoded, self._separator)
        return Translation(best_text, score, confidence, tuple(alternatives), alignment)


def align_chunks(
    text: str,
    chunks: Sequence[Chunk],
    source_positions: Sequence[list[int] | None],
    translations: Sequence[TokenizedText],
    separator: str = " ",
) -> tuple[AlignedSpan, ...] | None:
    """Return the alignment of a text with its translation as character spans, given the token alignment of each chunk.

    Args:
        text: Text before normalisation, to which the returned source spans refer.
        chunks: Chunks of the text.
        source_positions: For each chunk, the index of the aligned source token of each target token.
        translations: Translation of each chunk.
        separator: String that joins the translations.

    Returns:
        Pairs of aligned spans, or None if a chunk has no alignment.
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
            start, end = _exclude_space(chunk.tokenized.text, *chunk.tokenized.spans[position])
            target_start, target_end = _exclude_space(translation.text, target_start, target_end)
            if start < end and target_start < target_end:
                source_start, source_end = offsets[chunk.start + start], offsets[chunk.start + end]
                spans.append((source_start, source_end, target_offset + target_start, target_offset + target_end))
        target_offset += len(translation.text) + len(separator)
    return tuple(spans)


def align_pair(
    texts: tuple[str, str], tokenized: tuple[TokenizedText, TokenizedText], source_positions: list[int] | None
) -> tuple[AlignedSpan, ...] | None:
    """Return the alignment of a sentence pair as character spans.

    Args:
        texts: Source and target text before normalisation, to which the returned spans refer.
        tokenized: Both texts after normalisation, with their tokens.
        source_positions: Index of the aligned source token of each target token.

    Returns:
        Pairs of aligned spans, or None without ``source_positions``.
    """
    spans = align_chunks(texts[0], [Chunk(0, tokenized[0])], [source_positions], [tokenized[1]])
    offsets = original_offsets(texts[1])
    return None if spans is None else tuple((a, b, offsets[c], offsets[d]) for a, b, c, d in spans)


def _mean_token_score(hypotheses: Sequence[Hypothesis]) -> float:
    """Return the mean log-probability per token, including end of sentence."""
    return sum(h.score for h in hypotheses) / sum(len(h.tokens) + 1 for h in hypotheses)


def _exclude_space(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span of a token without the space with which the token may begin."""
    return (start + 1, end) if text[start:end].startswith(" ") else (start, end)
