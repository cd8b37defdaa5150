"""Questions to people: the request waits, an answer resumes it, nothing is paid for twice."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from daemon import cli
from daemon.demo.model_server import ModelServer
from tests.kit.model_agents import CATALOG
from tests.kit.worker import FOREVER, becomes, count, insert, running

Connection = psycopg.AsyncConnection[Any]
TYPE = "test_publisher"


@pytest.fixture
async def model(database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ModelServer]:
    """A daemon with the publisher, and its model server; commands talk to its database."""
    monkeypatch.setenv("DATABASE_URL", database)
    async with (
        ModelServer().running() as server,
        running(database, CATALOG, openai_base_url=server.url, poll_seconds=FOREVER),
    ):
        yield server


async def asked(connection: Connection, **input_data: Any) -> int:
    """A request that waits for a person."""
    [request_id] = await insert(connection, TYPE, **input_data)
    row = await becomes(connection, request_id, "waiting")
    assert row["attempt"] == 0
    return request_id


async def result(connection: Connection, request_id: int) -> dict[str, Any]:
    cursor = await connection.execute(
        "SELECT result FROM ai_results WHERE request_id = %s", (request_id,)
    )
    row = await cursor.fetchone()
    assert row is not None
    answer: dict[str, Any] = row[0]
    return answer


async def test_an_answer_by_sql_resumes_without_paying_again(
    model: ModelServer, aconnection: Connection
) -> None:
    """The call before the question is bought once, and the one after it once."""
    request_id = await asked(aconnection, topic="sleep")
    assert model.count() == 1
    assert await count(aconnection, "SELECT count(*) FROM ai_leases") == 0

    answer = '{"decision": "approve", "title": "Night"}'
    answered = "SELECT ai_answer(%s, 'publish', %s, 'sam')::int"
    assert await count(aconnection, answered, request_id, answer) == 1
    assert await count(aconnection, answered, request_id, answer) == 0

    row = await becomes(aconnection, request_id, "completed")
    assert (row["mode"], row["attempt"]) == ("full", 1)
    assert (await result(aconnection, request_id))["decision"] == "approve"
    assert [call.name for call in model.calls] == ["test_draft", "test_title"]
    audit = "SELECT count(*) FROM ai_audit_log WHERE actor = 'sam' AND action = 'answer'"
    assert await count(aconnection, audit) == 1


async def test_a_question_outlives_a_moment_without_the_database(
    model: ModelServer, aconnection: Connection
) -> None:
    """A database that is away just when the question is put costs the attempt that moment."""
    await aconnection.execute("CREATE SEQUENCE outage")
    await aconnection.execute(
        "CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF nextval('outage') = 1 THEN"
        " RAISE EXCEPTION 'shutting down' USING ERRCODE = 'admin_shutdown'; END IF;"
        " RETURN NEW; END $$"
    )
    await aconnection.execute(
        "CREATE TRIGGER away BEFORE INSERT ON ai_approvals FOR EACH ROW EXECUTE FUNCTION away()"
    )

    await asked(aconnection)

    assert await count(aconnection, "SELECT last_value FROM outage") == 2
    assert await count(aconnection, "SELECT count(*) FROM ai_attempts") == 1


async def test_a_rejection_ends_the_request(model: ModelServer, aconnection: Connection) -> None:
    """A no, by command, fails the request as approval_rejected and buys nothing more."""
    request_id = await asked(aconnection)

    assert cli.main(["approvals", "reject", str(request_id), "publish", "--by", "sam"]) == 0

    row = await becomes(aconnection, request_id, "failed")
    assert (row["error"]["code"], row["error"]["retryable"]) == ("approval_rejected", False)
    assert "sam" in row["error"]["message"]
    assert model.count() == 1


async def test_an_unanswered_question_expires(model: ModelServer, aconnection: Connection) -> None:
    """Nobody answered in time: approval_expired; a retry asks anew and pays nothing again."""
    request_id = await asked(aconnection, seconds=0.2)

    row = await becomes(aconnection, request_id, "failed")
    assert row["error"]["code"] == "approval_expired"
    await aconnection.execute("SELECT ai_retry(%s)", (request_id,))
    await becomes(aconnection, request_id, "waiting")
    assert model.count() == 1


async def test_questions_are_listed_and_answered_by_command(
    model: ModelServer, aconnection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """approvals list shows what is open; answer takes words along; wrong use is told."""
    request_id = await asked(aconnection)
    assert cli.main(["approvals", "list", "--json"]) == 0
    [question] = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (question["request_id"], question["key"]) == (request_id, "publish")
    assert question["expires_at"] is not None

    assert cli.main(["approvals", "answer", str(request_id), "publish", "yes"]) == 64
    assert cli.main(["approvals", "answer", str(request_id), "nothing"]) == 1
    assert cli.main(["approvals", "answer", str(request_id), "publish"]) == 0
    await becomes(aconnection, request_id, "completed")
    capsys.readouterr()
    assert cli.main(["approvals", "list"]) == 0
    assert "nobody asks" in capsys.readouterr().out
    assert cli.main(["approvals", "list", "--all"]) == 0
    assert "answered by" in capsys.readouterr().out


async def test_a_waiting_request_can_be_cancelled(
    model: ModelServer, aconnection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """A question nobody needs answered any more ends with its request."""
    request_id = await asked(aconnection)
    assert cli.main(["cancel", str(request_id)]) == 0
    await becomes(aconnection, request_id, "cancelled")
    assert cli.main(["approvals", "list"]) == 0
    assert "nobody asks anything" in capsys.readouterr().out
    assert cli.main(["approvals", "list", "--all"]) == 0
    assert f"{TYPE} · its request is cancelled\n" in capsys.readouterr().out
    answered = "SELECT ai_answer(%s, 'publish')::int"
    await count(aconnection, answered, request_id)
    assert (await becomes(aconnection, request_id, "cancelled"))["finished_at"] is not None


async def test_an_answer_is_a_json_object(aconnection: Connection) -> None:
    """ai_answer refuses anything else and says what would be right."""
    with pytest.raises(psycopg.errors.RaiseException, match="no JSON object"):
        await aconnection.execute("SELECT ai_answer(1, 'x', '\"yes\"')")
