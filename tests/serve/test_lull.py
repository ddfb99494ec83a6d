import asyncio

import pytest

from serve import lull
from serve.lull import Lull


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr(lull.time, "sleep", taken.append)
    return taken


def test_the_loop_rests_as_long_as_it_is_busy_and_no_longer(rests: list[float]):
    async def work() -> None:
        busy = iter([True, True, True, False, True, False])
        breather = Lull(lambda: next(busy))
        breather.begin()
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(rests) == 2
        breather.begin()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(work())
    assert len(rests) == 2


def test_beginning_twice_is_resting_once(rests: list[float]):
    async def work() -> None:
        breather = Lull(lambda: True)
        breather.begin()
        breather.begin()
        await asyncio.sleep(0)
        assert len(rests) == 1

    asyncio.run(work())


def test_nothing_rests_where_nobody_waits(rests: list[float]):
    async def work() -> None:
        Lull(lambda: False).begin()
        await asyncio.sleep(0)

    asyncio.run(work())
    assert not rests
