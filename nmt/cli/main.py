"""The ``nmt`` command: parse, call one function, print."""

from __future__ import annotations

import dataclasses
import itertools
import json
import signal
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, Annotated, Any, Literal

import typer

from nmt.corpus.text_files import RECORD_SUFFIXES, read_texts
from nmt.inference.documents.files import is_document, translate_document
from nmt.inference.job import OutputFormat, TranslationJob
from nmt.inference.translator import DEFAULT_LM_WEIGHT, Translator
from nmt.utils.errors import CarouselError, UsageError, missing_extra
from nmt.utils.signals import exit_on_signal

app = typer.Typer(
    help="Train LSTM translators, score them, and serve them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

lab = typer.Typer(help="Demonstrations of the laboratory.", no_args_is_help=True)
app.add_typer(lab, name="lab")

Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A model directory or a run directory.")]
Threads = Annotated[int, typer.Option(min=1, help="CPU threads.")]
Beam = Annotated[int | None, typer.Option(min=1, max=64, help="Hypotheses kept open; the model's own by default.")]
NoShortlist = Annotated[bool, typer.Option("--no-shortlist", help="Let every sentence see the whole vocabulary.")]
Others = Annotated[
    list[Path] | None, typer.Option("--with", metavar="MODEL", help="Translate together with this model too.")
]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="Write here instead of to stdout.")]


@app.command()
def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A recipe, such as configs/demo.yaml.")],
    overrides: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Keys to override.")] = None,
    out: Annotated[Path | None, typer.Option(help="The run directory; runs/<recipe's name> by default.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run in the directory stopped.")] = False,
    start: Annotated[
        Path | None,
        typer.Option("--from", metavar="MODEL", help="Go on from its weights, with its tokenizer."),
    ] = None,
) -> None:
    """Train a model by a recipe."""
    from nmt.config.loading import load_recipe
    from nmt.config.schema import LanguageModelRecipe
    from nmt.model_directory.directory import read_model_directory

    with _needing("train", "nmt train"):
        from nmt.training import finetuning, session
    origin = read_model_directory(start) if start else None
    defaults = {"tokenizer": finetuning.parent_tokenizer_config(origin).model_dump()} if origin else None
    recipe = load_recipe(config, overrides or [], defaults)
    if start and isinstance(recipe, LanguageModelRecipe):
        raise UsageError("--from: a language model takes no weights; its recipe names a tokenizer as tokenizer.model")
    outcome = session.train(recipe, out or Path("runs") / config.stem, resume, origin)
    for name, metrics in outcome.scores.items():
        for metric, value in metrics.items():
            more = _of_task(value) if metric == "exact" else f" ± {value['ci']:.2f}" if "ci" in value else ""
            typer.echo(f"{name}: {metric} {value['score']:.2f}{more}   {value['signature']}")
    if outcome.finished and outcome.model:
        typer.echo(f"Model: {outcome.model}")


@app.command()
def translate(
    model: Model,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE", help="Text, a sentence a line, .jsonl, .parquet, or one .html; stdin by default."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Write here instead of to stdout; .jsonl holds pairs, for training."),
    ] = None,
    beam: Beam = None,
    n_best: Annotated[int, typer.Option(min=1, max=64, help="Translations a line; needs --json.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="An object a line, with scores and alignment.")] = False,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads, 1 by default; with --ray workers, all there is room for.")
    ] = None,
    no_shortlist: NoShortlist = False,
    on_ray: Annotated[
        bool, typer.Option("--ray", help="Share the work of large files among Ray's workers; goes on where it stopped.")
    ] = False,
    field: Annotated[
        str | None,
        typer.Option(help="Where the text of JSON and parquet is; the source language or 'text' by default."),
    ] = None,
    others: Others = None,
    lm: Annotated[
        Path | None, typer.Option(metavar="MODEL", help="A language model that has a say in every step of the search.")
    ] = None,
    lm_weight: Annotated[
        float | None, typer.Option(min=0, max=10, help=f"Of its log-probabilities; {DEFAULT_LM_WEIGHT} by default.")
    ] = None,
    rescore: Annotated[
        int, typer.Option(min=0, max=64, help="Let it choose among so many finished translations instead.")
    ] = 0,
    groups: Annotated[
        int, typer.Option(min=1, max=64, help="Parts of the beam that keep apart, so that --n-best differ.")
    ] = 1,
    prefix: Annotated[str, typer.Option(help="What every translation begins with.")] = "",
    require: Annotated[list[str] | None, typer.Option(help="A phrase that every translation holds.")] = None,
    ban: Annotated[
        list[str] | None, typer.Option(help="A word, or signs, to keep out, as far as spelt in its own pieces.")
    ] = None,
    no_repeat_ngram: Annotated[
        int, typer.Option(min=0, max=1000, help="So many pieces in a row never come twice.")
    ] = 0,
    sample: Annotated[bool, typer.Option("--sample", help="Draw translations instead of searching the best.")] = False,
    temperature: Annotated[
        float | None, typer.Option(min=0.01, max=100, help="Of --sample: below 1 is safer, above wilder.")
    ] = None,
    top_k: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help="Of --sample: among so many likeliest pieces.")
    ] = None,
    top_p: Annotated[
        float | None, typer.Option(min=0.001, max=1, help="Of --sample: among the likeliest of that probability.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**31 - 1, help="Of --sample: equal seeds draw equally.")
    ] = None,
) -> None:
    """Translate text, one line out for each line in, or a document."""
    if n_best > 1 and not as_json:
        raise UsageError("--n-best: more than one translation a line needs --json")
    if on_ray and not (files and output):
        raise UsageError("--ray: works from files to a file; name them, and -o")
    drawing = {"--temperature": temperature, "--top-k": top_k, "--top-p": top_p, "--seed": seed}
    given = [option for option, value in drawing.items() if value is not None]
    if given and not sample:
        raise UsageError(f"{given[0]}: says how to draw; it goes with --sample")
    sampling: dict[str, Any] = {
        "sampling_temperature": 1.0 if temperature is None else temperature,
        "sampling_topk": top_k or 0,
        "sampling_topp": 1.0 if top_p is None else top_p,
        "seed": seed or 0,
    }
    if lm is None and (lm_weight is not None or rescore):
        raise UsageError(f"--{'rescore' if rescore else 'lm-weight'}: is about a language model; it goes with --lm")
    if rescore and sample:
        raise UsageError("--rescore: chooses among translations that were searched; leave --sample out")
    if field and not any(file.suffix in RECORD_SUFFIXES for file in files or ()):
        raise UsageError(f"--field: is about {' and '.join(RECORD_SUFFIXES)} files; name one")
    if lm and on_ray:
        raise UsageError("--lm: does not go with --ray; leave one of them out")
    document = _document(files or (), output, {"--json": as_json, "--ray": on_ray})
    translator = Translator.load(
        model,
        threads=threads or 1,
        shortlist=not no_shortlist,
        ensemble=others or (),
        language_model=lm,
        lm_weight=DEFAULT_LM_WEIGHT if lm_weight is None else lm_weight,
        rescore=rescore,
    )
    try:
        options = dataclasses.replace(
            translator.decoding_options,
            return_attention=as_json or document is not None,  # lines of text have no use for it
            num_beam_groups=groups,
            target_prefix=translator.target_ids(prefix),
            force_phrases=tuple(map(translator.phrase_ids, require or ())),
            bad_phrases=tuple(ids for phrase in ban or () for ids in translator.banned_ids(phrase)),
            no_repeat_ngram_size=no_repeat_ngram,
            **(sampling if sample else {}),
        )
    except ValueError as error:
        raise UsageError(str(error)) from None
    form: OutputFormat = "json" if as_json else "pairs" if output and output.suffix == ".jsonl" else "text"
    if form == "pairs" and translator.source_language == translator.target_language:
        language = translator.source_language
        raise UsageError(
            f"{output}: pairs need names for both sides, and both are {language}; end it in .txt, or add --json"
        )
    models = tuple(path.resolve() for path in (model, *(others or ())))
    request = TranslationJob(models, beam, n_best - 1, options, not no_shortlist, form)
    fields = (field,) if field else (translator.source_language, "text")
    if document:
        # Lazily: whether there is a place for it is found before the work.
        _print((translate_document(page, request, translator) for page in [document]), output, end="")
        return
    if on_ray and files and output:
        _translate_on_ray(request, files, fields, output, threads)
        return
    for file in files or ():  # what is wrong with the last one is said before the first is translated
        if file.is_file() or not file.exists():  # else it can be read only once
            deque(read_texts(file, fields), maxlen=0)
    texts = itertools.chain.from_iterable(read_texts(file, fields) for file in files) if files else _stdin()
    if not files and sys.stdin.isatty():  # somebody waits for each answer
        _print(itertools.chain.from_iterable(request.translate_lines(translator, [text]) for text in texts), output)
    else:
        _print(request.translate_lines(translator, texts), output)


@app.command()
def evaluate(
    model: Model,
    source: Annotated[Path, typer.Option(help="Text to translate, a sentence a line.")],
    reference: Annotated[Path, typer.Option(help="Its translation, line by line.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    beam: Beam = None,
    threads: Threads = 1,
    no_shortlist: NoShortlist = False,
    others: Others = None,
) -> None:
    """Score a model's translations of a file with sacreBLEU."""
    from nmt.corpus.parallel_corpus import read_parallel_files
    from nmt.evaluation import metrics

    pairs = list(read_parallel_files(source, reference))
    translator = Translator.load(model, threads=threads, shortlist=not no_shortlist, ensemble=others or ())
    metrics.sacrebleu_metrics(translator.target_language)  # what is not there is said before all is translated
    began = time.perf_counter()
    translations = translator.translate([text for text, _ in pairs], beam=beam)
    seconds = time.perf_counter() - began
    scores = metrics.evaluate([t.text for t in translations], [text for _, text in pairs], translator.target_language)
    result = {**scores, "sentences_per_second": round(len(pairs) / seconds, 1)}
    if as_json:
        typer.echo(json.dumps(result))
        return
    for name, score in scores.items():
        typer.echo(f"{name:5} {score['score']:6.2f} ± {score['ci']:.2f}   {score['signature']}")
    typer.echo(f"{result['sentences_per_second']} sentences/s")


@app.command()
def compare(
    systems: Annotated[
        list[Path], typer.Argument(metavar="SYSTEM", help="Translated files, a sentence a line; the baseline first.")
    ],
    reference: Annotated[Path, typer.Option(help="What they should be, line by line.")],
    target_language: Annotated[
        str | None, typer.Option(help="Its code chooses BLEU's tokeniser: zh, ja and ko have their own; en by default.")
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, help="Of each test; 1,000 resamples and 10,000 randomised trials by default.")
    ] = None,
    seed: Annotated[int, typer.Option(min=1, max=2**31 - 1, help="Equal seeds give equal p-values.")] = 12345,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell whether systems differ from the first one by more than chance: sacreBLEU's paired tests."""
    from nmt.evaluation import significance

    result = significance.compare_files(reference, systems, target_language, samples, seed)
    _print(iter([json.dumps(result, ensure_ascii=False)]) if as_json else significance.format_comparison(result), None)


@app.command()
def score(
    model: Model,
    source: Annotated[Path, typer.Option(help="Text, a sentence a line.")],
    target: Annotated[Path, typer.Option(help="A translation of it, line by line.")],
    output: Output = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="An object a line: score, number of tokens, alignment.")
    ] = False,
    threads: Threads = 1,
) -> None:
    """Print the log-probability of each given translation, for rescoring and filtering."""
    from nmt.corpus.parallel_corpus import read_parallel_files

    translator = Translator.load(model, threads=threads, shortlist=False)
    pairs = read_parallel_files(source, target)
    scores = (score for window in _windows(pairs) for score in translator.score(window))
    _print((json.dumps(dataclasses.asdict(s)) if as_json else f"{s.score:.6f}" for s in scores), output)


@app.command()
def export(
    model: Model,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The model directory to write.")],
    quantize: Annotated[Literal["fp32", "int8"], typer.Option(help="Precision of the weights.")] = "fp32",
    shortlist: Annotated[bool, typer.Option("--shortlist", help="Include the shortlist.")] = False,
) -> None:
    """Write a model directory for serving: small, and without what only training needs."""
    from nmt.model_directory.directory import check_replaceable, read_model_directory

    with _needing("train", "nmt export"):
        from nmt.engine.onnx.export import export_model
    bundle = read_model_directory(model)
    check_replaceable(out)
    export_model(bundle, out, quantize, shortlist)
    typer.echo(f"Model: {out} ({_megabytes(out)} MB)")


@app.command()
def study(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A study, as configs/lab/cells-translation.yaml.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Keys of the recipe to override in all runs.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Its folder; runs/<study's name> by default.")] = None,
    jobs: Annotated[int, typer.Option(min=1, max=1024, help="Runs at once, each on one thread.")] = 1,
) -> None:
    """Train a recipe in many settings and compare them; what has finished before is not trained again."""
    with _needing("train", "nmt study"):
        from nmt.lab.sweep.plan import load_sweep
        from nmt.lab.sweep.runner import run_sweep
    folder = out or Path("runs") / config.stem
    outcome = run_sweep(load_sweep(config, overrides or []), folder, jobs, typer.echo)
    if outcome.stopped:
        typer.echo("Stopped; the same command goes on")
        return
    if outcome.results:
        typer.echo((folder / "table.md").read_text(encoding="utf-8").rstrip())
    if outcome.failures:
        raise CarouselError(f"{folder}: runs that failed: {len(outcome.failures)}; the same command tries them again")


@app.command()
def serve(
    models: Annotated[
        list[Path] | None, typer.Argument(metavar="MODEL", help="Model directories; NMT_MODELS by default.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; NMT_HOST or 127.0.0.1 by default.")] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port, 0 for a free one; NMT_PORT or 5000 by default."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Validate settings and models, and exit.")] = False,
) -> None:
    """Serve models over HTTP."""
    with _needing("serve", "nmt serve"):
        from serve import server
    raise typer.Exit(server.run(models or (), host=host, port=port, check=check))


@app.command()
def generate(
    model: Model,
    prompt: Annotated[str, typer.Option(help="What the text begins with.")] = "",
    temperature: Annotated[
        float, typer.Option(min=0, max=100, help="Below 1 is safer, above wilder; 0 takes the likeliest piece.")
    ] = 1.0,
    length: Annotated[int, typer.Option(min=1, max=1_000_000, help="Pieces to write, line ends counted.")] = 200,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Equal seeds write equal text.")] = 0,
    output: Output = None,
) -> None:
    """Write text with a language model."""
    with _needing("train", "nmt generate"):
        from nmt.lab.text_generation import TextGenerator
    text = TextGenerator.load(model).generate(prompt, length, temperature, seed)
    _print(iter([text]), output)


@app.command("inspect")
def inspect_(
    model: Model,
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="What to translate; a language model reads it, line by line.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="What to write of it, by its ending: .html, .npz or .json.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="A translation to look at instead of the model's own.")] = None,
    beam: Beam = None,
    corpus: Annotated[
        Path | None,
        typer.Option(help="Text, or .tsv pairs of a translator: search for the units that follow a signal over it."),
    ] = None,
    signal: Annotated[
        list[str] | None,
        typer.Option(help="Of --corpus: such as position, count:X, next:X; the plain ones by default."),
    ] = None,
    top: Annotated[int | None, typer.Option(min=1, help="Of --corpus: units a signal; 3 by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Of --corpus: print the units as JSON.")] = False,
) -> None:
    """Look inside a translation or a text: gates, states, attention and the search; or find units by what they do."""
    with _needing("train", "nmt inspect"):
        from nmt.lab.inspect.model import load_inspectable_model
        from nmt.lab.inspect.neuron_search import find_neurons
        from nmt.lab.inspect.neuron_table import print_matches
        from nmt.lab.inspect.output import check_output_format, open_writer
        from nmt.lab.inspect.probes import parse_signals
    if (text is None) != (output is None) or (text is None and corpus is None):
        raise UsageError("nmt inspect: name a TEXT and with -o what to write of it, or a --corpus, or both")
    _refuse_without(corpus, "a --corpus", {"--signal": signal, "--top": top, "--json": as_json})
    _refuse_without(text, "a TEXT", {"--target": target, "--beam": beam})
    if target is not None and beam is not None:
        raise UsageError("--beam: a translation that --target gives is not searched for; leave one of them out")
    if output:
        check_output_format(output)
    loaded = load_inspectable_model(model, target, beam)
    wanted = parse_signals(signal or (), loaded.languages)
    with open_writer(output) if output else nullcontext() as write:
        inspection = loaded.inspect(text) if text is not None else None
        findings = find_neurons(loaded.trace_corpus(corpus), wanted, top or 3) if corpus else None
        if findings is not None and as_json:
            typer.echo(json.dumps([each.as_dict() for each in findings], ensure_ascii=False))
        elif findings is not None:
            print_matches(findings)
        if inspection and write:
            write(inspection, findings)
    if inspection:
        if inspection.warning:
            typer.echo(f"nmt: {inspection.warning}", err=True)
        typer.echo(inspection.summary, err=as_json)
        typer.echo(f"Written: {output}", err=as_json)


def _refuse_without(given: object, what: str, options: dict[str, object]) -> None:
    """Refuse options that are about what was not given."""
    for option, value in options.items():
        if given is None and value is not None and value is not False:
            raise UsageError(f"{option}: is about {what}, and there is none; name one, or leave it out")


@lab.command()
def gradients(
    output: Annotated[Path, typer.Option("-o", "--output", help="The page to write.")],
    distances: Annotated[
        list[int] | None, typer.Option("--distance", min=1, max=1000, help="Steps between symbol and answer.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Equal seeds give equal pages.")] = 1,
) -> None:
    """Show how gradients vanish in a plain RNN and not in an LSTM."""
    with _needing("train", "nmt lab gradients"):
        from nmt.lab.vanishing_gradients import write_page
    steps = sorted(set(distances or (10, 20, 40, 80, 160)))
    write_page(output, steps, seed, typer.echo)
    typer.echo(f"Page: {output}")


def main() -> None:
    """Run the command line; a user's mistake costs one line on stderr, not a traceback."""
    # So that a command which has no better idea leaves nothing half-written behind, and ends even as a container's
    # first process, for which the system has no answer of its own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        app()
    except CarouselError as error:
        print(f"nmt: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    except OSError as error:  # a full device or a vanished disk, beyond what is told apart where it happens
        print(f"nmt: {error.filename or 'output'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(1)


@contextmanager
def _needing(extra: str, command: str) -> Iterator[None]:
    """Imports that the extra has to be installed for."""
    try:
        with exit_on_signal():
            yield
    except ModuleNotFoundError as error:
        ours = (error.name or "").split(".")[0] in {"nmt", "serve"} and error.name != "serve"
        raise error if ours else missing_extra(extra, command) from None


def _of_task(exact: dict[str, Any]) -> str:
    """What else is told of the exact match of a classic task."""
    new = exact["new"]
    honest = "all questions were in training"
    if new["questions"]:
        honest = f"{new['score']:.2f} of {new['questions']:,} questions that were not in training"
    return f" ({honest}), all right to length {exact['right_to']}"


def _megabytes(folder: Path) -> float:
    return round(sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6, 1)


def _stdin() -> Iterator[str]:
    from nmt.corpus.text_files import decode_lines

    return decode_lines(sys.stdin.buffer, "stdin")


def _translate_on_ray(
    request: TranslationJob, files: Sequence[Path], fields: Sequence[str], output: Path, workers: int | None
) -> None:
    with _needing("ray", "nmt translate --ray"):
        from nmt.bulk.job import translate_files
    translate_files(request, files, fields, output, workers)


def _windows(pairs: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """A few thousand at a time, so that files may be larger than memory."""
    iterator = iter(pairs)
    while window := list(itertools.islice(iterator, 2000)):
        yield window


def _document(files: Sequence[Path], output: Path | None, of_lines: Mapping[str, bool]) -> Path | None:
    """The file that is a document, if one is: it is translated by itself, without the options for lines."""
    document = next(filter(is_document, files), None)
    if document is None:
        return None
    if len(files) > 1:
        raise UsageError(f"{document}: is a document, not lines; translate it by itself")
    for option, given in of_lines.items():
        if given:
            raise UsageError(f"{option}: is about lines, and {document} is a document; leave it out")
    if output and output.suffix == ".jsonl":
        raise UsageError(
            f"{output}: would hold pairs of lines, and {document} is a document; end it in {document.suffix}"
        )
    return document


def _print(lines: Iterator[str], output: Path | None, end: str = "\n") -> None:
    from nmt.utils.files import atomic_file

    if output is None:
        _write(lines, sys.stdout.buffer, end)
        return
    with atomic_file(output) as temporary, temporary.open("wb") as stream:
        _write(lines, stream, end)


def _write(lines: Iterator[str], stream: IO[bytes], end: str) -> None:
    at_once = stream.isatty()
    for line in lines:
        stream.write(f"{line}{end}".encode())
        if at_once:
            stream.flush()
    stream.flush()
