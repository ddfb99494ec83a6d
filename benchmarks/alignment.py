"""Compare the alignment error rate (AER) of models on gold word alignments.

    python benchmarks/alignment.py runs/guided runs/plain

Each model scores the gold translations by forced decoding. A target token is linked to the source token with the
highest attention weight: that of the alignment head in models trained with guided alignment, else the mean over the
heads of the last layer. By default, the gold links are those of the demonstration corpus, in which commas, final
punctuation and French elided words are words of their own.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from nmt.corpus.parallel_corpus import read_parallel_files
from nmt.evaluation.alignment_error_rate import alignment_error_rate, link_words, read_pharaoh_links, word_char_ranges
from nmt.inference.translator import Translator
from nmt.model_directory.directory import read_model_directory

DEMO = Path(__file__).parents[1] / "data" / "demo-en-fr"
sys.path.insert(0, str(DEMO))

from bilingual.phrases import tokenise_english, tokenise_french  # noqa: E402


def main() -> None:
    """Compute and print the alignment error rate of each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--source", type=Path, default=DEMO / "test.en")
    parser.add_argument("--target", type=Path, default=DEMO / "test.fr")
    parser.add_argument("--links", type=Path, default=DEMO / "test.align")
    options = parser.parse_args()
    pairs = list(read_parallel_files(options.source, options.target))
    words = [(word_char_ranges(a, tokenise_english(a)), word_char_ranges(b, tokenise_french(b))) for a, b in pairs]
    gold = read_pharaoh_links(options.links)
    print(f"{len(pairs)} pairs, {sum(map(len, gold))} gold links")
    for model in options.models:
        scores = Translator.load(model, shortlist=False).score(pairs)
        found = [link_words(score.alignment or (), *ranges) for score, ranges in zip(scores, words, strict=True)]
        head = "alignment head" if read_model_directory(model).card.model.alignment_head else "mean over heads"
        print(f"AER = {alignment_error_rate(found, gold):.3f}   {head}   {model}", flush=True)


if __name__ == "__main__":
    main()
