"""Conversion of text to token ids for decoding, and of decoded hypotheses back to text.

A sentence passes these steps before decoding: its decorations, such as bullets, are set aside; unusual casing and
punctuation are replaced by the form that the network expects; protected spans, such as URLs, are masked; and the rest
is normalised, split into chunks if it is too long for the model, and tokenized. After decoding, the steps are undone
in reverse order, and glossary terms are put in place.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace

from nmt.corpus.tokenizer import UNK, TokenizedText, language_id, placeholder_id
from nmt.inference.chunk_alignment import Chunk
from nmt.inference.directions import AvailableDirections
from nmt.inference.masking import MaskedText, mask_spans
from nmt.inference.network_scripts import NetworkScripts
from nmt.inference.prepared_text import PreparedText
from nmt.inference.quality_signals import find_signals, lower_confidence
from nmt.inference.rendering import Renderer
from nmt.inference.text_options import TextOptions
from nmt.inference.translation import Alternative, AppliedTerm, Direction, SentenceTranslation, Translation
from nmt.model_directory.card import DirectionCard
from nmt.model_directory.directory import ModelDirectory
from nmt.search.hypotheses import Hypothesis
from nmt.search.options import DecodingOptions
from nmt.text.casing import lower_case
from nmt.text.chinese import ChineseScript
from nmt.text.chunking import split_into_chunks
from nmt.text.decorations import find_core
from nmt.text.glossary import TermMatch, replace_terms
from nmt.text.languages import has_letters_of
from nmt.text.normalisation import is_translatable, normalise
from nmt.text.number_localisation import localise_numbers
from nmt.text.placeholders import PLACEHOLDER_CHARACTERS
from nmt.text.protected_spans import ProtectedSpan
from nmt.text.scripts import is_spaced_word_character, is_unspaced_script
from nmt.text.surface_form import SurfaceForm, analyse_surface, to_network_form
from nmt.text.truecasing import Truecaser
from nmt.utils.errors import UsageError

_PLACEHOLDER_IDS = {character: placeholder_id(n) for n, character in enumerate(PLACEHOLDER_CHARACTERS)}


class TextProcessor:
    """Converter from texts to token ids for a model, and from its hypotheses to translations. Thread-safe."""

    def __init__(
        self,
        model: ModelDirectory,
        direction: DirectionCard,
        *,
        calibrated: bool = True,
        script: ChineseScript | None = None,
    ) -> None:
        """Create a processor for a direction of a model.

        Args:
            model: Model directory.
            direction: Direction of the model.
            calibrated: Whether translations have a confidence.
            script: Script in which Chinese translations are written; None for that of the network.

        Raises:
            CarouselError: Translations must be converted to the script, and OpenCC is not installed.
        """
        card = model.card
        self.decoding_options = replace(model.decoding_options, max_length_ratio=direction.longest_ratio)
        self._card, self._tokenizer, self._direction = card, model.tokenizer, direction
        self._calibration = direction.confidence if calibrated else None
        # Empty for a translator between two languages.
        self._prefix = [language_id(n) for n, code in enumerate(card.languages) if code == direction.target]
        self._lowers_case = card.search.guards and not model.tokenizer.source.has_capitals
        encode = model.tokenizer.source.encode_batch
        is_trained = (direction.source, direction.target) in AvailableDirections.of_model(card).trained
        self._label = Direction("trained" if is_trained else "zero-shot", (direction.source, direction.target))
        self._truecaser = Truecaser(lambda word: len(encode([word])[0]), direction.source)
        languages = direction.source, direction.target
        self._scripts = NetworkScripts(card.chinese_script, *languages)
        convert = self._scripts.output_converter(script)
        self._renderer = Renderer(card.search.guards, languages, model.tokenizer.target, convert)

    @property
    def source_language(self) -> str:
        """Language code of the source."""
        return self._direction.source

    @property
    def target_language(self) -> str:
        """Language code of the target."""
        return self._direction.target

    @property
    def writes_capitals(self) -> bool:
        """Whether the target vocabulary has capital letters."""
        return self._tokenizer.target.has_capitals

    @property
    def guards(self) -> bool:
        """Whether text is treated as natural language: split into sentences and chunks, with protected spans."""
        return self._card.search.guards

    def prepare(self, text: str, options: TextOptions) -> PreparedText:
        """Return a sentence with its tokenized chunks, of which there are none if there is nothing to translate."""
        card = self._card
        if not card.search.guards:
            return self._prepare_verbatim(text, options)
        core = find_core(text)
        normalised = normalise(text[slice(*core)])
        terms = options.terms.find(normalised) if options.terms else []
        spans = options.protector.find(normalised)
        masked = mask_spans(normalised, spans, card.placeholders)
        has_language = has_letters_of(masked.text, self._direction.source)
        if terms:  # a term may contain a number or code, but a part of a URL is no term
            terms = _without_parts(terms, spans)
            masked = mask_spans(normalised, _without_overlap(spans, terms), card.placeholders)
        surface = analyse_surface(masked.text)
        chunks: list[Chunk] = []
        if has_language:
            chunks = self._make_all_chunks(masked, surface)
        return PreparedText(text, core, normalised, options, masked, surface, tuple(terms), chunks)

    def _make_all_chunks(self, masked: MaskedText, surface: SurfaceForm) -> list[Chunk]:
        """Return the chunks of a masked text."""
        network_text = to_network_form(masked.text, surface, self._card.unpunctuated, self._truecaser.truecase)
        network_text = self._scripts.convert_source(network_text)
        if self._lowers_case:
            network_text = lower_case(network_text, self._direction.source)
        ranges = masked.ranges(len(network_text))
        return [chunk for start, end in ranges for chunk in self._make_chunks(network_text, start, end, masked)]

    def _prepare_verbatim(self, text: str, options: TextOptions) -> PreparedText:
        """Return a text as a single chunk, which is only normalised."""
        normalised = normalise(text)
        chunks = [Chunk(0, self._encode(normalised))] if is_translatable(normalised) else []
        return PreparedText(text, (0, len(text)), normalised, options, MaskedText(normalised), chunks=chunks)

    def _make_chunks(self, text: str, start: int, end: int, masked: MaskedText) -> Iterator[Chunk]:
        """Yield the chunks of a range of the text that the network reads."""
        part = text[start:end]
        tokenized = self._encode(part)
        max_tokens = self._direction.longest_source + len(self._prefix)
        if len(tokenized.ids) <= max_tokens:
            ranges = [(0, len(part))]
        else:
            ranges = split_into_chunks(part, [token_end for _, token_end in tokenized.spans], max_tokens)
        for first, last in ranges:
            content = part[first:last].strip()
            if content:
                offset = start + first + part[first:last].index(content)
                tokens = tokenized if content == part else self._encode(content)
                placeholders = masked.placeholders(offset, offset + len(content))
                yield Chunk(offset, tokens, tuple(_PLACEHOLDER_IDS[character] for character in placeholders))

    def _encode(self, text: str) -> TokenizedText:
        """Return the token ids that the network reads; the language piece, if any, has an empty span."""
        tokenized = self._tokenizer.source.encode(text)
        if not self._prefix:
            return tokenized
        spans = [(0, 0)] * len(self._prefix) + tokenized.spans
        return TokenizedText(text, self._prefix + tokenized.ids, spans)

    def tokenize_pair(self, source: str, target: str) -> tuple[TokenizedText, TokenizedText]:
        """Return the token ids of a source text and of its translation, which are only normalised."""
        source, target = normalise(source), normalise(target)
        target = self._scripts.convert_target(target)
        return self._encode(self._scripts.convert_source(source)), self._tokenizer.target.encode(target)

    def decode_batch(self, id_lists: Sequence[Sequence[int]]) -> list[str]:
        """Return the text of each list of target token ids."""
        return self._tokenizer.target.decode_batch(id_lists)

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
        self, prepared: PreparedText, hypotheses: Sequence[Sequence[Hypothesis]], options: DecodingOptions
    ) -> Translation:
        """Return the translation of a sentence, given the hypotheses of each of its chunks, best first."""
        if not prepared.chunks:
            return self._copy(prepared, options)
        best = [of_chunk[0] for of_chunk in hypotheses]
        rendered = self._renderer.render(prepared, best, options)
        alternatives: list[Alternative] = []
        for n in range(1, options.num_hypotheses):
            # The n-th alternative of a text joins the n-th best hypotheses of its chunks.
            nth = [of_chunk[min(n, len(of_chunk) - 1)] for of_chunk in hypotheses]
            other = self._renderer.render(prepared, nth, options).text
            if other != rendered.text and all(other != alternative.text for alternative in alternatives):
                alternatives.append(Alternative(other, _mean_token_score(nth)))
        score = _mean_token_score(best)
        calibration = self._calibration if options.sampling_temperature == 0 else None
        confidence = None if calibration is None else calibration.confidence(score)
        text = prepared.options
        languages = self._direction.source, self._direction.target
        signals: tuple[str, ...] = ()
        if text.find_signals or text.min_confidence:
            signals = find_signals(prepared.text, rendered.text, *languages)
            if confidence is not None:
                confidence = lower_confidence(confidence, prepared.text, languages[0], signals)
        if confidence is not None and confidence < text.min_confidence:
            copy = self._copy(prepared, options)
            return replace(copy, score=score, confidence=confidence, signals=signals, left_untranslated=True)
        return Translation(
            text=rendered.text,
            score=score,
            confidence=confidence,
            alternatives=tuple(alternatives),
            alignment=rendered.alignment if options.return_attention else None,
            signals=signals,
            terms=rendered.terms,
            direction=self._label,
        )

    def assemble_counted(
        self, prepared: PreparedText, hypotheses: Sequence[Sequence[Hypothesis]], options: DecodingOptions
    ) -> SentenceTranslation:
        """Return the translation of a sentence as `assemble` does, with the number of its tokens."""
        num_tokens = sum(len(of_chunk[0].tokens) + 1 for of_chunk in hypotheses)
        return SentenceTranslation(self.assemble(prepared, hypotheses, options), num_tokens)

    def _copy(self, prepared: PreparedText, options: DecodingOptions) -> Translation:
        """Return a sentence as its own translation, with its terms translated and its numbers localised on request."""
        text = prepared.text
        if prepared.terms and not prepared.chunks:
            return self._copy_with_terms(prepared)
        if prepared.options.localise_numbers:
            text = localise_numbers(text, self._direction.source, self._direction.target)
        aligned = options.return_attention and self._card.model.attention != "none"
        alignment = ((0, len(prepared.text), 0, len(text)),) if aligned and text else None
        return Translation(text, alignment=alignment, copied=True, direction=self._label)

    def _copy_with_terms(self, prepared: PreparedText) -> Translation:
        """Return a sentence in which nothing is to be translated but its terms."""
        text, matches = prepared.text, prepared.original_terms()
        itself = [(match.start, match.end, match.start, match.end) for match in matches]
        replaced = replace_terms(matches, text, text, itself, self._direction.target)
        terms = tuple(AppliedTerm(match.source, match.target) for match in matches)
        return Translation(replaced.text, alignment=replaced.alignment, terms=terms, direction=self._label)


def _without_parts(terms: Sequence[TermMatch], spans: Sequence[ProtectedSpan]) -> list[TermMatch]:
    """Return the terms that overlap no span, or contain it as a whole; both are in order and disjoint."""
    ends = [span.end for span in spans]
    kept: list[TermMatch] = []
    for term in terms:
        overlapping = spans[bisect_right(ends, term.start) : bisect_left(spans, term.end, key=lambda span: span.start)]
        if all(term.start <= span.start and span.end <= term.end for span in overlapping):
            kept.append(term)
    return kept


def _without_overlap(spans: Sequence[ProtectedSpan], terms: Sequence[TermMatch]) -> list[ProtectedSpan]:
    """Return the spans that overlap none of the terms; both are in order and disjoint."""
    ends = [term.end for term in terms]
    following = ((span, bisect_right(ends, span.start)) for span in spans)
    return [span for span, n in following if n == len(terms) or span.end <= terms[n].start]


def _mean_token_score(hypotheses: Sequence[Hypothesis]) -> float:
    """Return the mean log-probability per token, including end of sentence."""
    return sum(h.score for h in hypotheses) / sum(len(h.tokens) + 1 for h in hypotheses)
