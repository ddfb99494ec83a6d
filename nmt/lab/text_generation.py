"""Text from a language model, a piece at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from nmt.corpus.tokenizer import BOS, EOS, UNK, reserved_mask
from nmt.engine.shallow_fusion import load_language_model
from nmt.model_directory.directory import LanguageModelDirectory, read_language_model_directory
from nmt.utils.errors import UsageError


class Generator:
    """A loaded language model."""

    def __init__(self, bundle: LanguageModelDirectory) -> None:
        """Use `Generator.load` instead."""
        self._bundle, self._network = bundle, load_language_model(bundle)
        self._reserved = reserved_mask(bundle.card.vocabulary)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Generator:
        """Load a model directory or a run directory. Raises CarouselError with one line when it can't be used."""
        return Generator(read_language_model_directory(Path(path)))

    def generate(self, prompt: str, length: int, temperature: float = 1.0, seed: int = 0) -> str:
        """The prompt, and what the model writes after it: ``length`` pieces, line ends counted.

        Each piece is drawn from p^(1 / temperature), by Gumbel noise that follows from the seed; temperature 0 takes
        the likeliest. Raises UsageError for a prompt with characters that the model has no piece for.
        """
        vocabulary = self._bundle.vocabulary
        lines = [list(ids) for ids in vocabulary.encode_batch(self._bundle.lines(prompt))]
        if any(UNK in ids for ids in lines):
            raise UsageError(f"{prompt!r}: the model can't read all of its characters; leave them out")
        written = list(self._write(lines, length, temperature, seed))
        for piece in written:
            if piece == EOS:
                lines.append([])
            else:
                lines[-1].append(piece)
        return "\n".join(vocabulary.decode_batch(lines))

    @torch.inference_mode()
    def _write(self, lines: list[list[int]], length: int, temperature: float, seed: int) -> Iterator[int]:
        """The pieces after the last of these lines; end of sentence ends a line and begins another."""
        random = np.random.default_rng(seed)
        state = self._network.initial_state(1)
        for number, line in enumerate(lines):
            state = state if number == 0 or self._bundle.card.carried else self._network.initial_state(1)
            scores = torch.zeros(0)
            for piece in (BOS, *line):
                scores, state = self._network.step(torch.tensor([piece]), state)
        for _ in range(length):
            proposals = scores[0].double().numpy().copy()
            proposals[self._reserved] = -np.inf
            if temperature:
                proposals = proposals / temperature + random.gumbel(size=len(proposals))
            piece = int(proposals.argmax())
            yield piece
            if piece == EOS and not self._bundle.card.carried:
                state = self._network.initial_state(1)
            scores, state = self._network.step(torch.tensor([BOS if piece == EOS else piece]), state)
