"""Training task of translators."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nmt.config.data import SyntheticCorpus
from nmt.config.schema import TranslatorRecipe
from nmt.corpus.batching import Batch
from nmt.corpus.cache import LogFunction
from nmt.corpus.data_loader import BatchLoader
from nmt.corpus.preparation import PreparedData, learn_corpus_translation_table, prepare_data, sources_in_training_data
from nmt.corpus.subword_regularization import SubwordSampler
from nmt.engine.onnx.export import build_graphs_from_file
from nmt.engine.shortlist import Shortlist, build_shortlist
from nmt.engine.torch_engine import load_weights
from nmt.evaluation.calibration import fit_calibration
from nmt.evaluation.metrics import exact_match_on_unseen, score_corpus, sentence_chrf
from nmt.evaluation.report import TrainingReportData, write_report
from nmt.inference.translator import Translator
from nmt.model.decoder import DecoderState
from nmt.model.seq2seq import Seq2Seq, TranslationBatch, build_network
from nmt.model_directory.card import ModelCard
from nmt.model_directory.directory import SHORTLIST, WEIGHTS, ModelDirectory, write_model_directory
from nmt.text.normalisation import normalise
from nmt.training.finetuning import adopt_parent_network, load_parent_shortlist, parent_models
from nmt.training.metrics_log import read_metrics
from nmt.training.reports import TrainingSummary
from nmt.training.run_directory import RunDirectory
from nmt.training.tasks import Evaluator, TrainingTask
from nmt.training.translation_dev_set import TranslationDevSet, make_translation_batch


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
        self._parent_shortlist = load_parent_shortlist(parent) if parent else None
        self._parents = parent_models(parent) if parent else []
        self.parent = self._parents[0] if parent else None
        self.has_unused_parameters = self.recipe.model.attention == "none"  # those of the encoder's top layer
        self._mixture_weights = [mixed.weight for mixed in recipe.data.weighted_corpora]

    def prepare(self, log: LogFunction) -> None:
        """Read, filter and tokenize the parallel text."""
        tokenizer = self._parent_directory.tokenizer if self._parent_directory else None
        self._data = prepare_data(self.recipe, log, tokenizer)
        if self._data.dev:
            self.dev_set = TranslationDevSet(self._data.dev, self._data.tokenizer, self.recipe.data)

    def build_network(self) -> Seq2Seq:
        """Return the network with newly initialised weights, or with the weights of the parent model."""
        recipe, tokenizer, parent = self.recipe, self._data.tokenizer, self._parent_directory
        sizes = len(tokenizer.source), len(tokenizer.target)
        network = build_network(recipe.model, *sizes, tokenizer.shared, recipe.training.seed)
        if parent and parent.weights:
            load_weights(network, parent.weights)
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
        write_model_directory(run.model, card.model_copy(update=measured), self._data.tokenizer, files)
        log("Writing the report")
        self._write_report(run, summary, log, translations)
        scores: dict[str, Any] = measured["scores"]
        return scores

    def write_report(self, run: RunDirectory, summary: TrainingSummary, reason: str, log: LogFunction) -> None:
        """Write the report of a run that ends before its last update."""
        self._write_report(run, summary, log, reason=reason)

    def _build_history(self, summary: TrainingSummary) -> dict[str, Any]:
        """Return the facts about the training for the model card."""
        recipe = self.recipe.model_dump(mode="json", exclude={"data": {"train", "dev", "test"}})
        return {**summary.history, "training_pairs": len(self._data.train), "recipe": recipe}

    def _build_files(self, weights_file: Path) -> dict[str, bytes]:
        """Return the contents of the weights file and of the ONNX graphs, by file name."""
        return {WEIGHTS: weights_file.read_bytes(), **build_graphs_from_file(self.recipe.model, weights_file, "fp32")}

    def _build_card(self, summary: TrainingSummary) -> ModelCard:
        """Return the model card without scores.

        The limits on source length and length ratio are quantiles of the training pairs, so that outliers have no
        effect; the ratio is increased by half for unseen text. Larger limits of the parent model are kept, and so is
        what it was trained for.
        """
        recipe, data = self.recipe, self._data
        parent = self._parent_directory.card if self._parent_directory else None
        length = int(np.quantile(data.train.source_lengths, 0.999))
        ratio = 1.5 * float(np.quantile(data.train.target_lengths / data.train.source_lengths, 0.999))
        return ModelCard(
            source_language=recipe.data.source,
            target_language=recipe.data.target,
            source_vocabulary=len(data.tokenizer.source),
            target_vocabulary=len(data.tokenizer.target),
            longest_source=max(length, parent.longest_source if parent else 8),
            longest_ratio=max(ratio, parent.longest_ratio if parent else 2.0),
            model=recipe.model,
            search=recipe.search,
            placeholders=recipe.data.placeholders > 0 or bool(parent and parent.placeholders),
            surface_variants=recipe.data.surface_variants > 0 or bool(parent and parent.surface_variants),
            training=self._build_history(summary),
            origins=self._parents,
        )

    def _score_model(self, model: Path, log: LogFunction) -> tuple[dict[str, Any], list[str]]:
        """Translate dev and test set; return scores and calibration for the model card, and the dev translations."""
        translator = Translator.load(model, threads=torch.get_num_threads())
        recipe, data, scores, confidence, dev = self.recipe, self._data, dict[str, Any](), None, list[str]()
        for name, corpus, pairs in (("dev", recipe.data.dev, data.dev), ("test", recipe.data.test, data.test)):
            if not pairs:
                continue
            log(f"Scoring the best model on the {name} set (beam {recipe.search.beam})")
            sources, references = [source for source, _ in pairs], [target for _, target in pairs]
            translations = translator.translate(sources)
            texts = [translation.text for translation in translations]
            scores[name] = score_corpus(corpus, texts, references, recipe.data.target)
            if isinstance(corpus, SyntheticCorpus):
                seen = sources_in_training_data(recipe, sources)
                scores[name]["exact"]["new"] = exact_match_on_unseen(sources, texts, references, seen)
            elif name == "dev":
                confidence = fit_calibration([t.score for t in translations], sentence_chrf(texts, references))
            if name == "dev":
                dev = texts
        return {"scores": scores, "confidence": confidence}, dev

    def _build_shortlist(self, log: LogFunction) -> Shortlist | None:
        """Return a shortlist of likely translations in the training text, merged with the shortlist of the parent.

        The result is None if the parent has no shortlist, because text of a new domain doesn't cover other text.
        """
        if self._parent_directory and self._parent_shortlist is None:
            return None
        log("Collecting the likely translations of each token")
        tokenizer, table = self._data.tokenizer, learn_corpus_translation_table(self._data.train)
        shortlist = build_shortlist(table, len(tokenizer.source), len(tokenizer.target), tokenizer.shared)
        return self._parent_shortlist.merge(shortlist) if self._parent_shortlist else shortlist

    def _measure_coverage(self, shortlist: Shortlist) -> float | None:
        """Return the fraction of dev reference tokens in the shortlists of their sentences; None without a dev set."""
        tokenizer, dev = self._data.tokenizer, self._data.dev
        sources = tokenizer.source.encode_batch([normalise(source) for source, _ in dev])
        targets = tokenizer.target.encode_batch([normalise(target) for _, target in dev])
        return round(shortlist.coverage(zip(sources, targets, strict=True)), 4) if dev else None

    def _write_report(
        self,
        run: RunDirectory,
        summary: TrainingSummary,
        log: LogFunction,
        translations: Sequence[str] = (),
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
                dev_translations=translations,
                stop_reason=reason,
            )
            write_report(run.report, data)
        except Exception as error:  # the model and the checkpoints are complete without a report
            log(f"{run.report}: not written ({type(error).__name__}: {error})")
