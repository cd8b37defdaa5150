"""Event streams: a run as it happens, ended by what ends it, no burden for anybody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import psycopg
import pytest
from psycopg_pool import PoolTimeout

from daemon.web.api import executions
from tests.kit import worker
from tests.kit.http import SERVICE_KEY, Caller, add_key, calling

Connection = psycopg.AsyncConnection[Any]


async def events(answer: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, Any, str]]:
    """(kind, data, id) of each event until the stream ends."""
    kind = event_id = ""
    async for raw in answer.content:
        name, _, value = raw.decode().rstrip("\n").partition(": ")
        match name:
            case "event":
                kind = value
            case "id":
                event_id = value
            case "data":
                yield kind, json.loads(value), event_id
                event_id = ""


async def begun(caller: Caller, seconds: float) -> int:
    """A request on its way."""
    answer = await caller.post(
        "/api/execute", task_type="test_sleep", input_data={"seconds": seconds}, wait_seconds=0
    )
    return int(answer.body["request_id"])


async def test_follow(database: str, aconnection: Connection) -> None:
    """A stream tells progress, status and the end; a resumed one tells only what came since."""
    async with (
        worker.running(database, main_app_api_key=SERVICE_KEY, drain_seconds=0.0) as daemon,
        calling(daemon, SERVICE_KEY) as app,
    ):
        request_id = await begun(app, 600)
        await worker.becomes(aconnection, request_id, "running")
        url = f"{app.base}/api/executions/{request_id}/events"
        async with app.session.get(url) as answer:
            assert answer.headers["Content-Type"] == "text/event-stream"
            seen = events(answer)
            assert (await anext(seen))[:2] == ("status", {"status": "running"})
            await aconnection.execute(
                "INSERT INTO ai_request_events (request_id, fence, node, percent, message)"
                " VALUES (%s, 1, 'half', 50, %s)",
                [request_id, "two\nlines"],
            )
            kind, data, event_id = await anext(seen)
            assert (kind, data["node"], data["message"]) == ("progress", "half", "two\nlines")
            await app.post(f"/api/executions/{request_id}/cancel")
            rest = [event async for event in seen]
        assert [kind for kind, _, _ in rest] == ["end"]
        assert (rest[0][1]["id"], rest[0][1]["status"]) == (request_id, "cancelled")
        async with app.session.get(url, headers={"Last-Event-ID": event_id}) as answer:
            again = [kind async for kind, _, _ in events(answer)]
        assert again == ["end"]
        assert (await app.get("/api/executions/999999/events")).status == 404


async def test_many_steps(database: str, aconnection: Connection) -> None:
    """However many steps a request had before somebody looks: all are told, then its end."""
    async with (
        worker.running(database, main_app_api_key=SERVICE_KEY, drain_seconds=0.0) as daemon,
        calling(daemon, SERVICE_KEY) as app,
    ):
        request_id = await begun(app, 0.0)
        await worker.becomes(aconnection, request_id, "completed")
        steps = 2 * executions.EVENTS_AT_ONCE + 1
        await aconnection.execute(
            "DELETE FROM ai_request_events WHERE request_id = %(request)s",
            {"request": request_id},
        )
        await aconnection.execute(
            "INSERT INTO ai_request_events (request_id, fence, node, message)"
            " SELECT %s, 1, 'step', n FROM generate_series(1, %s) n",
            [request_id, steps],
        )
        async with app.session.get(f"{app.base}/api/executions/{request_id}/events") as answer:
            seen = [event async for event in events(answer)]
        told = [data["message"] for kind, data, _ in seen if kind == "progress"]
        assert told == [str(n) for n in range(1, steps + 1)]
        assert seen[-1][0] == "end"


async def test_a_stream_without_a_database_ends(
    database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that has begun is never followed by another one on the same line."""

    async def away(*_: Any) -> None:
        raise PoolTimeout("the database is away")

    monkeypatch.setattr(executions.Executions, "_pause", away)
    async with (
        worker.running(database, main_app_api_key=SERVICE_KEY, drain_seconds=0.0) as daemon,
        calling(daemon, SERVICE_KEY) as app,
    ):
        request_id = await begun(app, 600)
        await worker.becomes(aconnection, request_id, "running")
        async with app.session.get(f"{app.base}/api/executions/{request_id}/events") as answer:
            assert [told async for told in events(answer)] == [
                ("status", {"status": "running"}, "")
            ]


async def test_stop_ends_streams(database: str) -> None:
    """Open streams end by themselves when the service does, and so do not delay it."""
    async with AsyncExitStack() as after:
        async with worker.running(
            database, main_app_api_key=SERVICE_KEY, drain_seconds=0.0
        ) as daemon:
            app = await after.enter_async_context(calling(daemon, SERVICE_KEY))
            request_id = await begun(app, 600)
            url = f"{app.base}/api/executions/{request_id}/events"
            streams = [await after.enter_async_context(app.session.get(url)) for _ in range(10)]
        for stream in streams:
            # One that had to be cut off would raise here: its last chunk would be missing.
            assert "end" not in [kind async for kind, _, _ in events(stream)]


async def test_two_hundred_streams(database: str, aconnection: Connection) -> None:
    """Many streams share a few connections and one look; work is claimed and done meanwhile."""
    async with (
        AsyncExitStack() as streaming,
        worker.running(database, main_app_api_key=SERVICE_KEY, drain_seconds=0.0) as daemon,
        calling(daemon, SERVICE_KEY, connections=0) as app,
    ):
        request_id = await begun(app, 600)
        url = f"{app.base}/api/executions/{request_id}/events"
        streams = await asyncio.gather(
            *[streaming.enter_async_context(app.session.get(url)) for _ in range(200)]
        )
        assert {stream.status for stream in streams} == {200}
        done = await app.post("/api/execute", task_type="test_echo", input_data={"text": "x"})
        assert done.status == 200
        used = await worker.count(
            aconnection,
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'ai-daemon/%%/web%%'",
        )
        assert used <= 7
        assert (await app.post(f"/api/executions/{request_id}/cancel")).status == 202
        last = [[event async for event in events(stream)][-1] for stream in streams]
        assert {(kind, data["status"]) for kind, data, _ in last} == {("end", "cancelled")}


async def test_revoked_key_loses_its_stream(
    database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream ends when its key is revoked; only so many are open at once."""
    monkeypatch.setattr(executions, "CHECK_SECONDS", 0.02)
    monkeypatch.setattr(executions, "MOST_STREAMS", 1)
    key = await add_key(aconnection, "viewer")
    async with (
        worker.running(database, main_app_api_key=SERVICE_KEY, drain_seconds=0.0) as daemon,
        calling(daemon, SERVICE_KEY) as app,
        calling(daemon, key) as viewer,
    ):
        path = f"/api/executions/{await begun(app, 600)}/events"
        async with viewer.session.get(viewer.base + path) as stream:
            assert (await app.get(path)).status == 503
            await aconnection.execute("UPDATE ai_api_keys SET revoked_at = now()")
            assert "end" not in [kind async for kind, _, _ in events(stream)]
        assert (await viewer.get(path)).status == 401
