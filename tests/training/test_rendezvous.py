"""Rendezvous of processes in a store that contains messages from before a restart."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from torch.distributed import HashStore

from nmt.training.rendezvous import create_shared_store
from nmt.utils.errors import CarouselError


def test_missing_processes_are_named() -> None:
    store = HashStore()
    with ThreadPoolExecutor(1) as process:
        process.submit(create_shared_store, store, 1, 4, 60)
        with pytest.raises(CarouselError, match="processes 2, 3 of 4 did not start; start all of them again"):
            create_shared_store(store, 0, 4, timeout=0.5)


def test_messages_from_before_a_restart_are_ignored() -> None:
    store = HashStore()
    for attempt in range(3):
        with ThreadPoolExecutor(3) as processes:
            stores = list(processes.map(lambda rank: create_shared_store(store, rank, 3, timeout=60), range(3)))
        assert not stores[0].check(["address"])
        stores[0].set("address", str(attempt))
        assert [each.get("address") for each in stores] == [str(attempt).encode()] * 3
        store.set("request/1", "from a process that was killed before the reply")
