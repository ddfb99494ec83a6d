"""Fine-tuning, which is training from the weights of a parent model, for example for domain adaptation.

The parent may be an export without trained weights: those of its graphs are used, dequantised if they are int8.
"""

from __future__ import annotations

from pydantic import ValidationError

from nmt.config.base import ConfigSection
from nmt.config.data import MAX_LANGUAGES, MultilingualDataConfig
from nmt.config.errors import first_field_error
from nmt.config.schema import TokenizerConfig, TranslatorRecipe
from nmt.corpus.cache import LogFunction
from nmt.engine.onnx.graph_builder import WEIGHT_FILE
from nmt.model_directory.card import ParentModel
from nmt.model_directory.directory import GRAPHS, WEIGHTS, ModelDirectory
from nmt.utils.errors import CarouselError

_OVERRIDABLE = {"dropout", "locked_dropout", "word_dropout", "weight_drop"}
"""Network settings that a fine-tuning recipe may change, because the shapes of the weights don't depend on them."""


def adopt_parent_network(config: TranslatorRecipe, parent: ModelDirectory, log: LogFunction) -> TranslatorRecipe:
    """Return the recipe with the network and the tokenizer of the parent model.

    ``log`` receives a message that lists the recipe settings that the parent overrides. Raises CarouselError if the
    parent translates between other languages, or contradicts the recipe.
    """
    card = parent.card
    config = _adopt_languages(config, parent)
    network = card.model.model_copy(update={name: getattr(config.model, name) for name in _OVERRIDABLE})
    merged = config.model_copy(update={"model": network, "tokenizer": parent_tokenizer_config(parent)})
    try:
        adopted = TranslatorRecipe.model_validate(merged.model_dump())
    except ValidationError as error:
        reason = first_field_error(error).message
        raise CarouselError(f"{parent.path}: contradicts the recipe ({reason}); change the recipe") from None
    sections = (config.tokenizer, adopted.tokenizer), (config.model, adopted.model)
    overridden = [change for before, after in sections for change in _describe_changes(before, after)]
    log(f"Tokenizer and network: from {parent.path}" + (f" ({', '.join(overridden)})" if overridden else ""))
    if parent.shortlist is None:
        log(f"{parent.path}: has no shortlist, so the new model gets none and scores the whole vocabulary")
    return adopted


def _adopt_languages(config: TranslatorRecipe, parent: ModelDirectory) -> TranslatorRecipe:
    """Return the recipe with the language pieces of a multilingual parent.

    The languages of the recipe that the parent doesn't know get the next pieces. Raises CarouselError if a translator
    between two languages is fine-tuned for other languages, or a multilingual one without a list of directions.
    """
    card, data = parent.card, config.data
    if isinstance(data, MultilingualDataConfig):
        if not card.is_multilingual:
            return config
        languages = [*card.languages, *(code for code in data.language_order if code not in card.languages)]
        if len(languages) > MAX_LANGUAGES:
            problem = f"with the recipe's languages it has {len(languages)}, more than {MAX_LANGUAGES}"
            raise CarouselError(f"{parent.path}: {problem}; train fewer new languages")
        return config.model_copy(update={"data": data.model_copy(update={"languages": languages})})
    if card.is_multilingual:
        raise CarouselError(f"{parent.path}: is multilingual; list directions in data.directions, even for one pair")
    recipe_pair, parent_pair = (data.source, data.target), (card.source_language, card.target_language)
    if recipe_pair != parent_pair:
        difference = f"translates {' to '.join(parent_pair)}, but the recipe {' to '.join(recipe_pair)}"
        raise CarouselError(f"{parent.path}: {difference}; name a model of the same languages")
    return config


def _describe_changes(before: ConfigSection, after: ConfigSection) -> list[str]:
    """Return a description of each setting that is set explicitly in ``before`` and differs in ``after``."""
    names = [name for name in type(before).model_fields if name in before.model_fields_set]
    values = ((name, getattr(before, name), getattr(after, name)) for name in names)
    return [f"{name} {old} → {new}" for name, old, new in values if old != new]


def parent_tokenizer_config(parent: ModelDirectory) -> TokenizerConfig:
    """Return the tokenizer section of the recipe with which the parent model was trained."""
    recipe = parent.card.training.get("recipe", {})
    found = recipe.get("tokenizer") if isinstance(recipe, dict) else None
    return TokenizerConfig.model_validate(found or {"vocab_size": parent.card.source_vocabulary})


def parent_models(parent: ModelDirectory) -> list[ParentModel]:
    """Return model card entries for the parent model and for its own parents."""
    card = parent.card
    weights = card.files.get(WEIGHTS) or card.files[f"{GRAPHS}/{WEIGHT_FILE}"]
    path = str(parent.path).encode(errors="replace").decode()  # the path may contain bytes that are not UTF-8
    return [ParentModel(model=path, sha256=weights.sha256, training=card.training, about=card.about), *card.origins]
