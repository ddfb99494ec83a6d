"""A tiny multilingual corpus: the toy pairs English and French, and a cipher of English as a third language."""

from __future__ import annotations

from pathlib import Path

from toy import toy_pairs

_CIPHER = str.maketrans("abcdefghijklmnopqrstuvwxyz", "nopqrstuvwxyzabcdefghijklm")

RECIPE = """\
data:
  directions:
    - {source: en, target: fr, train: [fr.train], dev: fr.dev, both_ways: true}
    - {source: en, target: xx, train: [xx.train], dev: xx.dev, both_ways: true}
tokenizer: {vocab_size: 440}
model: {width: 32, encoder_layers: 1, decoder_layers: 1, heads: 4, dropout: 0.1}
training: {max_updates: 12, batch_tokens: 400, warmup: 4, validate_every: 6, checkpoint_every: 5, precision: fp32}
"""
METHODS = ("training.guided_alignment=0.1", "training.ema=0.9", "data.temperature=3")
"""Settings with which most tests train."""


def encipher(text: str) -> str:
    """Return an English text in the third language."""
    return text.translate(_CIPHER)


def write_multilingual_recipe(folder: Path, train_pairs: int = 200, dev_pairs: int = 10) -> Path:
    """Write a recipe for English ↔ French and English ↔ cipher, with half as many pairs of the latter."""
    for name, count, seed in (("train", train_pairs, 1), ("dev", dev_pairs, 2)):
        french, cipher = toy_pairs(count, seed), toy_pairs(count // 2, seed + 10)
        _write_sides(folder / f"fr.{name}", "fr", french)
        _write_sides(folder / f"xx.{name}", "xx", [(english, encipher(english)) for english, _ in cipher])
    recipe = folder / "multilingual.yaml"
    recipe.write_text(RECIPE, encoding="utf-8")
    return recipe


def _write_sides(prefix: Path, language: str, pairs: list[tuple[str, str]]) -> None:
    for code, side in (("en", 0), (language, 1)):
        text = "".join(pair[side] + "\n" for pair in pairs)
        prefix.with_name(f"{prefix.name}.{code}").write_text(text, encoding="utf-8")
