"""Carries what comes together in one go: a lone item at once, those that come meanwhile after it.

While one batch is under way the next one gathers, so batches grow with the load, and nobody waits
for company that may not come. A batch that is held up, by a lock or a lost connection, goes on
beside those that come after it: they must not wait until somebody gives up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

I = TypeVar("I")  # noqa: E741 - in, out
O = TypeVar("O")  # noqa: E741

PATIENCE_SECONDS = 0.25
"""For how long the next batch waits for the one before it."""
MOST_AT_ONCE = 4
"""Batches under way: each takes a connection, and others need some too."""


class Batcher(Generic[I, O]):
    """carry: takes items, returns a result for each in their order.

    divides: whether an error may be one item's fault. Then each item is tried again by itself, so
    that the others do not fail with it.
    size: of an item; a batch ends before it exceeds ``most_size`` or ``most`` items.
    orphaned: is told the result of an item whose caller was cancelled while it was under way.
    """

    def __init__(
        self,
        carry: Callable[[Sequence[I]], Awaitable[Sequence[O]]],
        *,
        divides: Callable[[Exception], bool],
        size: Callable[[I], int],
        orphaned: Callable[[I, O], None] | None = None,
        most: int = 32,
        most_size: int = 1_000_000,
    ) -> None:
        self._carry = carry
        self._divides = divides
        self._most = most
        self._size = size
        self._most_size = most_size
        self._orphaned = orphaned
        self._waiting: deque[tuple[I, int, asyncio.Future[O]]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    async def put(self, item: I) -> O:
        """The item's result. A caller that is cancelled before the item left takes it back."""
        answered: asyncio.Future[O] = asyncio.get_running_loop().create_future()
        # Measured here: an item that cannot be is its caller's trouble, and nobody else's.
        self._waiting.append((item, self._size(item), answered))
        if self._task is None or self._task.done():
            # In no caller's context: the batch is everybody's, and so is what it logs.
            self._task = asyncio.create_task(self._run(), name="batches", context=Context())
        try:
            return await answered
        except asyncio.CancelledError:
            # The result came and the caller was cancelled in one turn of the loop.
            if answered.done() and not answered.cancelled() and answered.exception() is None:
                self._orphan(item, answered.result())
            raise

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while busy := [
            task for task in (self._task, *self._under_way) if task is not None and not task.done()
        ]:
            await asyncio.wait(busy)

    async def _run(self) -> None:
        while batch := self._next():
            flush = asyncio.create_task(self._flush(batch), name="batch")
            self._under_way.add(flush)
            flush.add_done_callback(self._under_way.discard)
            await asyncio.wait([flush], timeout=PATIENCE_SECONDS)
            while len(self._under_way) >= MOST_AT_ONCE:
                await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)

    def _next(self) -> list[tuple[I, asyncio.Future[O]]]:
        batch: list[tuple[I, asyncio.Future[O]]] = []
        total = 0
        while self._waiting and len(batch) < self._most:
            item, size, answered = self._waiting[0]
            total += size
            if batch and total > self._most_size:
                break
            self._waiting.popleft()
            if not answered.cancelled():
                batch.append((item, answered))
        return batch

    async def _flush(self, batch: list[tuple[I, asyncio.Future[O]]]) -> None:
        try:
            results = await self._carry([item for item, _ in batch])
            if len(results) != len(batch):
                raise RuntimeError(f"{len(results)} results for {len(batch)} items")
        except Exception as error:  # noqa: BLE001 - the callers raise it
            if len(batch) > 1 and self._divides(error):
                await asyncio.gather(*(self._flush([each]) for each in batch))
                return
            for _, answered in batch:
                if not answered.cancelled():
                    answered.set_exception(error)
            return
        except asyncio.CancelledError:
            # The loop ends: nobody may be left waiting.
            for _, answered in batch:
                answered.cancel()
            raise
        for (item, answered), result in zip(batch, results, strict=True):
            if not answered.cancelled():
                answered.set_result(result)
            else:
                self._orphan(item, result)

    def _orphan(self, item: I, result: O) -> None:
        if self._orphaned is not None:
            self._orphaned(item, result)
