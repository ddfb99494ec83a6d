"""The generic cell rate algorithm (ITU-T I.371), which limits how often something happens in a minute."""

from time import monotonic

from cachetools import LRUCache

_MINUTE = 60.0
_MAX_CLIENTS = 100_000  # about 35 MB; if there are more, the least recently active client is forgotten


class CellRate:
    """Counts what clients do, with one number per client.

    A client may do all that a minute allows at once; the allowance is then replenished at a constant rate.
    """

    def __init__(self) -> None:
        self._arrival_times: LRUCache[str, float] = LRUCache(_MAX_CLIENTS)
        """Theoretical time of arrival of what each client does next, if it arrived at the constant rate."""

    def excess(self, client: str, per_minute: int) -> float:
        """Return the seconds until the client may go on; 0 or less if it may do so now."""
        return self._next_arrival_time(client, per_minute) - monotonic() - _MINUTE

    def count(self, client: str, per_minute: int) -> None:
        """Count one thing that a client does."""
        self._arrival_times[client] = self._next_arrival_time(client, per_minute)

    def _next_arrival_time(self, client: str, per_minute: int) -> float:
        now = monotonic()
        return max(self._arrival_times.get(client, now), now) + _MINUTE / per_minute
