"""Conversion of token alignments, which a decoder returns for each chunk, to alignments of character spans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nmt.corpus.tokenizer import TokenizedText
from nmt.text.alignment import AlignedSpan
from nmt.text.normalisation import original_offsets


@dataclass(frozen=True)
class Chunk:
    """A part of a text that is decoded as one sentence."""

    start: int
    """Offset in the prepared text, in code points."""
    tokenized: TokenizedText
    """Text of the chunk with its token ids."""
    copy_tokens: tuple[int, ...] = ()
    """Token ids of the placeholders in the chunk."""


def align_chunks(
    chunks: Sequence[Chunk],
    source_positions: Sequence[list[int] | None],
    translations: Sequence[TokenizedText],
    separator: str = " ",
) -> tuple[AlignedSpan, ...] | None:
    """Return the alignment of a prepared text with its translation as character spans.

    Args:
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
    spans: list[AlignedSpan] = []
    target_offset = 0
    for chunk, positions, translation in zip(chunks, known, translations, strict=True):
        # A token aligned to end of sentence has no source span.
        source_spans = [*_shifted_spans(chunk.tokenized, chunk.start), (0, 0)]
        target_spans = _shifted_spans(translation, target_offset)
        pairs = zip(map(source_spans.__getitem__, positions), target_spans, strict=True)
        spans += [(a, b, c, d) for (a, b), (c, d) in pairs if a < b and c < d]
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
    spans = align_chunks([Chunk(0, tokenized[0])], [source_positions], [tokenized[1]])
    if spans is None:
        return None
    source, target = map(original_offsets, texts)
    return tuple((source[a], source[b], target[c], target[d]) for a, b, c, d in spans)


def _shifted_spans(tokenized: TokenizedText, offset: int) -> list[tuple[int, int]]:
    """Return the span of each token, without the space with which the token may begin, moved by an offset."""
    text = tokenized.text
    return [(offset + start + (text[start : start + 1] == " "), offset + end) for start, end in tokenized.spans]
