"""Print the summary of `make demo`: sample translations, the test score and the command that serves the model."""

from __future__ import annotations

import sys
from pathlib import Path

from nmt import Translator
from nmt.corpus.text_files import read_lines
from nmt.model_directory.directory import read_model_directory

HERE = Path(__file__).parent


def main() -> None:
    """Translate some test sentences with the given model, and print its test score from the model card."""
    model = sys.argv[1]
    sources, references = (list(read_lines(HERE / f"test.{language}"))[::100] for language in ("en", "fr"))
    for source, result, reference in zip(sources, Translator.load(model).translate(sources), references, strict=True):
        print(f"  {source}\n  → {result.text}" + ("" if result.text == reference else f"   (expected: {reference})"))
    bleu = read_model_directory(Path(model)).card.scores["test"]["bleu"]
    print(f"\nTest set: {bleu['signature']}")
    print(f"BLEU = {bleu['score']:.2f}")
    print(f"Serve it: nmt serve {model}")
    print("Translate: curl localhost:5000/translate -d q='The black cat sleeps.' -d source=en -d target=fr")


if __name__ == "__main__":
    main()
