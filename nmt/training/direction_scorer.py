"""Scores of a trained multilingual network on the dev and test sets of its directions."""

from __future__ import annotations

from typing import Any

from nmt.config.schema import SearchConfig
from nmt.corpus.cache import LogFunction
from nmt.corpus.parallel_corpus import TextPair
from nmt.corpus.preparation import PreparedData, PreparedDirection
from nmt.evaluation.calibration import fit_calibration
from nmt.evaluation.metrics import score_translations, sentence_chrf
from nmt.model.seq2seq import Seq2Seq
from nmt.search.options import DecodingOptions
from nmt.text.normalisation import normalise
from nmt.training.translation_dev_set import translate_ids


class DirectionScorer:
    """Scorer of the directions of a network by beam search over the whole vocabulary."""

    def __init__(self, network: Seq2Seq, data: PreparedData, search: SearchConfig, max_length_ratio: float) -> None:
        self._network, self._data, self._beam_size = network, data, search.beam
        self._options = DecodingOptions(
            length_penalty=search.length_penalty, coverage_penalty=search.coverage_penalty,
            max_length_ratio=max_length_ratio,
        )  # fmt: skip

    def score_directions(self, log: LogFunction) -> dict[str, dict[str, Any]]:
        """Return scores and calibration of each direction, by its name, as fields of `DirectionCard`."""
        return {each.direction.name: self._score_direction(each, log) for each in self._data.directions}

    def _score_direction(self, prepared: PreparedDirection, log: LogFunction) -> dict[str, Any]:
        scores, confidence = dict[str, Any](), None
        for name, pairs in (("dev", prepared.dev), ("test", prepared.test)):
            if not pairs:
                continue
            log(f"Scoring {prepared.direction.name} on its {name} set (beam {self._beam_size})")
            translated, references = self._translate(prepared, pairs), [target for _, target in pairs]
            texts = [text for text, _ in translated]
            scores[name] = score_translations(texts, references, prepared.direction.target)
            if name == "dev":
                confidence = fit_calibration([score for _, score in translated], sentence_chrf(texts, references))
        return {"scores": scores, "confidence": confidence}

    def _translate(self, prepared: PreparedDirection, pairs: list[TextPair]) -> list[tuple[str, float]]:
        """Return the translation of each source sentence, with its mean log-probability per token."""
        encoded = self._data.tokenizer.source.encode_batch([normalise(source) for source, _ in pairs])
        sources = [[*prepared.prefix, *source] for source in encoded]
        return translate_ids(self._network, self._data.tokenizer.target, sources, self._beam_size, self._options)
