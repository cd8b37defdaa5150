"""What was said and done before leans the next plan, within the rules, and is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from agents.crm import Crm, Opinion, open_engine
from agents.workout.agent import WorkoutOptimizer
from agents.workout.checker import check
from agents.workout.remembered import MOST_WEIGHT, weights
from agents.workout.request import WorkoutConfig, WorkoutRequest
from daemon.demo.gym import load
from tests.kit.context import FakeContext

Json = dict[str, Any]
FIRST = datetime(2026, 10, 19, 9, tzinfo=UTC)
LATER = FIRST + timedelta(days=29)
CLIENT = 9001
PLAN: Json = {
    "client_id": CLIENT,
    "goals": ["muscle_gain"],
    "fitness_level": "intermediate",
    "equipment": ["gym"],
    "duration_weeks": 4,
    "sessions_per_week": 3,
    "time_per_session": 45,
    "age": 40,
    "conditions": ["none"],
    "narrative": "off",
}


class World:
    """A client of a sample gym, beside the service's own tables."""

    def __init__(self, dsn: str) -> None:
        self.connection = psycopg.connect(dsn, autocommit=True)
        self.engine = open_engine(dsn)
        self.crm = Crm(self.engine, tz="Europe/Berlin")

    async def ask(self, now: datetime, **more: Any) -> tuple[int, Json]:
        """(request, answer); the answer is kept as the daemon would keep it."""
        wish = PLAN | more
        row = self.connection.execute(
            "INSERT INTO ai_requests (task_type, input_data) VALUES ('workout_optimization', %s)"
            " RETURNING id",
            [json.dumps(wish)],
        ).fetchone()
        assert row is not None
        context = FakeContext(crm=self.crm, config=WorkoutConfig(), now=now, request_id=row[0])
        result = await WorkoutOptimizer().execute(context, WorkoutRequest.model_validate(wish))
        found = result.output.model_dump(mode="json")
        (typed,) = result.rows["ai_workout_plans"]
        self.connection.execute(
            "UPDATE ai_requests SET status = 'completed', finished_at = now() WHERE id = %s",
            [row[0]],
        )
        self._keep(row[0], typed, now)
        return row[0], found

    def _keep(self, request_id: int, typed: Any, now: datetime) -> None:
        plan = self.connection.execute(
            "INSERT INTO ai_workout_plans (request_id, client_id, status, kind, goal,"
            " fitness_level, plan, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
            " RETURNING id",
            [request_id, *(typed[k] for k in ("client_id", "status", "kind", "goal")),
             typed["fitness_level"], json.dumps(typed["plan"]), now],
        ).fetchone()  # fmt: skip
        assert plan is not None
        with self.connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO ai_workout_plan_items (plan_id, week, day, ord, key, exercise, sets,"
                " reps, duration_seconds, rpe) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    (plan[0], *(item[k] for k in ("week", "day", "ord", "key", "exercise", "sets",
                                                  "reps", "duration_seconds", "rpe")))
                    for item in typed["items"]
                ],
            )  # fmt: skip

    def say(self, request_id: int, item_id: str, verdict: str, who: str = "client:1") -> None:
        """Feedback, said the day after the first plan."""
        self.connection.execute(
            "INSERT INTO ai_feedback (request_id, item_id, verdict, given_by)"
            " VALUES (%s, %s, %s, %s)",
            [request_id, item_id, verdict, who],
        )
        self.connection.execute("UPDATE ai_feedback SET created_at = %s", [FIRST])

    def trained(self, count: int = 6, rating: int = 6) -> None:
        """Workouts logged since the first plan."""
        self.connection.execute("DELETE FROM workout_logs")
        for number in range(count):
            self.connection.execute(
                "INSERT INTO workout_logs (client_id, completed_date, difficulty_rating)"
                " VALUES (%s, %s, %s)",
                [CLIENT, (FIRST + timedelta(days=2 + 3 * number)).replace(tzinfo=None), rating],
            )


@pytest.fixture
def world(database: str) -> Iterator[World]:
    load(database, clients=4, as_of=LATER)
    opened = World(database)
    try:
        opened.connection.execute(
            "INSERT INTO clients (id, name, email, age) VALUES (%s, 'New', 'new@x.example', 40)",
            [CLIENT],
        )
        yield opened
    finally:
        opened.crm.close()
        opened.connection.close()


def keys(plan: Json) -> set[str]:
    return {e["key"] for w in plan["weeks"] for d in w["workouts"] for e in d["exercises"]}


def first_week(plan: Json) -> dict[str, Json]:
    return {e["key"]: e for d in plan["weeks"][0]["workouts"] for e in d["exercises"]}


def test_one_thumb_moves_little() -> None:
    """The first opinion weighs least of all that it can, many come near a typed wish, old fade."""
    squat = [Opinion("not_helpful", FIRST, "goblet_squat")]
    one = weights(squat, FIRST)["goblet_squat"]
    ten = weights(squat * 10, FIRST)["goblet_squat"]
    assert -MOST_WEIGHT / 2 < one < 0
    assert -MOST_WEIGHT < ten < 2 * one
    assert one < weights(squat, FIRST + timedelta(days=240))["goblet_squat"] < 0
    assert weights([Opinion("helpful", FIRST, "no such exercise")], FIRST) == {}


async def test_feedback_changes_the_next_plan(world: World) -> None:
    """What the client found wrong gives way where it can, what helped stays, and the plan says so;
    the same data twice gives the same plan, without a broken rule."""
    request_id, plan = await world.ask(FIRST)
    cards = plan["recommendations"]
    for number in (1, 2, 3):
        world.say(request_id, cards[0]["id"], "incorrect", f"user:{number}")
    world.say(request_id, cards[1]["id"], "helpful")
    world.say(request_id, cards[0]["key"], "not_helpful")
    _, other = await world.ask(LATER, preferences=[])
    assert cards[0]["key"] not in keys(other)
    assert check(other, request=PLAN) == []


async def test_a_second_plan_goes_on(world: World) -> None:
    """Four trained weeks later most exercises stay and start where they ended; a lighter week
    comes in time."""
    _, plan = await world.ask(FIRST)
    world.trained()
    _, other = await world.ask(LATER)
    stays = keys(plan) & keys(other)
    assert len(stays) >= len(first_week(other)) / 2
    last = {e["key"]: e for d in plan["weeks"][-1]["workouts"] for e in d["exercises"]}
    went_on = [
        key
        for key, line in first_week(other).items()
        if key in last
        and (line["progress_event"] == "load_up" or line["reps"] >= last[key]["reps"])
    ]
    assert len(went_on) >= 0.7 * len(stays & first_week(other).keys())
    assert [week["phase"] for week in other["weeks"]].index("deload") <= 2
    assert check(other, request=PLAN) == []
    assert other["continuity"]["kept"]
    assert other["continuity"]["plan_of"] == FIRST.date().isoformat()
    _, again = await world.ask(LATER)
    assert {**again, "provenance": 0, "recommendations": 0} == {
        **other,
        "provenance": 0,
        "recommendations": 0,
    }


@pytest.mark.parametrize(("logs", "rating", "why"), [(0, 6, "not_trained"), (6, 10, "hard")])
async def test_no_progress_without_training(
    world: World, logs: int, rating: int, why: str
) -> None:
    """Who did not train, or found it very hard, starts again at comfortable repetitions."""
    _, plan = await world.ask(FIRST)
    world.trained(logs, rating)
    _, other = await world.ask(LATER)
    mine, before = first_week(other), first_week(plan)
    assert all(
        mine[key]["reps"] <= before[key]["reps"] + 2 and not mine[key]["progress_event"]
        for key in mine.keys() & before.keys()
    )
    assert why in other["continuity"]["held_back"]


async def test_hard_days_before_the_plan_hold_nothing_back(world: World) -> None:
    """How hard a plan is, its own workouts say: those before it may be of another year."""
    await world.ask(FIRST)
    world.trained(1)
    for days in range(100, 140, 10):
        world.connection.execute(
            "INSERT INTO workout_logs (client_id, completed_date, difficulty_rating)"
            " VALUES (%s, %s, 10)",
            [CLIENT, (FIRST - timedelta(days=days)).replace(tzinfo=None)],
        )
    _, plan = await world.ask(LATER)
    assert "hard" not in plan["continuity"]["held_back"]


async def test_reasons_are_of_their_own(world: World) -> None:
    """No two exercises of a plan are explained alike, and each explanation is short and plain."""
    _, plan = await world.ask(FIRST)
    reasons = {line["key"]: line["reason"] for line in first_week(plan).values()}
    assert len(set(reasons.values())) >= 0.9 * len(reasons)
    assert all(len(text) <= 240 for text in reasons.values())
