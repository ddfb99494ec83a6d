"""Scores of a trained multilingual model on the dev and test sets of its directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nmt.corpus.cache import LogFunction
from nmt.corpus.preparation import PreparedDirection
from nmt.engine.factory import engine_factories
from nmt.evaluation.calibration import fit_calibration
from nmt.evaluation.metrics import score_translations, sentence_chrf
from nmt.inference.batch_decoder import BatchDecoder
from nmt.model_directory.directory import ModelDirectory
from nmt.text.normalisation import normalise


class DirectionScorer:
    """Scorer of the directions of a model by beam search, with the default decoding options of the model."""

    def __init__(self, model: ModelDirectory, threads: int) -> None:
        self._model = model
        self._decoder = BatchDecoder(engine_factories([model], "auto", threads, use_shortlist=True))

    def score(self, prepared: PreparedDirection, log: LogFunction) -> dict[str, Any]:
        """Return scores and calibration of a direction, as fields of `nmt.model_directory.card.DirectionCard`."""
        scores, confidence = dict[str, Any](), None
        for name, pairs in (("dev", prepared.dev), ("test", prepared.test)):
            if not pairs:
                continue
            log(f"Scoring {prepared.direction.name} on its {name} set (beam {self._model.card.search.beam})")
            translated = self._translate(prepared.prefix, [source for source, _ in pairs])
            texts, references = [text for text, _ in translated], [target for _, target in pairs]
            scores[name] = score_translations(texts, references, prepared.direction.target)
            if name == "dev":
                confidence = fit_calibration([score for _, score in translated], sentence_chrf(texts, references))
        return {"scores": scores, "confidence": confidence}

    def _translate(self, prefix: Sequence[int], texts: Sequence[str]) -> list[tuple[str, float]]:
        """Return the translation of each text, with its mean log-probability per token."""
        encoded = self._model.tokenizer.source.encode_batch([normalise(text) for text in texts])
        longest_first = sorted(range(len(encoded)), key=lambda n: -len(encoded[n]))
        sources = [(n, [*prefix, *encoded[n]]) for n in longest_first]
        found = self._decoder.search(sources, self._model.card.search.beam, self._model.decoding_options)
        best = [found[n][0] for n in range(len(texts))]
        decoded = self._model.tokenizer.target.decode_batch([hypothesis.tokens for hypothesis in best])
        scores = (hypothesis.score / (len(hypothesis.tokens) + 1) for hypothesis in best)
        return list(zip(decoded, scores, strict=True))
