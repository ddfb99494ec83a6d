"""Going on from a trained model with other text: domain adaptation."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import ValidationError

from nmt.bundle import Bundle
from nmt.config import Config, ModelConfig, TokenizerConfig
from nmt.errors import CarouselError

_FREE = {"dropout", "locked_dropout", "word_dropout", "weight_drop"}
"""Settings of a network that its weights don't depend on."""


def adopted(config: Config, start: Bundle, say: Callable[[str], None]) -> Config:
    """The recipe with the network of a bundle; ``say`` is told which of the recipe's keys that overrules.

    Raises CarouselError when the bundle can't be trained on, or translates between other languages.
    """
    card = start.card
    if start.weights is None:
        raise CarouselError(f"{start.path}: holds no trained weights; name the model that it was exported from")
    wanted, offered = (config.data.source, config.data.target), (card.source_language, card.target_language)
    if wanted != offered:
        raise CarouselError(
            f"{start.path}: translates {offered[0]} to {offered[1]}, the recipe {wanted[0]} to {wanted[1]}; "
            "name a model of the same languages"
        )
    network = card.model.model_copy(update={name: getattr(config.model, name) for name in _FREE})
    overruled = [
        f"{name} {getattr(config.model, name)} → {getattr(network, name)}"
        for name in ModelConfig.model_fields
        if name in config.model.model_fields_set and getattr(config.model, name) != getattr(network, name)
    ]
    say(f"Tokenizer and network: those of {start.path}" + (f" ({', '.join(overruled)})" if overruled else ""))
    merged = config.model_copy(update={"model": network, "tokenizer": tokenizer_section(start)})
    try:
        return Config.model_validate(merged.model_dump())
    except ValidationError as error:
        reason = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        raise CarouselError(f"{start.path}: does not suit the recipe: {reason}") from None


def tokenizer_section(start: Bundle) -> TokenizerConfig:
    """What a recipe says of the bundle's tokenizer."""
    recipe = start.card.training.get("recipe", {})
    found = recipe.get("tokenizer") if isinstance(recipe, dict) else None
    return TokenizerConfig.model_validate(found or {"vocab_size": start.card.source_vocabulary})
