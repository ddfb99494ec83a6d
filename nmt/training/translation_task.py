"""The training task of a translator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nmt.config.data import DataConfig, SyntheticCorpus
from nmt.config.schema import TranslatorRecipe
from nmt.corpus.arrow_store import RaggedArray
from nmt.corpus.batching import Batch, collate
from nmt.corpus.cache import LogFunction
from nmt.corpus.data_loader import BatchLoader
from nmt.corpus.parallel_corpus import TextPair
from nmt.corpus.preparation import PreparedData, prepare_data
from nmt.corpus.subword_regularization import SubwordSampler
from nmt.corpus.tokenizer import BOS, EOS, Tokenizer
from nmt.engine.torch_engine import TorchEngine, load_weights
from nmt.evaluation.metrics import bleu, exact_match
from nmt.evaluation.report import TrainingReportData, write_report
from nmt.model.decoder import DecoderState
from nmt.model.device import to_device
from nmt.model.guided_alignment import AlignmentLinks
from nmt.model.seq2seq import Seq2Seq, TranslationBatch, build_network
from nmt.model_directory.directory import ModelDirectory
from nmt.search.beam_search import DecodingOptions, search_all
from nmt.text.normalisation import normalise
from nmt.training.finetuning import adopt_parent_network
from nmt.training.metrics_log import read_metrics
from nmt.training.reports import TrainingSummary
from nmt.training.run_directory import RunDirectory
from nmt.training.tasks import METRIC_NAMES, Evaluator, TrainingTask
from nmt.training.translation_export import TranslatorExport
from nmt.utils.hashing import hash_json

_SLOTS = 128  # sentences decoded together
_BATCH = 64  # pairs whose loss is computed together


class TranslationTask(TrainingTask):
    """Training of a translator on parallel text."""

    recipe: TranslatorRecipe
    _data: PreparedData
    _export: TranslatorExport

    def __init__(self, recipe: TranslatorRecipe, parent: ModelDirectory | None, log: LogFunction) -> None:
        """Create the task of a recipe; with a parent model, which is fine-tuned, it adopts the parent's network.

        Raises:
            CarouselError: The parent model is not suitable, or its shortlist is damaged.
        """
        self.recipe = adopt_parent_network(recipe, parent, log) if parent else recipe
        self._export = TranslatorExport(self.recipe, parent)
        self.parent = self._export.parents[0] if parent else None
        self._parent_directory = parent
        self.has_unused_parameters = self.recipe.model.attention == "none"  # of the encoder's top layer

    def prepare(self, log: LogFunction) -> None:
        """See `TrainingTask.prepare`."""
        tokenizer = self._parent_directory.tokenizer if self._parent_directory else None
        self._data = prepare_data(self.recipe, log, tokenizer)
        if self._data.dev:
            self.dev_set = TranslationDevSet(self._data.dev, self._data.tokenizer, self.recipe.data)

    def build_network(self) -> Seq2Seq:
        """See `TrainingTask.build_network`."""
        recipe, tokenizer, parent = self.recipe, self._data.tokenizer, self._parent_directory
        sizes = len(tokenizer.source), len(tokenizer.target)
        network = build_network(recipe.model, *sizes, tokenizer.shared, recipe.training.seed)
        if parent and parent.weights:
            load_weights(network, parent.weights)
        return network

    def loader(self, rank: int, world_size: int) -> BatchLoader:
        """See `TrainingTask.loader`."""
        training, sampler = self.recipe.training, None
        if training.subword_sampling:
            sampler = SubwordSampler(self._data.tokenizer, self.recipe.tokenizer.kind, training.subword_sampling)
        return BatchLoader(
            self._data.train, self._mixture_weights, training.batch_tokens, training.seed, sampler, rank, world_size
        )

    def network_inputs(self, network: Seq2Seq, batch: Batch, state: DecoderState = ()) -> TranslationBatch:
        """See `TrainingTask.network_inputs`."""
        return translation_inputs(batch, network.output.device)

    @property
    def fingerprint(self) -> str:
        """See `TrainingTask.fingerprint`."""
        parent = self.parent.sha256 if self.parent else None
        sampling = self.recipe.training.subword_sampling
        return self._hash_settings(self._data.train, self._mixture_weights, sampling, parent)

    def export(self, path: Path, weights: Path, summary: TrainingSummary) -> None:
        """See `TrainingTask.export`."""
        self._export.write(path, self._data, weights, summary)

    def export_scored(
        self, run: RunDirectory, weights: Path, summary: TrainingSummary, evaluator: Evaluator, log: LogFunction
    ) -> dict[str, Any]:
        """See `TrainingTask.export_scored`."""
        scores, translations = self._export.write_scored(run.model, self._data, weights, summary, log)
        log("Writing the report")
        self._write_report(run, summary, log, run.model, translations)
        return scores

    def write_report(self, run: RunDirectory, summary: TrainingSummary, reason: str, log: LogFunction) -> None:
        """See `TrainingTask.write_report`."""
        self._write_report(run, summary, log, reason=reason)

    def _write_report(
        self,
        run: RunDirectory,
        summary: TrainingSummary,
        log: LogFunction,
        model: Path | None = None,
        translations: Sequence[str] = (),
        reason: str | None = None,
    ) -> None:
        try:
            training = TrainingReportData(
                config=self.recipe,
                prepared=self._data,
                model=model,
                history=self._export.history(self._data, summary),
                origins=self._export.parents,
                records=read_metrics(run),
                updates=summary.updates,
                best_update=summary.best_update,
                dev=translations,
                ended=reason,
            )
            write_report(run.report, training)
        except Exception as error:  # model and checkpoints are saved, and no error of the report may undo that
            log(f"{run.report}: not written ({type(error).__name__}: {error})")

    @property
    def _mixture_weights(self) -> list[float]:
        return [mixed.weight for mixed in self.recipe.data.weighted_corpora]


class TranslationDevSet:
    """A dev set of sentence pairs; the score is the BLEU of greedy translations.

    On a synthetic task the score is the percentage of correct answers.
    """

    def __init__(self, pairs: Sequence[TextPair], tokenizer: Tokenizer, data: DataConfig) -> None:
        self.fingerprint = hash_json(data.target, *pairs)
        self._references = [target for _, target in pairs]
        self._tokenizer, self._data = tokenizer, data
        self._sources = tokenizer.source.encode_batch([normalise(source) for source, _ in pairs])
        self._targets = tokenizer.target.encode_batch([normalise(target) for _, target in pairs])

    def evaluate(self, evaluator: Evaluator) -> tuple[float, float]:
        """See `DevSet.evaluate`."""
        return self._loss(evaluator), self.score(evaluator)

    def score(self, evaluator: Evaluator) -> float:
        """See `DevSet.score`."""
        network: Seq2Seq = evaluator.network
        engine = TorchEngine(network, _SLOTS, beam=1, device=network.output.device)
        order = sorted(range(len(self._sources)), key=lambda i: -len(self._sources[i]))
        translations = [""] * len(order)
        sentences = ((i, self._sources[i]) for i in order)
        for i, hypotheses in search_all(engine, sentences, BOS, EOS, DecodingOptions(return_attention=False)):
            translations[i] = self._tokenizer.target.decode(hypotheses[0].tokens).text
        if isinstance(self._data.dev, SyntheticCorpus):
            return float(exact_match(self._data.dev, translations, self._references)["score"])
        return bleu(translations, self._references, self._data.target)

    def metrics(self, loss: float, score: float) -> dict[str, float]:
        """See `DevSet.metrics`."""
        return {"exact" if isinstance(self._data.dev, SyntheticCorpus) else "bleu": score}

    def format_score(self, score: float) -> str:
        """See `DevSet.format_score`."""
        return " ".join(f"{METRIC_NAMES[key]} {value:.2f}" for key, value in self.metrics(0.0, score).items())

    def _loss(self, evaluator: Evaluator) -> float:
        order = sorted(range(len(self._targets)), key=lambda i: len(self._targets[i]))
        total, tokens = 0.0, 0
        with torch.no_grad():
            for start in range(0, len(order), _BATCH):
                rows = order[start : start + _BATCH]
                sides = (RaggedArray.from_lists([ids[row] for row in rows]) for ids in (self._sources, self._targets))
                batch = collate(*sides)
                inputs = translation_inputs(batch, evaluator.network.output.device)
                total += evaluator.compute_loss(inputs).negative_log_likelihood.item()
                tokens += batch.target_tokens
        return total / tokens


def translation_inputs(batch: Batch, device: torch.device) -> TranslationBatch:
    """Return a batch as tensors on a device; the lengths stay on the CPU."""

    def tensor(array: np.ndarray[Any, Any]) -> Tensor:
        return to_device(torch.from_numpy(array), device)

    positions, links = batch.target_positions, batch.alignment
    return TranslationBatch(
        tensor(batch.source),
        torch.from_numpy(batch.source_lengths),
        tensor(batch.target_in),
        tensor(batch.target_out.ravel()[positions]),
        tensor(positions),
        None
        if links is None
        else AlignmentLinks(
            *map(tensor, (links.batch_indices, links.target_indices, links.source_indices, links.weights))
        ),
    )
