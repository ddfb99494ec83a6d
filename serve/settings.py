"""The service's settings: environment variables ``NMT_…``, safe by default."""

import difflib
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, IPvAnyNetwork, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from nmt.config.errors import first_field_error
from nmt.utils.cpus import cores
from nmt.utils.errors import UsageError


def _is_origin(value: str) -> str:
    if value != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s]+", value):
        raise ValueError("an origin such as https://example.org is needed, or *")
    return value


Origin = Annotated[str, AfterValidator(_is_origin)]


class Settings(BaseSettings):
    """What an operator can choose. A variable that is set but empty counts as not set."""

    model_config = SettingsConfigDict(env_prefix="NMT_", env_ignore_empty=True)

    host: str = Field("127.0.0.1", min_length=1)
    """The address to listen on."""
    port: int = Field(5000, ge=0, le=65535)
    """The port to listen on; 0 lets the kernel choose."""
    models: Annotated[tuple[Path, ...], NoDecode] = ()
    """Model directories, or directories of them; in the environment separated by commas."""
    threads: int = Field(default_factory=cores, ge=1)
    """Decoding processes of each model, a core for each."""
    slots: int = Field(16, ge=1)
    """The sentences that a decoding process translates at once."""
    lazy: bool = False
    """Whether models are loaded when they are first needed, not at the start."""
    cache: int = Field(2000, ge=0)
    """The finished sentences that are remembered for whoever asks for them again; 0 remembers none."""
    glossaries: Path | None = None
    """The directory that glossaries are kept in; without it they are forgotten when the server stops."""
    char_limit: int = Field(10_000, ge=1)
    """The longest text, in characters (code points)."""
    batch_limit: int = Field(128, ge=1)
    """The most texts in one request."""
    max_alternatives: int = Field(5, ge=0)
    """The most alternatives that a request may ask for."""
    max_body_bytes: int = Field(2_000_000, ge=1)
    """The largest request body."""
    queue_limit: int = Field(5000, ge=1)
    """The most sentences that wait, for all models together; also the most of one request."""
    request_timeout: float = Field(30.0, gt=0, allow_inf_nan=False)
    """Seconds for a body to arrive, and again for its answer to be ready."""

    rate_limit: int = Field(0, ge=0)
    """Requests a minute from one address or with one key; 0 allows any number."""
    api_keys: SecretStr = SecretStr("")
    """API keys, separated by commas."""
    api_keys_file: Path | None = None
    """A YAML file of API keys' names, hashes and limits."""
    require_api_key: bool = False
    """Whether translating needs an API key."""
    cors_origins: Annotated[tuple[Origin, ...], NoDecode] = ()
    """Origins of web pages that may ask, such as ``https://example.org``, separated by commas; ``*`` is any."""
    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = ()
    """Addresses or networks of proxies whose ``X-Forwarded-For`` is believed, separated by commas."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is logged; from ``warning`` on no line for each request."""

    @field_validator("models", "cors_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(chunk.strip() for chunk in value.split(",") if chunk.strip())
        return value


def read_settings(**given: Any) -> Settings:
    """The settings from the environment; what is ``given`` (and not None) has precedence.

    Raises ``UsageError`` with one line that names the variable, be it of a wrong value or itself misspelt.
    """
    _check_names()
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        problem = first_field_error(error)
        variable = f"NMT_{problem.path[0]}".upper()
        raise UsageError(f"{variable}: {problem.message}, not {str(problem.value)[:80]!r}") from None


def _check_names() -> None:
    known = [f"NMT_{name}".upper() for name in Settings.model_fields]
    for variable in sorted(os.environ):
        name = variable.upper()
        if name.startswith("NMT_") and name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0)[0]
            raise UsageError(f"{variable}: there is no such setting; did you mean {nearest}?")
