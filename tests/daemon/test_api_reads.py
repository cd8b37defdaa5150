"""What admin pages read over HTTP: shapes that must not break, pages that stay cheap."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from daemon.service import Daemon
from tests.kit import worker
from tests.kit.http import ADMIN_KEY, Caller, add_key, calling

Connection = psycopg.AsyncConnection[Any]


@pytest.fixture
async def daemon(database: str) -> AsyncIterator[Daemon]:
    async with worker.running(
        database, admin_api_key=ADMIN_KEY, cors_origins=("https://app.example",)
    ) as running:
        yield running


@pytest.fixture
async def admin(daemon: Daemon) -> AsyncIterator[Caller]:
    async with calling(daemon, ADMIN_KEY) as caller:
        yield caller


async def ended(connection: Connection, count: int, status: str = "failed") -> None:
    """Requests that ended, one second apart, without having run."""
    await connection.execute(
        "WITH made AS (INSERT INTO ai_requests (task_type, input_data, run_after)"
        " SELECT 'test_echo', jsonb_build_object('text', n::text), now() + interval '1 hour'"
        " FROM generate_series(1, %s) n RETURNING id)"
        " SELECT count(*) FROM made",
        [count],
    )
    await connection.execute(
        "UPDATE ai_requests SET status = %s, checked = true,"
        " finished_at = now() - (id || ' seconds')::interval,"
        ' error = \'{"code": "agent_error", "message": "it went wrong"}\''
        " WHERE status = 'pending'",
        [status],
    )


async def test_who_looks_later_learns_why_an_answer_is_degraded(
    admin: Caller, aconnection: Connection
) -> None:
    """A caller who got 202 hears no less than one who could wait: alone, in lists, at the end."""
    done = await admin.post("/api/execute", task_type="test_echo", input_data={"text": "a"})
    request_id = done.body["request_id"]
    await aconnection.execute(
        "UPDATE ai_requests SET mode = 'degraded', degraded_reason = 'budget' WHERE id = %s",
        [request_id],
    )
    one = (await admin.get(f"/api/executions/{request_id}")).body["execution"]
    [listed] = (await admin.get("/api/executions")).body["executions"]
    [ended_one] = (await admin.get("/api/executions?status=completed")).body["executions"]
    stream = (await admin.get(f"/api/executions/{request_id}/events")).text
    last = json.loads(stream.split("event: end\ndata: ")[1])
    for told in (one, listed, ended_one, last):
        assert (told["mode"], told["degraded_reason"]) == ("degraded", "budget")


async def test_executions(admin: Caller, aconnection: Connection) -> None:
    """The older shape: newest first, pages, ids as integers, times with Z, no null list."""
    empty = (await admin.get("/api/executions")).body
    assert (empty["executions"], empty["total"], empty["pages"]) == ([], 0, 0)
    done = await admin.post("/api/execute", task_type="test_echo", input_data={"text": "a"})
    await ended(aconnection, 4)
    page = (await admin.get("/api/executions?page=1&per_page=2")).body
    assert (page["total"], page["page"], page["per_page"], page["pages"]) == (5, 1, 2, 3)
    ids = [row["id"] for row in page["executions"]]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 2
    failed = page["executions"][0]
    assert failed["error_message"] == "it went wrong"
    assert failed["output_data"] == {}
    assert (failed["started_at"], failed["execution_time"]) == (None, None)
    assert failed["completed_at"].endswith("Z")
    one = (await admin.get(f"/api/executions/{done.body['request_id']}")).body["execution"]
    assert one["output_data"] == done.body["results"]
    assert one["input_data"] == {"text": "a"}
    assert (one["status"], one["error_message"]) == ("completed", None)
    assert isinstance(one["execution_time"], float)
    agents = (await admin.get("/api/agents")).body["agents"]
    echo = next(agent["id"] for agent in agents if agent["type"] == "test_echo")
    assert one["agent_id"] == echo
    of_echo = (await admin.get(f"/api/executions?agent_id={echo}&status=completed")).body
    assert [row["id"] for row in of_echo["executions"]] == [one["id"]]
    other = next(agent["id"] for agent in agents if agent["type"] != "test_echo")
    assert (await admin.get(f"/api/executions?agent_id={other}")).body["executions"] == []
    assert (await admin.get("/api/executions?agent_id=99999")).status == 404
    both = f"/api/executions?agent_id={echo}&task_type="
    assert len((await admin.get(f"{both}test_echo")).body["executions"]) > 0
    assert (await admin.get(f"{both}scheduling")).status == 400  # never another list than asked


async def test_cursors(admin: Caller, aconnection: Connection) -> None:
    """Following the cursor shows each request once, in every list; a wrong one is named."""
    await ended(aconnection, 7)
    for query in ("", "status=failed", "task_type=test_echo", "status=failed&task_type=test_echo"):
        seen: list[int] = []
        cursor: str | None = ""
        while cursor is not None:
            answer = await admin.get(f"/api/executions?per_page=3&cursor={cursor}&{query}")
            page = answer.body
            seen += [row["id"] for row in page["executions"]]
            cursor = page["next_cursor"]
        assert len(seen) == len(set(seen)) == 7, query
    for cursor in ("x", "5~2026-01-01", "5~", "9" * 30, "5~9999-01-01T00:00:00Z"):
        answer = await admin.get(f"/api/executions?status=failed&cursor={cursor}")
        assert answer.status == 400
        assert "cursor" in answer.body["error"]


async def test_amounts_that_are_none(admin: Caller, aconnection: Connection) -> None:
    """What a price of NaN spoilt before such prices were refused is null, and fails no answer."""
    await ended(aconnection, 2)
    await aconnection.execute("UPDATE ai_requests SET cost_usd = 'NaN'")
    await aconnection.execute(
        "INSERT INTO ai_hours (hour, task_type, completed, failed)"
        " VALUES (date_trunc('hour', now()), 'test_echo', 2147483647, 2147483647)"
    )
    await aconnection.execute(
        "INSERT INTO ai_call_hours (hour, task_type, model, calls, cost_usd)"
        " VALUES (date_trunc('hour', now()), 'test_echo', 'm', 1, 'NaN')"
    )
    page = await admin.get("/api/executions")
    assert page.status == 200
    assert [row["cost_usd"] for row in page.body["executions"]] == [None, None]
    one = await admin.get(f"/api/executions/{page.body['executions'][0]['id']}")
    assert one.body["execution"]["cost_usd"] is None
    metrics = await admin.get("/api/metrics")
    assert metrics.status == 200
    kinds = {row["metric_type"] for row in metrics.body["metrics"]}
    assert "failures" in kinds and "cost_usd" not in kinds


async def test_sessions_that_the_server_ended(admin: Caller, aconnection: Connection) -> None:
    """After a restart of the database the first call is answered like any other."""
    asked = {"task_type": "test_echo", "input_data": {"text": "a"}}
    assert (await admin.post("/api/execute", **asked)).status == 200
    ended = await aconnection.execute(
        "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name ~ '/web-(read|write)$'"
    )
    pids = [pid for pid, _ in await ended.fetchall()]
    assert len(pids) > 1
    alive = "SELECT 1 FROM pg_stat_activity WHERE pid = ANY (%s)"
    async with asyncio.timeout(30):
        while await (await aconnection.execute(alive, (pids,))).fetchone():
            pass
    assert (await admin.post("/api/execute", **asked, priority=1)).status == 200


async def test_bad_queries(admin: Caller) -> None:
    """A filter that cannot be is refused by name, however it is spelt."""
    for query in ("page=0", "page=x", "per_page=101", "status=odd", "agent_id=-1"):
        answer = await admin.get(f"/api/executions?{query}")
        assert answer.status == 400
        assert query.split("=")[0] in answer.body["error"]
    unknown = await admin.get("/api/executions?limit=5&status=failed&client_id=7")
    assert unknown.body["ignored"] == ["limit", "client_id"]
    far = await admin.get("/api/executions?page=10000&per_page=100")
    assert (far.status, far.body["executions"]) == (200, [])
    for path in ("/api/executions/999999999999999999", "/api/executions/abc", "/api/agents/0"):
        assert (await admin.get(path)).status == 404


async def test_an_address_that_is_slightly_wrong_is_told_what_is(admin: Caller) -> None:
    """Something else in an id's place is said to be no id, and a slash too much to be one."""
    for path in (
        "/api/executions/abc",
        "/api/executions/-1/events",
        "/api/executions/1.5",
        "/api/agents/workout_optimization",
    ):
        told = (await admin.get(path)).body
        assert told["code"] == "not_found"
        assert "is no id" in told["error"]
        assert "whole number" in told["hint"]
    cancelled = await admin.post("/api/executions/undefined/cancel")
    assert (cancelled.status, cancelled.body["error"]) == (404, "'undefined' is no id")
    huge = await admin.get(f"/api/executions/{'9' * 5000}")
    assert (huge.status, huge.body["code"]) == (404, "not_found")
    assert "slash" in (await admin.post("/api/execute/")).body["hint"]


async def test_etag(admin: Caller) -> None:
    """Whoever has the answer already gets 304, until it changes."""
    first = await admin.get("/api/agents")
    tag = first.headers["ETag"]
    again = await admin.get("/api/agents", headers={"If-None-Match": f'"x", {tag}'})
    assert (again.status, again.text) == (304, "")
    agent = first.body["agents"][0]
    await admin.put(f"/api/agents/{agent['id']}", description="another")
    changed = await admin.get("/api/agents", headers={"If-None-Match": tag})
    assert changed.status == 200


async def test_viewers_see_no_health_notes(admin: Caller, aconnection: Connection) -> None:
    """What people say of their health is hidden from viewers, wherever it stands."""
    asked = await admin.post(
        "/api/execute", task_type="nobody", input_data={"notes": "asthma", "client_id": 4}
    )
    key = await add_key(aconnection, "viewer")
    async with calling(admin.daemon, key) as viewer:
        for path in ("/api/executions", f"/api/executions/{asked.body['request_id']}"):
            shown = (await viewer.get(path)).text
            assert "asthma" not in shown
            assert '"client_id": 4' in shown
    assert "asthma" in (await admin.get("/api/executions")).text


async def test_health_status(admin: Caller, aconnection: Connection) -> None:
    """Beside the components: the worst of them, every check one by one, and the open alerts."""
    await aconnection.execute(
        "INSERT INTO ai_system_health (component, status) VALUES ('elsewhere', 'critical')"
    )
    await aconnection.execute(
        "INSERT INTO ai_alerts (check_id, severity, state, message)"
        " VALUES ('queue.depth', 'warning', 'firing', 'much waits')"
    )
    await admin.daemon.health.look()
    status = (await admin.get("/api/health-status")).body
    assert status["status"] == "critical"
    assert {"check", "status", "value", "remedy"} <= set(status["checks"][0])
    assert [alert["message"] for alert in status["alerts"]] == ["much waits"]


async def test_health_metrics_suggestions(admin: Caller, aconnection: Connection) -> None:
    """The newest state per component, agents' hours as metrics, pending suggestions; as before."""
    await aconnection.execute(
        "INSERT INTO ai_system_health (component, status, message, metrics, checked_at) VALUES"
        " ('a part', 'critical', 'old', '{}', now() - interval '1 hour'),"
        " ('a part', 'healthy', NULL, '{\"ms\": 1}', now()),"
        " ('other', 'warning', 'hm', '{}', now())"
    )
    checks = {
        row["component"]: row
        for row in (await admin.get("/api/health-status")).body["health_checks"]
    }
    assert (checks["a part"]["status"], checks["a part"]["message"]) == ("healthy", "")
    assert checks["other"]["status"] == "warning"

    await aconnection.execute(
        "INSERT INTO ai_hours (hour, task_type, completed, failed)"
        " SELECT date_trunc('hour', now()) - interval '5 hours', who, 3, 1"
        " FROM unnest('{test_echo,*}'::text[]) who"
        " ON CONFLICT (hour, task_type) DO UPDATE SET completed = 3, failed = 1"
    )
    metrics = (await admin.get("/api/metrics")).body["metrics"]
    found = {row["metric_type"]: row["metric_value"] for row in metrics}
    assert found["success_rate"] == 0.75
    assert found["requests"] == 4
    assert len({row["id"] for row in metrics}) == len(metrics)
    assert (await admin.get("/api/metrics?agent_id=99999")).body["metrics"] == []

    await aconnection.execute(
        "INSERT INTO ai_code_suggestions"
        " (file_path, issue_type, severity, description, suggestion)"
        " VALUES ('a.py', 'bug', 'high', 'd', 's'), ('b.py', 'style', 'low', 'd', 's')"
    )
    rows = (await admin.get("/api/suggestions")).body["suggestions"]
    assert {row["file_path"] for row in rows} == {"a.py", "b.py"}
    high = (await admin.get("/api/suggestions?severity=high")).body["suggestions"]
    assert [row["file_path"] for row in high] == ["a.py"]
    decided = await admin.put(
        f"/api/suggestions/{high[0]['id']}", status="rejected", reason="test data"
    )
    assert (decided.status, decided.body["suggestion"]["status"]) == (200, "rejected")
    assert decided.body["suggestion"]["reason"] == "test data"
    assert (await admin.put(f"/api/suggestions/{high[0]['id']}", status="odd")).status == 400
    assert (await admin.put("/api/suggestions/999999", status="accepted")).status == 404
    cursor = await aconnection.execute("SELECT actor, channel, action, origin FROM ai_audit_log")
    assert await cursor.fetchall() == [("ADMIN_API_KEY", "api", "decide_suggestion", "127.0.0.1")]


async def test_headers(admin: Caller) -> None:
    """Every answer has an id, is kept by nobody and may be framed by nobody."""
    answer = await admin.get("/api/agents", headers={"X-Request-Id": "mine-1"})
    assert answer.headers["X-Request-Id"] == "mine-1"
    odd = await admin.get("/api/nowhere", headers={"X-Request-Id": "a b\t<script>"})
    assert len(odd.headers["X-Request-Id"]) == 16
    for name, value in {
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
    }.items():
        assert answer.headers[name] == odd.headers[name] == value
    assert "frame-ancestors 'none'" in odd.headers["Content-Security-Policy"]


async def test_cors(admin: Caller) -> None:
    """Only pages of listed origins may call the API; a preflight needs no key, a call does."""
    ask = {"Access-Control-Request-Method": "POST"}
    known = await admin.send(
        "OPTIONS", "/api/execute", headers={"Origin": "https://app.example", **ask}
    )
    assert known.status == 204
    assert known.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "Access-Control-Allow-Credentials" not in known.headers
    strange = await admin.send(
        "OPTIONS", "/api/execute", headers={"Origin": "https://evil.example", **ask}
    )
    assert strange.status == 403
    assert "Access-Control-Allow-Origin" not in strange.headers
    for origin, told in (("https://app.example", True), ("https://evil.example", False)):
        answer = await admin.get("/api/agents", headers={"Origin": origin})
        assert ("Access-Control-Allow-Origin" in answer.headers) is told
        assert "Origin" in answer.headers["Vary"]
    async with calling(admin.daemon, None) as stranger:
        assert (
            await stranger.get("/api/agents", headers={"Origin": "https://app.example"})
        ).status == 401


async def test_hostile_input(admin: Caller) -> None:
    """Whatever JSON holds is stored as data and comes back as it was, or as near as it can."""
    hostile = {
        "<script>": "'; DROP TABLE ai_requests; --",
        "nul": "a\u0000b",
        "half": "\ud800",
        "deep": json.loads("[" * 200 + "]" * 200),
        "huge": 10**400,
        "rtl": "\u202etxt",
    }
    unstorable = await admin.post("/api/execute", task_type="nobody\u0000")
    assert unstorable.status == 400
    assert unstorable.body["error"].startswith("task_type")
    body = json.dumps({"task_type": "nobody", "input_data": hostile})
    answer = await admin.send("POST", "/api/execute", data=body)
    assert (answer.status, answer.body["code"]) == (422, "unknown_task_type")
    one = await admin.get(f"/api/executions/{answer.body['request_id']}")
    back = one.body["execution"]["input_data"]
    assert back["<script>"] == hostile["<script>"]
    assert (back["nul"], back["half"], back["rtl"]) == ("ab", "", "\u202etxt")
    assert (await admin.get("/api/executions")).status == 200


async def test_head_is_get_without_its_body(admin: Caller) -> None:
    """Whoever only asks whether something is there gets the same status and headers; a stream of
    events has no such answer."""
    for path in ("/api/agents", "/api/openapi.json", "/api/executions/999999"):
        whole, head = await admin.get(path), await admin.send("HEAD", path)
        assert (head.status, head.text) == (whole.status, "")
        assert head.headers.get("ETag") == whole.headers.get("ETag")
        assert head.headers["Content-Length"] == whole.headers["Content-Length"]
    assert (await admin.send("HEAD", "/api/executions/1/events")).status == 405
    async with calling(admin.daemon, None) as stranger:
        assert (await stranger.send("HEAD", "/api/agents")).status == 401


@pytest.mark.parametrize(
    ("accepts", "encoding"),
    [
        ("gzip, deflate, br", "gzip"),
        ("br;q=1.0, gzip;q=0.8", "gzip"),
        ("*", "gzip"),
        ("gzip;q=0", None),
        ("deflate", None),
        ("identity", None),
        ("xgzip", None),
    ],
)
async def test_long_answers_are_compressed_for_who_takes_it(
    admin: Caller, accepts: str, encoding: str | None
) -> None:
    """The same JSON either way, also for pages of other origins; short ones go as they are."""
    headers = {"Accept-Encoding": accepts, "Origin": "https://app.example"}
    long = await admin.get("/api/openapi.json", headers=headers)
    assert long.headers.get("Content-Encoding") == encoding
    assert long.headers["Vary"] == "Accept-Encoding, Origin"
    assert long.body["openapi"] == "3.1.0"
    assert (int(long.headers["Content-Length"]) < len(long.text) / 4) == (encoding == "gzip")
    short = await admin.get("/api/approvals", headers=headers)
    assert "Content-Encoding" not in short.headers
