"""Arguments and options that several commands share, and checks of options and optional packages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from nmt.inference.directions import DirectionError
from nmt.utils.errors import UsageError, missing_extra
from nmt.utils.signals import exit_on_signal

ModelArgument = Annotated[
    Path, Argument(metavar="MODEL", help="Model directory, run directory, or the built-in model `everyday`.")
]
ThreadsOption = Annotated[int, Option("--threads", min=1, help="Number of CPU threads.")]
BeamOption = Annotated[int | None, Option("--beam", min=1, max=64, help="Beam size; the model card has the default.")]
NoShortlistOption = Annotated[
    bool, Option("--no-shortlist", help="Search the whole vocabulary, not its likeliest part.")
]
EnsembleOption = Annotated[
    list[Path] | None, Option("--with", metavar="MODEL", help="Another model of an ensemble; may be repeated.")
]
FromOption = Annotated[
    str | None, Option("--from", metavar="CODE", help="Source language; needed if the model knows several.")
]
DetectedFromOption = Annotated[
    str | None, Option("--from", metavar="CODE", help="Source language; by default, that of each text is identified.")
]
ToOption = Annotated[
    str | None, Option("--to", metavar="CODE", help="Target language; needed if the model knows several.")
]
OutputOption = Annotated[Path | None, Option("-o", "--output", help="File to write; stdout by default.")]
JsonOption = Annotated[bool, Option("--json", help="Print JSON instead of text.")]


def refuse_options_unless(condition: bool, reason: str, options: Mapping[str, object]) -> None:
    """Raise UsageError for the first option that is neither None nor false, unless a condition holds.

    ``options`` are values by option name. ``reason`` ends in "remove", which the message completes with the name.
    """
    for name, value in options.items():
        if not condition and value is not None and value is not False:
            raise UsageError(f"{name}: {reason} {name}")


@contextmanager
def direction_options() -> Iterator[None]:
    """Convert errors about source and target languages in the block to errors that name --from and --to."""
    try:
        yield
    except DirectionError as error:
        names = {"source": "--from", "target": "--to"}
        raise UsageError(f"{', '.join(names[each] for each in error.parameters)}: {error.problem}") from None


@contextmanager
def requires_extra(extra: str, command: str) -> Iterator[None]:
    """Raise the error of a missing extra if an import in the block fails; signals end the process at once."""
    try:
        with exit_on_signal():
            yield
    except ModuleNotFoundError as error:
        is_ours = (error.name or "").split(".")[0] in {"nmt", "serve"} and error.name != "serve"
        raise error if is_ours else missing_extra(extra, command) from None
