"""The random clients of the workout tests are what they claim to be."""

from __future__ import annotations

from collections import Counter

from tests.kit.workouts import (
    CONDITION_TEXTS,
    EQUIPMENT,
    SCENARIOS,
    WEEKS,
    codes_of,
    random_requests,
)


def test_the_same_seed_gives_the_same_clients() -> None:
    """A failing random client can be drawn again."""
    assert random_requests(50, 7) == random_requests(50, 7)
    assert random_requests(50, 7) != random_requests(50, 8)


def test_all_axes_are_covered() -> None:
    """Every goal, level, equipment, length and condition occurs, in the stated shares."""
    drawn = random_requests(600, 1)
    assert {request["fitness_level"] for request in drawn} == {
        "beginner", "intermediate", "advanced",
    }  # fmt: skip
    per_gear = Counter(tuple(request["available_equipment"]) for request in drawn)
    assert set(per_gear) == {tuple(words) for words in EQUIPMENT}
    assert set(per_gear.values()) == {100}
    assert Counter(request["duration_weeks"] for request in drawn) == dict.fromkeys(WEEKS, 120)
    assert all(20 <= request["time_per_session"] <= 90 for request in drawn)
    assert {request["sessions_per_week"] for request in drawn} == {2, 3, 4, 5, 6}
    ages = {request.get("age") for request in drawn}
    assert None in ages
    assert ages - {None} <= set(range(19, 75))
    ill = [request for request in drawn if request.get("conditions")]
    assert 0.6 < len(ill) / len(drawn) < 0.73
    assert {code for request in ill for code in codes_of(request)} == set(CONDITION_TEXTS)


def test_scenarios_have_names_of_their_own() -> None:
    """Each named situation can be asked for by its name."""
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS) >= 12
