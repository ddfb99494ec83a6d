"""How good the network is now: its loss on the dev set, and the BLEU of its translations."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from nmt.corpus.batching import Batch, assemble
from nmt.corpus.ragged import Ragged
from nmt.corpus.reader import Pair
from nmt.corpus.tokenizer import BOS, EOS, Tokenizer
from nmt.engine.torch_engine import TorchEngine
from nmt.evaluation.metrics import bleu
from nmt.search.beam import SearchOptions, search_all
from nmt.text.normalise import normalise
from nmt.training.trainer import Trainer

_SLOTS = 128  # sentences searched together
_BATCH = 64  # pairs scored together


class Validator:
    """A dev set, ready to be translated again and again."""

    def __init__(self, pairs: Sequence[Pair], tokenizer: Tokenizer, target_language: str) -> None:
        self._references = [target for _, target in pairs]
        self._tokenizer, self._language = tokenizer, target_language
        self._sources = tokenizer.source.encode_many([normalise(source) for source, _ in pairs])
        self._targets = tokenizer.target.encode_many([normalise(target) for _, target in pairs])

    def loss(self, trainer: Trainer) -> float:
        """Nats a target piece."""
        order = sorted(range(len(self._targets)), key=lambda i: len(self._targets[i]))
        total, pieces = 0.0, 0
        with torch.no_grad():
            for start in range(0, len(order), _BATCH):
                batch = self._batch(order[start : start + _BATCH])
                total += trainer.batch_loss(batch).negative_log_likelihood.item()
                pieces += batch.target_tokens
        return total / pieces

    def bleu(self, trainer: Trainer) -> float:
        """Of the network's greedy translations."""
        engine = TorchEngine(trainer.network, _SLOTS, beam=1, device=trainer.device)
        order = sorted(range(len(self._sources)), key=lambda i: -len(self._sources[i]))
        translations = [""] * len(order)
        sentences = ((i, self._sources[i]) for i in order)
        for i, hypotheses in search_all(engine, sentences, BOS, EOS, SearchOptions(attention=False)):
            translations[i] = self._tokenizer.target.decode(hypotheses[0].tokens).text
        return bleu(translations, self._references, self._language)

    def _batch(self, rows: Sequence[int]) -> Batch:
        sources, targets = ([ids[row] for row in rows] for ids in (self._sources, self._targets))
        return assemble(Ragged.of(sources), Ragged.of(targets))
