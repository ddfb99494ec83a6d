"""Where processes find each other, however often they are started again."""

from __future__ import annotations

import secrets
import time

from torch.distributed.distributed_c10d import PrefixStore, Store

from nmt.utils.errors import CarouselError

_POLL = 0.02  # seconds


def rendezvous(store: Store, rank: int, world: int, patience: float) -> Store:
    """A part of the store, the same for all processes, that holds nothing yet.

    Raises CarouselError in process 0 when others have not come within ``patience`` seconds.

    ``torchrun`` has one store for all restarts, in which the addresses of processes that are gone would be taken for
    those of the living. So process 0 makes up a name for a part of it, and tells it whoever asks: no question is asked
    twice, and every answer is confirmed, so nothing that was said before is believed.
    """
    name = _announced(store, world, patience) if rank == 0 else _asked(store, rank)
    return PrefixStore(name, store)


def _announced(store: Store, world: int, patience: float) -> str:
    name, deaf = secrets.token_hex(), set(range(1, world))
    until = time.monotonic() + patience
    while deaf:
        if time.monotonic() > until:
            missing = ", ".join(map(str, sorted(deaf)))
            raise CarouselError(f"torchrun: of {world} processes {missing} did not come; start all of them again")
        for rank in deaf:
            if store.check([f"question/{rank}"]):
                question = store.get(f"question/{rank}").decode()
                store.set(f"answer/{question}", name)
        deaf = {rank for rank in deaf if not store.check([f"heard/{name}/{rank}"])}
        time.sleep(_POLL)
    return name


def _asked(store: Store, rank: int) -> str:
    question = secrets.token_hex()
    store.set(f"question/{rank}", question)
    name = store.get(f"answer/{question}").decode()
    store.set(f"heard/{name}/{rank}", "")
    return name
