"""The switch that lets plans be written into the main app, and what it writes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from agents.crm import Crm, open_engine
from agents.workout.agent import WorkoutOptimizer
from agents.workout.request import WorkoutConfig, WorkoutRequest
from daemon.demo.gym import Variant, load
from tests.kit.context import FakeContext

AS_OF = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.mark.parametrize(("variant", "on"), [("A", True), ("B", True), ("A", False), ("C", True)])
async def test_only_where_switched_on(empty_database: str, variant: Variant, on: bool) -> None:
    """Off by default; on, each session with known exercises becomes a template of the trainer in
    charge; without the tables the plan says why it was not saved."""
    load(empty_database, variant=variant, clients=4, as_of=AS_OF)
    client_id, trainer_id = 1, None
    if variant != "C":
        with psycopg.connect(empty_database, autocommit=True) as connection:
            row = connection.execute(
                "SELECT client_id, trainer_id FROM assignments WHERE status = 'active'"
                " ORDER BY client_id, created_at DESC, id DESC LIMIT 1"
            ).fetchone()
            assert row is not None
            client_id, trainer_id = row
    engine = open_engine(empty_database)
    context = FakeContext(
        crm=Crm(engine, tz="Europe/Berlin"),
        now=AS_OF,
        config=WorkoutConfig(save_to_main_app=True) if on else WorkoutConfig(),
    )
    wish: dict[str, Any] = {
        "client_id": client_id, "duration_weeks": 1, "equipment": ["gym"],
        "clearance": {"cleared": True, "by": "Dr Meyer", "date": "2026-11-01"},
    }  # fmt: skip
    result = await WorkoutOptimizer().execute(context, WorkoutRequest.model_validate(wish))
    engine.dispose()
    saved = result.rows.get("ai_saved_plans", ())
    told = [text for text in result.output.data_warnings if text.startswith("not_saved")]
    assert bool(saved) == (on and variant != "C")
    assert bool(told) == (on and variant == "C")
    for template in saved:
        assert template["created_by"] == trainer_id
        assert template["rows"]
        assert all(line["exercise_id"] for line in template["rows"])
