"""The service's settings: environment variables ``NMT_…``, safe by default."""

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from nmt.errors import UsageError


def _cores() -> int:
    """The cores that this process may use, which in a container are fewer than the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Settings(BaseSettings):
    """What an operator can choose. A variable that is set but empty counts as not set."""

    model_config = SettingsConfigDict(env_prefix="NMT_", env_ignore_empty=True)

    host: str = Field("127.0.0.1", min_length=1)
    """The address to listen on."""
    port: int = Field(5000, ge=0, le=65535)
    """The port to listen on; 0 lets the kernel choose."""
    models: Annotated[tuple[Path, ...], NoDecode] = ()
    """Model directories; in the environment separated by commas."""
    threads: int = Field(default_factory=_cores, ge=1)
    """Threads of one model's arithmetic."""
    char_limit: int = Field(10_000, ge=1)
    """The longest text, in characters (code points)."""
    batch_limit: int = Field(128, ge=1)
    """The most texts in one request."""
    max_alternatives: int = Field(5, ge=0)
    """The most alternatives that a request may ask for."""
    max_body_bytes: int = Field(2_000_000, ge=1)
    """The largest request body."""
    queue_limit: int = Field(5000, ge=1)
    """The most sentences (lines of text) that wait for one model. The default holds any one allowed text."""
    request_timeout: float = Field(30.0, gt=0, allow_inf_nan=False)
    """Seconds for a body to arrive, and again for its answer to be ready."""

    @field_validator("models", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value


def read_settings(**given: Any) -> Settings:
    """The settings from the environment; what is ``given`` (and not None) has precedence.

    Raises ``UsageError`` with one line that names the variable.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        variable = f"NMT_{first['loc'][0]}".upper()
        raise UsageError(f"{variable}: {first['msg']}, not {str(first['input'])[:80]!r}") from None
