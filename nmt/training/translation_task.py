"""Training task of translators."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nmt.config.data import MultilingualDataConfig
from nmt.config.schema import WITHOUT_CORPORA, TranslatorRecipe
from nmt.corpus.arrow_corpus import learn_corpus_translation_table
from nmt.corpus.batching import Batch
from nmt.corpus.cache import LogFunction
from nmt.corpus.data_loader import BatchLoader
from nmt.corpus.mixing import mixture_weights
from nmt.corpus.preparation import PreparedData, prepare_data
from nmt.corpus.subword_regularization import SubwordSampler
from nmt.engine.factory import load_shortlist
from nmt.engine.multilingual_shortlist import MultilingualShortlist, build_language_shortlist
from nmt.engine.onnx.export import build_graphs_from_file
from nmt.engine.shortlist import Shortlist, build_shortlist
from nmt.engine.torch_engine import load_model_weights
from nmt.evaluation.report import TrainingReportData, write_report
from nmt.inference.translator import Translator
from nmt.model.decoder import DecoderState
from nmt.model.seq2seq import Seq2Seq, TranslationBatch, build_network
from nmt.model_directory.card import DirectionCard, ModelCard
from nmt.model_directory.directory import (
    SHORTLIST,
    WEIGHTS,
    ModelDirectory,
    read_model_directory,
    write_model_directory,
)
from nmt.text.normalisation import normalise
from nmt.training.finetuning import adopt_parent_network, parent_models
from nmt.training.metrics_log import read_metrics
from nmt.training.model_scoring import score_direction
from nmt.training.reports import TrainingSummary
from nmt.training.run_directory import RunDirectory
from nmt.training.tasks import Evaluator, TrainingTask
from nmt.training.translation_dev_set import TranslationDevSet, make_translation_batch

_MIN_LONGEST_SOURCE, _MIN_LONGEST_RATIO = 8, 2.0  # limits of a model trained on very short pairs


class TranslationTask(TrainingTask):
    """Training of a translator on parallel text."""

    recipe: TranslatorRecipe
    _data: PreparedData

    def __init__(self, recipe: TranslatorRecipe, parent: ModelDirectory | None, log: LogFunction) -> None:
        """Create the task of a recipe; a parent model to fine-tune overrides its network and tokenizer settings.

        Raises CarouselError if the parent model is not suitable or is damaged.
        """
        self.recipe = adopt_parent_network(recipe, parent, log) if parent else recipe
        self._parent_directory = parent
        self._parent_shortlist = load_shortlist(parent) if parent else None
        self._parents = parent_models(parent) if parent else []
        self.parent = self._parents[0] if parent else None
        self.has_unused_parameters = self.recipe.model.attention == "none"  # those of the encoder's top layer
        self._is_multilingual = isinstance(self.recipe.data, MultilingualDataConfig)

    def prepare(self, log: LogFunction) -> None:
        """Read, filter and tokenize the parallel text."""
        tokenizer = self._parent_directory.tokenizer if self._parent_directory else None
        self._data = prepare_data(self.recipe, log, tokenizer)
        self._mixture_weights = mixture_weights(self.recipe.data, self._data.train.corpus_sizes)
        if any(prepared.dev for prepared in self._data.directions):
            self.dev_set = TranslationDevSet(self._data.directions, self._data.tokenizer, self._is_multilingual)

    def build_network(self) -> Seq2Seq:
        """Return the network with newly initialised weights, or with the weights of the parent model."""
        recipe, tokenizer, parent = self.recipe, self._data.tokenizer, self._parent_directory
        sizes = len(tokenizer.source), len(tokenizer.target)
        network = build_network(recipe.model, *sizes, tokenizer.shared, recipe.training.seed)
        if parent:
            load_model_weights(network, parent)
        return network

    def create_loader(self, rank: int, world_size: int) -> BatchLoader:
        """Return a loader of the training batches of one process."""
        data, training, sampler = self._data, self.recipe.training, None
        if training.subword_sampling:
            sampler = SubwordSampler(data.tokenizer, self.recipe.tokenizer.kind, training.subword_sampling)
        batching = self._mixture_weights, training.batch_tokens, training.seed
        return BatchLoader(data.train, *batching, sampler, rank, world_size)

    def make_network_inputs(self, network: Seq2Seq, batch: Batch, state: DecoderState) -> TranslationBatch:
        """Convert a batch to tensors on the device of the network; ``state`` is not used."""
        return make_translation_batch(batch, network.output.device)

    @property
    def fingerprint(self) -> str:
        """Hash of the data and settings in which a checkpoint and the run that resumes from it must agree."""
        parent = self.parent.sha256 if self.parent else None
        sampling = self.recipe.training.subword_sampling
        return self._hash_settings(self._data.train, self._mixture_weights, sampling, parent)

    def export(self, path: Path, weights_file: Path, summary: TrainingSummary) -> None:
        """Write a model directory with weights, tokenizer and ONNX graphs, without shortlist and scores."""
        write_model_directory(path, self._build_card(summary), self._data.tokenizer, self._build_files(weights_file))

    def export_with_scores(
        self, run: RunDirectory, weights_file: Path, summary: TrainingSummary, evaluator: Evaluator, log: LogFunction
    ) -> dict[str, Any]:
        """Build the shortlist, score the model, and write the final model directory and the report."""
        files, card = self._build_files(weights_file), self._build_card(summary)
        if shortlist := self._build_shortlist(log):
            files[SHORTLIST] = shortlist.serialise()
            card.training["shortlist_coverage"] = self._measure_coverage(shortlist)
        write_model_directory(run.model, card, self._data.tokenizer, files)
        measured, translations = self._score_model(run.model, log)
        card = card.model_copy(update=measured)
        write_model_directory(run.model, card, self._data.tokenizer, files)
        log("Writing the report")
        self._write_report(run, summary, log, translations)
        return card.scores_by_set

    def write_report(self, run: RunDirectory, summary: TrainingSummary, reason: str, log: LogFunction) -> None:
        """Write the report of a run that ends before its last update."""
        self._write_report(run, summary, log, reason=reason)

    def _build_history(self, summary: TrainingSummary) -> dict[str, Any]:
        """Return the facts about the training for the model card."""
        recipe = self.recipe.model_dump(mode="json", exclude=WITHOUT_CORPORA)
        return {**summary.history, "training_pairs": len(self._data.train), "recipe": recipe}

    def _build_files(self, weights_file: Path) -> dict[str, bytes]:
        """Return the contents of the weights file and of the ONNX graphs, by file name."""
        return {WEIGHTS: weights_file.read_bytes(), **build_graphs_from_file(self.recipe.model, weights_file, "fp32")}

    def _build_card(self, summary: TrainingSummary) -> ModelCard:
        """Return the model card without scores.

        Larger length limits of the parent model are kept, and so is what it was trained for.
        """
        recipe, data = self.recipe, self._data
        parent = self._parent_directory.card if self._parent_directory else None
        directions = self._build_direction_cards()
        known: list[DirectionCard | ModelCard] = [*directions, *([parent] if parent else [])]
        return ModelCard(
            source_language=directions[0].source,
            target_language=directions[0].target,
            source_vocabulary=len(data.tokenizer.source),
            target_vocabulary=len(data.tokenizer.target),
            longest_source=max(each.longest_source for each in known),
            longest_ratio=max(each.longest_ratio for each in known),
            model=recipe.model,
            search=recipe.search,
            placeholders=recipe.data.placeholders > 0 or bool(parent and parent.placeholders),
            unpunctuated=recipe.data.unpunctuated > 0 or bool(parent and parent.unpunctuated),
            training=self._build_history(summary),
            origins=self._parents,
            languages=recipe.data.language_order,
            directions=self._keep_parent_directions(directions) if self._is_multilingual else [],
            chinese_script=recipe.data.chinese_script or (parent.chinese_script if parent else None),
            about=recipe.about,
        )

    def _build_direction_cards(self) -> list[DirectionCard]:
        """Return the card of each direction without scores.

        The limits on source length and length ratio are quantiles of the training pairs, so that outliers have no
        effect; the ratio is increased by half for unseen text.
        """
        cards, train = list[DirectionCard](), self._data.train
        for prepared, rows in zip(self._data.directions, train.direction_rows, strict=True):
            sources, targets = train.source_lengths[rows], train.target_lengths[rows]
            cards.append(
                DirectionCard(
                    source=prepared.direction.source,
                    target=prepared.direction.target,
                    longest_source=max(int(np.quantile(sources, 0.999)) - train.prefix_length, _MIN_LONGEST_SOURCE),
                    longest_ratio=max(1.5 * float(np.quantile(targets / sources, 0.999)), _MIN_LONGEST_RATIO),
                    training_pairs=len(rows),
                )
            )
        return cards

    def _keep_parent_directions(self, trained: list[DirectionCard]) -> list[DirectionCard]:
        """Return the cards of the trained directions and of the other directions of the parent model.

        The scores of the latter are left out, because they were measured with other weights.
        """
        names = {each.name for each in trained}
        parent = self._parent_directory.card.directions if self._parent_directory else []
        kept = [each.model_copy(update={"scores": {}, "confidence": None}) for each in parent if each.name not in names]
        return [*trained, *kept]

    def _score_model(self, model: Path, log: LogFunction) -> tuple[dict[str, Any], dict[str, list[str]]]:
        """Translate all dev and test sets.

        Returns the changed fields of the model card, and the translations of the dev sets by name of the direction.
        """
        translator, data = Translator.load(model, threads=torch.get_num_threads()), self._data
        found = {each.direction.name: score_direction(translator, self.recipe, each, log) for each in data.directions}
        translations = {name: each.dev_translations for name, each in found.items()}
        if not self._is_multilingual:
            [each] = found.values()
            return {"scores": each.scores, "confidence": each.confidence}, translations
        cards = read_model_directory(model).card.directions
        updates = {name: {"scores": each.scores, "confidence": each.confidence} for name, each in found.items()}
        return {"directions": [card.model_copy(update=updates.get(card.name, {})) for card in cards]}, translations

    def _build_shortlist(self, log: LogFunction) -> Shortlist | MultilingualShortlist | None:
        """Return a shortlist of likely translations in the training text, merged with the shortlist of the parent.

        The result is None if the parent has no shortlist, because text of a new domain doesn't cover other text.
        """
        if self._parent_directory and self._parent_shortlist is None:
            return None
        log("Collecting the likely translations of each token")
        if self._is_multilingual:
            return self._build_multilingual_shortlist()
        train, tokenizer = self._data.train, self._data.tokenizer
        table = learn_corpus_translation_table(train, train.direction_rows[0])
        shortlist = build_shortlist(table, len(tokenizer.source), len(tokenizer.target), tokenizer.shared)
        return self._parent_shortlist.merge(shortlist) if isinstance(self._parent_shortlist, Shortlist) else shortlist

    def _build_multilingual_shortlist(self) -> MultilingualShortlist:
        """Return the shortlists of all target languages, each from the directions into it."""
        train, vocab_size, parent = self._data.train, len(self._data.tokenizer.target), self._parent_shortlist
        found = [parent] if isinstance(parent, MultilingualShortlist) else []
        for prepared, rows in zip(self._data.directions, train.direction_rows, strict=True):
            shortlist = build_language_shortlist(learn_corpus_translation_table(train, rows), vocab_size)
            found.append(MultilingualShortlist({prepared.prefix[0]: shortlist}))
        return functools.reduce(MultilingualShortlist.merge, found)

    def _measure_coverage(self, shortlist: Shortlist | MultilingualShortlist) -> float | None:
        """Return the fraction of dev reference tokens in the shortlists of their sentences; None without a dev set."""
        tokenizer, pairs = self._data.tokenizer, list[tuple[list[int], list[int]]]()
        for prepared in self._data.directions:
            sources = tokenizer.source.encode_batch([normalise(source) for source, _ in prepared.dev])
            targets = tokenizer.target.encode_batch([normalise(target) for _, target in prepared.dev])
            pairs += [([*prepared.prefix, *source], target) for source, target in zip(sources, targets, strict=True)]
        return round(shortlist.coverage(pairs), 4) if pairs else None

    def _write_report(
        self,
        run: RunDirectory,
        summary: TrainingSummary,
        log: LogFunction,
        translations: Mapping[str, Sequence[str]] | None = None,
        reason: str | None = None,
    ) -> None:
        """Write the report; if this fails, only log a message."""
        try:
            data = TrainingReportData(
                recipe=self.recipe,
                data=self._data,
                model=None if reason else run.model,
                history=self._build_history(summary),
                origins=self._parents,
                metrics=read_metrics(run),
                updates=summary.updates,
                best_update=summary.best_update,
                dev_translations=translations or {},
                stop_reason=reason,
            )
            write_report(run.report, data)
        except Exception as error:  # the model and the checkpoints are complete without a report
            log(f"{run.report}: not written ({type(error).__name__}: {error})")
