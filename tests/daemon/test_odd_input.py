"""Input that no agent could mean ends its own request; the daemon, its lists and pages go on."""

from __future__ import annotations

import re
import secrets
from datetime import UTC
from typing import Any

import psycopg
import pytest
from pydantic import model_validator

from agents.base import AgentInput
from daemon.intake import Intake
from daemon.meters import Meters
from daemon.registry import Registry
from daemon.web import shown
from tests.kit import worker
from tests.kit.agents import CATALOG, Sleep
from tests.kit.http import ADMIN_KEY, add_key, calling
from tests.kit.parts import parts
from tests.kit.signals import eventually

Connection = psycopg.AsyncConnection[Any]
DIGITS = "7" * 5000


def nested(levels: int) -> str:
    """An object with so many levels of brackets, itself included."""
    return '{"text": ' + "[" * (levels - 1) + "]" * (levels - 1) + "}"


async def asked(connection: Connection, task_type: str, text: str) -> int:
    cursor = await connection.execute(
        "INSERT INTO ai_requests (task_type, input_data) VALUES (%s, %s::jsonb) RETURNING id",
        (task_type, text),
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def ended(connection: Connection, request_id: int) -> tuple[str, int, dict[str, Any]]:
    """(status, attempt, error) once it has ended; its input is nothing that a test could read."""

    async def look() -> Any:
        cursor = await connection.execute(
            "SELECT status, attempt, error FROM ai_requests"
            " WHERE id = %s AND finished_at IS NOT NULL",
            (request_id,),
        )
        return await cursor.fetchone()

    row: tuple[str, int, dict[str, Any]] = await eventually(look, what=f"{request_id} has ended")
    return row


@pytest.mark.parametrize(
    ("task_type", "end"), [("test_echo", "completed"), ("nobody", "failed"), (None, "cancelled")]
)
async def test_a_client_id_of_any_length(
    task_type: str | None, end: str, database: str, aconnection: Connection
) -> None:
    """However long the text in client_id is, its request can end, in whichever way."""
    text = f'{{"client_id": "{secrets.token_hex(20_000)}"}}'
    request_id = await asked(aconnection, task_type or "test_echo", text)
    if task_type is None:
        await aconnection.execute("UPDATE ai_requests SET cancel_requested_at = now()")
    async with worker.running(database):
        assert (await ended(aconnection, request_id))[0] == end
        [after] = await worker.insert(aconnection, "test_echo", text="still here")
        await worker.becomes(aconnection, after, "completed")


@pytest.mark.parametrize("levels", [101, 970, 4000])
async def test_brackets_within_brackets(
    levels: int, database: str, aconnection: Connection
) -> None:
    """However deeply an input is nested, its request is refused with a reason, without an
    attempt, by the claim as by intake; the limit itself is no reason."""
    ids = [await asked(aconnection, "test_echo", nested(levels)) for _ in range(30)]
    fine = await asked(aconnection, "test_echo", nested(100).replace("text", "unknown"))
    async with worker.running(database, worker_concurrency=2):
        for request_id in ids:
            status, attempt, error = await ended(aconnection, request_id)
            assert (status, attempt, error["code"]) == ("failed", 0, "invalid_input")
            assert "levels" in error["message"]
        assert (await ended(aconnection, fine))[0] == "completed"


BOMBS = {
    "more than a server can write": ("1e131000", 10_000),
    "as small as what a claim carries": ("1e131000", 100),
    "behind the point": ("0e-16383", 10_000),
    "behind the point, in a claim": ("1e-16383", 100),
}
"""Inputs of a few hundred bytes or kilobytes which, written out, take up to a gigabyte."""


@pytest.mark.parametrize("bomb", BOMBS)
async def test_numbers_without_end(bomb: str, database: str, aconnection: Connection) -> None:
    """A number that takes a few bytes and a hundred thousand digits ends its own request, of an
    agent that is there and of one that is not; the next request does not notice, nor do lists."""
    number, many = BOMBS[bomb]
    text = f'{{"text": [{",".join([number] * many)}]}}'
    ids = [await asked(aconnection, name, text) for name in ("nobody", "test_echo") * 5]
    async with worker.running(database, admin_api_key=ADMIN_KEY) as daemon:
        [fine] = await worker.insert(aconnection, "test_echo", text="still here")
        await worker.becomes(aconnection, fine, "completed")
        for request_id in ids:
            status, attempt, error = await ended(aconnection, request_id)
            assert (status, attempt) == ("failed", 0)
            assert error["code"] in {"unknown_task_type", "input_too_large"}
        async with calling(daemon, ADMIN_KEY) as caller:
            for path in ("", f"/{ids[0]}"):
                assert (await caller.get(f"/api/executions{path}")).status == 200


async def test_what_waits_for_an_archived_agent_is_told(
    database: str, aconnection: Connection
) -> None:
    """Requests that are due later, held up, or to be tried again end with the reason, once their
    agent is archived; without an agent nobody would ever claim them."""
    async with worker.running(database):
        await aconnection.execute(
            "UPDATE ai_control SET concurrency = 0 WHERE task_type = 'test_crash'"
        )
        await aconnection.execute(
            "INSERT INTO ai_requests (task_type, input_data, run_after) VALUES"
            " ('test_crash', '{}', now() + interval '1 day'), ('test_crash', '{}', now())"
        )
        await aconnection.execute(
            "UPDATE ai_requests SET checked = true, attempt = 1 WHERE run_after > now()"
        )
        cursor = await aconnection.execute("SELECT id FROM ai_requests")
        ids = [row[0] for row in await cursor.fetchall()]
        await eventually(
            lambda: worker.count(
                aconnection,
                "SELECT 1 WHERE NOT EXISTS (SELECT FROM ai_requests WHERE NOT checked)",
            )
        )
        await aconnection.execute(
            "UPDATE ai_agents SET archived_at = now() WHERE type = 'test_crash'"
        )
        for request_id in ids:
            status, _, error = await ended(aconnection, request_id)
            assert (status, error["code"]) == ("failed", "unknown_task_type")


ODD_CONFIGS = ('{"x": 1e5000}', f'{{"x": {nested(4000)}}}')


@pytest.mark.parametrize("config", ODD_CONFIGS, ids=[text[:12] for text in ODD_CONFIGS])
async def test_a_configuration_that_nobody_could_mean(
    config: str, database: str, aconnection: Connection
) -> None:
    """It takes out its agent, with the reason in the row; the daemon starts and others answer."""
    async with worker.running(database):
        await aconnection.execute(
            "UPDATE ai_agents SET config = %s::jsonb WHERE type = 'test_crash'", (config,)
        )
        await worker.becomes(
            aconnection, (await worker.insert(aconnection, "test_crash", text="x"))[0], "failed"
        )
    async with worker.running(database):
        [fine] = await worker.insert(aconnection, "test_echo", text="still here")
        await worker.becomes(aconnection, fine, "completed")
    assert await worker.count(
        aconnection,
        "SELECT count(*) FROM ai_agents WHERE type = 'test_crash' AND problem IS NOT NULL",
    )


ODD = (nested(300), nested(4000), f'{{"client_id": 1, "n": {DIGITS}}}', f'{{"n": {DIGITS}.5}}')


@pytest.mark.parametrize("role", ["viewer", "admin"])
async def test_lists_show_the_others(role: str, database: str, aconnection: Connection) -> None:
    """A request that cannot be shown takes its own place in a list, for every role."""
    ids = [await asked(aconnection, "nobody", text) for text in ODD]
    async with worker.running(database, admin_api_key=ADMIN_KEY) as daemon:
        for request_id in ids:
            assert (await ended(aconnection, request_id))[0] == "failed"
        key = ADMIN_KEY if role == "admin" else await add_key(aconnection, role)
        async with calling(daemon, key) as caller:
            # Read as text: to whom nothing is hidden the input comes word for word.
            for path in ("", *(f"/{request_id}" for request_id in ids)):
                async with caller.session.get(f"{caller.base}/api/executions{path}") as answer:
                    found = re.findall(r'"id": ([0-9]+), "agent_id"', await answer.text())
                    assert answer.status == 200
                    assert found == ([path[1:]] if path else [str(i) for i in ids[::-1]])


async def test_a_validator_that_breaks_ends_its_own_request(
    database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in one agent's Input costs its requests their attempts, and nobody else anything."""

    class Brittle(AgentInput):
        text: str = ""

        @model_validator(mode="before")
        @classmethod
        def _break(cls, value: Any) -> Any:
            return value["missing"]

    monkeypatch.setattr(Sleep, "Input", Brittle)
    [broken] = await worker.insert(aconnection, "test_sleep")
    [unknown] = await worker.insert(aconnection, "nobody")
    await aconnection.execute("UPDATE ai_requests SET max_attempts = 1")
    async with parts(database) as p:
        registry = Registry(p.store, worker.settings(database), CATALOG)
        await registry.start()
        assert await Intake(p.store, registry, Meters()).check_once() == 2
        assert (await ended(aconnection, unknown))[0] == "failed"
    async with worker.running(database):
        status, attempt, error = await ended(aconnection, broken)
        assert (status, attempt, error["code"]) == ("failed", 1, "agent_error")
        assert "KeyError in tests/daemon/test_odd_input.py" in error["message"]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
async def test_every_moment_can_be_told_in_utc(aconnection: Connection, zone: str) -> None:
    """Also one that lies in the calendar on the server's clock, and not in UTC."""
    odd = (
        "infinity",
        "-infinity",
        "9999-12-31 23:59:59",
        "0001-01-01",
        "400-01-01 BC",
        "99999-1-1",
    )
    await aconnection.execute("SELECT set_config('timezone', %s, false)", (zone,))
    async with aconnection.cursor() as cursor:
        shown.reading(cursor)
        for text in odd:
            await cursor.execute("SELECT %s::timestamptz", (text,))
            [(moment,)] = await cursor.fetchall()
            assert moment.astimezone(UTC).year in (1, 1970, 9999), text
