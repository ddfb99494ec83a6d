"""Generate the English→French demonstration corpus: ``python generate.py [--out DIR]``."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
# The folder is not importable as a package (its name has hyphens), so it is added to the path.
sys.path.insert(0, str(HERE))

from bilingual.phrases import SentencePair, tokenise_english, tokenise_french  # noqa: E402
from bilingual.random_source import RandomSource  # noqa: E402
from bilingual.sentences import SentenceSampler  # noqa: E402

SEED = 20240229
TRAIN_SIZE, DEV_SIZE, TEST_SIZE = 24_000, 500, 500
MIN_WORDS, MAX_WORDS = 3, 16
# Minimum number of occurrences in the training set of each word of dev and test.
MIN_OCCURRENCES = 6
# Half the number of surplus sentences, from which dev and test are chosen.
_SPARE = 1_500


@dataclass(frozen=True)
class DemoCorpus:
    """Training, dev and test set."""

    train: tuple[SentencePair, ...]
    dev: tuple[SentencePair, ...]
    test: tuple[SentencePair, ...]


def word_count(sentence: str) -> int:
    """Return the number of words between spaces, not counting separate punctuation."""
    return sum(word not in "?!" for word in sentence.split())


def sample_distinct(sentences: SentenceSampler, size: int) -> list[SentencePair]:
    """Sample pairs within the length limits, all with different English sentences."""
    drawn: dict[str, SentencePair] = {}
    while len(drawn) < size:
        pair = sentences.draw()
        lengths = word_count(pair.en), word_count(pair.fr)
        if min(lengths) >= MIN_WORDS and max(lengths) <= MAX_WORDS:
            drawn.setdefault(pair.en, pair)
    return list(drawn.values())


def count_words(pairs: Iterable[SentencePair]) -> Counter[str]:
    """Count the lower-cased English and French tokens of some pairs."""
    counts: Counter[str] = Counter()
    for pair in pairs:
        counts.update(f"en {token}" for token in tokenise_english(pair.en.lower()))
        counts.update(f"fr {token}" for token in tokenise_french(pair.fr.lower()))
    return counts


def split(pairs: Sequence[SentencePair]) -> DemoCorpus:
    """Hold out dev and test so that all of their words, but none of their sentences, occur in train."""
    pool, candidates = pairs[: -2 * _SPARE], pairs[-2 * _SPARE :]
    counts = count_words(pool)
    targets = {pair.fr for pair in pool}
    held_out: dict[str, SentencePair] = {}
    for pair in candidates:
        common = all(counts[token] >= 2 * MIN_OCCURRENCES for token in count_words([pair]))
        if common and pair.fr not in targets:
            held_out.setdefault(pair.fr, pair)
    chosen = list(held_out.values())[: DEV_SIZE + TEST_SIZE]
    return DemoCorpus(tuple(pool[:TRAIN_SIZE]), tuple(chosen[:DEV_SIZE]), tuple(chosen[DEV_SIZE:]))


def make_corpus() -> DemoCorpus:
    """Return the whole corpus, which is always the same."""
    sentences = SentenceSampler(RandomSource(SEED))
    return split(sample_distinct(sentences, TRAIN_SIZE + 2 * _SPARE))


def write_corpus(corpus: DemoCorpus, folder: Path) -> None:
    """Write the sets, and the word alignment of the test set, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, pairs in (("train", corpus.train), ("dev", corpus.dev), ("test", corpus.test)):
        _write_lines(folder / f"{name}.en", (pair.en for pair in pairs))
        _write_lines(folder / f"{name}.fr", (pair.fr for pair in pairs))
    _write_lines(folder / "test.align", (pair.alignment for pair in corpus.test))


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the corpus beside this script or into the folder given by ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE, help="folder for the files (default: this one)")
    write_corpus(make_corpus(), parser.parse_args(arguments).out)


if __name__ == "__main__":
    main()
