"""False alarms, recall and precision of the quality signals on sentence pairs.

    python benchmarks/quality_signals.py corpora/dev:en-fr corpora/dev:en-de …     # PREFIX:SOURCE-TARGET

Each PREFIX names the files PREFIX.<source> and PREFIX.<target>, with or without the ending ``.xz``; both directions are
measured. On the pairs as they are, every signal is a false alarm. Then the translations are damaged: the source is
copied, a number is removed, a phrase is repeated three times, the second half is deleted, two or three words are left
in the source language, or the translation is replaced by one in another language, which is found through equal source
sentences of the other pairs. Recall is the share of the damaged translations where the signal of that damage fires.
Precision is what follows if one translation in ten is damaged. The last column is the mean sentence chrF of the damaged
translations where the signal fires, against the undamaged ones.
"""

from __future__ import annotations

import argparse
import lzma
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from nmt.evaluation.metrics import sentence_chrf
from nmt.inference.quality_signals import find_signals
from nmt.text.languages import language_scripts

SHARE_OF_DAMAGED = 0.1
NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


class Pair(NamedTuple):
    """Sentence pair with its languages."""

    source: str
    translation: str
    source_language: str
    target_language: str
    others: Sequence[str] = ()
    """Translations of the source into other languages."""


def read_lines(path: Path) -> list[str]:
    compressed = path.with_name(path.name + ".xz")
    if compressed.exists():
        return lzma.decompress(compressed.read_bytes()).decode().split("\n")[:-1]
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def read_pairs(specification: str, max_lines: int) -> Iterator[Pair]:
    prefix, _, languages = specification.rpartition(":")
    source_language, target_language = languages.split("-")
    sides = [read_lines(Path(f"{prefix}.{language}")) for language in (source_language, target_language)]
    for source, target in list(zip(*sides, strict=True))[:max_lines]:
        yield Pair(source, target, source_language, target_language)
        yield Pair(target, source, target_language, source_language)


def split_units(text: str, language: str) -> tuple[list[str], str]:
    """Return the words of a text, or its characters if the script has no spaces, and what joins them."""
    return (list(text), "") if "CJK" in language_scripts(language) else (text.split(), " ")


def copy_source(pair: Pair, _: random.Random) -> str | None:
    return pair.source if len(pair.source) >= 10 or "CJK" in language_scripts(pair.source_language) else None


def remove_number(pair: Pair, _: random.Random) -> str | None:
    common = [match for match in NUMBER.finditer(pair.source) if match[0] in NUMBER.findall(pair.translation)]
    return pair.translation.replace(common[0][0], "") if common else None


def repeat_phrase(pair: Pair, rng: random.Random) -> str | None:
    units, separator = split_units(pair.translation, pair.target_language)
    size = rng.randint(2, 4)
    start = rng.randrange(max(len(units) - size, 1))
    phrase = units[start : start + size]
    if len(units) < 4 or not any(unit.isalpha() for unit in phrase):
        return None
    return separator.join((*units[:start], *phrase * 3, *units[start + size :]))


def delete_half(pair: Pair, _: random.Random) -> str | None:
    units, separator = split_units(pair.translation, pair.target_language)
    return separator.join(units[: len(units) // 2]) if len(units) >= 8 else None


def leave_words(pair: Pair, rng: random.Random) -> str | None:
    units, separator = split_units(pair.translation, pair.target_language)
    source_units, source_separator = split_units(pair.source, pair.source_language)
    size = rng.randint(2, 3)
    if len(units) < 5 or len(source_units) < 5:
        return None
    place = rng.random()
    start = round(place * (len(units) - size))
    source_start = round(place * (len(source_units) - size))
    words = source_separator.join(source_units[source_start : source_start + size])
    return separator.join((*units[:start], f" {words} ".strip() if separator else words, *units[start + size :]))


def take_other_language(pair: Pair, rng: random.Random) -> str | None:
    others = [text for text in pair.others if len(text) >= 15]
    return rng.choice(others) if others else None


DAMAGE: dict[str, Callable[[Pair, random.Random], str | None]] = {
    "copied_source": copy_source,
    "missing_number": remove_number,
    "repetition": repeat_phrase,
    "length": delete_half,
    "untranslated_words": leave_words,
    "wrong_language": take_other_language,
}


def join_languages(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs with the translations of their source sentences into other languages."""
    translations: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for pair in pairs:
        translations[pair.source_language, pair.source][pair.target_language] = pair.translation
    return [
        pair._replace(
            others=[
                text
                for language, text in translations[pair.source_language, pair.source].items()
                if language != pair.target_language
            ]
        )
        for pair in pairs
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="+", metavar="PREFIX:SOURCE-TARGET", help="sentence pairs")
    parser.add_argument("--max-lines", type=int, default=None, help="lines of each set; all by default")
    parser.add_argument("--show", type=int, default=0, help="number of false alarms to print per signal")
    arguments = parser.parse_args()
    pairs = join_languages([pair for each in arguments.pairs for pair in read_pairs(each, arguments.max_lines)])

    false_alarms: Counter[str] = Counter()
    begin = time.perf_counter()
    alarms = [(find_signals(*pair[:4]), pair) for pair in pairs]
    seconds = time.perf_counter() - begin
    for signals, pair in alarms:
        for signal in signals:
            false_alarms[signal] += 1
            if false_alarms[signal] <= arguments.show:
                print(f"{signal} {pair.source_language}-{pair.target_language}\n  {pair.source}\n  {pair.translation}")
    print(f"{len(pairs)} pairs, {seconds / len(pairs) * 1e6:.0f} µs each; any signal: "
          f"{sum(bool(signals) for signals, _ in alarms) / len(pairs):.3%}\n")  # fmt: skip
    print(
        "| signal | false alarms | damaged | recall | precision if 10% are damaged | chrF |\n|---|---|---|---|---|---|"
    )
    rng = random.Random(1)
    for signal, damage in DAMAGE.items():
        damaged = [
            (pair, text) for pair in pairs if (text := damage(pair, rng)) is not None and text != pair.translation
        ]
        hits = [signal in find_signals(pair.source, text or "", *pair[2:4]) for pair, text in damaged]
        found = [(text, pair.translation) for (pair, text), hit in zip(damaged, hits, strict=True) if hit]
        chrf = sentence_chrf([text or "" for text, _ in found], [reference for _, reference in found])
        alarm_rate, recall = false_alarms[signal] / len(pairs), sum(hits) / max(len(hits), 1)
        true, false = recall * SHARE_OF_DAMAGED, alarm_rate * (1 - SHARE_OF_DAMAGED)
        precision = true / (true + false) if true else 0.0
        print(f"| {signal} | {alarm_rate:.3%} | {len(damaged)} | {recall:.1%} | {precision:.1%} | {fmean(chrf):.2f} |")


if __name__ == "__main__":
    main()
