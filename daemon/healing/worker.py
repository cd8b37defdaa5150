"""This process: its connections, how much it takes on, and a fresh start where nothing else helps.

The other end is the service itself, behind :class:`Hands`: what the rules may do to it, and no
more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from operator import is_
from typing import ClassVar

from daemon import clock
from daemon.healing.remedy import CannotAct, Effect, Remedy, Seen
from daemon.healing.store import Case
from daemon.health.model import CheckResult

CONNECTION_ERRORS, WITHIN_SECONDS = 3, 30.0
HIGH_MEMORY_PERCENT = 85.0
FULL_MEMORY_PERCENT = 95.0
STUCK_LAG_SECONDS = 30.0
MORE_SECONDS = 30.0
UNANSWERED_SECONDS = 300.0
FULL_MEMORY_LOOKS = 3


@dataclass(frozen=True, slots=True)
class Hands:
    """What healing may do to its own process.

    connection_errors: how often the pool failed to connect, or lost a connection, since its start.
    drain_pool: close the pool's connections and make new ones. probe: whether the pool answers.
    concurrency: requests at once as configured. limit: as allowed now; set_limit changes that.
    restart: give everything back and end, for the supervisor to start a fresh process.
    """

    worker_id: str
    host: str
    connection_errors: Callable[[], int]
    drain_pool: Callable[[], Awaitable[None]]
    probe: Callable[[], Awaitable[bool]]
    concurrency: int
    limit: Callable[[], int]
    set_limit: Callable[[int], None]
    restart: Callable[[str], None]


class RecyclePool(Remedy):
    """Three connection errors in half a minute: perhaps they lead to a host that is gone."""

    rule: ClassVar[str] = "recycle_pool"

    def __init__(self, hands: Hands, monotonic: clock.Monotonic = clock.monotonic) -> None:
        self._hands = hands
        self._monotonic = monotonic
        self._seen: deque[tuple[float, int]] = deque()

    async def find(self, seen: Seen) -> Sequence[Case]:
        now, errors = self._monotonic(), self._hands.connection_errors()
        self._seen.append((now, errors))
        while now - self._seen[0][0] > WITHIN_SECONDS:
            self._seen.popleft()
        lately = errors - self._seen[0][1]
        if lately < CONNECTION_ERRORS:
            return ()
        return [
            Case(
                self._hands.worker_id,
                f"{lately} connection errors in {WITHIN_SECONDS:.0f} s",
                "replace the pool's connections",
                {"errors": lately},
            )
        ]

    async def act(self, case: Case, seen: Seen) -> None:
        self._seen.clear()
        await self._hands.drain_pool()

    async def effect(self, case: Case, seen: Seen) -> Effect:
        answers = await self._hands.probe()
        return Effect(answers, {"answers": answers})


class BackOff(Remedy):
    """A worker that cannot keep up takes on half as much, then more again, step by step."""

    rule: ClassVar[str] = "back_off"

    def __init__(self, hands: Hands, monotonic: clock.Monotonic = clock.monotonic) -> None:
        self._hands = hands
        self._monotonic = monotonic
        self._judged: list[CheckResult] = []
        self._changed_monotonic = 0.0

    @staticmethod
    def _pressing(seen: Seen) -> list[CheckResult]:
        pressing = seen.alarming("workers.pool_wait", "workers.loop_lag", "database.connections")
        memory = seen.results.get("workers.memory")
        if memory is not None and (memory.value or 0) > HIGH_MEMORY_PERCENT:
            pressing.append(memory)
        return pressing

    async def find(self, seen: Seen) -> Sequence[Case]:
        pressing = self._pressing(seen)
        # The same measurement must not halve twice: the next comes a minute later.
        again = len(pressing) == len(self._judged) and all(map(is_, pressing, self._judged))
        if not pressing or again or self._hands.limit() <= 1:
            return ()
        return [
            Case(
                self._hands.worker_id,
                "; ".join(result.message for result in pressing),
                "take on half as many requests at once",
                {"concurrency": self._hands.limit()},
            )
        ]

    async def act(self, case: Case, seen: Seen) -> None:
        self._judged = self._pressing(seen)
        self._hands.set_limit(max(1, self._hands.limit() // 2))
        self._changed_monotonic = self._monotonic()

    async def effect(self, case: Case, seen: Seen) -> Effect:
        limit = self._hands.limit()
        return Effect(limit < case.before["concurrency"], {"concurrency": limit})

    async def tend(self, seen: Seen) -> None:
        limit = self._hands.limit()
        now = self._monotonic()
        if limit < self._hands.concurrency and now - self._changed_monotonic >= MORE_SECONDS:
            self._hands.set_limit(limit + 1)
            self._changed_monotonic = now


class RestartSelf(Remedy):
    """A loop that stood still for half a minute, or memory that is used up: start anew.

    Memory must be full in three looks in a row: one may fall into the middle of an answer.
    """

    rule: ClassVar[str] = "restart_self"

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._full = 0
        self._counted: CheckResult | None = None

    async def find(self, seen: Seen) -> Sequence[Case]:
        lag, memory = seen.results.get("workers.loop_lag"), seen.results.get("workers.memory")
        if memory is not None and memory is not self._counted:
            self._counted = memory
            self._full = self._full + 1 if (memory.value or 0) > FULL_MEMORY_PERCENT else 0
        if lag is not None and (lag.value or 0) > STUCK_LAG_SECONDS:
            return [self._case(lag.message, {"loop_lag_seconds": lag.value})]
        if memory is not None and self._full >= FULL_MEMORY_LOOKS:
            return [self._case(memory.message, {"memory_percent": memory.value})]
        return ()

    def _case(self, reason: str, before: dict[str, float | None]) -> Case:
        return Case(self._hands.host, reason, "drain, and exit with 75", before)

    async def act(self, case: Case, seen: Seen) -> None:
        self._full = 0
        self._hands.restart(case.reason)

    async def effect(self, case: Case, seen: Seen) -> Effect:
        return Effect(True, {"worker": "draining"}, "a fresh process follows")


class RestartMainApp(Remedy):
    """The main app has not answered for five minutes: a person should start it anew.

    This service has no right to redeploy another one, so all it can do is to say so, and to see
    afterwards whether it answers.
    """

    rule: ClassVar[str] = "restart_main_app"

    def __init__(self, monotonic: clock.Monotonic = clock.monotonic) -> None:
        self._monotonic = monotonic
        self._since: float | None = None

    async def find(self, seen: Seen) -> Sequence[Case]:
        result = seen.results.get("main_api.http")
        if result is None:
            return ()
        if result.status != "critical":
            self._since = None
            return ()
        now = self._monotonic()
        self._since = now if self._since is None else self._since
        if now - self._since < UNANSWERED_SECONDS:
            return ()
        return [Case("", result.message, "redeploy the main app", {"status": result.status})]

    async def act(self, case: Case, seen: Seen) -> None:
        raise CannotAct("there is no right to redeploy the main app: do it where it is hosted")

    async def effect(self, case: Case, seen: Seen) -> Effect:
        result = seen.results.get("main_api.http")
        status = result.status if result is not None else "unknown"
        return Effect(status == "healthy", {"status": status})
