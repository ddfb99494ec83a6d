"""Language models in translation: shallow fusion, and scoring of translations for rescoring.

Shallow fusion (Gülçehre et al. 2015, section 4.1) adds the language model's log-probabilities, times a weight, to those
of the translation model at every step. Rescoring orders finished translations by the same sum.

Shapes: V vocabulary, B texts, T length of a text, N tokens without padding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from nmt.corpus.tokenizer import BOS, EOS
from nmt.engine.torch_engine import TorchEngine, check_size, load_weights, torch_engine_factory
from nmt.model.decoder import DecoderState
from nmt.model.language_model import LanguageModel
from nmt.model_directory.directory import LanguageModelDirectory, ModelDirectory
from nmt.search.protocol import StepRequest, StepResult
from nmt.text.normalisation import normalise
from nmt.utils.errors import CarouselError

_BATCH_SIZE = 64  # texts scored together
_MAX_LOGITS = 4_000_000  # in memory at once


class ShallowFusionEngine:
    """A translation model fused with a language model; implements `nmt.search.protocol.Engine`.

    Scores are log p(translation model) + weight × log p(language model), which is not normalised.
    """

    def __init__(self, translator: TorchEngine, network: LanguageModel, weight: float) -> None:
        """``network`` is a language model with the same vocabulary, in evaluation mode."""
        self._translator, self._network, self._weight = translator, network.to(translator.device), weight
        self.num_slots, self.beam_size = translator.num_slots, translator.beam_size
        self._state: DecoderState = network.initial_state(self.num_slots * self.beam_size)

    def admit(
        self, slots: Sequence[int], sources: Sequence[Sequence[int]], required_ids: Sequence[Sequence[int]]
    ) -> None:
        """Encode sentences into free slots; see `Engine.admit`. The language model starts from its initial state."""
        self._translator.admit(slots, sources, required_ids)
        rows = (torch.tensor(slots)[:, None] * self.beam_size + torch.arange(self.beam_size)).flatten()
        for stored in self._state:
            stored[rows] = 0.0

    def release(self, slots: Sequence[int]) -> None:
        """Free the given slots; see `Engine.release`."""
        self._translator.release(slots)

    @torch.inference_mode()
    def step(self, request: StepRequest) -> StepResult:
        """Advance all rows by one token; see `Engine.step`."""
        rows, scores, attention = self._translator.log_probabilities(request)
        row_indices = rows.cpu().numpy()
        parents, tokens = (
            torch.from_numpy(values[row_indices]).to(rows.device) for values in (request.parents, request.tokens)
        )
        lm_scores, state = self._network.step(tokens, tuple(stored[parents] for stored in self._state))
        for stored, new in zip(self._state, state, strict=True):
            stored[rows] = new
        return self._translator.select_candidates(request, rows, scores + self._weight * lm_scores, attention)


class LanguageModelScorer:
    """Computes the log-probability of texts under a language model, which may have any tokenizer."""

    def __init__(self, directory: LanguageModelDirectory) -> None:
        self._directory, self._network = directory, load_language_model(directory)

    @torch.inference_mode()
    def score(self, texts: Sequence[str]) -> list[float]:
        """Return the log-probability of each text as a line, end of line included."""
        lines = [text if self._directory.card.verbatim else normalise(text) for text in texts]
        ids = self._directory.vocabulary.encode_batch(lines)
        order = sorted(range(len(ids)), key=lambda n: len(ids[n]))
        scores = [0.0] * len(ids)
        for start in range(0, len(order), _BATCH_SIZE):
            batch = order[start : start + _BATCH_SIZE]
            for n, score in zip(batch, self._score_batch([ids[n] for n in batch]), strict=True):
                scores[n] = score
        return scores

    def _score_batch(self, ids: Sequence[Sequence[int]]) -> list[float]:
        longest = max(map(len, ids)) + 1
        inputs, targets = np.full((2, len(ids), longest), EOS)
        mask = np.zeros((len(ids), longest), dtype=bool)
        for n, line in enumerate(ids):
            inputs[n, : len(line) + 1], targets[n, : len(line) + 1] = [BOS, *line], [*line, EOS]
            mask[n, : len(line) + 1] = True
        hidden, _ = self._network(torch.from_numpy(inputs), self._network.initial_state(len(ids)))
        texts, positions = torch.from_numpy(mask).nonzero(as_tuple=True)
        output = self._network.output
        chunk = max(1, _MAX_LOGITS // len(output))
        states, token_ids = hidden[texts, positions], torch.from_numpy(targets)[texts, positions]
        parts = (slice(start, start + chunk) for start in range(0, len(token_ids), chunk))
        token_scores = torch.cat([_log_probabilities(states[part] @ output.T, token_ids[part]) for part in parts])
        scores: list[float] = torch.zeros(len(ids), dtype=torch.double).index_add(0, texts, token_scores).tolist()
        return scores


def _log_probabilities(logits: Tensor, ids: Tensor) -> Tensor:
    """Return the log-probabilities of ids [N] given logits [N, V], in double precision."""
    selected = logits.gather(1, ids[:, None]).squeeze(1)
    return (selected - logits.logsumexp(dim=1)).double()


def load_language_model(directory: LanguageModelDirectory) -> LanguageModel:
    """Return the network of a language model's directory, in evaluation mode."""
    check_size(directory.card.model, directory.weights)
    network = LanguageModel(directory.card.model, directory.card.vocabulary)
    load_weights(network, directory.weights)
    return network.eval()


def fused_engine_factory(
    translator: ModelDirectory, language_model: LanguageModelDirectory, weight: float, threads: int
) -> Callable[[int, int], ShallowFusionEngine]:
    """Return a factory of engines, from the numbers of slots and of rows per slot, that share both networks.

    Raises CarouselError if the tokenizers differ.
    """
    if translator.tokenizer.target.serialized != language_model.vocabulary.serialized:
        raise CarouselError(
            f"{language_model.path}: has another tokenizer than {translator.path}; train it with "
            f"tokenizer.model={translator.path}, or rescore with --rescore N"
        )
    make_translator = torch_engine_factory(translator, threads)
    network = load_language_model(language_model)
    return lambda num_slots, beam_size: ShallowFusionEngine(make_translator(num_slots, beam_size), network, weight)
