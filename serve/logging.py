"""Logging in JSON, with one line on stderr for each record and the id of the request that it belongs to."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pythonjsonlogger.json import JsonFormatter

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Id of the request that the current task handles, or None."""

_FIELDS = {"levelname": "level", "name": "logger", "message": "message"}


@contextmanager
def json_logs(level: str) -> Iterator[None]:
    """Write log records of at least this level, from all libraries, to stderr as JSON within the block."""
    handler = logging.StreamHandler()
    handler.addFilter(_add_request_id)
    handler.setFormatter(JsonFormatter(list(_FIELDS), rename_fields=_FIELDS, timestamp="time"))
    # This library logs a warning for each unexpected byte in a form; the client receives an error message instead.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    root = logging.getLogger()
    previous_level = root.level
    root.addHandler(handler)
    root.setLevel(level.upper())
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(previous_level)


def _add_request_id(record: logging.LogRecord) -> bool:
    if (current := request_id.get()) is not None:
        record.request_id = current
    return True
