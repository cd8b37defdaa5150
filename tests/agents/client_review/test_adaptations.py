"""What a progress report asks of the next plan."""

from __future__ import annotations

from typing import Any

import pytest

from agents.client_review.adaptations import adaptations, losing, workout_changes

Json = dict[str, Any]


def report(*codes: str, status: str = "ok", **adherence: Any) -> Json:
    """A progress report with these events and this adherence; the client loses weight."""
    kept = {
        "completed": 16,
        "no_show": 0,
        "cancelled": 0,
        "logs_per_week": 0.0,
        "mean_difficulty": None,
    }
    goal = {
        "category": "weight_loss",
        "metric": "weight",
        "direction": "decrease",
        "status": "reached" if status == "goal_reached" else "behind",
        "trend": {"pct_bw_per_week": -1.34},
    }
    return {
        "status": status,
        "events": [{"code": code, "since": None, "detail": ""} for code in codes],
        "adherence": kept | adherence,
        "goals": [goal],
    }


def codes(found: Any) -> list[str]:
    return [item.code for item in found]


def test_nothing_is_asked_of_a_plan_that_works() -> None:
    """Without an event, and with sessions kept, the plan stays as it is; so it does unreported."""
    assert adaptations(report("milestone", "stale_data")) == []
    assert adaptations(None) == []


@pytest.mark.parametrize(
    ("completed", "missed", "to"),
    [(6, 9, 1), (9, 7, 2), (3, 3, 1), (0, 6, 1), (2, 3, None), (6, 4, None), (16, 16, 2)],
)
def test_fewer_sessions(completed: int, missed: int, to: int | None) -> None:
    """Below 60 % of six or more sessions: as many a week as took place, rounded up."""
    found = adaptations(report(completed=completed, no_show=missed))
    assert codes(found) == ([] if to is None else ["fewer_sessions"])
    if to is not None:
        assert found[0].to == to
        assert str(completed) in found[0].why
        assert str(completed + missed) in found[0].why


def test_a_wish_for_few_sessions_stands() -> None:
    """Who already wishes for no more than what takes place gets that."""
    absent = report(completed=9, no_show=9)
    assert adaptations(absent, wished_sessions=2) == []
    assert adaptations(absent, wished_sessions=4)[0].from_ == 4


@pytest.mark.parametrize(
    ("event", "code"),
    [("plateau", "plateau_variety"), ("too_fast", "slow_down"), ("regain", "more_cardio")],
)
def test_events_become_adaptations(event: str, code: str) -> None:
    """Each event that needs an answer has one."""
    assert codes(adaptations(report(event))) == [code]


def test_no_cardio_for_who_wants_to_gain() -> None:
    """A weight that was to rise and falls asks for no more cardio; a goal to lose still does."""
    told = report("regain")
    gaining = {"category": "muscle_gain", "metric": "weight", "direction": "increase"}
    told["goals"] = [gaining | {"trend": {"per_week": -0.4}}]
    assert codes(adaptations(told)) == []
    told["goals"].append({"direction": "decrease", "trend": {"per_week": 0.3}})
    assert codes(adaptations(told)) == ["more_cardio"]


def test_rates_and_limits_are_the_reports_own() -> None:
    """A loss that is too fast is quoted as it was measured."""
    [slower] = adaptations(report("too_fast"))
    assert (slower.from_, slower.to) == (1.34, 1.0)


@pytest.mark.parametrize(
    ("difficulty", "logs_per_week", "eased"),
    [(8.5, 0.5, True), (8.4, 3.0, False), (9.5, 0.38, False), (None, 3.0, False)],
)
def test_hard_workouts_are_eased(
    difficulty: float | None, logs_per_week: float, eased: bool
) -> None:
    """Four logs of 8.5 and more on average."""
    told = report(mean_difficulty=difficulty, logs_per_week=logs_per_week)
    assert codes(adaptations(told)) == (["ease_off"] if eased else [])


def test_a_reached_goal_is_kept() -> None:
    """The goal is reached: the plan becomes a general one."""
    found = adaptations(report(status="goal_reached"))
    assert codes(found) == ["maintain"]
    assert workout_changes(found, losing_weight=True) == {"goals": ["general"]}


def test_changes_of_the_workout_request() -> None:
    """All adaptations reach the planner in its own words, each once."""
    told = report("plateau", "regain", completed=6, no_show=9)
    assert workout_changes(adaptations(told), losing_weight=losing(told)) == {
        "sessions_per_week": 1,
        "adaptations": ["plateau_variety", "more_cardio"],
    }


def test_a_plateau_asks_for_cardio_only_while_losing() -> None:
    """Who does not lose weight gets other exercises alone."""
    told = report("plateau")
    told["goals"][0] |= {"category": "strength", "metric": "squat", "direction": "increase"}
    changes = workout_changes(adaptations(told), losing_weight=losing(told))
    assert changes == {"adaptations": ["plateau_variety"]}
    assert "cardio" not in adaptations(told)[0].why


@pytest.mark.parametrize("advice", ["fast_pulse", "rest_first"])
def test_a_pulse_that_is_too_high_calls_for_rest(advice: str) -> None:
    """Neither more cardio nor new exercises for a heart that races at rest: easier sets."""
    told = report("regain", "plateau") | {"recommendations": [{"code": advice, "text": "Rest."}]}
    assert codes(adaptations(told)) == ["ease_off"]
