"""What every service of this process has in common: it starts, it stops, it does not die quietly.

``start(group)`` returns once the service is up; its loops are tasks of the process's one
``TaskGroup``, so a loop that fails, or ends without having been asked to, takes the whole group
down and the supervisor starts a fresh process. ``stop()`` returns once every loop has really
ended. Both may be called in any order and any number of times, also at the same time.
"""

from __future__ import annotations

import asyncio
from abc import ABC
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, ClassVar

from daemon.errors import ServiceError
from daemon.testsignals import TestSignals

Loop = Callable[[], Coroutine[Any, Any, None]]

CANCEL_AGAIN_SECONDS = 1.0


class Group(asyncio.TaskGroup):
    """A task group that does end once one of its tasks has failed.

    Each of the others is then cancelled once, and Python 3.11's wait_for, which the connection
    pool uses, loses a cancellation that comes together with what was waited for: a duty that met
    that went on for ever, and with it a process that answers /health and does no work. So whoever
    was cancelled and goes on is cancelled again.
    """

    def __init__(self) -> None:
        super().__init__()
        self._members: set[asyncio.Task[Any]] = set()

    def create_task(self, *work: Any, **more: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = super().create_task(*work, **more)
        self._members.add(task)
        task.add_done_callback(self._members.discard)
        return task

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        insisting = asyncio.create_task(self._insist(), name="insist")
        try:
            await super().__aexit__(kind, error, where)
        finally:
            insisting.cancel()

    async def _insist(self) -> None:
        while True:
            await asyncio.sleep(CANCEL_AGAIN_SECONDS)
            for task in self._members:
                if task.cancelling():
                    task.cancel()


class Service(ABC):
    """Background loops: subclasses fill in ``_run`` or ``_loops``, and what else they need."""

    name: ClassVar[str]

    def __init__(self) -> None:
        self.signals = TestSignals()
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> bool:
        """True between a completed ``start`` and the end of ``stop``."""
        return bool(self._tasks)

    async def start(self, group: asyncio.TaskGroup) -> None:
        """Open, then run the loops in ``group``; nothing happens when they run already."""
        async with self._turn:
            if self._tasks:
                return
            await self._opened()
            self._tasks = {
                group.create_task(self._guarded(loop), name=self.name) for loop in self._loops()
            }

    async def stop(self) -> None:
        """End the loops and close; returns when that is done. Nothing happens before ``start``."""
        async with self._turn:
            if not self._tasks:
                return
            ending = self._tasks
            while ending:
                for task in ending:
                    task.cancel()
                # One may be lost: see Group.
                _, ending = await asyncio.wait(ending, timeout=CANCEL_AGAIN_SECONDS)
            self._tasks = set()
            await self._closed()

    async def _guarded(self, loop: Loop) -> None:
        await loop()
        raise ServiceError(f"the {self.name} ended without being asked to")

    def _loops(self) -> Sequence[Loop]:
        """What runs side by side; each ends by being cancelled only."""
        return [self._run]

    async def _run(self) -> None:
        """The loop, where there is one only."""
        raise NotImplementedError

    async def _opened(self) -> None:
        """Acquire what the loops need, before ``start`` returns."""

    async def _closed(self) -> None:
        """Give it back, after the loops have ended."""
