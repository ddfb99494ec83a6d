"""Limit on wrong API keys, so that keys cannot be guessed."""

from math import ceil
from time import monotonic

from cachetools import LRUCache

from serve.auth.api_keys import ApiKey
from serve.errors import TooManyRequestsError

_PER_MINUTE = 20  # an address may send as many at once
_MAX_ADDRESSES = 100_000  # the least recently active one is forgotten


class WrongKeyLimiter:
    """Refuses keys of addresses that have sent too many wrong ones, except keys that they have used before.

    Like the rate limit of requests, this is the generic cell rate algorithm, which stores one number per address.
    Clients behind one address share it; keys that are in use there go on working while another client tries some.
    """

    def __init__(self) -> None:
        self._arrival_times: LRUCache[str, float] = LRUCache(_MAX_ADDRESSES)
        self._used: LRUCache[tuple[str, str], None] = LRUCache(_MAX_ADDRESSES)  # by address and name of the key

    def check(self, address: str, key: ApiKey | None) -> None:
        """Count a key if it is wrong, which ``None`` stands for.

        Raises TooManyRequestsError if the address has sent too many wrong keys; then a right key is refused too, unless
        it has been used from there before, because the response would tell which one is right.
        """
        if key is not None and (address, key.name) in self._used:
            return
        now, interval = monotonic(), 60 / _PER_MINUTE
        arrival_time = max(self._arrival_times.get(address, now), now)
        excess = arrival_time + interval - now - 60
        if excess > 0:
            raise TooManyRequestsError(_PER_MINUTE, ceil(excess), "wrong API keys")
        if key is None:
            self._arrival_times[address] = arrival_time + interval
        else:
            self._used[address, key.name] = None
