"""The ``nmt`` command: the list of its subcommands, and the handling of errors that end the process."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer

from nmt.cli import data, evaluation, lab, memory, serving, training, translation
from nmt.utils.errors import CarouselError
from nmt.utils.signals import is_prepared_to_serve

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    training.train, translation.translate, evaluation.evaluate, evaluation.compare, evaluation.score, training.export,
    serving.serve, lab.generate, lab.inspect, lab.study,
):  # fmt: skip
    app.command()(command)


def _show_version(requested: bool) -> None:
    if requested:
        from nmt.engine.available import available_engines
        from nmt.utils.versions import installed_version

        engines = [f"{name} ({detail})" for name, detail in available_engines().items()]
        print(f"nmt {installed_version('carousel-nmt') or 'unknown'}; engines: {', '.join(engines) or 'none'}")
        raise typer.Exit


@app.callback()
def describe(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version and the engines."),
    ] = False,
) -> None:
    """Train LSTM translators, score them, and serve them."""


memory_app = typer.Typer(help="Translation memories.", no_args_is_help=True)
memory_app.command("import")(memory.import_memory)
memory_app.command("export")(memory.export_memory)
app.add_typer(memory_app, name="memory")

lab_app = typer.Typer(help="Demonstrations of recurrent networks.", no_args_is_help=True)
lab_app.command()(lab.gradients)
app.add_typer(lab_app, name="lab")
app.add_typer(data.data_app, name="data")


def main() -> None:
    """Run the command line; an error that the user can fix is one line on stderr."""
    # An exception lets open files be cleaned up. It also ends the first process of a container, for which the kernel
    # has no default action.
    if not is_prepared_to_serve():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        app()
    except CarouselError as error:
        print(f"nmt: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    except OSError as error:  # such as a full device or an unmounted disk, where no other message was raised
        print(f"nmt: {error.filename or 'output'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(1)
