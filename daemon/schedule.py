"""``ai_schedules``: requests that make themselves, one per slot, however many daemons run.

A slot is an instant at which a schedule is due, computed from its row alone, so every daemon
computes the same ones. (APScheduler's triggers do the arithmetic; nothing of its scheduler runs.)
Who moves ``last_slot`` from the old value to the new one inserts the request, in the same
statement; the others find the old value gone. Rows are read afresh each time: an edit by SQL
counts at once.

**trigger** is either a cron line of five fields (``30 6 * * mon-fri``) or ``every 90 minutes``
(seconds, minutes, hours, days; counted from 1970-01-01 UTC, so it does not depend on a start).

**Daylight saving.** A cron line speaks of wall-clock time in ``time_zone``. A time that a change
skips has no slot that day; one that comes twice has one, the first. ``every`` counts real time.

**Misfire.** A slot that is late because no daemon ran, or the database was away: of several missed
ones only the newest counts. ``latest`` runs it however late it is; ``skip`` runs it only within
``misfire_grace_seconds``. What lies before a row was last edited is not missed.

**For each.** With ``for_each = 'active_clients'`` a slot makes a request for each active client of
the main app, all of them or none, each with its ``client_id`` and an idempotency key of its own.
They share the fair key ``schedule:<name>``, which a budget (scope ``key:schedule:<name>``) and the
agent's limit per key can name.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from daemon.lifecycle import Service
from daemon.log import get_logger
from daemon.store import ScheduleRow, Store
from daemon.upkeep import Duties

LOOK_SECONDS = 10.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WINDOWS = tuple(timedelta(hours=h) for h in (1, 24, 24 * 32, 24 * 366, 24 * 366 * 9))
"""How far back to look for the newest slot: near first, so frequent ones take few steps."""
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
EVERY = re.compile(r"every\s+(?:(\d+)\s+)?(second|minute|hour|day)s?", re.IGNORECASE)
FORMS = 'use five cron fields such as "30 6 * * mon-fri", or "every 90 minutes"'

MOST_CLIENTS = 20_000
"""Of one slot: its requests are inserted by one statement."""
NO_CLIENTS = "for_each = 'active_clients' needs the main app's table of clients; there is none"

log = get_logger(__name__)

People = Callable[[int], Sequence[int] | None]
"""Ids of the active clients, at most so many; None where there is no table of them. Blocks."""


class Trigger:
    """When a schedule is due. Raises ValueError, in words for its author, for nonsense."""

    def __init__(self, text: str, time_zone: str) -> None:
        try:
            self._zone = ZoneInfo(time_zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(
                f"time_zone {time_zone!r} is not an IANA name such as Europe/Berlin"
            ) from None
        every = EVERY.fullmatch(text.strip())
        if every:
            seconds = int(every[1] or 1) * UNITS[every[2].lower()]
            if seconds < 1:
                raise ValueError(f"trigger {text!r} never comes round; {FORMS}")
            self._every: IntervalTrigger | None = IntervalTrigger(
                seconds=seconds, start_date=EPOCH, timezone=UTC
            )
            return
        self._every = None
        try:
            # Computed on a clock without changes, then placed on the real one.
            self._cron = CronTrigger.from_crontab(named_weekdays(text), timezone=UTC)
        except (ValueError, TypeError) as error:
            raise ValueError(f"trigger {text!r} cannot be read ({error}); {FORMS}") from None

    def newest(self, after: datetime, until: datetime) -> datetime | None:
        """The last slot in (after, until], in UTC; None if there is none."""
        for window in WINDOWS:
            start = max(after, until - window)
            found = self._last_between(start, until)
            if found is not None or start == after:
                return found
        return None

    def next(self, after: datetime) -> datetime | None:
        """The first slot after ``after``, in UTC; None for a cron line that never comes."""
        if self._every is not None:
            moment = self._every.get_next_fire_time(None, after + timedelta(microseconds=1))
            return moment.astimezone(UTC) if moment else None
        wall = self._wall(after)
        # An hour back: in the second of two equal hours the wall shows what it has shown before.
        probe = wall - timedelta(hours=1)
        while (fire := self._cron.get_next_fire_time(None, probe)) is not None:
            slot = self._placed(fire)
            if slot is not None and slot > after:
                return slot
            probe = fire + timedelta(seconds=1)
        return None

    def _last_between(self, start: datetime, until: datetime) -> datetime | None:
        last = None
        if self._every is not None:
            step = self._every.interval.total_seconds()
            count = int((until - EPOCH).total_seconds() // step)
            moment = EPOCH + timedelta(seconds=step * count)
            return moment if moment > start else None
        slot = self.next(start)
        while slot is not None and slot <= until:
            last = slot
            slot = self.next(slot)
        return last

    def _wall(self, moment: datetime) -> datetime:
        """What a clock on the wall shows, as if it were UTC."""
        return moment.astimezone(self._zone).replace(tzinfo=UTC, fold=0)

    def _placed(self, wall: datetime) -> datetime | None:
        """The instant at which the wall first shows this; None if it never does."""
        moment = wall.replace(tzinfo=self._zone, fold=0).astimezone(UTC)
        return moment if self._wall(moment) == wall else None


def named_weekdays(cron: str) -> str:
    """The cron line with names for weekdays: APScheduler counts from Monday, cron from Sunday."""
    fields = cron.split()
    if len(fields) != 5 or not re.fullmatch(r"[0-7,\-]+", fields[4]):
        return " ".join(fields)
    days: list[str] = []
    for part in fields[4].split(","):
        first, _, last = part.partition("-")
        numbers = range(int(first), int(last or first) + 1)
        days.extend(WEEKDAYS[number] for number in numbers)
    return " ".join([*fields[:4], ",".join(dict.fromkeys(days))])


class Schedules(Service):
    """Looks at every schedule, every ten seconds or when the next slot comes."""

    name: ClassVar[str] = "schedule"

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._duties = Duties()
        self._pause_seconds = LOOK_SECONDS
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
            if row.problem != NO_CLIENTS:  # that one is found out when the next slot comes
                await self._tell(row, None)
            inserted += await self._fire(row, trigger, now)
            upcoming = trigger.next(now)
            if upcoming is not None:
                pause = min(pause, max(0.05, (upcoming - now).total_seconds()))
        self._pause_seconds = pause
        return inserted

    async def _fire(self, row: ScheduleRow, trigger: Trigger, now: datetime) -> int:
        floor = max(row.last_slot or row.updated_at, row.updated_at)
        slot = trigger.newest(floor, now)
        if slot is None:
            return 0
        late_seconds = (now - slot).total_seconds()
        insert = row.misfire == "latest" or late_seconds <= row.misfire_grace_seconds
        clients = await self._clients(row) if insert else ()
        if clients is None:
            return 0
        ids = await self._store.schedule_fire(
            row.name, row.last_slot, slot, insert=insert, clients=clients
        )
        if not insert:
            log.info("slot_skipped", schedule=row.name, late_seconds=round(late_seconds))
        if not ids:
            return 0
        log.info("schedule_fired", schedule=row.name, request_id=ids[0], requests=len(ids))
        self.signals.emit("fired", ids[0])
        return len(ids)

    async def _clients(self, row: ScheduleRow) -> Sequence[int] | None:
        """For whom to ask; None while that cannot be said, and the slot waits."""
        if row.for_each is None:
            return ()
        if self.people is None:
            return None
        from sqlalchemy.exc import SQLAlchemyError  # heavy, and loaded with the agents by now

        try:
            clients = await asyncio.to_thread(self.people, MOST_CLIENTS)
        except SQLAlchemyError as error:
            log.warning("schedule_delayed", schedule=row.name, error=type(error).__name__)
            return None
        await self._tell(row, NO_CLIENTS if clients is None else None)
        return clients

    async def _tell(self, row: ScheduleRow, problem: str | None) -> None:
        """Show in the row why it does not run, or that it does again."""
        if row.problem == problem:
            return
        if problem:
            log.warning("schedule_unusable", schedule=row.name, reason=problem)
        await self._store.schedule_problem(row.name, problem)
