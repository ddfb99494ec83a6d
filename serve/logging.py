"""Logs: one line of JSON a record on stderr, with the id of the request that it belongs to."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pythonjsonlogger.json import JsonFormatter

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is being answered."""

_FIELDS = {"levelname": "level", "name": "logger", "message": "message"}


@contextmanager
def json_logs(level: str) -> Iterator[None]:
    """Has everything that is logged, by libraries too, go to stderr from ``level`` on."""
    handler = logging.StreamHandler()
    handler.addFilter(_add_request_id)
    handler.setFormatter(JsonFormatter(list(_FIELDS), rename_fields=_FIELDS, timestamp="time"))
    # It warns of each byte that it did not expect in a form; whoever sent the form is told.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(level.upper())
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


def _add_request_id(record: logging.LogRecord) -> bool:
    if (current := request_id.get()) is not None:
        record.request_id = current
    return True
