"""Which of the free times are proposed, and in what order."""

from __future__ import annotations

from datetime import datetime, timedelta

from agents.scheduling.attendance import Chance, Seen, part_of
from agents.scheduling.choose import Ranked, rank
from agents.scheduling.clock import GymClock
from agents.scheduling.habits import Habits
from agents.scheduling.preferences import Wishes
from agents.scheduling.slots import Slot, slot_at

CLOCK = GymClock.of("Europe/Berlin")
MONDAY = datetime(2026, 11, 23)


def fortnight() -> list[Slot]:
    """Every half hour from six to nine in the evening, on twelve working days."""
    return [
        slot_at(CLOCK, MONDAY + timedelta(days=day, minutes=minute), 60)
        for day in range(13)
        if day != 6
        for minute in range(6 * 60, 20 * 60 + 1, 30)
    ]


def ranked(
    chance: dict[tuple[int, int], float], together: int = 1, habits: Habits | None = None
) -> list[Ranked]:
    """Chances by (ISO weekday, hour), .5 elsewhere."""
    slots = fortnight()
    chances = [chance.get((s.start.isoweekday(), s.start.hour), 0.5) for s in slots]
    return rank(
        slots, [Chance(p, p, p) for p in chances], Wishes(), together=together, habits=habits
    )


def test_a_week_later_half_an_hour_aside_is_the_same_time() -> None:
    """Who comes Thursdays at six is not told the Thursday after at half past six as another."""
    found = ranked({(4, 18): 0.9, (2, 18): 0.85, (1, 7): 0.8, (3, 12): 0.75, (5, 9): 0.7})
    days = [(r.slot.start.isoweekday(), r.slot.start.hour) for r in found]
    assert days == [(4, 18), (2, 18), (1, 7), (3, 12), (5, 9)]


def test_a_time_kept_every_week_is_among_the_proposals() -> None:
    """A Tuesday kept every week is named before a Wednesday on which the client never was, if
    that is little likelier; one kept a year ago is no habit."""
    chance = {(3, 18): 0.87, (2, 18): 0.85}
    weeks = [Seen(1, MONDAY + timedelta(days=1 - 7 * w, hours=18), "completed") for w in (1, 2, 3)]
    habits = Habits.of(weeks, MONDAY)
    assert [r.slot.start.isoweekday() for r in ranked(chance, habits=habits)][:2] == [2, 3]
    old = Habits.of(weeks, MONDAY + timedelta(days=300))
    assert [r.slot.start.isoweekday() for r in ranked(chance, habits=old)][:2] == [3, 2]
    assert ranked({(3, 18): 0.9, (2, 18): 0.85}, habits=habits)[0].slot.start.isoweekday() == 3


def test_equally_likely_times_are_of_all_parts_of_the_day() -> None:
    """Of a newcomer nothing is known: five early mornings would be a guess, not a choice."""
    found = ranked({})
    assert len({part_of(r.slot.start.hour) for r in found}) == 5
    assert found[0].slot == fortnight()[0]


def test_several_a_week_lie_on_several_days() -> None:
    """Five a week without a gap between them are five days, not three sessions on one."""
    found = ranked({(3, 18): 0.9, (3, 19): 0.9, (3, 20): 0.9}, together=5)
    assert len({r.slot.start.date() for r in found}) == 5
