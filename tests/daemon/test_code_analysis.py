"""code_analysis through a whole daemon: rows, secrets, the loop, and the end of its process."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prometheus_client import generate_latest

from agents.code.gate import unified
from daemon.demo.model_server import ModelServer
from tests.eval import code_app
from tests.kit.loop import too_long
from tests.kit.planted_patches import LINE, PROJECT, VIEWS
from tests.kit.planted_secrets import NEXT_TO, PEM, SHAPED, spoken
from tests.kit.signals import eventually
from tests.kit.worker import becomes, insert, running

Connection = psycopg.AsyncConnection[Any]
Json = Any
CATALOG = {"code_analysis": "agents.code.agent:CodeReviewer"}
LONGEST_SECONDS = 0.05
STACK = """Traceback (most recent call last):
  File "/srv/app/views.py", line 20, in search
    rows = connection().execute("SELECT 1", password="{0}")
sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) no such user for {0}
[SQL: SELECT id FROM clients WHERE name = '{0}']
[parameters: {{'name': '{0}'}}]
"""


async def test_rows_and_ids_come_with_the_result(database: str, aconnection: Connection) -> None:
    """A finding is a row when its result is there; the same request again makes no other."""
    async with running(database, CATALOG):
        for expected in (2, 0):
            [request_id] = await insert(aconnection, "code_analysis", files=PROJECT)
            await becomes(aconnection, request_id, "completed", 50.0)
            cursor = await aconnection.execute(
                "SELECT result FROM ai_results WHERE request_id = %s", (request_id,)
            )
            row = await cursor.fetchone()
            assert row is not None
            assert row[0]["suggestions_created"] == expected
            assert len(row[0]["suggestion_ids"]) == 2
        cursor = await aconnection.execute(
            "SELECT rule, seen_count, cwe FROM ai_code_suggestions ORDER BY id"
        )
        assert await cursor.fetchall() == [
            ("sql-injection", 2, "CWE-89"),
            ("command-injection", 2, "CWE-78"),
        ]


def planted(dice: random.Random) -> tuple[str, list[str]]:
    """Lines of code with a fresh secret of every kind, and the secrets."""
    shaped = [make(dice) for make in SHAPED.values()]
    bodies = [SHAPED["base64"](dice) for _ in range(2)]
    said = [spoken(dice) for _ in NEXT_TO]
    lines = [f'use("{secret}")  # {secret}' for secret in shaped]
    lines.append(f'KEY = """{PEM.format(*bodies)}"""')
    lines += [
        text.format(secret)
        for text, secret in zip(NEXT_TO.values(), said, strict=True)
        if "const" not in text and "\n" not in text
    ]
    code = "".join(f"    {line}\n" for line in lines)
    return code, [one for one in (*shaped, *bodies, *said) if one in code]


def requests(code: str, secret: str) -> dict[str, dict[str, Json]]:
    """The same secrets through every form of a request."""
    view = PROJECT[VIEWS].replace(LINE, code + LINE)
    files = {**PROJECT, VIEWS: view}
    script = {"app/static/a.js": f"const apiKey = '{secret}';\neval(location.hash);\n"}
    return {
        "snippet": {"code": view, "file_path": VIEWS},
        "files": {"files": files | script},
        "diff": {"files": PROJECT, "diff": unified(VIEWS, PROJECT[VIEWS], view)},
        "path": {"path": "."},
        "error": {
            "error": f"OperationalError: cannot log in with password={secret}",
            "stack_trace": STACK.format(secret),
            "context": {"password": secret, "note": f"the token is {secret}"},
            "files": files,
        },
    }


@pytest.mark.timeout(180)
async def test_secrets_are_found_nowhere(
    database: str, aconnection: Connection, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Fresh secrets of every kind, through every form: in no call, table, log or metric."""
    code, secrets = planted(random.Random())
    asked = requests(code, secrets[0])
    for name, text in asked["files"]["files"].items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    async with (
        ModelServer().running() as server,
        running(
            database, CATALOG, openai_base_url=server.url, code_monitor_path=str(tmp_path),
            enable_code_monitoring=False,
        ) as daemon,
    ):  # fmt: skip
        for form, wish in asked.items():
            [request_id] = await insert(aconnection, "code_analysis", **wish)
            row = await becomes(aconnection, request_id, "completed", 55.0)
            assert row["error"] is None, form
        metrics = generate_latest(daemon.meters.registry).decode()
    assert server.count() >= len(asked)
    told = {
        "model": json.dumps([call.body for call in server.calls]),
        "log": "".join(capfd.readouterr()),
        "metrics": metrics,
        **await tables(aconnection),
    }
    leaks = [
        (place, secret)
        for place, text in told.items()
        for secret in secrets
        if secret in text or json.dumps(secret)[1:-1] in text
    ]
    assert leaks[:9] == []
    assert len(secrets) > 30
    assert any("__SECRET_" in text for text in told.values())


async def tables(connection: Connection) -> dict[str, str]:
    """Everything that is written down, but for what the caller wrote himself."""
    cursor = await connection.execute(
        "SELECT table_name FROM information_schema.tables"
        " WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name LIKE 'ai\\_%'"
    )
    found = {}
    for (table,) in await cursor.fetchall():
        whole = "to_jsonb(t) - 'input_data'" if table == "ai_requests" else "to_jsonb(t)"
        query = f"SELECT coalesce(string_agg(({whole})::text, ' '), '') FROM {table} t"
        cursor = await connection.execute(query.encode())
        row = await cursor.fetchone()
        assert row is not None
        found[table] = row[0]
    return found


async def test_an_analysis_never_holds_the_loop(database: str, aconnection: Connection) -> None:
    """Thousands of lines are analysed while no callback takes the loop for 50 ms."""
    files = code_app.clean(16)
    assert sum(text.count("\n") for text in files.values()) > 2_500
    async with running(database, CATALOG):
        [warm] = await insert(aconnection, "code_analysis", code="x = 1\n")
        await becomes(aconnection, warm, "completed", 50.0)

        async def work() -> None:
            [request_id] = await insert(
                aconnection, "code_analysis", files={**files, VIEWS: PROJECT[VIEWS]}
            )
            await becomes(aconnection, request_id, "completed", 55.0)

        assert await too_long(work, LONGEST_SECONDS) == []


async def test_a_cancelled_analysis_leaves_no_process(
    database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled while it analyses, a request ends, and its process with all it started too."""
    started: list[asyncio.subprocess.Process] = []
    real = asyncio.create_subprocess_exec

    async def noted(*args: Any, **more: Any) -> asyncio.subprocess.Process:
        process = await real(*args, **more)
        started.append(process)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    files: Mapping[str, str] = code_app.clean(16)
    async with running(database, CATALOG):
        [request_id] = await insert(aconnection, "code_analysis", files=files)
        await eventually(lambda: bool(started), 30.0, what="the process is started")
        await aconnection.execute(
            "UPDATE ai_requests SET cancel_requested_at = now() WHERE id = %s", (request_id,)
        )
        await becomes(aconnection, request_id, "cancelled", 30.0)
        assert [process.returncode for process in started] == [-9]
