"""One call of ``nmt translate --ray``: look through the files, go on where an earlier call stopped, publish."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ray.exceptions import RayError, RayTaskError

from nmt.bulk.cluster import cluster, stoppable
from nmt.bulk.output import PartialOutput, partial_output
from nmt.bulk.pipeline import Source, checksums, translated
from nmt.corpus.text_files import FileStatistics, file_statistics
from nmt.inference.job import TranslationJob
from nmt.model_directory.directory import read_model_directory
from nmt.utils.errors import CarouselError
from nmt.utils.progress import Console

_LARGEST_PART = 2000  # texts; as many as a translator sorts by length
_SMALLEST_PART = 50
_PARTS_A_WORKER = 8  # or more, so that at the end the workers need not wait long for the last of them


def translate_files(
    request: TranslationJob, files: Sequence[Path], fields: Sequence[str], output: Path, workers: int | None = None
) -> None:
    """Translate files, one after the other, into one; what an earlier call of the same kind has finished is kept.

    ``fields`` is for `nmt.corpus.text_files.read_texts`. There are as many ``workers`` as given, or as the cluster has
    GPUs, if the model can use them, or else cores. Raises CarouselError for all that the user can mend, and when a
    signal stopped it.
    """
    try:
        with stoppable():
            surveys = [file_statistics(file, fields) for file in files]
            with partial_output(output, _job(request, files, fields, surveys)) as finished:
                total = sum(each.texts for each in surveys)
                if finished.done < total:
                    _go_on(request, files, fields, finished, total, workers)
                finished.publish()
    except KeyboardInterrupt:
        raise CarouselError("stopped; what is finished is kept, and the same call goes on with it") from None


def _job(
    request: TranslationJob, files: Sequence[Path], fields: Sequence[str], surveys: Sequence[FileStatistics]
) -> dict[str, Any]:
    """All that the output depends on, by the name that a user has for it."""
    options = {"beam": request.beam, "alternatives": request.alternatives, "shortlist": request.shortlist}
    job = {
        "model": checksums(request),
        "input": [(file.name, each.texts, each.sha256) for file, each in zip(files, surveys, strict=True)],
        "output format": request.output_format,
        "option": {**options, **asdict(request.options), "fields": fields},
    }
    as_stored: dict[str, Any] = json.loads(json.dumps(job))
    return as_stored


def _go_on(
    request: TranslationJob,
    files: Sequence[Path],
    fields: Sequence[str],
    finished: PartialOutput,
    total: int,
    workers: int | None,
) -> None:
    """Translate what is not finished yet."""
    console = Console()
    with cluster(workers) as resources, stoppable():  # Ray has its own way with signals
        workers, on_gpus = _share(request, resources, workers)
        left = total - finished.done
        part = max(_SMALLEST_PART, min(_LARGEST_PART, left // (_PARTS_A_WORKER * workers)))
        source = Source(tuple(file.resolve() for file in files), tuple(fields), finished.done, part)
        before = f"after {finished.done:,} of {total:,} lines, " if finished.done else f"{total:,} lines, "
        console.print(f"{before}{workers} worker{'s' * (workers > 1)}")
        with console.progress_bar(total, finished.done, "Translating") as show_progress, _complaints():
            for first, lines, content in translated(source, request, workers, on_gpus):
                if first != finished.done or content.count(b"\n") != lines:
                    raise CarouselError(
                        f"line {finished.done + 1:,}: is not among what the workers gave back; report it"
                    )
                finished.add(lines, content)
                show_progress(finished.done, "lines")
        if finished.done != total:
            raise CarouselError(f"the text has changed: {finished.done:,} lines, not {total:,}; start afresh")


def _share(request: TranslationJob, resources: Mapping[str, float], workers: int | None) -> tuple[int, bool]:
    """How many workers there are to be, and whether each has a GPU: weights are needed for that, and a single model."""
    gpus, cores = int(resources.get("GPU", 0)), int(resources.get("CPU", 0))
    on_gpus = gpus > 0 and len(request.models) == 1 and read_model_directory(request.models[0]).weights is not None
    most = gpus if on_gpus else cores
    if not most:
        raise CarouselError("Ray: the cluster has no CPUs to work with; start it with --num-cpus")
    return min(workers or most, most), on_gpus


@contextmanager
def _complaints() -> Iterator[None]:
    """What goes wrong in a worker costs one line here too; a mistake of ours keeps its traceback."""
    try:
        yield
    except RayTaskError as error:
        if not isinstance(error.cause, CarouselError):
            raise
        raise type(error.cause)(str(error.cause).partition("\n")[0]) from None  # Ray adds advice of its own
    except RayError as error:
        reason = " ".join(str(error).split())
        raise CarouselError(f"a worker was lost again and again; what is finished is kept (Ray: {reason})") from None
