"""API keys, of which only the SHA-256 digests are stored.

A hash without salt is sufficient, because keys, unlike passwords, are too long and random to be guessed.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from nmt.config.errors import FieldError, first_field_error
from nmt.config.yaml_text import YamlError, parse_yaml
from nmt.utils.errors import UsageError
from serve.settings import Settings

_SHORTEST_KEY = 6  # 20 tries a minute take 75,000 days for 6 random letters and digits, but 6 years for 5

Sha256Hex = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[0-9a-fA-F]{64}$")]


class ApiKey(BaseModel):
    """An entry of the API keys file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    """Name of the key's owner, for logs and counters."""
    sha256: Sha256Hex = Field(repr=False)
    """SHA-256 digest of the key in hexadecimal."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    """Rate limit of the key, which replaces ``NMT_RATE_LIMIT``."""
    character_limit: int | None = Field(default=None, ge=1)
    """Number of characters that may be translated with the key, counted from the server's start."""
    operator: bool = Field(default=False, strict=True)
    """Whether the key may also see the server's state, reload the models and drain the server."""


class ApiKeys:
    """The set of valid API keys, indexed by digest."""

    def __init__(self, keys: Iterable[ApiKey] = ()) -> None:
        self._by_digest = {key.sha256: key for key in keys}

    def __iter__(self) -> Iterator[ApiKey]:
        return iter(self._by_digest.values())

    def __bool__(self) -> bool:
        return bool(self._by_digest)

    def find(self, secret: str) -> ApiKey | None:
        """Return the entry of an API key; None if the key is unknown.

        The duration of the look-up may depend on the digest, but a client cannot choose a key by its digest.
        """
        return self._by_digest.get(_sha256(secret))


def read_api_keys(settings: Settings) -> ApiKeys:
    """Read the keys from the environment and the API keys file.

    Raises:
        UsageError: A key is too short, the file is invalid, or keys are required and there is none.
    """
    secrets = [part.strip() for part in settings.api_keys.get_secret_value().split(",") if part.strip()]
    for n, secret in enumerate(secrets):
        if len(secret) < _SHORTEST_KEY:
            reason = f"shorter than {_SHORTEST_KEY} characters"
            raise UsageError(
                f"NMT_API_KEYS, entry {n + 1}: {reason}; use a long random key, as of openssl rand -hex 16"
            )
    digests = list(dict.fromkeys(map(_sha256, secrets)))
    # The name depends on the key and not on its position, because stored glossaries belong to the name.
    keys = [ApiKey(name=f"environment-{digest[:8]}", sha256=digest) for digest in digests]
    if settings.api_keys_file is not None:
        keys += _read_file(settings.api_keys_file)
    if settings.require_api_key and not keys:
        raise UsageError("NMT_REQUIRE_API_KEY: there are no API keys; set NMT_API_KEYS or NMT_API_KEYS_FILE")
    return ApiKeys(keys)


def _read_file(path: Path) -> list[ApiKey]:
    """Read the API keys file; raise UsageError if it is invalid."""
    try:
        tree, _ = parse_yaml(path.read_text(encoding="utf-8"))
        keys = TypeAdapter(list[ApiKey]).validate_python(tree)
    except OSError as error:
        raise UsageError(f"NMT_API_KEYS_FILE: cannot read {path} ({error.strerror}); name a YAML file") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: invalid UTF-8 at byte {error.start}; re-encode the file as UTF-8") from None
    except YamlError as error:
        raise UsageError(f"{path}{f':{error.line}' if error.line else ''}: invalid YAML; fix the syntax") from None
    except ValidationError as error:
        raise UsageError(f"{path}{_describe_problem(first_field_error(error))}") from None
    for field in ("name", "sha256"):
        values = [getattr(key, field) for key in keys]
        for n, value in enumerate(values):
            if value in values[:n]:
                first = values.index(value) + 1
                raise UsageError(f"{path}, entry {n + 1}, {field}: same as in entry {first}; make it unique")
    return keys


_REQUIREMENTS = {
    "name": "use 1 to 64 of the characters A-Z, a-z, 0-9, '.', '_' and '-'",
    "sha256": "use the key's SHA-256 digest, 64 hexadecimal digits in quotes",
    "requests_per_minute": "use an integer of at least 1, or leave the field out",
    "character_limit": "use an integer of at least 1, or leave the field out",
    "operator": "use true or false, or leave the field out",
}


def _describe_problem(problem: FieldError) -> str:
    """Return the place and kind of a problem, without the value, which may be a key in the wrong field."""
    match problem.path:
        case (int(n), str(field)) if field in _REQUIREMENTS:
            return f", entry {n + 1}, {field}: missing or invalid; {_REQUIREMENTS[field]}"
        case (int(n), str(field)):
            return f", entry {n + 1}, {field}: unknown field; use only {', '.join(_REQUIREMENTS)}"
        case (int(n),):
            return f", entry {n + 1}: not a mapping; give it a name and a sha256"
        case _:
            return ": not a list; list the keys, each with a name and a sha256"


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()  # JSON may contain lone surrogates
