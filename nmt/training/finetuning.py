"""Going on from a trained model with other text: domain adaptation."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import ValidationError

from nmt.config.base import ConfigSection
from nmt.config.errors import first_field_error
from nmt.config.schema import TokenizerConfig, TranslatorRecipe
from nmt.engine.shortlist import Shortlist
from nmt.model_directory.card import ParentModel
from nmt.model_directory.directory import WEIGHTS, ModelDirectory
from nmt.utils.errors import CarouselError

_FREE = {"dropout", "locked_dropout", "word_dropout", "weight_drop"}
"""Settings of a network that its weights don't depend on."""


def adopted(config: TranslatorRecipe, start: ModelDirectory, say: Callable[[str], None]) -> TranslatorRecipe:
    """The recipe with the network of a bundle; ``say`` is told which of the recipe's keys that overrules.

    It is told, too, when the bundle has no shortlist to go on from.

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
    merged = config.model_copy(update={"model": network, "tokenizer": tokenizer_section(start)})
    try:
        settled = TranslatorRecipe.model_validate(merged.model_dump())
    except ValidationError as error:
        reason = first_field_error(error).message
        raise CarouselError(f"{start.path}: does not suit the recipe: {reason}") from None
    overruled = [*_overruled(config.tokenizer, settled.tokenizer), *_overruled(config.model, settled.model)]
    say(f"Tokenizer and network: those of {start.path}" + (f" ({', '.join(overruled)})" if overruled else ""))
    if start.shortlist is None:
        say(f"{start.path}: has no shortlist, so the new model gets none, and sees the whole vocabulary")
    return settled


def _overruled(wanted: ConfigSection, given: ConfigSection) -> list[str]:
    """The settings that a recipe has and does not get."""
    names = [name for name in type(wanted).model_fields if name in wanted.model_fields_set]
    values = ((name, getattr(wanted, name), getattr(given, name)) for name in names)
    return [f"{name} {old} → {new}" for name, old, new in values if old != new]


def tokenizer_section(start: ModelDirectory) -> TokenizerConfig:
    """What a recipe says of the bundle's tokenizer."""
    recipe = start.card.training.get("recipe", {})
    found = recipe.get("tokenizer") if isinstance(recipe, dict) else None
    return TokenizerConfig.model_validate(found or {"vocab_size": start.card.source_vocabulary})


def origins(start: ModelDirectory) -> list[ParentModel]:
    """The bundle with its weights, and what it was fine-tuned from itself."""
    card = start.card
    named = str(start.path).encode(errors="replace").decode()  # a name that is no UTF-8 must not cost the model
    return [ParentModel(model=named, sha256=card.files[WEIGHTS].sha256, training=card.training), *card.origins]


def shortlist_of(start: ModelDirectory) -> Shortlist | None:
    """Its lists, if it has any. Raises CarouselError when they are damaged, or of other vocabularies."""
    if start.shortlist is None:
        return None
    lists = Shortlist.load(start.shortlist)
    if lists.vocabulary_sizes != (start.card.source_vocabulary, start.card.target_vocabulary):
        raise CarouselError(f"{start.shortlist}: belongs to another tokenizer; copy the model directory again")
    return lists
