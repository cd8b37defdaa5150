"""Judges each round of health checks, and whatever else is due, once a minute at least.

Alerts live in the database, so while that is away, or refuses them, there are none. After three
rounds that could not be written, one message says so past the outbox, straight from this process,
and one more when it is over. The dead man's switch is then silent too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

import psycopg

from agents.health.checks import MOST_TARGETS
from daemon import clock
from daemon.alerts.channels import Channel
from daemon.alerts.judge import Finding, judge
from daemon.alerts.machine import PENDING_SAMPLES
from daemon.alerts.plan import Changes, Known, Round, plan
from daemon.alerts.store import DELIVERY_CHECK, OWN_CHECKS, AlertStore
from daemon.database import is_transient, said
from daemon.health.model import CheckResult
from daemon.lifecycle import Service
from daemon.log import get_logger
from daemon.meters import Meters

ROUND_SECONDS = 60.0
FRESH_SECONDS = 180.0
GIVE_UP_SECONDS = 3600.0
"""How often messages are given up that nobody took for a day."""
PER_WORKER = (
    "database.connect",
    "listener.canary",
    "workers.loop_lag",
    "workers.memory",
    "workers.pool_wait",
)
"""Checks that each worker makes of itself: its own name is their target."""

DIRECT_TRIES = 30
"""Rounds in which a message past the outbox is tried with whoever has not taken it."""

Json = Any
Directly = Callable[[UUID, Mapping[str, Json], Collection[str] | None], Awaitable[set[str]]]

log = get_logger(__name__)


class Alerts(Service):
    """service: who speaks in messages. attend: gets the checks of which something may soon
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
        service: str = "",
        attend: Callable[[Collection[str], Collection[str]], None] = lambda *_: None,
    ) -> None:
        super().__init__()
        self._store = store
        self._meters = meters
        self._worker_id = worker_id
        self._channels = tuple(channel.name for channel in channels)
        self._service = service
        self._attend = attend
        self._results: list[CheckResult] = []
        self._came = asyncio.Event()
        self._judged_monotonic: float | None = None
        self._gave_up_monotonic = float("-inf")
        self.directly: Directly | None = None
        """See :meth:`daemon.alerts.outbox.Outbox.send_directly`."""
        self._told: tuple[UUID, Mapping[str, Json]] | None = None
        self._owed: set[str] | None = None
        self._tries = 0
        self._failures = 0
        self._refused = False
        self._failing_since: datetime | None = None

    async def observe(self, results: Sequence[CheckResult]) -> None:
        """What a run of the health checks found. Returns at once; judged by the loop."""
        self._results.extend(results)
        self._came.set()

    def fresh(self) -> bool:
        """Whether the health checks have run lately, and what they found was written."""
        judged = self._judged_monotonic
        return judged is not None and clock.monotonic() - judged < FRESH_SECONDS

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(ROUND_SECONDS):
                    await self._came.wait()
            self._came.clear()
            results, self._results = self._results, []
            try:
                await self.round(results)
                await self._give_up()
            except Exception as error:
                # What the database refuses, a fresh process would meet again, and tell nobody.
                if not is_transient(error) and not isinstance(error, psycopg.Error):
                    raise
                self._not_written(error)
            else:
                if results:
                    self._judged_monotonic = clock.monotonic()
                self._written()
            await self._send_directly()
            self.signals.emit("judged")

    async def _give_up(self) -> None:
        if clock.monotonic() - self._gave_up_monotonic >= GIVE_UP_SECONDS:
            await self._store.give_up()
            self._gave_up_monotonic = clock.monotonic()

    def _not_written(self, error: Exception) -> None:
        """The next round looks afresh: what is bad stays bad until then."""
        self._failures += 1
        if self._failures == 1:
            log.warning("alerts_delayed", error=said(error))
            self._failing_since = clock.utcnow()
        if self._failures == PENDING_SAMPLES:
            self._refused = not is_transient(error)
            self._tell_directly("firing", None)

    def _written(self) -> None:
        failures, self._failures = self._failures, 0
        if failures >= PENDING_SAMPLES and self._failing_since is not None:
            lasted = (clock.utcnow() - self._failing_since).total_seconds()
            self._tell_directly("resolved", lasted)

    def _tell_directly(self, state: str, lasted_seconds: float | None) -> None:
        assert self._failing_since is not None
        self._owed, self._tries = None, 0
        self._told = (
            uuid4(),
            {
                "service": self._service,
                "alert": None,
                "check": "database.connect",
                "target": self._worker_id,
                "severity": "critical",
                "state": state,
                "event": state,
                "message": "the database refuses what this worker writes of alerts; until it takes"
                " it, no other alert is told"
                if self._refused
                else "the database does not answer this worker; until it does, no other"
                " alert is told",
                "value": None,
                "threshold": None,
                "remedy": "look for alerts_delayed in the daemon's log"
                if self._refused
                else "see that PostgreSQL runs and can be reached",
                "since": self._failing_since.isoformat(),
                "lasted_seconds": lasted_seconds,
                "healed_by": None,
                "was": None,
                "url": None,
            },
        )

    async def _send_directly(self) -> None:
        """To whom has not taken it yet; once a round, and not for ever."""
        if self._told is None or self.directly is None:
            return
        self._owed = await self.directly(*self._told, self._owed)
        self._tries += 1
        if not self._owed or self._tries >= DIRECT_TRIES:
            self._told = None

    async def round(
        self, results: Sequence[CheckResult], *, now: datetime | None = None
    ) -> Changes:
        """Judge these results, and write what follows from them."""
        findings = [finding for result in results for finding in self._findings(result)]
        changes = await self._store.round(
            lambda known, at, own: self._plan(known, at, [*findings, *own]),
            channels=self._channels,
            service=self._service,
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

    def _findings(self, result: CheckResult) -> list[Finding]:
        """A result's, with those of its other targets."""
        found = [judge(one, target=self._target(one)) for one in (result, *result.others)]
        if len(found) >= MOST_TARGETS and found[-1].sample.kind != "good":
            # More of them may be as bad: whose is missing did not get better by that.
            found[-1] = replace(found[-1], blind=True)
        return found

    def _target(self, result: CheckResult) -> str:
        own = result.check in PER_WORKER and not result.target
        return self._worker_id if own else result.target
