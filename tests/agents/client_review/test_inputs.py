"""A review takes the inputs of its three parts and hands each on to the one that knows it."""

from __future__ import annotations

import typing

import pytest
from pydantic import ValidationError

from agents.client_review.model import AdaptationCode, ReviewRequest
from agents.client_review.parts import FIELDS, PROGRESS, SCHEDULE, WORKOUT
from agents.client_review.parts import schedule_input as times_of
from agents.client_review.parts import workout_input as plan_of
from agents.progress.model import ProgressRequest
from agents.scheduling.model import ScheduleRequest
from agents.workout.profile import Adaptation
from agents.workout.request import WorkoutRequest
from daemon.intake import _field_names

LEFT_OUT = {SCHEDULE: {"sessions_per_week", "week", "demand", "pinned", "max_moves"}}
"""The plan says how many sessions there are; the others make it a trainer's week."""


@pytest.mark.parametrize(
    ("part", "model"),
    [(PROGRESS, ProgressRequest), (WORKOUT, WorkoutRequest), (SCHEDULE, ScheduleRequest)],
)
def test_every_input_of_a_part_can_be_given(part: str, model: typing.Any) -> None:
    """Names and aliases of each agent's input are those that it is handed."""
    assert set(FIELDS[part]) == _field_names(model) - LEFT_OUT.get(part, set())


def test_what_a_review_takes_is_handed_on() -> None:
    """No field of a review ends nowhere."""
    assert set(ReviewRequest.model_fields) == {name for names in FIELDS.values() for name in names}


def test_an_id_of_any_length_is_told_what_is_right() -> None:
    """An id of thousands of digits is refused in the words that any other wrong id is."""
    with pytest.raises(ValidationError, match="expected the id of a client, a whole number"):
        ReviewRequest.model_validate({"client_id": "9" * 5000})


def test_adaptations_are_words_that_the_planner_knows() -> None:
    """The planner knows each adaptation, but for the two that are fields of their own."""
    assert set(typing.get_args(AdaptationCode)) - {"fewer_sessions", "maintain"} == set(
        typing.get_args(Adaptation)
    )


def test_what_was_not_given_is_not_handed_on() -> None:
    """null, empty texts, lists and objects mean: read the tables."""
    request = ReviewRequest.model_validate(
        {"client_id": "7", "goals": [], "age": None, "location": "", "min_notice_hours": 0}
    )
    assert request.given() == {"client_id": 7, "min_notice_hours": 0}


def test_a_plan_is_asked_for() -> None:
    """Four weeks where nobody says otherwise; what progress asks for wins over the wish."""
    given = {"client_id": 1, "sessions_per_week": 4, "adaptations": ["ease_off"]}
    changes = {"sessions_per_week": 2, "adaptations": ["more_cardio", "ease_off"]}
    assert plan_of(given, changes) == {
        "client_id": 1,
        "sessions_per_week": 2,
        "duration_weeks": 4,
        "adaptations": ["ease_off", "more_cardio"],
    }
    assert "duration_weeks" not in plan_of({"client_id": 1, "focus_areas": ["legs"]}, {})


def test_times_are_for_the_plans_sessions() -> None:
    """As many as the plan has, long enough for the longest, 48 hours apart."""
    plan = {"weeks": [{"workouts": [{"estimated_minutes": 41}, {"estimated_minutes": 44}]}]}
    assert times_of({"client_id": 1, "goals": ["strength"]}, plan) == {
        "client_id": 1,
        "min_gap_hours": 48,
        "sessions_per_week": 2,
        "duration": 45,
    }
    wished = {"client_id": 1, "duration": 30, "min_gap_hours": 24}
    assert times_of(wished, plan) == {**wished, "sessions_per_week": 2}
    assert times_of({"client_id": 1}, None) == {"client_id": 1, "min_gap_hours": 48}
