"""POST /api/execute over real HTTP: the main app's caller works unchanged, without a surprise."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import psycopg
import pytest

from daemon.service import Daemon
from tests.kit import worker
from tests.kit.http import SERVICE_KEY, Caller, calling

Connection = psycopg.AsyncConnection[Any]


@pytest.fixture
async def daemon(database: str) -> AsyncIterator[Daemon]:
    async with worker.running(database, main_app_api_key=SERVICE_KEY) as running:
        yield running


@pytest.fixture
async def app(daemon: Daemon) -> AsyncIterator[Caller]:
    """The main app, with its key."""
    async with calling(daemon, SERVICE_KEY) as caller:
        yield caller


async def test_answer(app: Caller, aconnection: Connection) -> None:
    """Exactly 200, a true success, the result word for word, ids as integers."""
    answer = await app.post(
        "/api/execute", task_type="test_echo", input_data={"text": "grüße", "odd": 1}
    )
    assert answer.status == 200
    body = answer.body
    assert (body["success"], body["status"], body["mode"]) == (True, "completed", "deterministic")
    assert isinstance(body["request_id"], int)
    row = await (
        await aconnection.execute(
            "SELECT result::text FROM ai_results WHERE request_id = %s", [body["request_id"]]
        )
    ).fetchone()
    assert row is not None
    assert f'"results": {row[0]}' in answer.text
    assert body["results"]["data_warnings"]


async def test_double_slash(app: Caller) -> None:
    """A base URL with a trailing slash works, without a redirect and with the key looked at."""
    answer = await app.post("//api/execute", task_type="test_echo", input_data={"text": "a"})
    assert answer.status == 200
    async with calling(app.daemon, "wrong") as stranger:
        refused = await stranger.post("//api/execute", task_type="test_echo")
    assert refused.status == 401


FAILURES: list[tuple[str, dict[str, Any], int, str]] = [
    ("nobody", {}, 422, "unknown_task_type"),
    ("test_echo", {"text": 5}, 422, "invalid_input"),
    ("test_crash", {"text": "fatal"}, 500, "agent_error"),
]


async def test_failures(app: Caller) -> None:
    """A request that failed says so, with its reason as a string and the documented status."""
    for task_type, input_data, status, code in FAILURES:
        answer = await app.post("/api/execute", task_type=task_type, input_data=input_data)
        body = answer.body
        assert (answer.status, body["success"], body["code"]) == (status, False, code)
        assert body["retryable"] is False
        assert isinstance(body["error"], str)
        assert body["error"]
        assert isinstance(body["request_id"], int)


async def test_takes_too_long(app: Caller) -> None:
    """When the time is over the caller gets 202 and the id, and can stop the request."""
    answer = await app.post(
        "/api/execute", task_type="test_sleep", input_data={"seconds": 60}, wait_seconds=0.2
    )
    assert answer.status == 202
    assert answer.body["success"] is False
    where = answer.headers["Location"]
    assert where == f"/api/executions/{answer.body['request_id']}"
    stopped = await app.post(f"{where}/cancel")
    assert stopped.status == 202


async def test_what_was_asked_is_not_told_to_ask_again(
    app: Caller, aconnection: Connection
) -> None:
    """Where its row cannot be read any more the caller gets its id, not a failure: it goes on."""
    async with aconnection.transaction():
        await aconnection.execute("LOCK TABLE ai_results IN ACCESS EXCLUSIVE MODE")
        answer = await app.post(
            "/api/execute", task_type="test_echo", input_data={"text": "a"}, wait_seconds=1
        )
    assert answer.status == 202
    await worker.becomes(aconnection, answer.body["request_id"], "completed")


async def test_twins(app: Caller, aconnection: Connection) -> None:
    """Equal questions at the same time, and just after, share one request and one answer."""
    asked = [
        app.post("/api/execute", task_type="test_sleep", input_data={"seconds": 0.3})
        for _ in range(3)
    ]
    answers = [*await asyncio.gather(*asked)]
    answers.append(
        await app.post("/api/execute", task_type="test_sleep", input_data={"seconds": 0.3})
    )
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body["request_id"] for answer in answers}) == 1
    other = await app.post("/api/execute", task_type="test_sleep", input_data={"seconds": 0.01})
    assert other.body["request_id"] != answers[0].body["request_id"]
    assert await worker.count(aconnection, "SELECT count(*) FROM ai_requests") == 2


async def test_failed_twin_is_asked_anew(app: Caller) -> None:
    """A question that failed is no answer for the next one who asks."""
    bodies = [
        (await app.post("/api/execute", task_type="test_crash", input_data={"text": "fatal"})).body
        for _ in range(2)
    ]
    assert bodies[0]["request_id"] != bodies[1]["request_id"]


async def test_a_question_that_nobody_waited_for_is_asked_anew_once_it_has_failed(
    app: Caller, aconnection: Connection
) -> None:
    """What became of it is looked up: its end may have come after the last who waited had left."""
    question = {"task_type": "test_sleep", "input_data": {"seconds": 30}, "wait_seconds": 0}
    first = await app.post("/api/execute", **question)
    same = await app.post("/api/execute", **question)
    assert same.body["request_id"] == first.body["request_id"]
    await app.post(f"{first.headers['Location']}/cancel")
    await worker.becomes(aconnection, first.body["request_id"], "cancelled")
    both = await asyncio.gather(*(app.post("/api/execute", **question) for _ in range(2)))
    assert {answer.status for answer in both} == {202}
    ids = {answer.body["request_id"] for answer in both}
    assert len(ids) == 1
    assert first.body["request_id"] not in ids


async def test_a_draft_is_not_asked_from_outside(app: Caller) -> None:
    """A prompt agent that nobody has activated yet answers only what its author tries."""
    answer = await app.post("/api/execute", task_type="draft:haiku", input_data={"topic": "rain"})
    assert answer.status == 422
    assert answer.body["code"] == "unknown_task_type"
    assert "draft" in answer.body["error"]


async def test_idempotency_key(app: Caller) -> None:
    """The same key gives the first request's answer, however long it is waited for."""
    asked = {"task_type": "test_echo", "idempotency_key": "once", "input_data": {"text": "a"}}
    first, second = [
        await app.post("/api/execute", **asked, **more)
        for more in ({}, {"priority": 7, "wait_seconds": 5})
    ]
    assert first.status == 200
    assert first.body == second.body


async def test_a_key_that_asked_something_else_is_refused(
    app: Caller, aconnection: Connection
) -> None:
    """One client's plan is no answer to a question about another, nor to another trainer's."""
    asked = {"task_type": "test_echo", "idempotency_key": "once", "input_data": {"text": "a"}}
    first = await app.post("/api/execute", **asked)
    for other in ({"input_data": {"text": "b"}}, {"requested_by": "trainer:2"}):
        refused = await app.post("/api/execute", **asked | other)
        assert (refused.status, refused.body["code"]) == (422, "idempotency_key_reused")
        assert refused.body["request_id"] == first.body["request_id"]
        assert "idempotency_key" in refused.body["error"]
        assert "results" not in refused.body
    assert await worker.count(aconnection, "SELECT count(*) FROM ai_requests") == 1


async def test_the_header_idempotency_key(app: Caller) -> None:
    """What HTTP clients send by themselves counts as the body's field, which goes before it."""
    header = {"Idempotency-Key": "once"}
    asked = {"task_type": "test_crash", "input_data": {"text": "fatal"}}
    answers = [
        await app.send("POST", "/api/execute", json=asked | more, headers=header)
        for more in ({}, {}, {"idempotency_key": None})
    ]
    assert answers[0].body["code"] == "agent_error"
    assert answers[0].body == answers[1].body == answers[2].body
    own = await app.send(
        "POST", "/api/execute", json=asked | {"idempotency_key": "own"}, headers=header
    )
    assert own.body["request_id"] != answers[0].body["request_id"]
    long = {"Idempotency-Key": "k" * 501}
    wrong = await app.send("POST", "/api/execute", json=asked, headers=long)
    assert (wrong.status, wrong.body["code"]) == (400, "invalid_value")
    assert wrong.body["error"].startswith("idempotency_key: ")


BAD_BODIES = [
    ('{"task_type": "a", "wait_seconds": 21}', "wait_seconds: expected less than or equal to 20"),
    ('{"task_type": "a", "wait_second": 2}', "wait_second: there is no such field"),
    ('{"input_data": {}}', "task_type: it is required"),
    ('{"task_type": "a", "input_data": [1]}', "input_data: expected a JSON object\n"),
    ('{"task_type": "a", "input_data": "{}"}', "input_data: expected a JSON object, not its text"),
    ('{"task_type": "a", "priority": 99999}', "priority"),
    ('{"task_type": "a", "max_usd": NaN}', "JSON"),
    ('["a"]', "object"),
    ("[" * 50_000, "JSON"),
    ('{"task_type": "a", "input_data": {"a": ' + "[" * 600 + "]" * 600 + "}}", "nested"),
    ("", "JSON"),
]


async def test_bad_bodies(app: Caller, aconnection: Connection) -> None:
    """What cannot be used is refused with the field's name, and makes no request."""
    for body, field in BAD_BODIES:
        answer = await app.send("POST", "/api/execute", data=body)
        assert answer.status == 400
        assert field in answer.body["error"] + "\n"
    large = io.BytesIO(b"x" * (3 * 1024 * 1024))
    answer = await app.send("POST", "/api/execute", data=large)
    assert (answer.status, answer.body["code"]) == (413, "body_too_large")
    assert await worker.count(aconnection, "SELECT count(*) FROM ai_requests") == 0


async def test_stop_ends_waits(database: str) -> None:
    """Whoever waits for an answer is told to look later when the server stops."""
    async with (
        worker.running(database, main_app_api_key=SERVICE_KEY, drain_seconds=0.0) as daemon,
        calling(daemon, SERVICE_KEY) as caller,
    ):
        assert daemon._claimer is not None
        begun = daemon._claimer.signals.expect("claimed", 15.0)
        asked = asyncio.create_task(
            caller.post("/api/execute", task_type="test_sleep", input_data={"seconds": 60})
        )
        await begun
        daemon.stop()
        answer = await asked
    assert answer.status == 202


async def test_no_key_is_closed(database: str) -> None:
    """Where no key is set nobody gets in, and everybody is told how it is opened."""
    async with (
        worker.running(database) as daemon,
        aiohttp.ClientSession(f"http://127.0.0.1:{daemon.site.port}") as session,
        session.post("/api/execute", json={"task_type": "test_echo"}) as answer,
    ):
        assert answer.status == 403
        assert "python -m daemon keys add" in (await answer.json())["hint"]
