"""Implementation of ``nmt translate --ray``, which translates files on a Ray cluster and can be interrupted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ray.exceptions import RayError, RayTaskError

from nmt.bulk.cluster import connect_to_ray, raise_on_signal
from nmt.bulk.output import ResumableOutput, resumable_output
from nmt.bulk.pipeline import TextBatchReader, model_checksums, translate_batches
from nmt.corpus.text_files import FileStatistics, file_statistics
from nmt.inference.job import TranslationJob
from nmt.model_directory.directory import read_model_directory
from nmt.utils.errors import CarouselError
from nmt.utils.progress import Console

_MAX_BATCH_SIZE = 2000  # texts; as many as a translator sorts by length
_MIN_BATCH_SIZE = 50
_BATCHES_PER_WORKER = 8  # at least; many batches keep all workers busy until the end


def translate_files(
    job: TranslationJob, files: Sequence[Path], fields: Sequence[str], output: Path, num_workers: int | None = None
) -> None:
    """Translate files in order into one output file; if an earlier run was interrupted, continue it.

    Args:
        job: Models, decoding options and output format.
        files: Input files.
        fields: Names of the record fields that may hold the text; see `nmt.corpus.text_files.read_texts`.
        output: Output file.
        num_workers: Number of workers; by default one per GPU of the cluster if the model can use GPUs, else one per
            CPU.

    Raises:
        CarouselError: An input, the output, a model or the cluster is unusable, or a signal has interrupted the run.
    """
    try:
        with raise_on_signal():
            statistics = [file_statistics(file, fields) for file in files]
            with resumable_output(output, _describe_inputs(job, files, fields, statistics)) as partial_output:
                total = sum(file.num_texts for file in statistics)
                if partial_output.num_lines < total:
                    _translate_remaining(job, files, fields, partial_output, total, num_workers)
                partial_output.publish()
    except KeyboardInterrupt:
        raise CarouselError(f"{output}: interrupted; repeat the command to continue") from None


def _describe_inputs(
    job: TranslationJob, files: Sequence[Path], fields: Sequence[str], statistics: Sequence[FileStatistics]
) -> dict[str, Any]:
    """Return all inputs on which the output depends, as JSON values by a name for error messages."""
    options = {"beam": job.beam_size, "alternatives": job.alternatives, "shortlist": job.use_shortlist}
    inputs = {
        "model": model_checksums(job),
        "input": [(file.name, stats.num_texts, stats.sha256) for file, stats in zip(files, statistics, strict=True)],
        "output format": job.output_format,
        "direction": job.languages,
        "option": {**options, **asdict(job.options), **job.text_options.to_dict(), "fields": fields},
    }
    as_json: dict[str, Any] = json.loads(json.dumps(inputs, default=sorted))  # sets become lists
    return as_json


def _translate_remaining(
    job: TranslationJob,
    files: Sequence[Path],
    fields: Sequence[str],
    output: ResumableOutput,
    total: int,
    num_workers: int | None,
) -> None:
    """Translate the texts whose translations are not in the output yet; ``total`` is the number of all texts."""
    console = Console()
    with connect_to_ray(num_workers) as resources, raise_on_signal():  # again, because Ray installs signal handlers
        num_workers, on_gpus = _choose_workers(job, resources, num_workers)
        remaining = total - output.num_lines
        batch_size = max(_MIN_BATCH_SIZE, min(_MAX_BATCH_SIZE, remaining // (_BATCHES_PER_WORKER * num_workers)))
        reader = TextBatchReader(tuple(file.resolve() for file in files), tuple(fields), output.num_lines, batch_size)
        progress = f"after {output.num_lines:,} of {total:,} lines" if output.num_lines else f"{total:,} lines"
        console.print(f"{progress}, {num_workers} worker{'s' * (num_workers > 1)}")
        with console.progress_bar(total, output.num_lines, "Translating") as show_progress, _convert_worker_errors():
            for first, lines, content in translate_batches(reader, job, num_workers, on_gpus):
                if first != output.num_lines or content.count(b"\n") != lines:
                    raise CarouselError(f"line {output.num_lines + 1:,}: missing from the workers' output; report this")
                output.append(lines, content)
                show_progress(output.num_lines, "lines")
        if output.num_lines != total:
            raise CarouselError(f"input: has changed from {total:,} to {output.num_lines:,} lines; start again")


def _choose_workers(job: TranslationJob, resources: Mapping[str, float], num_workers: int | None) -> tuple[int, bool]:
    """Return the number of workers and whether they use GPUs, which requires a single model with torch weights."""
    gpus, cpus = int(resources.get("GPU", 0)), int(resources.get("CPU", 0))
    on_gpus = gpus > 0 and len(job.models) == 1 and read_model_directory(job.models[0]).weights is not None
    available = gpus if on_gpus else cpus
    if not available:
        raise CarouselError("Ray: the cluster has no CPUs; start it with --num-cpus")
    return min(num_workers or available, available), on_gpus


@contextmanager
def _convert_worker_errors() -> Iterator[None]:
    """Convert Ray errors in the block to CarouselError, except unexpected exceptions of a worker."""
    try:
        yield
    except RayTaskError as error:
        if not isinstance(error.cause, CarouselError):
            raise
        raise type(error.cause)(str(error.cause).partition("\n")[0]) from None  # Ray appends further lines
    except RayError as error:
        reason = " ".join(str(error).split())
        raise CarouselError(f"Ray: a worker failed repeatedly ({reason}); repeat the command to continue") from None
