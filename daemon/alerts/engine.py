"""Judges each round of health checks, and whatever else is due, once a minute at least."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import ClassVar

from daemon import clock
from daemon.alerts.channels import Channel
from daemon.alerts.judge import Finding, judge
from daemon.alerts.plan import Changes, Known, Round, plan
from daemon.alerts.store import DELIVERY_CHECK, OWN_CHECKS, AlertStore
from daemon.database import brief, is_transient
from daemon.health.model import CheckResult
from daemon.lifecycle import Service
from daemon.log import get_logger
from daemon.meters import Meters

ROUND_SECONDS = 60.0
FRESH_SECONDS = 180.0
PER_WORKER = (
    "database.connect",
    "listener.canary",
    "workers.loop_lag",
    "workers.memory",
    "workers.pool_wait",
)
"""Checks that each worker makes of itself: its own name is their target."""

log = get_logger(__name__)


class Alerts(Service):
    """url: the console's address, for links. attend: gets the checks of which something may soon
    be an alert, and those that alarm, to be looked at sooner than usual. Must return at once.
    """

    name: ClassVar[str] = "alerts"

    def __init__(
        self,
        *,
        store: AlertStore,
        meters: Meters,
        worker_id: str,
        channels: Sequence[Channel] = (),
        url: str | None = None,
        attend: Callable[[Collection[str], Collection[str]], None] = lambda *_: None,
    ) -> None:
        super().__init__()
        self._store = store
        self._meters = meters
        self._worker_id = worker_id
        self._channels = tuple(channel.name for channel in channels)
        self._url = url
        self._attend = attend
        self._results: list[CheckResult] = []
        self._came = asyncio.Event()
        self._checked_monotonic: float | None = None
        self._failing = False

    async def observe(self, results: Sequence[CheckResult]) -> None:
        """What a run of the health checks found. Returns at once; judged by the loop."""
        self._results.extend(results)
        self._checked_monotonic = clock.monotonic()
        self._came.set()

    def fresh(self) -> bool:
        """Whether the health checks have run lately."""
        checked = self._checked_monotonic
        return checked is not None and clock.monotonic() - checked < FRESH_SECONDS

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(ROUND_SECONDS):
                    await self._came.wait()
            self._came.clear()
            results, self._results = self._results, []
            try:
                await self.round(results)
                self._failing = False
            except Exception as error:
                if not is_transient(error):
                    raise
                # The next round looks afresh: what is bad stays bad until then.
                if not self._failing:
                    log.warning("alerts_delayed", error=brief(error))
                self._failing = True
            self.signals.emit("judged")

    async def round(
        self, results: Sequence[CheckResult], *, now: datetime | None = None
    ) -> Changes:
        """Judge these results, and write what follows from them."""
        findings = [judge(result, target=self._target(result)) for result in results]
        changes = await self._store.round(
            lambda known, at, own: self._plan(known, at, [*findings, *own]),
            channels=self._channels,
            url=self._url,
            now=now,
        )
        for severity, count in changes.firing.items():
            self._meters.alerts_firing.labels(severity).set(count)
        for update in (*changes.opened, *(update for _, update in changes.updated)):
            if update.event is not None:
                log.warning(
                    "alert",
                    check=update.finding.check,
                    target=update.finding.target,
                    severity=update.severity,
                    change=update.event,
                )
        self._attend(changes.pending, changes.alarming)
        return changes

    def _plan(self, known: Known, now: datetime, findings: Sequence[Finding]) -> Changes:
        own = {key[0] for key in known.memories if key[0].startswith(OWN_CHECKS)}
        looked = {finding.check for finding in findings} - set(PER_WORKER)
        return plan(known, Round(now, findings, looked | own | {DELIVERY_CHECK}))

    def _target(self, result: CheckResult) -> str:
        own = result.check in PER_WORKER and not result.target
        return self._worker_id if own else result.target
