"""Whatever a client brings, their plan breaks no rule, or says honestly that there is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agents.workout.agent import WorkoutOptimizer
from agents.workout.checker import check
from agents.workout.exercises.catalogue import CATALOGUE
from tests.kit.offline import offline
from tests.kit.workouts import SCENARIOS, Json, Scenario, codes_of, random_requests

PER_BATCH = 5
BATCHES = 60
TRUSTED = {key: exercise.facts() for key, exercise in CATALOGUE.items()}


async def answer_to(request: Json) -> dict[str, Any]:
    """The deterministic answer to one request, as JSON."""
    agent = WorkoutOptimizer()
    known = set(agent.Input.model_fields) | {"equipment"}
    wish = agent.Input.model_validate({k: v for k, v in request.items() if k in known})
    result = await agent.execute(offline(request["client_id"]), wish)
    return result.output.model_dump(mode="json")


@pytest.mark.parametrize("batch", range(BATCHES))
async def test_random_clients_get_sound_plans(batch: int) -> None:
    """Random wishes, rooms, ages and conditions: every answer passes the checker, finds each
    condition, and really is a plan."""
    for request in random_requests(PER_BATCH, 1_000 + batch, red_flags=batch % 3 == 0):
        answer = await answer_to(request)
        broken = check(answer, request=request, trusted_facts=TRUSTED)
        assert broken == [], request
        assert codes_of(request) <= set(answer["screening"]["conditions"]), request
        assert answer["status"] in ("ok", "relaxed", "needs_clearance"), request


ANSWERED = [scenario for scenario in SCENARIOS if scenario.error is None]


@pytest.mark.parametrize("scenario", ANSWERED, ids=lambda scenario: scenario.name)
async def test_named_situations_are_answered(scenario: Scenario) -> None:
    """Each named situation gets the status, goal, conditions and warnings it is known for, and
    echoes no text that was meant as an instruction."""
    request = scenario.told()
    answer = await answer_to(request)
    assert check(answer, request=request, trusted_facts=TRUSTED) == []
    assert answer["status"] in scenario.statuses
    assert scenario.goal in (None, answer["profile"]["goal"])
    assert scenario.conditions <= set(answer["screening"]["conditions"])
    codes = {warning.split(":")[0] for warning in answer["data_warnings"]}
    assert scenario.warnings <= codes
    assert not [text for text in scenario.forbidden_texts if text in json.dumps(answer)]


async def test_the_same_client_gets_the_same_plan() -> None:
    """Asked twice, the answer differs in nothing but its provenance."""
    request = random_requests(1, 77)[0]
    first, second = [await answer_to(request) for _ in range(2)]
    assert {**first, "provenance": None} == {**second, "provenance": None}
