"""Dev set of a translator, with the loss and the BLEU of greedy translations."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nmt.config.data import SyntheticCorpus
from nmt.corpus.arrow_store import RaggedArray
from nmt.corpus.batching import Batch, collate_batch
from nmt.corpus.preparation import PreparedDirection
from nmt.corpus.tokenizer import BOS, EOS, Tokenizer, Vocabulary
from nmt.engine.torch_engine import TorchEngine
from nmt.evaluation.metrics import corpus_bleu, exact_match
from nmt.model.device import to_device
from nmt.model.guided_alignment import AlignmentLinks
from nmt.model.seq2seq import Seq2Seq, TranslationBatch
from nmt.search.beam_search import DecodingOptions, decode_sentences
from nmt.text.normalisation import normalise
from nmt.training.tasks import METRIC_NAMES, Evaluator, Validation
from nmt.utils.hashing import hash_json

_DECODING_BATCH_SIZE = 128  # number of sentences decoded together
_LOSS_BATCH_SIZE = 64  # number of pairs whose loss is computed together
_PAIRS_PER_DIRECTION = 250  # number of pairs on which each direction of a multilingual network is validated


class TranslationDevSet:
    """Sentence pairs on which a translator is validated, of one or several translation directions.

    A multilingual network is validated on evenly spaced pairs of each dev set; its score is the mean over the
    directions.
    """

    def __init__(self, directions: Sequence[PreparedDirection], tokenizer: Tokenizer, is_multilingual: bool) -> None:
        """Create a dev set of the directions that have dev pairs."""
        limit = _PAIRS_PER_DIRECTION if is_multilingual else None
        self._directions = [_DirectionPairs(each, tokenizer, limit) for each in directions if each.dev]
        self._vocabulary, self._is_multilingual = tokenizer.target, is_multilingual
        contents = [each.fingerprinted for each in self._directions]
        self.fingerprint = hash_json(contents) if is_multilingual else hash_json(*contents[0])

    def evaluate(self, evaluator: Evaluator) -> Validation:
        """Return the loss, the score and further metrics; see `compute_score`."""
        losses = [_compute_loss(each, evaluator) for each in self._directions]
        scores = self._compute_scores(evaluator)
        loss = sum(total for total, _ in losses) / sum(tokens for _, tokens in losses)
        score = statistics.fmean(scores)
        metrics: dict[str, Any] = {self._metric: score}
        if self._is_multilingual:
            names = [each.name for each in self._directions]
            metrics["bleu_by_direction"] = dict(zip(names, scores, strict=True))
            by_direction = [total / tokens for total, tokens in losses]
            metrics["loss_by_direction"] = dict(zip(names, by_direction, strict=True))
        return Validation(loss, score, metrics)

    def compute_score(self, evaluator: Evaluator) -> float:
        """Return the BLEU of greedy translations, or the percentage of correct answers to a synthetic task."""
        return statistics.fmean(self._compute_scores(evaluator))

    def format_score(self, score: float) -> str:
        """Format a score with its name, for example ``BLEU 31.42``."""
        return f"{METRIC_NAMES[self._metric]} {score:.2f}"

    @property
    def _metric(self) -> str:
        """Key of the score in ``metrics.jsonl``."""
        return "exact" if isinstance(self._directions[0].spec, SyntheticCorpus) else "bleu"

    def _compute_scores(self, evaluator: Evaluator) -> list[float]:
        """Return the score of each direction."""
        sources = [source for each in self._directions for source in each.sources]
        translations = iter(_translate_greedily(evaluator.network, self._vocabulary, sources))
        return [each.score(list(itertools.islice(translations, len(each.sources)))) for each in self._directions]


class _DirectionPairs:
    """Dev pairs of a direction, with their token ids."""

    def __init__(self, prepared: PreparedDirection, tokenizer: Tokenizer, limit: int | None) -> None:
        """Select up to ``limit`` evenly spaced pairs."""
        pairs, direction = prepared.dev, prepared.direction
        if limit is not None and len(pairs) > limit:
            pairs = [pairs[i * len(pairs) // limit] for i in range(limit)]
        self.name, self.spec, self._language = direction.name, direction.dev, direction.target
        sources = tokenizer.source.encode_batch([normalise(source) for source, _ in pairs])
        self.sources = [[*prepared.prefix, *source] for source in sources]
        self.targets = tokenizer.target.encode_batch([normalise(target) for _, target in pairs])
        self.fingerprinted = [direction.target, *pairs]
        """Content that determines the scores."""
        self._references = [target for _, target in pairs]

    def score(self, translations: Sequence[str]) -> float:
        """Return the BLEU of translations, or the percentage of correct answers to a synthetic task."""
        if isinstance(self.spec, SyntheticCorpus):
            return float(exact_match(self.spec, translations, self._references)["score"])
        return corpus_bleu(translations, self._references, self._language)


def _translate_greedily(network: Seq2Seq, vocabulary: Vocabulary, sources: Sequence[Sequence[int]]) -> list[str]:
    """Return the greedy translations of sentences, given as token ids."""
    engine = TorchEngine(network, _DECODING_BATCH_SIZE, beam_size=1, device=network.output.device)
    order = sorted(range(len(sources)), key=lambda i: -len(sources[i]))
    translations = [""] * len(order)
    sentences = ((i, sources[i]) for i in order)
    for i, hypotheses in decode_sentences(engine, sentences, BOS, EOS, DecodingOptions(return_attention=False)):
        if hypotheses:  # none if training has diverged
            translations[i] = vocabulary.decode(hypotheses[0].tokens).text
    return translations


def _compute_loss(pairs: _DirectionPairs, evaluator: Evaluator) -> tuple[float, int]:
    """Return the negative log-likelihood of the references, in nats, and their number of target tokens."""
    order = sorted(range(len(pairs.targets)), key=lambda i: len(pairs.targets[i]))
    total, tokens = 0.0, 0
    with torch.no_grad():
        for start in range(0, len(order), _LOSS_BATCH_SIZE):
            rows = order[start : start + _LOSS_BATCH_SIZE]
            sides = (RaggedArray.from_lists([ids[row] for row in rows]) for ids in (pairs.sources, pairs.targets))
            batch = collate_batch(*sides)
            inputs = make_translation_batch(batch, evaluator.network.output.device)
            total += evaluator.compute_loss(inputs).negative_log_likelihood.item()
            tokens += batch.num_target_tokens
    return total, tokens


def make_translation_batch(batch: Batch, device: torch.device) -> TranslationBatch:
    """Return a batch as tensors on a device; the lengths stay on the CPU."""

    def to_tensor(array: np.ndarray[Any, Any]) -> Tensor:
        return to_device(torch.from_numpy(array), device)

    positions, links, alignment = batch.target_indices, batch.alignment, None
    if links is not None:
        arrays = links.batch_indices, links.target_indices, links.source_indices, links.weights
        alignment = AlignmentLinks(*map(to_tensor, arrays))
    source, lengths, target_in = (
        to_tensor(batch.source),
        torch.from_numpy(batch.source_lengths),
        to_tensor(batch.target_in),
    )
    targets = to_tensor(batch.target_out.ravel()[positions])
    return TranslationBatch(source, lengths, target_in, targets, to_tensor(positions), alignment)
