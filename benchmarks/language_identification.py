"""Accuracy and confidence of language identification.

    python benchmarks/language_identification.py de=corpora/dev.de de=manual.de en=corpora/dev.en …     # LANGUAGE=FILE

Each FILE holds lines of text in the language. The script samples sentences of four words and more, texts of one or two
words, and single frequent words, and identifies their languages among all that are given. It prints the accuracy, the
number of wrong answers with a confidence above 0.8, and the microseconds per text; then the same for each pair of
candidate languages that follows --pair, with texts of all languages: those in other languages should get no confidence.
In Chinese and Japanese, two characters count as a word.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from nmt.text.language_identification import LanguageDetector
from nmt.text.languages import language_scripts

WORD = re.compile(r"[^\W\d_]+")
SURE = 0.8
Texts = list[tuple[str, str]]  # text and its language


def count_words(text: str, language: str) -> float:
    words = WORD.findall(text)
    return sum(map(len, words)) / 2 if "CJK" in language_scripts(language) else len(words)


def sample_texts(lines: dict[str, list[str]], size: int) -> dict[str, Texts]:
    """Return up to ``size`` sentences, short texts and frequent words of each language."""
    rng = random.Random(1)
    texts: dict[str, Texts] = defaultdict(list)
    for language, of_language in lines.items():
        words = Counter(word.lower() for line in of_language for word in WORD.findall(line) if len(word) > 1)
        kinds = {
            "4 words and more": [line for line in of_language if count_words(line, language) >= 4],
            "1 or 2 words": [line for line in of_language if 0 < count_words(line, language) <= 2],
            "frequent words": [word for word, _ in words.most_common(size) if count_words(word, language) <= 2],
        }
        for kind, candidates in kinds.items():
            texts[kind] += [(text, language) for text in rng.sample(candidates, min(size, len(candidates)))]
    return texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="LANGUAGE=FILE")
    parser.add_argument("--size", type=int, default=500, help="texts of each kind and language")
    parser.add_argument(
        "--pair", action="append", default=[], metavar="A,B", help="pair of candidates; may be repeated"
    )
    parser.add_argument("--show", type=int, default=0, help="number of errors to print for each kind")
    arguments = parser.parse_args()
    lines: dict[str, dict[str, None]] = defaultdict(dict)
    for file in arguments.files:
        language, _, path = file.partition("=")
        lines[language] |= dict.fromkeys(Path(path).read_text(encoding="utf-8").split("\n")[:-1])
    texts = sample_texts({language: list(of_language) for language, of_language in lines.items()}, arguments.size)
    print(
        "| candidates | texts | number | right | surer than 0.8 | wrong and surer than 0.8 | µs |\n"
        "|---|---|---|---|---|---|---|"
    )
    for candidates in (list(lines), *(pair.split(",") for pair in arguments.pair)):
        for kind, samples in texts.items():
            print(row(candidates, kind, samples, arguments.show))


def row(candidates: Sequence[str], kind: str, texts: Texts, show: int) -> str:
    """Identify the languages of texts and return a row of the table."""
    detector = LanguageDetector(candidates)
    detector.detect("The library is loaded with the first text.")
    begin = time.process_time()
    found = [detector.detect(text) for text, _ in texts]
    seconds = time.process_time() - begin
    errors = [
        (text, language, each) for (text, language), each in zip(texts, found, strict=True) if language != each.language
    ]
    sure_errors = [error for error in errors if error[2].confidence > SURE]
    for error in sure_errors[:show]:
        print(error)
    # Texts in none of the languages have no right answer.
    inside = [
        each.language == language for (_, language), each in zip(texts, found, strict=True) if language in candidates
    ]
    sure = sum(each.confidence > SURE for each in found)
    name = "all" if len(candidates) > 3 else "-".join(candidates)
    return (
        f"| {name} | {kind} | {len(texts)} | {sum(inside) / len(inside):.2%} | {sure / len(texts):.1%} "
        f"| {len(sure_errors)} | {seconds / len(texts) * 1e6:.0f} |"
    )


if __name__ == "__main__":
    main()
