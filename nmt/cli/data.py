"""The command ``nmt data check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from nmt.config.data import CorpusSpec
from nmt.corpus.checking.cleaning import parse_split, write_parts
from nmt.corpus.checking.data_set import DataCheck, check_data_set, corpora_of_files
from nmt.corpus.checking.problems import PROBLEM_KINDS, format_lines
from nmt.utils.errors import UsageError

FilesArgument = Annotated[
    list[Path],
    Argument(metavar="FILE", help="Parallel text: a .tsv, .csv, .jsonl, .json, .tmx or .xlf file, or two plain files."),
]
SourceOption = Annotated[
    str | None, Option("--from", metavar="CODE", help="Source language; by default, identified from names and text.")
]
TargetOption = Annotated[
    str | None, Option("--to", metavar="CODE", help="Target language; by default, identified from names and text.")
]
DevOption = Annotated[Path | None, Option(metavar="FILE", help="Dev corpus: one file, or prefix of two files.")]
TestOption = Annotated[Path | None, Option(metavar="FILE", help="Test corpus: one file, or prefix of two files.")]

data_app = typer.Typer(help="Check parallel text.", no_args_is_help=True)


@data_app.callback()
def _describe() -> None:
    """Check parallel text."""


@data_app.command()
def check(
    files: FilesArgument,
    source: SourceOption = None,
    target: TargetOption = None,
    dev: DevOption = None,
    test: TestOption = None,
    fix: Annotated[Path | None, Option(metavar="OUT", help="Directory in which to write the cleaned text.")] = None,
    split: Annotated[
        str | None, Option(metavar="SIZES", help="Parts to split off the training text, such as dev=500,test=500.")
    ] = None,
    report: Annotated[Path | None, Option(metavar="PAGE", help="HTML page to write, with examples.")] = None,
) -> None:
    """Find all problems of parallel text, with line numbers; a recipe may be named instead of files."""
    if split and not fix:
        raise UsageError("--split: needs a directory to write to; add --fix OUT")
    sizes = parse_split(split) if split else {}
    data = check_files(files, source, target, dev, test)
    print_problems(data)
    if report:
        from nmt.evaluation.data_report import write_data_report

        write_data_report(report, data)
        typer.echo(f"Report: {report}")
    if fix:
        counts = write_parts(data.cleaned_parts(sizes), fix, data.source, data.target)
        sizes_text = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        typer.echo(f"Cleaned text: {fix} ({sizes_text} pairs)")


def check_files(
    files: list[Path], source: str | None, target: str | None, dev: Path | None, test: Path | None
) -> DataCheck:
    """Check the corpora of a command line, or those of a recipe. Raises UsageError for a multilingual recipe."""
    if len(files) == 1 and files[0].suffix in {".yaml", ".yml"}:
        return _check_recipe(files[0])
    roles: dict[str, list[CorpusSpec]] = {"train": corpora_of_files(files)}
    roles |= {role: [str(path)] for role, path in (("dev", dev), ("test", test)) if path}
    return check_data_set(roles, source, target)


def _check_recipe(path: Path) -> DataCheck:
    from nmt.config.loading import load_translator_recipe

    directions = load_translator_recipe(path).data.all_directions
    if len(directions) > 1:
        raise UsageError(f"{path}: has several directions; check the files of each direction")
    direction = directions[0]
    corpora = {
        "train": [weighted.corpus for weighted in direction.train],
        "dev": [direction.dev] if direction.dev else [],
        "test": [direction.test] if direction.test else [],
    }
    return check_data_set(corpora, direction.source, direction.target)


def print_problems(data: DataCheck) -> None:
    """Print a table of the problems of each corpus."""
    typer.echo(f"{data.source} → {data.target}, {data.num_pairs:,} pairs")
    for role, checks in data.checks.items():
        for result in checks:
            pairs, problems = len(result.corpus.pairs), len(result.problems)
            typer.echo(f"{role}: {result.corpus.name}: {pairs:,} pairs, {problems:,} with a problem")
            for kind, lines in result.lines_by_kind.items():
                description, remedy = PROBLEM_KINDS[kind]
                typer.echo(f"  {len(lines):>7,}  {remedy:<6}  {description}: line {format_lines(lines)}")
