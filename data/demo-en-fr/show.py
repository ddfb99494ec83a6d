"""What `make demo` prints at its end: the test score, five translations, and how to serve the model."""

from __future__ import annotations

import sys
from pathlib import Path

from nmt import Translator
from nmt.corpus.reader import read_lines
from nmt.evaluation.metrics import evaluate

HERE = Path(__file__).parent


def main() -> None:
    """Score the model named on the command line on the test set."""
    model = sys.argv[1]
    sources, references = (list(read_lines(HERE / f"test.{language}")) for language in ("en", "fr"))
    translator = Translator.load(model, threads=2)
    translations = [result.text for result in translator.translate(sources)]
    for source, translation, reference in list(zip(sources, translations, references, strict=True))[::100]:
        print(f"  {source}\n  → {translation}" + ("" if translation == reference else f"   (expected: {reference})"))
    bleu = evaluate(translations, references, translator.target_language)["bleu"]
    print(f"\nTest set of {len(sources)} sentences: {bleu['signature']}")
    print(f"BLEU = {bleu['score']:.2f}")
    print(f"Serve it:  nmt serve {model}    and then:")
    print("  curl localhost:5000/translate -d q='The black cat sleeps.' -d source=en -d target=fr")


if __name__ == "__main__":
    main()
