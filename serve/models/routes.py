"""Routes between the languages of all served models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from nmt.inference.directions import AvailableDirections, LanguagePair
from nmt.utils.errors import CarouselError
from serve.models.model_entry import ModelEntry


class RouteStep(NamedTuple):
    """A translation from one language into another by one model."""

    pair: LanguagePair
    """Codes of the source and the target language."""
    entry: ModelEntry
    """The model."""


Route = tuple[RouteStep, ...]
"""Steps to apply one after the other: one for a direction of a model, two through a pivot language."""


class RouteTable:
    """Routes between all languages of some models."""

    def __init__(self, entries: Sequence[ModelEntry] = ()) -> None:
        """Find the routes. Raises CarouselError if two of the models were trained on the same direction."""
        self.entries = entries
        steps: dict[LanguagePair, RouteStep] = {}
        for entry in entries:
            for pair in entry.directions.trained:
                if pair in steps:
                    names = f"{steps[pair].entry.name} and {entry.name}"
                    message = f"two models translate this direction, {names}; serve only one of them"
                    raise CarouselError(f"{'→'.join(pair)}: {message}")
                steps[pair] = RouteStep(pair, entry)
        self.trained = list(steps)
        """Directions that the models were trained on."""
        for entry in entries:
            for pair in entry.directions.better_zero_shot:
                steps.setdefault(pair, RouteStep(pair, entry))
        for entry in entries:
            for pair in entry.directions.zero_shot:
                steps.setdefault(pair, RouteStep(pair, entry))
        available = AvailableDirections.merge(entry.directions for entry in entries)
        self.languages = sorted(available.languages)
        """All source and target languages."""
        self._routes: dict[LanguagePair, Route] = {}
        for source in self.languages:
            for target in self.languages:
                if source != target and (route := available.find_route(source, target)):
                    self._routes[source, target] = tuple(steps[pair] for pair in route)

    def find(self, source: str, target: str) -> Route | None:
        """Return the steps between two different languages, or None if no models connect them."""
        return self._routes.get((source, target))
