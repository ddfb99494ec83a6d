"""The commands ``nmt memory import`` and ``nmt memory export``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from nmt.cli.options import requires_extra
from nmt.utils.errors import CarouselError

_StoreArgument = Annotated[Path, Argument(metavar="MEMORY", help="File of the translation memory.")]
_OwnerOption = Annotated[
    str,
    Option(
        "--owner", metavar="NAME", help="API key whose requests alone use the translations; by default, all requests."
    ),
]


def import_memory(
    store: _StoreArgument,
    files: Annotated[list[Path], Argument(metavar="FILE", help="Translation memories in TMX.")],
    source: Annotated[
        str | None, Option("--from", metavar="CODE", help="Source language; by default, the first one of each unit.")
    ] = None,
    target: Annotated[
        str | None, Option("--to", metavar="CODE", help="Target language; by default, all others of each unit.")
    ] = None,
    owner: _OwnerOption = "",
) -> None:
    """Add the translations of TMX files to a translation memory, which is created if there is none."""
    with requires_extra("documents", "nmt memory"):
        from nmt.inference.memory.exchange import read_tmx
        from nmt.inference.memory.store import TranslationMemory
    memory = TranslationMemory(store)
    try:
        for file in files:
            count = memory.add(read_tmx(file, source, target), owner)
            print(f"nmt: {file}: {count:,} translations", file=sys.stderr)
    finally:
        memory.close()


def export_memory(
    store: _StoreArgument,
    output: Annotated[Path, Option("-o", "--output", help="TMX file to write.")],
    owner: _OwnerOption = "",
) -> None:
    """Write a translation memory to a TMX file, without the translations of other owners."""
    with requires_extra("documents", "nmt memory"):
        from nmt.inference.memory.exchange import write_tmx
        from nmt.inference.memory.store import TranslationMemory
    if not store.is_file():
        raise CarouselError(f"{store}: there is no translation memory; fill one with nmt memory import")
    memory = TranslationMemory(store)
    try:
        count = write_tmx(output, memory.entries(owner))
    finally:
        memory.close()
    print(f"nmt: {output}: {count:,} translations", file=sys.stderr)
