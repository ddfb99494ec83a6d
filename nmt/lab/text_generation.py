"""Text generation by sampling from a language model."""

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


class TextGenerator:
    """Language model, loaded from a directory, that continues prompts."""

    def __init__(self, directory: LanguageModelDirectory) -> None:
        """Load the network of an opened model directory; `TextGenerator.load` also opens the directory."""
        self._directory, self._network = directory, load_language_model(directory)
        self._reserved = reserved_mask(directory.card.vocabulary)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> TextGenerator:
        """Load the language model of a model directory or run directory.

        Raises CarouselError if the directory contains no usable language model.
        """
        return TextGenerator(read_language_model_directory(Path(path)))

    def generate(self, prompt: str, length: int, temperature: float = 1.0, seed: int = 0) -> str:
        """Return the prompt with a continuation.

        Args:
            prompt: Text to continue.
            length: Number of tokens to generate, including line ends.
            temperature: Sampling temperature T: tokens are drawn from p^(1/T) by the Gumbel-max trick. At 0 the most
                probable token is taken.
            seed: Seed of the random number generator.

        Raises UsageError if the prompt has characters that are not in the vocabulary.
        """
        vocabulary = self._directory.vocabulary
        lines = [list(ids) for ids in vocabulary.encode_batch(self._directory.split_lines(prompt))]
        if any(UNK in ids for ids in lines):
            raise UsageError(f"--prompt: {prompt!r} has characters that are not in the vocabulary; leave them out")
        for token in list(self._sample_ids(lines, length, temperature, seed)):
            if token == EOS:
                lines.append([])
            else:
                lines[-1].append(token)
        return "\n".join(vocabulary.decode_batch(lines))

    @torch.inference_mode()
    def _sample_ids(self, lines: list[list[int]], length: int, temperature: float, seed: int) -> Iterator[int]:
        """Yield the ids of tokens that continue the last line; end of sentence ends a line and starts the next."""
        random = np.random.default_rng(seed)
        carried = self._directory.card.carried
        state = self._network.initial_state(1)
        for index, line in enumerate(lines):
            state = state if index == 0 or carried else self._network.initial_state(1)
            scores = torch.zeros(0)
            for token in (BOS, *line):
                scores, state = self._network.step(torch.tensor([token]), state)
        for _ in range(length):
            logits = scores[0].double().numpy().copy()
            logits[self._reserved] = -np.inf
            if temperature:
                logits = logits / temperature + random.gumbel(size=len(logits))
            token = int(logits.argmax())
            yield token
            if token == EOS and not carried:
                state = self._network.initial_state(1)
            scores, state = self._network.step(torch.tensor([BOS if token == EOS else token]), state)
