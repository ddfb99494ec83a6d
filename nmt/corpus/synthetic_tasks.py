"""Synthetic sequence tasks from the literature as parallel text, generated from a seed.

Each symbol is one letter or digit, so that a text is not changed by normalisation or by a character tokenizer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import get_args

from nmt.config.data import SyntheticTask

QuestionAnswer = tuple[str, str]
"""Source text and target text of a generated pair."""

TASK_NAMES: tuple[SyntheticTask, ...] = get_args(SyntheticTask)
LETTERS = "abcdefgh"
"""Alphabet of the copying and reversing tasks."""
MEMORY_SYMBOLS, NOISE_SYMBOLS = "PQRS", "uvw"
"""Symbols to remember in the remembering task, and symbols of the noise that follows them."""


def generate_pairs(task: SyntheticTask, count: int, shortest: int, longest: int, seed: int) -> Iterator[QuestionAnswer]:
    """Yield pairs of a question and its answer; the question lengths repeat from ``shortest`` to ``longest``."""
    random, generate = Random(f"{task} {seed}"), _GENERATORS[task]
    for length in question_lengths(count, shortest, longest):
        yield generate(random, length)


def question_lengths(count: int, shortest: int, longest: int) -> list[int]:
    """Return the length of each question that `generate_pairs` yields; its meaning depends on the task."""
    return [shortest + number % (longest - shortest + 1) for number in range(count)]


def counting_task(random: Random, length: int) -> QuestionAnswer:
    """Map aⁿX to bⁿ, which no finite automaton can do (Gers & Schmidhuber 2001). The length is n."""
    return "a" * length + "X", "b" * length


def selective_counting_task(random: Random, length: int) -> QuestionAnswer:
    """Map a string of a and x, followed by Y, to one b for each a. The length is the number of a and x."""
    mixed = [random.choice("ax") for _ in range(length)]
    mixed[random.randrange(length)] = "a"
    return "".join(mixed) + "Y", "b" * mixed.count("a")


def remembering_task(random: Random, length: int) -> QuestionAnswer:
    """Recall the symbol before noise (Hochreiter & Schmidhuber 1997, experiment 2). The length is that of the noise."""
    first = random.choice(MEMORY_SYMBOLS)
    return first + "".join(random.choices(NOISE_SYMBOLS, k=length)), first


def copying_task(random: Random, length: int) -> QuestionAnswer:
    """Copy a sequence of letters. The length is the number of letters."""
    letters = "".join(random.choices(LETTERS, k=length))
    return letters, letters


def reversing_task(random: Random, length: int) -> QuestionAnswer:
    """Reverse a sequence of letters. The length is the number of letters."""
    letters = "".join(random.choices(LETTERS, k=length))
    return letters, letters[::-1]


def addition_task(random: Random, length: int) -> QuestionAnswer:
    """Add two numbers (Zaremba & Sutskever 2014). The length is the number of digits of each, without leading zeros."""
    first, second = (random.randrange(10 ** (length - 1), 10**length) for _ in range(2))
    return f"{first}+{second}", str(first + second)


_GENERATORS: dict[SyntheticTask, Callable[[Random, int], QuestionAnswer]] = {
    "counting": counting_task,
    "selective-counting": selective_counting_task,
    "remembering": remembering_task,
    "copying": copying_task,
    "reversing": reversing_task,
    "addition": addition_task,
}
