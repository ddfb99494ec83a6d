"""The command ``nmt serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from nmt.cli.options import requires_extra


def serve(
    models: Annotated[
        list[Path] | None, Argument(metavar="MODEL", help="Model directories; by default those in NMT_MODELS.")
    ] = None,
    host: Annotated[str | None, Option(help="Address to listen on; by default NMT_HOST, or else 127.0.0.1.")] = None,
    port: Annotated[
        int | None, Option(min=0, max=65535, help="Port, or 0 for a free one; by default NMT_PORT, or else 5000.")
    ] = None,
    check: Annotated[bool, Option("--check", help="Check settings and models, then exit.")] = False,
) -> None:
    """Serve models over HTTP."""
    with requires_extra("serve", "nmt serve"):
        from serve import server
    raise typer.Exit(server.run(models or (), host=host, port=port, check=check))
