"""Dev set of a translator, with the loss and the BLEU of greedy translations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nmt.config.data import DataConfig, SyntheticCorpus
from nmt.corpus.arrow_store import RaggedArray
from nmt.corpus.batching import Batch, collate_batch
from nmt.corpus.parallel_corpus import TextPair
from nmt.corpus.tokenizer import BOS, EOS, Tokenizer
from nmt.engine.torch_engine import TorchEngine
from nmt.evaluation.metrics import corpus_bleu, exact_match
from nmt.model.device import to_device
from nmt.model.guided_alignment import AlignmentLinks
from nmt.model.seq2seq import Seq2Seq, TranslationBatch
from nmt.search.beam_search import DecodingOptions, decode_sentences
from nmt.text.normalisation import normalise
from nmt.training.tasks import METRIC_NAMES, Evaluator
from nmt.utils.hashing import hash_json

_DECODING_BATCH_SIZE = 128  # number of sentences decoded together
_LOSS_BATCH_SIZE = 64  # number of pairs whose loss is computed together


class TranslationDevSet:
    """Sentence pairs on which a translator is validated."""

    def __init__(self, pairs: Sequence[TextPair], tokenizer: Tokenizer, data: DataConfig) -> None:
        self.fingerprint = hash_json(data.target, *pairs)
        self._references = [target for _, target in pairs]
        self._tokenizer, self._data = tokenizer, data
        self._sources = tokenizer.source.encode_batch([normalise(source) for source, _ in pairs])
        self._targets = tokenizer.target.encode_batch([normalise(target) for _, target in pairs])

    def evaluate(self, evaluator: Evaluator) -> tuple[float, float]:
        """Return the loss, in nats per target token, and the score; see `compute_score`."""
        return self._compute_loss(evaluator), self.compute_score(evaluator)

    def compute_score(self, evaluator: Evaluator) -> float:
        """Return the BLEU of greedy translations, or the percentage of correct answers to a synthetic task."""
        network: Seq2Seq = evaluator.network
        engine = TorchEngine(network, _DECODING_BATCH_SIZE, beam_size=1, device=network.output.device)
        order = sorted(range(len(self._sources)), key=lambda i: -len(self._sources[i]))
        translations = [""] * len(order)
        sentences = ((i, self._sources[i]) for i in order)
        for i, hypotheses in decode_sentences(engine, sentences, BOS, EOS, DecodingOptions(return_attention=False)):
            translations[i] = self._tokenizer.target.decode(hypotheses[0].tokens).text
        if isinstance(self._data.dev, SyntheticCorpus):
            return float(exact_match(self._data.dev, translations, self._references)["score"])
        return corpus_bleu(translations, self._references, self._data.target)

    def build_metrics(self, loss: float, score: float) -> dict[str, float]:
        """Return the score under its key in ``metrics.jsonl``: ``bleu`` or ``exact``."""
        return {"exact" if isinstance(self._data.dev, SyntheticCorpus) else "bleu": score}

    def format_score(self, score: float) -> str:
        """Format a score with its name, for example ``BLEU 31.42``."""
        return " ".join(f"{METRIC_NAMES[key]} {value:.2f}" for key, value in self.build_metrics(0.0, score).items())

    def _compute_loss(self, evaluator: Evaluator) -> float:
        """Return the negative log-likelihood of the references, in nats per target token."""
        order = sorted(range(len(self._targets)), key=lambda i: len(self._targets[i]))
        total, tokens = 0.0, 0
        with torch.no_grad():
            for start in range(0, len(order), _LOSS_BATCH_SIZE):
                rows = order[start : start + _LOSS_BATCH_SIZE]
                sides = (RaggedArray.from_lists([ids[row] for row in rows]) for ids in (self._sources, self._targets))
                batch = collate_batch(*sides)
                inputs = make_translation_batch(batch, evaluator.network.output.device)
                total += evaluator.compute_loss(inputs).negative_log_likelihood.item()
                tokens += batch.num_target_tokens
        return total / tokens


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
