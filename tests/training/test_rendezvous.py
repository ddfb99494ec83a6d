"""Processes meet in a store that has seen others before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from torch.distributed import HashStore

from nmt.training.rendezvous import rendezvous
from nmt.utils.errors import CarouselError


def test_those_who_do_not_come_are_named() -> None:
    store = HashStore()
    with ThreadPoolExecutor(1) as process:
        process.submit(rendezvous, store, 1, 4, 60)
        with pytest.raises(CarouselError, match="processes 2, 3 of 4 did not start; start all of them again"):
            rendezvous(store, 0, 4, timeout=0.5)


def test_what_others_have_left_in_the_store_is_not_seen() -> None:
    store = HashStore()
    for attempt in range(3):
        with ThreadPoolExecutor(3) as processes:
            places = list(processes.map(lambda rank: rendezvous(store, rank, 3, timeout=60), range(3)))
        assert not places[0].check(["address"])
        places[0].set("address", str(attempt))
        assert [place.get("address") for place in places] == [str(attempt).encode()] * 3
        store.set("request/1", "of a process that was killed before it had an answer")
