"""Document routes of DeepL's API, as its official client libraries use them."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from serve.api.deepl import authorize_deepl, error_responses, served_languages, validate_deepl
from serve.api.dependencies import DocumentsDependency, GlossariesDependency, ServiceDependency, authorize
from serve.api.document_response import document_response
from serve.api.parameters import ApiModel, EncodableText, read_uploaded_file, request_body_schema
from serve.errors import BadRequestError
from serve.service import TranslationRequest
from serve.service.document_job import DocumentJob

router = APIRouter(prefix="/v2/document", tags=["DeepL"])


class DocumentRequest(ApiModel):
    """Parameters of ``/v2/document`` in addition to the file."""

    target_lang: EncodableText = Field(examples=["FR"])
    """Language to translate into."""
    source_lang: EncodableText | None = None
    """Language of the document; detected if it is missing."""
    filename: EncodableText | None = None
    """Name of the document, whose extension determines the format; by default, that of the uploaded file."""
    glossary_id: EncodableText | None = None
    """Id of a glossary, which requires `source_lang`."""


class DocumentHandle(ApiModel):
    """Id and key of a document."""

    document_id: str
    document_key: str


class DocumentKey(ApiModel):
    """Key that was returned with the id of a document."""

    document_key: EncodableText


class DocumentStatus(ApiModel):
    """State of a document."""

    document_id: str
    status: str
    """`queued`, `translating`, `done` or `error`."""
    seconds_remaining: int | None = None
    """Estimated time until the translation is done."""
    billed_characters: int | None = None
    """Number of characters of the document."""
    error_message: str | None = None
    """Why the translation failed."""


@router.post(
    "",
    responses=error_responses(400, 403, 413, 429, 503),
    openapi_extra=request_body_schema(DocumentRequest, with_file=True),
)
async def upload_document(
    request: Request, service: ServiceDependency, documents: DocumentsDependency, glossaries: GlossariesDependency
) -> DocumentHandle:
    """Upload a document, whose translation begins at once or after those of other documents."""
    values, file = await read_uploaded_file(request)
    key = values.get("auth_key")
    client = authorize(request, key if isinstance(key, str) else None)
    parameters = validate_deepl(DocumentRequest, values)
    models = service.models
    translation_request = TranslationRequest(
        *served_languages(models, parameters.source_lang, parameters.target_lang),
        glossary=None if parameters.glossary_id is None else glossaries.get(client.name, parameters.glossary_id),
    )
    if translation_request.glossary is not None:
        if translation_request.source_language is None:
            raise BadRequestError("glossary_id: requires a source language; send source_lang")
        languages = translation_request.source_language, translation_request.target_language
        translation_request.glossary.check_languages(*languages, "glossary_id")
    job = documents.submit(client, parameters.filename or file.name, file.content, translation_request)
    return DocumentHandle(document_id=job.id, document_key=job.key)


@router.post(
    "/{document_id}",
    response_model_exclude_none=True,
    responses=error_responses(400, 403, 404, 429),
    openapi_extra=request_body_schema(DocumentKey),
)
async def document_status(request: Request, document_id: str, documents: DocumentsDependency) -> DocumentStatus:
    """Return the state of a document."""
    job = await _find_document(request, document_id, documents)
    members: dict[str, Any] = {}
    if job.state == "translating":
        members["seconds_remaining"] = job.seconds_remaining
    elif job.state == "done":
        members["billed_characters"] = job.num_characters
    elif job.error is not None:
        members["error_message"] = str(job.error)
    return DocumentStatus(document_id=job.id, status=job.state, **members)


@router.post(
    "/{document_id}/result",
    response_class=Response,
    responses=error_responses(400, 403, 404, 429, 503),
    openapi_extra=request_body_schema(DocumentKey),
)
async def document_result(request: Request, document_id: str, documents: DocumentsDependency) -> Response:
    """Return the translation of a document."""
    return document_response(documents, await _find_document(request, document_id, documents))


@router.delete(
    "/{document_id}",
    status_code=204,
    responses=error_responses(400, 403, 404, 429),
    openapi_extra=request_body_schema(DocumentKey),
)
async def delete_document(request: Request, document_id: str, documents: DocumentsDependency) -> None:
    """Cancel the translation of a document, and delete it."""
    documents.cancel(await _find_document(request, document_id, documents))


async def _find_document(request: Request, document_id: str, documents: DocumentsDependency) -> DocumentJob:
    client, values = await authorize_deepl(request)
    return documents.get_owned(client, document_id, validate_deepl(DocumentKey, values).document_key)
