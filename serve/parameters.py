"""A request's parameters, however the client sent them: as JSON, as a form or in the query string."""

import json
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request

_MOST_FIELDS = 1000


class BadRequestError(Exception):
    """The client's mistake; the message is one line that says what to change."""


async def read_parameters(request: Request) -> dict[str, Any]:
    """The parameters of ``request``. Values of a form or query are strings; JSON's are what JSON says.

    A JSON body has precedence over the query string; a form and the query string count as one form.
    """
    query = _form(request.scope["query_string"], "query string")
    body = await request.body()
    if not body:
        return _unique(query)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        return {**_unique(query), **_json(body)}
    if kind == "application/x-www-form-urlencoded":
        return _unique(query + _form(body, "form"))
    raise BadRequestError("send JSON (application/json) or a form (application/x-www-form-urlencoded)")


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):  # RecursionError: thousands of brackets
        raise BadRequestError("the body is not valid JSON in UTF-8") from None
    if not isinstance(value, dict):
        raise BadRequestError("the body must be a JSON object")
    return value


def _form(encoded: bytes, what: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(encoded.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise BadRequestError(
            f"the {what} is not valid: percent-encoded UTF-8 and at most {_MOST_FIELDS} fields are expected"
        ) from None


def _unique(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Pairs as a dict. Refuses a second value, for to drop it would be to lose text in silence."""
    parameters: dict[str, Any] = {}
    for name, value in pairs:
        if parameters.setdefault(name, value) != value:
            raise BadRequestError(f"{name[:20]!r} is given twice; several texts go into a JSON list")
    return parameters
