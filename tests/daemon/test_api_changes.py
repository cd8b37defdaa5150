"""What is changed over HTTP: agents, answers, feedback; each with its line in the audit log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from daemon.service import Daemon
from daemon.web.access import Principal
from daemon.web.refused import Refused
from tests.kit import worker
from tests.kit.agents import CATALOG
from tests.kit.http import ADMIN_KEY, SERVICE_KEY, Caller, add_key, calling

Connection = psycopg.AsyncConnection[Any]
HAIKU = {
    "kind": "prompt",
    "system": "Write a haiku.",
    "output_schema": {"properties": {"text": {"type": "string"}}, "required": ["text"]},
}
ASKING = {"test_ask": "tests.kit.asking:Asks"}
DANA = Principal("dana", "admin", "session", 1, "198.51.100.4")


@pytest.fixture
async def daemon(database: str) -> AsyncIterator[Daemon]:
    keys = {"admin_api_key": ADMIN_KEY, "main_app_api_key": SERVICE_KEY}
    async with worker.running(database, CATALOG | ASKING, **keys) as running:
        yield running


@pytest.fixture
async def admin(daemon: Daemon) -> AsyncIterator[Caller]:
    async with calling(daemon, ADMIN_KEY) as caller:
        yield caller


async def logged(connection: Connection) -> list[tuple[Any, ...]]:
    """(actor, channel, action, target, origin) of each line of the audit log."""
    cursor = await connection.execute(
        "SELECT actor, channel, action, target, origin FROM ai_audit_log ORDER BY id"
    )
    return await cursor.fetchall()


async def test_agents(admin: Caller, aconnection: Connection) -> None:
    """Create, change, archive as older pages do; a used or missing name is 400; no id reused."""
    made = await admin.post("/api/agents", name="Haiku", type="haiku", config=HAIKU)
    assert made.status == 201
    agent = made.body["agent"]
    assert made.headers["Location"] == f"/api/agents/{agent['id']}"
    assert (agent["status"], agent["version"], agent["enabled"]) == ("active", 1, True)
    path = f"/api/agents/{agent['id']}"
    for body, said in (
        ({"name": "Haiku", "type": "other", "config": HAIKU}, "name"),
        ({"name": "Other", "type": "haiku", "config": HAIKU}, "type"),
        ({"type": "other", "config": HAIKU}, "name"),
        ({"name": "  ", "type": "other", "config": HAIKU}, "name"),
        ({"name": "Other", "type": "No Slug", "config": HAIKU}, "type"),
        ({"name": "Other", "type": "nobody"}, "type"),
        ({"name": "Other", "type": "other", "config": {"kind": "prompt"}}, "config.system"),
        ({"name": "Other", "type": "other", "config": HAIKU | {"max_usd": 1e6}}, "config.max_usd"),
        ({"name": "Echo", "type": "test_echo", "config": {"max_usd": -1}}, "config.max_usd"),
    ):
        answer = await admin.post("/api/agents", **body)
        assert (answer.status, said in answer.body["error"]) == (400, True), answer.text
    changed = await admin.put(path, enabled=False, odd="ignored")
    assert (changed.status, changed.body["agent"]["status"]) == (200, "inactive")
    assert changed.body["agent"]["config"] == HAIKU
    assert (await admin.put(path, config={"system": 5})).status == 400
    assert (await admin.delete(path)).status == 200
    for answer in (
        await admin.get(path),
        await admin.put(path, name="x"),
        await admin.delete(path),
    ):
        assert answer.status == 404
    assert [action for _, _, action, _, _ in await logged(aconnection)] == [
        "create_agent",
        "set_agent",
        "archive_agent",
    ]
    assert set(await logged(aconnection)) == {
        ("ADMIN_API_KEY", "api", action, f"agent:{agent['id']}", "127.0.0.1")
        for action in ("create_agent", "set_agent", "archive_agent")
    }


async def test_an_agent_that_is_a_row_has_schemas_too(admin: Caller) -> None:
    """Its author's, as far as they can be used; a list is spared them."""
    made = await admin.post("/api/agents", name="Haiku", type="haiku", config=HAIKU)
    await admin.daemon.registry.reload()
    one = (await admin.get(f"/api/agents/{made.body['agent']['id']}")).body["agent"]
    assert one["input_schema"]["type"] == "object"
    assert one["result_schema"]["properties"]["text"]["type"] == "string"
    assert "text" in one["result_schema"]["required"]
    listed = (await admin.get("/api/agents")).body["agents"]
    assert not any("input_schema" in agent for agent in listed)


async def test_a_change_that_is_none_says_so(admin: Caller, aconnection: Connection) -> None:
    """Fields that no agent has are ignored as ever, and named; where nothing was changed the
    answer says so, and the audit log has no line."""
    made = await admin.post("/api/agents", name="Haiku", type="haiku", config=HAIKU, odd=1)
    assert made.body["ignored"] == ["odd"]
    path = f"/api/agents/{made.body['agent']['id']}"
    for body, said, ignored in (
        ({}, "nothing was changed", []),
        ({"bogus": "x"}, "nothing was changed; ignored: bogus", ["bogus"]),
        ({"enable": False}, "nothing was changed; ignored: enable", ["enable"]),
        ({"name": "Haiku", "enabled": True, "config": HAIKU}, "nothing was changed", []),
    ):
        answer = await admin.put(path, **body)
        assert (answer.status, answer.body["message"]) == (200, said)
        assert answer.body["ignored"] == ignored
        assert answer.body["agent"]["version"] == 1
    assert [action for _, _, action, _, _ in await logged(aconnection)] == ["create_agent"]
    answer = await admin.put(path, enabled=False, type="haiku")
    assert answer.body["message"] == "the agent was changed; ignored: type"
    assert answer.body["agent"]["status"] == "inactive"


async def test_conflicting_change(admin: Caller, aconnection: Connection) -> None:
    """Whoever looked at an older version is told which one holds, and nothing is overwritten."""
    made = await admin.post("/api/agents", name="Haiku", type="haiku", config=HAIKU)
    path = f"/api/agents/{made.body['agent']['id']}"
    first = await admin.put(path, version=1, config={**HAIKU, "system": "A"}, note="shorter")
    assert first.body["agent"]["version"] == 2
    second = await admin.put(path, version=1, config={**HAIKU, "system": "B"})
    assert (second.status, second.body["code"], second.body["version"]) == (409, "conflict", 2)
    assert second.body["config"]["system"] == "A"
    agent_id = made.body["agent"]["id"]
    actions = admin.daemon.web.actions
    assert await actions.roll_back(DANA, agent_id, 1, based_on=2) == 3
    assert (await admin.get(path)).body["agent"]["config"] == HAIKU
    with pytest.raises(Refused, match="version 9"):
        await actions.roll_back(DANA, agent_id, 9)
    cursor = await aconnection.execute(
        "SELECT version, changed_by, note FROM ai_agent_versions WHERE agent_id = %s"
        " ORDER BY version",
        [agent_id],
    )
    assert await cursor.fetchall() == [
        (1, "ADMIN_API_KEY", None),
        (2, "ADMIN_API_KEY", "shorter"),
        (3, "dana", "back to version 1"),
    ]


async def test_stop_and_reopen(admin: Caller, aconnection: Connection) -> None:
    """Cancel and retry act once; what is in no state for it says in which it is."""
    asked = await admin.post(
        "/api/execute", task_type="test_sleep", input_data={"seconds": 600}, wait_seconds=0
    )
    path = f"/api/executions/{asked.body['request_id']}"
    early = await admin.post(f"{path}/retry")
    assert (early.status, early.body["status"] in {"pending", "running"}) == (409, True)
    assert (await admin.post(f"{path}/cancel")).status == 202
    await worker.becomes(aconnection, asked.body["request_id"], "cancelled")
    late = await admin.post(f"{path}/cancel")
    assert (late.status, late.body["status"]) == (409, "cancelled")
    assert (await admin.post(f"{path}/retry")).status == 202
    await worker.becomes(aconnection, asked.body["request_id"], "running")
    assert (await admin.post(f"{path}/cancel")).status == 202
    for act in ("cancel", "retry"):
        assert (await admin.post(f"/api/executions/999999/{act}")).status == 404
    actions = [action for _, _, action, _, _ in await logged(aconnection)]
    assert actions == ["submit", "cancel", "retry", "cancel"]


async def test_feedback(daemon: Daemon, aconnection: Connection) -> None:
    """The main app's words about an item are kept once per person; what has no answer is named."""
    async with calling(daemon, SERVICE_KEY) as app:
        asked = await app.post("/api/execute", task_type="test_echo", input_data={"text": "a"})
        request_id = asked.body["request_id"]
        await answers_with_items(aconnection, request_id, f"{request_id}-1")
        said = {
            "agent_type": "test_echo",
            "recommendation_id": f"{request_id}-1",
            "user_id": 3,
        }
        for verdict in ("helpful", "not_helpful"):
            answer = await app.post("/api/feedback", feedback=verdict, **said)
            assert (answer.status, answer.body["success"]) == (201, True)
            assert answer.body["request_id"] == request_id
        for wrong, status in (
            ({"recommendation_id": "999999-1", "feedback": "helpful"}, 404),
            ({"recommendation_id": "nonsense", "feedback": "helpful"}, 404),
            ({**said, "feedback": "odd"}, 400),
            ({"feedback": "helpful"}, 400),
            ({"recommendation_id": True, "feedback": "helpful"}, 400),
        ):
            assert (await app.post("/api/feedback", **wrong)).status == status
        odd = await app.post("/api/feedback", **{**said, "feedback": "helpful", "user_id": 3.5})
        assert odd.body["error"].startswith("user_id: ")
    cursor = await aconnection.execute(
        "SELECT request_id, item_id, task_type, verdict, given_by FROM ai_feedback"
    )
    assert await cursor.fetchall() == [
        (request_id, f"{request_id}-1", "test_echo", "not_helpful", "user:3")
    ]


async def answers_with_items(connection: Connection, request_id: int, *items: str) -> None:
    """Put items of these ids into an answer, as deep as agents do."""
    cards = [{"id": item, "name": "card"} for item in items]
    await connection.execute(
        "UPDATE ai_results SET result = result || %s WHERE request_id = %s",
        (Jsonb({"plan": {"recommendations": cards}, "id": 7}), request_id),
    )


async def test_feedback_on_an_item_that_the_answer_does_not_have(
    daemon: Daemon, aconnection: Connection
) -> None:
    """Whoever mistypes an item's id is told which there are, and what he said before stands."""
    async with calling(daemon, SERVICE_KEY) as app:
        asked = await app.post("/api/execute", task_type="test_echo", input_data={"text": "a"})
        number = asked.body["request_id"]
        bare = await app.post("/api/feedback", recommendation_id=f"{number}-1", feedback="helpful")
        assert (bare.status, "has none" in bare.body["hint"]) == (422, True)
        items = [f"{number}-{place}" for place in (1, 2, 10)]
        await answers_with_items(aconnection, number, *reversed(items))
        wrong = await app.post(
            "/api/feedback", recommendation_id=f"{number}-99", feedback="helpful"
        )
        assert (wrong.status, wrong.body["code"]) == (422, "unknown_item")
        assert wrong.body["error"].startswith("recommendation_id: ")
        assert wrong.body["items"] == items
        assert ", ".join(items) in wrong.body["hint"]
        for right in (items[2], str(number), number):
            said = await app.post("/api/feedback", recommendation_id=right, feedback="helpful")
            assert (said.status, said.body["request_id"]) == (201, number)
    cursor = await aconnection.execute("SELECT item_id FROM ai_feedback ORDER BY item_id")
    assert [item for (item,) in await cursor.fetchall()] == [str(number), items[2]]


async def test_approvals(admin: Caller, aconnection: Connection) -> None:
    """A question is answered over HTTP once; the second person hears who was first."""
    asked = await admin.post("/api/execute", task_type="test_ask", wait_seconds=10)
    assert (asked.status, asked.body["status"]) == (202, "waiting")
    request_id = asked.body["request_id"]
    (question,) = (await admin.get("/api/approvals")).body["approvals"]
    assert (question["request_id"], question["decision"]) == (request_id, None)
    path = f"/api/approvals/{question['id']}"
    bare = await admin.post(path, decision="reject")
    assert (bare.status, "reason" in bare.body["error"]) == (400, True)
    assert (await admin.post(path, decision="perhaps")).status == 400
    assert (await admin.post("/api/approvals/999999", decision="approve")).status == 404
    key = await add_key(aconnection, "operator", "sam")
    async with calling(admin.daemon, key) as sam:
        first = await sam.post(path, decision="approve", answer={"note": "fine"})
    assert (first.status, first.body["approval"]["decided_by"]) == (200, "sam")
    second = await admin.post(path, decision="reject", reason="no")
    assert (second.status, second.body["decided_by"]) == (409, "sam")
    await worker.becomes(aconnection, request_id, "completed")
    assert (await admin.get("/api/approvals")).body["approvals"] == []
    assert len((await admin.get("/api/approvals?all=true")).body["approvals"]) == 1
    assert (await logged(aconnection))[-1][:3] == ("sam", "api", "answer")


async def test_what_people_steer(daemon: Daemon, aconnection: Connection) -> None:
    """Limits, budgets, prices, schedules, drains: checked by name, audited with their origin."""
    act = daemon.web.actions
    await act.pause(DANA, "test_echo")
    await act.resume(DANA, "test_echo")
    await act.set_limits(DANA, "test_echo", {"concurrency": 3, "daily_budget_usd": "1.50"})
    await act.set_budget(DANA, "global", "day", "5", "a new month")
    await act.set_schedule(
        DANA, "mine", {"task_type": "test_echo", "trigger": "0 6 * * *"}, new=True
    )
    await act.set_schedule(DANA, "mine", {"enabled": False})
    ran = await act.run_schedule(DANA, "mine")
    await worker.becomes(aconnection, ran, "completed")
    slot = {"task_type": "test_echo", "trigger": "0 6 * * *"}
    wrong = [
        (act.set_limits(DANA, "test_echo", {"concurrency": -1}), "concurrency"),
        (act.set_limits(DANA, "test_echo", {"fence": 1}), "fence"),
        (act.set_limits(DANA, "nobody", {"concurrency": 1}), "nobody"),
        (act.set_budget(DANA, "global", "day", "5", " "), "reason"),
        (act.set_budget(DANA, "global:x", "day", "5", "a"), "scope"),
        (act.set_budget(DANA, "agent:x", "year", "5", "a"), "period"),
        (act.set_budget(DANA, "agent:x", "day", "NaN", "a"), "limit_usd"),
        (act.set_budget(DANA, "agent:x", "day", None, "a", lapses=True), "limit_usd"),
        (act.set_schedule(DANA, "s", {"task_type": "test_echo", "trigger": "x"}, new=True), "x"),
        (act.set_schedule(DANA, "s", {"task_type": "no", "trigger": "x"}, new=True), "task_type"),
        (act.set_schedule(DANA, "none", {"enabled": True}), "none"),
        # Each of its slots would be refused.
        (
            act.set_schedule(DANA, "s", {**slot, "input_data": {"text": 5}}, new=True),
            "input_data.text",
        ),
        (act.drain(DANA, "nobody"), "nobody"),
        (act.retry_many(DANA, range(1001)), "1001"),
    ]
    for call, named in wrong:
        with pytest.raises(Refused) as caught:
            await call
        assert named in caught.value.message
    lines = await logged(aconnection)
    assert [action for _, _, action, _, _ in lines] == [
        "pause",
        "resume",
        "set_limits",
        "set_budget",
        "add_schedule",
        "set_schedule",
        "run_schedule",
    ]
    assert {(actor, channel, origin) for actor, channel, _, _, origin in lines} == {
        ("dana", "console", "198.51.100.4")
    }
    cursor = await aconnection.execute(
        "SELECT before, after FROM ai_audit_log WHERE action = 'set_limits'"
    )
    assert await cursor.fetchone() == (
        {"concurrency": 20, "daily_budget_usd": None},
        {"concurrency": 3, "daily_budget_usd": "1.50"},
    )
