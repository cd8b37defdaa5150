"""Replays: past requests again, elsewhere, within a cap, beside results that stay as they are."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from agents.catalog import AGENTS
from daemon import cli
from daemon.commands import replaying
from daemon.commands.replaying import Replays
from daemon.demo.gym import load
from daemon.demo.model_server import ModelServer
from daemon.model import Authority
from tests.daemon.test_prompt_agents import HAIKU, write
from tests.kit import provider
from tests.kit.process import DaemonProcess, ended
from tests.kit.worker import becomes, count, insert, running

Connection = psycopg.AsyncConnection[Any]
OTHER = "gpt-4.1-mini"


class Past:
    """A database with finished requests, and the model that answered them."""

    def __init__(self, database: str, server: ModelServer, ids: list[int]) -> None:
        self.database = database
        self.server = server
        self.ids = ids

    async def replay(self, *arguments: str, key: bool = True) -> tuple[int, DaemonProcess]:
        env = {"DATABASE_URL": self.database}
        if key:
            env["OPENAI_BASE_URL"] = self.server.url
        return await asyncio.to_thread(ended, "replay", *arguments, env=env)

    async def told(self, *arguments: str) -> Any:
        _, process = await self.replay(*arguments, "--json")
        assert len(process.events) == 1, process.report()
        return process.events[0]


@pytest.fixture
async def past(database: str, aconnection: Connection) -> AsyncIterator[Past]:
    """Three haikus, written by a daemon that is gone; the last one could not be."""
    await write(aconnection, on_unavailable="fail")
    async with ModelServer().running() as server:
        async with running(database, {}, openai_base_url=server.url):
            ids = []
            for topic in ("rain", "snow", "wind"):
                if topic == "wind":
                    server.script = deque([provider.text("no"), provider.text("never")])
                [request_id] = await insert(aconnection, "haiku", topic=topic)
                await becomes(
                    aconnection, request_id, "failed" if topic == "wind" else "completed"
                )
                ids.append(request_id)
        yield Past(database, server, ids)


async def test_another_model_is_compared_and_nothing_is_touched(
    past: Past, aconnection: Connection
) -> None:
    """Validity, cost and decision are compared; originals and results stay as they were."""
    snapshot = (
        "SELECT md5(string_agg(r::text || s::text, ',' ORDER BY r.id)) FROM ai_requests r"
        " LEFT JOIN ai_results s ON s.request_id = r.id WHERE r.task_type = 'haiku'"
    )
    before = await (await aconnection.execute(snapshot)).fetchone()
    ids = [str(request_id) for request_id in past.ids]

    told = await past.told(*ids, "--model", OTHER, "--max-usd", "0.05")

    assert told["not_replayed"] == []
    rows = {row["id"]: row for row in told["replays"]}
    first, _, last = (rows[request_id] for request_id in past.ids)
    assert (first["before"]["validity"], first["after"]["validity"]) == ("valid", "valid")
    assert (last["before"]["validity"], last["after"]["validity"]) == (
        "provider_unavailable",
        "valid",
    )
    assert first["same_question"] is True
    assert first["changed"] == []
    billed = [call.usage for call in past.server.calls if call.model == OTHER]
    prices = (Decimal("0.4"), Decimal("1.6"))
    assert sum(Decimal(row["charged_usd"]) for row in told["replays"]) == sum(
        (u["prompt_tokens"] * prices[0] + u["completion_tokens"] * prices[1]) / 10**6
        for u in billed
    )
    assert past.server.count(OTHER) == 3
    assert await (await aconnection.execute(snapshot)).fetchone() == before
    assert (
        await count(aconnection, "SELECT count(*) FROM ai_requests WHERE status = 'running'") == 0
    )
    assert await count(aconnection, "SELECT count(*) FROM ai_leases") == 0
    differing = "SELECT count(*) FROM ai_budget_check WHERE spent_difference_usd <> 0"
    assert await count(aconnection, differing) == 0
    cost = (
        "SELECT count(*) FROM ai_cost_daily WHERE model = %s AND calls = 3 AND task_type = 'haiku'"
    )
    assert await count(aconnection, cost, OTHER) == 1


async def test_another_prompt_is_another_question(past: Past) -> None:
    """--config is laid over the row's; people read a table."""
    system = json.dumps({"system": "Write two lines."})
    status, process = await past.replay(
        "--last", "2", "--task-type", "haiku", "--config", system, "--max-usd", "0.05"
    )
    assert status == 0, process.report()
    assert "valid → valid" in process.report()
    assert "otherwise" in process.report()
    assert "2 replayed for" in process.report()
    assert past.server.calls[-1].body["messages"][0]["content"].startswith("Write two lines.")
    assert HAIKU["system"] != "Write two lines."


async def test_the_cap_holds_to_the_cent(past: Past, aconnection: Connection) -> None:
    """No call is made that could pass the cap; what was not replayed is named, exit code 1."""
    calls = past.server.count()
    status, process = await past.replay(
        str(past.ids[0]), "--model", OTHER, "--max-usd", "0.0000001"
    )
    assert status == 1
    assert f"not replayed: {past.ids[0]}" in process.other_output
    assert past.server.count() == calls
    status, process = await past.replay("999999", "--model", OTHER, "--max-usd", "1", "--json")
    assert (status, process.events[0]["not_replayed"]) == (1, [999999])


def test_wrong_use_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is looked for, what is missing or wrong is said."""
    for arguments, says in (
        (["1", "--max-usd", "1"], "--model or --config"),
        (["--model", "m", "--max-usd", "1"], "--last N"),
        (["1", "--last", "2", "--model", "m", "--max-usd", "1"], "--last N"),
        (["--last", "0", "--model", "m", "--max-usd", "1"], "expected 1 to"),
        (["1", "--config", "[]", "--max-usd", "1"], "no JSON object"),
    ):
        assert cli.main(["replay", *arguments]) == 64
        assert says in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        cli.main(["replay", "1", "--model", "m", "--max-usd", "-1"])
    assert end.value.code == 64


async def test_what_cannot_be_used_is_a_configuration_to_mend(past: Past) -> None:
    """A configuration that its agent refuses, or no model at all, ends with 78 and the reason."""
    calls = past.server.count()
    views = '{"views": ["ai_requests"]}'
    status, process = await past.replay("--last", "1", "--config", views, "--max-usd", "1")
    assert (status, "views" in process.report()) == (78, True)
    status, process = await past.replay(
        str(past.ids[0]), "--model", OTHER, "--max-usd", "1", key=False
    )
    assert (status, "OPENAI_API_KEY" in process.report()) == (78, True)
    assert past.server.count() == calls


async def test_an_agent_of_the_code_is_replayed_without_typed_rows(
    database: str, aconnection: Connection
) -> None:
    """A plan is made again from the same moment; the client's plans stay as they are."""
    load(database, clients=2)
    async with ModelServer().running() as server:
        async with running(database, AGENTS, openai_base_url=server.url):
            [request_id] = await insert(aconnection, "workout_optimization", client_id=1)
            await becomes(aconnection, request_id, "completed", 30.0)
        past = Past(database, server, [request_id])
        told = await past.told(str(request_id), "--model", OTHER, "--max-usd", "0.10")
    [row] = told["replays"]
    assert (row["before"]["validity"], row["after"]["validity"]) == ("valid", "valid")
    assert row["same_decision"] is True
    assert row["same_question"] is True
    assert await count(aconnection, "SELECT count(*) FROM ai_workout_plans") == 1


async def test_a_renewal_that_failed_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """One lost statement does not end the renewing: a replay keeps its lease to its end."""
    nothing: Any = None
    replays = Replays(nothing, nothing, nothing, nothing)
    failures = deque([psycopg.OperationalError("the server closed the connection")])
    renewed = asyncio.Event()

    async def rows(name: str, **_: Any) -> list[Any]:
        assert name == "lease_renew"
        if failures:
            raise failures.popleft()
        renewed.set()
        return []

    monkeypatch.setattr(replaying, "LEASE_SECONDS", 0.03)
    monkeypatch.setattr(replays, "_rows", rows)
    renewing = asyncio.create_task(replays._renew(Authority(1, 1, "w1")))
    async with asyncio.timeout(5):
        await renewed.wait()
    renewing.cancel()
