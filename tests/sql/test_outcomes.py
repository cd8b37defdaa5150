"""Looking for outcomes reads what is due, however many rows wait for another day or are closed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daemon.statements import load
from tests.sql.driver import Queue

FORECASTS = """
    INSERT INTO ai_progress_reports (request_id, client_id, status, ord, as_of, p_reach_365,
        matured_at, look_on)
    SELECT i, i % 200, 'on_track', 1, current_date, 0.9, CASE WHEN i % 4 > 0 THEN now() END,
        (now() AT TIME ZONE 'UTC')::date + (i % 40 > 0)::integer
    FROM generate_series(1, 40000) i
"""
PROPOSALS = """
    INSERT INTO ai_schedule_suggestions (request_id, client_id, status, kind, rank,
        slot_start_utc, slot_local, tz, duration_minutes, p_attend, p_lo, p_hi, basis_sessions,
        outcome, look_on)
    SELECT i, i % 200, 'ok', 'slot', 1, now(), now(), 'UTC', 60, 0.9, 0.8, 1, 9,
        CASE WHEN i % 4 > 0 THEN 'completed' END,
        (now() AT TIME ZONE 'UTC')::date + (i % 40 > 0)::integer
    FROM generate_series(1, 40000) i
"""


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", ()) for node in nodes(child))]


@pytest.mark.parametrize(
    ("name", "table", "fill"),
    [
        ("forecast_look", "ai_progress_reports", FORECASTS),
        ("suggestion_look", "ai_schedule_suggestions", PROPOSALS),
    ],
)
def test_looks_at_what_is_due(queue: Queue, name: str, table: str, fill: str) -> None:
    """An index leads to the rows that are due today, client by client, and to no others."""
    queue.rows(fill)
    queue.rows(f"ANALYZE {table}")
    text = load()[name].replace("%(limit)s", "200")
    (row,) = queue.rows(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}")
    plan = row["QUERY PLAN"]
    plan = json.loads(plan) if isinstance(plan, str) else plan
    scans = [node for node in nodes(plan[0]["Plan"]) if node.get("Relation Name") == table]
    reads = [node for node in scans if "Scan" in node["Node Type"]]
    assert f"{table}_open" in {node.get("Index Name") for node in reads}
    assert [node for node in reads if node["Node Type"] == "Seq Scan"] == []
    assert max(node["Actual Rows"] for node in reads) <= 200
    clients = queue.run(name, limit=100)
    assert len({row["client_id"] for row in clients}) <= 10
