"""Which starts are free: every candidate, and the rules that forbid it.

Candidates are the starts inside the hours given, every `step_minutes` from the beginning of each
span. For each one all broken rules are named rather than the first, so that where nothing is free
the answer can say which rule to give up. Times are wall times for people and UTC minutes for
arithmetic (:mod:`agents.scheduling.clock`).

Rules: `trainer_busy`, `client_busy`, `travel`, `availability`, `notice`, `gap`, `blackout`,
`clock_change`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from agents.scheduling.clock import GymClock

TRAVEL_MINUTES = 30
LONGEST_MINUTES = 480
DAY_MINUTES = 24 * 60
_ONLINE = ("online", "virtual", "remote", "zoom", "video")


@dataclass(frozen=True, slots=True)
class Window:
    """A span in which sessions may lie, minutes after midnight; on one date or each weekday."""

    start: int
    end: int
    weekday: int | None = None
    on: date | None = None

    def holds(self, day: date) -> bool:
        """Whether it applies to a day."""
        return self.on == day if self.on is not None else self.weekday == day.isoweekday()


@dataclass(frozen=True, slots=True)
class Booking:
    """A session that is not cancelled. start: wall time. id: None if only the caller knows it."""

    start: datetime
    minutes: int
    trainer_id: int | None
    client_id: int | None
    id: int | None = None
    status: str = "scheduled"
    location: str | None = None
    online: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What a new session must respect. Distances in minutes.

    earliest: wall time before which no session may start. location: where it would be, None if
    nobody said.
    """

    duration: int
    step: int
    earliest: datetime
    gap: int
    buffer: int
    windows: tuple[Window, ...]
    blackout: frozenset[date] = frozenset()
    location: str | None = None
    online: bool = False

    @property
    def place(self) -> str | None:
        """Where, comparable; None where no travel is needed or known."""
        return place(self.location, online=self.online)


@dataclass(frozen=True, slots=True)
class Slot:
    """A possible session. first, end: UTC minutes since 1970."""

    start: datetime
    minutes: int
    first: int
    end: int


@dataclass(slots=True)
class Candidates:
    """free: allowed starts in order. broken: for every other start inside the horizon, its rules.

    blocked: how many starts inside the hours are ruled out.
    """

    free: list[Slot] = field(default_factory=list)
    broken: dict[datetime, frozenset[str]] = field(default_factory=dict)
    blocked: int = 0


def place(location: str | None, *, online: bool) -> str | None:
    """A location without case and spacing; None for online and for unknown."""
    words = " ".join((location or "").casefold().split())
    if online or not words or any(word in words for word in _ONLINE):
        return None
    return words


class Diary:
    """When one person is busy, prepared for many questions."""

    def __init__(self, bookings: Iterable[Booking], clock: GymClock) -> None:
        spans = sorted(
            ((*clock.span(b.start, b.minutes), b) for b in bookings), key=lambda s: (s[0], s[1])
        )
        self._firsts = [first for first, _, _ in spans]
        self._spans = spans

    def near(self, first: int, end: int) -> Iterator[tuple[int, int, Booking]]:
        """Bookings that may touch [first, end): (first, end, booking)."""
        # A repeated hour in autumn makes a span an hour longer than its booking.
        start = bisect_left(self._firsts, first - LONGEST_MINUTES - 60)
        stop = bisect_left(self._firsts, end)
        for span in self._spans[start:stop]:
            if span[1] > first:
                yield span

    def starts_within(self, slot: Slot, gap: int) -> bool:
        """Whether another session starts less than `gap` minutes away, on either clock."""
        # On the wall Saturday 18:00 to Monday 18:00 is 48 hours even when the clocks change.
        start = bisect_left(self._firsts, slot.first - gap - 60)
        stop = bisect_left(self._firsts, slot.first + gap + 61)
        wall = timedelta(minutes=gap)
        return any(
            abs(first - slot.first) < gap or abs(booking.start - slot.start) < wall
            for first, _, booking in self._spans[start:stop]
        )


def broken_rules(
    slot: Slot, rules: Rules, trainer: Diary, client: Diary, clock: GymClock
) -> frozenset[str]:
    """Every rule that the slot breaks, `availability` apart."""
    found: set[str] = set()
    if not clock.exists(slot.start):
        found.add("clock_change")
    if slot.start < rules.earliest:
        found.add("notice")
    last = slot.start + timedelta(minutes=slot.minutes - 1)
    if not rules.blackout.isdisjoint((slot.start.date(), last.date())):
        found.add("blackout")
    if rules.gap and client.starts_within(slot, rules.gap):
        found.add("gap")
    for name, diary, buffer in (
        ("trainer_busy", trainer, rules.buffer),
        ("client_busy", client, 0),
    ):
        reach = max(buffer, TRAVEL_MINUTES)
        for first, end, booking in diary.near(slot.first - reach, slot.end + reach):
            between = max(first - slot.end, slot.first - end)
            there = place(booking.location, online=booking.online)
            if between < buffer or between < 0:
                found.add(name)
            elif between < TRAVEL_MINUTES and _apart(rules.place, there):
                found.add("travel")
    return frozenset(found)


def _apart(here: str | None, there: str | None) -> bool:
    return here is not None and there is not None and here != there


def candidates(
    clock: GymClock,
    rules: Rules,
    days: Sequence[date],
    trainer: Diary,
    client: Diary,
    extra: Iterable[datetime] = (),
    until: datetime | None = None,
) -> Candidates:
    """All starts on `days` inside the hours. extra: starts off the grid, worth a try.

    until: wall time at which the horizon ends.
    """
    found = Candidates()
    for slot in _inside(clock, rules, days, extra):
        if until is not None and slot.start >= until:
            continue
        broken = broken_rules(slot, rules, trainer, client, clock)
        if broken:
            found.broken[slot.start] = broken
            found.blocked += 1
        else:
            found.free.append(slot)
    return found


def _inside(
    clock: GymClock, rules: Rules, days: Sequence[date], extra: Iterable[datetime]
) -> list[Slot]:
    wishes: dict[date, list[int]] = {}
    for start in extra:
        wishes.setdefault(start.date(), []).append(start.hour * 60 + start.minute)
    slots: dict[datetime, Slot] = {}
    for day in days:
        for first, end in spans_of(rules.windows, day):
            last = min(end, DAY_MINUTES)
            starts = [*range(first, last, rules.step), *wishes.get(day, ())]
            closes = clock.minute(at(day, end))
            for minute in starts:
                slot = slot_at(clock, at(day, minute), rules.duration)
                if first <= minute < last and slot.end <= closes:
                    slots[slot.start] = slot
    return [slots[start] for start in sorted(slots)]


def spans_of(windows: Iterable[Window], day: date) -> list[tuple[int, int]]:
    """The hours of one day, merged: (start, end) in minutes after midnight, in order. Those that
    go on at midnight end on the day after."""
    windows = tuple(windows)
    spans = sorted((w.start, w.end) for w in windows if w.holds(day))
    after = day + timedelta(days=1)
    night = [w.end for w in windows if w.start == 0 and w.holds(after)]
    spans = [(a, DAY_MINUTES + max(night) if night and b == DAY_MINUTES else b) for a, b in spans]
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def at(day: date, minute: int) -> datetime:
    """Wall time, `minute` minutes after midnight."""
    return datetime.combine(day, time()) + timedelta(minutes=minute)


def slot_at(clock: GymClock, start: datetime, minutes: int) -> Slot:
    """The slot at a wall time."""
    first = clock.minute(start)
    return Slot(start, minutes, first, first + minutes)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Rules that together leave nothing. freed: starts that giving them up would free."""

    rules: tuple[str, ...]
    freed: int


def conflicts(broken: Mapping[datetime, frozenset[str]], most: int = 3) -> list[Conflict]:
    """The cheapest rules to give up: the smallest sets whose absence frees a start, best first."""
    sets = Counter(broken.values())
    if not sets:
        return []
    smallest = min(map(len, sets))
    found = [Conflict(tuple(sorted(s)), n) for s, n in sets.items() if len(s) == smallest]
    return sorted(found, key=lambda c: (-c.freed, c.rules))[:most]
