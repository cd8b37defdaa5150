"""Asks for work whenever a slot is free and there may be some, and sees each attempt through.

What makes it look: a hint, the next due time, the poll, a slot that became free. It clears the
wake-up *before* it looks, so whatever rings while it looks makes it look again.

**Asleep** means: slots are free and nothing came. Only then does it have the doorbell's lock, and
having taken it, it looks once more before it waits. While it lies there, a ring is answered with
one look and the lock stays: with few requests that is as quick as it gets, and whoever comes next
rings. Where many commit at once, or rings lead to nothing, it gets up and looks by itself, up to
50 times a second; :mod:`daemon.alertness` says when.

While others write to the database by the thousand, it rests between the claims of a backlog;
:mod:`daemon.neighbours` says how long.

Each attempt is a task. It has a slot for as long as its agent runs: while its end waits for the
commit the next one runs already. As many ends as there are slots may wait, and as many more as
come within a moment.

Where slots change hands faster than a claim answers, it claims ahead (:mod:`daemon.turnover` says
how much): what has no slot yet waits for the next one, and goes back if none becomes free.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import ClassVar, Protocol

from daemon import backoff, clock
from daemon.alertness import Alertness
from daemon.completer import Completer
from daemon.database import brief, is_transient
from daemon.lease import Leases, LeaseState
from daemon.lifecycle import Loop, Service
from daemon.listener import Listener
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
)
from daemon.neighbours import Neighbours
from daemon.store import Claim, Verdict
from daemon.turnover import Turnover

BUSY_INTAKE_SECONDS = 0.5
DEAF_POLL_SECONDS = 2.0
BROKEN = ErrorInfo(
    "agent_error",
    "the service failed to run this attempt",
    "this is a bug in the service; the log has the stack",
    retryable=True,
)
MOST_AHEAD = 8
"""Times as many requests as there are slots may be claimed before there is a slot for them."""
GIVE_BACK_SECONDS = 0.5
"""Who was claimed ahead and still has no slot goes back into the queue: others may have one."""
STEPS_TO_AGENT = 2
"""Turns of the event loop from a claim until its agents run."""
RELEASE_SECONDS = 7.0
"""How long attempts that were told to stop may take: the runner's own grace and a little."""

log = get_logger(__name__)


class ClaimStore(Protocol):
    """The part of the store that is needed here."""

    async def claim(
        self, worker_id: str, types: Sequence[str], slots: int, lease_seconds: float
    ) -> Claim: ...

    async def notifiers_queue(self) -> bool: ...

    async def attempt_cost(self, authority: Authority) -> Decimal: ...


class Runner(Protocol):
    """Runs one attempt; every end is an outcome, only its own cancellation is raised."""

    async def run(self, claimed: Claimed, lease: LeaseState) -> Outcome: ...
    def drain(self) -> None: ...
    def release(self) -> None: ...


class Intake(Protocol):
    """Refuses what no agent can answer; 0 once there is nothing more to look at."""

    async def check_once(self) -> int: ...


class Claimer(Service):
    """types: what this process can answer now, asked before each claim."""

    name: ClassVar[str] = "claimer"

    def __init__(
        self,
        *,
        worker_id: str,
        store: ClaimStore,
        runner: Runner,
        intake: Intake,
        completer: Completer,
        leases: Leases,
        listener: Listener,
        meters: Meters,
        types: Callable[[], Sequence[str]],
        concurrency: int,
        lease_seconds: float,
        poll_seconds: float,
    ) -> None:
        super().__init__()
        self._worker_id = worker_id
        self._store = store
        self._runner = runner
        self._intake = intake
        self._completer = completer
        completer.could_join = lambda: self.running_attempts
        self._leases = leases
        self._listener = listener
        self._meters = meters
        self._types = types
        self.limit = concurrency
        """Agents at once; less than configured while this worker cannot keep up."""
        self._lease_seconds = lease_seconds
        self._poll_seconds = poll_seconds
        self._group: asyncio.TaskGroup | None = None
        self._attempts: dict[LeaseState, asyncio.Task[None]] = {}
        self._ahead: deque[tuple[Claimed, LeaseState, float]] = deque()
        """Claimed for slots that were not free yet, and when: the next ones are theirs."""
        self._may_claim_ahead = False
        self._ending: set[LeaseState] = set()
        """Those of them whose end is handed in: their slot is free."""
        self._idle = asyncio.Event()
        self._idle.set()
        self._slot_freed = asyncio.Event()
        self._lease_freed = False
        """An end was committed since the last claim began: its type or key has room again."""
        self._intake_wanted = asyncio.Event()
        self._alertness = Alertness()
        self._neighbours = Neighbours()
        self._turnover = Turnover()
        self._claiming = False
        """A claim is under way: its answer must be read."""
        self._stopping = False
        self._held_back = True
        """The last claim left something due: room that comes back is a reason to look."""
        self._due_monotonic = float("inf")

    @property
    def free(self) -> int:
        """Slots without an agent; none while too many ends wait for their commit.

        Attempts may be twice as many as slots, and as many more as end within a moment.
        """
        slots = self.limit - self.running_attempts
        spare = 2 * self.limit - len(self._attempts)
        if slots <= max(spare, 0):  # nearly always, and asked for every attempt
            return slots
        return min(slots, spare + self._soon_free())

    @property
    def room(self) -> int:
        """How many to claim now, at least 0: for slots without an agent, and ahead for those that
        will soon be free.

        Ahead for half the slots at least: a claim of a few costs nearly as much as one of many.
        Not at all where others would feel it, nor where a request that was claimed and has not
        begun would be taken for one that has.
        """
        free = self.free - len(self._ahead)
        if not self._neighbours.busy and self._may_claim_ahead:
            room = free + self._soon_free()
            if room >= self.limit / 2:
                return room
        return max(0, free)

    def _soon_free(self) -> int:
        """Slots that change hands within a moment."""
        return min(MOST_AHEAD * self.limit, int(self._turnover.recent(clock.monotonic())))

    @property
    def running_attempts(self) -> int:
        """Attempts whose agent runs: one slot each."""
        return len(self._attempts) - len(self._ending)

    async def start(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        await super().start(group)

    async def drain(self, seconds: float) -> int:
        """Claim no more, let attempts end for ``seconds``, give back what then still runs.

        Returns how many were given back. Their ends are committed when this returns, unless the
        database is away.
        """
        await self.stop()
        ahead = len(self._ahead)
        self._give_back(ahead)
        self._runner.drain()
        if await self._ended_within(seconds):
            return ahead
        left = len(self._attempts)
        log.info("releasing", attempts=left)
        self._runner.release()
        if not await self._ended_within(RELEASE_SECONDS):
            # The database is away, or an agent does not stop: leases lapse, others take over.
            log.warning("attempts_left_behind", attempts=len(self._attempts))
        for task in tuple(self._attempts.values()):
            task.cancel()
        return ahead + left

    async def _closed(self) -> None:
        # Nobody listens for work any more: let inserts be free of charge.
        await self._listener.get_up()

    async def _ended_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        return not self._attempts

    def _loops(self) -> list[Loop]:
        return [self._look_for_work, self._look_for_refusals]

    async def _look_for_work(self) -> None:
        """Look until stopped, which does not break off a claim under way.

        Rows claimed by a statement whose answer nobody reads would lie there until their leases
        lapse. A task for each claim would do as well, and cost it two turns of the event loop.
        """
        self._stopping = False
        looking = asyncio.create_task(self._look_again_and_again(), name=self.name)
        while not looking.done():
            try:
                await asyncio.wait({looking})
            except asyncio.CancelledError:
                self._stopping = True
                if not self._claiming:
                    looking.cancel()
        if not looking.cancelled():
            looking.result()
        raise asyncio.CancelledError

    async def _look_again_and_again(self) -> None:
        source = "start"
        failures = 0
        while True:
            try:
                rings, self._listener.rings = self._listener.rings, 0
                rows = await self._look(source)
                source = await self._rest(rows, rings)
                failures = 0
            except Exception as error:
                if not is_transient(error):
                    raise
                if self._stopping:
                    return
                failures += 1
                if failures == 1:
                    log.warning("claim_failed", error=brief(error))
                await asyncio.sleep(
                    backoff.full_jitter(failures, base_seconds=0.2, cap_seconds=5.0)
                )
                source = "poll"

    async def _look(self, source: str) -> int:
        """Claim until nothing comes or every slot is taken; returns how much came."""
        rows = 0
        while room := self.room:
            # Before the claim: what rings or ends from now on is looked for again.
            self._listener.wake.clear()
            self._slot_freed.clear()
            self._lease_freed = False
            asked_monotonic = clock.monotonic()
            claim = await self._claim(room, asked_monotonic)
            claim_seconds = clock.monotonic() - asked_monotonic
            self._learn_what_is_left(claim)
            if not claim.due or not self.room:
                await self._let_agents_begin(claim.requests)
            self._count_waits(claim.requests)
            rows += len(claim.requests)
            self._neighbours.claimed(asked_monotonic, claim.transactions)
            if not claim.requests:
                break
            self.signals.emit("claimed", len(claim.requests))
            if not claim.due:
                break
            if rest_seconds := self._neighbours.rest_seconds(claim_seconds):
                # Else whoever inserts meanwhile rings, and queues for it.
                await self._listener.get_up()
                self._meters.yielded_seconds.inc(rest_seconds)
                await asyncio.sleep(rest_seconds)
        self._meters.wakeups.labels(source).inc()
        return rows

    def _learn_what_is_left(self, claim: Claim) -> None:
        self._held_back = claim.due
        self._may_claim_ahead = claim.asynchronous
        if claim.unchecked:
            self._intake_wanted.set()
        seconds = claim.next_due_seconds
        self._due_monotonic = (
            float("inf") if seconds is None else clock.monotonic() + max(0.0, seconds)
        )

    async def _claim(self, room: int, asked_monotonic: float) -> Claim:
        """One claim, and the beginning of what it brought."""
        self._claiming = True
        try:
            claim = await self._store.claim(
                self._worker_id, self._types(), room, self._lease_seconds
            )
        finally:
            self._claiming = False
        for one in claim.requests:
            self._begin(one, asked_monotonic)
        if not claim.asynchronous:
            self._give_back(len(self._ahead))
        elif self._ahead:
            asyncio.get_running_loop().call_later(GIVE_BACK_SECONDS, self._give_back_old)
        if self._stopping:
            raise asyncio.CancelledError
        return claim

    async def _let_agents_begin(self, requests: Sequence[Claimed]) -> None:
        """What else there is to do comes after their first step."""
        if requests:
            for _ in range(STEPS_TO_AGENT):
                await asyncio.sleep(0)

    def _count_waits(self, requests: Sequence[Claimed]) -> None:
        for one in requests:
            if one.authority.fence == 1:
                label = self._meters.task_type(one.task_type)
                self._meters.queue_wait_seconds_of(label).observe(max(0.0, one.waited_seconds))

    async def _rest(self, rows: int, rings: int) -> str:
        """Wait for a reason to look again, and say which.

        rows: what the last look brought. rings: how many there were before it.
        """
        listener = self._listener
        if self.room <= 0:
            self._slot_freed.clear()  # at once: a slot may become free while we get up
            await listener.get_up()
            self._alertness.full(clock.monotonic())
            self.signals.emit("full")
            while (woken := await self._wait(self._slot_freed, self._poll(), "slot")) == "slot":
                if self.room > 0:
                    break
                self._slot_freed.clear()
            return woken
        if self._alertness.heard(clock.monotonic(), rings) and await self._store.notifiers_queue():
            self._alertness.queued(clock.monotonic())
        pause = self._alertness.looked(
            clock.monotonic(), rows, rings, listener.rings, crowded=self._neighbours.busy
        )
        if pause is not None:
            await listener.get_up()
            await asyncio.sleep(pause if rows else self._neighbours.pause_seconds(pause))
            return "busy"
        if await listener.lie_down():
            return "lock"
        if self._held_back and self._lease_freed:
            return "slot"
        if not listener.wake.is_set():
            self.signals.emit("asleep")
        due = self._due_in()
        woken = await self._wait(listener.wake, min(self._poll(), due), "hint")
        if woken == "poll" and due <= self._poll():
            return "due"
        if woken == "hint" and not listener.rings and self._lease_freed:
            return "slot"
        return woken

    async def _wait(self, event: asyncio.Event, seconds: float, woken_by: str) -> str:
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await event.wait()
        except TimeoutError:
            return "poll"
        return woken_by

    def _poll(self) -> float:
        """Seconds between two looks where nothing rings; fewer while nothing can be heard."""
        if self._listener.hearing:
            return self._poll_seconds
        return min(self._poll_seconds, DEAF_POLL_SECONDS)

    def _due_in(self) -> float:
        return self._due_monotonic - clock.monotonic()

    async def _look_for_refusals(self) -> None:
        """Intake has its own pace: a long list of refusals must not hold up claims."""
        failures = 0
        while True:
            try:
                async with asyncio.timeout(BUSY_INTAKE_SECONDS):
                    await self._intake_wanted.wait()
            except TimeoutError:
                # With every slot taken nobody rings, and bad requests are to be told all the same.
                if self.free > 0:
                    continue
            self._intake_wanted.clear()
            if self._soon_free() >= self.limit:
                # The claims come by most of it themselves in this time, and need no row held.
                await asyncio.sleep(BUSY_INTAKE_SECONDS)
            try:
                while await self._intake.check_once():
                    if self._soon_free() >= self.limit:
                        self._intake_wanted.set()
                        break
                failures = 0
            except Exception as error:
                if not is_transient(error):
                    raise
                failures += 1
                await asyncio.sleep(backoff.full_jitter(failures, cap_seconds=5.0))
                self._intake_wanted.set()

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
        """Put so many of those that were claimed ahead into the queue again, the oldest."""
        for _ in range(count):
            claimed, lease, _ = self._ahead.popleft()
            self._launch(claimed, lease, Lost() if lease.lost else Release())

    def _launch(self, claimed: Claimed, lease: LeaseState, outcome: Outcome | None = None) -> None:
        """outcome: how it ends without having begun."""
        assert self._group is not None, "the claimer has not been started"
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
            self._slot_freed.set()
            verdict = await self._completer.submit(
                claimed.authority, outcome, claimed.agent_version
            )
            self._count(claimed, outcome, verdict, label, clock.monotonic() - began)
            if verdict == "superseded":
                await self._count_waste(claimed.authority)
        finally:
            self._leases.forget(claimed.authority)

    def _count(
        self, claimed: Claimed, outcome: Outcome, verdict: Verdict, label: str, seconds: float
    ) -> None:
        if not isinstance(outcome, Release):  # it may not even have begun
            self._meters.request_seconds_of(label).observe(seconds)
        if verdict in {"accepted", "repeated"}:
            self._meters.requests_of(label, outcome.name).inc()
            if isinstance(outcome, Retry | Snooze):
                # A claim under way may have looked for the next due time before this was written.
                self._listener.wake.set()
        else:
            self._meters.requests_of(label, verdict).inc()
            log.warning(
                "outcome_not_accepted",
                request_id=claimed.request_id,
                fence=claimed.authority.fence,
                verdict=verdict,
                completed=isinstance(outcome, Complete),
            )

    async def _count_waste(self, authority: Authority) -> None:
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
        self._slot_freed.set()
        self._lease_freed = True
        if self._held_back:  # also with slots to spare: its type may have been at its limit
            self._listener.wake.set()
