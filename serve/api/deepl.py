"""DeepL's API, version 2, as its official client libraries use it."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response

from nmt.text.languages import primary_subtag
from serve.api.deepl_schemas import (
    LIST_PARAMETERS,
    CreateGlossaryRequest,
    DeeplLanguage,
    DeeplLanguagesRequest,
    DeeplTranslateRequest,
    DeeplTranslateResponse,
    DeeplTranslation,
    DeeplUsageResponse,
    GlossaryLanguagePair,
    GlossaryLanguagePairsResponse,
    GlossaryListResponse,
    GlossaryResponse,
)
from serve.api.dependencies import GlossariesDependency, ServiceDependency, authorize, charge
from serve.api.language_names import language_name
from serve.api.parameters import ModelT, read_parameters, request_body_schema, validate_parameters
from serve.auth.client_identity import Client
from serve.auth.rate_limits import CharacterUsage
from serve.errors import BadRequestError, UnsupportedLanguageError
from serve.http.disconnect import cancel_on_disconnect
from serve.http.error_responses import DeeplErrorResponse
from serve.models.registry import ModelRegistry
from serve.service import TranslationRequest, TranslationResult
from serve.stores.glossaries import Glossary, entries_to_tsv, parse_entries

router = APIRouter(prefix="/v2", tags=["DeepL"])

_UNLIMITED = 1_000_000_000_000  # DeepL's own value for accounts without a limit

# DeepL's clients accept the codes without a region only as source languages, and refuse to translate into them.
_TARGET_VARIANTS = {"EN": ("EN-GB", "EN-US"), "PT": ("PT-BR", "PT-PT")}


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the description of error responses for OpenAPI."""
    return {status: {"model": DeeplErrorResponse} for status in statuses}


@router.get("/translate", response_model_exclude_unset=True, responses=error_responses(400, 403, 404, 429, 456, 503))
@router.post(
    "/translate",
    response_model_exclude_unset=True,
    responses=error_responses(400, 403, 404, 413, 429, 456, 503),
    openapi_extra=request_body_schema(DeeplTranslateRequest),
)
async def translate(
    request: Request, service: ServiceDependency, glossaries: GlossariesDependency
) -> DeeplTranslateResponse:
    """Translate texts. The parameters may also be sent in the query string."""
    client, values = await authorize_deepl(request, LIST_PARAMETERS)
    parameters = validate_deepl(DeeplTranslateRequest, values)
    source, target = served_languages(service.models, parameters.source_lang, parameters.target_lang)
    translation_request = TranslationRequest(
        source_language=source,
        target_language=target,
        is_html=parameters.tag_handling == "html",
        is_xml=parameters.tag_handling == "xml",
        tag_options=parameters.tag_options,
        splitting=parameters.splitting,
    )
    if parameters.glossary_id is not None:
        if translation_request.source_language is None:
            raise BadRequestError("glossary_id: requires a source language; send source_lang")
        glossary = glossaries.get(client.name, parameters.glossary_id)
        glossary.check_languages(
            translation_request.source_language, translation_request.target_language, "glossary_id"
        )
        translation_request = replace(translation_request, glossary=glossary)
    with charge(request, client, parameters.text):
        results = await cancel_on_disconnect(request, service.translate(parameters.text, translation_request))
    return DeeplTranslateResponse(
        translations=[
            _deepl_translation(text, result, parameters.model_type)
            for text, result in zip(parameters.text, results, strict=True)
        ]
    )


@router.get("/languages", response_model_exclude_unset=True, responses=error_responses(400, 403, 429, 503))
@router.post(
    "/languages",
    response_model_exclude_unset=True,
    responses=error_responses(400, 403, 429, 503),
    openapi_extra=request_body_schema(DeeplLanguagesRequest),
)
async def languages(request: Request, service: ServiceDependency) -> list[DeeplLanguage]:
    """Return the source languages or, with `type=target`, the target languages."""
    _, values = await authorize_deepl(request)
    models = service.models
    if validate_deepl(DeeplLanguagesRequest, values).type == "source":
        sources = [code for code in models.languages if models.is_source(code)]
        return [DeeplLanguage(language=code.upper(), name=language_name(code)) for code in sources]
    names: dict[str, str] = {}
    for target in models.listed_languages:
        if models.source_languages(target):
            for code in _TARGET_VARIANTS.get(target.upper(), (target,)):
                names[code.upper()] = language_name(code)
    return [DeeplLanguage(language=code, name=name, supports_formality=False) for code, name in sorted(names.items())]


@router.get("/usage", responses=error_responses(403, 429))
@router.post("/usage", responses=error_responses(403, 429))
async def usage(request: Request) -> DeeplUsageResponse:
    """Return the number of characters translated for the client since the server's start, and its limit."""
    client, _ = await authorize_deepl(request)
    usage: CharacterUsage = request.app.state.usage
    limit = client.key.character_limit if client.key else None
    return DeeplUsageResponse(character_count=usage.characters(client), character_limit=limit or _UNLIMITED)


@router.get("/glossary-language-pairs", responses=error_responses(403, 429, 503))
async def glossary_language_pairs(request: Request, service: ServiceDependency) -> GlossaryLanguagePairsResponse:
    """Return the language pairs for which glossaries are supported, which are those that a single model translates."""
    await authorize_deepl(request)
    pairs = sorted(_glossary_pairs(service.models))
    return GlossaryLanguagePairsResponse(
        supported_languages=[GlossaryLanguagePair(source_lang=source, target_lang=target) for source, target in pairs]
    )


@router.post(
    "/glossaries",
    status_code=201,
    responses=error_responses(400, 403, 413, 429, 456, 503),
    openapi_extra=request_body_schema(CreateGlossaryRequest),
)
async def create_glossary(
    request: Request, service: ServiceDependency, glossaries: GlossariesDependency
) -> GlossaryResponse:
    """Create a glossary, which is ready at once and cannot be changed. It applies to all regions of its languages."""
    client, values = await authorize_deepl(request)
    parameters = validate_deepl(CreateGlossaryRequest, values)
    source, target = pair = primary_subtag(parameters.source_lang), primary_subtag(parameters.target_lang)
    if pair not in _glossary_pairs(service.models):
        message = f"{source[:20]}→{target[:20]}: glossaries are not supported; see /v2/glossary-language-pairs"
        raise BadRequestError(message)
    entries = await asyncio.to_thread(parse_entries, parameters.entries, parameters.entries_format)
    return _glossary_response(glossaries.create(client.name, parameters.name, source, target, entries))


@router.get("/glossaries", responses=error_responses(403, 429))
async def list_glossaries(request: Request, glossaries: GlossariesDependency) -> GlossaryListResponse:
    """Return the client's glossaries, oldest first."""
    client, _ = await authorize_deepl(request)
    return GlossaryListResponse(
        glossaries=[_glossary_response(glossary) for glossary in glossaries.owned_by(client.name)]
    )


@router.get("/glossaries/{glossary_id}", responses=error_responses(403, 404, 429))
async def get_glossary(request: Request, glossary_id: str, glossaries: GlossariesDependency) -> GlossaryResponse:
    """Return one of the client's glossaries without its entries."""
    client, _ = await authorize_deepl(request)
    return _glossary_response(glossaries.get(client.name, glossary_id))


@router.get(
    "/glossaries/{glossary_id}/entries",
    response_class=Response,
    responses={200: {"content": {"text/tab-separated-values": {}}}, **error_responses(403, 404, 429)},
)
async def get_glossary_entries(request: Request, glossary_id: str, glossaries: GlossariesDependency) -> Response:
    """Return a glossary's entries as TSV, whatever format they were created from."""
    client, _ = await authorize_deepl(request)
    entries = glossaries.get(client.name, glossary_id).entries
    return Response(entries_to_tsv(entries), media_type="text/tab-separated-values")


@router.delete("/glossaries/{glossary_id}", status_code=204, responses=error_responses(403, 404, 429, 503))
async def delete_glossary(request: Request, glossary_id: str, glossaries: GlossariesDependency) -> None:
    """Delete a glossary."""
    client, _ = await authorize_deepl(request)
    glossaries.delete(client.name, glossary_id)


async def authorize_deepl(request: Request, list_names: Collection[str] = ()) -> tuple[Client, dict[str, Any]]:
    """Return the client and the parameters of a request. DeepL's oldest clients send the API key as a parameter."""
    values = await read_parameters(request, list_names)
    key = values.get("auth_key")
    return authorize(request, key if isinstance(key, str) else None), values


def validate_deepl(model: type[ModelT], values: dict[str, Any]) -> ModelT:
    """Return the parameters as an instance of ``model``; those that are null or empty count as missing."""
    return validate_parameters(model, {name: value for name, value in values.items() if value not in (None, "")})


def served_languages(models: ModelRegistry, source_lang: str | None, target_lang: str) -> tuple[str | None, str]:
    """Return the served source language, if it is given, and the served target language.

    Raises BadRequestError, which names the parameter, if a language is not served.
    """
    try:
        if source_lang is None:
            return None, models.match_language(target_lang, "target").name
        source, target = models.match_pair(source_lang, target_lang)
    except UnsupportedLanguageError as error:
        raise BadRequestError(f"Value for '{error.parameter}_lang' not supported: {error}") from None
    return source.name, target.name


def _glossary_pairs(models: ModelRegistry) -> set[tuple[str, str]]:
    """Return the language pairs, without regions, that the models translate, also through a pivot language."""
    languages = models.listed_languages
    routes = {(source, target) for target in languages for source in models.source_languages(target)}
    return {(primary_subtag(source), primary_subtag(target)) for source, target in routes | {*models.language_pairs}}


def _deepl_translation(text: str, result: TranslationResult, model_type: str | None) -> DeeplTranslation:
    members: dict[str, Any] = {
        "detected_source_language": result.detected.language.upper(),
        "text": result.translation.text,
        "billed_characters": len(text),  # always included, because some clients fail without it
    }
    if model_type is not None:
        members["model_type_used"] = model_type.removeprefix("prefer_")
    return DeeplTranslation(**members)


def _glossary_response(glossary: Glossary) -> GlossaryResponse:
    return GlossaryResponse(
        glossary_id=glossary.id,
        name=glossary.name,
        ready=True,
        source_lang=glossary.source,
        target_lang=glossary.target,
        # DeepL's clients require a fraction of a second, even if it is zero.
        creation_time=glossary.created.isoformat(timespec="milliseconds"),
        entry_count=len(glossary.entries),
    )
