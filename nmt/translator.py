"""Text in, text out: the one class that most users need.

A text is one line. It is normalised, cut into parts where it is too long, encoded, searched and decoded; the parts'
translations are joined again. Nothing is ever dropped silently.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

from nmt import bundle as bundles
from nmt.bundle import Bundle, Calibration
from nmt.corpus.tokenizer import UNK, Pieces
from nmt.engine.choice import EngineName, check_ensemble, engine_factories
from nmt.errors import UsageError
from nmt.search.beam import Hypothesis
from nmt.search.options import SearchOptions
from nmt.text.normalise import is_translatable, normalise, original_places
from nmt.text.split import split_long
from nmt.workers import Workers

Span = tuple[int, int, int, int]
"""Source start and end, target start and end: code points, half-open."""

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


@dataclass(frozen=True)
class Score:
    """What the model thinks of a translation that was given to it."""

    score: float
    """Log-probability of the whole translation, end of sentence counted."""
    tokens: int
    """Its pieces, end of sentence counted: ``score / tokens`` compares translations of several lengths."""
    alignment: tuple[Span, ...] | None = None
    """Which part of the source each part of the target attends to; None for models without attention."""


class Translator:
    """A loaded model. Not for use by several threads at once."""

    def __init__(self, bundle: Bundle, workers: Workers, calibration: Calibration | None) -> None:
        """Use `Translator.load` instead."""
        self._bundle, self._workers, self._calibration = bundle, workers, calibration
        self.source_language = bundle.card.source_language
        self.target_language = bundle.card.target_language

    @staticmethod
    def load(
        path: str | os.PathLike[str],
        *,
        engine: EngineName = "auto",
        threads: int = 1,
        shortlist: bool = True,
        ensemble: Sequence[str | os.PathLike[str]] = (),
    ) -> Translator:
        """Load a model directory or a run directory.

        The engine is ONNX Runtime where the model has graphs, else torch. ``shortlist=False`` lets every sentence see
        the whole vocabulary. The models of ``ensemble`` translate together with the first one. Raises CarouselError
        with one line when a model is damaged or does not suit the engine, or when the engine's packages are missing.
        """
        if engine not in {"auto", "onnx", "torch"}:
            raise UsageError(f"engine: there is no {engine!r}; use 'auto', 'onnx' or 'torch'")
        if threads < 1:
            raise UsageError(f"threads: {threads} is too few; use at least 1")
        members = [bundles.read(Path(each)) for each in (path, *ensemble)]
        check_ensemble(members)
        workers = Workers(engine_factories(members, engine, threads, shortlist))
        # The calibration holds for scores like those that it was learned from.
        like_published = not ensemble and (shortlist or members[0].shortlist is None)
        return Translator(members[0], workers, members[0].card.confidence if like_published else None)

    @property
    def search_options(self) -> SearchOptions:
        """How this model searches by itself; change it with `dataclasses.replace`."""
        card = self._bundle.card
        return SearchOptions(
            length_penalty=card.search.length_penalty,
            coverage_penalty=card.search.coverage_penalty,
            length_ratio=card.longest_ratio,
        )

    def target_ids(self, text: str) -> tuple[int, ...]:
        """The ids of a target text: what ``SearchOptions`` wants for prefixes, bans and required phrases.

        Raises UsageError for text with characters that the model has no piece for.
        """
        ids = tuple(self._bundle.tokenizer.target.encode(normalise(text)).ids)
        if UNK in ids:
            raise UsageError(f"{text!r}: the model can't write all of its characters; leave them out")
        return ids

    @overload
    def translate(
        self, text: str, *, beam: int | None = ..., alternatives: int = ..., options: SearchOptions | None = ...
    ) -> Translation: ...
    @overload
    def translate(
        self,
        text: list[str] | tuple[str, ...],
        *,
        beam: int | None = ...,
        alternatives: int = ...,
        options: SearchOptions | None = ...,
    ) -> list[Translation]: ...

    def translate(
        self,
        text: str | Sequence[str],
        *,
        beam: int | None = None,
        alternatives: int = 0,
        options: SearchOptions | None = None,
    ) -> Translation | list[Translation]:
        """Translate one text or several; several together are faster than one by one.

        ``beam`` is the model's own unless given; ``alternatives`` asks for so many others, and widens the beam to it.
        ``options`` say more of the search than most need: see `search_options`.
        """
        if isinstance(text, str):
            return next(self.stream([text], beam=beam, alternatives=alternatives, options=options))
        return list(self.stream(text, beam=beam, alternatives=alternatives, options=options))

    def stream(
        self,
        texts: Iterable[str],
        *,
        beam: int | None = None,
        alternatives: int = 0,
        options: SearchOptions | None = None,
    ) -> Iterator[Translation]:
        """Translate texts as they come, in order, holding only a few thousand of them at a time."""
        if beam is not None and beam < 1:
            raise UsageError(f"beam: {beam} is too few; use at least 1")
        beam = max(beam or self._bundle.card.search.beam, alternatives + 1)
        if alternatives < 0:
            raise UsageError(f"alternatives: {alternatives} is negative; use 0 or more")
        options = replace(options or self.search_options, n_best=alternatives + 1)
        window: list[str] = []
        for text in texts:
            window.append(text)
            if len(window) == _READ_AHEAD:
                yield from self._translate_window(window, beam, options)
                window.clear()
        yield from self._translate_window(window, beam, options)

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[Score]:
        """What the model thinks of given pairs of source and target text.

        With a shortlist, a probability is that among the words of the list; load the model without for the exact one.
        """
        tokenizer = self._bundle.tokenizer
        texts = [(normalise(source), normalise(target)) for source, target in pairs]
        sides = [(tokenizer.source.encode(source), tokenizer.target.encode(target)) for source, target in texts]
        order = sorted(range(len(sides)), key=lambda n: -len(sides[n][1].ids))
        found = self._workers.score([(n, sides[n][0].ids, sides[n][1].ids) for n in order])
        return [
            Score(
                score=found[n].score,
                tokens=len(found[n].token_scores),
                alignment=_given_alignment(pairs[n], sides[n], found[n].sources),
            )
            for n in range(len(pairs))
        ]

    def _translate_window(self, texts: list[str], beam: int, options: SearchOptions) -> Iterator[Translation]:
        parts = [self._parts(text) for text in texts]
        numbered = [(number, part) for number, of_text in enumerate(parts) for part in of_text]
        # Longest first: the short ones at the end leave little idle company.
        order = sorted(range(len(numbered)), key=lambda i: -len(numbered[i][1].pieces.ids))
        found = self._search([(i, numbered[i][1]) for i in order], beam, options)
        results = iter([found[i] for i in range(len(numbered))])
        for text, of_text in zip(texts, parts, strict=True):
            yield self._assemble(text, of_text, [next(results) for _ in of_text], options)

    def _search(self, parts: list[tuple[int, _Part]], beam: int, options: SearchOptions) -> dict[int, list[Hypothesis]]:
        """The hypotheses of numbered parts; a text's first part alone has the prefix and the required phrases."""
        later = replace(options, prefix=(), required=())
        if later == options:
            return self._workers.search([(n, part.pieces.ids) for n, part in parts], beam, options)
        first = [(n, part.pieces.ids) for n, part in parts if part.start == 0]
        others = [(n, part.pieces.ids) for n, part in parts if part.start > 0]
        return self._workers.search(first, beam, options) | self._workers.search(others, beam, later)

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

    def _assemble(
        self, text: str, parts: list[_Part], found: list[list[Hypothesis]], options: SearchOptions
    ) -> Translation:
        """Join the translations of a text's parts."""
        if not parts:
            return Translation(text, 0.0)
        best = [self._bundle.tokenizer.target.decode(hypotheses[0].tokens) for hypotheses in found]
        others: list[Alternative] = []
        for n in range(1, options.n_best):
            # Of a text in several parts, the n-th alternative joins the n-th best of each.
            nth = [hypotheses[min(n, len(hypotheses) - 1)] for hypotheses in found]
            joined = " ".join(self._bundle.tokenizer.target.decode(hypothesis.tokens).text for hypothesis in nth)
            if all(joined != other.text for other in others) and joined != " ".join(p.text for p in best):
                others.append(Alternative(joined, _mean_score(nth)))
        firsts = [hypotheses[0] for hypotheses in found]
        score = _mean_score(firsts)
        return Translation(
            text=" ".join(pieces.text for pieces in best),
            score=score,
            confidence=self._calibration.confidence(score) if self._calibration and options.temperature == 0 else None,
            alternatives=tuple(others),
            alignment=_alignment(text, parts, [hypothesis.sources for hypothesis in firsts], best),
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
    text: str, parts: Sequence[_Part], attended: Sequence[list[int] | None], translations: Sequence[Pieces]
) -> tuple[Span, ...] | None:
    """Spans in the text as it was given, from the source piece that each target piece attends to."""
    places = original_places(text)
    spans: list[Span] = []
    offset = 0
    for part, sources, translation in zip(parts, attended, translations, strict=True):
        if sources is None:
            return None
        for source, (target_start, target_end) in zip(sources, translation.spans, strict=True):
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


def _given_alignment(
    texts: tuple[str, str], pieces: tuple[Pieces, Pieces], sources: list[int] | None
) -> tuple[Span, ...] | None:
    """Spans in both texts as they were given."""
    spans = _alignment(texts[0], [_Part(0, pieces[0])], [sources], [pieces[1]])
    places = original_places(texts[1])
    return None if spans is None else tuple((a, b, places[c], places[d]) for a, b, c, d in spans)


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """The range without the space that a piece begins with."""
    return (start + 1, end) if text[start:end].startswith(" ") else (start, end)
