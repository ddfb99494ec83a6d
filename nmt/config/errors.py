"""Conversion of pydantic's validation errors to one line of text."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from pydantic import ValidationError

_MESSAGES = {"missing": "is missing", "extra_forbidden": "unknown key"}


class FieldError(NamedTuple):
    """The first problem that a validation found."""

    path: tuple[int | str, ...]
    """Keys and list indices that lead to the field; empty for the whole object."""
    kind: str
    """Pydantic's type of the error, such as ``missing`` or ``extra_forbidden``."""
    message: str
    """Description of the problem, without field and value, such as ``must be less than 1``."""
    value: Any
    """The invalid value."""

    @property
    def field(self) -> str:
        """Path of the field, with dots, such as ``data.train.0``."""
        return ".".join(map(str, self.path))


def first_field_error(error: ValidationError) -> FieldError:
    """Return the first problem of a validation error.

    Unknown keys take precedence: a misspelt key also causes an error about the correct key, which is missing.
    """
    problems = error.errors(include_url=False)
    problem = next((each for each in problems if each["type"] == "extra_forbidden"), problems[0])
    message = problem["msg"].removeprefix("Value error, ")
    message = re.sub(r"^\w+ should ", "must ", message)
    message = _MESSAGES.get(problem["type"], message[:1].lower() + message[1:])
    return FieldError(problem["loc"], problem["type"], message, problem["input"])
