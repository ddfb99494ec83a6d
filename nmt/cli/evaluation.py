"""``nmt evaluate``, ``nmt compare`` and ``nmt score``."""

from __future__ import annotations

import dataclasses
import itertools
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from nmt.cli.options import (
    BeamOption,
    EnsembleOption,
    JsonOption,
    ModelArgument,
    NoShortlistOption,
    OutputOption,
    ThreadsOption,
)
from nmt.cli.streams import write_lines
from nmt.inference.translator import Translator

_MAX_BATCH = 2000  # pairs that are scored together, so that files may be larger than memory


def evaluate(
    model: ModelArgument,
    source: Annotated[Path, typer.Option(help="Text to translate, one sentence per line.")],
    reference: Annotated[Path, typer.Option(help="Reference translation, line by line.")],
    as_json: JsonOption = False,
    beam_size: BeamOption = None,
    threads: ThreadsOption = 1,
    no_shortlist: NoShortlistOption = False,
    others: EnsembleOption = None,
) -> None:
    """Translate a file and score the result against a reference with sacreBLEU."""
    from nmt.corpus.parallel_corpus import read_parallel_files
    from nmt.evaluation import metrics

    pairs = list(read_parallel_files(source, reference))
    translator = Translator.load(model, threads=threads, shortlist=not no_shortlist, ensemble=others or ())
    metrics.sacrebleu_metrics(translator.target_language)  # raises errors about missing packages before the work
    began = time.perf_counter()
    results = translator.translate([text for text, _ in pairs], beam_size=beam_size)
    seconds = time.perf_counter() - began
    translations, references = [result.text for result in results], [text for _, text in pairs]
    scores = metrics.score_translations(translations, references, translator.target_language)
    result = {**scores, "sentences_per_second": round(len(pairs) / seconds, 1)}
    if as_json:
        typer.echo(json.dumps(result))
        return
    for name, score in scores.items():
        typer.echo(f"{name:5} {score['score']:6.2f} ± {score['ci']:.2f}   {score['signature']}")
    typer.echo(f"{result['sentences_per_second']} sentences/s")


def compare(
    systems: Annotated[
        list[Path],
        typer.Argument(
            metavar="SYSTEM", help="Files with translations, one sentence per line; the first is the baseline."
        ),
    ],
    reference: Annotated[Path, typer.Option(help="Reference translation, line by line.")],
    target_language: Annotated[
        str | None,
        typer.Option(
            help="Code of the target language, which selects BLEU's tokeniser: zh, ja and ko have their own; "
            "en by default."
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of samples per test; by default 1,000 bootstrap resamples and 10,000 randomised trials."
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=1, max=2**31 - 1, help="Random seed; equal seeds give equal p-values.")
    ] = 12345,
    as_json: JsonOption = False,
) -> None:
    """Test whether the scores of systems differ significantly from the baseline's, with sacreBLEU's paired tests."""
    from nmt.evaluation import significance

    result = significance.compare_files(reference, systems, target_language, samples, seed)
    lines = [json.dumps(result, ensure_ascii=False)] if as_json else significance.format_comparison(result)
    write_lines(lines, None)


def score(
    model: ModelArgument,
    source: Annotated[Path, typer.Option(help="Source text, one sentence per line.")],
    target: Annotated[Path, typer.Option(help="Translation to score, line by line.")],
    output: OutputOption = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one JSON object per line, with score, number of tokens and alignment; by default the score.",
        ),
    ] = False,
    threads: ThreadsOption = 1,
) -> None:
    """Print the log-probability of given translations, for reranking and filtering."""
    from nmt.corpus.parallel_corpus import read_parallel_files

    translator = Translator.load(model, threads=threads, shortlist=False)
    scores = (score for batch in _batches(read_parallel_files(source, target)) for score in translator.score(batch))
    write_lines((json.dumps(dataclasses.asdict(s)) if as_json else f"{s.score:.6f}" for s in scores), output)


def _batches(pairs: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    iterator = iter(pairs)
    while batch := list(itertools.islice(iterator, _MAX_BATCH)):
        yield batch
