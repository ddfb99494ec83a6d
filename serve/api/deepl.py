"""DeepL's API, version 2, as its official clients speak it."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from nmt.text.languages import primary_subtag
from serve.api.dependencies import admit, charged, get_service
from serve.api.language_names import language_name
from serve.api.parameters import Parsed, Text, documented, parse, read_parameters
from serve.auth.client_identity import Client
from serve.auth.rate_limits import Usage
from serve.errors import BadRequestError
from serve.http.disconnect import while_connected
from serve.http.error_responses import DeeplErrorResponse
from serve.models.registry import ModelRegistry
from serve.service import TranslationRequest, TranslationResult, TranslationService
from serve.stores.glossaries import Glossary, GlossaryStore, read_entries, write_entries

router = APIRouter(prefix="/v2", tags=["DeepL"])

_UNLIMITED = 1_000_000_000_000  # what DeepL answers where there is no limit

# Their clients take these for source languages alone, and refuse to translate into them.
_TARGET_VARIANTS = {"EN": ("EN-GB", "EN-US"), "PT": ("PT-BR", "PT-PT")}


# --- what comes in ---------------------------------------------------------------------------------------------


def _listed(value: Any) -> Any:
    """A list, also of one; DeepL's own servers take lists alone."""
    return [value] if isinstance(value, str) else value


def _no_formality(value: str) -> str:
    if value in {"more", "less"}:
        raise ValueError("is not supported for given 'target_lang'; prefer_more and prefer_less are")
    return value


def _unsupported(value: Any) -> Any:
    if value:
        raise ValueError("is not supported, and to ignore it would change the translation")
    return value


Tags = Annotated[list[Text], BeforeValidator(_listed)]


class TranslateRequest(BaseModel):
    """What ``/v2/translate`` takes. An optional parameter may be null or empty; what is not listed here is ignored."""

    text: Annotated[list[Text], BeforeValidator(_listed), Field(min_length=1)] = Field(
        description="The texts; in a form, a field each", examples=[["The black cat sleeps."]]
    )
    target_lang: Text = Field(description="Language to translate into, with or without its region", examples=["FR"])
    source_lang: Text | None = Field(None, description="Language of the texts; without it, that of each is detected")
    glossary_id: Text | None = Field(None, description="A glossary for these two languages; needs `source_lang`")
    tag_handling: Literal["html", "xml"] | None = Field(None, description="That the texts are markup")
    formality: Annotated[
        Literal["default", "more", "less", "prefer_more", "prefer_less"], AfterValidator(_no_formality)
    ] = Field("default", description="Makes no difference; `more` and `less` are refused")
    show_billed_characters: bool = Field(False, description="Makes no difference: they are always shown")
    model_type: Literal["quality_optimized", "prefer_quality_optimized", "latency_optimized"] | None = Field(
        None, description="Makes no difference: there is one model"
    )
    split_sentences: Literal["0", "1", "nonewlines"] = Field("1", description="Makes no difference")
    preserve_formatting: bool = Field(False, description="Makes no difference: formatting is always preserved")
    outline_detection: bool = Field(True, description="Makes no difference")
    context: Text | None = Field(None, description="Makes no difference")
    splitting_tags: Tags = Field([], description="Makes no difference")
    non_splitting_tags: Tags = Field([], description="Makes no difference")
    ignore_tags: Annotated[Tags, AfterValidator(_unsupported)] = Field([], description="Not supported")
    glossary_ids: Annotated[Tags, AfterValidator(_unsupported)] = Field([], description="Not supported")


_LISTS = {"text", "splitting_tags", "non_splitting_tags", "ignore_tags", "glossary_ids"}


class LanguagesRequest(BaseModel):
    """What ``/v2/languages`` takes."""

    type: Literal["source", "target"] = "source"


class GlossaryRequest(BaseModel):
    """What makes a glossary."""

    name: Text = Field(examples=["Animals"])
    source_lang: Text = Field(examples=["en"])
    target_lang: Text = Field(examples=["fr"])
    entries: Text = Field(description="A line for each entry: the term and its translation", examples=["cat\tminou"])
    entries_format: Literal["tsv", "csv"] = "tsv"


# --- what goes out ---------------------------------------------------------------------------------------------


class Translation(BaseModel):
    """A text's translation."""

    detected_source_language: str
    text: str
    billed_characters: int
    model_type_used: str = Field(default="", description="If a `model_type` was asked for")


class TranslateAnswer(BaseModel):
    """What ``/v2/translate`` answers."""

    translations: list[Translation]


class Language(BaseModel):
    """A language that is translated from or into."""

    language: str
    name: str
    supports_formality: bool = Field(default=False, description="Of target languages")


class UsageAnswer(BaseModel):
    """The characters that the client has had translated since the server's start, and how many it may."""

    character_count: int
    character_limit: int


class GlossaryAnswer(BaseModel):
    """A glossary, but for its entries."""

    glossary_id: str
    name: str
    ready: bool
    source_lang: str
    target_lang: str
    creation_time: str
    entry_count: int


class GlossariesAnswer(BaseModel):
    """The client's glossaries."""

    glossaries: list[GlossaryAnswer]


class LanguagePair(BaseModel):
    """Languages that a glossary can be for."""

    source_lang: str
    target_lang: str


class LanguagePairsAnswer(BaseModel):
    """All language pairs that a glossary can be for."""

    supported_languages: list[LanguagePair]


# --- routes ----------------------------------------------------------------------------------------------------


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": DeeplErrorResponse} for status in statuses}


async def get_glossaries(request: Request) -> GlossaryStore:
    """The glossaries of the application that the request came to."""
    return cast(GlossaryStore, request.app.state.glossaries)


GivenService = Annotated[TranslationService, Depends(get_service)]
GivenGlossaries = Annotated[GlossaryStore, Depends(get_glossaries)]


@router.post(
    "/translate",
    response_model_exclude_unset=True,
    responses=_errors(400, 403, 404, 413, 429, 456, 503),
    openapi_extra=documented(TranslateRequest),
)
async def translate(request: Request, service: GivenService, glossaries: GivenGlossaries) -> TranslateAnswer:
    """Translates texts. The parameters may also come in the query string."""
    client, parameters = await _admitted(request, _LISTS)
    asked = _parse(TranslateRequest, parameters)
    wish = TranslationRequest(
        source=None if asked.source_lang is None else _served(service.models, asked.source_lang),
        target=_served(service.models, asked.target_lang),
        markup=asked.tag_handling is not None,
    )
    if asked.glossary_id is not None:
        wish = _with_glossary(wish, glossaries, client, asked.glossary_id, service.models)
    with charged(request, client, asked.text):
        results = await while_connected(request, service.translate(asked.text, wish))
    return TranslateAnswer(
        translations=[_translation(asked, text, result) for text, result in zip(asked.text, results, strict=True)]
    )


@router.get("/languages", response_model_exclude_unset=True, responses=_errors(400, 403, 429, 503))
@router.post(
    "/languages",
    response_model_exclude_unset=True,
    responses=_errors(400, 403, 429, 503),
    openapi_extra=documented(LanguagesRequest),
)
async def languages(request: Request, service: GivenService) -> list[Language]:
    """The languages that are translated from, or with ``type=target`` into."""
    _, parameters = await _admitted(request)
    models = service.models
    if _parse(LanguagesRequest, parameters).type == "source":
        sources = [code for code in models.languages if models.targets(code) != [code]]
        return [Language(language=code.upper(), name=language_name(code)) for code in sources]
    names: dict[str, str] = {}
    for target in models.languages:
        if models.sources(target):
            for code in _TARGET_VARIANTS.get(target.upper(), (target,)):
                names[code.upper()] = language_name(code)
    return [Language(language=code, name=name, supports_formality=False) for code, name in sorted(names.items())]


@router.get("/usage", responses=_errors(403, 429))
@router.post("/usage", responses=_errors(403, 429))
async def usage(request: Request) -> UsageAnswer:
    """The characters that the client has had translated since the server's start, and how many it may have."""
    client, _ = await _admitted(request)
    counted: Usage = request.app.state.usage
    limit = client.key.character_limit if client.key else None
    return UsageAnswer(character_count=counted.characters(client), character_limit=limit or _UNLIMITED)


@router.get("/glossary-language-pairs", responses=_errors(403, 429, 503))
async def glossary_language_pairs(request: Request, service: GivenService) -> LanguagePairsAnswer:
    """The language pairs that a glossary can be for: those that a model translates by itself."""
    await _admitted(request)
    pairs = sorted(_glossary_pairs(service.models))
    return LanguagePairsAnswer(
        supported_languages=[LanguagePair(source_lang=source, target_lang=target) for source, target in pairs]
    )


@router.post(
    "/glossaries",
    status_code=201,
    responses=_errors(400, 403, 413, 429, 456, 503),
    openapi_extra=documented(GlossaryRequest),
)
async def create_glossary(request: Request, service: GivenService, glossaries: GivenGlossaries) -> GlossaryAnswer:
    """Makes a glossary, which is ready at once and never changes. Its languages have no regions: it is for all."""
    client, parameters = await _admitted(request)
    asked = _parse(GlossaryRequest, parameters)
    source, target = pair = primary_subtag(asked.source_lang), primary_subtag(asked.target_lang)
    if pair not in _glossary_pairs(service.models):
        raise BadRequestError(f"there can be no glossary for {source[:20]!r} to {target[:20]!r}")
    entries = await asyncio.to_thread(read_entries, asked.entries, asked.entries_format)
    return _info(glossaries.create(client.name, asked.name, source, target, entries))


@router.get("/glossaries", responses=_errors(403, 429))
async def list_glossaries(request: Request, glossaries: GivenGlossaries) -> GlossariesAnswer:
    """The client's glossaries, the oldest first."""
    client, _ = await _admitted(request)
    return GlossariesAnswer(glossaries=[_info(glossary) for glossary in glossaries.owned_by(client.name)])


@router.get("/glossaries/{glossary_id}", responses=_errors(403, 404, 429))
async def get_glossary(request: Request, glossary_id: str, glossaries: GivenGlossaries) -> GlossaryAnswer:
    """One of the client's glossaries."""
    client, _ = await _admitted(request)
    return _info(glossaries.get(client.name, glossary_id))


@router.get(
    "/glossaries/{glossary_id}/entries",
    response_class=Response,
    responses={200: {"content": {"text/tab-separated-values": {}}}, **_errors(403, 404, 429)},
)
async def get_glossary_entries(request: Request, glossary_id: str, glossaries: GivenGlossaries) -> Response:
    """A glossary's entries, as TSV whatever they were made from."""
    client, _ = await _admitted(request)
    entries = glossaries.get(client.name, glossary_id).entries
    return Response(write_entries(entries), media_type="text/tab-separated-values")


@router.delete("/glossaries/{glossary_id}", status_code=204, responses=_errors(403, 404, 429, 503))
async def delete_glossary(request: Request, glossary_id: str, glossaries: GivenGlossaries) -> None:
    """Forgets a glossary for good."""
    client, _ = await _admitted(request)
    glossaries.delete(client.name, glossary_id)


# ---------------------------------------------------------------------------------------------------------------


async def _admitted(request: Request, lists: Collection[str] = ()) -> tuple[Client, dict[str, Any]]:
    """The client, if it may ask now, and the parameters; DeepL's oldest clients have their key among these."""
    parameters = await read_parameters(request, lists)
    key = parameters.get("auth_key")
    return admit(request, key if isinstance(key, str) else None), parameters


def _parse(model: type[Parsed], parameters: dict[str, Any]) -> Parsed:
    """Parameters as ``model`` wants them; what is null or empty counts as not given."""
    return parse(model, {name: value for name, value in parameters.items() if value is not None and value != ""})


def _served(models: ModelRegistry, code: str) -> str:
    """The served language that is meant: that very one, else that of all regions, else, if any will do, one of them.

    Raises ``UnsupportedLanguageError``.
    """
    wanted = code.replace("_", "-").casefold()
    known = {each.replace("_", "-").casefold(): each for each in models.languages}
    variants = [known[each] for each in sorted(known) if primary_subtag(each) == wanted]
    return known.get(wanted) or known.get(primary_subtag(wanted)) or next(iter(variants), None) or models.language(code)


def _glossary_pairs(models: ModelRegistry) -> set[tuple[str, str]]:
    return {(primary_subtag(source), primary_subtag(target)) for source, target in models.pairs}


def _with_glossary(
    wish: TranslationRequest, glossaries: GlossaryStore, client: Client, id_: str, models: ModelRegistry
) -> TranslationRequest:
    """The wish with that glossary, if it goes with its languages."""
    if wish.source is None:
        raise BadRequestError("glossary_id: needs a source_lang")
    glossary = glossaries.get(client.name, id_)
    if (primary_subtag(wish.source), primary_subtag(wish.target)) != (glossary.source, glossary.target):
        raise BadRequestError(f"glossary_id: that glossary is for {glossary.source} to {glossary.target}")
    if len(models.route(wish.source, wish.target)) > 1:
        raise BadRequestError("glossary_id: there is a language between these two, so that no glossary can be used")
    return replace(wish, glossary=glossary)


def _translation(asked: TranslateRequest, text: str, result: TranslationResult) -> Translation:
    members: dict[str, Any] = {
        "detected_source_language": result.source.language.upper(),
        "text": result.answer.text,
        "billed_characters": len(text),  # asked for or not: some of their clients fail without it
    }
    if asked.model_type is not None:
        members["model_type_used"] = asked.model_type.removeprefix("prefer_")
    return Translation(**members)


def _info(glossary: Glossary) -> GlossaryAnswer:
    return GlossaryAnswer(
        glossary_id=glossary.id,
        name=glossary.name,
        ready=True,
        source_lang=glossary.source,
        target_lang=glossary.target,
        # Their clients insist on a fraction of a second, even of zero.
        creation_time=glossary.created.isoformat(timespec="milliseconds"),
        entry_count=len(glossary.entries),
    )
