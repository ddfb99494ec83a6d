"""The commands ``nmt generate``, ``nmt inspect``, ``nmt study`` and ``nmt lab gradients``."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from nmt.cli.options import (
    BeamOption,
    FromOption,
    ModelArgument,
    OutputOption,
    ToOption,
    direction_options,
    refuse_options_unless,
    requires_extra,
)
from nmt.cli.streams import write_lines
from nmt.utils.errors import CarouselError, UsageError


def generate(
    model: ModelArgument,
    prompt: Annotated[str, Option(help="Text to continue; none by default.")] = "",
    temperature: Annotated[
        float,
        Option(min=0, max=100, help="Sampling temperature; lower is more conservative; 0 is greedy decoding."),
    ] = 1.0,
    length: Annotated[int, Option(min=1, max=1_000_000, help="Number of tokens to write, with line ends.")] = 200,
    seed: Annotated[int, Option(min=0, max=2**31 - 1, help="Random seed; equal seeds write equal text.")] = 0,
    output: OutputOption = None,
) -> None:
    """Generate text with a language model."""
    with requires_extra("train", "nmt generate"):
        from nmt.lab.text_generation import TextGenerator
    write_lines([TextGenerator.load(model).generate(prompt, length, temperature, seed)], output)


def inspect(
    model: ModelArgument,
    text: Annotated[
        str | None, Argument(metavar="TEXT", help="Text to translate, or to read line by line with a language model.")
    ] = None,
    output: Annotated[
        Path | None,
        Option("-o", "--output", help="File to write about TEXT; it ends in .html, .npz or .json."),
    ] = None,
    target: Annotated[str | None, Option(help="Translation of TEXT to inspect; by default the model's own.")] = None,
    beam_size: BeamOption = None,
    source_language: FromOption = None,
    target_language: ToOption = None,
    corpus: Annotated[
        Path | None, Option(help="Text file, or .tsv pairs for translators, to search for neurons that follow signals.")
    ] = None,
    signal: Annotated[
        list[str] | None, Option(help="With --corpus: signal, such as position, count:X or next:X; may be repeated.")
    ] = None,
    top: Annotated[int | None, Option(min=1, help="With --corpus: number of neurons per signal; default 3.")] = None,
    as_json: Annotated[bool, Option("--json", help="With --corpus: print the neurons as JSON.")] = False,
) -> None:
    """Inspect gates, cell states, attention and search of a translation, or find neurons that follow signals."""
    from nmt.lab.inspect.model import load_inspectable_model
    from nmt.lab.inspect.neuron_search import find_neurons
    from nmt.lab.inspect.neuron_table import print_matches
    from nmt.lab.inspect.output import check_output_format, open_writer
    from nmt.lab.inspect.probes import parse_signals

    if (text is None) != (output is None) or (text is None and corpus is None):
        raise UsageError("nmt inspect: nothing to do; name a TEXT and an output file with -o, or a --corpus, or both")
    corpus_options = {"--signal": signal, "--top": top, "--json": as_json}
    refuse_options_unless(corpus is not None, "applies only with --corpus; add --corpus, or remove", corpus_options)
    text_options = {"--target": target, "--beam": beam_size}
    refuse_options_unless(text is not None, "applies only with TEXT; add TEXT, or remove", text_options)
    if target is not None and beam_size is not None:
        raise UsageError("--beam: a given translation is not searched for; remove --beam or --target")
    if output:
        check_output_format(output)
    with direction_options():
        loaded = load_inspectable_model(model, target, beam_size, source_language, target_language)
    signals = parse_signals(signal or (), loaded.languages)
    with open_writer(output) if output else nullcontext() as write:
        inspection = loaded.inspect(text) if text is not None else None
        neurons = find_neurons(loaded.trace_corpus(corpus), signals, top or 3) if corpus else None
        if neurons is not None and as_json:
            typer.echo(json.dumps([each.as_dict() for each in neurons], ensure_ascii=False))
        elif neurons is not None:
            print_matches(neurons)
        if inspection and write:
            write(inspection, neurons)
    if inspection:
        if inspection.warning:
            typer.echo(f"nmt: {inspection.warning}", err=True)
        typer.echo(inspection.summary, err=as_json)
        typer.echo(f"Written: {output}", err=as_json)


def study(
    config: Annotated[Path, Argument(metavar="CONFIG", help="Study, such as configs/lab/cells-translation.yaml.")],
    overrides: Annotated[
        list[str] | None, Argument(metavar="KEY=VALUE", help="Recipe keys to override in all runs.")
    ] = None,
    out: Annotated[Path | None, Option(help="Folder of the runs; by default runs/ and the study's name.")] = None,
    jobs: Annotated[int, Option(min=1, max=1024, help="Number of parallel runs, each with one thread.")] = 1,
) -> None:
    """Train a recipe with many settings and compare the results; finished runs are not trained again."""
    with requires_extra("train", "nmt study"):
        from nmt.lab.sweep.plan import load_sweep
        from nmt.lab.sweep.runner import run_sweep
    folder = out or Path("runs") / config.stem
    outcome = run_sweep(load_sweep(config, overrides or []), folder, jobs, typer.echo)
    if outcome.stopped:
        typer.echo("Stopped; run the same command to continue")
        return
    if outcome.results:
        typer.echo((folder / "table.md").read_text(encoding="utf-8").rstrip())
    if outcome.failures:
        raise CarouselError(f"{folder}: failed runs: {len(outcome.failures)}; run the same command to try them again")


def gradients(
    output: Annotated[Path, Option("-o", "--output", help="HTML page to write.")],
    distances: Annotated[
        list[int] | None,
        Option("--distance", min=1, max=1000, help="Steps from symbol to answer; may be repeated."),
    ] = None,
    seed: Annotated[int, Option(min=0, max=2**31 - 1, help="Random seed; equal seeds write equal pages.")] = 1,
) -> None:
    """Show how gradients vanish in a plain RNN and not in an LSTM."""
    with requires_extra("train", "nmt lab gradients"):
        from nmt.lab.vanishing_gradients import write_gradient_page
    write_gradient_page(output, sorted(set(distances or (10, 20, 40, 80, 160))), seed, typer.echo)
    typer.echo(f"Page: {output}")
