"""Asks for work whenever a slot is free and there may be some.

What makes it look: a hint, the next due time, the poll, a slot that became free. It clears the
wake-up *before* it looks, so whatever rings while it looks makes it look again.

**Asleep** means: slots are free and nothing came. Only then does it have the doorbell's lock, and
having taken it, it looks once more before it waits. While it lies there, a ring is answered with
one look and the lock stays: with few requests that is as quick as it gets, and whoever comes next
rings. Where many commit at once, or rings lead to nothing, it gets up and looks by itself, up to
50 times a second; :mod:`daemon.alertness` says when.

While others write to the database by the thousand, it rests between the claims of a backlog;
:mod:`daemon.neighbours` says how long.

What it claims, :mod:`daemon.slots` sees through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import ClassVar, Protocol

import psycopg

from daemon import backoff, clock
from daemon.alertness import Alertness
from daemon.completer import Completer
from daemon.database import brief, is_transient
from daemon.lease import Leases
from daemon.lifecycle import Loop, Service
from daemon.listener import Listener
from daemon.log import get_logger
from daemon.meters import Meters
from daemon.model import Authority, Claimed, Release
from daemon.neighbours import Neighbours
from daemon.refusals import Refusals
from daemon.slots import CostStore, Runner, Slots
from daemon.store import Claim, Key

BUSY_INTAKE_SECONDS = 0.5
DEAF_POLL_SECONDS = 2.0
STEPS_TO_AGENT = 2
"""Turns of the event loop from a claim until its agents run."""
RELEASE_SECONDS = 7.0
"""How long attempts that were told to stop may take: the runner's own grace and a little."""

log = get_logger(__name__)


class ClaimStore(CostStore, Protocol):
    """The part of the store that is needed here."""

    async def claim(
        self,
        worker_id: str,
        types: Sequence[str],
        slots: int,
        lease_seconds: float,
        *,
        past: Collection[int] | None = None,
    ) -> Claim: ...

    async def leases_held(self, worker_id: str) -> set[Key]: ...

    async def notifiers_queue(self) -> bool: ...


class DrainableRunner(Runner, Protocol):
    """Which can be told to stop at the next step, and then to give back."""

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
        runner: DrainableRunner,
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
        self._leases = leases
        self._listener = listener
        self._meters = meters
        self._types = types
        self._lease_seconds = lease_seconds
        self._poll_seconds = poll_seconds
        self._slot_freed = asyncio.Event()
        self.slots = Slots(
            limit=concurrency,
            runner=runner,
            store=store,
            completer=completer,
            leases=leases,
            meters=meters,
            on_freed=self._slot_freed.set,
            on_ended=self._look_where_it_ended,
            # A claim under way may have looked for the next due time before this was written.
            on_postponed=listener.wake.set,
        )
        self._may_claim_ahead = False
        """Not where what was claimed and has not begun would be taken for what has begun."""
        self._lease_freed = False
        """An end was committed since the last claim began: its type or key has room again."""
        self._refusals = Refusals("claim_refused")
        self._intake_wanted = asyncio.Event()
        self._alertness = Alertness()
        self._neighbours = Neighbours()
        self._claiming = False
        """A claim is under way: its answer must be read."""
        self._answer_lost = False
        """A claim failed, and may have been committed all the same."""
        self._stopping = False
        self._held_back = True
        """The last claim left something due: room that comes back is a reason to look."""
        self._due_monotonic = float("inf")

    async def start(self, group: asyncio.TaskGroup) -> None:
        self.slots.open(group)
        await super().start(group)

    async def drain(self, seconds: float) -> int:
        """Claim no more, let attempts end for ``seconds``, give back what then still runs.

        Returns how many were given back. Their ends are committed when this returns, unless the
        database is away.
        """
        await self.stop()
        ahead = self.slots.give_back()
        self._runner.drain()
        if await self.slots.ended_within(seconds):
            return ahead
        left = self.slots.attempts
        log.info("releasing", attempts=left)
        self._runner.release()
        if not await self.slots.ended_within(RELEASE_SECONDS):
            # The database is away, or an agent does not stop: leases lapse, others take over.
            log.warning("attempts_left_behind", attempts=self.slots.attempts)
        self.slots.abandon()
        return ahead + left

    @property
    def _room(self) -> int:
        """How many to claim now; ahead of free slots only where others do not feel it."""
        return self.slots.room(ahead=self._may_claim_ahead and not self._neighbours.busy)

    async def _closed(self) -> None:
        # Nobody listens for work any more: let inserts be free of charge.
        await self._listener.get_up()

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
                self._answer_lost = True
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
        while room := self._room:
            # Before the claim: what rings or ends from now on is looked for again.
            self._listener.wake.clear()
            self._slot_freed.clear()
            self._lease_freed = False
            asked_monotonic = clock.monotonic()
            claim = await self._claim(room, asked_monotonic)
            if self._answer_lost:
                await self._give_back_what_nobody_read()
            claim_seconds = clock.monotonic() - asked_monotonic
            self._learn_what_is_left(claim)
            if not claim.due or not self._room:
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
            claim = await self._claim_what_may_start(room)
        finally:
            self._claiming = False
        self.slots.begin(claim.requests, asked_monotonic, may_wait=claim.asynchronous)
        if self._stopping:
            raise asyncio.CancelledError
        return claim

    async def _give_back_what_nobody_read(self) -> None:
        """Put into the queue again what a claim took whose answer was lost: it has not begun.

        After a claim that was answered, which had waited for the other's commit. Else it would
        lie there until its lease lapses, and count as if it had lost its worker.
        """
        known = self._leases.known  # before the look: what ends meanwhile is not taken for it
        unread = await self._store.leases_held(self._worker_id) - known
        self._answer_lost = False
        for key in unread:
            self._completer.hand_in(Authority(*key, self._worker_id), Release())
        if unread:
            log.info("claim_given_back", requests=len(unread))

    async def _claim_what_may_start(self, room: int) -> Claim:
        """Each request is tried alone once the database has refused a claim, for a minute."""
        wish = (self._worker_id, self._types(), room, self._lease_seconds)
        past = self._refusals.past()
        if not past:
            try:
                return await self._store.claim(*wish)
            except psycopg.Error as error:
                if is_transient(error):
                    raise
        claim = await self._store.claim(*wish, past=past)
        while self._refusals.add(claim.refused) and not claim.requests:
            claim = await self._store.claim(*wish, past=past)
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
        if self._room <= 0:
            self._slot_freed.clear()  # at once: a slot may become free while we get up
            await listener.get_up()
            self._alertness.full(clock.monotonic())
            self.signals.emit("full")
            while (woken := await self._wait(self._slot_freed, self._poll(), "slot")) == "slot":
                if self._room > 0:
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
                if self.slots.free > 0:
                    continue
            self._intake_wanted.clear()
            if self.slots.soon_free >= self.slots.limit:
                # The claims come by most of it themselves in this time, and need no row held.
                await asyncio.sleep(BUSY_INTAKE_SECONDS)
            try:
                while await self._intake.check_once():
                    if self.slots.soon_free >= self.slots.limit:
                        self._intake_wanted.set()
                        break
                failures = 0
            except Exception as error:
                if not is_transient(error):
                    raise
                failures += 1
                await asyncio.sleep(backoff.full_jitter(failures, cap_seconds=5.0))
                self._intake_wanted.set()

    def _look_where_it_ended(self) -> None:
        self._lease_freed = True
        if self._held_back:  # also with slots to spare: its type may have been at its limit
            self._listener.wake.set()
