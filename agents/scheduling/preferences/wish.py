"""A wish for times as structure, and how well a session fits it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

DAY = 24 * 60
CLOSE_MINUTES = 30

WEEKDAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WORKDAYS, WEEKEND = frozenset(range(1, 6)), frozenset((6, 7))

PARTS: dict[str, tuple[int, int]] = {
    "early morning": (5 * 60, 9 * 60),
    "late morning": (9 * 60, 12 * 60),
    "morning": (5 * 60, 12 * 60),
    "midday": (11 * 60, 14 * 60),
    "lunchtime": (11 * 60 + 30, 13 * 60 + 30),
    "early afternoon": (12 * 60, 15 * 60),
    "late afternoon": (15 * 60, 18 * 60),
    "afternoon": (12 * 60, 17 * 60),
    "early evening": (16 * 60, 19 * 60),
    "evening": (17 * 60, 22 * 60),
    "night": (19 * 60, DAY),
}


@dataclass(frozen=True, slots=True)
class Preference:
    """Times that a client likes or, with `avoid`, does not.

    weekdays: ISO, None for any. minutes: [first, end) of a start, after midnight, None for any;
    whole: the session is to lie in them, and a start alone fits half. at: the wished start,
    minutes after midnight; one within half an hour fits half. dates: first and last, `date.min`
    and `date.max` where a side is open, None for any.
    """

    weekdays: frozenset[int] | None = None
    minutes: tuple[int, int] | None = None
    at: int | None = None
    dates: tuple[date, date] | None = None
    avoid: bool = False
    whole: bool = False

    def fits(self, start: datetime, length: int = 0) -> float:
        """How well a session fits, 0 to 1. start: wall time; length: in minutes."""
        if self.dates is not None and not self.dates[0] <= start.date() <= self.dates[1]:
            return 0.0
        if self.weekdays is not None and start.isoweekday() not in self.weekdays:
            return 0.0
        minute = start.hour * 60 + start.minute
        if self.at is not None:
            away = abs(minute - self.at)
            return 1.0 if away == 0 else (0.5 if away <= CLOSE_MINUTES else 0.0)
        if self.minutes is None:
            return 1.0
        first, end = self.minutes
        if self.whole and self.avoid:
            return 1.0 if minute < end and minute + length > first else 0.0
        if not first <= minute < end:
            return 0.0
        return 0.5 if self.whole and minute + length > end else 1.0

    def label(self) -> str:
        """The wish in our own words, e.g. ``Mon 18:00``; for reasons and sentences."""
        when = self._hours()
        several = "" if when in PARTS else "s"  # "weekday evening", "weekdays from 18:00"
        days = ""
        if self.weekdays == WORKDAYS:
            days = f"weekday{several}"
        elif self.weekdays == WEEKEND:
            days = f"weekend{several}"
        elif self.weekdays is not None:
            days = " ".join(WEEKDAY_NAMES[day - 1] for day in sorted(self.weekdays))
        if self.dates is not None:
            days = f"{days} {_dates_text(*self.dates)}".strip()
        return f"{days} {when}".strip() or "any time"

    def _hours(self) -> str:
        """``18:00``, ``evening``, ``from 18:00``, ``before 09:00``, ``18:00-20:00`` or nothing."""
        if self.at is not None:
            return _clock_text(self.at)
        if self.minutes is None:
            return ""
        if part := {span: part for part, span in PARTS.items()}.get(self.minutes):
            return part
        first, end = map(_clock_text, self.minutes)
        if self.minutes[1] == DAY:
            return f"from {first}"
        return f"{first}-{end}" if self.minutes[0] else f"before {end}"


@dataclass(frozen=True, slots=True)
class Wishes:
    """All preferences of a request. unread: clauses not understood; past: ones gone by."""

    likes: tuple[Preference, ...] = ()
    dislikes: tuple[Preference, ...] = ()
    unread: int = 0
    past: int = 0

    def strength(self, start: datetime, length: int = 0) -> float:
        """1 for a wish met, .5 for one nearly met, 0 for none, -1 for a time to avoid.

        start: wall time; length: of the session, in minutes.
        """
        if self.refused(start, length) is not None:
            return -1.0
        return max((wish.fits(start, length) for wish in self.likes), default=0.0)

    def met(self, start: datetime, length: int = 0) -> Preference | None:
        """The best-fitting wish, None without one."""
        best = max(self.likes, key=lambda wish: wish.fits(start, length), default=None)
        return best if best is not None and best.fits(start, length) > 0 else None

    def refused(self, start: datetime, length: int = 0) -> Preference | None:
        """What a time to avoid is avoided for, None if it is none."""
        return next((wish for wish in self.dislikes if wish.fits(start, length) == 1.0), None)

    def exact(self) -> tuple[Preference, ...]:
        """Wishes for a time to the minute: worth trying even off the usual grid of starts."""
        return tuple(wish for wish in self.likes if wish.at is not None)


def _dates_text(first: date, last: date) -> str:
    if last == date.max:
        return f"from {first.isoformat()}"
    if first == date.min:
        return f"until {last.isoformat()}"
    return first.isoformat() if first == last else f"{first.isoformat()} to {last.isoformat()}"


def _clock_text(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
