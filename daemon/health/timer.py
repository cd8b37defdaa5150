"""The daemon's own look at its health: each minute, whatever becomes of the queue.

Each check has its pace; a look makes those that are due and judges how all stand together. What
came out goes three ways: the states of components to ``ai_system_health``, numbers to the metrics,
and the fresh results to whoever subscribed. The same checker answers ``health_check`` requests,
which make all checks at once.

While the database is away nothing can be written, and :attr:`HealthTimer.latest` still says how
things stand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import ClassVar

from agents.health.checks import SEVERITY, CheckResult, Json, Status
from agents.health.relate import relate
from agents.health.states import ComponentState, states
from daemon import backoff, clock
from daemon.health.checker import Checker
from daemon.health.process import LoopLag
from daemon.lifecycle import Loop, Service
from daemon.log import get_logger
from daemon.meters import Meters
from daemon.store import Store
from daemon.upkeep import Duties

LOOK_SECONDS = 60.0
SOONER_SECONDS = 20.0
FIRST_SECONDS = 10.0
"""A start is busy, and what it left undone looks like trouble."""
STATUSES: tuple[Status, ...] = ("healthy", "notice", "warning", "critical", "unknown")

Subscriber = Callable[[Sequence[CheckResult]], Awaitable[None]]

log = get_logger(__name__)


class HealthTimer(Service):
    """subscribers: told of every look's fresh results, one after the other; each must return."""

    name: ClassVar[str] = "health"

    def __init__(
        self,
        *,
        checker: Checker,
        store: Store,
        worker_id: str,
        meters: Meters,
        lag: LoopLag,
        first_seconds: float = FIRST_SECONDS,
        monotonic: clock.Monotonic = clock.monotonic,
    ) -> None:
        super().__init__()
        self.subscribers: list[Subscriber] = []
        self.looked_monotonic: float | None = None
        self._checker = checker
        self._store = store
        self._worker_id = worker_id
        self._meters = meters
        self._lag = lag
        self._first_seconds = first_seconds
        self._monotonic = monotonic
        self._due: dict[str, float] = {}
        self._raw: dict[str, CheckResult] = {}
        self._latest: dict[str, CheckResult] = {}
        self._duties = Duties()
        self._sooner = asyncio.Event()

    @property
    def latest(self) -> list[CheckResult]:
        """The newest result of each check, related; from memory."""
        return list(self._latest.values())

    @property
    def states(self) -> list[ComponentState]:
        """How each component stands by the newest results; from memory."""
        return states(self.latest)

    def started(self) -> None:
        """The daemon is ready. What its start held up, loading packages and searching them for
        garbage, is no trouble of its work: for a minute it halved the slots, again and again."""
        self._lag.forget()

    def _loops(self) -> list[Loop]:
        return [self._lag.run, self._looking]

    async def _looking(self) -> None:
        await asyncio.sleep(self._first_seconds * (0.5 + backoff.full_jitter(1, base_seconds=1)))
        while True:
            began = self._monotonic()
            await self.look()
            self.signals.emit("looked")
            pause = max(1.0, LOOK_SECONDS - (self._monotonic() - began))
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._sooner.wait()
                    await asyncio.sleep(min(pause, SOONER_SECONDS))
            self._sooner.clear()

    def attend(self, pending: Collection[str], alarming: Collection[str]) -> None:
        """Look again soon at the checks of which something may be wrong, and with every look at
        those that alarm, whatever their pace."""
        known = self._checker.checks.keys()
        for name in known & {*pending, *alarming}:
            self._due[name] = 0.0
        if known & set(pending):
            self._sooner.set()

    async def look(self) -> list[CheckResult]:
        """Make the checks that are due; returns their results, related to all others."""
        now = self._monotonic()
        due = {
            check.id: check.every_seconds
            for check in self._checker.checks.values()
            if self._due.get(check.id, now) <= now
        }
        fresh = await self._checker.measure(due)
        # A little early counts: a look that starts late must not make every second one miss.
        self._due |= {name: now + every - LOOK_SECONDS / 2 for name, every in due.items()}
        self._raw |= {result.check: result for result in fresh}
        self._say_changes(before=self._latest)
        names = {result.check for result in fresh}
        results = [result for result in self._latest.values() if result.check in names]
        self._count(results)
        self.looked_monotonic = self._monotonic()
        await self._duties.attempt(self._write)
        await self._duties.attempt(self._count_suggestions)
        for subscriber in self.subscribers:
            await subscriber(results)
        return results

    async def measure(self, wish: Mapping[str, Json]) -> Mapping[str, Json]:
        """All checks at once, for a request.

        wish: ``checks`` (ids; empty for all) and ``thresholds`` for this run alone. Returns the
        worker, when it measured (ISO, UTC), how many seconds it took, and the results as JSON.
        """
        began = self._monotonic()
        results = await self._checker.run(wish.get("checks") or None, wish.get("thresholds"))
        return {
            "worker_id": self._worker_id,
            "measured_at": clock.utcnow().isoformat(),
            "seconds": round(self._monotonic() - began, 3),
            "checks": [result.as_json() for result in results],
        }

    async def _count_suggestions(self) -> None:
        self._meters.suggestions(await self._store.suggestion_counts())

    async def _write(self) -> None:
        await self._store.health_put([s.as_json() for s in self.states], self._worker_id)

    async def close(self) -> None:
        """Close the checker's session, once no request can ask for a measurement any more."""
        await self._checker.close()

    def _say_changes(self, before: Mapping[str, CheckResult]) -> None:
        """Relate all newest results; log what became trouble, or ceased to be."""
        self._latest = {result.check: result for result in relate(list(self._raw.values()))}
        for result in self._latest.values():
            known = before.get(result.check)
            was = known.status if known else "healthy"
            if result.status == was or not (SEVERITY[result.status] or SEVERITY[was]):
                continue
            tell = log.warning if result.alarming else log.info
            tell("health_changed", check=result.check, before=was, status=result.status)

    def _count(self, results: Sequence[CheckResult]) -> None:
        meters = self._meters
        for result in results:
            for status in STATUSES:
                meters.health_status.labels(result.check, status).set(result.status == status)
            if result.value is not None:
                meters.health_value.labels(result.check).set(result.value)
            else:  # nothing there, or not to be seen: what was last measured is not true any more
                with suppress(KeyError):
                    meters.health_value.remove(result.check)
        by_id = {result.check: result for result in results}
        if (wait := by_id.get("workers.pool_wait")) and wait.value is not None:
            meters.pool_wait_seconds.set(wait.value)
        if breakers := by_id.get("model.provider"):
            meters.breakers(breakers.detail.get("models") or ())
        if budget := by_id.get("model.budget"):
            meters.budgets(budget.detail.get("ratios") or {})
