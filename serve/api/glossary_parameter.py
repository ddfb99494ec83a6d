"""The parameter ``glossary`` of Carousel's own and LibreTranslate's routes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BeforeValidator

from serve.api.parameters import EncodableText
from serve.errors import BadRequestError, InvalidGlossaryError
from serve.service import TranslationRequest
from serve.stores.glossaries import GlossaryStore, check_entries

_MAX_INLINE_TERMS = 1000  # a list of terms is prepared anew for every request


def _parse_json(value: Any) -> Any:
    """Return the value of a JSON object or array in a string, which is how a form sends terms; other values as is."""
    if isinstance(value, str) and value.lstrip()[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError("is not valid JSON") from None
    return value or None


GlossaryParameter = Annotated[
    EncodableText | dict[EncodableText, EncodableText] | list[tuple[EncodableText, EncodableText]] | None,
    BeforeValidator(_parse_json),
]
"""Terms with their translations, as an object or a list of pairs, or the name or id of a stored glossary."""


def add_glossary(
    request: TranslationRequest, glossary: GlossaryParameter, owner: str | None, stored: GlossaryStore
) -> TranslationRequest:
    """Return a request with the terms or the stored glossary that the parameter names.

    Args:
        request: Request without a glossary.
        glossary: Value of the parameter.
        owner: Name of the client's API key.
        stored: Store of glossaries.

    Raises:
        BadRequestError: A term is invalid, or the glossary is for other languages.
        GlossaryNotFoundError: The client has no such glossary.
    """
    if glossary is None:
        return request
    if isinstance(glossary, str):
        if request.source_language is None:
            raise BadRequestError("glossary: requires a source language; send source")
        found = stored.find(owner, glossary)
        found.check_languages(request.source_language, request.target_language, "glossary")
        return replace(request, glossary=found)
    if len(glossary) > _MAX_INLINE_TERMS:
        message = f"{len(glossary)} terms are too many; at most {_MAX_INLINE_TERMS} are allowed, so store the glossary"
        raise BadRequestError(f"glossary: {message}")
    pairs = glossary.items() if isinstance(glossary, dict) else glossary
    try:
        return replace(request, terms=check_entries(pairs) if glossary else ())
    except InvalidGlossaryError as error:
        raise BadRequestError(f"glossary: {error}") from None
