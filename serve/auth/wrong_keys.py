"""Limit on wrong API keys, so that keys cannot be guessed."""

from math import ceil

from cachetools import LRUCache

from serve.auth.api_keys import ApiKey
from serve.auth.cell_rate import CellRate
from serve.errors import TooManyRequestsError

_PER_MINUTE = 20  # an address may send as many at once
_MAX_USED_KEYS = 100_000  # the least recently used one is forgotten


class WrongKeyLimiter:
    """Refuses keys of addresses that have sent too many wrong ones, except keys that they have used before.

    Clients behind one address share its allowance; keys that are in use there go on working while another client tries
    some.
    """

    def __init__(self) -> None:
        self._wrong_keys = CellRate()
        self._used: LRUCache[tuple[str, str], None] = LRUCache(_MAX_USED_KEYS)  # by address and name of the key

    def check(self, address: str, key: ApiKey | None) -> None:
        """Count a wrong key, for which ``key`` is None.

        Raises TooManyRequestsError if the address has sent too many wrong keys; then a right key is refused too, unless
        it has been used from there before, because the response would tell which one is right.
        """
        if key is not None and (address, key.name) in self._used:
            return
        excess = self._wrong_keys.excess(address, _PER_MINUTE)
        if excess > 0:
            raise TooManyRequestsError(_PER_MINUTE, ceil(excess), "wrong API keys")
        if key is None:
            self._wrong_keys.count(address, _PER_MINUTE)
        else:
            self._used[address, key.name] = None
