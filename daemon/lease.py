"""Keeps this worker's leases alive, and tells its attempts when they must stop.

A thread of its own with a connection of its own: neither a busy event loop nor an exhausted pool
may cost a lease. Every third of a lease it renews all of them with one statement, whose answer
holds two more things: an attempt that is *not* returned is lost, and one with a cancel is to stop.

Who cannot renew must stop believing in its lease before anybody else may take it over. Counted on
the monotonic clock from the moment the last successful renewal was *sent*, an attempt without an
answer is lost some seconds before its lease ends ("self-fencing"). The event loop judges this, in
:meth:`Leases.tick`, since the thread may be stuck in a network read; the loop also cuts such a
read off.

Two kinds of work are not kept alive: an attempt past its deadline and grace (its slot would be
taken for ever), and everything once the loop has not ticked for a minute. Then the process
dumps its stacks and ends with status 70; the leases lapse and the work goes to others. The thread
counts only time that it has itself seen pass, so a process that was stopped and continued is not
taken for a wedged one. A thread that fails for another reason than the database ends the daemon.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

import psycopg

from daemon import clock
from daemon.database import brief, hang_up
from daemon.errors import EXIT_INTERNAL
from daemon.lifecycle import Service
from daemon.log import get_logger
from daemon.meters import Meters
from daemon.model import Authority
from daemon.statements import Statements
from daemon.store import lease_renew

TICK_SECONDS = 0.5
WEDGED_SECONDS = 60.0
FENCE_MARGIN_SECONDS = 5.0
HURRY_SECONDS = 0.25
"""Shortest pause between two renewals that hints of cancels asked for."""
GRACE_SECONDS = 10.0
REMEMBERED_LEASES = 100
"""For as many leases' time a lost one is known: it lapsed, and is put away by whoever sweeps next.
Older ones go when another is lost, which is no sooner than the database was there again."""

log = get_logger(__name__)


@dataclass(eq=False, slots=True)
class LeaseState:
    """One attempt's lease. All but the authority belongs to the event loop.

    deadline_monotonic: when the attempt must have ended; renewed a little beyond, then no more.
    renewed_monotonic: when the last renewal that succeeded was sent. finishing: the end is on its
    way to the database, which decides whether it counts; a lease gone meanwhile is no loss.
    """

    authority: Authority
    renewed_monotonic: float
    deadline_monotonic: float | None = None
    finishing: bool = False
    cancelled: bool = False
    lost: bool = False
    on_stop: Callable[[], None] | None = None
    """Called by whatever makes the attempt stop."""

    @property
    def stopped(self) -> bool:
        return self.cancelled or self.lost

    def cancel(self) -> None:
        self.cancelled = True
        self._stop()

    def lose(self) -> None:
        self.lost = True
        self._stop()

    def _stop(self) -> None:
        if self.on_stop is not None:
            self.on_stop()

    @property
    def key(self) -> tuple[int, int]:
        return (self.authority.request_id, self.authority.fence)


class Leases(Service):
    """The leases of this process. ``watch`` and ``forget`` belong to the event loop.

    connect opens the heartbeat's connection. wedged is called, from the thread, when the event
    loop is dead.
    """

    name: ClassVar[str] = "lease"

    def __init__(
        self,
        *,
        worker_id: str,
        lease_seconds: float,
        connect: Callable[[], psycopg.Connection[Any]],
        statements: Statements,
        meters: Meters,
        monotonic: clock.Monotonic = clock.monotonic,
        wedged_seconds: float | None = None,
        wedged: Callable[[], None] | None = None,
    ) -> None:
        super().__init__()
        self._worker_id = worker_id
        self._lease_seconds = lease_seconds
        self._interval = lease_seconds / 3
        self._fence_seconds = lease_seconds - min(FENCE_MARGIN_SECONDS, lease_seconds / 4)
        self._connect = connect
        self._statements = statements
        self._meters = meters
        self._monotonic = monotonic
        self._wedged_seconds = WEDGED_SECONDS if wedged_seconds is None else wedged_seconds
        self._wedged = wedged or end_wedged
        self._states: dict[tuple[int, int], LeaseState] = {}
        self._lost: dict[tuple[int, int], float] = {}
        self._guard = threading.Lock()
        self._call = threading.Event()
        self._stopping = False
        self._ticks = 0
        self._sent_monotonic: float | None = None
        self._connection: psycopg.Connection[Any] | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failing = False
        self._died: Exception | None = None

    def watch(self, authority: Authority, *, claimed_monotonic: float | None = None) -> LeaseState:
        """The state of this attempt's lease; from now on it is renewed.

        claimed_monotonic: taken before the claim was sent, since the lease began no earlier. Where
        the answer took longer than the lease, it is lost already.
        """
        key = (authority.request_id, authority.fence)
        with self._guard:
            state = self._states.get(key)
            if state is None:
                began = self._monotonic() if claimed_monotonic is None else claimed_monotonic
                state = self._states[key] = LeaseState(authority, began)
        if self._overdue(state, self._monotonic()):
            self._lose(state, "claimed too long ago")
        return state

    def forget(self, authority: Authority) -> None:
        """The attempt has ended; its lease is not renewed any more."""
        with self._guard:
            self._states.pop((authority.request_id, authority.fence), None)

    def hurry(self, request_id: int | None = None) -> None:
        """A hint that this request, or any, is to be cancelled: ask the database soon, if it is
        ours."""
        with self._guard:
            ours = any(request_id in (None, key[0]) for key in self._states)
        if ours:
            self._call.set()

    @property
    def count(self) -> int:
        """Leases held now."""
        return len(self._states)

    @property
    def known(self) -> set[tuple[int, int]]:
        """Attempts that this process has, and those that it lost lately: both may have begun."""
        with self._guard:
            return self._lost.keys() | self._states.keys()

    async def _opened(self) -> None:
        self._stopping = False
        self._died = None
        self._call.clear()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    async def _run(self) -> None:
        while True:
            if self._died is not None:
                raise self._died  # leases lapse while the rest goes on: end, and let it be seen
            self.tick()
            await asyncio.sleep(TICK_SECONDS)

    async def _closed(self) -> None:
        self._stopping = True
        self._call.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.to_thread(thread.join, 1.0)
            if thread.is_alive():
                self._cut()
                await asyncio.to_thread(thread.join, self._interval + 6.0)

    def tick(self) -> None:
        """Show that the loop lives, cut off a renewal that hangs, and fence what is overdue."""
        self._ticks += 1
        now = self._monotonic()
        sent = self._sent_monotonic
        if sent is not None and now - sent > self._interval / 2:
            self._cut()
        with self._guard:
            overdue = [state for state in self._states.values() if self._overdue(state, now)]
        for state in overdue:
            self._lose(state, "not renewed in time")

    def _overdue(self, state: LeaseState, now: float) -> bool:
        return now - state.renewed_monotonic > self._fence_seconds

    def _lose(self, state: LeaseState, reason: str) -> None:
        if state.lost or state.finishing:
            return
        state.lose()
        self._remember(state.key)
        self.forget(state.authority)
        self._meters.leases_lost.inc()
        log.warning(
            "lease_lost",
            request_id=state.authority.request_id,
            fence=state.authority.fence,
            reason=reason,
        )
        self.signals.emit("lost", state.authority)

    def _remember(self, lost: tuple[int, int]) -> None:
        now = self._monotonic()
        long_ago = now - REMEMBERED_LEASES * self._lease_seconds
        with self._guard:
            self._lost = {key: when for key, when in self._lost.items() if when > long_ago}
            self._lost[lost] = now

    def _renewed(self, sent: float, asked: list[LeaseState], kept: dict[Any, bool]) -> None:
        """What the thread has learned, told in the loop."""
        for state in asked:
            cancel = kept.get(state.key)
            if cancel is None:
                # It may have ended while the statement ran, and its lease with it.
                if state.key in self._states:
                    self._lose(state, "taken over")
                continue
            state.renewed_monotonic = max(state.renewed_monotonic, sent)
            if cancel and not state.cancelled:
                state.cancel()
                self.signals.emit("cancelled", state.authority)
        self.signals.emit("renewed", len(kept))

    def _cut(self) -> None:
        """End a network read of the thread's that lasts too long: the peer may be a black hole."""
        connection = self._connection
        if connection is None or connection.closed:
            return
        hang_up(connection)
        log.warning("heartbeat_cut", after_seconds=round(self._interval / 2, 1))

    def _beat(self) -> None:
        seen_ticks, stuck_seconds, pause = -1, 0.0, min(1.0, self._interval / 4)
        next_renewal = self._monotonic() + self._interval
        try:
            while True:
                called = self._call.wait(pause)
                if self._stopping or (self._loop is not None and self._loop.is_closed()):
                    return
                stuck_seconds = 0.0 if self._ticks != seen_ticks else stuck_seconds + pause
                seen_ticks = self._ticks
                if stuck_seconds >= self._wedged_seconds:
                    self._wedged()
                    return
                if called or self._monotonic() >= next_renewal:
                    self._call.clear()
                    self._renew()
                    # After a failure sooner than in a third of a lease: there is only one.
                    soon = 0.0 if self._failing else self._interval
                    next_renewal = self._monotonic() + soon
                    if called:
                        # A flood of hints must not become a flood of statements.
                        time.sleep(HURRY_SECONDS)
        except Exception as error:  # noqa: BLE001 - the loop raises it
            self._died = error
        finally:
            if self._connection is not None:
                with suppress(psycopg.Error):
                    self._connection.close()
                self._connection = None

    def _renew(self) -> None:
        now = self._monotonic()
        with self._guard:
            asked = [
                state
                for state in self._states.values()
                if state.deadline_monotonic is None
                or now < state.deadline_monotonic + GRACE_SECONDS
            ]
        if not asked:
            return
        sent = self._sent_monotonic = self._monotonic()
        try:
            if self._connection is None or self._connection.closed:
                self._connection = self._connect()
                sent = self._sent_monotonic = self._monotonic()
            kept = lease_renew(
                self._connection,
                self._statements,
                self._worker_id,
                [state.key for state in asked],
                self._lease_seconds,
            )
        except (psycopg.Error, OSError) as error:
            self._drop_connection(error)
            return
        finally:
            self._sent_monotonic = None
        self._failing = False
        loop = self._loop
        if loop is not None and not loop.is_closed():
            with suppress(RuntimeError):  # closed in between
                loop.call_soon_threadsafe(self._renewed, sent, asked, kept)

    def _drop_connection(self, error: BaseException) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error, OSError):
                connection.close()
        if not self._failing:
            log.warning("heartbeat_failed", error=brief(error))
        self._failing = True


def end_wedged() -> None:
    """The event loop is dead: show where every thread stands, and end with status 70."""
    # Not through the logger, whose lock the stuck thread may hold.
    os.write(sys.stdout.fileno(), b'{"level": "critical", "message": "event_loop_wedged"}\n')
    faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
    os._exit(EXIT_INTERNAL)
