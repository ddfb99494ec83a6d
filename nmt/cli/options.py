"""Arguments and options that several commands share, and commands whose options are the fields of a dataclass."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from nmt.utils.errors import missing_extra
from nmt.utils.signals import exit_on_signal

OptionsT = TypeVar("OptionsT")

ModelArgument = Annotated[Path, typer.Argument(metavar="MODEL", help="Model directory or run directory.")]
ThreadsOption = Annotated[int, typer.Option("--threads", min=1, help="Number of CPU threads.")]
BeamOption = Annotated[
    int | None, typer.Option("--beam", min=1, max=64, help="Beam size; by default the one in the model card.")
]
NoShortlistOption = Annotated[
    bool,
    typer.Option("--no-shortlist", help="Search the whole vocabulary; by default only likely target tokens."),
]
EnsembleOption = Annotated[
    list[Path] | None,
    typer.Option("--with", metavar="MODEL", help="Another model to decode with, as an ensemble; may be repeated."),
]
OutputOption = Annotated[Path | None, typer.Option("-o", "--output", help="File to write; stdout by default.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def options_command(options: type[OptionsT], function: Callable[[OptionsT], None]) -> Callable[..., None]:
    """Return a Typer command with a parameter for each field of a dataclass, which calls a function with an instance.

    The dataclass describes each field as Typer expects it: ``Annotated[type, typer.Option(…)]``.
    """
    hints = get_type_hints(options, include_extras=True)

    def command(**values: Any) -> None:
        function(options(**values))

    parameters = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in dataclasses.fields(options)  # type: ignore[arg-type]
    ]
    command.__name__, command.__doc__, command.__annotations__ = function.__name__, function.__doc__, hints
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return command


@contextmanager
def requires_extra(extra: str, command: str) -> Iterator[None]:
    """Raise the error of a missing extra if an import in the block fails; signals end the process at once."""
    try:
        with exit_on_signal():
            yield
    except ModuleNotFoundError as error:
        is_ours = (error.name or "").split(".")[0] in {"nmt", "serve"} and error.name != "serve"
        raise error if is_ours else missing_extra(extra, command) from None
