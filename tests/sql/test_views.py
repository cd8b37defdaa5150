"""The views that people look at say what is so, and cost the same however much there is."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from tests.sql.driver import Queue

Database = psycopg.Connection[Any]


def finished(queue: Queue, count: int, status: str, *, days_ago: float = 0, **more: Any) -> None:
    """Requests that ended one second apart, the newest `days_ago`."""
    queue.insert_many(count, **more)
    queue.rows(
        "UPDATE ai_requests SET status = 'running', attempt = 1, started_at = now()"
        " WHERE status = 'pending'"
    )
    if status == "expired":
        queue.rows("UPDATE ai_requests SET status = 'pending' WHERE status = 'running'")
    queue.rows(
        "UPDATE ai_requests r SET status = %s, started_at = x.at - interval '2 seconds',"
        " run_after = x.at - interval '3 seconds', created_at = x.at - interval '3 seconds',"
        " finished_at = x.at, mode = CASE WHEN %s = 'completed' THEN 'full' END"
        " FROM (SELECT id, now() - make_interval(secs => %s::double precision * 86400"
        "   + row_number() OVER (ORDER BY id DESC)) AS at"
        "   FROM ai_requests WHERE status IN ('running', 'pending')) x"
        " WHERE x.id = r.id",
        status,
        status,
        days_ago,
    )


def test_dead_letters(queue: Queue) -> None:
    """What failed or expired is listed newest first, with why and how to open it again."""
    request_id = queue.insert(requested_by="client:7")
    queue.finish("w1", queue.claim()[0], "failed", error={"code": "timeout", "message": "slow"})
    finished(queue, 1, "expired")
    finished(queue, 1, "completed")
    newest, older = queue.rows("SELECT * FROM ai_dead_letters")
    assert (
        newest["id"],
        newest["error_code"],
        newest["error_message"],
        newest["last_worker"],
    ) == (
        request_id,
        "timeout",
        "slow",
        "w1",
    )
    assert older["status"] == "expired"
    assert queue.value(newest["retry_with"]) is True
    assert [row["id"] for row in queue.rows("SELECT id FROM ai_dead_letters")] == [older["id"]]


def test_dead_letters_are_bounded(queue: Queue) -> None:
    """Of more than a thousand failures the newest are shown."""
    finished(queue, 1200, "failed")
    assert queue.value("SELECT count(*) FROM ai_dead_letters") == 1000
    assert queue.value(
        "SELECT min(finished_at) > now() - interval '1100 seconds' FROM ai_dead_letters"
    )


def test_performance(queue: Queue) -> None:
    """Shares, times and costs of the last seven days, per agent."""
    finished(queue, 3, "completed")
    finished(queue, 1, "failed")
    finished(queue, 2, "cancelled")
    finished(queue, 5, "completed", days_ago=8)
    queue.rows(
        "UPDATE ai_requests SET mode = 'degraded', cost_usd = 0.25"
        " WHERE id = (SELECT max(id) FROM ai_requests WHERE status = 'completed'"
        "   AND finished_at > now() - interval '7 days')"
    )
    (row,) = queue.rows("SELECT * FROM ai_agent_performance")
    assert (row["ended"], row["completed"], row["failed"], row["cancelled"]) == (6, 3, 1, 2)
    assert (float(row["success_rate"]), float(row["degraded_share"])) == (0.75, 0.3333)
    assert (row["seconds_p50"], row["wait_seconds_p95"]) == (2.0, 1.0)
    assert float(row["cost_usd"]) == 0.25


def test_performance_of_a_busy_agent(queue: Queue) -> None:
    """Above ten thousand ends the window shrinks for all outcomes, so that shares stay true."""
    finished(queue, 12_000, "completed")
    finished(queue, 6_000, "failed")
    queue.rows(
        "UPDATE ai_requests SET finished_at = finished_at - interval '5900 seconds'"
        " WHERE status = 'failed'"
    )
    (row,) = queue.rows("SELECT * FROM ai_agent_performance")
    assert row["completed"] == 10_000
    assert row["failed"] == pytest.approx(4_100, abs=100)


def test_queue_depth(queue: Queue) -> None:
    """What waits, runs and is asked, with the limits that hold it."""
    queue.control("work", concurrency=3, paused=False)
    queue.insert_many(5)
    queue.insert(run_after="2999-01-01")
    taken = queue.claim(slots=2)
    queue.ask(taken[0]["id"])
    queue.finish("w1", taken[0], "waiting")
    queue.control("work", paused=True)
    (row,) = queue.rows("SELECT * FROM ai_queue_depth")
    assert (row["due"], row["later"], row["running"], row["waiting"]) == (3, 1, 1, 1)
    assert row["next_due_at"].year == 2999
    assert row["oldest_due_seconds"] >= 0
    assert (row["paused"], row["concurrency"]) == (True, 3)


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", ()) for node in nodes(child))]


@pytest.mark.parametrize(
    ("table", "question"),
    [
        ("ai_requests", "SELECT * FROM ai_dead_letters"),
        ("ai_requests", "SELECT * FROM ai_agent_performance"),
        ("ai_requests", "SELECT * FROM ai_queue_depth"),
        (
            "ai_llm_calls",
            "SELECT * FROM ai_cost_daily WHERE day = (now() AT TIME ZONE 'UTC')::date",
        ),
    ],
)
@pytest.mark.timeout(300)
def test_views_are_bounded(queue: Queue, table: str, question: str) -> None:
    """No view reads a whole large table: an index leads to what is asked for."""
    finished(queue, 60_000, "completed")
    queue.insert_many(20_000, "backlog")
    queue.control("backlog", concurrency=1)
    queue.rows(
        "INSERT INTO ai_llm_calls (request_id, call_hash, n, try, token, fence, worker_id,"
        " task_type, model, status, cost_state, started_at, finished_at)"
        " SELECT i, '', 0, 0, gen_random_uuid(), 1, 'w', 'work', 'm', 'done', 'none',"
        " now() - make_interval(mins => i), now() FROM generate_series(1, 50000) i"
    )
    queue.rows("VACUUM ANALYZE ai_requests")
    queue.rows("VACUUM ANALYZE ai_llm_calls")
    (row,) = queue.rows(f"EXPLAIN (ANALYZE, FORMAT JSON) {question}")
    plan = row["QUERY PLAN"]
    plan = json.loads(plan) if isinstance(plan, str) else plan
    scans = [node for node in nodes(plan[0]["Plan"]) if node.get("Relation Name") == table]
    assert scans
    assert [node for node in scans if node["Node Type"] == "Seq Scan"] == []
    assert max(node["Actual Rows"] for node in scans) <= 10_001


def test_what_is_to_be_first_breaks_no_count(queue: Queue) -> None:
    """A run_after of '-infinity' is due, and the age is that of the others."""
    queue.rows("INSERT INTO ai_control (task_type) VALUES ('work') ON CONFLICT DO NOTHING")
    for _ in range(2):
        queue.insert()
    queue.rows("ALTER TABLE ai_requests DISABLE TRIGGER USER")
    queue.rows("UPDATE ai_requests SET run_after = now() - interval '1 minute'")
    queue.rows(
        "UPDATE ai_requests SET run_after = '-infinity'"
        " WHERE id = (SELECT min(id) FROM ai_requests)"
    )
    (row,) = queue.rows("SELECT * FROM ai_queue_depth WHERE task_type = 'work'")
    assert (row["due"], round(row["oldest_due_seconds"], -1)) == (2, 60)


def test_no_priority_is_none(queue: Queue) -> None:
    """Who hands over NULL for a priority wants none, and is not put before everybody else."""
    request_id = queue.value("SELECT ai_submit('work', priority => NULL)")
    assert queue.value("SELECT priority FROM ai_requests WHERE id = %s", request_id) == 0


def test_a_question_ends_with_its_request(queue: Queue) -> None:
    """Nobody is told that an answer counts where no request is left to go on."""
    request_id = queue.insert()
    queue.rows(
        "INSERT INTO ai_approvals (request_id, key, question) VALUES (%s, 'k', '{}')", request_id
    )
    queue.rows("UPDATE ai_requests SET cancel_requested_at = now()")
    queue.rows("SELECT * FROM ai_sweep_v2(200, NULL, '{}')")
    assert queue.value("SELECT ai_answer(%s, 'k')", request_id) is False
