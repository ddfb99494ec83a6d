"""Cancellation of the work for clients that disconnect."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

T = TypeVar("T")


async def cancel_on_disconnect(request: Request, work: Awaitable[T]) -> T:
    """Await work for a request and return its result; cancel the work if the client disconnects.

    The body of the request must already have been read.

    Raises:
        ClientDisconnect: The client disconnected.
    """
    task = asyncio.current_task()
    assert task is not None
    cancellations = task.cancelling()
    disconnected = False

    async def watch() -> None:
        nonlocal disconnected
        while (await request.receive())["type"] != "http.disconnect":
            pass
        disconnected = True
        task.cancel()

    watcher = asyncio.create_task(watch())
    try:
        return await work
    except asyncio.CancelledError:
        if disconnected and task.uncancel() <= cancellations:  # cancelled for no other reason
            raise ClientDisconnect from None
        raise
    finally:
        watcher.cancel()
