"""``ai_schedules``: requests that make themselves, one per slot, however many daemons run.

A slot is an instant at which a schedule is due, computed from its row alone, so every daemon
computes the same ones. Who moves ``last_slot`` from the old value to the new one inserts the
request, in the same statement; the others find the old value gone. Rows are read afresh each time:
an edit by SQL counts at once.

**trigger** is a cron line or ``every 90 minutes``, see :mod:`daemon.trigger`.

**Misfire.** A slot that is late because no daemon ran, or the database was away: of several missed
ones only the newest counts. ``latest`` runs it however late it is; ``skip`` runs it only within
``misfire_grace_seconds``, or as late as a look may be; one that has begun by then is brought to
its end. What lies before a row was last edited is not missed, nor what lies long before now where
the database's clock was set back.

**For each.** With ``for_each = 'active_clients'`` a slot makes a request for each active client of
the main app, each with its ``client_id`` and an idempotency key of its own. They are inserted some
hundred at a time, and the slot has run when the last of them are: where a daemon dies in between,
the next look goes on, and no client is asked about twice. They share the fair key
``schedule:<name>``, which a budget (scope ``key:schedule:<name>``) and the agent's limit per key
can name.

A row that cannot be used, whose agent was deleted, or whose requests the database refuses, says
why in ``problem`` and costs the others nothing. A slot whose requests were refused waits, and is
tried again each minute; where it is refused for some clients, all others have theirs meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import ClassVar

import psycopg

from daemon import clock
from daemon.database import is_transient, refusal
from daemon.lifecycle import Service
from daemon.log import get_logger
from daemon.store import ScheduleRow, Store
from daemon.trigger import Trigger
from daemon.upkeep import Duties

LOOK_SECONDS = 10.0
LATE_SECONDS = 60.0
"""A slot that is run so late was missed: nobody looked when it came."""
CLIENTS_AT_ONCE = 500
"""Their requests are inserted by one statement, which keeps no lock for long (some 20 ms)."""
REFUSED_SECONDS = 60.0
"""From one try at a slot whose requests are refused to the next: each is as much as the slot."""
MOST_REFUSED = 10
"""Clients of one slot. Where it is more, it is not refused for their sake."""
NO_CLIENTS = "for_each = 'active_clients' needs the main app's table of clients; there is none"
REFUSED = "its slot came, and the database refused its requests"

log = get_logger(__name__)

Fire = Callable[..., Awaitable[list[int]]]
People = Callable[[int, int], Sequence[int] | None]
"""Ids of the active clients above an id, lowest first, at most so many; None where there is no
table of them. Blocks."""


class Schedules(Service):
    """Looks at every schedule, every ten seconds or when the next slot comes.

    on_late: a missed slot was run; gets the schedule's name and how many seconds late it was.
    """

    name: ClassVar[str] = "schedule"

    def __init__(
        self, store: Store, on_late: Callable[[str, float], None] = lambda *_: None
    ) -> None:
        super().__init__()
        self._on_late = on_late
        self._store = store
        self._duties = Duties()
        self._pause_seconds = LOOK_SECONDS
        self._refused: dict[str, tuple[datetime, ScheduleRow, float]] = {}
        """By name: the slot that was refused, of what row, and when it was tried."""
        self.people: People | None = None
        """Set once the main app's tables can be read; until then ``for_each`` waits."""

    async def _run(self) -> None:
        while True:
            await self._duties.attempt(self.look)
            self.signals.emit("looked")
            await asyncio.sleep(self._pause_seconds)

    async def look(self) -> int:
        """Insert what is due; returns how many requests this daemon inserted."""
        now, rows = await self._store.schedules_list()
        inserted = 0
        pause = LOOK_SECONDS
        for row in rows:
            if not row.enabled:
                continue
            try:
                trigger = Trigger(row.trigger, row.time_zone)
            except ValueError as error:
                await self._tell(row, str(error))
                continue
            if not row.answered:
                await self._tell(row, f"no agent answers {row.task_type!r}")
                continue
            # What is found out when a slot comes is told as long as that slot waits.
            lasting = row.problem == NO_CLIENTS and row.for_each is not None
            if not lasting and not (row.problem or "").startswith(REFUSED):
                await self._tell(row, None)
            inserted += await self._fire(row, trigger, now)
            upcoming = trigger.next(now)
            if upcoming is not None:
                pause = min(pause, max(0.05, (upcoming - now).total_seconds()))
        self._pause_seconds = pause
        return inserted

    async def _fire(self, row: ScheduleRow, trigger: Trigger, now: datetime) -> int:
        floor = max(row.last_slot or row.updated_at, row.updated_at)
        if floor > now + timedelta(seconds=LOOK_SECONDS):
            # The clock was ahead. A slot that it ran before its time is known by its key.
            floor = now - timedelta(seconds=2 * LOOK_SECONDS)
        slot = trigger.newest(floor, now)
        if slot is None:
            await self._not_refused(row)
            return 0
        if self._refused_lately(row, slot):
            return 0
        late_seconds = (now - slot).total_seconds()
        grace_seconds = max(row.misfire_grace_seconds, LOOK_SECONDS)
        insert = row.misfire == "latest" or late_seconds <= grace_seconds
        ids: list[int] = []
        try:
            insert = insert or await self._has_begun(row, slot)
            refused = await self._insert(row, slot, ids, insert=insert)
        except psycopg.Error as error:
            if is_transient(error):
                raise
            refused = f": {refusal(error)}"
        if refused:
            # Such as by a trigger of the main app's: that is this schedule's trouble.
            self._refused[row.name] = (slot, _as_edited(row), clock.monotonic())
            await self._tell(row, REFUSED + refused)
        if not insert:
            log.info("slot_skipped", schedule=row.name, late_seconds=round(late_seconds))
        if not ids:
            return 0
        log.info("schedule_fired", schedule=row.name, request_id=ids[0], requests=len(ids))
        self.signals.emit("fired", ids[0])
        if late_seconds > LATE_SECONDS:
            self._on_late(row.name, late_seconds)
        return len(ids)

    def _refused_lately(self, row: ScheduleRow, slot: datetime) -> bool:
        refused = self._refused.get(row.name)
        return (
            refused is not None
            and refused[:2] == (slot, _as_edited(row))
            and clock.monotonic() - refused[2] < REFUSED_SECONDS
        )

    async def _insert(
        self, row: ScheduleRow, slot: datetime, ids: list[int], *, insert: bool
    ) -> str | None:
        """Insert the slot's requests and move on to it. ids gets those of the new ones.

        Returns for whom the database refused them, and why: the slot waits then, and all others
        have theirs.
        """
        fire = partial(self._store.schedule_fire, row.name, row.last_slot, slot)
        if row.for_each is None or not insert:
            ids += await fire(insert=insert)
            await self._not_refused(row)
            return None
        refused: dict[int, str] = {}
        after = 0
        while True:
            clients = await self._clients(row, after)
            if clients is None:
                return None
            await self._insert_for(clients, partial(fire, move=False), ids, refused)
            if len(clients) < CLIENTS_AT_ONCE:
                break
            after = clients[-1]
        if refused:
            named = ", ".join(map(str, refused))
            return f" for client {named}: {next(iter(refused.values()))}"
        await fire()
        await self._not_refused(row)
        return None

    async def _insert_for(
        self, clients: Sequence[int], fire: Fire, ids: list[int], refused: dict[int, str]
    ) -> None:
        """For all of these at once; where that is refused, for each half of them."""
        try:
            ids += await fire(clients=clients)
        except psycopg.Error as error:
            if is_transient(error):
                raise
            if len(clients) == 1:
                refused[clients[0]] = refusal(error)
            if len(refused) > MOST_REFUSED:
                raise
            middle = len(clients) // 2
            for half in (clients[:middle], clients[middle:]) if middle else ():
                await self._insert_for(half, fire, ids, refused)

    async def _has_begun(self, row: ScheduleRow, slot: datetime) -> bool:
        """Whether a daemon ended amidst the requests of this slot: those of the first clients are
        there."""
        if row.for_each is None:
            return False
        first = await self._clients(row, 0)
        return bool(first) and await self._store.schedule_begun(row.name, slot, first or ())

    async def _clients(self, row: ScheduleRow, after: int) -> Sequence[int] | None:
        """For whom to ask next; None while that cannot be said, and the slot waits."""
        if self.people is None:
            return None
        # Heavy, and loaded with the agents by now.
        from sqlalchemy.exc import SQLAlchemyError

        from agents.base import AgentError

        try:
            clients = await asyncio.to_thread(self.people, after, CLIENTS_AT_ONCE)
        except AgentError as error:  # a read that took too long; its words name the table
            log.warning("schedule_delayed", schedule=row.name, error=error.message)
            return None
        except SQLAlchemyError as error:
            log.warning("schedule_delayed", schedule=row.name, error=type(error).__name__)
            return None
        if clients is None or row.problem == NO_CLIENTS:
            await self._tell(row, NO_CLIENTS if clients is None else None)
        return clients

    async def _not_refused(self, row: ScheduleRow) -> None:
        """No slot waits any more for what the database refused."""
        if (row.problem or "").startswith(REFUSED):
            await self._tell(row, None)

    async def _tell(self, row: ScheduleRow, problem: str | None) -> None:
        """Show in the row why it does not run, or that it does again."""
        if row.problem == problem:
            return
        if problem:
            log.warning("schedule_unusable", schedule=row.name, reason=problem)
        await self._store.schedule_problem(row.name, problem)


def _as_edited(row: ScheduleRow) -> ScheduleRow:
    """What people wrote of it."""
    return replace(row, problem=None)
