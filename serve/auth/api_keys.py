"""API keys: which there are, and whose one is. Only their SHA-256 digests are kept.

A plain hash does: keys are long and random, so that nobody finds one by hashing guesses, as with passwords.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from nmt.config.errors import FieldError, first_field_error
from nmt.utils.errors import UsageError
from serve.settings import Settings

Digest = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[0-9a-fA-F]{64}$")]


class Key(BaseModel):
    """An entry of the file of keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    """Whose key it is, for logs and counters."""
    sha256: Digest = Field(repr=False)
    """The key's SHA-256 in hexadecimal digits."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    """The key's own rate limit, in place of ``NMT_RATE_LIMIT``."""
    character_limit: int | None = Field(default=None, ge=1)
    """The most characters to translate with it, counted from the server's start."""


class Keys:
    """All keys, found by what a client gives."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._by_digest = {key.sha256: key for key in keys}

    def __bool__(self) -> bool:
        return bool(self._by_digest)

    def find(self, given: str) -> Key | None:
        """The key that ``given`` is.

        The look-up's time may tell of digests, but nobody can choose a key by the beginning of its digest.
        """
        return self._by_digest.get(_digest(given))


def read_keys(settings: Settings) -> Keys:
    """The keys of the environment and of the file. Raises ``UsageError`` with one line that says what to mend."""
    plain = [each.strip() for each in settings.api_keys.get_secret_value().split(",") if each.strip()]
    digests = list(dict.fromkeys(map(_digest, plain)))
    # Named for itself, not for its place: glossaries, which outlive the server, belong to a name.
    keys = [Key(name=f"environment-{digest[:8]}", sha256=digest) for digest in digests]
    if settings.api_keys_file is not None:
        keys += _read_file(settings.api_keys_file)
    if settings.require_api_key and not keys:
        raise UsageError("NMT_REQUIRE_API_KEY: there is no key to require; set NMT_API_KEYS or NMT_API_KEYS_FILE")
    return Keys(keys)


def _read_file(path: Path) -> list[Key]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        keys = TypeAdapter(list[Key]).validate_python(tree)
    except OSError as error:
        raise UsageError(f"NMT_API_KEYS_FILE: {path} can't be read ({error.strerror}); name a YAML file") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise UsageError(f"{path}{f', line {mark.line + 1}' if mark else ''}: not valid YAML; mend it there") from None
    except ValidationError as error:
        raise UsageError(f"{path}{_complaint(first_field_error(error))}") from None
    for field in ("name", "sha256"):
        values = [getattr(key, field) for key in keys]
        for n, value in enumerate(values):
            if value in values[:n]:
                first = values.index(value) + 1
                raise UsageError(f"{path}, entry {n + 1}, {field}: the same as entry {first}'s; give each its own")
    return keys


_REMEDIES = {
    "name": "1 to 64 of A-Z, a-z, 0-9 and . _ - are needed",
    "sha256": "the key's SHA-256 is needed, 64 hexadecimal digits in quotes",
    "requests_per_minute": "a whole number from 1 on is needed, or no such field",
    "character_limit": "a whole number from 1 on is needed, or no such field",
}


def _complaint(problem: FieldError) -> str:
    """What is wrong where, without the value: it may be a key that was put in the wrong place."""
    match problem.path:
        case (int(n), str(field)):
            remedy = _REMEDIES.get(field, f"there is no such field; there are {', '.join(_REMEDIES)}")
            return f", entry {n + 1}, {field}: {remedy}"
        case (int(n),):
            return f", entry {n + 1}: an entry must have a name and a sha256"
        case _:
            return ": must be a list of entries, each with a name and a sha256"


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()  # JSON can spell what no encoding has
