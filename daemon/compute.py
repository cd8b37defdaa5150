"""Threads for what agents compute and read, and whose turn it is for one.

Agents hand over their blocking work step by step (``RunContext.compute``). A few threads are
enough: Python lets one of them compute at a time, the others read. More would only make every
step longer.

With one line for all, whoever asks for one answer would stand behind the steps of twenty reviews
at each of his own. So the threads are given as requests are claimed: **keys take turns**, the one
that has the fewest threads first, and of those the one whose turn was longest ago; and no key has
more than half of them, so that a thread is soon free for whoever comes. A request without a key is
one by itself. Within a key the oldest request goes first: then the first of many is answered after
its own time, where all would be answered at the end if their steps took turns.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

R = TypeVar("R")

THREADS = 4
MOST_OF_A_KEY = THREADS // 2


Key = str | int
"""A fair_key, or the id of a request that has none."""


class Whose(NamedTuple):
    """The request that asks: its fair_key, and its id, which is smaller in older ones."""

    fair_key: str
    request_id: int

    @property
    def key(self) -> Key:
        return self.fair_key or self.request_id


class _Waiting(NamedTuple):
    request_id: int
    number: int
    turn: asyncio.Future[None]


class Compute:
    """A pool of threads for one event loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="compute")
        self._busy: Counter[Key] = Counter()
        self._waiting: dict[Key, list[_Waiting]] = {}
        """A heap for each key under which somebody waits."""
        self._turn_of: dict[Key, int] = {}
        """When a key had its last turn, or came, while it has a thread or waits for one."""
        self._turns = 0

    async def run(self, whose: Whose, fn: Callable[..., R], *args: Any) -> R:
        """``fn(*args)`` in a thread, once it is its turn; raises what it raised.

        Cancelled, it does not begin; what has begun keeps its thread until it ends.
        """
        await self._turn(whose)
        try:
            running = self._threads.submit(fn, *args)
        except RuntimeError:  # closed
            self._give_back(whose.key)
            raise
        loop = asyncio.get_running_loop()

        def ended(_: Future[R]) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits for a turn any more
                loop.call_soon_threadsafe(self._give_back, whose.key)

        running.add_done_callback(ended)
        return await asyncio.wrap_future(running)

    def close(self) -> None:
        """Begin nothing more, and let the threads go; what runs is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _turn(self, whose: Whose) -> None:
        """Returns with a thread taken."""
        key = whose.key
        if self._has_room(key):  # then whoever waits does so for his own key
            self._take(key)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns += 1
        self._turn_of.setdefault(key, self._turns)
        heapq.heappush(
            self._waiting.setdefault(key, []), _Waiting(whose.request_id, self._turns, turn)
        )
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was given at the same moment
                self._give_back(key)
            raise

    def _has_room(self, key: Key) -> bool:
        return self._busy.total() < THREADS and self._busy[key] < MOST_OF_A_KEY

    def _take(self, key: Key) -> None:
        self._turns += 1
        self._busy[key] += 1
        self._turn_of[key] = self._turns

    def _give_back(self, key: Key) -> None:
        self._busy[key] -= 1
        while (following := self._next()) is not None:
            self._take(following[0])
            following[1].set_result(None)
        self._busy = +self._busy  # without those that have none
        known = self._busy.keys() | self._waiting.keys()
        self._turn_of = {k: turn for k, turn in self._turn_of.items() if k in known}

    def _next(self) -> tuple[Key, asyncio.Future[None]] | None:
        """Whose turn it is, if there is a thread for anybody who waits."""
        open_keys = [key for key in self._waiting if self._has_room(key)]
        for key in sorted(open_keys, key=lambda k: (self._busy[k], self._turn_of[k])):
            heap = self._waiting[key]
            while heap:
                turn = heapq.heappop(heap).turn
                if not heap:
                    del self._waiting[key]
                if not turn.done():  # else whoever waited has gone
                    return key, turn
        return None
