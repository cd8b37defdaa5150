"""The slots, and each attempt in one of them: from its claim to the commit of its end.

An attempt is a task. It has a slot for as long as its agent runs: while its end waits for the
commit the next one runs already. As many ends as there are slots may wait, and as many more as
come within a moment.

Where slots change hands faster than a claim answers, more is claimed than there are slots for
(:mod:`daemon.turnover` says how much): what has no slot yet waits for the next one, and goes back
if none becomes free.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Protocol

from daemon import backoff, clock, telemetry
from daemon.completer import Completer
from daemon.database import brief, is_transient
from daemon.lease import Leases, LeaseState
from daemon.log import get_logger
from daemon.meters import Meters
from daemon.model import (
    Authority,
    Claimed,
    Complete,
    ErrorInfo,
    Lost,
    Outcome,
    Release,
    Retry,
    Snooze,
    Status,
)
from daemon.store import Verdict
from daemon.turnover import Turnover

BROKEN = ErrorInfo(
    "agent_error",
    "the service failed to run this attempt",
    "this is a bug in the service; the log has the stack",
    retryable=True,
)
MOST_AHEAD = 8
"""Times as many requests as there are slots may be claimed before there is a slot for them."""
TAKEN = frozenset({"accepted", "repeated"})
"""Verdicts of an end that stands."""
GIVE_BACK_SECONDS = 0.5
"""Who was claimed ahead and still has no slot goes back into the queue: others may have one."""

log = get_logger(__name__)


class Runner(Protocol):
    """Runs one attempt; every end is an outcome, only its own cancellation is raised."""

    async def run(self, claimed: Claimed, lease: LeaseState) -> Outcome: ...


class CostStore(Protocol):
    """The part of the store that is needed here."""

    async def attempt_cost(self, authority: Authority) -> Decimal: ...

    async def attempt_end(self, authority: Authority) -> Status | None: ...


class Slots:
    """limit: agents at once.

    on_freed: a slot may have become free. on_ended: an attempt is over, and its lease with it.
    on_postponed: a request goes back into the queue for a later moment. They must return at once.
    """

    def __init__(
        self,
        *,
        limit: int,
        runner: Runner,
        store: CostStore,
        completer: Completer,
        leases: Leases,
        meters: Meters,
        on_freed: Callable[[], None],
        on_ended: Callable[[], None],
        on_postponed: Callable[[], None],
    ) -> None:
        self._limit = limit
        self._runner = runner
        self._store = store
        self._completer = completer
        completer.could_join = lambda: self.running
        self._leases = leases
        self._meters = meters
        self._on_freed = on_freed
        self._on_ended = on_ended
        self._on_postponed = on_postponed
        self._group: asyncio.TaskGroup | None = None
        self._attempts: dict[LeaseState, asyncio.Task[None]] = {}
        self._ahead: deque[tuple[Claimed, LeaseState, float]] = deque()
        """Claimed for slots that were not free yet, and when: the next ones are theirs."""
        self._ending: set[LeaseState] = set()
        """Those of them whose end is handed in: their slot is free."""
        self._idle = asyncio.Event()
        self._idle.set()
        self._turnover = Turnover()

    def open(self, group: asyncio.TaskGroup) -> None:
        """From now on attempts can begin; they are tasks of this group."""
        self._group = group

    @property
    def limit(self) -> int:
        """Agents at once; less than configured while this worker cannot keep up."""
        return self._limit

    @limit.setter
    def limit(self, limit: int) -> None:
        self._limit = limit
        self._begin_next()
        self._on_freed()

    @property
    def free(self) -> int:
        """Slots without an agent; none while too many ends wait for their commit.

        Attempts may be twice as many as slots, and as many more as end within a moment.
        """
        slots = self._limit - self.running
        spare = 2 * self._limit - len(self._attempts)
        if slots <= max(spare, 0):  # nearly always, and asked for every attempt
            return slots
        return min(slots, spare + self.soon_free)

    @property
    def soon_free(self) -> int:
        """Slots that change hands within a moment."""
        return min(MOST_AHEAD * self._limit, int(self._turnover.recent(clock.monotonic())))

    @property
    def running(self) -> int:
        """Attempts whose agent runs: one slot each."""
        return len(self._attempts) - len(self._ending)

    @property
    def attempts(self) -> int:
        """Those that run, and those whose end waits for its commit."""
        return len(self._attempts)

    def room(self, *, ahead: bool) -> int:
        """How many to claim now, at least 0: for slots without an agent, and where ``ahead``, for
        those that will soon be free.

        Ahead for half the slots at least: a claim of a few costs nearly as much as one of many.
        """
        free = self.free - len(self._ahead)
        if ahead:
            room = free + self.soon_free
            if room >= self._limit / 2:
                return room
        return max(0, free)

    def begin(
        self, requests: Sequence[Claimed], asked_monotonic: float, *, may_wait: bool
    ) -> None:
        """Run what was claimed. may_wait: what there is no slot for waits for one, for a moment;
        else it goes back at once. asked_monotonic: when the claim was sent; no lease is older.
        """
        for claimed in requests:
            self._begin(claimed, asked_monotonic)
        if not may_wait:
            self.give_back()
        elif self._ahead:
            asyncio.get_running_loop().call_later(GIVE_BACK_SECONDS, self._give_back_old)

    def give_back(self) -> int:
        """Put what waits for a slot into the queue again; returns how many that were."""
        count = len(self._ahead)
        self._give_back(count)
        return count

    async def ended_within(self, seconds: float) -> bool:
        """Wait so long for all attempts to end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        return not self._attempts

    def abandon(self) -> None:
        """Cancel whatever has not ended."""
        for task in tuple(self._attempts.values()):
            task.cancel()

    def _begin(self, claimed: Claimed, asked_monotonic: float) -> None:
        lease = self._leases.watch(claimed.authority, claimed_monotonic=asked_monotonic)
        if lease.lost:
            # The answer to the claim was too long on its way: others may run it already.
            label = self._meters.task_type(claimed.task_type)
            self._meters.requests_of(label, "lost").inc()
            return
        if self._ahead or self.free <= 0:
            self._ahead.append((claimed, lease, asked_monotonic))
        else:
            self._launch(claimed, lease)

    def _begin_next(self) -> None:
        """A slot is free, or more ends may wait: for those that were claimed ahead."""
        while self._ahead and self.free > 0:
            claimed, lease, _ = self._ahead.popleft()
            self._launch(claimed, lease)

    def _give_back_old(self) -> None:
        since_monotonic = clock.monotonic() - GIVE_BACK_SECONDS
        self._give_back(sum(claimed_at <= since_monotonic for *_, claimed_at in self._ahead))

    def _give_back(self, count: int) -> None:
        """Put so many of those that wait for a slot into the queue again, the oldest."""
        for _ in range(count):
            claimed, lease, _ = self._ahead.popleft()
            self._launch(claimed, lease, Lost() if lease.lost else Release())

    def _launch(self, claimed: Claimed, lease: LeaseState, outcome: Outcome | None = None) -> None:
        """outcome: how it ends without having begun."""
        assert self._group is not None, "the slots have not been opened"
        task = self._group.create_task(
            self._attempt(claimed, lease, outcome), name=f"attempt-{claimed.request_id}"
        )
        self._attempts[lease] = task
        self._idle.clear()
        task.add_done_callback(partial(self._ended, lease))

    async def _attempt(self, claimed: Claimed, lease: LeaseState, outcome: Outcome | None) -> None:
        began = clock.monotonic()
        label = self._meters.task_type(claimed.task_type)
        if outcome is None:
            try:
                outcome = await self._runner.run(claimed, lease)
            except Exception:
                log.exception("runner_broke", request_id=claimed.request_id)
                outcome = Retry(BROKEN, backoff.full_jitter(claimed.attempt))
            finally:
                self._turnover.ended(clock.monotonic())
        try:
            if isinstance(outcome, Lost):
                self._meters.requests_of(label, "lost").inc()
                return
            lease.finishing = True
            self._ending.add(lease)
            self._begin_next()
            self._on_freed()
            verdict = await self._completer.submit(
                claimed.authority, outcome, claimed.agent_version
            )
            self._note(claimed, outcome, verdict, label, clock.monotonic() - began)
            if verdict == "superseded":
                await self._note_waste(claimed.authority)
            elif verdict in TAKEN and isinstance(outcome, Retry):
                await self._count_retry(claimed, label)
        finally:
            self._leases.forget(claimed.authority)

    def _note(
        self, claimed: Claimed, outcome: Outcome, verdict: Verdict, label: str, seconds: float
    ) -> None:
        if not isinstance(outcome, Release):  # it may not even have begun
            self._meters.request_seconds_of(label).observe(seconds)
        if verdict in TAKEN:
            if not isinstance(outcome, Retry):  # see _count_retry
                self._meters.requests_of(label, outcome.name).inc()
            if isinstance(outcome, Retry | Snooze):
                self._on_postponed()
        else:
            self._meters.requests_of(label, verdict).inc()
            log.warning(
                "outcome_not_accepted",
                request_id=claimed.request_id,
                fence=claimed.authority.fence,
                verdict=verdict,
                completed=isinstance(outcome, Complete),
            )

    async def _count_retry(self, claimed: Claimed, label: str) -> None:
        """The last attempt's retry is no retry any more: its request has failed, or stopped."""
        name = "retry"
        try:
            status = await self._store.attempt_end(claimed.authority)
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("retry_counted_unseen", error=brief(error))
        else:
            if status in {Status.FAILED, Status.CANCELLED}:
                name = status.value
                telemetry.ended(
                    claimed.request_id,
                    claimed.created_at_iso,
                    {
                        "ai.task_type": claimed.task_type,
                        "ai.attempt": claimed.attempt,
                        "outcome": name,
                    },
                )
        self._meters.requests_of(label, name).inc()

    async def _note_waste(self, authority: Authority) -> None:
        """Money that bought an answer nobody will read."""
        try:
            cost_usd = await self._store.attempt_cost(authority)
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("superseded_cost_unknown", error=brief(error))
        else:
            self._meters.superseded_cost_usd.inc(float(cost_usd))

    def _ended(self, lease: LeaseState, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            self._ahead.clear()  # the process ends, and nothing begins any more
        self._attempts.pop(lease, None)
        self._ending.discard(lease)
        if not self._attempts:
            self._idle.set()
        self._begin_next()
        self._on_freed()
        self._on_ended()
