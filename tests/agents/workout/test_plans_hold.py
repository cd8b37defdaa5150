"""Whatever a client brings, their plan breaks no rule, or says honestly that there is none."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from pydantic import ValidationError

from agents.workout.agent import WorkoutOptimizer
from agents.workout.checker import check
from agents.workout.exercises.catalogue import CATALOGUE
from tests.kit.context import FakeContext
from tests.kit.workouts import SCENARIOS, Json, Scenario, codes_of, random_requests

PER_BATCH = 5
BATCHES = 60
TRUSTED = {key: exercise.facts() for key, exercise in CATALOGUE.items()}


async def answer_to(request: Json) -> dict[str, Any]:
    """The deterministic answer to one request, as JSON."""
    agent = WorkoutOptimizer()
    known = set(agent.Input.model_fields) | {"equipment"}
    wish = agent.Input.model_validate({k: v for k, v in request.items() if k in known})
    result = await agent.execute(FakeContext(request_id=request["client_id"]), wish)
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


async def test_beginners_do_more_than_one_set() -> None:
    """One set of an exercise is within the rules for them, and seldom what a coach would write."""
    sets = [
        line["sets"]
        for request in random_requests(20, 7)
        for week in (await answer_to(request | {"fitness_level": "beginner"}))["weeks"][:1]
        for workout in week["workouts"]
        for line in workout["exercises"]
        if line["block"] in {"compound", "isolation", "core"} and line["rpe"] > 3
    ]
    assert len(sets) > 100
    assert sets.count(1) < 0.1 * len(sets)


async def test_a_card_shows_the_fullest_session() -> None:
    """Who does one exercise more or less on other days is recommended the most of it."""
    for request in random_requests(8, 3):
        answer = await answer_to(request)
        lines = [
            (line["key"], line["sets"])
            for workout in answer["weeks"][0]["workouts"]
            for line in workout["exercises"]
        ]
        for card in answer["recommendations"]:
            assert card["sets"] == max(sets for key, sets in lines if key == card["key"]), request


FLAGS = ("chest pain when climbing stairs", "heart attack in the past", "stroke last year",
         "fainted twice this month", "had surgery on the knee")  # fmt: skip
WIDE_WISHES = ("walking", "march", "balance", "mobility", "stretching", "cardio", "circles",
               "breathing", "stand", "cat", "seated", "movement", "easy", "practice")  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
async def test_a_red_flag_is_never_anything_but_a_stop(seed: int) -> None:
    """Whatever else is wished, avoided or wrong with a client: asked to get clearance, with three
    or more gentle exercises to do until then."""
    draw = random.Random(seed)
    for request in random_requests(12, 40 + seed):
        conditions = [*request.get("conditions", []), draw.choice(FLAGS)]
        request |= {
            "conditions": conditions,
            "time_per_session": draw.choice((15, 20, request["time_per_session"])),
            "avoid_exercises": draw.sample(WIDE_WISHES, draw.randint(0, len(WIDE_WISHES))),
            "count": draw.randint(3, 5),
        }
        answer = await answer_to(request)
        assert answer["status"] == "needs_clearance", request
        assert len({card["key"] for card in answer["recommendations"]}) >= 3
        assert all(card["rpe"] <= 3 for card in answer["recommendations"])
        assert check(answer, request=request, trusted_facts=TRUSTED) == [], request


async def test_wishes_that_leave_nothing_gentle_are_told() -> None:
    """A stopped client who avoids walking, mobility and balance still gets three gentle cards,
    and reads why they are there."""
    request: Json = {
        "client_id": 1,
        "conditions": ["asthma", "chest pain when climbing stairs"],
        "time_per_session": 15,
        "avoid_exercises": ["walking", "marching", "mobility", "balance"],
    }
    answer = await answer_to(request)
    assert answer["status"] == "needs_clearance"
    assert len(answer["recommendations"]) >= 3
    assert "avoid_list" in answer["constraints"]["conflict"][0]["ids"]
    assert check(answer, request=request, trusted_facts=TRUSTED) == []


async def test_every_wish_to_avoid_counts() -> None:
    """The last of two hundred wishes is kept like the first; more are refused, not dropped."""
    wishes = [f"nonsense {n}" for n in range(199)]
    request: Json = {"client_id": 1, "equipment": ["gym"], "duration_weeks": 1}
    plain = await answer_to(request)
    last = plain["recommendations"][0]["exercise"]
    answer = await answer_to(request | {"avoid_exercises": [*wishes, last]})
    assert last not in json.dumps(answer["weeks"])
    assert any(w.startswith("avoid_unknown: 199") for w in answer["data_warnings"])
    with pytest.raises(ValidationError, match="expected at most 200"):
        await answer_to(request | {"avoid_exercises": [*wishes, last, "planks"]})


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
