"""The main app's own four calls, on each shape its database may have, and on none at all."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agents.catalog import AGENTS
from daemon.demo.gym import load
from tests.kit.http import SERVICE_KEY, calling
from tests.kit.worker import running

SHAPES = ("A", "B", "C", None)


@pytest.mark.parametrize("shape", SHAPES)
async def test_what_the_main_app_reads_is_there(database: str, shape: Any) -> None:
    """Each of the four functions gets 200, a truthy ``success`` and the keys it reads: all else
    it shows as random samples of its own."""
    client, trainer = 1, None
    if shape is not None:
        truth = load(database, clients=6, variant=shape)
        client = truth.cast["low_back"]
        trainer = truth.clients[client].trainer_id
    async with (
        running(database, AGENTS, main_app_api_key=SERVICE_KEY) as daemon,
        calling(daemon, SERVICE_KEY) as app,
    ):

        async def results(task_type: str, **input_data: Any) -> Any:
            answer = await app.post("/api/execute", task_type=task_type, input_data=input_data)
            assert answer.status == 200, answer.text
            assert answer.body["success"]
            return answer.body["results"]

        found = await results(
            "workout_optimization", client_id=client, goals=["strength"], fitness_level="beginner"
        )
        assert len(found["recommendations"]) >= 3
        for item in found["recommendations"]:
            assert {"id", "exercise", "sets", "reps", "difficulty", "reason", "source"} <= set(
                item
            )
            assert isinstance(item["reps"], int)

        plan = await results(
            "workout_optimization", client_id=client, duration_weeks=4, focus_areas=["strength"]
        )
        assert (plan["duration_weeks"], plan["source"]) == (4, "ai_orchestrator")
        assert [week["week"] for week in plan["weeks"]] == [1, 2, 3, 4]
        first = plan["weeks"][0]["workouts"][0]
        assert first["exercises"], first
        assert {"exercise", "sets", "reps", "reason", "difficulty"} <= set(first["exercises"][0])

        told = await results(
            "progress_monitoring",
            client_id=client,
            current_metrics={"weight": 84},
            goal_metrics={"weight_loss": 78},
        )
        assert isinstance(told["prediction"], str)
        assert told["prediction"]
        assert told["estimated_weeks"] is None or told["estimated_weeks"] >= 0
        assert 0 <= told["confidence"] <= 1
        assert not {"progress_analysis", "progress_monitoring"} & set(told)

        times = await results(
            "scheduling", client_id=client, trainer_id=trainer, preferred_times=[]
        )
        assert isinstance(times["suggestions"], list)
        assert times["suggestions"] or times["status"] != "ok"
        for item in times["suggestions"]:
            assert {"id", "suggestion", "priority", "source", "start", "timezone"} <= set(item)


ASKED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("workout_optimization", {"goals": ["strength"], "clearance": {"cleared": True}}),
    ("workout_optimization", {"duration_weeks": 2, "available_equipment": ["dumbbells"]}),
    (
        "workout_optimization",
        {"duration_weeks": 2, "sessions_per_week": 6, "time_per_session": 15},
    ),
    ("progress_monitoring", {"current_metrics": {"weight": 84}, "units": "kg"}),
    ("progress_monitoring", {"goal_metrics": {"weight_loss": {"value": 78, "unit": "kg"}}}),
    ("progress_monitoring", {"as_of": "2001-01-01", "time_period": "3 months"}),
    ("scheduling", {"preferred_times": ["weekday evenings"], "horizon_days": 10}),
    ("scheduling", {"availability": [{"weekday": 1, "start": "06:00", "end": "09:00"}]}),
    ("scheduling", {"blackout_dates": ["2026-12-24"], "horizon_days": 1, "min_notice_hours": 720}),
    ("client_review", {"goals": ["strength"], "goal_metrics": {"weight_loss": 78}}),
    ("health_check", {"checks": ["database"], "thresholds": {"queue.depth": {"warning": 5}}}),
    ("code_analysis", {"code": "x = eval(input())\n", "file_path": "a.py"}),
    ("code_analysis", {"stack_trace": "Traceback (most recent call last):\nValueError: x"}),
)


async def test_what_is_taken_and_given_is_as_the_agent_says(database: str) -> None:
    """Each agent's schemas, which an API's caller builds on, hold for what is sent and comes back:
    for plans, wishes that cannot be met, clients with nothing to go by, and every agent."""
    truth = load(database, clients=12, variant="A")
    people = (truth.cast["low_back"], truth.cast["no_data"])
    async with (
        running(database, AGENTS, main_app_api_key=SERVICE_KEY) as daemon,
        calling(daemon, SERVICE_KEY) as app,
    ):
        listed = (await app.get("/api/agents")).body["agents"]
        shapes = {}
        for agent in listed:
            one = (await app.get(f"/api/agents/{agent['id']}")).body["agent"]
            shapes[agent["type"]] = [
                Draft202012Validator(one[name]) for name in ("input_schema", "result_schema")
            ]
            assert one["input_schema"]["properties"]
        assert set(shapes) == set(AGENTS)
        seen = set()
        for task_type, asked in ASKED:
            for client in people:
                about = (
                    {} if task_type in ("health_check", "code_analysis") else {"client_id": client}
                )
                sent = {**asked, **about}
                takes, gives = shapes[task_type]
                takes.validate(sent)
                answer = await app.post("/api/execute", task_type=task_type, input_data=sent)
                assert answer.status == 200, (sent, answer.text[:500])
                gives.validate(answer.body["results"])
                seen.add(answer.body["results"]["status"])
        assert {"ok", "insufficient_data"} <= seen
