"""``nmt generate``, ``nmt inspect``, ``nmt study`` and ``nmt lab``."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from nmt.cli.options import BeamOption, ModelArgument, OutputOption, requires_extra
from nmt.cli.streams import write_lines
from nmt.utils.errors import CarouselError, UsageError


def generate(
    model: ModelArgument,
    prompt: Annotated[str, typer.Option(help="Text to continue; none by default.")] = "",
    temperature: Annotated[
        float,
        typer.Option(
            min=0, max=100, help="Sampling temperature; lower is more conservative; 0 takes the most likely token."
        ),
    ] = 1.0,
    length: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Number of tokens to write, including line ends.")
    ] = 200,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Random seed; equal seeds write equal text.")] = 0,
    output: OutputOption = None,
) -> None:
    """Generate text with a language model."""
    with requires_extra("train", "nmt generate"):
        from nmt.lab.text_generation import TextGenerator
    write_lines([TextGenerator.load(model).generate(prompt, length, temperature, seed)], output)


def inspect(
    model: ModelArgument,
    text: Annotated[
        str | None,
        typer.Argument(metavar="TEXT", help="Text to translate; with a language model, text to read line by line."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File to write about TEXT; its suffix .html, .npz or .json is the format."),
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Translation of TEXT to inspect; by default the model's own.")
    ] = None,
    beam_size: BeamOption = None,
    corpus: Annotated[
        Path | None,
        typer.Option(
            help="Text file, for translators also .tsv pairs, in which to search for neurons that follow signals; "
            "none by default."
        ),
    ] = None,
    signal: Annotated[
        list[str] | None,
        typer.Option(
            help="With --corpus: signal, such as position, count:X or next:X; may be repeated; "
            "by default those without a parameter."
        ),
    ] = None,
    top: Annotated[
        int | None, typer.Option(min=1, help="With --corpus: number of neurons per signal; 3 by default.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --corpus: print the neurons as JSON instead of a table.")
    ] = False,
) -> None:
    """Inspect gates, cell states, attention and search of a translation, or find neurons that follow signals."""
    with requires_extra("train", "nmt inspect"):
        from nmt.lab.inspect.model import load_inspectable_model
        from nmt.lab.inspect.neuron_search import find_neurons
        from nmt.lab.inspect.neuron_table import print_matches
        from nmt.lab.inspect.output import check_output_format, open_writer
        from nmt.lab.inspect.probes import parse_signals
    if (text is None) != (output is None) or (text is None and corpus is None):
        raise UsageError("nmt inspect: nothing to do; name a TEXT and an output file with -o, or a --corpus, or both")
    _refuse_options_without("--corpus", corpus, {"--signal": signal, "--top": top, "--json": as_json})
    _refuse_options_without("TEXT", text, {"--target": target, "--beam": beam_size})
    if target is not None and beam_size is not None:
        raise UsageError("--beam: a given translation is not searched for; remove --beam or --target")
    if output:
        check_output_format(output)
    loaded = load_inspectable_model(model, target, beam_size)
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


def _refuse_options_without(name: str, value: object, options: dict[str, object]) -> None:
    """Raise UsageError if one of the options is given without the option or argument that it belongs to."""
    for option, given in options.items():
        if value is None and given is not None and given is not False:
            raise UsageError(f"{option}: applies only with {name}; add {name}, or remove {option}")


def study(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="Study file, such as configs/lab/cells-translation.yaml.")
    ],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Recipe keys to override in all runs.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the runs; by default runs/ and the study's name.")] = None,
    jobs: Annotated[int, typer.Option(min=1, max=1024, help="Number of parallel runs, each with one thread.")] = 1,
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
    output: Annotated[Path, typer.Option("-o", "--output", help="HTML page to write.")],
    distances: Annotated[
        list[int] | None,
        typer.Option(
            "--distance",
            min=1,
            max=1000,
            help="Number of steps between symbol and answer; may be repeated; 10, 20, 40, 80 and 160 by default.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Random seed; equal seeds write equal pages.")] = 1,
) -> None:
    """Show how gradients vanish in a plain RNN and not in an LSTM."""
    with requires_extra("train", "nmt lab gradients"):
        from nmt.lab.vanishing_gradients import write_gradient_page
    write_gradient_page(output, sorted(set(distances or (10, 20, 40, 80, 160))), seed, typer.echo)
    typer.echo(f"Page: {output}")
