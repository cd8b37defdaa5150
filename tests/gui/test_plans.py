"""Lists stay quick however long they are: each read uses its index and touches few rows."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import psycopg
import pytest

from daemon import statements

TEXTS = statements.load()
ROWS = 40_000
MOST_PAGES = 2_500
"""Pages of 8 KB that one read may touch: some tens of milliseconds at worst."""
NOW = dt.datetime.now(dt.UTC)
LIST: dict[str, Any] = {
    "status": None,
    "task_type": None,
    "client": None,
    "code": None,
    "before": None,
    "limit": 51,
}
ENDED = LIST | {"status": "failed", "ended": None, "since": None}
API: dict[str, Any] = {
    "status": None,
    "task_type": None,
    "before": None,
    "limit": 51,
    "offset_rows": 0,
}
API_ENDED = API | {"status": "failed", "ended": None}
COUNT = {"status": None, "task_type": None, "is_ended": False}
HOURS = {"step": dt.timedelta(hours=1), "since": NOW - dt.timedelta(days=1)}
READS: dict[str, tuple[str, dict[str, Any]]] = {
    "frame": ("console_frame", {}),
    "pulse": ("console_pulse", {}),
    "agents": ("console_agents", {}),
    "opinions": ("console_opinions", {}),
    "triggers": ("console_triggers", {}),
    "signs": ("console_signs", {}),
    "failures": ("console_failures", {}),
    "status counts": ("console_status_counts", {}),
    "newest": ("console_requests", LIST),
    "deep page": ("console_requests", LIST | {"before": ROWS // 2}),
    "pending": ("console_requests", LIST | {"status": "pending"}),
    "running": ("console_requests", LIST | {"status": "running"}),
    "waiting": ("console_requests", LIST | {"status": "waiting"}),
    "a rare agent": ("console_requests", LIST | {"task_type": "rare"}),
    "failed": ("console_requests_ended", ENDED),
    "failed, deep": (
        "console_requests_ended",
        ENDED | {"ended": NOW - dt.timedelta(hours=4), "before": ROWS // 2},
    ),
    "completed": ("console_requests_ended", ENDED | {"status": "completed"}),
    "a client": ("console_requests_client", LIST | {"client": "17"}),
    "no such client": ("console_requests_client", LIST | {"client": "-1"}),
    "a request": ("console_request", {"request_id": 5}),
    "a trace": ("console_trace", {"request_id": 5}),
    "usual cost": ("console_usual_cost", {"task_type": "work"}),
    "questions": ("console_approvals", {"open": True, "request_id": None}),
    "answered": ("console_approvals", {"open": False, "request_id": None}),
    "audit": (
        "console_audit",
        {"before": None, "actor": None, "action": None, "target": None, "limit": 51},
    ),
    "findings": ("console_found", {"ids": [1, 2, 3]}),
    "suggestions": (
        "console_suggestions",
        {"status": "pending", "severity": None, "before": None, "ended": None, "limit": 51},
    ),
    "sources": ("console_sources", {}),
    "health": ("console_health", {}),
    "alerts": ("console_alerts", {}),
    "healing": ("console_healing", {}),
    "budgets": ("console_budgets", {}),
    "hours": ("console_hours", HOURS | {"task_type": "*"}),
    "money": ("console_call_hours", HOURS | {"by": "agent", "task_type": None}),
    "errors": ("console_errors", HOURS | {"task_type": None}),
    "API, newest": ("execution_list", API),
    "API, last page by number": ("execution_list", API | {"offset_rows": 9_950}),
    "API, deep page": ("execution_list", API | {"before": ROWS // 2}),
    "API, pending": ("execution_list", API | {"status": "pending"}),
    "API, a rare agent": ("execution_list", API | {"task_type": "rare"}),
    "API, failed": ("execution_list_ended", API_ENDED),
    "API, failed, deep": (
        "execution_list_ended",
        API_ENDED | {"ended": NOW - dt.timedelta(hours=4), "before": ROWS // 2},
    ),
    "API, count": ("execution_count", COUNT),
    "API, count of failed": ("execution_count", COUNT | {"status": "failed", "is_ended": True}),
    "API, count of pending": ("execution_count", COUNT | {"status": "pending"}),
    "API, one": ("execution_get", {"request_id": 5}),
    "API, waiters": ("execution_watch", {"ids": list(range(1, 200))}),
    "API, agents": ("agent_list", {"agent_id": None}),
    "API, health": ("health_newest", {}),
    "API, metrics": ("metric_list", {"agent_id": None, "hours": 24}),
    "API, suggestions": (
        "suggestion_list",
        {"suggestion_id": None, "status": "pending", "severity": None},
    ),
    "API, questions": ("approval_rows", {"approval_id": None, "every": False}),
}
MAKE = f"""
SET session_replication_role = replica;
INSERT INTO ai_requests (id, task_type, input_data, status, attempt, created_at, started_at,
    finished_at, error)
SELECT i, CASE WHEN i %% 10000 = 0 THEN 'rare' ELSE 'work' END,
    jsonb_build_object('client_id', i %% 2000),
    s, 1, now() - make_interval(secs => {ROWS} - i), now() - make_interval(secs => {ROWS} - i),
    CASE WHEN s IN ('completed', 'failed', 'cancelled')
        THEN now() - make_interval(secs => {ROWS} - i) END,
    CASE WHEN s = 'failed' THEN '{{"code": "timeout"}}'::jsonb END
FROM generate_series(1, {ROWS}) i, LATERAL (SELECT CASE
    WHEN i > {ROWS} - 20 THEN (ARRAY['pending', 'running', 'waiting'])[1 + i %% 3]
    WHEN i %% 10 = 0 THEN 'failed' WHEN i %% 97 = 0 THEN 'cancelled' ELSE 'completed' END) v (s);
INSERT INTO ai_results (request_id, task_type, mode, result)
SELECT i, 'work', 'full', '{{}}' FROM generate_series(1, {ROWS}) i;
INSERT INTO ai_attempts (request_id, fence, attempt, worker_id, started_at)
SELECT i, 1, 1, 'w', now() FROM generate_series(1, {ROWS}) i;
INSERT INTO ai_request_events (request_id, fence, node)
SELECT i, 1, 'n' FROM generate_series(1, {ROWS}) i;
INSERT INTO ai_llm_calls (request_id, call_hash, n, try, token, fence, worker_id, task_type, model,
    status, cost_state, finished_at)
SELECT i, '\\x00', 1, 1, gen_random_uuid(), 1, 'w', 'work', 'm', 'done', 'none', now()
FROM generate_series(1, {ROWS}) i;
INSERT INTO ai_approvals (request_id, key, question, decided_at, decided_by)
SELECT i, 'k', '{{}}', CASE WHEN i %% 1000 > 0 THEN now() END, 'x'
FROM generate_series(1, {ROWS}) i;
INSERT INTO ai_audit_log (actor, channel, action, target)
SELECT 'a', 'sql', 'b', 'c' FROM generate_series(1, {ROWS}) i;
INSERT INTO ai_budgets (scope, period) SELECT 'request:' || i, 'request'
FROM generate_series(1, {ROWS}) i;
INSERT INTO ai_code_suggestions (file_path, issue_type, severity, description, suggestion, status)
SELECT 'f', 'bug', 'low', 'd', 's', CASE WHEN i %% 50 = 0 THEN 'pending' ELSE 'rejected' END
FROM generate_series(1, {ROWS // 10}) i;
INSERT INTO ai_hours (hour, task_type, seconds, wait_seconds)
SELECT date_trunc('hour', now(), 'UTC') - make_interval(hours => i), t,
    array_fill(1, ARRAY[30]), array_fill(1, ARRAY[30])
FROM generate_series(0, 720) i, unnest('{{*,work,rare}}'::text[]) t;
INSERT INTO ai_call_hours (hour, task_type, model)
SELECT date_trunc('hour', now(), 'UTC') - make_interval(hours => i), t, 'm'
FROM generate_series(0, 720) i, unnest('{{work,rare}}'::text[]) t;
"""


@pytest.fixture(scope="module")
def large(server: Any) -> Any:
    """A database with forty thousand rows in each of the large tables, and statistics."""
    with server.database(migrated=True) as dsn, psycopg.connect(dsn, autocommit=True) as opened:
        opened.execute(MAKE.replace("%%", "%").encode())
        opened.execute("SET session_replication_role = origin")
        opened.execute("VACUUM ANALYZE")
        yield opened


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for part in plan.get("Plans", ()) for node in nodes(part))]


@pytest.mark.parametrize("name", READS)
def test_a_read_is_bounded(large: psycopg.Connection, name: str) -> None:
    """A list reads its page by an index, not the table: no long scan, few pages of memory."""
    statement, values = READS[name]
    (row,) = large.execute(
        b"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) " + TEXTS[statement].encode(), values
    ).fetchall()
    plan = row[0][0]["Plan"]
    touched = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    scans = [
        (node["Relation Name"], node["Actual Rows"])
        for node in nodes(plan)
        if node["Node Type"] == "Seq Scan"
        and node["Actual Rows"] + node.get("Rows Removed by Filter", 0) > 2_000
    ]
    assert scans == []
    assert touched < MOST_PAGES, touched


def test_no_list_counts_or_skips() -> None:
    """No statement of the console counts without a bound, or skips rows by OFFSET."""
    for name, text in TEXTS.items():
        if name.startswith("console_"):
            assert not re.search(r"\boffset\b", text, re.IGNORECASE), name
