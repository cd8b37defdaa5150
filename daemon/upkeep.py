"""What must be done now and then, by whichever daemon is there: nobody is elected.

===================  ===========================================================================
every                what
===================  ===========================================================================
2 s                  sweep: cancel and expire what no attempt holds (and at once on a cancel hint);
                     10 s where nothing happens and nothing is known to end before
15 s                 reap: rescue requests whose lease ran out; this worker's sign of life; gauges
30 s                 afford: what waits for a budget is taken up again where there is money by now
5 min                typed rows that were not written with their result; dead owners' model calls;
                     questions without their request, and requests without their question
hour                 prune what is older than it is kept; what was foretold meets what came
===================  ===========================================================================

Each statement takes a bounded number of rows, skips what another daemon holds, and is repeated
while full batches come. A failure delays that one duty, also one that lasts, such as a foreign key
of the main app's on what is to be deleted; while the database is away all wait.

**Clock.** Leases are compared with the database's clock. Where that jumps (a failover to a host
that is an hour ahead), every lease would look expired at once. So before each reap its progress is
compared with our monotonic clock, and after a jump all leases are granted a full time instead.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import ClassVar

import psycopg

from daemon import __version__, backoff, clock
from daemon.database import is_the_apps, is_transient, refusal, told
from daemon.lifecycle import Loop, Service
from daemon.log import get_logger
from daemon.meters import Meters
from daemon.pruning import Pruning
from daemon.refusals import Refusals
from daemon.store import Store
from daemon.store.fleet import WorkerState
from daemon.store.values import Rescued

SWEEP_SECONDS = 2.0
QUIET_SECONDS = 10.0
REAP_SECONDS = 15.0
AFFORD_SECONDS = 30.0
REDO_SECONDS = 300.0
PRUNE_SECONDS = 3600.0
LEARN_SECONDS = 3600.0
JUMP_SECONDS = 5.0
REAP_ROWS = 100
SWEEP_ROWS = 200

log = get_logger(__name__)


@dataclass(slots=True)
class WorkerCard:
    """What ``ai_workers`` shows of this process."""

    worker_id: str
    concurrency: int
    state: WorkerState = "starting"


class Upkeep(Service):
    """running: attempts now. types: agents' task types, for gauges. on_drain: somebody wants it.

    tidy looks after the journal of model calls, afford after what waits for money, hindsight after
    the outcomes of what agents foretold.
    on_rescued and on_pruned get how many requests and rows it was, after a duty that met any.
    quiet: nothing runs here, and whoever inserts is heard: no deadline comes unnoticed.
    """

    name: ClassVar[str] = "upkeep"

    def __init__(
        self,
        *,
        store: Store,
        card: WorkerCard,
        meters: Meters,
        lease_seconds: float,
        running: Callable[[], int],
        types: Callable[[], list[str]],
        on_drain: Callable[[], None] = lambda: None,
        tidy: Callable[[], Awaitable[None]] | None = None,
        afford: Callable[[], Awaitable[None]] | None = None,
        hindsight: Callable[[], Awaitable[None]] | None = None,
        on_rescued: Callable[[int], None] = lambda _: None,
        on_pruned: Callable[[int], None] = lambda _: None,
        quiet: Callable[[], bool] = lambda: False,
        monotonic: clock.Monotonic = clock.monotonic,
    ) -> None:
        super().__init__()
        self._store = store
        self._pruning = Pruning(store)
        self._card = card
        self._meters = meters
        self._lease_seconds = lease_seconds
        self._running = running
        self._types = types
        self._on_drain = on_drain
        self._tidy_calls = tidy
        self._afford = afford
        self._hindsight = hindsight
        self._on_rescued = on_rescued
        self._on_pruned = on_pruned
        self._quiet = quiet
        self._was_quiet = False
        """Before the last sweep, so it saw all that came until it became quiet."""
        self._ends_in_seconds: float | None = 0.0
        self._refusals = Refusals("sweep_refused", monotonic=monotonic)
        self._unrescued = Refusals("rescue_refused", monotonic=monotonic)
        self._monotonic = monotonic
        self._sweep_wanted = asyncio.Event()
        self._seen: tuple[datetime, float] | None = None
        self._jumped = False
        """The database's clock has jumped, and no lease was granted its full time yet."""
        self._duties = Duties()
        self._pulse = Duties()

    @property
    def database_answers(self) -> bool:
        """False since a sweep failed for want of the database, until one succeeds."""
        return self.running and not self._pulse.failing

    def sweep_soon(self) -> None:
        """Somebody cancelled something: do not wait for the next sweep."""
        self._sweep_wanted.set()

    def _loops(self) -> list[Loop]:
        duties = (
            (min(REAP_SECONDS, self._lease_seconds), self.reap),
            (REAP_SECONDS, self.show),
            (AFFORD_SECONDS, self.afford),
            (REDO_SECONDS, self.redo),
            (REDO_SECONDS, self.mend),
            (REDO_SECONDS, self.tidy),
            (PRUNE_SECONDS, self.prune),
            (LEARN_SECONDS, self.learn),
        )
        return [self._sweeping, *(partial(self._repeat, *duty) for duty in duties)]

    async def _repeat(self, seconds: float, duty: Callable[[], Awaitable[object]]) -> None:
        while True:
            await self._duties.attempt(duty)
            self.signals.emit(duty.__name__)
            # Daemons that started together drift apart.
            await asyncio.sleep(seconds * (0.9 + backoff.full_jitter(1, base_seconds=0.2)))

    async def _sweeping(self) -> None:
        while True:
            self._was_quiet = self._quiet()
            await self._pulse.attempt(self.sweep)
            self.signals.emit("sweep")
            swept = self._monotonic()
            while self._monotonic() - swept < self.sweep_pause():
                try:
                    async with asyncio.timeout(SWEEP_SECONDS):
                        await self._sweep_wanted.wait()
                except TimeoutError:
                    continue
                # A flood of hints must not become a flood of sweeps.
                await asyncio.sleep(SWEEP_SECONDS / 20)
                break
            self._sweep_wanted.clear()

    def sweep_pause(self) -> float:
        """Seconds from one sweep to the next: more only while it stays quiet, and then no longer
        than until the first thing is overdue that the last sweep saw."""
        if self._pulse.failing or not (self._was_quiet and self._quiet()):
            return SWEEP_SECONDS
        ends_in = QUIET_SECONDS if self._ends_in_seconds is None else self._ends_in_seconds
        return min(QUIET_SECONDS, max(SWEEP_SECONDS, ends_in))

    async def sweep(self) -> int:
        """Cancel and expire; returns how many requests that ended."""
        swept = 0
        while True:
            found = await self._store.sweep(SWEEP_ROWS, past=self._refusals.past())
            self._ends_in_seconds = found.ends_in_seconds
            for row in found.swept:
                if row.status.value in {"cancelled", "expired"}:
                    label = self._meters.task_type(row.task_type)
                    self._meters.requests.labels(label, row.status.value).inc()
            swept += len(found.swept)
            if len(found.swept) + self._refusals.add(found.refused) < SWEEP_ROWS:
                return swept

    async def reap(self) -> int:
        """Rescue what dead workers left; returns how many requests."""
        # Kept until it is done: clocks jump in a failover, when statements fail too.
        self._jumped = await self._clock_jumped() or self._jumped
        rescued = 0
        while True:
            rows = await self._reap_some()
            self._jumped = False
            for row in rows:
                if row.status.value in {"failed", "cancelled"}:  # its worker counts nothing now
                    label = self._meters.task_type(row.task_type)
                    self._meters.requests.labels(label, row.status.value).inc()
                log.warning(
                    "request_rescued",
                    request_id=row.request_id,
                    fence=row.fence,
                    dead_worker=row.worker_id,
                    status=row.status.value,
                )
            rescued += len(rows)
            if len(rows) < REAP_ROWS:
                break
        if rescued:
            self._on_rescued(rescued)
        return rescued

    async def _reap_some(self) -> list[Rescued]:
        while True:
            try:
                return await self._store.reap(
                    self._lease_seconds, limit=REAP_ROWS, extend=self._jumped
                )
            except psycopg.Error as error:
                if is_transient(error):
                    raise
                refused = await self._store.reap_later(self._lease_seconds, limit=REAP_ROWS)
                if not refused:
                    raise
                self._unrescued.add(refused)

    async def show(self) -> None:
        """This worker's sign of life, a wish to drain, and the gauges of the queue."""
        asked = await self._store.worker_upsert(
            self._card.worker_id,
            version=__version__,
            host=socket.gethostname(),
            pid=os.getpid(),
            concurrency=self._card.concurrency,
            running=self._running(),
            state=self._card.state,
        )
        if asked and self._card.state != "draining":
            log.info("drain_requested")
            self._on_drain()
        load = await self._store.load(self._types())
        self._meters.queue(load.pending.items(), load.oldest_pending_seconds)

    async def redo(self) -> int:
        """Typed rows that once failed; returns how many now stand."""
        return await self._store.redo_projections()

    async def mend(self) -> int:
        """Whatever waits for what somebody deleted by hand; returns how much that was."""
        mended = 0
        while True:
            some = await self._store.mend_questions(SWEEP_ROWS)
            mended += some
            if some < SWEEP_ROWS:
                break
        if mended:
            log.warning("questions_lost", count=mended)
        return mended

    async def tidy(self) -> None:
        """Settle the model calls of dead workers, erase what was kept for requests that ended."""
        if self._tidy_calls is not None:
            await self._tidy_calls()

    async def afford(self) -> None:
        """Take up again what waits for a budget to renew, where that has room by now."""
        if self._afford is not None:
            await self._afford()

    async def prune(self) -> int:
        """Delete what is older than it is kept; returns how many requests and rows.

        Raises the first refusal of the database's, once all that it lets go is gone.
        """
        pruned, refused = await self._pruning.round()
        if pruned:
            log.info("pruned", rows=pruned)
            self._on_pruned(pruned)
        if refused is not None:
            raise refused
        return pruned

    async def learn(self) -> None:
        """Write down what became of forecasts and proposed times; each is looked at once a day."""
        if self._hindsight is not None:
            await self._hindsight()

    async def _clock_jumped(self) -> bool:
        """Whether the database's clock moved otherwise than ours since the last look."""
        before_monotonic = self._monotonic()
        now = await self._store.database_now()
        monotonic = (before_monotonic + self._monotonic()) / 2
        seen, self._seen = self._seen, (now, monotonic)
        if seen is None:
            return False
        moved = (now - seen[0]).total_seconds() - (monotonic - seen[1])
        if abs(moved) <= JUMP_SECONDS:
            return False
        log.error("database_clock_jumped", seconds=round(moved, 1))
        return True


NOT_OURS = "42"
"""SQLSTATE of a statement that names what is not there, or may not be sent by this role."""


class Duties:
    """Runs duties; what fails for want of the database is said once and tried again later.

    So is what the database refuses: a foreign key or a trigger of the main app's on our tables, a
    number that outgrows its column. A fresh process would meet the same, at once and for ever, and
    everything else would end with it. Not so a statement that is not ours to send: a function that
    is missing, a right that we lack. Where a trigger of the app's lacks them, it is a refusal.
    """

    def __init__(self) -> None:
        self.failing = False
        self._refused: dict[str, str] = {}

    async def attempt(self, duty: Callable[[], Awaitable[object]]) -> None:
        """Run one duty. Anything but a failure of the database is raised."""
        name = duty.__name__
        try:
            await duty()
        except Exception as error:
            if is_transient(error):
                if not self.failing:
                    log.warning("duty_failed", duty=name, **told(error))
                self.failing = True
                return
            if not isinstance(error, psycopg.Error):
                raise
            if (error.sqlstate or "").startswith(NOT_OURS) and not is_the_apps(error):
                raise
            if self._refused.get(name) != refusal(error):
                self._refused[name] = refusal(error)
                log.error("duty_failed", duty=name, error=refusal(error))
        else:
            self._refused.pop(name, None)
        self.failing = False
