"""An answer's proposals as typed rows."""

import json
from typing import Any

import psycopg

from agents.scheduling import answer
from daemon.statements import load
from tests.kit.scheduling import parts_of


def test_every_proposal_is_a_row(connection: psycopg.Connection[Any]) -> None:
    """Rows go in once, with the answer's numbers, and a second write changes nothing."""
    statement = load()["result_schedule_suggestions"]
    written = 0
    for seed in range(6):
        parts = parts_of(seed)
        output = answer.compose(parts, seed + 1)
        rows = answer.rows(parts, output)
        for _ in range(2):
            connection.execute(
                statement, {"request_id": seed + 1, "agent_version": 3, "rows": json.dumps(rows)}
            )
        stored = connection.execute(
            "SELECT rank, slot_local, slot_start_utc = slot_local AT TIME ZONE tz, p_attend"
            " FROM ai_schedule_suggestions WHERE request_id = %s ORDER BY rank",
            (seed + 1,),
        ).fetchall()
        assert [row[0] for row in stored] == list(range(1, len(rows) + 1))
        assert [row[1].isoformat() for row in stored] == [row["slot_local"] for row in rows]
        assert all(row[2] for row in stored)
        written += len(rows)
    assert written > 5
