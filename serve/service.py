"""What every translating route calls: texts in, answers out, within the limits."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

from serve.models import Loader, Models
from serve.settings import Settings
from serve.text import Answer, Line, assemble, split

if TYPE_CHECKING:
    from nmt.translator import Translation


class OverLimitError(Exception):
    """The request asks for more than the settings allow."""


class TimedOutError(Exception):
    """The answer was not ready in time."""


class Service:
    """The models behind the limits of the settings."""

    def __init__(self, settings: Settings, loaders: Sequence[Loader]) -> None:
        self.settings = settings
        self.models = Models(loaders, settings.queue_limit)
        self.active = 0
        """The requests whose sentences wait or are being translated."""

    async def translate(self, texts: Sequence[str], source: str, target: str, alternatives: int = 0) -> list[Answer]:
        """Translates whole texts. If the call is cancelled, its sentences leave the queue."""
        scheduler = self.models.find(source, target)
        self._check(texts, alternatives)
        if scheduler is None:
            return [assemble(text, [], []) for text in texts]
        layouts = self._split(texts)
        sentences = [line.text for lines in layouts for line in lines]
        self.active += 1
        try:
            done = iter(await self._finish(scheduler.submit(sentences, alternatives)))
        finally:
            self.active -= 1
        return [assemble(text, lines, [next(done) for _ in lines]) for text, lines in zip(texts, layouts, strict=True)]

    def _check(self, texts: Sequence[str], alternatives: int) -> None:
        limits = self.settings
        if len(texts) > limits.batch_limit:
            raise OverLimitError(f"{len(texts)} texts are too many; at most {limits.batch_limit} are allowed")
        longest = max(map(len, texts), default=0)
        if longest > limits.char_limit:
            raise OverLimitError(f"a text of {longest} characters is too long; at most {limits.char_limit} are allowed")
        if not 0 <= alternatives <= limits.max_alternatives:
            raise OverLimitError(f"alternatives must be from 0 to {limits.max_alternatives}")

    def _split(self, texts: Sequence[str]) -> list[list[Line]]:
        """The lines of each text. Refuses early what would not fit even into an empty queue."""
        layouts: list[list[Line]] = []
        count = 0
        for text in texts:
            layouts.append(split(text))
            count += len(layouts[-1])
            if count > self.settings.queue_limit:
                raise OverLimitError(
                    f"the request has too many lines of text; at most {self.settings.queue_limit} are allowed"
                )
        return layouts

    async def _finish(self, futures: Sequence["Future[Translation]"]) -> list["Translation"]:
        waiting = [asyncio.wrap_future(future) for future in futures]
        try:
            async with asyncio.timeout(self.settings.request_timeout):
                return await asyncio.gather(*waiting)
        except TimeoutError:
            raise TimedOutError(f"no answer within {self.settings.request_timeout:g} s") from None
        finally:
            # After a time-out or a failure nobody reads the other sentences' translations.
            for each in waiting:
                each.cancel()
