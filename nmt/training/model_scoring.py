"""Scores of a trained translator on the dev and test sets of its directions."""

from __future__ import annotations

from typing import Any, NamedTuple

from nmt.config.data import SyntheticCorpus
from nmt.config.schema import TranslatorRecipe
from nmt.corpus.cache import LogFunction
from nmt.corpus.preparation import PreparedDirection
from nmt.corpus.training_text import sources_in_training_data
from nmt.evaluation.calibration import fit_calibration
from nmt.evaluation.metrics import exact_match_on_unseen, score_corpus, sentence_chrf
from nmt.inference.translator import Translator
from nmt.model_directory.card import Calibration


class DirectionScores(NamedTuple):
    """Scores of a translation direction."""

    scores: dict[str, Any]
    """Scores by set (dev, test) and metric, each with its signature."""
    confidence: Calibration | None
    """Calibration on the dev set; None without a dev set."""
    dev_translations: list[str]
    """Translations of the dev set; empty without a dev set."""


def score_direction(
    translator: Translator, recipe: TranslatorRecipe, prepared: PreparedDirection, log: LogFunction
) -> DirectionScores:
    """Translate the dev and test set of a direction, and score the translations."""
    direction, found, confidence, dev = prepared.direction, dict[str, Any](), None, list[str]()
    what = f"{direction.source} to {direction.target}" if len(translator.directions) > 1 else "the best model"
    for name, corpus, pairs in (("dev", direction.dev, prepared.dev), ("test", direction.test, prepared.test)):
        if not pairs:
            continue
        log(f"Scoring {what} on the {name} set (beam {recipe.search.beam})")
        sources, references = [source for source, _ in pairs], [target for _, target in pairs]
        translations = translator.translate(sources, source=direction.source, target=direction.target)
        texts = [translation.text for translation in translations]
        found[name] = score_corpus(corpus, texts, references, direction.target)
        if isinstance(corpus, SyntheticCorpus):
            seen = sources_in_training_data(recipe, sources)
            found[name]["exact"]["new"] = exact_match_on_unseen(sources, texts, references, seen)
        elif name == "dev":
            confidence = fit_calibration([t.score for t in translations], sentence_chrf(texts, references))
        if name == "dev":
            dev = texts
    return DirectionScores(found, confidence, dev)
