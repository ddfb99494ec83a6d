"""Reuse of a translation memory beside a translator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from nmt.inference.memory.store import TranslationMemory
from nmt.inference.translation import Alternative, Direction, MemoryMatch, Translation
from nmt.utils.errors import CarouselError

_WINDOW = 2000  # texts; as many as a translator sorts by length


def translate_with_memory(
    texts: Sequence[str],
    memory: TranslationMemory,
    languages: tuple[str, str],
    num_alternatives: int,
    translate: Callable[[Sequence[str]], Iterable[Translation]],
) -> Iterator[Translation]:
    """Translate texts of which the memory has no exact match, and yield all translations in order."""
    exact = [memory.find_exact(text, *languages) for text in texts]
    remaining = iter(translate([text for text, match in zip(texts, exact, strict=True) if match is None]))
    for text, match in zip(texts, exact, strict=True):
        if match is not None:
            yield from_memory(match, languages)
        else:
            similar = memory.find_similar(text, *languages) if num_alternatives else []
            yield add_matches(next(remaining), similar, num_alternatives)


def stream_with_memory(
    texts: Iterable[str],
    path: Path,
    languages: tuple[str, str],
    num_alternatives: int,
    translate: Callable[[Iterable[str]], Iterable[Translation]],
) -> Iterator[Translation]:
    """Translate texts lazily with a memory, which is open meanwhile.

    Raises:
        CarouselError: There is no translation memory at the path.
    """
    if not path.is_file():
        raise CarouselError(f"{path}: there is no translation memory; fill one with nmt memory import")
    memory = TranslationMemory(path)
    try:
        remaining = iter(texts)
        while window := list(islice(remaining, _WINDOW)):
            yield from translate_with_memory(window, memory, languages, num_alternatives, translate)
    finally:
        memory.close()


def from_memory(match: MemoryMatch, languages: tuple[str, str]) -> Translation:
    """Return an exact match as a translation."""
    return Translation(match.target, memory=(match,), direction=Direction("memory", languages))


def add_matches(translation: Translation, matches: Sequence[MemoryMatch], num_alternatives: int) -> Translation:
    """Return a translation with fuzzy matches, which come first among the alternatives."""
    if not matches:
        return translation
    texts = {match.target: Alternative(match.target, 0.0) for match in matches if match.target != translation.text}
    for alternative in translation.alternatives:
        texts.setdefault(alternative.text, alternative)
    return replace(translation, alternatives=tuple(texts.values())[:num_alternatives], memory=tuple(matches))
