"""Hot statements stay on their indexes: a backlog of 50,000 rows, jit on, no statistics.

What a statement reads is counted by the server itself, per table and index, inside functions too.
Each runs often enough in one session for PostgreSQL to have chosen a generic plan.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.kit.postgres import Server
from tests.sql.driver import Queue

PENDING = 50_000
RUNNING = 200
LARGE = ("ai_requests", "ai_results", "ai_attempts", "ai_llm_calls")

FILL = f"""
    ALTER TABLE ai_requests SET (autovacuum_enabled = false);
    ALTER TABLE ai_attempts SET (autovacuum_enabled = false);
    ALTER TABLE ai_results SET (autovacuum_enabled = false);
    ALTER TABLE ai_llm_calls SET (autovacuum_enabled = false);
    INSERT INTO ai_control (task_type, concurrency, per_key) VALUES ('work', 1000, 5);
    SET session_replication_role = replica;
    INSERT INTO ai_requests (task_type, fair_key, status, checked, fence, started_at, finished_at)
    SELECT 'work', 'client:' || i % 2000, 'completed', true, 1, now(),
        now() - interval '200 days' + i * interval '1 min'
    FROM generate_series(1, {PENDING}) i;
    INSERT INTO ai_requests (task_type, fair_key, status, checked, attempt, fence, started_at)
    SELECT 'work', '', 'running', true, 1, 1, now() FROM generate_series(1, {RUNNING}) i;
    INSERT INTO ai_requests (task_type, fair_key, checked, run_after)
    SELECT 'work', 'client:' || i % 2000, i % 2 = 0,
        now() + (i % 10 = 0)::integer * interval '1 hour'
    FROM generate_series(1, {PENDING}) i;
    INSERT INTO ai_results (request_id, task_type, mode, result)
    SELECT id, task_type, 'full', '{{}}' FROM ai_requests WHERE status = 'completed';
    INSERT INTO ai_attempts (request_id, fence, attempt, worker_id, started_at, outcome)
    SELECT id, 1, 1, 'w1', now(), CASE status WHEN 'completed' THEN 'completed' END
    FROM ai_requests WHERE fence = 1;
    INSERT INTO ai_llm_calls (request_id, call_hash, n, try, token, fence, worker_id, task_type,
        model, status, cost_usd, cost_state, finished_at)
    SELECT id, sha256(id::text::bytea), 1, 1, gen_random_uuid(), 1, 'w1', 'work', 'm', 'done',
        0.01, 'exact', now()
    FROM ai_requests WHERE fence = 1;
    INSERT INTO ai_leases SELECT id, 1, 'work', '', 'w1', now() + interval '1 min'
    FROM ai_requests WHERE status = 'running';
    INSERT INTO ai_lease_epoch DEFAULT VALUES ON CONFLICT DO NOTHING;
    SET session_replication_role = origin;
    SET jit = on;
    SET jit_above_cost = 0;
"""

COUNTED = """
    SELECT c.relname AS name, pg_stat_get_xact_numscans(c.oid) AS scans,
        pg_stat_get_xact_tuples_returned(c.oid) AS rows
    FROM pg_class c
    WHERE c.oid = ANY (
        SELECT unnest(array_append(array_agg(i.indexrelid), t.oid)) FROM pg_class t
        LEFT JOIN pg_index i ON i.indrelid = t.oid
        WHERE t.relname = ANY (%s) GROUP BY t.oid)
"""


@pytest.fixture(scope="module")
def large(server: Server) -> Iterator[Queue]:
    """A queue with a history and a backlog, whose statistics know of neither."""
    with (
        server.database(migrated=True) as dsn,
        psycopg.connect(dsn, autocommit=True) as connection,
    ):
        connection.execute(FILL.encode())
        yield Queue(connection)


def counted(queue: Queue) -> dict[str, tuple[int, int]]:
    """Scans and rows read so far, by table (sequentially) and index."""
    return {r["name"]: (r["scans"], r["rows"]) for r in queue.rows(COUNTED, list(LARGE))}


def running(queue: Queue, count: int) -> list[int]:
    rows = queue.rows("SELECT request_id FROM ai_leases ORDER BY 1 LIMIT %s", count)
    return [row["request_id"] for row in rows]


def values(queue: Queue, name: str) -> dict[str, Any]:
    """What each statement is given."""
    ids = running(queue, 100)
    triple = {"request_id": ids[0], "fence": 1, "worker_id": "w1"}
    pending = queue.value("SELECT max(id) FROM ai_requests")
    error = {"code": "invalid_input"}
    events = [{**triple, "node": "n", "percent": 1, "message": ""}] * 20
    ends = [{"id": i, "fence": 1, "outcome": "completed", "mode": "full"} for i in ids]
    about = {"task_type": "work", "name": "q", "model": "m", "prompt_bytes": 2, "private": False}
    calls = [
        {**triple, "request_id": i, "n": 1, "limits": [], "cache_seconds": 60, "tokens": 1}
        | {"hashes": ["00"], "token": str(uuid.uuid4()), "usd": "0.01"}
        | {"call": about}
        | {"answer": {"status": "done", "cost_state": "none"}}
        | {"feedback": {"tokens_over": 0, "buckets": [], "breaker": {"event": "ok"}}}
        for i in ids[:20]
    ]
    by_name: dict[str, dict[str, Any]] = {
        "request_claim": {"worker_id": "w1", "types": ["work"], "slots": 20}
        | {"lease_seconds": 30, "past": None, "now": None},
        "attempt_complete": {"worker_id": "w1", "outcomes": json.dumps(ends), "now": None},
        "lease_renew": {"worker_id": "w1", "ids": ids, "fences": [1] * len(ids)}
        | {"lease_seconds": 30, "now": None},
        "lease_reap": {"lease_seconds": 30, "max_lost": 5, "limit": 100, "extend": False}
        | {"now": queue.value("SELECT now() + interval '2 min'")},
        "request_sweep": {"limit": 200, "past": [], "now": None},
        "request_load": {**triple, "limit_bytes": 1 << 20},
        "request_unchecked": {"limit": 200, "limit_bytes": 1 << 20, "newest": True},
        "request_refuse": {"refusals": json.dumps([{"id": pending, "error": error}])},
        "request_mark_checked": {"ids": list(range(pending - 200, pending))},
        "request_cancel": {"request_id": pending},
        "request_load_summary": {"types": ["work"], "cap": 10_000},
        "call_begin": {"calls": json.dumps(calls), "probe_seconds": 60},
        "call_end": {"calls": json.dumps(calls)},
        "step_put": {**triple, "name": "s", "value": "1"},
        "event_put": {"events": json.dumps(events)},
        "approval_put": {**triple, "key": "k", "question": "{}", "expires_seconds": None},
        "prune_requests": {
            "status": "completed",
            "older_seconds": 86_400,
            "limit": 500,
            "after_at": None,
            "after_id": None,
        },
    }
    return by_name[name]


@pytest.mark.parametrize(
    ("name", "index", "most"),
    [
        # 250 keys, each offering at most as many rows as it has room for and 8 more.
        ("request_claim", "ai_requests_fair", 5_000),
        ("attempt_complete", "ai_requests_pkey", 1_500),
        ("lease_renew", "ai_requests_live", 400),
        ("lease_reap", "ai_requests_live", 2_000),
        ("request_sweep", "ai_requests_stop", 200),
        ("request_load", "ai_requests_live", 100),
        # Of the newest rows other statements here, rolled back, have left dead versions.
        ("request_unchecked", "ai_requests_unchecked", 2_000),
        ("request_refuse", "ai_requests_pkey", 100),
        ("request_mark_checked", "ai_requests_pkey", 500),
        ("request_cancel", "ai_requests_pkey", 100),
        ("request_load_summary", "ai_requests_claim", 10_000 + 2 * RUNNING),
        ("call_begin", "ai_llm_calls_cache", 400),
        ("call_end", "ai_llm_calls_request_id_call_hash_n_try_key", 400),
        ("step_put", "ai_requests_live", 100),
        ("event_put", "ai_requests_live", 100),
        ("approval_put", "ai_requests_live", 100),
        # In the background, and only without statistics: the index is sorted for each batch.
        ("prune_requests", "ai_requests_finished_at", PENDING + 500 * 5),
    ],
)
def test_reads_little(large: Queue, name: str, index: str, most: int) -> None:
    """However long the backlog and the history, a hot statement reads a bounded number of rows."""
    read = _run_often(large, name)
    assert not read.keys() & set(LARGE), read
    assert index in read
    assert sum(rows for _, rows in read.values()) <= most, read


@pytest.fixture(scope="module", params=["analyzed", "few analyzed", "new"])
def grown(server: Server, request: pytest.FixtureRequest) -> Iterator[Queue]:
    """A queue whose session made its plans while it was small, with statistics or without."""
    with (
        server.database(migrated=True) as dsn,
        psycopg.connect(dsn, autocommit=True) as connection,
        psycopg.connect(dsn, autocommit=True) as other,
    ):
        connection.prepare_threshold = 0
        queue = Queue(connection)
        pending, running = (2, 2) if request.param == "few analyzed" else (50, RUNNING)
        small = FILL.replace(f"(1, {PENDING})", f"(1, {pending})")
        other.execute(small.replace(f"(1, {RUNNING})", f"(1, {running})").encode())
        if request.param != "new":
            other.execute("VACUUM ANALYZE")
        for name in HOT:
            _run_often(queue, name)
        # Not TRUNCATE: it would have all plans made anew.
        tables = ("ai_lease_epoch", "ai_leases", *LARGE)
        other.execute("".join(f"DELETE FROM {table};" for table in tables).encode())
        other.execute("SET session_replication_role = replica")
        other.execute(FILL.partition("SET session_replication_role = replica;")[2].encode())
        yield queue


HOT = (
    "request_claim",
    "attempt_complete",
    "lease_renew",
    "lease_reap",
    "request_sweep",
    "request_load",
    "request_unchecked",
    "request_refuse",
    "request_mark_checked",
    "request_cancel",
    "call_begin",
    "call_end",
    "step_put",
    "event_put",
    "approval_put",
)


def _run_often(queue: Queue, name: str) -> dict[str, tuple[int, int]]:
    """Run a statement as often as it takes for a plan to be kept; what the last run read."""
    given = values(queue, name)
    for _ in range(7):
        queue.rows("BEGIN")
        before = counted(queue)
        queue.run(name, **given)
        after = counted(queue)
        queue.rows("ROLLBACK")
    return {
        n: (after[n][0] - before[n][0], after[n][1] - before[n][1])
        for n in after
        if after[n][0] > before[n][0]
    }


@pytest.mark.parametrize("name", HOT)
def test_a_plan_that_was_made_while_all_was_small_serves_on(grown: Queue, name: str) -> None:
    """PostgreSQL keeps a session's plans until statistics are new: till then all has grown."""
    read = _run_often(grown, name)
    assert sum(rows for _, rows in read.values()) <= 5_000, read
