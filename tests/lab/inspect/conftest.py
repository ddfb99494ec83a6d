"""Character language models with random weights, for inspection."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import save

from nmt.config.model import ModelConfig
from nmt.config.schema import TokenizerConfig
from nmt.corpus.tokenizer import train_verbatim_vocabulary
from nmt.model.language_model import build_language_model
from nmt.model_directory.card import LanguageModelCard
from nmt.model_directory.directory import write_language_model_directory

TEXT = 'def f(x):\n    """Say "x"."""\n\n    return [x, (1, 2)]'
"""Text from which the vocabulary is built."""


@pytest.fixture
def language_model(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a model directory, for example ``language_model(carried=True, cell="gru")``."""

    def make(carried: bool = True, verbatim: bool = True, **model: object) -> Path:
        config = ModelConfig.model_validate(
            {"design": "classic", "attention": "none", "width": 16, "decoder_layers": 2} | model
        )
        vocabulary = train_verbatim_vocabulary(
            TEXT.split("\n"), TokenizerConfig(kind="char", vocab_size=120, byte_fallback=False), "en"
        )
        network = build_language_model(config, len(vocabulary), seed=3)
        card = LanguageModelCard(
            language="en", vocabulary=len(vocabulary), model=config, carried=carried, verbatim=verbatim
        )
        write_language_model_directory(tmp_path / "lm", card, vocabulary, save(dict(network.named_parameters())))
        return tmp_path / "lm"

    return make
