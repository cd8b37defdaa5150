"""Random calendars for the scheduling agent, and what the checker says to its answers to them."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.scheduling import answer, facts
from agents.scheduling.agent import _checked, _chosen, _free
from agents.scheduling.attendance import Attendance, Seen
from agents.scheduling.checker import check
from agents.scheduling.model import ScheduleConfig, ScheduleRequest
from agents.scheduling.slots import Booking

Json = dict[str, Any]
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Kolkata")
PLACES = (None, "Gym", "Park", "Online", " gym ")
STATUSES = ("scheduled", "scheduled", "requested", "completed", "no_show", "confirmed")


def random_request(dice: random.Random) -> Json:
    """A request with odd hours, gaps, buffers and days, some of them around a change of clocks."""
    day = dice.choice(("2026-03-27", "2026-10-23", "2026-11-20", "2026-04-02"))
    request: Json = {
        "trainer_id": 1,
        "as_of": f"{day}T{dice.randrange(24):02d}:{dice.randrange(60):02d}:00",
        "timezone": dice.choice(ZONES),
        "min_gap_hours": dice.choice((None, 0, 12, 48, 96)),
        "min_notice_hours": dice.choice((None, 0, 5, 48)),
        "buffer_minutes": dice.choice((None, 0, 10, 30)),
        "slot_step_minutes": dice.choice((None, 15, 60, 45)),
        "location": dice.choice(PLACES),
        "duration": dice.choice((None, 30, 45, 90)),
    }
    if dice.random() < 0.5:
        request["availability"] = [
            {"weekday": weekday, "start": f"{first:02d}:{dice.choice(('00', '30', '10'))}",
             "end": f"{first + dice.randrange(2, 6):02d}:20"}
            for weekday in range(1, 8)
            for first in dice.sample(range(18), 2)
        ]  # fmt: skip
    if dice.random() < 0.3:
        request["blackout_dates"] = [day[:8] + "28", "2026-11-25"]
    if dice.random() < 0.5:
        client = {"client_id": 1, "sessions_per_week": dice.choice((None, 2, 3))}
        wishes = ["mornings", "Mon 18:10", "weekday evenings, not friday", "2026-10-25T02:30"]
        return request | client | {"preferred_times": dice.sample(wishes, 2)}
    start = datetime.fromisoformat(day) + timedelta(days=dice.randrange(0, 8))
    request["week"] = start.date().isoformat()
    if dice.random() < 0.5:
        request["demand"] = [
            {"client_id": client, "sessions": dice.randrange(1, 4)} for client in range(1, 6)
        ]
    else:
        request |= {"max_moves": dice.choice((None, 1, 5)), "pinned": dice.sample(range(1, 40), 3)}
    return request


def random_bookings(dice: random.Random, around: datetime) -> list[Booking]:
    """Overlapping, off-grid, night-time, in several places: nobody checked them."""
    return [
        Booking(
            start=(around + timedelta(minutes=5 * dice.randrange(-288 * 2, 288 * 12))).replace(
                tzinfo=None, second=0, microsecond=0
            ),
            minutes=dice.choice((30, 45, 60, 60, 90, 480)),
            trainer_id=dice.choice((1, 1, 1, 2)),
            client_id=dice.randrange(1, 8),
            id=number,
            status=dice.choice(STATUSES),
            location=dice.choice(PLACES),
            online=dice.random() < 0.1,
        )
        for number in range(1, dice.choice((5, 40, 120)))
    ]


def random_history(dice: random.Random, now: datetime) -> tuple[Seen, ...]:
    """Sessions of a few clients, each at hours of its own."""
    return tuple(
        Seen(
            client,
            (now - timedelta(days=dice.randrange(1, 300))).replace(
                hour=(7 + 2 * client) % 24 if dice.random() < 0.8 else 12, minute=0
            ),
            dice.choice(("completed", "completed", "completed", "no_show", "cancelled")),
        )
        for client in range(1, 6)
        for _ in range(dice.choice((0, 2, 20)))
    )


def parts_of(seed: int) -> answer.Parts:
    """What the agent computes for a random calendar, before the checker has its say."""
    dice = random.Random(seed)
    request = ScheduleRequest.model_validate(random_request(dice))
    now = datetime(2026, 1, 1, tzinfo=UTC)
    known = facts.read(None, request, ScheduleConfig(), None, now, "Europe/Berlin")
    bookings = tuple(random_bookings(dice, known.now))
    movable = tuple(b for b in bookings if b.trainer_id == 1 and b.start.date() in known.days)
    known = replace(
        known,
        bookings=bookings,
        movable=movable if request.week_mode else (),
        seen=random_history(dice, known.now),
    )
    model = Attendance.fit(known.seen, known.now)
    found = None if request.week_mode else _free(known)
    return _chosen(
        {
            "input": request,
            "facts": known,
            "found": found,
            "attendance": model,
            "started": time.monotonic(),
        }
    )


def broken_rules(seed: int) -> Counter[str]:
    """Rules that the raw answer to a random calendar breaks, and those of the checked one."""
    parts = parts_of(seed)
    raw = answer.compose(parts, 1).model_dump(mode="json")
    wrong = check(raw, answer.facts_json(parts))
    _, output, _ = _checked(parts, 1)
    wrong += check(output.model_dump(mode="json"), answer.facts_json(parts))
    return Counter(violation.rule for violation in wrong)
