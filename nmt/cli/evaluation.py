"""The commands ``nmt evaluate``, ``nmt compare`` and ``nmt score``."""

from __future__ import annotations

import dataclasses
import itertools
import json
import time
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from nmt.cli.options import (
    BeamOption,
    EnsembleOption,
    FromOption,
    JsonOption,
    ModelArgument,
    NoShortlistOption,
    OutputOption,
    ThreadsOption,
    ToOption,
    direction_options,
)
from nmt.cli.streams import write_lines
from nmt.inference.translator import Translator

_MAX_BATCH = 2000  # pairs that are scored together, so that files may be larger than memory


def evaluate(
    model: ModelArgument,
    source: Annotated[Path, Option(help="Text to translate, one sentence per line.")],
    reference: Annotated[Path, Option(help="Reference translation, line by line.")],
    source_language: FromOption = None,
    target_language: ToOption = None,
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
    with direction_options():
        languages = translator.choose_direction(source_language, target_language)
    metrics.sacrebleu_metrics(languages[1])  # raises errors about missing packages before the work
    began = time.perf_counter()
    results = translator.translate(
        [text for text, _ in pairs], source=languages[0], target=languages[1], beam_size=beam_size
    )
    seconds = time.perf_counter() - began
    translations, references = [result.text for result in results], [text for _, text in pairs]
    scores = metrics.score_translations(translations, references, languages[1])
    result = {**scores, "sentences_per_second": round(len(pairs) / seconds, 1)}
    if as_json:
        typer.echo(json.dumps(result))
        return
    for name, score in scores.items():
        typer.echo(f"{name:5} {score['score']:6.2f} ± {score['ci']:.2f}   {score['signature']}")
    typer.echo(f"{result['sentences_per_second']} sentences/s")


def compare(
    systems: Annotated[list[Path], Argument(metavar="SYSTEM", help="Files to compare; the first is the baseline.")],
    reference: Annotated[Path, Option(help="Reference translation, line by line.")],
    target_language: Annotated[
        str | None,
        Option(help="Language code, which selects BLEU's tokeniser for zh, ja and ko; en by default."),
    ] = None,
    samples: Annotated[
        int | None, Option(min=1, help="Number of samples; by default 1,000 bootstrap and 10,000 randomised ones.")
    ] = None,
    seed: Annotated[int, Option(min=1, max=2**31 - 1, help="Random seed; equal seeds give equal p-values.")] = 12345,
    as_json: JsonOption = False,
) -> None:
    """Test whether the scores of systems differ significantly from the baseline's, with sacreBLEU's paired tests."""
    from nmt.evaluation import significance

    result = significance.compare_files(reference, systems, target_language, samples, seed)
    lines = [json.dumps(result, ensure_ascii=False)] if as_json else significance.format_comparison(result)
    write_lines(lines, None)


def score(
    model: ModelArgument,
    source: Annotated[Path, Option(help="Source text, one sentence per line.")],
    target: Annotated[Path, Option(help="Translation to score, line by line.")],
    source_language: FromOption = None,
    target_language: ToOption = None,
    output: OutputOption = None,
    as_json: Annotated[
        bool, Option("--json", help="Print a JSON object per line, with score, number of tokens and alignment.")
    ] = False,
    threads: ThreadsOption = 1,
) -> None:
    """Print the log-probability of given translations, for reranking and filtering."""
    from nmt.corpus.parallel_corpus import read_parallel_files

    translator = Translator.load(model, threads=threads, shortlist=False)
    pairs = iter(read_parallel_files(source, target))
    batches = iter(lambda: list(itertools.islice(pairs, _MAX_BATCH)), [])
    with direction_options():
        languages = translator.choose_direction(source_language, target_language)
    scores = (s for batch in batches for s in translator.score(batch, source=languages[0], target=languages[1]))
    write_lines((json.dumps(dataclasses.asdict(s)) if as_json else f"{s.score:.6f}" for s in scores), output)
