"""Parts that fail or cannot: the review says so, and the others still run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from agents.base import AgentError, ClientNotFound
from agents.client_review.agent import ClientReviewer
from agents.client_review.model import ReviewRequest
from agents.client_review.parts import PROGRESS, SCHEDULE, WORKOUT
from tests.agents.client_review.test_adaptations import report
from tests.kit.context import FakeContext

Json = dict[str, Any]


def origin(*, used: bool = False) -> Json:
    llm: Json = {"used": used, "model": "m" if used else None, "dropped": []}
    return {"provenance": {"input_sha256": "0" * 64, "llm": llm}, "data_warnings": ["x: y"]}


def answers() -> dict[str, Json | AgentError]:
    """What the three parts say when all is well."""
    suggestions = [
        {"start": f"2026-11-{day}T18:00:00", "duration_minutes": 60} for day in (24, 25, 26)
    ]
    week = {"workouts": [{"estimated_minutes": 40}] * 2}
    return {
        PROGRESS: report() | origin() | {"prediction": "80 kg around 12 March 2027."},
        WORKOUT: origin() | {"status": "relaxed", "weeks": [week] * 4},
        SCHEDULE: origin(used=True) | {"status": "cold_start", "suggestions": suggestions},
    }


@dataclass
class Parts(FakeContext):
    """A context whose other agents answer from a table. ran: what was asked, in order."""

    parts: dict[str, Json | AgentError] = field(default_factory=answers)
    ran: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    async def run(
        self, task_type: str, input_data: Mapping[str, Any], *, until_percent: int | None = None
    ) -> Mapping[str, Any]:
        self.ran.append((task_type, input_data))
        said = self.parts[task_type]
        if isinstance(said, AgentError):
            raise said
        return said


async def review(ctx: Parts, **given: Any) -> Json:
    request = ReviewRequest.model_validate({"client_id": 1} | given)
    return (await ClientReviewer().execute(ctx, request)).output.model_dump(mode="json")


async def test_all_is_well() -> None:
    """ok, relaxed and cold_start make a whole review; its times are two days apart."""
    ctx = Parts()
    answer = await review(ctx)
    assert answer["status"] == "ok"
    assert [name for name, _ in ctx.ran] == [PROGRESS, WORKOUT, SCHEDULE]
    assert answer["summary"] == (
        "80 kg around 12 March 2027. The plan: 2 sessions a week for 4 weeks. "
        "Best times: 2026-11-24 18:00, 2026-11-26 18:00."
    )
    assert answer["data_warnings"] == ["x: y"]
    assert answer["provenance"]["llm"] == {"used": True, "model": "m", "dropped": []}


@pytest.mark.parametrize(
    ("gap", "times"),
    [
        (24, "Best times: 2026-11-24 18:00, 2026-11-25 18:00."),
        ("24", "Best times: 2026-11-24 18:00, 2026-11-25 18:00."),
        (49, "Best times: 2026-11-24 18:00."),
        (0, "Best times: 2026-11-24 18:00, 2026-11-25 18:00."),
        (None, "Best times: 2026-11-24 18:00, 2026-11-26 18:00."),
    ],
)
async def test_the_callers_gap_holds_for_the_times_told(gap: Any, times: str) -> None:
    """Told times are as far apart as the caller asked, two days where nothing was asked; they
    never overlap."""
    ctx = Parts()
    suggested = ("24T18:00", "24T18:30", "25T18:00", "26T18:00")
    ctx.parts[SCHEDULE] = origin() | {
        "status": "ok",
        "suggestions": [{"start": f"2026-11-{at}:00", "duration_minutes": 60} for at in suggested],
    }
    answer = await review(ctx, min_gap_hours=gap)
    assert answer["summary"].endswith(times)


async def test_what_a_doctor_should_hear_of_stands_in_the_summary() -> None:
    """Advice about health is not left to whoever reads the progress part to its end."""
    ctx = Parts()
    told = ctx.parts[PROGRESS]
    assert isinstance(told, dict)
    told["recommendations"] = [
        {"code": "unhealthy_target", "text": "Agree on it with a doctor."},
        {"code": "keep_going", "text": "Keep the plan."},
    ]
    summary = (await review(ctx))["summary"]
    assert summary.startswith("Agree on it with a doctor. 80 kg around")
    assert "Keep the plan" not in summary


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ({"status": "ok", "cardio": {"target_minutes": 180}}, "more easy cardio"),
        ({"status": "ok", "cardio": None}, ""),
        ({"status": "needs_clearance", "cardio": None}, ""),
    ],
)
async def test_a_change_that_the_plan_does_not_hold_is_not_told(plan: Json, told: str) -> None:
    """More cardio was asked for; where the plan has none, or is none, nobody says it was added."""
    ctx = Parts()
    ctx.parts[PROGRESS] = report("regain") | origin() | {"prediction": "Soon."}
    week = {"workouts": [{"estimated_minutes": 40}] * 2, "weekly_cardio": plan["cardio"]}
    ctx.parts[WORKOUT] = origin() | {
        "status": plan["status"],
        "weeks": [week] * 4,
        "summary": "Before any training a doctor should agree.",
    }
    answer = await review(ctx)
    assert [item["code"] for item in answer["adaptations"]] == ["more_cardio"]
    assert ("The plan is adapted" in answer["summary"]) is bool(told)
    assert told in answer["summary"]


@pytest.mark.parametrize("broken", [PROGRESS, WORKOUT, SCHEDULE])
async def test_a_part_that_fails_leaves_the_others(broken: str) -> None:
    """Its error stands in its place, and both others were asked."""
    ctx = Parts()
    ctx.parts[broken] = AgentError("it broke", hint="mend it")
    answer = await review(ctx)
    assert answer["status"] == "partial"
    assert len(ctx.ran) == 3
    names = {PROGRESS: "progress", WORKOUT: "workout", SCHEDULE: "schedule"}
    error = {"code": "agent_error", "message": "it broke", "hint": "mend it"}
    assert answer[names[broken]] == {"status": "failed", "error": error}
    assert "did not answer" in answer["summary"]


async def test_a_stop_skips_the_times() -> None:
    """needs_clearance: nobody is booked for training that nobody allowed yet."""
    ctx = Parts()
    why = "Before any training a doctor should agree, because of this: chest pain."
    ctx.parts[WORKOUT] = origin() | {"status": "needs_clearance", "weeks": [], "summary": why}
    answer = await review(ctx)
    assert answer["status"] == "partial"
    assert answer["summary"].startswith(f"{why} 80 kg around")
    assert answer["schedule"]["status"] == "skipped"
    assert SCHEDULE not in [name for name, _ in ctx.ran]


async def test_a_forecast_against_health_is_told_as_none() -> None:
    """Beside a plan that must not slim the client, no date for a lower weight stands alone."""
    ctx = Parts()
    plan = ctx.parts[WORKOUT]
    assert isinstance(plan, dict)
    plan["profile"] = {"sources": {"goal": "health"}}
    assert (await review(ctx))["summary"].startswith("Health speaks against losing weight now")


@pytest.mark.parametrize("status", ["insufficient_data", "no_goal", "goal_reached"])
async def test_a_part_that_cannot_leaves_it_partial(status: str) -> None:
    """An honest status that is not a whole answer makes the review partial, its result kept."""
    ctx = Parts()
    progress = ctx.parts[PROGRESS]
    assert isinstance(progress, dict)
    progress["status"] = status
    answer = await review(ctx)
    assert (answer["status"], answer["progress"]["status"]) == ("partial", status)


async def test_an_error_about_the_request_ends_it() -> None:
    """An unknown client is unknown to every part: the review fails as they would."""
    ctx = Parts()
    ctx.parts[PROGRESS] = ClientNotFound(1)
    with pytest.raises(ClientNotFound):
        await review(ctx)
    assert len(ctx.ran) == 1


async def test_without_any_answer_there_is_no_review() -> None:
    """When all three fail, the request fails, and may be tried again."""
    ctx = Parts()
    ctx.parts = {name: AgentError(name) for name in ctx.parts}
    with pytest.raises(AgentError, match=PROGRESS):
        await review(ctx)


async def test_progress_changes_the_plan() -> None:
    """What the report asks for is handed to the planner, and told in words."""
    ctx = Parts()
    progress = ctx.parts[PROGRESS]
    assert isinstance(progress, dict)
    progress |= report("plateau", completed=6, no_show=9)
    answer = await review(ctx, sessions_per_week=3, equipment="gym")
    handed = ctx.ran[1][1]
    assert (handed["sessions_per_week"], handed["equipment"]) == (1, "gym")
    assert handed["adaptations"] == ["plateau_variety", "more_cardio"]
    assert "The plan is adapted: 1 session a week and new exercises." in answer["summary"]
    assert answer["adaptations"][0] | {"why": ""} == {
        "code": "fewer_sessions",
        "from": 3,
        "to": 1,
        "unit": "sessions_per_week",
        "why": "",
    }
