"""A language model beside a translator: it has a say in every step, or at the end.

Shallow fusion (Gülçehre et al. 2015, section 4.1) adds its log-probabilities, times a weight, to those of the
translator before anything is chosen. Rescoring orders finished translations by the same sum.

N slots, K rows a slot, M rows in use, V vocabulary, P pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from nmt.corpus.tokenizer import BOS, EOS
from nmt.engine.torch_engine import TorchEngine, load_weights, torch_engine_factory
from nmt.model.decoder import DecoderState
from nmt.model.language_model import LanguageModel
from nmt.model_directory.directory import LanguageModelDirectory, ModelDirectory
from nmt.search.protocol import StepRequest, StepResult
from nmt.text.normalisation import normalise
from nmt.utils.errors import CarouselError

_BATCH = 64  # texts scored together
_LOGITS = 4_000_000  # in memory at once


class ShallowFusionEngine:
    """A translator and a language model of one vocabulary; implements `nmt.search.protocol.Engine`.

    Scores are sums, log p(translator) + weight × log p(language model), and no log-probabilities.
    """

    def __init__(self, translator: TorchEngine, network: LanguageModel, weight: float) -> None:
        """``network`` is in evaluation mode."""
        self._translator, self._network, self._weight = translator, network.to(translator.device), weight
        self._state: DecoderState = network.initial_state(translator.slots * translator.beam)

    @property
    def slots(self) -> int:
        """N"""
        return self._translator.slots

    @property
    def beam(self) -> int:
        """K"""
        return self._translator.beam

    def admit(
        self, slots: Sequence[int], sources: Sequence[Sequence[int]], constraints: Sequence[Sequence[int]]
    ) -> None:
        """See `Engine.admit`; a sentence begins like a line of the language model's text."""
        self._translator.admit(slots, sources, constraints)
        rows = (torch.tensor(slots)[:, None] * self.beam + torch.arange(self.beam)).flatten()
        for held in self._state:
            held[rows] = 0.0

    def release(self, slots: Sequence[int]) -> None:
        """See `Engine.release`."""
        self._translator.release(slots)

    @torch.inference_mode()
    def step(self, request: StepRequest) -> StepResult:
        """See `Engine.step`."""
        rows, scores, attention = self._translator.distribution(request)
        of_rows = rows.cpu().numpy()
        chosen = (request.parents, request.tokens)
        parents, tokens = (torch.from_numpy(each[of_rows]).to(rows.device) for each in chosen)
        liked, state = self._network.step(tokens, tuple(held[parents] for held in self._state))
        for held, new in zip(self._state, state, strict=True):
            held[rows] = new
        return self._translator.choose(request, rows, scores + self._weight * liked, attention)


class LanguageModelScorer:
    """What a language model thinks of texts; it may have a tokenizer of its own."""

    def __init__(self, bundle: LanguageModelDirectory) -> None:
        self._bundle, self._network = bundle, load_language_model(bundle)

    @torch.inference_mode()
    def score(self, texts: Sequence[str]) -> list[float]:
        """The log-probability of each text as a line, its end counted."""
        lines = [text if self._bundle.card.verbatim else normalise(text) for text in texts]
        ids = self._bundle.vocabulary.encode_batch(lines)
        order = sorted(range(len(ids)), key=lambda n: len(ids[n]))
        scores = [0.0] * len(ids)
        for start in range(0, len(order), _BATCH):
            some = order[start : start + _BATCH]
            for n, score in zip(some, self._of_batch([ids[n] for n in some]), strict=True):
                scores[n] = score
        return scores

    def _of_batch(self, ids: Sequence[Sequence[int]]) -> list[float]:
        longest = max(map(len, ids)) + 1
        read, wanted = np.full((2, len(ids), longest), EOS)
        inside = np.zeros((len(ids), longest), dtype=bool)
        for n, line in enumerate(ids):
            read[n, : len(line) + 1], wanted[n, : len(line) + 1] = [BOS, *line], [*line, EOS]
            inside[n, : len(line) + 1] = True
        hidden, _ = self._network(torch.from_numpy(read), self._network.initial_state(len(ids)))
        row, place = torch.from_numpy(inside).nonzero(as_tuple=True)
        output = self._network.output
        at_once = max(1, _LOGITS // len(output))
        states, targets = hidden[row, place], torch.from_numpy(wanted)[row, place]
        parts = (slice(start, start + at_once) for start in range(0, len(targets), at_once))
        of_pieces = torch.cat([_log_probabilities(states[part] @ output.T, targets[part]) for part in parts])
        found: list[float] = torch.zeros(len(ids), dtype=torch.double).index_add(0, row, of_pieces).tolist()
        return found


def _log_probabilities(logits: Tensor, wanted: Tensor) -> Tensor:
    """Of the ids wanted [P], by logits [P, V], in double precision."""
    chosen = logits.gather(1, wanted[:, None]).squeeze(1)
    return (chosen - logits.logsumexp(dim=1)).double()


def load_language_model(bundle: LanguageModelDirectory) -> LanguageModel:
    """The network of a bundle, in evaluation mode."""
    network = LanguageModel(bundle.card.model, bundle.card.vocabulary)
    load_weights(network, bundle.weights)
    return network.eval()


def fused_engine_factory(
    translator: ModelDirectory, language_model: LanguageModelDirectory, weight: float, threads: int
) -> Callable[[int, int], ShallowFusionEngine]:
    """What makes engines, of so many slots and rows a slot, that share both networks.

    Raises CarouselError when the tokenizers differ.
    """
    if translator.tokenizer.target.serialized != language_model.vocabulary.serialized:
        raise CarouselError(
            f"{language_model.path}: has another tokenizer than {translator.path}; train it with "
            f"tokenizer.model={translator.path}, or rescore with --rescore N"
        )
    make, network = torch_engine_factory(translator, threads), load_language_model(language_model)
    return lambda slots, beam: ShallowFusionEngine(make(slots, beam), network, weight)
