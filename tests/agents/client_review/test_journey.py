"""Reviews by the whole daemon, on databases as the main app leaves them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

import pytest

from daemon.demo.gym import Variant, load
from daemon.demo.model_server import ModelServer
from tests.kit.gyms import App, gym_app
from tests.kit.progress import NOW, TODAY, MainApp, main_app
from tests.kit.provider import Behaviour, text
from tests.kit.worker import count

Json = Any
AS_OF = NOW.isoformat()
DATE_GAP = timedelta(hours=48)
ROWS = ("ai_progress_reports", "ai_workout_plans", "ai_schedule_suggestions")
DELIVERED = {"ok", "relaxed", "cold_start"}


def stuck(app: MainApp, *, kept: int = 6, missed: int = 9) -> None:
    """Client 1 wants to lose weight, stands still, and keeps few of the booked sessions."""
    app.history(lambda _: 84.0, days=90, every=2)
    app.goal(76.0)
    for number in range(kept + missed):
        moment = datetime.combine(TODAY, time(18)) - timedelta(days=2 + 3 * number)
        app.insert(
            "sessions",
            trainer_id=1,
            client_id=1,
            session_date=moment,
            duration=60,
            status="completed" if number * kept % (kept + missed) < kept else "no-show",
        )


def whole(row: Mapping[str, Json]) -> Json:
    """The result of a request that was answered, as strict JSON without NaN."""
    assert row["status"] == "completed", row["error"]
    assert row["attempt"] == 1
    result = row["result"]
    json.dumps(result, allow_nan=False)
    statuses = {result[part]["status"] for part in ("progress", "workout", "schedule")}
    assert result["status"] == ("ok" if statuses <= DELIVERED else "partial")
    assert "failed" not in statuses
    assert result["source"] == "ai_orchestrator"
    assert result["summary"]
    return result


async def rows_of(app: App, request_id: int) -> list[int]:
    return [
        await count(app.connection, f"SELECT count(*) FROM {t} WHERE request_id = %s", request_id)
        for t in ROWS
    ]


async def test_a_plateau_and_missed_sessions(database: str) -> None:
    """A client who stands still and keeps 40 %: both adaptations, a lighter plan, times for it."""
    with main_app(database) as main:
        stuck(main)
        async with gym_app(database) as app:
            asked: Json = {
                "client_id": 1,
                "as_of": AS_OF,
                "equipment": "gym",
                "sessions_per_week": 3,
            }
            row = await app.ask("client_review", **asked)
            result = whole(row)
            codes = [item["code"] for item in result["adaptations"]]
            assert codes == ["fewer_sessions", "plateau_variety"]
            assert (result["adaptations"][0]["from"], result["adaptations"][0]["to"]) == (3, 1)
            assert result["progress"]["adherence"]["completed"] == 6
            assert [len(week["workouts"]) for week in result["workout"]["weeks"]] == [1] * 4
            assert result["workout"]["weeks"][0]["weekly_cardio"]["target_minutes"] > 0
            assert result["schedule"]["suggestions"]
            assert "1 session a week and new exercises" in result["summary"]
            assert (row["mode"], row["cost_usd"]) == ("deterministic", 0)

            rows = await rows_of(app, row["id"])
            assert rows == [1, 1, len(result["schedule"]["suggestions"])]
            again = await app.ask("client_review", **asked)
            assert _told(again["result"]) == _told(result)


def _told(result: Json) -> Json:
    """An answer without what tells when, how fast and under which number it was made."""
    if isinstance(result, dict):
        left_out = {"provenance", "id", "ics"}
        return {key: _told(value) for key, value in result.items() if key not in left_out}
    return [_told(item) for item in result] if isinstance(result, list) else result


async def test_times_for_the_plan_are_two_days_apart(database: str) -> None:
    """Two sessions a week: the first two times suit both, 48 hours apart."""
    with main_app(database) as main:
        stuck(main, kept=15, missed=0)
        async with gym_app(database) as app:
            row = await app.ask(
                "client_review", client_id="1", as_of=AS_OF, sessions_per_week=2, duration_weeks=2
            )
            result = whole(row)
            assert [len(week["workouts"]) for week in result["workout"]["weeks"]] == [2, 2]
            first, second, *_ = (
                datetime.fromisoformat(item["start"]) for item in result["schedule"]["suggestions"]
            )
            assert abs(first - second) >= DATE_GAP


@pytest.mark.parametrize("variant", ["A", "B", "C"])
async def test_every_shape_of_the_main_app(database: str, variant: Variant) -> None:
    """All three schemas, clients of whom much and little is known: an answer, never an error."""
    truth = load(database, clients=12, variant=variant)
    names = ("low_back", "no_data", "no_trainer", "chest_pain")
    async with gym_app(database) as app:
        ids = [await app.submit("client_review", client_id=truth.cast[name]) for name in names]
        results = {name: whole(await app.ended(id_)) for name, id_ in zip(names, ids, strict=True)}
    assert results["no_data"]["progress"]["status"] in {"insufficient_data", "no_goal"}
    if variant != "C":  # which has no column for conditions
        assert results["chest_pain"]["workout"]["status"] == "needs_clearance"
        assert results["chest_pain"]["schedule"]["status"] == "skipped"
        assert results["low_back"]["workout"]["screening"]["conditions"] == ["low_back"]


async def test_no_main_app_at_all(database: str) -> None:
    """Without the app's tables: an honest, partial answer that names what is missing."""
    async with gym_app(database) as app:
        result = whole(await app.ask("client_review", client_id=1))
        assert result["status"] == "partial"
        assert result["progress"]["status"] == "insufficient_data"
        assert result["adaptations"] == []
        assert any(w.startswith("table_missing") for w in result["data_warnings"])


async def test_what_cannot_be_answered(database: str) -> None:
    """Another trainer's client, no such client, nonsense in a field: failed, no row is left."""
    truth = load(database, clients=12)
    client = truth.cast["low_back"]
    other = next(t for t in truth.trainers if t != truth.clients[client].trainer_id)
    async with gym_app(database) as app:
        row = await app.ask("client_review", f"trainer:{other}", client_id=client)
        assert (row["status"], row["error"]["code"]) == ("failed", "not_assigned")
        row = await app.ask("client_review", client_id=9999)
        assert (row["status"], row["error"]["code"]) == ("failed", "client_not_found")
        row = await app.ask("client_review", client_id=client, time_per_session=500)
        assert (row["status"], row["attempt"]) == ("failed", 0)
        assert "input_data.time_per_session" in row["error"]["message"]
        assert await rows_of(app, row["id"]) == [0, 0, 0]


async def test_a_part_that_is_switched_off(database: str) -> None:
    """With one agent disabled the review is partial, says so, and names unknown keys."""
    truth = load(database, clients=12)
    async with gym_app(database) as app:
        configured = app.daemon.signals.expect("configured")
        await app.connection.execute(
            "UPDATE ai_agents SET enabled = false WHERE type = 'scheduling'"
        )
        await configured
        row = await app.ask("client_review", client_id=truth.cast["low_back"], week="2026-11-23")
        assert (row["status"], row["result"]["status"]) == ("completed", "partial")
        assert row["result"]["schedule"]["error"]["code"] == "agent_disabled"
        assert row["result"]["workout"]["weeks"]
        assert "unknown_input_key: week" in row["result"]["data_warnings"]
        assert (await rows_of(app, row["id"]))[2] == 0


@pytest.mark.parametrize(
    ("behaviour", "mode"),
    [(None, "full"), (text("I'd rather talk about the weather"), "degraded")],
)
async def test_mode_is_that_of_all_parts(
    database: str, behaviour: Behaviour | None, mode: str
) -> None:
    """With a model that answers the mode is full, with one that does not it is degraded."""
    with main_app(database) as main:
        stuck(main)
        async with ModelServer().running() as server:
            if behaviour is not None:
                server.script.extend([behaviour] * 9)
            async with gym_app(
                database, openai_base_url=server.url, openai_api_key="local"
            ) as app:
                row = await app.ask("client_review", client_id=1, as_of=AS_OF)
        result = whole(row)
        assert row["mode"] == mode
        assert {call.name for call in server.calls} == {
            "progress_words",
            "workout_words",
            "schedule_words",
        }
        assert result["provenance"]["llm"]["used"] is (mode == "full")


async def test_the_reviews_budget_holds_for_its_parts(database: str) -> None:
    """A daily budget of the review limits the agents inside it, and nobody else."""
    with main_app(database) as main:
        stuck(main)
        async with (
            ModelServer().running() as server,
            gym_app(database, openai_base_url=server.url, openai_api_key="local") as app,
        ):
            await app.connection.execute(
                "UPDATE ai_control SET daily_budget_usd = 0 WHERE task_type = 'client_review'"
            )
            row = await app.ask("client_review", client_id=1, as_of=AS_OF)
            assert (row["mode"], row["degraded_reason"]) == ("degraded", "budget_exhausted")
            assert server.count() == 0
            row = await app.ask("progress_monitoring", client_id=1, as_of=AS_OF)
            assert row["mode"] == "full"
