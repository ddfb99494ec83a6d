"""The class `Translator`, which loads a model and translates text with it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args, overload

from nmt.engine.factory import (
    EngineName,
    check_ensemble,
    engine_factories,
    language_model_scorer,
    shallow_fusion_factory,
)
from nmt.inference.batch_decoder import BatchDecoder
from nmt.inference.chunk_alignment import align_pair
from nmt.inference.continuous_batcher import ContinuousBatcher
from nmt.inference.directions import choose_direction, find_route, find_sources, resolve_language
from nmt.inference.pivoting import step_text_options
from nmt.inference.rescoring import Rescorer
from nmt.inference.routes import DetectedRoute, Route
from nmt.inference.source_language import SourceLanguageDetector
from nmt.inference.text_options import DEFAULT_TEXT_OPTIONS, TextOptions
from nmt.inference.text_processor import TextProcessor
from nmt.inference.translation import Alternative, PairScore, Translation
from nmt.inference.window_translator import StepTranslator, WindowTranslator
from nmt.model_directory.card import DirectionCard
from nmt.model_directory.directory import ModelDirectory, read_language_model_directory, read_model_directory
from nmt.search.options import DecodingOptions
from nmt.text.chinese import ChineseScript
from nmt.utils.errors import UsageError

__all__ = ["Alternative", "Translation", "Translator"]

DEFAULT_LM_WEIGHT = 0.05
"""Default weight of a language model."""

_WINDOW_SIZE = 2000  # number of texts that are sorted by length and decoded together


class Translator:
    """A loaded translation model. Not thread-safe.

    Example:
        >>> from nmt import Translator
        >>> translator = Translator.load("runs/demo/model")
        >>> translator.translate("The black cat sleeps.").text
        'Le chat noir dort.'
        >>> [each.text for each in translator.translate(["The black cat sleeps.", "Where is my key?"])]
        ['Le chat noir dort.', 'Où est ma clé ?']

    Attributes:
        source_language: Language code of the source; of a multilingual model, that of its first direction.
        target_language: Language code of the target; of a multilingual model, that of its first direction.
        beam_size: Default beam size.
        checksum: Checksum of the model directory.
        text_processor: Converts between text and token ids in the first direction.
    """

    def __init__(
        self, model: ModelDirectory, decoder: BatchDecoder, *, calibrated: bool, rescorer: Rescorer | None = None
    ) -> None:
        """Create a translator from its parts; use `Translator.load` instead."""
        self._model, self._decoder, self._rescorer, self._calibrated = model, decoder, rescorer, calibrated
        self._processors: dict[tuple[str, str, ChineseScript | None], TextProcessor] = {}
        first, *_ = model.card.trained_directions
        self.text_processor = self._processor(first)
        self.source_language, self.target_language = first.source, first.target
        self.beam_size = model.card.search.beam
        self.checksum = model.checksum

    @staticmethod
    def load(
        path: str | os.PathLike[str],
        *,
        engine: EngineName = "auto",
        threads: int = 1,
        shortlist: bool = True,
        ensemble: Sequence[str | os.PathLike[str]] = (),
        language_model: str | os.PathLike[str] | None = None,
        lm_weight: float = DEFAULT_LM_WEIGHT,
        rescore: int = 0,
    ) -> Translator:
        """Load a translation model.

        Args:
            path: A model directory, or a run directory that contains one.
            engine: ``"native"``, ``"onnx"`` (ONNX Runtime), ``"torch"``, or ``"auto"``, which uses the fastest engine
                that is installed and supports the model.
            threads: Number of threads.
            shortlist: Whether to restrict the output layer to the model's vocabulary shortlist, if it has one.
            ensemble: Other models whose probabilities are averaged with those of the first in each step.
            language_model: A language model. It is used for shallow fusion in each step of the search, which requires
                the torch engine and the tokenizer of the translation model, or for rescoring.
            lm_weight: Weight of the language model's log-probabilities.
            rescore: Number of hypotheses per sentence to rescore with the language model; 0 for shallow fusion.

        Raises:
            CarouselError: A model is damaged or unsuitable for the engine, or the engine's packages are not installed.
            UsageError: An argument is invalid.
        """
        if engine not in get_args(EngineName):
            raise UsageError(f"engine: there is no {engine!r}; use 'auto', 'native', 'onnx' or 'torch'")
        if threads < 1:
            raise UsageError(f"threads: {threads} is too few; use at least 1")
        if language_model is None and (rescore or lm_weight != DEFAULT_LM_WEIGHT):
            raise UsageError("rescore, lm_weight: require a language model; name one as language_model")
        models = [read_model_directory(Path(each)) for each in (path, *ensemble)]
        check_ensemble(models)
        if language_model is None:
            decoder = BatchDecoder(engine_factories(models, engine, threads, shortlist))
            # The calibration is valid for scores of the single model with its shortlist.
            calibrated = not ensemble and (shortlist or models[0].shortlist is None)
            return Translator(models[0], decoder, calibrated=calibrated)
        lm = read_language_model_directory(Path(language_model))
        if rescore:
            decoder = BatchDecoder(engine_factories(models, engine, threads, shortlist))
            rescorer = Rescorer(language_model_scorer(lm), lm_weight, rescore)
            return Translator(models[0], decoder, calibrated=False, rescorer=rescorer)
        if engine in {"native", "onnx"} or ensemble:
            raise UsageError("language_model: shallow fusion needs one model and the torch engine; use rescore instead")
        decoder = BatchDecoder([shallow_fusion_factory(models[0], lm, lm_weight, threads)])
        return Translator(models[0], decoder, calibrated=False)

    @property
    def directions(self) -> list[tuple[str, str]]:
        """Pairs of source and target language that the model was trained on."""
        return [(direction.source, direction.target) for direction in self._model.card.trained_directions]

    def choose_direction(self, source: str | None = None, target: str | None = None) -> tuple[str, str]:
        """Return source and target language, of which either may be left out if the model determines it.

        Raises UsageError if it does not.
        """
        return choose_direction(self._model.card, source, target)

    def choose_languages(self, source: str | None = None, target: str | None = None) -> tuple[str | None, str]:
        """Return source and target language for `translate`; the source is None if each text's language is identified.

        Languages are identified if the source is left out and the model translates from several languages into the
        target. Raises UsageError if the target is left out and the model does not determine it.
        """
        if source is None and target is not None and len(find_sources(self._model.card, target)) > 1:
            return None, resolve_language(self._model.card, target).name
        return self.choose_direction(source, target)

    def identify_source(self, text: str, target: str) -> str:
        """Return the most probable source language of a text, or the target language if the text is certainly in it."""
        language = resolve_language(self._model.card, target)
        found = SourceLanguageDetector(find_sources(self._model.card, target), language.code).detect(text)
        return target if found == language.code else found

    @property
    def decoding_options(self) -> DecodingOptions:
        """Default decoding options of the model; change them with `dataclasses.replace`."""
        return self._model.decoding_options

    def target_ids(self, text: str) -> tuple[int, ...]:
        """Return the token ids of a target text, for ``DecodingOptions.target_prefix``.

        Raises:
            UsageError: The model's vocabulary lacks a character of the text.
        """
        return self.text_processor.target_ids(text)

    def force_phrase_ids(self, text: str) -> tuple[int, ...]:
        """Return the token ids of a phrase, for ``DecodingOptions.force_phrases``; raises as `target_ids` does."""
        return self.text_processor.force_phrase_ids(text)

    def bad_phrase_ids(self, text: str) -> list[tuple[int, ...]]:
        """Return the tokenizations of a phrase, for ``DecodingOptions.bad_phrases``; raises as `target_ids` does.

        The tokenizations cover the phrase at the beginning of a word. They do not cover longer tokens that contain the
        phrase, and words that follow another character without a space, for example after an apostrophe.
        """
        return self.text_processor.bad_phrase_ids(text)

    def continuous_batcher(self, num_slots: int, beam_size: int, thread_number: int = 0) -> ContinuousBatcher:
        """Return a new continuous batcher, for use in a service.

        The batchers of a thread, counted from 0, may share computation graphs, so only one of them may run at a time.
        """
        return self._decoder.continuous_batcher(num_slots, beam_size, thread_number)

    @overload
    def translate(
        self,
        text: str,
        *,
        source: str | None = ...,
        target: str | None = ...,
        beam_size: int | None = ...,
        alternatives: int = ...,
        options: DecodingOptions | None = ...,
        text_options: TextOptions = ...,
    ) -> Translation: ...
    @overload
    def translate(
        self,
        text: list[str] | tuple[str, ...],
        *,
        source: str | None = ...,
        target: str | None = ...,
        beam_size: int | None = ...,
        alternatives: int = ...,
        options: DecodingOptions | None = ...,
        text_options: TextOptions = ...,
    ) -> list[Translation]: ...

    def translate(
        self,
        text: str | Sequence[str],
        *,
        source: str | None = None,
        target: str | None = None,
        beam_size: int | None = None,
        alternatives: int = 0,
        options: DecodingOptions | None = None,
        text_options: TextOptions = DEFAULT_TEXT_OPTIONS,
    ) -> Translation | list[Translation]:
        """Translate one text or several texts; one call with several texts is faster than a call per text.

        Args:
            text: A text, or a list or tuple of texts. A text may contain several sentences and lines.
            source: Language code of the source. If it is left out and the model translates from several languages, the
                language of each text is identified; texts in the target language are then left unchanged.
            target: Language code of the target. It may be left out if the model translates into one language only.
                Between two languages without a direction of their own, texts are translated through a pivot language.
                ``zh-Hant`` writes Chinese in traditional characters.
            beam_size: Beam size; the model's default if None.
            alternatives: Number of alternative translations. The beam size is raised to at least this number plus 1.
            options: Decoding options; the model's `decoding_options` if None.
            text_options: Options for the treatment of text before and after decoding.

        Returns:
            A `Translation` for a string, otherwise a list with one `Translation` per text.

        Raises:
            UsageError: An argument is out of range.

        Example:
            >>> translation = translator.translate("The black cat sleeps.", alternatives=2)
            >>> translation.text, translation.score, [other.text for other in translation.alternatives]
        """
        texts = [text] if isinstance(text, str) else text
        found = self.stream(
            texts,
            source=source,
            target=target,
            beam_size=beam_size,
            alternatives=alternatives,
            options=options,
            text_options=text_options,
        )
        return next(found) if isinstance(text, str) else list(found)

    def stream(
        self,
        texts: Iterable[str],
        *,
        source: str | None = None,
        target: str | None = None,
        beam_size: int | None = None,
        alternatives: int = 0,
        options: DecodingOptions | None = None,
        text_options: TextOptions = DEFAULT_TEXT_OPTIONS,
    ) -> Iterator[Translation]:
        """Translate an iterable of texts lazily, in order, holding at most a few thousand texts in memory.

        The arguments are those of `translate`, and are validated before the iterator is returned.
        """
        if beam_size is not None and beam_size < 1:
            raise UsageError(f"beam_size: {beam_size} is too few; use at least 1")
        if alternatives < 0:
            raise UsageError(f"alternatives: {alternatives} is negative; use 0 or more")
        source, target = self.choose_languages(source, target)
        options = replace(options or self.decoding_options, num_hypotheses=alternatives + 1)
        make_route = partial(
            self._make_route, target=target, beam_size=beam_size, options=options, text_options=text_options
        )
        if source is not None:
            return self._stream(texts, make_route(source))
        if text_options.terms:
            raise UsageError("source: terms are of one source language, which has to be given; name it")
        sources = find_sources(self._model.card, target)
        routes = {language: make_route(language) for language in sources}
        language = resolve_language(self._model.card, target)
        detector = SourceLanguageDetector(sources, language.code)
        return self._stream(texts, DetectedRoute(detector, routes, language.script))

    def _make_route(
        self, source: str, target: str, beam_size: int | None, options: DecodingOptions, text_options: TextOptions
    ) -> WindowTranslator:
        """Return the translator from one language to another. Raises UsageError for unsuitable options."""
        route = find_route(self._model.card, source, target)
        script = resolve_language(self._model.card, target).script
        if len(route) == 1:
            steps = [self._step_translator(route[0], script, beam_size, options, text_options)]
        else:
            if text_options.terms:  # they are put into the result of the second step
                options = replace(options, return_attention=True)
            of_first = replace(self.decoding_options, return_attention=options.return_attention)
            of_step = step_text_options(text_options)
            steps = [
                self._step_translator(route[0], None, beam_size, of_first, of_step),
                self._step_translator(route[1], script, beam_size, options, of_step),
            ]
        if text_options.min_confidence and not all(map(self._has_confidence, route, [each.options for each in steps])):
            raise UsageError(
                "min_confidence: translations have no confidence when they are sampled or zero-shot, use several "
                "models, do without the model's shortlist, or if the model was trained without a dev set; remove it"
            )
        return WindowTranslator(steps, text_options)

    def _step_translator(
        self,
        direction: DirectionCard,
        script: ChineseScript | None,
        beam_size: int | None,
        options: DecodingOptions,
        text_options: TextOptions,
    ) -> StepTranslator:
        processor = self._processor(direction, script)
        beam_size = max(beam_size or self.beam_size, options.num_hypotheses)
        if options.max_length_ratio == self.decoding_options.max_length_ratio:
            options = replace(options, max_length_ratio=processor.decoding_options.max_length_ratio)
        if options.force_phrases:
            options = replace(options, word_continuations=processor.word_continuations)
        return StepTranslator(processor, self._decoder, self._rescorer, beam_size, options, text_options)

    def score(
        self, pairs: Sequence[tuple[str, str]], *, source: str | None = None, target: str | None = None
    ) -> list[PairScore]:
        """Return the log-probability of each given pair of a source text and its translation.

        With a vocabulary shortlist, probabilities are normalised over the tokens of the shortlist only. For exact
        values, load the model with ``shortlist=False``.
        """
        languages = [resolve_language(self._model.card, code) for code in self.choose_direction(source, target)]
        direction = self._model.card.find_direction(languages[0].code, languages[1].code)
        if direction is None:
            raise UsageError(f"source, target: the model translates {self.directions}; choose one of these directions")
        processor = self._processor(direction)
        tokenized = [processor.tokenize_pair(*pair) for pair in pairs]
        longest_first = sorted(range(len(tokenized)), key=lambda n: -len(tokenized[n][1].ids))
        found = self._decoder.score([(n, tokenized[n][0].ids, tokenized[n][1].ids) for n in longest_first])
        scores = [found[n] for n in range(len(pairs))]
        alignments = map(align_pair, pairs, tokenized, [score.source_positions for score in scores])
        return [
            PairScore(s.score, len(s.token_scores), alignment) for s, alignment in zip(scores, alignments, strict=True)
        ]

    def _stream(self, texts: Iterable[str], route: Route) -> Iterator[Translation]:
        """Translate texts by a route, a window at a time."""
        remaining = iter(texts)
        while window := list(itertools.islice(remaining, _WINDOW_SIZE)):
            yield from route.translate(window)

    def _has_confidence(self, direction: DirectionCard, options: DecodingOptions) -> bool:
        return self._calibrated and direction.confidence is not None and options.sampling_temperature == 0

    def _processor(self, direction: DirectionCard, script: ChineseScript | None = None) -> TextProcessor:
        key = direction.source, direction.target, script
        if key not in self._processors:
            self._processors[key] = TextProcessor(self._model, direction, calibrated=self._calibrated, script=script)
        return self._processors[key]
