"""The checker refuses each way of breaking a rule, and finds nothing in sound answers."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from agents.scheduling.checker import check
from tests.kit.scheduling import broken_rules

Json = dict[str, Any]
SEEDS_PER_BATCH, BATCHES = 10, 12

FACTS: Json = {
    "timezone": "Europe/Berlin",
    "as_of": "2026-03-20T09:00:00+01:00",
    "client_id": 1,
    "trainer_id": 1,
    "bookings": [
        {"id": 5, "trainer_id": 1, "client_id": 2, "start": "2026-03-24T10:00:00", "minutes": 60,
         "status": "requested", "location": "Park", "online": False},
        {"id": 6, "trainer_id": 2, "client_id": 1, "start": "2026-03-26T18:00:00", "minutes": 60,
         "status": "scheduled", "location": None, "online": False},
        {"id": 7, "trainer_id": 1, "client_id": 3, "start": "2026-03-24T15:00:00", "minutes": 60,
         "status": "cancelled", "location": None, "online": False},
        {"id": 8, "trainer_id": 1, "client_id": 4, "start": "2026-03-27T08:00:00", "minutes": 60,
         "status": "completed", "location": None, "online": False},
        {"id": 9, "trainer_id": 1, "client_id": 4, "start": "2026-03-20T18:00:00", "minutes": 60,
         "status": "scheduled", "location": None, "online": False},
    ],
    "hours": [
        *({"weekday": day, "date": None, "start": 360, "end": 1260} for day in range(1, 7)),
        {"weekday": None, "date": "2026-03-29", "start": 0, "end": 720},
    ],
    "notice_hours": 24,
    "gap_hours": 48,
    "buffer_minutes": 15,
    "blackout": ["2026-03-25"],
    "location": "Gym",
    "online": False,
    "together": 1,
    "week_start": "2026-03-23",
    "demand": {},
    "pinned": [],
    "max_moves": 3,
}  # fmt: skip


def suggestion(start: str, start_utc: str, **changed: Any) -> Json:
    base = {
        "id": "1-1", "suggestion": "A time, 86 % likely kept", "priority": 1, "start": start,
        "duration_minutes": 60, "timezone": "Europe/Berlin", "start_utc": start_utc,
        "p_attend": 0.86, "p_lo": 0.7, "p_hi": 0.9,
        "reasons": [{"code": "likely_percent", "value": 86}],
    }  # fmt: skip
    return base | changed


def slots(*items: Json, **changed: Any) -> Json:
    return {
        "status": "ok", "suggestions": list(items), "week": None,
        "constraints": {"conflict": []},
    } | changed  # fmt: skip


GOOD = suggestion("2026-03-24T14:00:00", "2026-03-24T13:00:00Z")


def rules(answer: Json, **facts: Any) -> set[str]:
    return {violation.rule for violation in check(answer, {**FACTS, **facts})}


def test_a_sound_answer_passes() -> None:
    """A free time in the hours, with honest numbers, breaks nothing."""
    assert rules(slots(GOOD)) == set()


@pytest.mark.parametrize(
    ("start", "start_utc", "rule"),
    [
        ("2026-03-24T10:30:00", "2026-03-24T09:30:00Z", "trainer_busy"),
        ("2026-03-24T11:10:00", "2026-03-24T10:10:00Z", "trainer_busy"),
        ("2026-03-24T11:20:00", "2026-03-24T10:20:00Z", "travel"),
        ("2026-03-26T18:30:00", "2026-03-26T17:30:00Z", "client_busy"),
        ("2026-03-28T12:00:00", "2026-03-28T11:00:00Z", "gap"),
        ("2026-03-24T20:30:00", "2026-03-24T19:30:00Z", "availability"),
        ("2026-03-21T08:30:00", "2026-03-21T07:30:00Z", "notice"),
        ("2026-03-25T08:30:00", "2026-03-25T07:30:00Z", "blackout"),
        ("2026-03-24T14:00:00", "2026-03-24T14:00:00Z", "clock"),
        ("2026-03-29T02:30:00", "2026-03-29T01:30:00Z", "clock"),
    ],
)
def test_each_slot_rule(start: str, start_utc: str, rule: str) -> None:
    """One slot that breaks one rule is refused for it."""
    assert rule in rules(slots(suggestion(start, start_utc)))


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (slots(GOOD, scheduling=[]), "shape"),
        (slots(GOOD | {"priority": 2}), "shape"),
        (slots(GOOD | {"p_lo": 0.87}), "shape"),
        (slots(GOOD | {"suggestion": "A time, kept 9 of 10 times"}), "grounded"),
        (slots(GOOD | {"timezone": "UTC"}), "clock"),
        (slots(status="infeasible"), "shape"),
    ],
)
def test_the_shape(answer: Json, rule: str) -> None:
    """A key that hides the list, a lost order, loose numbers, silence about rules are refused."""
    assert rule in rules(answer)


def test_a_set_to_be_booked_together() -> None:
    """Suggestions meant for one week keep their distance from each other."""
    second = suggestion("2026-03-24T16:00:00", "2026-03-24T15:00:00Z", id="1-2", priority=2)
    assert rules(slots(GOOD, second)) == set()
    assert rules(slots(GOOD, second), together=2) == {"gap"}


def week(placements: list[Json], moves: list[Json], unplaced: list[Json]) -> Json:
    return slots(week={"placements": placements, "moves": moves, "unplaced": unplaced})


PLACED: Json = {
    "client_id": 1, "start": "2026-03-24T14:00:00", "duration_minutes": 60,
    "start_utc": "2026-03-24T13:00:00Z", "p_attend": 0.8,
}  # fmt: skip
MOVED: Json = {
    "session_id": 5, "from": "2026-03-24T10:00:00", "to": "2026-03-24T12:00:00", "gain": 0.06,
}  # fmt: skip


def test_a_sound_week_passes() -> None:
    """A demand that adds up and a move that stands alone break nothing."""
    assert rules(week([PLACED], [], []), demand={1: 1}) == set()
    assert rules(week([], [MOVED], [])) == set()


@pytest.mark.parametrize(
    ("change", "facts", "rule"),
    [
        (lambda w: w["placements"].extend([PLACED, PLACED]), {"demand": {1: 2}}, "trainer_busy"),
        (lambda w: w["placements"].extend([PLACED, PLACED]), {"demand": {1: 1}}, "demand"),
        (lambda w: w["placements"].append(PLACED), {"demand": {1: 2}}, "demand"),
        (lambda w: w["unplaced"].append({"client_id": 1, "missing": 1}), {"demand": {}}, "demand"),
        (lambda w: w["placements"].append(PLACED), {"week_start": "2026-03-30"}, "week"),
        (lambda w: w["moves"].append(MOVED | {"gain": 0.04}), {}, "move"),
        (lambda w: w["moves"].append(MOVED), {"pinned": [5]}, "move"),
        (lambda w: w["moves"].append(MOVED), {"max_moves": 0}, "move"),
        (lambda w: w["moves"].append(MOVED | {"session_id": 77}), {}, "move"),
        (
            lambda w: w["moves"].append(MOVED | {"session_id": 8, "from": "2026-03-27T08:00:00"}),
            {},
            "move",
        ),
        (
            lambda w: w["moves"].append(MOVED | {"session_id": 9, "from": "2026-03-20T18:00:00"}),
            {},
            "move",
        ),
        (lambda w: w["moves"].append(MOVED | {"to": "2026-03-25T12:00:00"}), {}, "blackout"),
    ],
)
def test_each_rule_of_a_week(change: Callable[[Json], None], facts: Json, rule: str) -> None:
    """Too many, too few, twice at once, or a session that must stay: refused."""
    answer = copy.deepcopy(week([], [], []))
    change(answer["week"])
    assert rule in rules(answer, **facts)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_calendars_are_never_double_booked(batch: int) -> None:
    """Whatever stands in the calendar, whatever hours and zone are asked for: no rule breaks."""
    for seed in range(batch * SEEDS_PER_BATCH, (batch + 1) * SEEDS_PER_BATCH):
        assert not broken_rules(seed), seed
