"""``nmt translate``."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from nmt.cli.options import (
    BeamOption,
    EnsembleOption,
    ModelArgument,
    NoShortlistOption,
    requires_extra,
)
from nmt.cli.streams import batches_as_available, read_stdin, write_batches
from nmt.corpus.text_files import RECORD_SUFFIXES, read_texts
from nmt.inference.documents.files import is_document, translate_document
from nmt.inference.job import OutputFormat, TranslationJob
from nmt.inference.translator import DEFAULT_LM_WEIGHT, Translator
from nmt.search.options import DecodingOptions
from nmt.utils.errors import UsageError

_MAX_BATCH = 2000  # lines; a translator sorts as many by length


@dataclasses.dataclass(frozen=True)
class TranslateOptions:
    """Arguments and options of ``nmt translate``."""

    model: ModelArgument
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE",
            help="Text with one sentence per line, .jsonl, .parquet, or one .html document; stdin by default.",
        ),
    ] = None
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="File to write; stdout by default. A .jsonl file receives sentence pairs, which training can read.",
        ),
    ] = None
    beam_size: BeamOption = None
    n_best: Annotated[
        int, typer.Option(min=1, max=64, help="Number of translations per line; more than one needs --json.")
    ] = 1
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print one JSON object per line, with scores and alignment; by default only text."),
    ] = False
    threads: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Number of CPU threads, 1 by default; with --ray the number of workers, by default as many as fit.",
        ),
    ] = None
    no_shortlist: NoShortlistOption = False
    on_ray: Annotated[
        bool,
        typer.Option(
            "--ray",
            help="Distribute large files over Ray workers, and resume after an interruption; off by default.",
        ),
    ] = False
    field: Annotated[
        str | None,
        typer.Option(
            help="Field with the text in .jsonl and .parquet files; by default the source language's code, or 'text'."
        ),
    ] = None
    others: EnsembleOption = None
    lm: Annotated[
        Path | None, typer.Option(metavar="MODEL", help="Language model for shallow fusion; none by default.")
    ] = None
    lm_weight: Annotated[
        float | None,
        typer.Option(
            min=0, max=10, help=f"Weight of the language model's log-probabilities; {DEFAULT_LM_WEIGHT} by default."
        ),
    ] = None
    rescore: Annotated[
        int,
        typer.Option(
            min=0,
            max=64,
            help="Number of finished translations per text that the language model reranks, instead of shallow fusion; "
            "0 turns it off.",
        ),
    ] = 0
    groups: Annotated[
        int,
        typer.Option(
            min=1, max=64, help="Number of beam groups that diverse beam search keeps different from each other."
        ),
    ] = 1
    prefix: Annotated[str, typer.Option(help="Text that every translation begins with; none by default.")] = ""
    require: Annotated[
        list[str] | None,
        typer.Option(help="Phrase that every translation contains; may be repeated; none by default."),
    ] = None
    ban: Annotated[
        list[str] | None,
        typer.Option(
            help="Word or punctuation that no translation contains, in its usual tokenisation; may be repeated; "
            "none by default."
        ),
    ] = None
    no_repeat_ngram: Annotated[
        int, typer.Option(min=0, max=1000, help="Forbid repeated n-grams of this size, in tokens; 0 allows them.")
    ] = 0
    sample: Annotated[
        bool, typer.Option("--sample", help="Sample translations randomly instead of searching for the best.")
    ] = False
    temperature: Annotated[
        float | None,
        typer.Option(min=0.01, max=100, help="Sampling temperature; lower is more conservative; 1 by default."),
    ] = None
    top_k: Annotated[
        int | None,
        typer.Option(min=1, max=1_000_000, help="Sample from this number of most likely tokens; all by default."),
    ] = None
    top_p: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            max=1,
            help="Sample from the most likely tokens up to this total probability; 1, that is all, by default.",
        ),
    ] = None
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=2**31 - 1, help="Random seed; equal seeds sample equal translations; 0 by default."),
    ] = None

    @property
    def document(self) -> Path | None:
        """The document among the files; None if they hold lines."""
        return next(filter(is_document, self.files or ()), None)

    @property
    def output_format(self) -> OutputFormat:
        """Output format of lines."""
        return "json" if self.as_json else "pairs" if self.output and self.output.suffix == ".jsonl" else "text"

    def check(self) -> None:
        """Check combinations of options. Raises UsageError."""
        if self.n_best > 1 and not self.as_json:
            raise UsageError("--n-best: several translations per line need JSON output; add --json")
        self._check_sampling()
        self._check_language_model()
        if self.on_ray and not (self.files and self.output):
            raise UsageError("--ray: needs input files and an output file; name files and -o")
        if self.field and not any(file.suffix in RECORD_SUFFIXES for file in self.files or ()):
            kinds = " and ".join(RECORD_SUFFIXES)
            raise UsageError(f"--field: applies only to {kinds} files; name one, or remove --field")
        if self.document:
            self._check_document(self.document)

    def _check_sampling(self) -> None:
        options = {
            "--temperature": self.temperature,
            "--top-k": self.top_k,
            "--top-p": self.top_p,
            "--seed": self.seed,
        }
        for name, value in options.items():
            if value is not None and not self.sample:
                raise UsageError(f"{name}: applies only to sampling; add --sample")

    def _check_language_model(self) -> None:
        if self.lm is None and (self.lm_weight is not None or self.rescore):
            raise UsageError(f"--{'rescore' if self.rescore else 'lm-weight'}: needs a language model; add --lm")
        if self.rescore and self.sample:
            raise UsageError("--rescore: does not work with sampling; remove --sample")
        if self.lm and self.on_ray:
            raise UsageError("--lm: does not work with --ray; remove one of the two")

    def _check_document(self, document: Path) -> None:
        if len(self.files or ()) > 1:
            raise UsageError(f"{document}: documents are translated one at a time; name no other file")
        for name, value in {"--json": self.as_json, "--ray": self.on_ray}.items():
            if value:
                raise UsageError(f"{name}: applies only to lines, and {document} is a document; remove {name}")
        if self.output and self.output.suffix == ".jsonl":
            raise UsageError(
                f"{self.output}: a .jsonl file holds pairs of lines, and {document} is a document; "
                f"name a file that ends in {document.suffix}"
            )

    def load_translator(self) -> Translator:
        """Load the models."""
        return Translator.load(
            self.model,
            threads=self.threads or 1,
            shortlist=not self.no_shortlist,
            ensemble=self.others or (),
            language_model=self.lm,
            lm_weight=DEFAULT_LM_WEIGHT if self.lm_weight is None else self.lm_weight,
            rescore=self.rescore,
        )

    def decoding_options(self, translator: Translator) -> DecodingOptions:
        """Return the model's decoding options with those of the command line. Raises UsageError."""
        sampling: dict[str, Any] = {}
        if self.sample:
            sampling = {
                "sampling_temperature": 1.0 if self.temperature is None else self.temperature,
                "sampling_topk": self.top_k or 0,
                "sampling_topp": 1.0 if self.top_p is None else self.top_p,
                "seed": self.seed or 0,
            }
        try:
            return dataclasses.replace(
                translator.decoding_options,
                return_attention=self.as_json or self.document is not None,  # plain text has no use for it
                num_beam_groups=self.groups,
                target_prefix=translator.target_ids(self.prefix),
                force_phrases=tuple(map(translator.force_phrase_ids, self.require or ())),
                bad_phrases=tuple(ids for phrase in self.ban or () for ids in translator.bad_phrase_ids(phrase)),
                no_repeat_ngram_size=self.no_repeat_ngram,
                **sampling,
            )
        except ValueError as error:
            raise UsageError(str(error)) from None

    def job(self, translator: Translator) -> TranslationJob:
        """Return what to do with each text. Raises UsageError."""
        options, language = self.decoding_options(translator), translator.source_language
        if self.output_format == "pairs" and language == translator.target_language:
            raise UsageError(
                f"{self.output}: pairs need different names for both sides, and both are {language}; "
                "name a file that ends in .txt, or add --json"
            )
        models = tuple(path.resolve() for path in (self.model, *(self.others or ())))
        return TranslationJob(
            models, self.beam_size, self.n_best - 1, options, not self.no_shortlist, self.output_format
        )


def translate(options: TranslateOptions) -> None:
    """Translate text, one output line per input line, or a document."""
    options.check()
    translator = options.load_translator()
    job = options.job(translator)
    fields = (options.field,) if options.field else (translator.source_language, "text")
    if options.document:
        # Lazily, so that an output that can't be written is an error before the work.
        documents = (translate_document(each, job, translator) for each in [options.document])
        write_batches([documents], options.output, end="")
    elif options.on_ray and options.files and options.output:
        with requires_extra("ray", "nmt translate --ray"):
            from nmt.bulk.job import translate_files
        translate_files(job, options.files, fields, options.output, options.threads)
    else:
        texts = _read_files(options.files, fields) if options.files else read_stdin()
        write_batches(_translate_batches(job, translator, texts), options.output)


def _read_files(files: Sequence[Path], fields: Sequence[str]) -> Iterator[str]:
    """Return the texts of files, after reading them once: errors in the last file are raised before any work."""
    for file in files:
        if file.is_file() or not file.exists():  # pipes can be read only once
            deque(read_texts(file, fields), maxlen=0)
    return chain.from_iterable(read_texts(file, fields) for file in files)


def _translate_batches(job: TranslationJob, translator: Translator, texts: Iterable[str]) -> Iterator[Iterator[str]]:
    for batch in batches_as_available(texts, _MAX_BATCH):
        yield job.translate_lines(translator, batch)
