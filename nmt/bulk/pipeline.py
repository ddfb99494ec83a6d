"""Ray Data pipeline: a task on this machine reads batches of texts, and actors translate them. Order is preserved.

A batch consists of texts that are translated together. Each batch is a block with a single row, so that Ray passes the
whole batch to one actor.
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

_MAX_BATCH_CHARACTERS = 1_000_000
_MAX_RETRIES = 5  # of a batch whose actor died


class TranslatedBatch(NamedTuple):
    """Translations of a batch of texts."""

    first_index: int
    """Index of the first text of the batch among all texts."""
    num_lines: int
    """Number of output lines."""
    content: bytes
    """Output lines in UTF-8, with a line feed after each line."""


@dataclass(frozen=True)
class TextBatchReader:
    """Reader of texts from files, in batches."""

    files: tuple[Path, ...]
    fields: tuple[str, ...]
    """Names of the record fields that may hold the text; see `nmt.corpus.text_files.read_texts`."""
    first_index: int
    """Index of the first text to read."""
    batch_size: int
    """Maximum number of texts in a batch."""

    def read_batches(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the index of the first text of each batch and its texts. Files are read lazily."""
        all_texts = itertools.chain.from_iterable(read_texts(file, self.fields) for file in self.files)
        first, texts, characters = self.first_index, list[str](), 0
        for text in itertools.islice(all_texts, self.first_index, None):
            texts.append(text)
            characters += len(text)
            if len(texts) == self.batch_size or characters >= _MAX_BATCH_CHARACTERS:
                yield first, texts
                first, texts, characters = first + len(texts), [], 0
        if texts:
            yield first, texts


class _TextDatasource(Datasource):
    """Ray Data source that yields the batches of a reader, which runs in one task on this machine."""

    def __init__(self, reader: TextBatchReader) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._reader = reader

    @property
    def supports_distributed_reads(self) -> bool:
        """False, because other nodes of the cluster may not have the files."""
        return False

    def estimate_inmemory_data_size(self) -> int | None:
        """Return None: the size is not needed, because batches are translated as soon as they are read."""
        return None

    def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[Any]:
        """Return a single task, which produces one block per batch."""
        reader = self._reader
        texts_type = pa.list_(pa.large_string())

        def read() -> Iterator[pa.Table]:
            for first, texts in reader.read_batches():
                yield pa.table({"first": [first], "texts": pa.array([texts], texts_type)})

        return [ReadTask(read, BlockMetadata(None, None, None, None))]


class _TranslationActor:
    """Ray actor that loads the models once and translates batches."""

    def __init__(self, job: TranslationJob, engine: EngineName, checksums: Sequence[str]) -> None:
        self._job, self._engine, self._checksums = job, engine, checksums

    def __call__(self, block: pa.Table) -> pa.Table:
        [batch] = block.to_pylist()
        lines = list(self._job.translate_lines(self._translator, batch["texts"]))
        content = "".join(f"{line}\n" for line in lines).encode()
        return pa.table(
            {"first": [batch["first"]], "lines": [len(lines)], "content": pa.array([content], pa.large_binary())}
        )

    @cached_property
    def _translator(self) -> Translator:
        # Loaded on first use: Ray returns exceptions of an actor's constructor as text only.
        for path, expected in zip(self._job.models, self._checksums, strict=True):
            if read_model_directory(path).checksum != expected:
                raise CarouselError(f"{path}: differs on a node of the cluster; copy the same model to all nodes")
        return self._job.load_translator(self._engine)


def model_checksums(job: TranslationJob) -> list[str]:
    """Return the checksum of each model of a job."""
    return [read_model_directory(path).checksum for path in job.models]


def translate_batches(
    reader: TextBatchReader, job: TranslationJob, num_workers: int, on_gpus: bool
) -> Iterator[TranslatedBatch]:
    """Translate the batches of a reader, and yield them in order.

    Each worker uses one CPU, and also one GPU if ``on_gpus`` is true.
    """
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    context.raise_original_map_exception = True
    context.target_max_block_size = 1  # byte: batches never share a block
    engine: EngineName = "torch" if on_gpus else "auto"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RayDeprecationWarning)  # max_task_retries has no replacement yet
        batches = ray.data.read_datasource(_TextDatasource(reader), override_num_blocks=1, num_cpus=0).map_batches(
            _TranslationActor,
            fn_constructor_args=(job, engine, model_checksums(job)),
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=num_workers, max_tasks_in_flight_per_actor=2),
            num_cpus=1,
            num_gpus=1 if on_gpus else None,
            max_task_retries=_MAX_RETRIES,
        )
    for block in batches.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        for row in block.to_pylist():
            yield TranslatedBatch(row["first"], row["lines"], row["content"])
