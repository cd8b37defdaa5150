"""A trainer's week: new sessions placed, or booked ones moved to where they are likelier kept.

A move must stand alone. Its new time is free of every booked session (its own apart), so any of
the moves can be accepted without the others and in any order, and nothing is ever booked twice on
the way. It must gain five points of probability, or it is not worth asking anybody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from agents.scheduling import solver
from agents.scheduling.attendance import Attendance, Chance
from agents.scheduling.facts import Facts
from agents.scheduling.model import Demand
from agents.scheduling.slots import (
    TRAVEL_MINUTES,
    Booking,
    Candidates,
    Diary,
    Rules,
    Slot,
    candidates,
    place,
)
from agents.scheduling.solver import Option

LEAST_GAIN = 0.05
FROZEN_HOURS = 24
_DONE = frozenset(("completed", "no_show"))
_COARSE_MINUTES = 60


@dataclass(frozen=True, slots=True)
class Placed:
    """A new session."""

    client_id: int
    slot: Slot
    chance: Chance


@dataclass(frozen=True, slots=True)
class Moved:
    """A booked session at a better time. before: its chance where it is booked."""

    booking: Booking
    slot: Slot
    chance: Chance
    before: Chance

    @property
    def gain(self) -> float:
        """What it adds to the chance."""
        return round(self.chance.p - self.before.p, 4)


@dataclass(frozen=True, slots=True)
class Missing:
    """Sessions without a time, and the rules in the way, the most frequent first."""

    client_id: int
    number: int
    rules: tuple[str, ...]


@dataclass(slots=True)
class WeekPlan:
    """before, after: expected kept sessions of the week. blocked: starts that were ruled out.
    movable: booked sessions that may move."""

    placed: list[Placed] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    before: float = 0.0
    after: float = 0.0
    blocked: int = 0
    movable: int = 0


def plan(
    facts: Facts,
    attendance: Attendance,
    demand: Sequence[Demand],
    *,
    duration: int | None,
    max_moves: int,
    pinned: Sequence[int],
) -> WeekPlan:
    """Place `demand` if there is any, else improve what is booked. duration: for all, or None."""
    if demand:
        found = _place(facts, attendance, demand, duration)
    else:
        found = _improve(facts, attendance, max_moves, frozenset(pinned))
    booked = [b for b in facts.movable if b.start >= facts.now and b.status not in _DONE]
    found.before = sum(_chance(attendance, b).p for b in booked)
    found.after = found.before + sum(p.chance.p for p in found.placed)
    found.after += sum(m.gain for m in found.moved)
    return found


def _chance(attendance: Attendance, booking: Booking) -> Chance:
    return attendance.chances(booking.client_id or 0, [booking.start])[0]


def _place(
    facts: Facts, attendance: Attendance, demand: Sequence[Demand], duration: int | None
) -> WeekPlan:
    found = WeekPlan()
    wanted: Counter[int] = Counter()
    for item in demand:
        wanted[item.client_id] += item.sessions
    trainer = Diary(facts.trainer_bookings(), facts.clock)
    possible: dict[int, Candidates] = {}
    for client_id in wanted:
        minutes = duration or facts.minutes.get(client_id) or facts.rules.duration
        possible[client_id] = candidates(
            facts.clock,
            replace(facts.rules, duration=minutes),
            facts.days,
            trainer,
            Diary(facts.client_bookings(client_id), facts.clock),
        )
    found.blocked = sum(c.blocked for c in possible.values())
    clients = list(wanted)
    offers = [
        (client_id, slot, chance)
        for client_id in clients
        for slot, chance in _offers(attendance, client_id, _thinned(possible, client_id))
    ]
    habits = {client_id: facts.habits(client_id) for client_id in clients}
    options = [
        Option(
            clients.index(c),
            c,
            slot.first,
            slot.end + facts.rules.buffer,
            habits[c].decided(chance.p, slot.start),
        )
        for c, slot, chance in offers
    ]
    chosen, _ = solver.solve(options, [wanted[c] for c in clients], gap=facts.rules.gap)
    found.placed = [Placed(*offers[index]) for index in chosen]
    got = Counter(p.client_id for p in found.placed)
    for client_id in clients:
        if got[client_id] < wanted[client_id]:
            rules = _in_the_way(possible[client_id], found.placed, client_id, facts.rules)
            if facts.until <= facts.now:
                rules = ("past",)
            found.missing.append(Missing(client_id, wanted[client_id] - got[client_id], rules))
    return found


def _thinned(possible: dict[int, Candidates], client_id: int) -> list[Slot]:
    """The client's free slots; only every full hour where there are too many to search."""
    free = possible[client_id].free
    if sum(len(c.free) for c in possible.values()) <= solver.MOST_OPTIONS:
        return free
    hourly = [slot for slot in free if slot.start.minute % _COARSE_MINUTES == 0]
    return hourly or free


def _offers(
    attendance: Attendance, client_id: int, slots: Sequence[Slot]
) -> list[tuple[Slot, Chance]]:
    chances = attendance.chances(client_id, [slot.start for slot in slots])
    return list(zip(slots, chances, strict=True))


def _in_the_way(
    possible: Candidates, placed: Sequence[Placed], client_id: int, rules: Rules
) -> tuple[str, ...]:
    """Why a client got fewer sessions than asked for. placed: of everybody."""
    if possible.free:
        taken = [p.slot for p in placed]
        if any(_fits(slot, taken, rules.buffer) for slot in possible.free):
            return ("gap",)
        own = [p.slot.first for p in placed if p.client_id == client_id]
        if any(all(abs(s.first - o) >= rules.gap for o in own) for s in possible.free):
            return ("full",)
        return ("full", "gap")
    # Sorted, as a set has another order in each process.
    frequent = Counter(rule for broken in possible.broken.values() for rule in sorted(broken))
    return tuple(rule for rule, _ in frequent.most_common(3)) or ("availability",)


def _fits(slot: Slot, taken: Sequence[Slot], buffer: int) -> bool:
    return all(
        slot.end + buffer <= other.first or other.end + buffer <= slot.first for other in taken
    )


def _improve(
    facts: Facts, attendance: Attendance, max_moves: int, pinned: frozenset[int]
) -> WeekPlan:
    found = WeekPlan()
    movable = [b for b in facts.movable if _may_move(b, facts, pinned)]
    found.movable = len(movable)
    offers: list[tuple[int, Moved]] = []
    for want, booking in enumerate(movable):
        before = _chance(attendance, booking)
        possible = _elsewhere(facts, booking)
        found.blocked += possible.blocked
        for slot, chance in _offers(attendance, booking.client_id or 0, possible.free):
            move = Moved(booking, slot, chance, before)
            if move.gain >= LEAST_GAIN:
                offers.append((want, move))
    places = {place(b.location, online=b.online) for b in movable} - {None}
    pad = max(facts.rules.buffer, TRAVEL_MINUTES if len(places) > 1 else 0)
    habits = {b.client_id: facts.habits(b.client_id or 0) for b in movable}
    options = [
        Option(
            want,
            m.booking.client_id or 0,
            m.slot.first,
            m.slot.end + pad,
            habits[m.booking.client_id].decided(m.gain, m.slot.start),
        )
        for want, m in offers
    ]
    chosen, _ = solver.solve(
        options, [1] * len(movable), gap=facts.rules.gap, most=max_moves, fill=False
    )
    found.moved = [offers[index][1] for index in chosen]
    return found


def _may_move(booking: Booking, facts: Facts, pinned: frozenset[int]) -> bool:
    frozen = max(
        facts.now + timedelta(hours=FROZEN_HOURS),
        facts.clock.wall(facts.as_of + timedelta(hours=FROZEN_HOURS)),
    )
    return booking.start >= frozen and booking.status not in _DONE and booking.id not in pinned


def _elsewhere(facts: Facts, booking: Booking) -> Candidates:
    """Where a booked session could be instead, all other sessions staying where they are."""
    rules = replace(
        facts.rules,
        duration=booking.minutes,
        location=booking.location,
        online=booking.online,
    )
    return candidates(
        facts.clock,
        rules,
        facts.days,
        Diary(facts.trainer_bookings(without=booking), facts.clock),
        Diary(facts.client_bookings(booking.client_id or 0, without=booking), facts.clock),
    )


def reduced(
    plan: WeekPlan, placed: list[Placed], moved: list[Moved], rules: tuple[str, ...]
) -> WeekPlan:
    """The plan with only these parts; sessions taken out are missing because of `rules`."""
    left = Counter(p.client_id for p in placed)
    lost = Counter(p.client_id for p in plan.placed)
    lost.subtract(left)
    missing = {m.client_id: m for m in plan.missing}
    for client_id, number in lost.items():
        if number:
            known = missing.get(client_id)
            before = known.number if known else 0
            missing[client_id] = Missing(client_id, before + number, rules)
    after = plan.before + sum(p.chance.p for p in placed) + sum(m.gain for m in moved)
    return replace(plan, placed=placed, moved=moved, missing=list(missing.values()), after=after)
