"""A request's parameters, however the client sent them: as JSON, as a form or in the query string."""

import asyncio
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import AfterValidator, BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartParser

from nmt.config.errors import first_field_error
from nmt.utils.errors import undecodable_line
from serve.errors import BadRequestError

Parsed = TypeVar("Parsed", bound=BaseModel)

_MOST_FIELDS = 1000
_LARGE = 100_000  # bytes

# The body, limited, is in memory already. A copy in a temporary file would need a place that can be written to.
MultiPartParser.spool_max_size = 0


def _unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half a surrogate pair, which is not valid Unicode") from None
    return text


Text = Annotated[str, AfterValidator(_unicode)]
"""A string that can be encoded: JSON can spell some that can't."""


async def read_parameters(request: Request, lists: Collection[str] = ()) -> dict[str, Any]:
    """The parameters of ``request``. Values of a form or query are strings; JSON's are what JSON says.

    In a form, the parameters named in ``lists`` may come several times; they are lists even if they come once.
    A JSON body has precedence over the query string; a form and the query string count as one form.
    """
    query = _form(request.scope["query_string"], "query string")
    body = await request.body()
    if not body:
        return _gathered(query, lists)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        return {**_gathered(query, lists), **_json(body)}
    if kind == "application/x-www-form-urlencoded":
        # To decode a large one takes half a second, in which others go on.
        decoded = _form(body, "form") if len(body) < _LARGE else await asyncio.to_thread(_form, body, "form")
        return _gathered(query + decoded, lists)
    if kind == "multipart/form-data":
        return (await _multipart(request, lists))[0]
    raise BadRequestError("send JSON (application/json) or a form (application/x-www-form-urlencoded)")


@dataclass(frozen=True)
class File:
    """A file that came with a request."""

    name: str
    content: bytes

    @property
    def suffix(self) -> str:
        """The end of its name, such as ``.txt``, in lower case."""
        return PurePath(self.name).suffix.lower()

    def text(self) -> str:
        """What it holds, which must be UTF-8."""
        try:
            return self.content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = undecodable_line(error)
            raise BadRequestError(f"file: line {line} is not UTF-8; convert the file first") from None


async def read_file(request: Request) -> tuple[dict[str, Any], File]:
    """The parameters of a ``multipart/form-data`` request, and its one file, called ``file``."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise BadRequestError("send the file in a form (multipart/form-data)")
    parameters, files = await _multipart(request, ())
    if "file" not in files:
        raise BadRequestError("file: is missing")
    return parameters, files["file"]


def parse(model: type[Parsed], parameters: dict[str, Any]) -> Parsed:
    """Parameters as ``model`` wants them; the client's mistake is one line that names the parameter."""
    try:
        return model.model_validate(parameters)
    except ValidationError as error:
        problem = first_field_error(error)
        raise BadRequestError(f"{problem.path[0]}: {problem.message}") from None


def documented(model: type[BaseModel], *, with_file: bool = False) -> dict[str, Any]:
    """The description of a request that `read_parameters` (or `read_file`) reads, for OpenAPI."""
    schema = model.model_json_schema()
    kinds = ["application/json", "application/x-www-form-urlencoded"]
    if with_file:
        kinds = ["multipart/form-data"]
        schema["properties"]["file"] = {"type": "string", "format": "binary", "description": "The file"}
        schema["required"].append("file")
    return {"requestBody": {"content": {kind: {"schema": schema} for kind in kinds}}}


async def _multipart(request: Request, lists: Collection[str]) -> tuple[dict[str, Any], dict[str, File]]:
    try:
        async with request.form(max_files=1, max_fields=_MOST_FIELDS) as form:
            fields = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
            files = {
                name: File(value.filename or "", await value.read())
                for name, value in form.multi_items()
                if isinstance(value, UploadFile)
            }
    except HTTPException:
        raise BadRequestError("the form is not valid multipart/form-data with at most one file") from None
    query = _form(request.scope["query_string"], "query string")
    return _gathered(query + fields, lists), files


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


def _gathered(pairs: list[tuple[str, str]], lists: Collection[str]) -> dict[str, Any]:
    """Pairs as a dict. Refuses a second value outside ``lists``, for to drop it would be to lose text in silence."""
    parameters: dict[str, Any] = {}
    for name, value in pairs:
        if name in lists:
            parameters.setdefault(name, []).append(value)
        elif parameters.setdefault(name, value) != value:
            raise BadRequestError(f"{name[:20]!r} is given twice; several texts go into a JSON list")
    return parameters
