"""Work for a client that may hang up."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

T = TypeVar("T")


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``, which is cancelled as soon as the client goes away (``ClientDisconnect``).

    Call it after the body has been read.
    """
    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone = True
        task.cancel()

    watching = asyncio.create_task(watch())
    try:
        return await work
    except asyncio.CancelledError:
        if gone and task.uncancel() <= before:  # nobody else wants the task to end
            raise ClientDisconnect from None
        raise
    finally:
        watching.cancel()
