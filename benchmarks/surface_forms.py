"""Measure how translation suffers from unusual casing and final punctuation of the source.

    python benchmarks/surface_forms.py MODEL SOURCE REFERENCE

Each variant of the source is translated and scored by lower-cased BLEU against the same references, next to the plain
source. For the variants with other final punctuation, the final punctuation of all translations and references is
ignored.
"""

from __future__ import annotations

import argparse
import itertools
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from sacrebleu.metrics import BLEU

from nmt.inference.translator import Translator

_FINAL = re.compile(r"\s*[.!?…。！？]+$")
_WORD_START = re.compile(r"(?<![\w'’])[^\W\d_]")


def remove_final(text: str) -> str:
    return _FINAL.sub("", text)


def title(text: str) -> str:
    return _WORD_START.sub(lambda match: match[0].upper(), text)


def double_final(text: str) -> str:
    return text + text[-1] * 2 if _FINAL.search(text) else text


def lower_unpunctuated(text: str) -> str:
    return remove_final(text).lower()


VARIANTS: dict[str, tuple[Callable[[str], str], bool]] = {
    "upper-cased": (str.upper, True),
    "lower-cased": (str.lower, True),
    "title-cased": (title, True),
    "unpunctuated": (remove_final, False),
    "lower-cased, unpunctuated": (lower_unpunctuated, False),
    "repeated final punctuation": (double_final, False),
}
"""For each variant, the function that makes it and whether final punctuation is compared."""


def score(translations: Sequence[str], references: Sequence[str], with_final: bool) -> float:
    """Return the lower-cased BLEU of translations."""
    if not with_final:
        translations, references = [list(map(remove_final, side)) for side in (translations, references)]
    return float(BLEU(lowercase=True).corpus_score(translations, [references]).score)


def main() -> None:
    """Translate all variants of a set and print their scores and examples."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("source", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--limit", type=int, help="number of sentences; all by default")
    parser.add_argument("--examples", type=int, default=0, help="number of translations to print per variant")
    options = parser.parse_args()
    sources, references = (
        list(itertools.islice(path.read_text(encoding="utf-8").splitlines(), options.limit))
        for path in (options.source, options.reference)
    )
    translator = Translator.load(options.model)
    plain = [each.text for each in translator.translate(sources)]
    print(f"{len(sources)} sentences   BLEU, lower-cased: {score(plain, references, True):.2f}   {options.model}")
    for name, (vary, with_final) in VARIANTS.items():
        varied = list(map(vary, sources))
        translations = [each.text for each in translator.translate(varied)]
        bleu, plain_bleu = score(translations, references, with_final), score(plain, references, with_final)
        print(f"{bleu:6.2f}  {bleu - plain_bleu:+6.2f}  {name}", flush=True)
        for text, translation, expected in itertools.islice(
            zip(varied, translations, plain, strict=True), options.examples
        ):
            print(f"    {text}\n        {translation}\n        {expected}")


if __name__ == "__main__":
    main()
