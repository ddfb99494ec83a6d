"""Parsing of request parameters sent as JSON, as a form or in the query string."""

import asyncio
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartParser

from nmt.config.errors import first_field_error
from nmt.utils.errors import invalid_utf8_line
from serve.errors import BadRequestError

ModelT = TypeVar("ModelT", bound=BaseModel)

_MAX_FIELDS = 1000
_LARGE_FORM_BYTES = 100_000

# Keep uploaded files in memory, where the body (of limited size) is already; the disk may be read-only.
MultiPartParser.spool_max_size = 0


def _check_encodable(text: str) -> str:
    """Return the text; raise ValueError if it cannot be encoded as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("contains a lone surrogate; send valid Unicode") from None
    return text


EncodableText = Annotated[str, AfterValidator(_check_encodable)]
"""A string that can be encoded as UTF-8; JSON can express strings that cannot."""


class ApiModel(BaseModel):
    """Base class of parameters and responses. The docstrings of its fields are their descriptions in OpenAPI."""

    model_config = ConfigDict(use_attribute_docstrings=True)


async def read_parameters(request: Request, list_names: Collection[str] = ()) -> dict[str, Any]:
    """Return the parameters of a request. Values in a form or query string are strings; in JSON they have any type.

    Parameters in a JSON body override those in the query string; a form and the query string are merged.

    Args:
        request: The request.
        list_names: Names of the parameters that a form may repeat; their values are returned as lists.

    Raises:
        BadRequestError: The body or the query string is malformed.
    """
    query = _parse_form(request.scope["query_string"], "query string")
    body = await request.body()
    if not body:
        return _pairs_to_dict(query, list_names)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "application/json" or content_type.endswith("+json"):
        return {**_pairs_to_dict(query, list_names), **_parse_json(body)}
    if content_type == "application/x-www-form-urlencoded":
        # Decoding a large form takes half a second, so it must not block the event loop.
        large = len(body) >= _LARGE_FORM_BYTES
        form = await asyncio.to_thread(_parse_form, body, "form") if large else _parse_form(body, "form")
        return _pairs_to_dict(query + form, list_names)
    if content_type == "multipart/form-data":
        return (await _read_multipart(request, list_names))[0]
    message = "Content-Type: missing or unsupported; send application/json or application/x-www-form-urlencoded"
    raise BadRequestError(message)


@dataclass(frozen=True)
class UploadedFile:
    """A file that a client sent as ``multipart/form-data``."""

    name: str
    content: bytes

    @property
    def suffix(self) -> str:
        """The extension of the file name in lower case, such as ``.txt``."""
        return PurePath(self.name).suffix.lower()

    def decode(self) -> str:
        """Return the content decoded as UTF-8; raise BadRequestError if it is invalid."""
        try:
            return self.content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = invalid_utf8_line(error)
            raise BadRequestError(f"file: invalid UTF-8 in line {line}; re-encode the file as UTF-8") from None


async def read_uploaded_file(request: Request) -> tuple[dict[str, Any], UploadedFile]:
    """Return the parameters of a ``multipart/form-data`` request and its file, which must be called ``file``.

    Raises:
        BadRequestError: The form is malformed or has no file.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise BadRequestError("Content-Type: unsupported; send the file in a form (multipart/form-data)")
    parameters, files = await _read_multipart(request, ())
    if "file" not in files:
        raise BadRequestError("file: missing; send a file in this field")
    return parameters, files["file"]


def validate_parameters(model: type[ModelT], parameters: dict[str, Any]) -> ModelT:
    """Return ``parameters`` as an instance of ``model``.

    Raises:
        BadRequestError: A parameter is missing or invalid; the message names it.
    """
    try:
        return model.model_validate(parameters)
    except ValidationError as error:
        problem = first_field_error(error)
        raise BadRequestError(f"{problem.path[0]}: {problem.message}") from None


def is_auto(source: str) -> bool:
    """Return whether the value of the parameter ``source`` asks to detect the language."""
    return source.lower() == "auto"


def request_body_schema(model: type[BaseModel], *, with_file: bool = False) -> dict[str, Any]:
    """Return the OpenAPI description of a body that `read_parameters` or `read_uploaded_file` reads."""
    schema = model.model_json_schema()
    content_types = ["application/json", "application/x-www-form-urlencoded"]
    if with_file:
        content_types = ["multipart/form-data"]
        schema["properties"]["file"] = {"type": "string", "format": "binary", "description": "The file to translate."}
        schema["required"].append("file")
    return {"requestBody": {"content": {content_type: {"schema": schema} for content_type in content_types}}}


async def _read_multipart(
    request: Request, list_names: Collection[str]
) -> tuple[dict[str, Any], dict[str, UploadedFile]]:
    try:
        async with request.form(max_files=1, max_fields=_MAX_FIELDS) as form:
            fields = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
            files = {
                name: UploadedFile(value.filename or "", await value.read())
                for name, value in form.multi_items()
                if isinstance(value, UploadFile)
            }
    except HTTPException:
        message = f"form: invalid; send multipart/form-data with at most one file and {_MAX_FIELDS} fields"
        raise BadRequestError(message) from None
    query = _parse_form(request.scope["query_string"], "query string")
    return _pairs_to_dict(query + fields, list_names), files


def _parse_json(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):  # RecursionError: thousands of brackets
        raise BadRequestError("request body: invalid JSON; send a JSON object in UTF-8") from None
    if not isinstance(value, dict):
        raise BadRequestError("request body: not an object; send a JSON object")
    return value


def _parse_form(encoded: bytes, where: str) -> list[tuple[str, str]]:
    """Parse a URL-encoded form or query string; ``where`` is its name for error messages."""
    try:
        return parse_qsl(encoded.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError:
        message = f"{where}: invalid; send percent-encoded UTF-8 with at most {_MAX_FIELDS} fields"
        raise BadRequestError(message) from None


def _pairs_to_dict(pairs: list[tuple[str, str]], list_names: Collection[str]) -> dict[str, Any]:
    """Return pairs of name and value as a dict; raise BadRequestError if a name outside ``list_names`` is repeated."""
    parameters: dict[str, Any] = {}
    for name, value in pairs:
        if name in list_names:
            parameters.setdefault(name, []).append(value)
        elif parameters.setdefault(name, value) != value:
            raise BadRequestError(f"{name[:20]}: repeated with another value; send several texts as a JSON list")
    return parameters
