"""How often a client may ask, and how much it may have translated."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from time import monotonic

from cachetools import LRUCache

from serve.auth.client_identity import Client
from serve.errors import QuotaExceededError, TooManyRequestsError

_MINUTE = 60.0
_MOST_CLIENTS = 100_000  # some 35 MB; beyond that, whom we have not seen for longest starts afresh


class RateLimiter:
    """Rate limits by key or address: the generic cell rate algorithm (ITU-T I.371), one number a client.

    A client may ask ``per_minute`` times at once; each of these becomes free again at an even pace.
    """

    def __init__(self) -> None:
        self._due: LRUCache[str, float] = LRUCache(_MOST_CLIENTS)

    def check(self, client: Client, per_minute: int) -> None:
        """Counts a request; raises ``TooManyRequestsError`` if it is one too many."""
        who = client.address if client.name is None else f"key {client.name}"
        throughput = _MINUTE / per_minute
        now = monotonic()
        due = max(self._due.get(who, now), now)  # when all that was asked would have been asked at an even pace
        early = due + throughput - now - _MINUTE
        if early > 0:
            raise TooManyRequestsError(per_minute, ceil(early))
        self._due[who] = due + throughput


class Usage:
    """The characters translated for each key since the start, and for all clients without one together."""

    def __init__(self) -> None:
        self._characters: dict[str | None, int] = {}

    def characters(self, client: Client) -> int:
        """What ``client`` has used."""
        return self._characters.get(client.name, 0)

    @contextmanager
    def charged(self, client: Client, characters: int) -> Iterator[None]:
        """Counts ``characters``, unless the block raises.

        Raises ``QuotaExceededError``, and runs no block, if the key has not as many left.
        """
        total = self.characters(client) + characters
        limit = client.key.character_limit if client.key else None
        if limit is not None and total > limit:
            raise QuotaExceededError(f"the key's limit of {limit} characters is reached")
        self._characters[client.name] = total  # at once: other requests may come meanwhile
        try:
            yield
        except BaseException:
            self._characters[client.name] -= characters
            raise
