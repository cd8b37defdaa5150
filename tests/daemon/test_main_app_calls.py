"""The main app's own four calls, on each shape its database may have, and on none at all."""

from __future__ import annotations

from typing import Any

import pytest

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
