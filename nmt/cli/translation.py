"""The command ``nmt translate``."""

from __future__ import annotations

import dataclasses
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from nmt.cli.options import (
    BeamOption,
    DetectedFromOption,
    EnsembleOption,
    ModelArgument,
    NoShortlistOption,
    ToOption,
    direction_options,
    refuse_options_unless,
    requires_extra,
)
from nmt.cli.streams import batches_as_available, read_stdin, write_batches
from nmt.corpus.compressed_files import content_suffix
from nmt.corpus.text_files import RECORD_SUFFIXES, STDIN, read_texts
from nmt.inference.document_files import DocumentJob, choose_format, translate_document
from nmt.inference.job import OutputFormat, TranslationJob
from nmt.inference.text_options import TextOptions
from nmt.inference.translation import Translation
from nmt.inference.translator import DEFAULT_LM_WEIGHT, Translator
from nmt.model_directory.directory import locate_model_directory
from nmt.text.glossary import TermList, read_terms
from nmt.utils.errors import UsageError

_MAX_BATCH = 2000  # lines; a translator sorts as many by length


def translate(
    model: ModelArgument,
    files: Annotated[
        list[Path] | None,
        Argument(metavar="FILE", help="Lines of text, .jsonl, .parquet, or one document."),
    ] = None,
    output: Annotated[
        Path | None, Option("-o", "--output", help="File to write; stdout by default. .jsonl receives sentence pairs.")
    ] = None,
    source_language: DetectedFromOption = None,
    target_language: ToOption = None,
    beam_size: BeamOption = None,
    n_best: Annotated[int, Option(min=1, max=64, help="Number of translations per line; needs --json if over 1.")] = 1,
    as_json: Annotated[bool, Option("--json", help="Print a JSON object per line, with scores and alignment.")] = False,
    threads: Annotated[
        int | None, Option(min=1, help="CPU threads, 1 by default; with --ray, workers, by default as many as fit.")
    ] = None,
    no_shortlist: NoShortlistOption = False,
    on_ray: Annotated[
        bool, Option("--ray", help="Distribute large files over Ray workers, and resume after an interruption.")
    ] = False,
    field: Annotated[
        list[str] | None,
        Option(
            help="Field with the text in .jsonl and .parquet, by default the language code or 'text'; column of .csv "
            "and .tsv or path in .json, by default all. May be repeated."
        ),
    ] = None,
    file_format: Annotated[
        str | None,
        Option("--format", help="Format of the file, such as docx; by default, from its extension; or lines."),
    ] = None,
    others: EnsembleOption = None,
    lm: Annotated[Path | None, Option(metavar="MODEL", help="Language model for shallow fusion or rescoring.")] = None,
    lm_weight: Annotated[
        float | None, Option(min=0, max=10, help=f"Weight of the language model; {DEFAULT_LM_WEIGHT} by default.")
    ] = None,
    rescore: Annotated[
        int,
        Option(min=0, max=64, help="Number of hypotheses that the language model rescores; 0 for shallow fusion."),
    ] = 0,
    groups: Annotated[int, Option(min=1, max=64, help="Number of groups of diverse beam search.")] = 1,
    prefix: Annotated[str, Option(help="Text that every translation begins with.")] = "",
    require: Annotated[list[str] | None, Option(help="Phrase that translations contain; may be repeated.")] = None,
    ban: Annotated[list[str] | None, Option(help="Word that no translation contains; may be repeated.")] = None,
    glossary: Annotated[
        Path | None, Option(metavar="FILE", help="Terms to use: .tsv, .csv or .tbx with source and target terms.")
    ] = None,
    protect: Annotated[list[str] | None, Option(help="Phrase to copy unchanged; may be repeated.")] = None,
    protect_pattern: Annotated[
        list[str] | None, Option(metavar="REGEX", help="Pattern of text to copy unchanged; may be repeated.")
    ] = None,
    memory: Annotated[
        Path | None, Option(metavar="FILE", help="Translation memory to reuse; see nmt memory import.")
    ] = None,
    localise_numbers: Annotated[
        bool, Option("--localise-numbers", help="Write numbers as is usual in the target language.")
    ] = False,
    min_confidence: Annotated[
        float, Option(min=0, max=1, help="Leave text untranslated if the confidence is below this value.")
    ] = 0.0,
    no_split: Annotated[bool, Option("--no-split", help="Translate each line as a single sentence.")] = False,
    no_repeat_ngram: Annotated[int, Option(min=0, max=1000, help="Forbid repeated n-grams of this many tokens.")] = 0,
    sample: Annotated[bool, Option("--sample", help="Sample translations instead of searching for the best.")] = False,
    temperature: Annotated[
        float | None, Option(min=0.01, max=100, help="Sampling temperature; lower is more conservative; 1 by default.")
    ] = None,
    top_k: Annotated[
        int | None, Option(min=1, max=1_000_000, help="Sample from this number of likeliest tokens; all by default.")
    ] = None,
    top_p: Annotated[
        float | None,
        Option(min=0.001, max=1, help="Sample from the likeliest tokens up to this probability; 1 by default."),
    ] = None,
    seed: Annotated[
        int | None, Option(min=0, max=2**31 - 1, help="Random seed; equal seeds sample equal translations.")
    ] = None,
) -> None:
    """Translate text, one output line per input line, or a document."""
    if n_best > 1 and not as_json:
        raise UsageError("--n-best: several translations per line need JSON output; add --json")
    sampling = {"--temperature": temperature, "--top-k": top_k, "--top-p": top_p, "--seed": seed}
    refuse_options_unless(sample, "applies only to sampling; add --sample, or remove", sampling)
    lm_options = {"--rescore": rescore or None, "--lm-weight": lm_weight}
    refuse_options_unless(lm is not None, "needs a language model; add --lm, or remove", lm_options)
    if rescore and sample:
        raise UsageError("--rescore: does not work with sampling; remove --sample")
    if lm and on_ray:
        raise UsageError("--lm: does not work with --ray; remove one of the two")
    if memory and on_ray:
        raise UsageError("--memory: does not work with --ray; remove one of the two")
    if on_ray and not (files and output):
        raise UsageError("--ray: needs input files and an output file; name files and -o")
    document = _find_document(files or (), file_format, output, field)
    if document:
        _check_document_options(document, files or (), output, {"--json": as_json, "--ray": on_ray})
    else:
        has_fields = any(content_suffix(file) in RECORD_SUFFIXES for file in files or ())
        kinds = " and ".join(RECORD_SUFFIXES)
        refuse_options_unless(has_fields, f"applies only to {kinds} files; name one, or remove", {"--field": field})
    translator = Translator.load(
        model, threads=threads or 1, shortlist=not no_shortlist, ensemble=others or (), language_model=lm,
        lm_weight=DEFAULT_LM_WEIGHT if lm_weight is None else lm_weight, rescore=rescore,
    )  # fmt: skip
    with direction_options():
        languages = translator.choose_languages(source_language, target_language)
    changes: dict[str, Any] = {"num_beam_groups": groups, "no_repeat_ngram_size": no_repeat_ngram}
    changes["return_attention"] = as_json or document is not None  # plain text has no use for it
    if sample:
        changes |= {"sampling_temperature": temperature or 1.0, "sampling_topk": top_k or 0}
        changes |= {"sampling_topp": top_p or 1.0, "seed": seed or 0}
    try:
        options = dataclasses.replace(
            translator.decoding_options,
            target_prefix=translator.target_ids(prefix),
            force_phrases=tuple(map(translator.force_phrase_ids, require or ())),
            bad_phrases=tuple(ids for phrase in ban or () for ids in translator.bad_phrase_ids(phrase)),
            **changes,
        )
    except ValueError as error:
        raise UsageError(str(error)) from None
    output_format = _output_format(as_json, output, languages)
    models = tuple(locate_model_directory(path).resolve() for path in (model, *(others or ())))
    text_options = TextOptions(
        protected_phrases=tuple(protect or ()),
        protected_patterns=tuple(protect_pattern or ()),
        terms=_read_terms(glossary, languages) if glossary else None,
        localise_numbers=localise_numbers,
        split_sentences=not no_split,
        min_confidence=min_confidence,
        find_signals=as_json,
    )
    _ = text_options.protector  # raises for an invalid pattern
    job = TranslationJob(
        models, beam_size, n_best - 1, options, not no_shortlist, output_format, text_options, languages, memory
    )
    fields = tuple(field or (name for name in (languages[0], "text") if name))
    untranslated = _UntranslatedCounter()
    if document:
        translate_document(document, job, translator, untranslated.count)
    elif on_ray and files and output:
        with requires_extra("ray", "nmt translate --ray"):
            from nmt.bulk.job import translate_files
        translate_files(job, files, fields, output, threads)
    else:
        texts = _read_files(files, fields) if files else read_stdin()
        # A regular file never pauses, so it needs no thread that reads ahead.
        is_regular = bool(files) and all(file.is_file() for file in files or ())
        batches = [texts] if is_regular else batches_as_available(texts, _MAX_BATCH)
        write_batches((job.translate_lines(translator, batch, untranslated.count) for batch in batches), output)
    if min_confidence and not on_ray:
        unit = "sentences" if document else "lines"
        print(f"nmt: {untranslated.num_left} of {untranslated.num_all} {unit} were left untranslated", file=sys.stderr)


class _UntranslatedCounter:
    """Counter of the texts that were left untranslated because of their low confidence."""

    def __init__(self) -> None:
        self.num_all = self.num_left = 0

    def count(self, translation: Translation) -> None:
        """Count a translation."""
        self.num_all += 1
        self.num_left += translation.left_untranslated


def _find_document(
    files: Sequence[Path], file_format: str | None, output: Path | None, fields: Sequence[str] | None
) -> DocumentJob | None:
    """Return the first file that is a document."""
    for path in files:
        if (format_ := choose_format(path, file_format)) is not None:
            reason = f"does not apply to the format {format_.name}; remove"
            refuse_options_unless(format_.has_fields, reason, {"--field": fields or None})
            return DocumentJob(path, output, format_, tuple(fields or ()))
    return None


def _check_document_options(
    job: DocumentJob, files: Sequence[Path], output: Path | None, line_options: dict[str, bool]
) -> None:
    """Raise UsageError if there are other files, or options that apply only to lines of text."""
    document = job.path
    if len(files) > 1:
        raise UsageError(f"{document}: documents are translated one at a time; name no other file")
    reason = f"applies only to lines, and {document} is a document; remove"
    refuse_options_unless(False, reason, line_options)
    if output and output.suffix.lower() == ".jsonl":
        raise UsageError(
            f"{output}: a .jsonl file holds pairs of lines, and {document} is a document; "
            f"name a file that ends in {document.suffix}"
        )


def _read_terms(glossary: Path, languages: tuple[str | None, str]) -> TermList:
    """Return the terms of a glossary file. Raises UsageError if the source language is not given."""
    source, target = languages
    if source is None:
        raise UsageError("--glossary: terms are of one source language; name it with --from")
    return TermList(read_terms(glossary, source, target), source, target)


def _output_format(as_json: bool, output: Path | None, languages: tuple[str | None, str]) -> OutputFormat:
    """Return the format of output lines. Raises UsageError if sentence pairs would not have two different fields."""
    if as_json or not output or output.suffix.lower() != ".jsonl":
        return "json" if as_json else "text"
    if languages[0] is None:
        raise UsageError(f"{output}: pairs are named by their languages; name the source language with --from")
    if languages[0] == languages[1]:
        raise UsageError(
            f"{output}: pairs need different names for both sides, and both are {languages[0]}; "
            "name a file that ends in .txt, or add --json"
        )
    return "pairs"


def _read_files(files: Sequence[Path], fields: Sequence[str]) -> Iterator[str]:
    """Return the texts of files, after reading them once: errors in the last file are raised before any work."""
    for file in files:
        if file != STDIN and (file.is_file() or not file.exists()):  # pipes can be read only once
            deque(read_texts(file, fields), maxlen=0)
    return chain.from_iterable(read_texts(file, fields) for file in files)
