"""Choice of the translation steps between two languages of one or several models."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nmt.inference.language_codes import Language, find_language, find_languages
from nmt.utils.errors import UsageError

if TYPE_CHECKING:
    from nmt.model_directory.card import DirectionCard, ModelCard

LanguagePair = tuple[str, str]
"""Codes of a source and a target language."""

_PREFERRED_PIVOT = "en"  # most training data are translations from or into English


class DirectionError(UsageError):
    """A source or target language that is missing or unsuitable."""

    def __init__(self, parameters: tuple[str, ...], problem: str) -> None:
        super().__init__(f"{', '.join(parameters)}: {problem}")
        self.parameters = parameters
        """Parameters that are wrong: source, target or both."""
        self.problem = problem
        """The message without the parameters."""


@dataclass(frozen=True)
class AvailableDirections:
    """Directions that one or several models translate in one step."""

    trained: Sequence[LanguagePair] = ()
    """Directions that a model was trained on, in the order of the model cards."""
    zero_shot: Set[LanguagePair] = frozenset()
    """Other directions between a language that a model was trained to read and one that it was trained to write."""
    better_zero_shot: Set[LanguagePair] = frozenset()
    """Zero-shot directions that scored better on the dev set than translation through a pivot language."""

    @staticmethod
    def of_model(card: ModelCard) -> AvailableDirections:
        """Return the directions of a model."""
        trained = [(each.source, each.target) for each in card.trained_directions]
        pairs = {(source, target) for source, _ in trained for _, target in trained if source != target}
        zero_shot = pairs.difference(trained) if card.is_multilingual else set()
        better = {(each.source, each.target) for each in card.untrained_directions if each.prefers_zero_shot}
        return AvailableDirections(trained, zero_shot, zero_shot & better)

    @staticmethod
    def merge(models: Iterable[AvailableDirections]) -> AvailableDirections:
        """Return the directions of several models together."""
        every = list(models)
        trained = list(dict.fromkeys(pair for each in every for pair in each.trained))
        zero_shot = {pair for each in every for pair in each.zero_shot}.difference(trained)
        better = {pair for each in every for pair in each.better_zero_shot}.difference(trained)
        return AvailableDirections(trained, zero_shot, better)

    @property
    def languages(self) -> set[str]:
        """Codes of all source and target languages."""
        return {code for pair in self.trained for code in pair}

    def find_route(self, source: str, target: str) -> list[LanguagePair] | None:
        """Return the translation steps between two languages, or None if there are none.

        A trained direction, which may also be one of a language into itself, is preferred to two of them through a
        pivot language, and these are preferred to zero-shot translation unless the latter scored better on the dev set.
        """
        if (source, target) in self.trained or (source, target) in self.better_zero_shot:
            return [(source, target)]
        if source == target:
            return None
        for pivot in sorted(self.languages, key=lambda language: (language != _PREFERRED_PIVOT, language)):
            if (source, pivot) in self.trained and (pivot, target) in self.trained:
                return [(source, pivot), (pivot, target)]
        return [(source, target)] if (source, target) in self.zero_shot else None

    def match_pair(self, source: str, target: str) -> tuple[Language, Language] | None:
        """Return the languages that two codes mean, or None if one of them means none.

        A code can mean several languages, such as ``en`` both ``en-GB`` and ``en-US``. If there is no route between
        the languages that match best, the best ones with a route are returned, unless the best ones are equal.
        """
        sources, targets = (find_languages(code, self.languages) for code in (source, target))
        if not sources or not targets:
            return None
        pairs = [(m + n, m, n) for m in range(len(sources)) for n in range(len(targets))]
        is_copy = source.casefold() == target.casefold()
        for _, m, n in sorted(pairs):
            first, second = sources[m], targets[n]
            if is_copy and first != second:
                continue
            if self.find_route(first.code, second.code):
                return first, second
        return sources[0], targets[0]


def resolve_language(card: ModelCard, code: str) -> Language:
    """Return the language of a model that a code means; a code that the model does not know is kept."""
    return find_language(code, AvailableDirections.of_model(card).languages) or Language(code)


def choose_direction(card: ModelCard, source: str | None, target: str | None) -> LanguagePair:
    """Return source and target language, of which either may be left out if the trained directions determine it.

    The codes include the script of Chinese if the arguments do. Raises DirectionError if a language is not determined.
    """
    pairs = [(each.source, each.target) for each in card.trained_directions]
    if source is not None and target is not None:
        matched = AvailableDirections.of_model(card).match_pair(source, target)
        both = matched or (resolve_language(card, source), resolve_language(card, target))
        return both[0].name, both[1].name
    first, second = (
        None if code is None else find_language(code, {pair[side] for pair in pairs}) or resolve_language(card, code)
        for side, code in enumerate((source, target))
    )
    _check_language(first, "source", "from", {pair[0] for pair in pairs})
    _check_language(second, "target", "into", {pair[1] for pair in pairs})
    matching = [
        pair for pair in pairs if (not first or first.code == pair[0]) and (not second or second.code == pair[1])
    ]
    if len(matching) == 1:
        return first.name if first else matching[0][0], second.name if second else matching[0][1]
    given = {"source": source, "target": target}
    missing = tuple(name for name, language in given.items() if language is None)
    raise DirectionError(missing, f"several directions are possible; choose one of {_describe(matching)}")


def _check_language(language: Language | None, parameter: str, preposition: str, known: Iterable[str]) -> None:
    """Raise DirectionError if a language is given and is none of the known ones."""
    if language is not None and language.code not in known:
        name, choice = language.name, ", ".join(sorted(known))
        problem = f"the model does not translate {preposition} {name!r}; choose one of {choice}"
        raise DirectionError((parameter,), problem)


def find_sources(card: ModelCard, target: str) -> list[str]:
    """Return the languages from which a model translates into a target language, without untested zero-shot ones.

    English comes first, then the languages with a direction of their own.
    """
    available, target = AvailableDirections.of_model(card), resolve_language(card, target).code
    tested = {*available.trained, *available.better_zero_shot}
    routes = {s: available.find_route(s, target) or [] for s, _ in available.trained if s != target}
    found = [source for source, route in routes.items() if route and tested.issuperset(route)]
    return sorted(found, key=lambda language: (language != _PREFERRED_PIVOT, len(routes[language]), language))


def find_route(card: ModelCard, source: str, target: str) -> list[DirectionCard]:
    """Return the translation steps of a model from one language to another; see `AvailableDirections.find_route`.

    Raises UsageError if there are none.
    """
    available = AvailableDirections.of_model(card)
    matched = available.match_pair(source, target)
    pair = (matched[0].code, matched[1].code) if matched else (source, target)
    steps = [card.find_direction(*step) for step in available.find_route(*pair) or ()]
    if not steps:
        pairs = _describe(available.trained)
        raise UsageError(f"{source}→{target}: the model does not translate this; choose one of {pairs}")
    return [step for step in steps if step is not None]


def _describe(pairs: Collection[LanguagePair]) -> str:
    return ", ".join(f"{source}→{target}" for source, target in sorted(pairs))
