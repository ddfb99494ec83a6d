"""Rendezvous of the processes of a distributed run, in a key-value store that outlives their restarts."""

from __future__ import annotations

import secrets
import time

from torch.distributed.distributed_c10d import PrefixStore, Store

from nmt.utils.errors import CarouselError

_POLL_SECONDS = 0.02  # seconds


def create_shared_store(store: Store, rank: int, world_size: int, timeout: float) -> Store:
    """Return an empty part of the store of ``torchrun``, the same in all processes, by agreeing on a key prefix.

    ``torchrun`` keeps one store for all restarts, in which addresses of ended processes could be mistaken for those of
    running ones. Process 0 therefore draws a random prefix and sends it to every other process. Every request contains
    a random key and every reply is acknowledged, so that no message from before a restart is accepted.

    Raises CarouselError in process 0 if other processes do not arrive within ``timeout`` seconds.
    """
    prefix = _announce_prefix(store, world_size, timeout) if rank == 0 else _request_prefix(store, rank)
    return PrefixStore(prefix, store)


def _announce_prefix(store: Store, world_size: int, timeout: float) -> str:
    """Draw a prefix and send it to every other process until all have acknowledged it."""
    prefix, missing = secrets.token_hex(), set(range(1, world_size))
    deadline = time.monotonic() + timeout
    while missing:
        if time.monotonic() > deadline:
            ranks = ", ".join(map(str, sorted(missing)))
            raise CarouselError(f"torchrun: processes {ranks} of {world_size} did not start; start all of them again")
        for rank in missing:
            if store.check([f"request/{rank}"]):
                request = store.get(f"request/{rank}").decode()
                store.set(f"reply/{request}", prefix)
        missing = {rank for rank in missing if not store.check([f"acknowledged/{prefix}/{rank}"])}
        time.sleep(_POLL_SECONDS)
    return prefix


def _request_prefix(store: Store, rank: int) -> str:
    """Request the prefix from process 0 and acknowledge it."""
    request = secrets.token_hex()
    store.set(f"request/{rank}", request)
    prefix = store.get(f"reply/{request}").decode()
    store.set(f"acknowledged/{prefix}/{rank}", "")
    return prefix
