"""Settings of the service, which are read from environment variables ``NMT_…``."""

import difflib
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, IPvAnyNetwork, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from nmt.config.errors import first_field_error
from nmt.utils.cpus import available_cpus
from nmt.utils.errors import UsageError


def _check_origin(value: str) -> str:
    """Return the value; raise ValueError if it is neither ``*`` nor the origin of web pages."""
    if value != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s]+", value):
        raise ValueError("use an origin such as https://example.org, or *")
    return value


_LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


def _check_root_path(value: str) -> str:
    """Return the path without a slash at its end; raise ValueError if it is no path."""
    if not re.fullmatch(r"((/[A-Za-z0-9._~-]+)*/?)", value):
        raise ValueError("use a path such as /translate")
    return value.rstrip("/")


Origin = Annotated[str, AfterValidator(_check_origin)]


class Settings(BaseSettings):
    """Settings of the service. An empty environment variable counts as unset."""

    model_config = SettingsConfigDict(env_prefix="NMT_", env_ignore_empty=True, use_attribute_docstrings=True)

    host: str = Field("127.0.0.1", min_length=1)
    """Address to listen on."""
    port: int = Field(5000, ge=0, le=65535)
    """Port to listen on; 0 selects a free port."""
    models: Annotated[tuple[Path, ...], NoDecode] = ()
    """Model directories, or directories that contain model directories, separated by commas."""
    threads: int = Field(default_factory=available_cpus, ge=1)
    """Number of decoding threads per model, each of which uses one CPU core. The default is the available cores."""
    slots: int = Field(16, ge=1)
    """Number of sentences that a decoding thread translates at the same time."""
    lazy: bool = False
    """Whether models are loaded at their first request instead of at the start."""
    cache: int = Field(2000, ge=0)
    """Number of translated sentences to keep for repeated requests; 0 turns the cache off."""
    glossaries: Path | None = None
    """Directory in which glossaries are stored; without it they are lost when the server stops."""
    documents: Path | None = None
    """Directory for uploaded documents and their translations, with which the next server continues; by default, a
    temporary directory, which ends with the server."""
    document_bytes: int = Field(1_000_000_000, ge=1)
    """Maximum size of all documents together in bytes; the oldest translations are deleted first."""
    memory: Path | None = None
    """Translation memory, as filled by ``nmt memory import``. Its exact matches are reused and its similar entries are
    offered; with API keys, clients may add entries of their own."""
    char_limit: int = Field(10_000, ge=1)
    """Maximum length of a text in characters (code points)."""
    batch_limit: int = Field(128, ge=1)
    """Maximum number of texts in one request."""
    max_alternatives: int = Field(5, ge=0)
    """Maximum number of alternatives that a request may ask for."""
    max_body_bytes: int = Field(2_000_000, ge=1)
    """Maximum size of a request body in bytes."""
    max_file_bytes: int = Field(10_000_000, ge=1)
    """Maximum size of a request body with a document in bytes."""
    queue_limit: int = Field(5000, ge=1)
    """Maximum number of waiting sentences, over all models; also the maximum of one request."""
    request_timeout: float = Field(30.0, gt=0, allow_inf_nan=False)
    """Seconds for each phase of a request: receiving the header, the body, translating, sending the response."""

    rate_limit: int = Field(0, ge=0)
    """Requests per minute allowed per API key or address; 0 turns the limit off."""
    api_keys: SecretStr = SecretStr("")
    """API keys, separated by commas."""
    api_keys_file: Path | None = None
    """YAML file with the names, SHA-256 digests and limits of API keys."""
    require_api_key: bool = False
    """Whether an API key is required to translate."""
    cors_origins: Annotated[tuple[Origin, ...], NoDecode] = ()
    """Origins of web pages that may call the API, such as ``https://example.org``, separated by commas; ``*`` allows
    every origin."""
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Host names and addresses by which clients may address the service, separated by commas; ``*`` allows all. By
    default all, or those of the local machine if the service listens there only."""
    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = ()
    """Addresses or networks of the proxies whose ``X-Forwarded-For`` header is trusted, separated by commas."""
    root_path: Annotated[str, AfterValidator(_check_root_path)] = ""
    """Path under which a reverse proxy makes the service available, such as ``/translate``. The ``X-Forwarded-Prefix``
    header of a trusted proxy takes precedence."""
    keep_alive: float = Field(75.0, gt=0, allow_inf_nan=False)
    """Seconds after which an idle connection is closed; longer than load balancers keep theirs, which is often 60."""
    inspect: bool = False
    """Whether ``/inspect`` shows the network's activations for a sentence, which needs memory for another copy of the
    weights."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Minimum level of log messages; requests are logged at ``info``."""

    @field_validator("models", "allowed_hosts", "cors_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split_at_commas(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @property
    def allowed_hosts_or_default(self) -> tuple[str, ...]:
        """Allowed hosts, with the default if the setting is empty."""
        if self.allowed_hosts:
            return self.allowed_hosts
        return (*_LOCAL_HOSTS, self.host) if self.host in _LOCAL_HOSTS or self.host.startswith("127.") else ("*",)


def read_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment; overrides, given by name, take precedence unless they are None.

    Raises:
        UsageError: A value is invalid, or a variable starts with ``NMT_`` but is not a setting.
    """
    _check_variable_names()
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        problem = first_field_error(error)
        variable = f"NMT_{problem.path[0]}".upper()
        raise UsageError(f"{variable}: invalid value {str(problem.value)[:80]!r}; {problem.message}") from None


def _check_variable_names() -> None:
    """Raise UsageError if the environment has a variable with our prefix that is not a setting."""
    known = [f"NMT_{name}".upper() for name in Settings.model_fields]
    for variable in sorted(os.environ):
        name = variable.upper()
        if name.startswith("NMT_") and name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0)[0]
            raise UsageError(f"{variable}: unknown setting; did you mean {nearest}?")
