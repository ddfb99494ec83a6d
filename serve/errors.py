"""Exceptions whose messages are sent to the client, each with its HTTP status."""

import traceback
from typing import ClassVar, Literal

LanguageParameter = Literal["source", "target"]
"""Source or target language of a request."""


class ServiceError(Exception):
    """Base class of all errors whose message of one line is sent to the client."""

    status: ClassVar[int] = 500
    """HTTP status of the response."""
    rejection_reason: ClassVar[str | None] = None
    """Label of ``nmt_rejected_total`` under which the request is counted; None if it is not counted there."""
    retry_after: int | None = None
    """Seconds after which the client may try again, for the ``Retry-After`` header."""


class BadRequestError(ServiceError):
    """The request is invalid; the message says what to change."""

    status = 400


class UnsupportedLanguageError(BadRequestError):
    """No served model translates the requested language or language pair."""

    def __init__(self, message: str, parameter: LanguageParameter | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter
        """Language that is not supported; None if it is the pair."""


class LimitExceededError(BadRequestError):
    """The request exceeds a limit of the settings, such as the length of a text."""


class InvalidGlossaryError(BadRequestError):
    """A glossary, or one of its entries, is invalid; the message names the entry."""


class ApiKeyError(ServiceError):
    """The API key is missing or unknown."""

    status = 403
    rejection_reason = "key"


class ConflictError(ServiceError):
    """The state of the server does not allow the request."""

    status = 409


class GlossaryNotFoundError(ServiceError):
    """The client has no glossary with this id."""

    status = 404


class TooManyRequestsError(ServiceError):
    """The client has exceeded its rate limit."""

    status = 429
    rejection_reason = "rate"

    def __init__(self, per_minute: int, retry_after: int, of_what: str = "requests") -> None:
        super().__init__(f"too many {of_what}; at most {per_minute} per minute are allowed")
        self.retry_after = retry_after


class QuotaExceededError(ServiceError):
    """The client's API key has no characters left; on DeepL's routes the status is 456."""

    status = 429
    rejection_reason = "quota"


class DocumentNotFoundError(ServiceError):
    """The client has no document with this id and key."""

    status = 404


class DocumentNotReadyError(ServiceError):
    """The document is not translated yet, or its translation failed."""

    status = 503
    retry_after = 1


class TooManyDocumentsError(ServiceError):
    """The client already has the maximum number of documents in the queue."""

    status = 429
    rejection_reason = "queue_full"
    retry_after = 30


class TooManyGlossariesError(ServiceError):
    """The client already has the maximum number of glossaries; the status is DeepL's own."""

    status = 456


class SuggestionsDisabledError(ServiceError):
    """The server has no translation memory."""

    status = 403


class TooManyMemoryEntriesError(ServiceError):
    """The client already has the maximum number of entries in the translation memory."""

    status = 429


class MemoryStorageError(ServiceError):
    """An entry of the translation memory could not be written to disk; the log has the reason."""

    status = 503


class TranslationFailedError(ServiceError):
    """The engine raised an exception while it translated a sentence."""


class GlossaryStorageError(ServiceError):
    """A glossary could not be written to disk, and nothing was changed; the log has the reason."""

    status = 503


class DocumentStorageError(ServiceError):
    """A document could not be written to disk; the log has the reason."""

    status = 503


class QueueFullError(ServiceError):
    """Too many sentences are waiting."""

    status = 503
    rejection_reason = "queue_full"

    def __init__(self, retry_after: int) -> None:
        super().__init__("the server is busy; try again later")
        self.retry_after = retry_after


class TimedOutError(ServiceError):
    """The translation did not finish within the request time-out."""

    status = 503
    rejection_reason = "timed_out"
    retry_after = 1


class NotReadyError(ServiceError):
    """The models are not loaded yet, or the server is shutting down."""

    status = 503
    rejection_reason = "not_ready"
    retry_after = 5


def error_location(error: BaseException) -> str:
    """Return an exception's type and stack trace, without its message, which may contain text of a user."""
    return f"{type(error).__name__} at\n{''.join(traceback.format_tb(error.__traceback__))}"
