"""Text in, text out: the one class that most users need."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

from nmt.engine.factory import (
    EngineName,
    check_ensemble,
    engine_factories,
    language_model_scorer,
    shallow_fusion_factory,
)
from nmt.inference.batch_decoder import BatchDecoder
from nmt.inference.continuous_batcher import ContinuousBatcher
from nmt.inference.text_processor import Alternative, Chunk, TextProcessor, Translation, align_given
from nmt.model_directory.card import Calibration
from nmt.model_directory.directory import (
    LanguageModelDirectory,
    ModelDirectory,
    read_language_model_directory,
    read_model_directory,
)
from nmt.search.hypotheses import Hypothesis, length_penalty
from nmt.search.options import DecodingOptions
from nmt.text.alignment import AlignedSpan
from nmt.text.normalisation import normalise
from nmt.utils.errors import UsageError

__all__ = ["AlignedSpan", "Alternative", "Score", "Translation", "Translator"]

LM_WEIGHT = 0.05
"""Of a language model, unless a command says otherwise."""

_READ_AHEAD = 2000  # texts that are sorted by length before they are searched


@dataclass(frozen=True)
class Score:
    """What the model thinks of a translation that was given to it."""

    score: float
    """Log-probability of the whole translation, end of sentence counted."""
    tokens: int
    """Its pieces, end of sentence counted: ``score / tokens`` compares translations of several lengths."""
    alignment: tuple[AlignedSpan, ...] | None = None
    """Which part of the source each part of the target attends to; None for models without attention."""


class Translator:
    """A loaded model. Not for use by several threads at once."""

    def __init__(
        self,
        bundle: ModelDirectory,
        workers: BatchDecoder,
        calibration: Calibration | None,
        rescorer: Rescorer | None = None,
    ) -> None:
        """Use `Translator.load` instead."""
        self._bundle, self._workers, self._rescorer = bundle, workers, rescorer
        self.text_processor = TextProcessor(bundle, calibration)
        self.source_language = bundle.card.source_language
        self.target_language = bundle.card.target_language
        self.beam = bundle.card.search.beam
        self.checksum = bundle.checksum

    @staticmethod
    def load(
        path: str | os.PathLike[str],
        *,
        engine: EngineName = "auto",
        threads: int = 1,
        shortlist: bool = True,
        ensemble: Sequence[str | os.PathLike[str]] = (),
        language_model: str | os.PathLike[str] | None = None,
        lm_weight: float = LM_WEIGHT,
        rescore: int = 0,
    ) -> Translator:
        """Load a model directory or a run directory.

        The engine is ONNX Runtime where the model has graphs, else torch. ``shortlist=False`` lets every sentence see
        the whole vocabulary. The models of ``ensemble`` translate together with the first one.

        The log-probabilities of a ``language_model`` count, times ``lm_weight``, in every step of the search (on torch,
        with the tokenizer of the translator), or where ``rescore`` is not 0 in the choice among so many finished
        translations.

        Raises CarouselError with one line when a model is damaged or does not suit the engine, or when the engine's
        packages are missing.
        """
        if engine not in {"auto", "onnx", "torch"}:
            raise UsageError(f"engine: there is no {engine!r}; use 'auto', 'onnx' or 'torch'")
        if threads < 1:
            raise UsageError(f"threads: {threads} is too few; use at least 1")
        if language_model is None and (rescore or lm_weight != LM_WEIGHT):
            raise UsageError("rescore, lm_weight: are about a language model; name one as language_model")
        members = [read_model_directory(Path(each)) for each in (path, *ensemble)]
        check_ensemble(members)
        if language_model is not None:
            return _with_language_model(
                members,
                read_language_model_directory(Path(language_model)),
                lm_weight,
                rescore,
                engine,
                threads,
                shortlist,
            )
        workers = BatchDecoder(engine_factories(members, engine, threads, shortlist))
        # The calibration holds for scores like those that it was learned from.
        like_published = not ensemble and (shortlist or members[0].shortlist is None)
        return Translator(members[0], workers, members[0].card.confidence if like_published else None)

    @property
    def decoding_options(self) -> DecodingOptions:
        """How this model searches by itself; change it with `dataclasses.replace`."""
        return self._bundle.decoding_options

    def target_ids(self, text: str) -> tuple[int, ...]:
        """The ids of a target text: what ``DecodingOptions`` wants for a prefix.

        Raises UsageError for text with characters that the model has no piece for, as its two siblings do.
        """
        return self.text_processor.target_ids(text)

    def phrase_ids(self, text: str) -> tuple[int, ...]:
        """The ids of a phrase that is to stand in a translation: what ``DecodingOptions`` wants for required phrases."""
        return self.text_processor.phrase_ids(text)

    def banned_ids(self, text: str) -> list[tuple[int, ...]]:
        """What ``DecodingOptions`` wants for a ban: ids for the ways in which a phrase is spelt by itself.

        Longer pieces may hold it too. A word that follows another character without a space, as after an apostrophe,
        has pieces that are not among them: in other places these are parts of longer words.
        """
        return self.text_processor.banned_ids(text)

    def continuous_batcher(self, slots: int, beam: int) -> ContinuousBatcher:
        """Return a new continuous batcher with a number of slots and a beam size, for use in a service.

        All batchers of a translator share the model's graphs, so only one of them may run at a time.
        """
        return self._workers.continuous_batcher(slots, beam)

    @overload
    def translate(
        self, text: str, *, beam: int | None = ..., alternatives: int = ..., options: DecodingOptions | None = ...
    ) -> Translation: ...
    @overload
    def translate(
        self,
        text: list[str] | tuple[str, ...],
        *,
        beam: int | None = ...,
        alternatives: int = ...,
        options: DecodingOptions | None = ...,
    ) -> list[Translation]: ...

    def translate(
        self,
        text: str | Sequence[str],
        *,
        beam: int | None = None,
        alternatives: int = 0,
        options: DecodingOptions | None = None,
    ) -> Translation | list[Translation]:
        """Translate one text or several; several together are faster than one by one.

        ``beam`` is the model's own unless given; ``alternatives`` asks for so many others, and widens the beam to it.
        ``options`` say more of the search than most need: see `decoding_options`.
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
        options: DecodingOptions | None = None,
    ) -> Iterator[Translation]:
        """Translate texts as they come, in order, holding only a few thousand of them at a time."""
        if beam is not None and beam < 1:
            raise UsageError(f"beam: {beam} is too few; use at least 1")
        beam = max(beam or self.beam, alternatives + 1)
        if alternatives < 0:
            raise UsageError(f"alternatives: {alternatives} is negative; use 0 or more")
        options = replace(options or self.decoding_options, num_hypotheses=alternatives + 1)
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
                alignment=align_given(pairs[n], sides[n], found[n].source_positions),
            )
            for n in range(len(pairs))
        ]

    def _translate_window(self, texts: list[str], beam: int, options: DecodingOptions) -> Iterator[Translation]:
        chunks = [self.text_processor.chunks(text) for text in texts]
        numbered = [(number, chunk) for number, of_text in enumerate(chunks) for chunk in of_text]
        # Longest first: the short ones at the end leave little idle company.
        order = sorted(range(len(numbered)), key=lambda i: -len(numbered[i][1].pieces.ids))
        found = self._search([(i, numbered[i][1]) for i in order], beam, options)
        results = iter([found[i] for i in range(len(numbered))])
        for text, of_text in zip(texts, chunks, strict=True):
            yield self.text_processor.assemble(text, of_text, [next(results) for _ in of_text], options)

    def _search(
        self, chunks: list[tuple[int, Chunk]], beam: int, options: DecodingOptions
    ) -> dict[int, list[Hypothesis]]:
        """The hypotheses of numbered parts, as the language model orders them, where one does."""
        if self._rescorer is None or options.sampling_temperature > 0:
            return self._search_parts(chunks, beam, options)
        count = max(self._rescorer.count, options.num_hypotheses)
        found = self._search_parts(chunks, max(beam, count), replace(options, num_hypotheses=count))
        decode = self._bundle.tokenizer.target.decode_batch
        return self._rescorer.ordered(found, decode, options.length_penalty)

    def _search_parts(
        self, chunks: list[tuple[int, Chunk]], beam: int, options: DecodingOptions
    ) -> dict[int, list[Hypothesis]]:
        """The hypotheses of numbered parts; a text's first part alone has the prefix and the required phrases."""
        later = replace(options, target_prefix=(), force_phrases=())
        if later == options:
            return self._workers.search([(n, chunk.pieces.ids) for n, chunk in chunks], beam, options)
        first = [(n, chunk.pieces.ids) for n, chunk in chunks if chunk.start == 0]
        others = [(n, chunk.pieces.ids) for n, chunk in chunks if chunk.start > 0]
        return self._workers.search(first, beam, options) | self._workers.search(others, beam, later)


@dataclass(frozen=True)
class Rescorer:
    """Orders finished translations by what translator and language model think of them together."""

    score: Callable[[Sequence[str]], list[float]]
    """The log-probability of each of some texts."""
    weight: float
    count: int
    """Translations of a text that are looked at."""

    def ordered(
        self,
        found: dict[int, list[Hypothesis]],
        decode: Callable[[Sequence[Sequence[int]]], list[str]],
        alpha: float,
    ) -> dict[int, list[Hypothesis]]:
        """The hypotheses of numbered parts, best first; the length penalty of exponent ``alpha`` is for both scores."""
        flat = [hypothesis for hypotheses in found.values() for hypothesis in hypotheses]
        liked = self.score(decode([hypothesis.tokens for hypothesis in flat]))
        ranked = iter(
            replace(
                each, rank_score=each.rank_score + self.weight * score / length_penalty(len(each.tokens) + 1, alpha)
            )
            for each, score in zip(flat, liked, strict=True)
        )
        return {
            number: sorted(itertools.islice(ranked, len(hypotheses)), key=lambda each: -each.rank_score)
            for number, hypotheses in found.items()
        }


def _with_language_model(
    members: Sequence[ModelDirectory],
    language_model: LanguageModelDirectory,
    weight: float,
    rescore: int,
    engine: EngineName,
    threads: int,
    shortlist: bool,
) -> Translator:
    """A translator that a language model helps; its scores are none that a calibration was learned from."""
    if rescore:
        rescorer = Rescorer(language_model_scorer(language_model), weight, rescore)
        return Translator(
            members[0], BatchDecoder(engine_factories(members, engine, threads, shortlist)), None, rescorer
        )
    if engine == "onnx" or len(members) > 1:
        raise UsageError("a language model has a say in the steps of one model on torch; else rescore with --rescore N")
    return Translator(
        members[0], BatchDecoder([shallow_fusion_factory(members[0], language_model, weight, threads)]), None
    )
