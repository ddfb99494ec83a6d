"""The class `Translator`, which loads a model and translates text with it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
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
from nmt.inference.chunk_alignment import align_pair
from nmt.inference.continuous_batcher import ContinuousBatcher
from nmt.inference.documents.document import Document, SingleSegment
from nmt.inference.documents.plain import PlainDocument
from nmt.inference.rescoring import Rescorer
from nmt.inference.text_options import DEFAULT_TEXT_OPTIONS, TextOptions
from nmt.inference.text_processor import TextProcessor
from nmt.inference.translation import Alternative, PairScore, Translation
from nmt.model_directory.card import Calibration
from nmt.model_directory.directory import ModelDirectory, read_language_model_directory, read_model_directory
from nmt.search.hypotheses import Hypothesis
from nmt.search.options import DecodingOptions
from nmt.text.normalisation import normalise
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
        source_language: Language code of the source.
        target_language: Language code of the target.
        beam_size: Default beam size.
        checksum: Checksum of the model directory.
        text_processor: Converts between text and token ids.
    """

    def __init__(
        self,
        model: ModelDirectory,
        decoder: BatchDecoder,
        calibration: Calibration | None,
        rescorer: Rescorer | None = None,
    ) -> None:
        """Create a translator from its parts; use `Translator.load` instead."""
        self._model, self._decoder, self._rescorer = model, decoder, rescorer
        self.text_processor = TextProcessor(model, calibration)
        self._has_confidence = calibration is not None
        self.source_language = model.card.source_language
        self.target_language = model.card.target_language
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
            engine: ``"onnx"`` (ONNX Runtime), ``"torch"``, or ``"auto"``, which uses ONNX Runtime if the model has
                ONNX graphs.
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
        if engine not in {"auto", "onnx", "torch"}:
            raise UsageError(f"engine: there is no {engine!r}; use 'auto', 'onnx' or 'torch'")
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
            return Translator(models[0], decoder, models[0].card.confidence if calibrated else None)
        lm = read_language_model_directory(Path(language_model))
        if rescore:
            decoder = BatchDecoder(engine_factories(models, engine, threads, shortlist))
            return Translator(models[0], decoder, None, Rescorer(language_model_scorer(lm), lm_weight, rescore))
        if engine == "onnx" or ensemble:
            raise UsageError("language_model: shallow fusion needs one model and the torch engine; use rescore instead")
        return Translator(models[0], BatchDecoder([shallow_fusion_factory(models[0], lm, lm_weight, threads)]), None)

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

    def continuous_batcher(self, num_slots: int, beam_size: int) -> ContinuousBatcher:
        """Return a new continuous batcher, for use in a service.

        All batchers of a translator share the computation graphs of the model, so only one of them may run at a time.
        """
        return self._decoder.continuous_batcher(num_slots, beam_size)

    @overload
    def translate(
        self,
        text: str,
        *,
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
        beam_size: int | None = ...,
        alternatives: int = ...,
        options: DecodingOptions | None = ...,
        text_options: TextOptions = ...,
    ) -> list[Translation]: ...

    def translate(
        self,
        text: str | Sequence[str],
        *,
        beam_size: int | None = None,
        alternatives: int = 0,
        options: DecodingOptions | None = None,
        text_options: TextOptions = DEFAULT_TEXT_OPTIONS,
    ) -> Translation | list[Translation]:
        """Translate one text or several texts; one call with several texts is faster than a call per text.

        Args:
            text: A text, or a list or tuple of texts. A text may contain several sentences and lines.
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
            texts, beam_size=beam_size, alternatives=alternatives, options=options, text_options=text_options
        )
        return next(found) if isinstance(text, str) else list(found)

    def stream(
        self,
        texts: Iterable[str],
        *,
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
        beam_size = max(beam_size or self.beam_size, alternatives + 1)
        options = replace(options or self.decoding_options, num_hypotheses=alternatives + 1)
        if text_options.min_confidence and (not self._has_confidence or options.sampling_temperature):
            raise UsageError(
                "min_confidence: translations have no confidence when they are sampled, use several models, do without "
                "the model's shortlist, or if the model was trained without a dev set; remove it"
            )
        if options.force_phrases:
            options = replace(options, word_continuations=self.text_processor.word_continuations)
        return self._stream(texts, beam_size, options, text_options)

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[PairScore]:
        """Return the log-probability of each given pair of a source text and its translation.

        With a vocabulary shortlist, probabilities are normalised over the tokens of the shortlist only. For exact
        values, load the model with ``shortlist=False``.
        """
        tokenizer = self._model.tokenizer
        texts = [(normalise(source), normalise(target)) for source, target in pairs]
        tokenized = [(tokenizer.source.encode(source), tokenizer.target.encode(target)) for source, target in texts]
        longest_first = sorted(range(len(tokenized)), key=lambda n: -len(tokenized[n][1].ids))
        found = self._decoder.score([(n, tokenized[n][0].ids, tokenized[n][1].ids) for n in longest_first])
        scores = [found[n] for n in range(len(pairs))]
        alignments = map(align_pair, pairs, tokenized, [score.source_positions for score in scores])
        return [
            PairScore(s.score, len(s.token_scores), alignment) for s, alignment in zip(scores, alignments, strict=True)
        ]

    def _stream(
        self, texts: Iterable[str], beam_size: int, options: DecodingOptions, text_options: TextOptions
    ) -> Iterator[Translation]:
        remaining = iter(texts)
        while window := list(itertools.islice(remaining, _WINDOW_SIZE)):
            yield from self._translate_window(window, beam_size, options, text_options)

    def _translate_window(
        self, texts: list[str], beam_size: int, options: DecodingOptions, text_options: TextOptions
    ) -> Iterator[Translation]:
        """Translate texts together, and yield their translations in order."""
        documents = [self._make_document(text, text_options) for text in texts]
        prepared = [[self.text_processor.prepare(s, text_options) for s in each.segments] for each in documents]
        tasks: list[tuple[Sequence[int], DecodingOptions]] = []
        later = replace(options, target_prefix=(), force_phrases=(), word_continuations=frozenset())
        for sentences in prepared:
            # Target prefix and forced phrases apply to the first chunk of a text only.
            of_chunk = options
            for sentence in sentences:
                for chunk in sentence.chunks:
                    tasks.append((chunk.tokenized.ids, sentence.decoding_options(of_chunk, chunk)))
                    of_chunk = later
        hypotheses = iter(self._decode(tasks, beam_size, options))
        for document, sentences in zip(documents, prepared, strict=True):
            yield document.assemble(
                [self.text_processor.assemble(s, [next(hypotheses) for _ in s.chunks], options) for s in sentences]
            )

    def _make_document(self, text: str, text_options: TextOptions) -> Document:
        if text_options.split_sentences and self._model.card.search.guards:
            return PlainDocument(text, self.source_language, protector=text_options.protector)
        return SingleSegment(text)

    def _decode(
        self, tasks: Sequence[tuple[Sequence[int], DecodingOptions]], beam_size: int, options: DecodingOptions
    ) -> list[list[Hypothesis]]:
        """Return the hypotheses for pairs of token ids and decoding options, reranked if there is a rescorer."""
        # Chunks of similar length are decoded together; short ones at the end leave few slots idle.
        groups: dict[DecodingOptions, list[tuple[int, Sequence[int]]]] = {}
        for n in sorted(range(len(tasks)), key=lambda n: -len(tasks[n][0])):
            groups.setdefault(tasks[n][1], []).append((n, tasks[n][0]))
        found: dict[int, list[Hypothesis]] = {}
        if self._rescorer is None or options.sampling_temperature > 0:
            for of_group, sources in groups.items():
                found |= self._decoder.search(sources, beam_size, of_group)
        else:
            count = max(self._rescorer.num_hypotheses, options.num_hypotheses)
            for of_group, sources in groups.items():
                nbest = replace(of_group, num_hypotheses=count)
                found |= self._decoder.search(sources, max(beam_size, count), nbest)
            found = self._rescorer.rerank(found, self._model.tokenizer.target.decode_batch, options.length_penalty)
        return [found[n] for n in range(len(tasks))]
