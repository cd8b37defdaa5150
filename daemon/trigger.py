"""When a schedule is due, from its row alone.

APScheduler's triggers do the arithmetic; nothing of its scheduler runs.

**trigger** is either a cron line of five fields (``30 6 * * mon-fri``) or ``every 90 minutes``
(seconds, minutes, hours, days; counted from 1970-01-01 UTC, so it does not depend on a start).

**Daylight saving.** A cron line speaks of wall-clock time in ``time_zone``. A time that a change
skips has no slot that day; one that comes twice has one, the first. ``every`` counts real time.

**Day of the month and weekday.** Where a cron line names both, a day has to be both: Friday the
13th for ``0 9 13 * fri``, where cron itself takes every 13th and every Friday.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import MAXYEAR, UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WINDOWS = tuple(timedelta(hours=h) for h in (1, 24, 24 * 32, 24 * 366, 24 * 366 * 9))
"""How far back to look for the newest slot: near first, so frequent ones take few steps."""
LATELY = datetime(2025, 1, 1, tzinfo=UTC)
"""No clock's: whether a line ever comes must not depend on the day it is read."""
SEARCH_YEARS = 50
"""How far ahead to look: 29 February on one weekday may be 40 years away. Looking on to the end of
the calendar held up the event loop for seconds, for a line that never comes."""
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
NAME = re.compile(r"[a-z]+", re.IGNORECASE)
NUMBERS = re.compile(r"(?:\*|([0-9]+)(?:-([0-9]+))?)(?:/([0-9]+))?")
"""A weekday, or some of them, as cron numbers them."""
UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
LONGEST_SECONDS = 36_500 * 86400
"""Of ``every``: the calendar, which ends with the year 9999, holds many of these."""
OF_THIS_HOST = ("localtime", "posixrules")
"""Names that each host gives to a zone of its own: two daemons would read two different ones."""
EVERY = re.compile(r"every\s+(?:(\d+)\s+)?(second|minute|hour|day)s?", re.IGNORECASE)
FORMS = 'use five cron fields such as "30 6 * * mon-fri", or "every 90 minutes"'


class Trigger:
    """When a schedule is due. Raises ValueError, in words for its author, for nonsense."""

    def __init__(self, text: str, time_zone: str) -> None:
        try:
            if time_zone in OF_THIS_HOST:
                raise ValueError(time_zone)
            self._zone = ZoneInfo(time_zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(
                f"time_zone {time_zone!r} is not an IANA name such as Europe/Berlin"
            ) from None
        every = EVERY.fullmatch(text.strip())
        if every:
            seconds = int(every[1] or 1) * UNITS[every[2].lower()]
            if not 1 <= seconds <= LONGEST_SECONDS:
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
        if self.next(LATELY) is None:
            raise ValueError(f"trigger {text!r} never comes round in {time_zone}; {FORMS}")

    def newest(self, after: datetime, until: datetime) -> datetime | None:
        """The last slot in (after, until], in UTC; None if there is none."""
        for window in WINDOWS:
            start = max(after, until - window)
            found = self._last_between(start, until)
            if found is not None or start == after:
                return found
        return None

    def next(self, after: datetime) -> datetime | None:
        """The first slot after ``after``, in UTC; None if there is none within SEARCH_YEARS."""
        try:
            return self._next(after)
        except (OverflowError, ValueError):  # it would lie behind the calendar's end
            return None

    def _next(self, after: datetime) -> datetime | None:
        if self._every is not None:
            moment = self._every.get_next_fire_time(None, after + timedelta(microseconds=1))
            return moment.astimezone(UTC) if moment else None
        wall = self._wall(after)
        self._cron.end_date = wall.replace(
            year=min(wall.year + SEARCH_YEARS, MAXYEAR), month=12, day=31
        )
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
    """The cron line with names for weekdays: APScheduler counts from Monday, cron from Sunday.

    Of a range that begins with a name APScheduler reads no number and no step: ``mon-5`` is its
    Monday. So ranges go to it as single days, and months as numbers. Raises ValueError for a
    weekday that no week has.
    """
    fields = cron.split()
    if len(fields) != 5:
        return " ".join(fields)
    fields[3] = _numbered(fields[3], MONTHS, first=1)
    if fields[4] == "*":
        return " ".join(fields)
    days: list[str] = []
    for part in fields[4].split(","):
        # A range ends with the week's second Sunday, not with its first.
        numbered = _numbered(part.lower().replace("-sun", "-7"), WEEKDAYS, first=0)
        numbers = NUMBERS.fullmatch(numbered)
        days += [part] if numbers is None else _weekdays(part, numbers)
    return " ".join([*fields[:4], ",".join(dict.fromkeys(days))])


def _numbered(text: str, names: Sequence[str], *, first: int) -> str:
    """Names as their numbers; a word that is none of them stays, for APScheduler to refuse."""

    def number(found: re.Match[str]) -> str:
        name = found[0].lower()
        return str(names.index(name) + first) if name in names else found[0]

    return NAME.sub(number, text)


def _weekdays(part: str, numbers: re.Match[str]) -> list[str]:
    """The names of ``3``, ``1-5``, ``1-5/2`` and ``*/2``; from a lone ``3/2`` on to Saturday."""
    first, last, step = (None if text is None else int(text) for text in numbers.groups())
    if first is None:
        first, last = 0, 6
    elif last is None:
        last = first if step is None else 6
    days = WEEKDAYS[first : last + 1 : step or 1] if step != 0 else ()
    if not days or last >= len(WEEKDAYS):
        raise ValueError(f"{part!r} names no weekday; 0 and 7 are Sunday, 6 is Saturday")
    return list(days)
