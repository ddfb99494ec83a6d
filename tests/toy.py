"""A tiny parallel corpus and a recipe for it."""

from __future__ import annotations

import random
from pathlib import Path

NOUNS = {"dog": "chien", "cat": "chat", "bird": "oiseau", "horse": "cheval", "man": "homme", "king": "roi"}
VERBS = {"sees": "voit", "hears": "entend", "follows": "suit", "likes": "aime", "draws": "dessine"}
ADJECTIVES = {"red": "rouge", "small": "petit", "young": "jeune", "calm": "calme"}


def toy_pairs(count: int, seed: int) -> list[tuple[str, str]]:
    """Sentences of a little word-by-word language, as 'the red dog sees the cat .'"""
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
    for language, side in (("en", 0), ("fr", 1)):
        text = "".join(pair[side] + "\n" for pair in pairs)
        prefix.with_name(f"{prefix.name}.{language}").write_text(text, encoding="utf-8")
    return prefix


RECIPE = """\
data: {source: en, target: fr, train: [train], dev: dev}
tokenizer: {vocab_size: 420}
model: {width: 32, encoder_layers: 1, decoder_layers: 1, heads: 4, dropout: 0.1}
training: {max_updates: 12, batch_tokens: 400, warmup: 4, validate_every: 6, checkpoint_every: 5, precision: fp32}
"""
