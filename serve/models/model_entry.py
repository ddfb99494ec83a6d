"""A model of the registry, which is loaded when it is first needed and closed when nothing uses it any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nmt.inference.directions import AvailableDirections
from serve.models.served_model import ServedModel


class ModelEntry:
    """A model, which is loaded when it is first needed."""

    def __init__(self, name: str, directions: AvailableDirections, load: Callable[[], ServedModel]) -> None:
        """Create an entry without loading its model; ``load`` is called on another thread when it is needed."""
        self.name, self.directions = name, directions
        self._load = load
        self._loading: asyncio.Task[ServedModel] | None = None
        self._users = 0
        self._retired = False

    @property
    def model(self) -> ServedModel | None:
        """The model if it is loaded, else None."""
        loading = self._loading
        return loading.result() if loading and loading.done() and not _has_failed(loading) else None

    async def get_model(self) -> ServedModel:
        """Return the model, after loading it if necessary; raise the exception if that fails."""
        if self._loading is None:
            self._loading = asyncio.create_task(asyncio.to_thread(self._load))
            self._loading.add_done_callback(self._finish_loading)
        # Shielded, because several callers may wait for the same model.
        return await asyncio.shield(self._loading)

    @contextmanager
    def keep_open(self) -> Iterator[None]:
        """Return a context manager that keeps the model open, even if it is retired."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            self._close_if_unused()

    def retire(self) -> None:
        """Close the model as soon as it is loaded and no request uses it any more."""
        self._retired = True
        self._close_if_unused()

    def _finish_loading(self, loading: asyncio.Task[ServedModel]) -> None:
        if _has_failed(loading):
            self._loading = None  # the next caller tries again
        self._close_if_unused()

    def _close_if_unused(self) -> None:
        if self._retired and self.model is not None:
            self.model.retired = True
            if not self._users:
                # Closing waits for the end of the worker processes.
                threading.Thread(target=self.model.close, name="close-model").start()


def _has_failed(loading: asyncio.Task[ServedModel]) -> bool:
    return loading.cancelled() or loading.exception() is not None
