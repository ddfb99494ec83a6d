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
        """Find the routes.

        Of several models that were trained on a direction, the one with the fewest directions serves it, because it is
        the most specialised. Raises CarouselError if these have equally many.
        """
        self.entries = entries
        steps: dict[LanguagePair, RouteStep] = {}
        for entry in sorted(entries, key=_num_directions):
            for pair in entry.directions.trained:
                step = steps.setdefault(pair, RouteStep(pair, entry))
                if step.entry is not entry and _num_directions(step.entry) == _num_directions(entry):
                    message = f"two models translate this direction, {step.entry.name} and {entry.name}"
                    raise CarouselError(f"{'→'.join(pair)}: {message}; serve only one of them")
        self.trained = list(dict.fromkeys(pair for entry in entries for pair in entry.directions.trained))
        """Directions that the models were trained on."""
        for entry in entries:
            for pair in entry.directions.better_zero_shot:
                steps.setdefault(pair, RouteStep(pair, entry))
        for entry in entries:
            for pair in entry.directions.zero_shot:
                steps.setdefault(pair, RouteStep(pair, entry))
        self.available = available = AvailableDirections.merge(entry.directions for entry in entries)
        """Directions of all models together."""
        self.languages = sorted(available.languages)
        """All source and target languages."""
        self._routes: dict[LanguagePair, Route] = {}
        for source in self.languages:
            for target in self.languages:
                if route := available.find_route(source, target):
                    self._routes[source, target] = tuple(steps[pair] for pair in route)

    def find(self, source: str, target: str) -> Route | None:
        """Return the steps between two languages, or None if no models connect them."""
        return self._routes.get((source, target))


def _num_directions(entry: ModelEntry) -> int:
    return len(entry.directions.trained)
