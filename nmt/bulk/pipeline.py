"""The stream of texts through Ray Data: one task reads them where the files are, actors translate, order is kept.

A part is as many texts as are translated together: one row of one block, so that Ray hands each to one actor.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import ray.data
from ray.data.block import BlockMetadata
from ray.data.datasource import Datasource, ReadTask
from ray.util.annotations import RayDeprecationWarning

from nmt.corpus.text_files import read_texts
from nmt.engine.factory import EngineName
from nmt.inference.job import TranslationJob
from nmt.inference.translator import Translator
from nmt.model_directory.directory import read_model_directory
from nmt.utils.errors import CarouselError

_CHARACTERS = 1_000_000  # after so many a part ends, whatever the number of its texts
_RETRIES = 5  # of a part whose actor died


class Finished(NamedTuple):
    """What became of a part."""

    first: int
    """The number of its first text, from 0."""
    lines: int
    content: bytes
    """Its lines, each with its line feed."""


@dataclass(frozen=True)
class Source:
    """Where the texts come from."""

    files: tuple[Path, ...]
    fields: tuple[str, ...]
    first: int
    """The number of the first text that is wanted, from 0."""
    part: int
    """Texts in a part, at most."""

    def parts(self) -> Iterator[tuple[int, list[str]]]:
        """The number of a part's first text, and its texts; the files are read as they are used."""
        every = itertools.chain.from_iterable(read_texts(file, self.fields) for file in self.files)
        first, texts, characters = self.first, list[str](), 0
        for text in itertools.islice(every, self.first, None):
            texts.append(text)
            characters += len(text)
            if len(texts) == self.part or characters >= _CHARACTERS:
                yield first, texts
                first, texts, characters = first + len(texts), [], 0
        if texts:
            yield first, texts


class _Texts(Datasource):
    """The parts of a `Source`, read by one task on this machine."""

    def __init__(self, source: Source) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._source = source

    @property
    def supports_distributed_reads(self) -> bool:
        """The files are here, and may be nowhere else."""
        return False

    def estimate_inmemory_data_size(self) -> int | None:
        """It does not matter: nothing is held longer than it takes to translate."""
        return None

    def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[Any]:
        """One task, which gives a block for each part."""
        source = self._source
        kind = pa.list_(pa.large_string())

        def read() -> Iterator[pa.Table]:
            for first, texts in source.parts():
                yield pa.table({"first": [first], "texts": pa.array([texts], kind)})

        return [ReadTask(read, BlockMetadata(None, None, None, None))]


class _Worker:
    """An actor with the models in its memory."""

    def __init__(self, request: TranslationJob, engine: EngineName, checksums: Sequence[str]) -> None:
        self._request, self._engine, self._checksums = request, engine, checksums

    def __call__(self, block: pa.Table) -> pa.Table:
        [part] = block.to_pylist()
        lines = list(self._request.translate_lines(self._translator, part["texts"]))
        content = "".join(f"{line}\n" for line in lines).encode()
        return pa.table(
            {"first": [part["first"]], "lines": [len(lines)], "content": pa.array([content], pa.large_binary())}
        )

    @cached_property
    def _translator(self) -> Translator:
        # Not when the actor is made: an error there would come back as text.
        for path, expected in zip(self._request.models, self._checksums, strict=True):
            if read_model_directory(path).checksum != expected:
                raise CarouselError(f"{path}: is another model on a node of the cluster; copy it to all nodes")
        return self._request.load_translator(self._engine)


def checksums(request: TranslationJob) -> list[str]:
    """Of the request's models."""
    return [read_model_directory(path).checksum for path in request.models]


def translated(source: Source, request: TranslationJob, workers: int, on_gpus: bool) -> Iterator[Finished]:
    """The finished parts, in order; each of the ``workers`` has a core, or a core and a GPU, to itself."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    context.raise_original_map_exception = True
    context.target_max_block_size = 1  # byte: no two parts share a block
    engine: EngineName = "torch" if on_gpus else "auto"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RayDeprecationWarning)  # for max_task_retries there is no other way yet
        parts = ray.data.read_datasource(_Texts(source), override_num_blocks=1, num_cpus=0).map_batches(
            _Worker,
            fn_constructor_args=(request, engine, checksums(request)),
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=2),
            num_cpus=1,
            num_gpus=1 if on_gpus else None,
            max_task_retries=_RETRIES,
        )
    for block in parts.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        for row in block.to_pylist():
            yield Finished(row["first"], row["lines"], row["content"])
