"""Text in, text out: the one class that most users need.

A text is one line. It is normalised, cut into parts where it is too long, encoded, searched and decoded; the parts'
translations are joined again. Nothing is ever dropped silently.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, overload

from nmt import bundle as bundles
from nmt.bundle import Bundle
from nmt.corpus.tokenizer import BOS, EOS, Pieces
from nmt.errors import UsageError, missing_extra
from nmt.search.beam import Hypothesis, SearchOptions, search_all
from nmt.search.protocol import Engine
from nmt.text.normalise import is_translatable, normalise, original_places
from nmt.text.split import split_long

Span = tuple[int, int, int, int]
"""Source start and end, target start and end: code points, half-open."""

_SLOTS = 32  # sentences searched together
_READ_AHEAD = 2000  # texts that are sorted by length before they are searched


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
    alignment: tuple[Span, ...] | None = None
    """Which part of the source each part of the target attends to; None for models without attention."""
    truncated: bool = False
    """Whether some of the source was never encoded."""


EngineFactory = Callable[[int, int], Engine]
"""Makes an engine of so many slots and rows a slot."""


class Translator:
    """A loaded model. Not for use by several threads at once."""

    def __init__(self, bundle: Bundle, make_engine: EngineFactory) -> None:
        """Use `Translator.load` instead."""
        self._bundle, self._make_engine = bundle, make_engine
        self._engines: dict[int, Engine] = {}
        self.source_language = bundle.card.source_language
        self.target_language = bundle.card.target_language

    @staticmethod
    def load(
        path: str | os.PathLike[str], *, engine: Literal["auto", "torch"] = "auto", threads: int = 1
    ) -> Translator:
        """Load a model directory or a run directory.

        Raises CarouselError with one line when the model is damaged or the engine's packages are missing.
        """
        if engine not in {"auto", "torch"}:
            raise UsageError(f"engine: there is no {engine!r}; use 'auto' or 'torch'")
        if threads < 1:
            raise UsageError(f"threads: {threads} is too few; use at least 1")
        bundle = bundles.read(Path(path))
        return Translator(bundle, _torch_engines(bundle, threads))

    @overload
    def translate(self, text: str, *, beam: int | None = ..., alternatives: int = ...) -> Translation: ...
    @overload
    def translate(
        self, text: list[str] | tuple[str, ...], *, beam: int | None = ..., alternatives: int = ...
    ) -> list[Translation]: ...

    def translate(
        self, text: str | Sequence[str], *, beam: int | None = None, alternatives: int = 0
    ) -> Translation | list[Translation]:
        """Translate one text or several; several together are faster than one by one.

        ``beam`` is the model's own unless given; ``alternatives`` asks for so many others, and widens the beam to it.
        """
        if isinstance(text, str):
            return next(self.stream([text], beam=beam, alternatives=alternatives))
        return list(self.stream(text, beam=beam, alternatives=alternatives))

    def stream(self, texts: Iterable[str], *, beam: int | None = None, alternatives: int = 0) -> Iterator[Translation]:
        """Translate texts as they come, in order, holding only a few thousand of them at a time."""
        beam = max(beam or self._bundle.card.search.beam, alternatives + 1)
        if alternatives < 0:
            raise UsageError(f"alternatives: {alternatives} is negative; use 0 or more")
        window: list[str] = []
        for text in texts:
            window.append(text)
            if len(window) == _READ_AHEAD:
                yield from self._translate_window(window, beam, alternatives)
                window.clear()
        yield from self._translate_window(window, beam, alternatives)

    def _translate_window(self, texts: list[str], beam: int, alternatives: int) -> Iterator[Translation]:
        parts = [self._parts(text) for text in texts]
        numbered = [(number, part) for number, of_text in enumerate(parts) for part in of_text]
        # Longest first: the short ones at the end leave little idle company.
        order = sorted(range(len(numbered)), key=lambda i: -len(numbered[i][1].pieces.ids))
        card = self._bundle.card
        options = SearchOptions(card.search.length_penalty, card.longest_ratio, n_best=alternatives + 1)
        sentences = ((i, numbered[i][1].pieces.ids) for i in order)
        found: list[list[Hypothesis]] = [[] for _ in numbered]
        for i, hypotheses in search_all(self._engine(beam), sentences, BOS, EOS, options):
            found[i] = hypotheses
        results = iter(found)
        for text, of_text in zip(texts, parts, strict=True):
            yield self._assemble(text, of_text, [next(results) for _ in of_text], alternatives)

    def _engine(self, beam: int) -> Engine:
        if beam not in self._engines:
            self._engines[beam] = self._make_engine(_SLOTS, beam)
        return self._engines[beam]

    def _parts(self, text: str) -> list[_Part]:
        """The parts of a text that are searched; none when nothing in it can be translated."""
        clean = normalise(text)
        if not is_translatable(clean):
            return []
        pieces = self._bundle.tokenizer.source.encode(clean)
        limit = self._bundle.card.longest_source
        if len(pieces.ids) <= limit:
            return [_Part(0, pieces)]
        encode = self._bundle.tokenizer.source.encode
        ranges = split_long(clean, [end for _, end in pieces.spans], limit)
        parts = ((start + _indent(clean[start:end]), clean[start:end].strip()) for start, end in ranges)
        return [_Part(start, encode(part)) for start, part in parts if part]

    def _assemble(self, text: str, parts: list[_Part], found: list[list[Hypothesis]], alternatives: int) -> Translation:
        """Join the translations of a text's parts."""
        if not parts:
            return Translation(text, 0.0)
        best = [self._bundle.tokenizer.target.decode(hypotheses[0].tokens) for hypotheses in found]
        others: list[Alternative] = []
        for n in range(1, alternatives + 1):
            # Of a text in several parts, the n-th alternative joins the n-th best of each.
            nth = [hypotheses[min(n, len(hypotheses) - 1)] for hypotheses in found]
            joined = " ".join(self._bundle.tokenizer.target.decode(hypothesis.tokens).text for hypothesis in nth)
            if all(joined != other.text for other in others) and joined != " ".join(p.text for p in best):
                others.append(Alternative(joined, _mean_score(nth)))
        firsts = [hypotheses[0] for hypotheses in found]
        return Translation(
            text=" ".join(pieces.text for pieces in best),
            score=_mean_score(firsts),
            alternatives=tuple(others),
            alignment=_alignment(text, parts, firsts, best),
        )


@dataclass(frozen=True)
class _Part:
    start: int
    """Where it begins in the normalised text."""
    pieces: Pieces


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def _mean_score(hypotheses: Sequence[Hypothesis]) -> float:
    return sum(h.score for h in hypotheses) / sum(len(h.tokens) + 1 for h in hypotheses)


def _alignment(
    text: str, parts: Sequence[_Part], hypotheses: Sequence[Hypothesis], translations: Sequence[Pieces]
) -> tuple[Span, ...] | None:
    """Spans in the text as it was given, from the piece that each target piece attends to."""
    places = original_places(text)
    spans: list[Span] = []
    offset = 0
    for part, hypothesis, translation in zip(parts, hypotheses, translations, strict=True):
        if hypothesis.sources is None:
            return None
        for source, (target_start, target_end) in zip(hypothesis.sources, translation.spans, strict=True):
            # A piece that attends to end of sentence stands for no part of the source; nor does a piece without text.
            if source >= len(part.pieces.spans):
                continue
            start, end = _trim(part.pieces.text, *part.pieces.spans[source])
            target_start, target_end = _trim(translation.text, target_start, target_end)
            if start < end and target_start < target_end:
                source_start, source_end = places[part.start + start], places[part.start + end]
                spans.append((source_start, source_end, offset + target_start, offset + target_end))
        offset += len(translation.text) + 1
    return tuple(spans)


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """The range without the space that a piece begins with."""
    return (start + 1, end) if text[start:end].startswith(" ") else (start, end)


def _torch_engines(bundle: Bundle, threads: int) -> EngineFactory:
    try:
        from nmt.engine.torch_engine import engine_factory
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise missing_extra("train", "translating with the torch engine") from None
    return engine_factory(bundle, threads)
