"""What every service of this process has in common: it starts, it stops, it does not die quietly.

``start(group)`` returns once the service is up; its loop is a task of the process's one
``TaskGroup``, so a loop that fails, or ends without having been asked to, takes the whole group
down and the supervisor starts a fresh process. ``stop()`` returns once the loop has really ended.
Both may be called in any order and any number of times, also at the same time.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import ClassVar

from daemon.errors import ServiceError
from daemon.testsignals import TestSignals


class Service(ABC):
    """A background loop. Subclasses fill in ``_run``, and ``_opened``/``_closed`` if they must."""

    name: ClassVar[str]

    def __init__(self) -> None:
        self.signals = TestSignals()
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """True between a completed ``start`` and the beginning of ``stop``."""
        return self._task is not None and not self._task.done()

    async def start(self, group: asyncio.TaskGroup) -> None:
        """Open, then run the loop in ``group``; nothing happens when it runs already."""
        async with self._turn:
            if self._task is not None:
                return
            await self._opened()
            self._task = group.create_task(self._guarded(), name=self.name)

    async def stop(self) -> None:
        """End the loop and close; returns when that is done. Nothing happens before ``start``."""
        async with self._turn:
            task, self._task = self._task, None
            if task is None:
                return
            task.cancel()
            # The group has told of a failure already; here only its end matters.
            await asyncio.wait({task})
            await self._closed()

    async def _guarded(self) -> None:
        await self._run()
        raise ServiceError(f"the {self.name} ended without being asked to")

    @abstractmethod
    async def _run(self) -> None:
        """The loop; it ends by being cancelled."""

    async def _opened(self) -> None:
        """Acquire what the loop needs, before ``start`` returns."""

    async def _closed(self) -> None:
        """Give it back, after the loop has ended."""
