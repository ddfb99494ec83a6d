"""Export of a trained translator: weights, graphs, shortlist, calibration and scores in a model directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nmt.config.data import SyntheticCorpus
from nmt.config.schema import TranslatorRecipe
from nmt.corpus.cache import LogFunction
from nmt.corpus.preparation import PreparedData, corpus_translation_table, sources_in_training_data
from nmt.engine.onnx.export import graph_files
from nmt.engine.shortlist import Shortlist, build_shortlist
from nmt.evaluation.calibration import fit_calibration
from nmt.evaluation.metrics import exact_match_on_unseen, score_corpus, sentence_chrf
from nmt.inference.translator import Translator
from nmt.model_directory.card import ModelCard
from nmt.model_directory.directory import SHORTLIST, WEIGHTS, ModelDirectory, write_model_directory
from nmt.text.normalisation import normalise
from nmt.training.finetuning import load_parent_shortlist, parent_models
from nmt.training.reports import TrainingSummary


class TranslatorExport:
    """Writer of the model directories of a recipe."""

    def __init__(self, recipe: TranslatorRecipe, parent: ModelDirectory | None) -> None:
        """Create a writer; ``parent`` is the model that is fine-tuned.

        Raises:
            CarouselError: The parent's shortlist is damaged.
        """
        self._recipe, self._parent = recipe, parent
        self._parent_shortlist = load_parent_shortlist(parent) if parent else None
        self.parents = parent_models(parent) if parent else []
        """The model that is fine-tuned, its own parent, and so on."""

    def write(self, path: Path, data: PreparedData, weights: Path, summary: TrainingSummary) -> None:
        """Write a model directory without shortlist and scores."""
        card = self._card(data, self.history(data, summary))
        write_model_directory(path, card, data.tokenizer, self._weights_and_graphs(weights))

    def write_scored(
        self, path: Path, data: PreparedData, weights: Path, summary: TrainingSummary, log: LogFunction
    ) -> tuple[dict[str, Any], list[str]]:
        """Write a model directory, score it, and add scores and confidence calibration.

        Returns the scores by set and metric, and the translations of the dev set.
        """
        files, history = self._weights_and_graphs(weights), self.history(data, summary)
        if shortlist := self._build_shortlist(data, log):
            files |= {SHORTLIST: shortlist.serialise()}
            history |= {"shortlist_coverage": _shortlist_coverage(shortlist, data)}
        card = self._card(data, history)
        write_model_directory(path, card, data.tokenizer, files)
        measured, translations = self._score(path, data, log)
        write_model_directory(path, card.model_copy(update=measured), data.tokenizer, files)
        return measured["scores"], translations

    def history(self, data: PreparedData, summary: TrainingSummary) -> dict[str, Any]:
        """Return the ``training`` section of the model card."""
        recipe = self._recipe.model_dump(mode="json", exclude={"data": {"train", "dev", "test"}})
        return {**summary.history, "training_pairs": len(data.train), "recipe": recipe}

    def _weights_and_graphs(self, weights: Path) -> dict[str, bytes]:
        return {WEIGHTS: weights.read_bytes(), **graph_files(self._recipe.model, weights, "fp32")}

    def _card(self, data: PreparedData, history: Mapping[str, Any]) -> ModelCard:
        """Return the model card without scores.

        The limits on source length and length ratio hold for nearly all training pairs, so that outliers don't set
        them. The ratio gets half as much again for unseen text. Larger limits of the parent model are kept.
        """
        recipe, train, parent = self._recipe, data.train, self._parent
        length = int(np.quantile(train.source_lengths, 0.999))
        ratio = 1.5 * float(np.quantile(train.target_lengths / train.source_lengths, 0.999))
        return ModelCard(
            source_language=recipe.data.source,
            target_language=recipe.data.target,
            source_vocabulary=len(data.tokenizer.source),
            target_vocabulary=len(data.tokenizer.target),
            longest_source=max(length, parent.card.longest_source if parent else 8),
            longest_ratio=max(ratio, parent.card.longest_ratio if parent else 2.0),
            model=recipe.model,
            search=recipe.search,
            training=dict(history),
            origins=self.parents,
        )

    def _score(self, path: Path, data: PreparedData, log: LogFunction) -> tuple[dict[str, Any], list[str]]:
        """Translate the dev and test set; return scores and calibration for the card, and the dev translations."""
        translator = Translator.load(path, threads=torch.get_num_threads())
        recipe, scores, confidence, dev_translations = self._recipe, dict[str, Any](), None, list[str]()
        for name, spec, pairs in (("dev", recipe.data.dev, data.dev), ("test", recipe.data.test, data.test)):
            if not pairs:
                continue
            log(f"Scoring the best model on the {name} set (beam {recipe.search.beam})")
            sources, references = [source for source, _ in pairs], [target for _, target in pairs]
            translations = translator.translate(sources)
            texts = [translation.text for translation in translations]
            scores[name] = score_corpus(spec, texts, references, recipe.data.target)
            if isinstance(spec, SyntheticCorpus):
                seen = sources_in_training_data(recipe, sources)
                scores[name]["exact"]["new"] = exact_match_on_unseen(sources, texts, references, seen)
            if name == "dev":
                dev_translations = texts
                if not isinstance(spec, SyntheticCorpus):
                    confidence = fit_calibration([t.score for t in translations], sentence_chrf(texts, references))
        return {"scores": scores, "confidence": confidence}, dev_translations

    def _build_shortlist(self, data: PreparedData, log: LogFunction) -> Shortlist | None:
        """Return the likely translations by the training text, merged with the parent's shortlist.

        Returns None if the parent has no shortlist: the text of a new domain doesn't cover other text.
        """
        if self._parent and self._parent_shortlist is None:
            return None
        log("Collecting the likely translations of each token")
        tokenizer, table = data.tokenizer, corpus_translation_table(data.train)
        shortlist = build_shortlist(table, len(tokenizer.source), len(tokenizer.target), tokenizer.shared)
        return self._parent_shortlist.merge(shortlist) if self._parent_shortlist else shortlist


def _shortlist_coverage(shortlist: Shortlist, data: PreparedData) -> float | None:
    """Return the fraction of dev reference tokens that the shortlists of their sentences contain.

    None without a dev set.
    """
    if not data.dev:
        return None
    sources = data.tokenizer.source.encode_batch([normalise(source) for source, _ in data.dev])
    targets = data.tokenizer.target.encode_batch([normalise(target) for _, target in data.dev])
    return round(shortlist.coverage(zip(sources, targets, strict=True)), 4)
