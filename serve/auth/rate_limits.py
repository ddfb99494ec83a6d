"""Limits on the request rate of clients and on the number of characters that they translate."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil

from serve.auth.cell_rate import CellRate
from serve.auth.client_identity import Client
from serve.errors import QuotaExceededError, TooManyRequestsError


class RateLimiter:
    """Limits the number of requests per minute of each API key or address."""

    def __init__(self) -> None:
        self._requests = CellRate()

    def check(self, client: Client, per_minute: int) -> None:
        """Count a request; raise TooManyRequestsError if the client has exceeded this number of requests per minute."""
        excess = self._requests.excess(client.identifier, per_minute)
        if excess > 0:
            raise TooManyRequestsError(per_minute, ceil(excess))
        self._requests.count(client.identifier, per_minute)


class CharacterUsage:
    """Counts the characters translated since the start, per API key and for all clients without a key together."""

    def __init__(self) -> None:
        self._characters: dict[str | None, int] = {}

    def characters(self, client: Client) -> int:
        """Return the number of characters translated for a client."""
        return self._characters.get(client.name, 0)

    @contextmanager
    def charge(self, client: Client, characters: int) -> Iterator[None]:
        """Count a number of characters against the client's quota, unless the block raises.

        Raises:
            QuotaExceededError: If the quota would be exceeded; the block is then not executed.
        """
        total = self.characters(client) + characters
        limit = client.key.character_limit if client.key else None
        if limit is not None and total > limit:
            raise QuotaExceededError(f"API key: the limit of {limit} characters is reached; use another key")
        self._characters[client.name] = total  # before the block, because other requests may arrive during it
        try:
            yield
        except BaseException:
            self._characters[client.name] -= characters
            raise
