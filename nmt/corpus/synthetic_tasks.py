"""The classic tasks of the literature as parallel text: pure functions of a seed, in letters and digits alone.

Every symbol is one character without a space, so that neither normalisation nor a character tokenizer alters a text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import get_args

from nmt.config.data import SyntheticTask

Pair = tuple[str, str]

TASK_NAMES: tuple[SyntheticTask, ...] = get_args(SyntheticTask)
LETTERS = "abcdefgh"
"""What copying and reversing write."""
MEMORY_SYMBOLS, NOISE_SYMBOLS = "PQRS", "uvw"
"""What remembering remembers, and what lies between."""


def generate_pairs(task: SyntheticTask, count: int, shortest: int, longest: int, seed: int) -> Iterator[Pair]:
    """So many questions and answers; their lengths go round from ``shortest`` to ``longest``, each as often."""
    random, make = Random(f"{task} {seed}"), _MAKERS[task]
    for length in question_lengths(count, shortest, longest):
        yield make(random, length)


def question_lengths(count: int, shortest: int, longest: int) -> list[int]:
    """The length of each pair of such a corpus: what a task understands by it."""
    return [shortest + number % (longest - shortest + 1) for number in range(count)]


def counting(random: Random, length: int) -> Pair:
    """aⁿX to bⁿ: the language aⁿbⁿ, which no finite automaton knows (Gers & Schmidhuber 2001). Length: n."""
    return "a" * length + "X", "b" * length


def selective_counting(random: Random, length: int) -> Pair:
    """Symbols a and x mixed, then Y: as many b as there were a, at least one. Length: of the mixture."""
    mixed = [random.choice("ax") for _ in range(length)]
    mixed[random.randrange(length)] = "a"
    return "".join(mixed) + "Y", "b" * mixed.count("a")


def remembering(random: Random, length: int) -> Pair:
    """The first symbol, after noise (after Hochreiter & Schmidhuber 1997, experiment 2). Length: of the noise."""
    first = random.choice(MEMORY_SYMBOLS)
    return first + "".join(random.choices(NOISE_SYMBOLS, k=length)), first


def copying(random: Random, length: int) -> Pair:
    """The same letters again. Length: of them."""
    letters = "".join(random.choices(LETTERS, k=length))
    return letters, letters


def reversing(random: Random, length: int) -> Pair:
    """The same letters backwards. Length: of them."""
    letters = "".join(random.choices(LETTERS, k=length))
    return letters, letters[::-1]


def addition(random: Random, length: int) -> Pair:
    """The sum of two numbers (Zaremba & Sutskever 2014). Length: digits of either number, the first of them not 0."""
    first, second = (random.randrange(10 ** (length - 1), 10**length) for _ in range(2))
    return f"{first}+{second}", str(first + second)


_MAKERS: dict[SyntheticTask, Callable[[Random, int], Pair]] = {
    "counting": counting,
    "selective-counting": selective_counting,
    "remembering": remembering,
    "copying": copying,
    "reversing": reversing,
    "addition": addition,
}
