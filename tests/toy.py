"""A tiny artificial language pair, with recipes for a translator and a language model."""

from __future__ import annotations

import random
from pathlib import Path

NOUNS = {"dog": "chien", "cat": "chat", "bird": "oiseau", "horse": "cheval", "man": "homme", "king": "roi"}
VERBS = {"sees": "voit", "hears": "entend", "follows": "suit", "likes": "aime", "draws": "dessine"}
ADJECTIVES = {"red": "rouge", "small": "petit", "young": "jeune", "calm": "calme"}

RECIPE = """\
data: {source: en, target: fr, train: [train], dev: dev}
tokenizer: {vocab_size: 420}
model: {width: 32, encoder_layers: 1, decoder_layers: 1, heads: 4, dropout: 0.1}
training: {max_updates: 12, batch_tokens: 400, warmup: 4, validate_every: 6, checkpoint_every: 5, precision: fp32}
"""
LANGUAGE_MODEL_RECIPE = """\
data: {language: fr, train: [train.txt], dev: dev.txt}
tokenizer: {kind: char, vocab_size: 100, byte_fallback: false}
model: {design: classic, width: 16, decoder_layers: 1, dropout: 0.1}
training: {max_updates: 12, batch_tokens: 120, unroll: 20, warmup: 4, learning_rate: 1e-2, ema: 0.9,
           validate_every: 6, checkpoint_every: 5, precision: fp32}
"""


def toy_pairs(count: int, seed: int) -> list[tuple[str, str]]:
    """Return sentence pairs that correspond almost word by word, such as 'the red dog sees the cat.'"""
    rng = random.Random(seed)

    def phrase() -> tuple[str, str]:
        noun, adjective = rng.choice(list(NOUNS)), rng.choice(list(ADJECTIVES))
        if rng.random() < 0.5:
            return f"the {noun}", f"le {NOUNS[noun]}"
        return f"the {adjective} {noun}", f"le {NOUNS[noun]} {ADJECTIVES[adjective]}"

    pairs = []
    for _ in range(count):
        subject, verb, object_ = phrase(), rng.choice(list(VERBS)), phrase()
        pairs.append((f"{subject[0]} {verb} {object_[0]}.", f"{subject[1]} {VERBS[verb]} {object_[1]}."))
    return pairs


def write_corpus(prefix: Path, pairs: list[tuple[str, str]]) -> Path:
    """Write the English and the French side of the pairs to two files; return their common prefix."""
    for language, side in (("en", 0), ("fr", 1)):
        text = "".join(pair[side] + "\n" for pair in pairs)
        prefix.with_name(f"{prefix.name}.{language}").write_text(text, encoding="utf-8")
    return prefix


def write_recipe(folder: Path, train_pairs: int = 300, dev_pairs: int = 20) -> Path:
    """Write the translator's recipe and its corpora; return the path of the recipe."""
    write_corpus(folder / "train", toy_pairs(train_pairs, seed=1))
    write_corpus(folder / "dev", toy_pairs(dev_pairs, seed=2))
    return _write(folder / "toy.yaml", RECIPE)


def write_language_model_recipe(folder: Path) -> Path:
    """Write the language model's recipe and its text; return the path of the recipe."""
    for name, count, seed in (("train", 120, 1), ("dev", 12, 2)):
        _write(folder / f"{name}.txt", "".join(target + "\n" for _, target in toy_pairs(count, seed)))
    return _write(folder / "lm.yaml", LANGUAGE_MODEL_RECIPE)


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
