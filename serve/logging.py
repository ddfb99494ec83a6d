"""JSON logging: one line per record on stderr, with the id of the request that it belongs to."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pythonjsonlogger.json import JsonFormatter

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Id of the current request."""

_FIELDS = {"levelname": "level", "name": "logger", "message": "message"}


@contextmanager
def json_logs(level: str) -> Iterator[None]:
    """Write the log records of all libraries to stderr as JSON, if they have at least ``level``."""
    handler = logging.StreamHandler()
    handler.addFilter(_add_request_id)
    handler.setFormatter(JsonFormatter(list(_FIELDS), rename_fields=_FIELDS, timestamp="time"))
    # It warns of every unexpected byte in a form; the client receives an error message instead.
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
