"""Ranks a client's free slots, and says what speaks for each.

The likeliest slot comes first. A wish is honoured when it costs at most five points of
probability: a slot that fits it is ranked as if it were that much likelier; one at least of the
proposals meets a wish if any free slot does. A time to avoid is proposed only where nothing else
is free. Slots that are much the same time a week later, that overlap, or that crowd one day would
waste a place, so they only fill up a short list. Of equally likely ones each is of another part of
the day, as long as there is one, and at the minute at which the client usually begins. How earlier
proposals were received leans the order by no more than a wish, a habit by less (see `habits.py`).
Where several sessions a week are wanted, the first suggestions are a set that can be booked
together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from agents.scheduling import solver
from agents.scheduling.attendance import PART_NAMES, Chance, Seen, part_of
from agents.scheduling.habits import Habits
from agents.scheduling.liking import Echo, lean
from agents.scheduling.preferences import WEEKDAY_NAMES, Wishes
from agents.scheduling.slots import Slot
from agents.scheduling.solver import Option

MOST = 5
WISH_WORTH = 0.05
_MOST_A_DAY = 2
_SAME_TIME_MINUTES = 60
_ANOTHER_DAY_MINUTES = 16 * 60
_ENOUGH_HERE = 3


@dataclass(frozen=True, slots=True)
class Ranked:
    """A slot, the chance that it is kept, how well it fits the wishes, how times like it were
    received (both -1 to 1), what the habit of it is worth, and how usual its start is (0 to 1)."""

    slot: Slot
    chance: Chance
    wish: float = 0.0
    lean: float = 0.0
    habit: float = 0.0
    usual: float = 0.0

    @property
    def score(self) -> float:
        """What it is ranked by."""
        return self.chance.p + WISH_WORTH * (max(self.wish, 0.0) + self.lean) + self.habit


def rank(
    slots: Sequence[Slot],
    chances: Sequence[Chance],
    wishes: Wishes,
    *,
    together: int = 1,
    gap: int = 0,
    buffer: int = 0,
    echoes: Sequence[Echo] = (),
    habits: Habits | None = None,
) -> list[Ranked]:
    """At most five, best first; the first `together` of them can be booked together.

    gap: minutes from start to start that sessions booked together keep. buffer: minutes between
    the trainer's sessions. echoes: how earlier proposals were received. habits: the client's.
    """
    habits = habits or Habits()
    every = [
        Ranked(
            slot,
            chance,
            wishes.strength(slot.start, slot.minutes),
            lean(echoes, slot.start),
            habits.worth(slot.start),
            habits.usual(slot.start),
        )
        for slot, chance in zip(slots, chances, strict=True)
    ]
    every = [r for r in every if r.wish >= 0] or every
    every.sort(key=lambda r: (-_merit(r), -r.usual, r.slot.first))
    chosen = _set(every, min(together, MOST), gap, buffer, habits) if together > 1 else []
    _fill(chosen, every, varied=True)
    _fill(chosen, every, varied=False)
    _wished(chosen, every, together)
    return chosen


def _merit(item: Ranked) -> float:
    """The score as it is compared: what differs less is equal."""
    return round(item.score, 4)


def _set(
    every: Sequence[Ranked], number: int, gap: int, buffer: int, habits: Habits
) -> list[Ranked]:
    """The best set of slots within seven days of the first free one, in order of likelihood."""
    if not every:
        return []
    begin = min(r.slot.first for r in every)
    soon = [r for r in every if r.slot.first < begin + 7 * 24 * 60]
    options = [
        Option(
            0,
            0,
            r.slot.first,
            r.slot.end + buffer,
            habits.decided(max(r.score, 0.0), r.slot.start),
        )
        for r in soon
    ]
    # Nobody trains twice a day who can come on two, however small a gap is allowed.
    picked, _ = solver.solve(options, [number], gap=max(gap, _ANOTHER_DAY_MINUTES))
    if len(picked) < number and gap < _ANOTHER_DAY_MINUTES:
        picked, _ = solver.solve(options, [number], gap=gap)
    return sorted((soon[i] for i in picked), key=lambda r: (-_merit(r), r.slot.first))


def _fill(chosen: list[Ranked], every: Sequence[Ranked], *, varied: bool) -> None:
    while len(chosen) < MOST:
        fitting = [
            item
            for item in every
            if not any(_overlap(item.slot, other.slot) for other in chosen)
            and (not varied or _adds(item, chosen))
        ]
        if not fitting:
            return
        parts = [part_of(r.slot.start.hour) for r in chosen]
        _, equal = next(groupby(fitting, key=_merit))
        chosen.append(min(equal, key=lambda r: parts.count(part_of(r.slot.start.hour))))


def _wished(chosen: list[Ranked], every: Sequence[Ranked], together: int) -> None:
    """See to it that one of the chosen, behind those that are booked together, meets a wish."""
    best = next((r for r in every if r.wish > 0), None)
    if best is None or together >= MOST or any(r.wish > 0 for r in chosen):
        return
    first = chosen[:together]
    if not any(_overlap(r.slot, best.slot) for r in first):
        others = [r for r in chosen[together:] if not _overlap(r.slot, best.slot)]
        chosen[:] = [*(*first, *others)[: MOST - 1], best]


def _adds(item: Ranked, chosen: Sequence[Ranked]) -> bool:
    start = item.slot.start
    same_day = sum(r.slot.start.date() == start.date() for r in chosen)
    return same_day < _MOST_A_DAY and not any(_same_time(start, r.slot.start) for r in chosen)


def _same_time(one: datetime, other: datetime) -> bool:
    apart = abs(60 * (one.hour - other.hour) + one.minute - other.minute)
    return one.isoweekday() == other.isoweekday() and apart < _SAME_TIME_MINUTES


def _overlap(one: Slot, other: Slot) -> bool:
    return one.first < other.end and other.first < one.end


@dataclass(frozen=True, slots=True)
class Record:
    """Sessions with a known outcome at times like a slot's. by: `weekday_part`, `part`, `gym`."""

    kept: int
    n: int
    by: str


def by_part(closed: Iterable[Seen]) -> dict[int, tuple[int, int]]:
    """(kept, n) of closed sessions, by part of the day."""
    found: dict[int, tuple[int, int]] = {}
    for session in closed:
        part = part_of(session.start.hour)
        kept, n = found.get(part, (0, 0))
        found[part] = (kept + session.kept, n + 1)
    return found


def record(own: Sequence[Seen], gym: Mapping[int, tuple[int, int]], slot: Slot) -> Record | None:
    """The narrowest record with at least three sessions; None if nobody has one.

    own: the client's closed sessions; gym: other clients', as `by_part` counts them.
    """
    part, weekday = part_of(slot.start.hour), slot.start.isoweekday()
    here = [s for s in own if part_of(s.start.hour) == part]
    day = [s for s in here if s.start.isoweekday() == weekday]
    for name, sessions in (("weekday_part", day), ("part", here)):
        if len(sessions) >= _ENOUGH_HERE:
            return Record(sum(s.kept for s in sessions), len(sessions), name)
    kept, n = gym.get(part, (0, 0))
    return Record(kept, n, "gym") if n >= _ENOUGH_HERE else None


def tallies(
    closed: Sequence[Seen],
) -> tuple[dict[str, tuple[int, int]], dict[str, tuple[int, int]]]:
    """((n, kept) by part of the day, by weekday "1" to "7"), those with sessions, in order."""
    parts: dict[str, tuple[int, int]] = {}
    by_weekday: dict[str, tuple[int, int]] = {}
    for place, name in enumerate(PART_NAMES):
        mine = [s for s in closed if part_of(s.start.hour) == place]
        if mine:
            parts[name] = (len(mine), sum(s.kept for s in mine))
    for day in range(1, 8):
        mine = [s for s in closed if s.start.isoweekday() == day]
        if mine:
            by_weekday[str(day)] = (len(mine), sum(s.kept for s in mine))
    return parts, by_weekday


def when(slot: Slot) -> str:
    """``Tue 24 Nov 18:00``, the same in every locale."""
    start = slot.start
    return (
        f"{WEEKDAY_NAMES[start.weekday()]} {start.day} {MONTH_NAMES[start.month - 1]} "
        f"{start:%H:%M}"
    )


MONTH_NAMES = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
