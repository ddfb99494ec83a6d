"""What a training leaves for its users: the model directory, scored as they will use it."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nmt.config.data import SyntheticCorpus
from nmt.config.schema import TranslatorRecipe
from nmt.corpus.preparation import PreparedData, corpus_translation_table, sources_in_training_data
from nmt.engine import shortlist as shortlists
from nmt.engine.onnx.export import graph_files
from nmt.engine.shortlist import Shortlist
from nmt.evaluation.calibration import fit_calibration
from nmt.evaluation.metrics import exact_match_on_unseen, score_corpus, sentence_chrf
from nmt.evaluation.report import TrainingReportData, write_report
from nmt.inference.translator import Translator
from nmt.model_directory.card import ModelCard
from nmt.model_directory.directory import SHORTLIST, WEIGHTS, ModelDirectory, write_model_directory
from nmt.text.normalisation import normalise
from nmt.training import finetuning
from nmt.training.run_directory import RunDirectory
from nmt.training.trainer import Trainer


class Publisher:
    """Writes the bundle of a run's best weights so far."""

    def __init__(
        self,
        config: TranslatorRecipe,
        run: RunDirectory,
        prepared: PreparedData,
        trainer: Trainer,
        start: ModelDirectory | None = None,
    ) -> None:
        """``start`` is the model that is fine-tuned. Raises CarouselError when its shortlist is damaged."""
        self._config, self._run, self._prepared, self._trainer = config, run, prepared, trainer
        self._start = start
        self._origins = finetuning.origins(start) if start else []
        self._inherited = finetuning.shortlist_of(start) if start else None
        self._mean_of: Sequence[int] = ()

    def finish(self, weights: Path, mean_of: Sequence[int], say: Callable[[str], None]) -> dict[str, Any]:
        """Write the final bundle of these weights, with all that makes it fast.

        ``mean_of`` are the updates whose weights they are the mean of, if any. The bundle is scored, and holds what the
        scores taught; at last comes the report. Gives set -> metric -> score, signature, ci.
        """
        self._mean_of = mean_of
        files, found = self._files(weights), {}
        if shortlist := self._shortlist(say):
            files[SHORTLIST], found["shortlist_coverage"] = shortlist.serialise(), self._coverage(shortlist)
        card = self._card(found)
        write_model_directory(self._run.model, card, self._prepared.tokenizer, files)
        translator = Translator.load(self._run.model, threads=torch.get_num_threads())
        scores, confidence, dev = {}, None, []
        data = self._config.data
        for name, spec, pairs in (("dev", data.dev, self._prepared.dev), ("test", data.test, self._prepared.test)):
            if not pairs:
                continue
            say(f"Scoring the best model on the {name} set (beam {self._config.search.beam})")
            sources, references = [source for source, _ in pairs], [target for _, target in pairs]
            translations = translator.translate(sources)
            texts = [t.text for t in translations]
            scores[name] = score_corpus(spec, texts, references, data.target)
            if isinstance(spec, SyntheticCorpus):
                learned = sources_in_training_data(self._config, sources)
                scores[name]["exact"]["new"] = exact_match_on_unseen(sources, texts, references, learned)
            if name == "dev":
                dev = texts
            if name == "dev" and not isinstance(spec, SyntheticCorpus):
                confidence = fit_calibration([t.score for t in translations], sentence_chrf(texts, references))
        card = card.model_copy(update={"scores": scores, "confidence": confidence})
        write_model_directory(self._run.model, card, self._prepared.tokenizer, files)
        say("Writing the report")
        self._report(self._run.model, dev, say)
        return scores

    def write(self, weights: Path) -> None:
        """Write the bundle of a run that goes on."""
        write_model_directory(self._run.model, self._card({}), self._prepared.tokenizer, self._files(weights))

    def end_early(self, reason: str, say: Callable[[str], None]) -> None:
        """Write the page on a training that has not come to its end, without what would need translations."""
        self._report(None, [], say, reason)

    def _report(self, model: Path | None, dev: list[str], say: Callable[[str], None], ended: str | None = None) -> None:
        """Write the page on this training and its translations of the dev set."""
        progress = self._trainer.progress
        best = progress.best_update if progress.best is not None else None
        try:
            records = self._run.records()
            training = TrainingReportData(
                config=self._config,
                prepared=self._prepared,
                model=model,
                history=self._history(),
                origins=self._origins,
                records=records,
                updates=progress.update,
                best_update=best,
                dev=dev,
                ended=ended,
            )
            write_report(self._run.report, training)
        except Exception as error:  # all else is done and saved: whatever ails a page must not cost that
            say(f"{self._run.report}: not written ({type(error).__name__}: {error})")

    def _files(self, weights: Path) -> dict[str, bytes]:
        """The weights, and the graphs made of them."""
        return {WEIGHTS: weights.read_bytes(), **graph_files(self._config.model, weights, "fp32")}

    def _card(self, found: dict[str, Any]) -> ModelCard:
        """The card of an unscored bundle; what was ``found`` besides goes to its history."""
        config, tokenizer = self._config, self._prepared.tokenizer
        return ModelCard(
            source_language=config.data.source,
            target_language=config.data.target,
            source_vocabulary=len(tokenizer.source),
            target_vocabulary=len(tokenizer.target),
            longest_source=self._longest_source(),
            longest_ratio=self._longest_ratio(),
            model=config.model,
            search=config.search,
            training=self._history() | found,
            origins=self._origins,
        )

    def _history(self) -> dict[str, Any]:
        """How the weights came to be."""
        return {
            **history(self._trainer, self._mean_of),
            "training_pairs": len(self._prepared.train),
            "recipe": self._config.model_dump(mode="json", exclude={"data": {"train", "dev", "test"}}),
        }

    def _shortlist(self, say: Callable[[str], None]) -> Shortlist | None:
        """The likely translations by the training text, and what the start model lists.

        The text of a domain doesn't know what other text needs: None where the start model lists nothing.
        """
        if self._start and self._inherited is None:
            return None
        say("Collecting the likely translations of each piece")
        tokenizer = self._prepared.tokenizer
        lexicon = corpus_translation_table(self._prepared.train)
        found = shortlists.build_shortlist(lexicon, len(tokenizer.source), len(tokenizer.target), tokenizer.shared)
        return self._inherited.merge(found) if self._inherited else found

    def _coverage(self, shortlist: Shortlist) -> float | None:
        """The share of dev reference pieces that their sentences' lists hold; None without a dev set."""
        tokenizer, dev = self._prepared.tokenizer, self._prepared.dev
        sources = tokenizer.source.encode_batch([normalise(source) for source, _ in dev])
        targets = tokenizer.target.encode_batch([normalise(target) for _, target in dev])
        return round(shortlist.coverage(zip(sources, targets, strict=True)), 4) if dev else None

    def _longest_source(self) -> int:
        """What nearly all training sources keep to, so that a freak doesn't set the limit.

        The start model's if that is larger.
        """
        known = self._start.card.longest_source if self._start else 8
        return max(int(np.quantile(self._prepared.train.source_lengths, 0.999)), known)

    def _longest_ratio(self) -> float:
        """Target over source length; with half as much again, room for what training has not seen.

        The start model's if that is larger.
        """
        train, known = self._prepared.train, self._start.card.longest_ratio if self._start else 2.0
        return max(1.5 * float(np.quantile(train.target_lengths / train.source_lengths, 0.999)), known)


def history(trainer: Trainer, mean_of: Sequence[int] = ()) -> dict[str, Any]:
    """How weights came to be, whatever they are of; ``mean_of`` as for `Publisher.finish`."""
    progress = trainer.progress
    return {
        "parameters": trainer.network.parameter_count(),
        "updates": progress.best_update or progress.update,
        **({"mean_of": sorted(mean_of)} if mean_of else {}),
        "minutes": round(progress.seconds / 60, 1),
        "precision": trainer.precision,
        "device": str(trainer.device),
        "carousel": _version(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _version() -> str:
    try:
        return version("carousel-nmt")
    except PackageNotFoundError:
        return "not installed"
