"""From text to the parts that are searched, and from what search found back to text.

A text is one line. It is normalised and cut into parts where it is too long for the model; the parts' translations are
joined again. Nothing is ever dropped silently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nmt.corpus.tokenizer import UNK, TokenizedText
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
class Alternative:
    """Another translation of the same text."""

    text: str
    score: float


@dataclass(frozen=True)
class Translation:
    """What became of one text."""

    text: str
    score: float
    """Mean log-probability a token."""
    confidence: float | None = None
    """0 to 1, calibrated on the dev set; None where the model has no calibration."""
    alternatives: tuple[Alternative, ...] = ()
    """The next best, best first."""
    alignment: tuple[AlignedSpan, ...] | None = None
    """Which part of the source each part of the target attends to; None for models without attention."""
    truncated: bool = False
    """Whether some of the source was never encoded."""


@dataclass(frozen=True)
class Chunk:
    """As much of a text as is searched at once."""

    start: int
    """Where it begins in the normalised text."""
    pieces: TokenizedText


class TextProcessor:
    """What a bundle knows of text. Several threads may use it at once."""

    def __init__(self, bundle: ModelDirectory, calibration: Calibration | None) -> None:
        """``calibration`` is of the scores that the search will give."""
        self._card, self._tokenizer = bundle.card, bundle.tokenizer
        self._calibration = calibration
        self._between = "" if "CJK" in language_scripts(bundle.card.target_language) else " "

    def chunks(self, text: str) -> list[Chunk]:
        """The parts of a text that are searched; none when nothing in it can be translated."""
        clean = normalise(text)
        if not is_translatable(clean):
            return []
        encode = self._tokenizer.source.encode
        pieces = encode(clean)
        limit = self._card.longest_source
        if len(pieces.ids) <= limit or not self._card.search.guards:
            return [Chunk(0, pieces)]
        ranges = split_into_chunks(clean, [end for _, end in pieces.spans], limit)
        chunks = ((start + _indent(clean[start:end]), clean[start:end].strip()) for start, end in ranges)
        return [Chunk(start, encode(chunk)) for start, chunk in chunks if chunk]

    def target_ids(self, text: str) -> tuple[int, ...]:
        """See `nmt.inference.translator.Translator.target_ids`."""
        ids = tuple(self._tokenizer.target.encode(normalise(text)).ids)
        if UNK in ids:
            raise UsageError(f"{text!r}: the model can't write all of its characters; leave them out")
        return ids

    def phrase_ids(self, text: str) -> tuple[int, ...]:
        """See `nmt.inference.translator.Translator.phrase_ids`."""
        clean = normalise(text)
        return self._within(text) if clean and is_unspaced_script(clean[0]) else self.target_ids(text)

    def banned_ids(self, text: str) -> list[tuple[int, ...]]:
        """See `nmt.inference.translator.Translator.banned_ids`."""
        clean, ids = normalise(text), self.target_ids(text)
        return [ids] if not clean or is_spaced_word_character(clean[0]) else [ids, self._within(text)]

    def _within(self, text: str) -> tuple[int, ...]:
        self.target_ids(text)  # what is unknown would be lost within
        return tuple(self._tokenizer.target.encode_continuation(normalise(text)))

    def assemble(
        self, text: str, chunks: Sequence[Chunk], found: Sequence[Sequence[Hypothesis]], options: DecodingOptions
    ) -> Translation:
        """Join the translations of a text's parts, given the hypotheses of each."""
        if not chunks:
            return Translation(text, 0.0)
        decode = self._tokenizer.target.decode
        best = [decode(hypotheses[0].tokens) for hypotheses in found]
        whole = self._between.join(pieces.text for pieces in best)
        others: list[Alternative] = []
        for n in range(1, options.num_hypotheses):
            # Of a text in several parts, the n-th alternative joins the n-th best of each.
            nth = [hypotheses[min(n, len(hypotheses) - 1)] for hypotheses in found]
            joined = self._between.join(decode(hypothesis.tokens).text for hypothesis in nth)
            if all(joined != other.text for other in others) and joined != whole:
                others.append(Alternative(joined, _mean_score(nth)))
        firsts = [hypotheses[0] for hypotheses in found]
        score = _mean_score(firsts)
        return Translation(
            text=whole,
            score=score,
            confidence=self._calibration.confidence(score)
            if self._calibration and options.sampling_temperature == 0
            else None,
            alternatives=tuple(others),
            alignment=align(text, chunks, [hypothesis.source_positions for hypothesis in firsts], best, self._between),
        )


def align(
    text: str,
    chunks: Sequence[Chunk],
    attended: Sequence[list[int] | None],
    translations: Sequence[TokenizedText],
    between: str = " ",
) -> tuple[AlignedSpan, ...] | None:
    """Spans in the text as it was given, from the source piece that each target piece attends to.

    ``between`` is what the parts' translations are joined with.
    """
    known = [sources for sources in attended if sources is not None]
    if len(known) < len(chunks):
        return None
    places = original_offsets(text)
    spans: list[AlignedSpan] = []
    offset = 0
    for chunk, sources, translation in zip(chunks, known, translations, strict=True):
        for source, (target_start, target_end) in zip(sources, translation.spans, strict=True):
            # A piece that attends to end of sentence stands for no part of the source; nor does a piece without text.
            if source >= len(chunk.pieces.spans):
                continue
            start, end = _trim(chunk.pieces.text, *chunk.pieces.spans[source])
            target_start, target_end = _trim(translation.text, target_start, target_end)
            if start < end and target_start < target_end:
                source_start, source_end = places[chunk.start + start], places[chunk.start + end]
                spans.append((source_start, source_end, offset + target_start, offset + target_end))
        offset += len(translation.text) + len(between)
    return tuple(spans)


def align_given(
    texts: tuple[str, str], pieces: tuple[TokenizedText, TokenizedText], sources: list[int] | None
) -> tuple[AlignedSpan, ...] | None:
    """Spans in a source and a target, both as they were given."""
    spans = align(texts[0], [Chunk(0, pieces[0])], [sources], [pieces[1]])
    places = original_offsets(texts[1])
    return None if spans is None else tuple((a, b, places[c], places[d]) for a, b, c, d in spans)


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def _mean_score(hypotheses: Sequence[Hypothesis]) -> float:
    return sum(h.score for h in hypotheses) / sum(len(h.tokens) + 1 for h in hypotheses)


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """The range without the space that a piece begins with."""
    return (start + 1, end) if text[start:end].startswith(" ") else (start, end)
