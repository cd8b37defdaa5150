"""What a progress report asks of the next plan: one table, read top to bottom.

| the report says                               | adaptation      | the plan then                |
|------------------------------------------------|-----------------|------------------------------|
| < 60 % of at least 6 sessions kept in 8 weeks  | fewer_sessions  | as many as really happen     |
| a plateau                                      | plateau_variety | >= 30 % other exercises [1]  |
| a loss faster than the body keeps up with      | slow_down       | no more cardio than now      |
| a turn away from the goal [2]                  | more_cardio     | 30 minutes a week more       |
| mean difficulty >= 8.5 of at least 4 logs, or  | ease_off        | effort one RPE lower         |
| a pulse at rest that climbs or races [3]       |                 |                              |
| the goal is reached                            | maintain        | a general plan               |

[1] While losing weight also 30 minutes of cardio a week more.
[2] Not where weight, muscle or strength was to be gained: cardio spends what is missing there.
[3] Then neither new exercises nor more cardio: it may be an illness, or training that is too hard.

No model takes part: a plan changes for reasons that can be looked up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agents.client_review.model import Adaptation

Json = Any

WEEKS = 8
"""Over which the report counts sessions and logs."""
FEW_SESSIONS, LOW_RATE = 6, 0.6
FEW_LOGS, HARD = 4, 8.5
MOST_SESSIONS = 6
SWAP_PERCENT = 30
CARDIO_MINUTES = 30
_REST = frozenset({"fast_pulse", "rest_first"})
FASTEST_PERCENT = 1.0
"""Of body weight a week."""


def adaptations(
    report: Mapping[str, Json] | None, wished_sessions: int | None = None
) -> list[Adaptation]:
    """What ``report``, a result of progress_monitoring, asks of the plan; in the table's order.

    report: None where there is none, and then nothing is adapted. wished_sessions: a week, as the
    caller wished.
    """
    if report is None:
        return []
    return list(_rows(report, wished_sessions))


def _rows(report: Mapping[str, Json], wished_sessions: int | None) -> Iterator[Adaptation]:
    codes = {event["code"] for event in report.get("events", ())}
    kept: Mapping[str, Json] = report.get("adherence", {})
    yield from _fewer_sessions(kept, wished_sessions)
    advised = {advice["code"] for advice in report.get("recommendations", ())}
    restless = not advised.isdisjoint(_REST)
    if "plateau" in codes and not restless:
        cardio = f", with {CARDIO_MINUTES} minutes of cardio more" if losing(report) else ""
        yield Adaptation(
            code="plateau_variety",
            from_=0,
            to=SWAP_PERCENT,
            unit="percent_of_exercises_new",
            why=f"The readings stand still, so the body gets something new{cardio}.",
        )
    if "too_fast" in codes:
        yield Adaptation(
            code="slow_down",
            from_=_loss_percent(report),
            to=FASTEST_PERCENT,
            unit="percent_of_body_weight_per_week",
            why="The loss is faster than muscle can be kept, so cardio is not raised.",
        )
    if "regain" in codes and not restless and not wasting(report):
        yield Adaptation(
            code="more_cardio",
            from_=0,
            to=CARDIO_MINUTES,
            unit="minutes_per_week_added",
            why="The readings have turned away from the goal, so some easy cardio is added.",
        )
    difficulty = kept.get("mean_difficulty")
    logs = round(WEEKS * kept.get("logs_per_week", 0))
    if difficulty is not None and difficulty >= HARD and logs >= FEW_LOGS:
        yield Adaptation(
            code="ease_off",
            from_=0,
            to=-1,
            unit="rpe",
            why=f"Workouts were rated {difficulty:g} on average, so every set gets easier.",
        )
    elif restless:
        yield Adaptation(
            code="ease_off",
            from_=0,
            to=-1,
            unit="rpe",
            why="The pulse at rest is higher than it should be, so every set gets easier.",
        )
    if report.get("status") == "goal_reached":
        yield Adaptation(
            code="maintain",
            from_=_reached(report),
            to="general",
            unit="goal",
            why="The goal is reached; the plan now keeps it.",
        )


def _fewer_sessions(kept: Mapping[str, Json], wished: int | None) -> Iterator[Adaptation]:
    completed = kept.get("completed", 0)
    ended = completed + kept.get("no_show", 0) + kept.get("cancelled", 0)
    if ended < FEW_SESSIONS or completed >= LOW_RATE * ended:
        return
    possible = min(MOST_SESSIONS, max(1, math.ceil(completed / WEEKS)))
    if wished is not None and wished <= possible:
        return
    before = wished or math.ceil(ended / WEEKS)
    yield Adaptation(
        code="fewer_sessions",
        from_=before if before > possible else None,
        to=possible,
        unit="sessions_per_week",
        why=f"{completed} of {ended} sessions took place in the last {WEEKS} weeks; "
        "a plan that fits is kept.",
    )


def losing(report: Mapping[str, Json]) -> bool:
    """Whether some goal of the report is to lose weight."""
    return any(
        goal.get("category") == "weight_loss"
        or (goal.get("metric") == "weight" and goal.get("direction") == "decrease")
        for goal in report.get("goals", ())
    )


def wasting(report: Mapping[str, Json]) -> bool:
    """Whether all that moves away from a goal of the report was to be gained."""
    turned = {
        goal.get("direction")
        for goal in report.get("goals", ())
        if ((goal.get("trend") or {}).get("per_week") or 0.0)
        * (-1 if goal.get("direction") == "decrease" else 1)
        < 0
    }
    return turned == {"increase"}


def _loss_percent(report: Mapping[str, Json]) -> float | None:
    trends = [goal.get("trend") or {} for goal in report.get("goals", ())]
    rates = [abs(t["pct_bw_per_week"]) for t in trends if t.get("pct_bw_per_week") is not None]
    return max(rates, default=None)


def _reached(report: Mapping[str, Json]) -> str | None:
    reached = (g for g in report.get("goals", ()) if g.get("status") == "reached")
    return next((str(goal["category"]) for goal in reached), None)


def workout_changes(found: Sequence[Adaptation], *, losing_weight: bool) -> dict[str, Json]:
    """The fields of a workout request that carry ``found``; {} without any.

    losing_weight: whether a plateau calls for cardio as well.
    """
    changes: dict[str, Json] = {}
    words: list[str] = []
    for item in found:
        match item.code:
            case "fewer_sessions":
                changes["sessions_per_week"] = item.to
            case "maintain":
                changes["goals"] = ["general"]
            case "plateau_variety" if losing_weight:
                words += ["plateau_variety", "more_cardio"]
            case code:
                words.append(code)
    if words:
        changes["adaptations"] = list(dict.fromkeys(words))
    return changes
