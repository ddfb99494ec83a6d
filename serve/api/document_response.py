"""Response with a translated document."""

import re
from pathlib import PurePath
from urllib.parse import quote

from fastapi import Response
from fastapi.responses import FileResponse

from serve.errors import DocumentNotReadyError
from serve.service.document_job import DocumentJob
from serve.service.documents import DocumentQueue

_TEXT_TYPES = ("text/", "application/xml")


def document_response(documents: DocumentQueue, job: DocumentJob) -> Response:
    """Return the response with the translation of a document.

    Raises:
        ServiceError: The translation is not finished, or has failed.
    """
    if job.error is not None:
        raise job.error
    if job.state != "done":
        raise DocumentNotReadyError("the document is not translated yet; try again later")
    media_type = job.format.media_type
    if media_type.startswith(_TEXT_TYPES):
        media_type += "; charset=utf-8"
    stem = PurePath(job.name).stem
    plain = re.sub(r"[^\w .()-]", "_", stem, flags=re.ASCII) or "translation"
    names = f"filename=\"{plain}{job.suffix}\"; filename*=UTF-8''{quote(stem + job.suffix, safe='')}"
    headers = {"Content-Disposition": f"attachment; {names}", "X-Content-Type-Options": "nosniff"}
    return FileResponse(documents.result(job), media_type=media_type, headers=headers)
