"""Text that a language model generates: greedy search, sampling and its seeds."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Nmt

from nmt.corpus.tokenizer import BOS, EOS, reserved_mask
from nmt.engine.shallow_fusion import load_language_model
from nmt.lab.text_generation import TextGenerator
from nmt.model_directory.directory import LanguageModelDirectory, read_language_model_directory


def greedy_continuation(model: LanguageModelDirectory, prompt: str, length: int) -> str:
    """Return the most probable continuation; the network reads the whole text again for each token."""
    network, allowed = load_language_model(model), ~torch.from_numpy(reserved_mask(model.card.vocabulary))
    [ids] = model.vocabulary.encode_batch([prompt])
    text, line = [BOS, *ids], [list(ids)]
    for _ in range(length):
        with torch.no_grad():
            hidden, _ = network(torch.tensor([text]), network.initial_state(1))
            scores = (hidden[0, -1] @ network.output.T).masked_fill(~allowed, -torch.inf)
        token = int(scores.argmax())
        text.append(BOS if token == EOS else token)
        if token == EOS:
            line.append([])
        else:
            line[-1].append(token)
    return "\n".join(model.vocabulary.decode_batch(line))


def test_temperature_zero_generates_the_most_probable_text(character_model: Path) -> None:
    generator = TextGenerator.load(character_model)
    expected = greedy_continuation(read_language_model_directory(character_model), "le roi", 60)
    assert generator.generate("le roi", 60, temperature=0.0) == expected
    assert generator.generate("le roi", 60, temperature=0.0, seed=5) == expected


def test_equal_seeds_generate_equal_text(character_model: Path, nmt: Nmt) -> None:
    ran = [nmt("generate", character_model, "--prompt", "le ", "--length", 40, "--seed", seed) for seed in (1, 1, 2)]
    assert [each.status for each in ran] == [0, 0, 0]
    first, again, other = (each.out for each in ran)
    assert first == again
    assert first != other
    assert first.startswith("le ")
    assert len(first) == len("le ") + 40 + 1  # one character per token, and the line end of the output


def test_sampling_follows_the_distribution(character_model: Path) -> None:
    read = read_language_model_directory(character_model)
    generator, network = TextGenerator.load(character_model), load_language_model(read)
    with torch.no_grad():
        scores, _ = network.step(torch.tensor([BOS]), network.initial_state(1))
    allowed = np.where(reserved_mask(read.card.vocabulary), -np.inf, scores[0].double().numpy())
    expected = np.exp(allowed / 0.7) / np.exp(allowed / 0.7).sum()
    drawn = [generator.generate("", 1, temperature=0.7, seed=seed) for seed in range(300)]
    [most_probable] = read.vocabulary.decode_batch([[int(expected.argmax())]])
    share = drawn.count(most_probable) / len(drawn)
    assert share == pytest.approx(float(expected.max()), abs=4 * math.sqrt(0.25 / len(drawn)))


def test_prompt_with_unknown_characters_is_refused_in_one_line(character_model: Path, nmt: Nmt) -> None:
    ran = nmt("generate", character_model, "--prompt", "漢字")
    assert ran.status == 2
    assert ran.err == "nmt: --prompt: '漢字' has characters that are not in the vocabulary; leave them out\n"
