"""How good the network is now: its loss on the dev set, and the score of its translations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch

from nmt.config.data import DataConfig, SyntheticCorpus
from nmt.corpus.arrow_store import RaggedArray
from nmt.corpus.batching import Batch, collate
from nmt.corpus.parallel_corpus import Pair
from nmt.corpus.tokenizer import BOS, EOS, Tokenizer
from nmt.engine.torch_engine import TorchEngine
from nmt.evaluation.metrics import bleu, exact_match
from nmt.model.seq2seq import Seq2Seq
from nmt.search.beam_search import DecodingOptions, search_all
from nmt.text.normalisation import normalise
from nmt.training.trainer import Trainer
from nmt.utils.hashing import digest

_SLOTS = 128  # sentences searched together
_BATCH = 64  # pairs scored together


class DevSet(Protocol):
    """What a session validates on."""

    @property
    def fingerprint(self) -> str:
        """A hash of what it holds: scores of other sets don't compare."""

    def measure(self, trainer: Trainer) -> tuple[float, float]:
        """The loss, in nats a target piece, and the score."""

    def score(self, trainer: Trainer) -> float:
        """What the best weights are chosen by: higher is better."""

    def metrics(self, loss: float, score: float) -> dict[str, float]:
        """For ``metrics.jsonl``, besides the loss."""

    def best(self, score: float) -> str:
        """A best score, for people."""


WORDS = {"bleu": "BLEU", "exact": "exact match", "bits_per_character": "bits per character"}
"""What metrics are called, where that is not their key."""


class Validator:
    """A dev set, ready to be translated again and again."""

    def __init__(self, pairs: Sequence[Pair], tokenizer: Tokenizer, data: DataConfig) -> None:
        self.fingerprint = digest(data.target, *pairs)
        self._references = [target for _, target in pairs]
        self._tokenizer, self._data = tokenizer, data
        self._sources = tokenizer.source.encode_batch([normalise(source) for source, _ in pairs])
        self._targets = tokenizer.target.encode_batch([normalise(target) for _, target in pairs])

    def measure(self, trainer: Trainer) -> tuple[float, float]:
        """See `DevSet.measure`."""
        return self._loss(trainer), self.score(trainer)

    def _loss(self, trainer: Trainer) -> float:
        order = sorted(range(len(self._targets)), key=lambda i: len(self._targets[i]))
        total, pieces = 0.0, 0
        with torch.no_grad():
            for start in range(0, len(order), _BATCH):
                batch = self._batch(order[start : start + _BATCH])
                total += trainer.batch_loss(batch).negative_log_likelihood.item()
                pieces += batch.target_tokens
        return total / pieces

    def score(self, trainer: Trainer) -> float:
        """Of the network's greedy translations: BLEU, or of a task the percentage of right answers."""
        network = trainer.network
        assert isinstance(network, Seq2Seq)
        engine = TorchEngine(network, _SLOTS, beam=1, device=trainer.device)
        order = sorted(range(len(self._sources)), key=lambda i: -len(self._sources[i]))
        translations = [""] * len(order)
        sentences = ((i, self._sources[i]) for i in order)
        for i, hypotheses in search_all(engine, sentences, BOS, EOS, DecodingOptions(return_attention=False)):
            translations[i] = self._tokenizer.target.decode(hypotheses[0].tokens).text
        if isinstance(self._data.dev, SyntheticCorpus):
            return float(exact_match(self._data.dev, translations, self._references)["score"])
        return bleu(translations, self._references, self._data.target)

    def metrics(self, loss: float, score: float) -> dict[str, float]:
        """See `DevSet.metrics`."""
        return {"exact" if isinstance(self._data.dev, SyntheticCorpus) else "bleu": score}

    def best(self, score: float) -> str:
        """See `DevSet.best`."""
        return " ".join(f"{WORDS[key]} {value:.2f}" for key, value in self.metrics(0.0, score).items())

    def _batch(self, rows: Sequence[int]) -> Batch:
        sources, targets = ([ids[row] for row in rows] for ids in (self._sources, self._targets))
        return collate(RaggedArray.from_lists(sources), RaggedArray.from_lists(targets))
