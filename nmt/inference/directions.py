"""Choice of the translation steps between two languages of a model."""

from __future__ import annotations

from collections.abc import Iterator

from nmt.model_directory.card import DirectionCard, ModelCard
from nmt.utils.errors import UsageError

_PREFERRED_PIVOT = "en"  # most training data are translations from or into English


def choose_direction(card: ModelCard, source: str | None, target: str | None) -> tuple[str, str]:
    """Return source and target language, of which either may be left out if the trained directions determine it.

    Raises UsageError if they do not.
    """
    pairs = [(each.source, each.target) for each in card.trained_directions]
    matching = [pair for pair in pairs if source in {None, pair[0]} and target in {None, pair[1]}]
    if source is not None and target is not None:
        return source, target
    if len(matching) == 1:
        return matching[0]
    problem = "several directions are possible" if matching else "no direction is possible"
    missing = "source, target" if source is None and target is None else "source" if source is None else "target"
    raise UsageError(f"{missing}: {problem}; choose one of {_describe(matching or pairs)}")


def find_route(card: ModelCard, source: str, target: str) -> list[DirectionCard]:
    """Return the translation steps from one language to another.

    A direction that the model card lists is preferred to two directions through a pivot language, and these are
    preferred to zero-shot translation. Raises UsageError if the model does not know one of the languages.
    """
    listed = {(each.source, each.target): each for each in card.trained_directions}
    if (source, target) in listed:
        return [listed[source, target]]
    for pivot in _pivots(listed) if source != target else ():
        if (source, pivot) in listed and (pivot, target) in listed:
            return [listed[source, pivot], listed[pivot, target]]
    zero_shot = card.find_direction(source, target)
    if zero_shot is None:
        raise UsageError(f"{source}→{target}: the model does not translate this; choose one of {_describe(listed)}")
    return [zero_shot]


def _pivots(pairs: dict[tuple[str, str], DirectionCard]) -> Iterator[str]:
    """Yield the possible pivot languages, the preferred one first."""
    languages = {language for pair in pairs for language in pair}
    yield from sorted(languages, key=lambda language: (language != _PREFERRED_PIVOT, language))


def _describe(pairs: list[tuple[str, str]] | dict[tuple[str, str], DirectionCard]) -> str:
    return ", ".join(f"{source}→{target}" for source, target in sorted(pairs))
