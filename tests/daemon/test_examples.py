"""The main app's files of docs/examples work as they stand, with both of its drivers."""

from __future__ import annotations

import asyncio
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import psycopg
import psycopg2
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from agents.catalog import AGENTS
from daemon.demo.gym import load
from tests.kit import worker
from tests.kit.http import SERVICE_KEY
from tests.kit.postgres import ROOT
from tests.kit.process import clean_environment

FOLDER = ROOT / "docs" / "examples"
DRIVERS = [psycopg2.connect, psycopg.connect]


@pytest.fixture
def fitness_ai(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The client file, found as the main app would find it."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module("fitness_ai")
    for name in ("fitness_ai", "flask_example", "http_example"):
        sys.modules.pop(name, None)


async def test_client(database: str, fitness_ai: Any) -> None:
    """Submit, wait, result and cancel do what they say, with psycopg2 and with psycopg."""

    def use(connect: Any) -> None:
        with closing(connect(database)) as connection:
            asked = fitness_ai.submit(connection, "test_echo", {"text": "a"}, idempotency_key="k")
            assert asked == fitness_ai.submit(connection, "test_echo", {}, idempotency_key="k")
            connection.commit()
            answer = fitness_ai.wait(connection, asked)
            assert (answer["status"], answer["result"]["said"]) == ("completed", "a")
            assert fitness_ai.result(connection, asked)["error"] is None
            assert not fitness_ai.cancel(connection, asked)

            forgotten = fitness_ai.submit(connection, "test_echo", {})
            connection.rollback()
            with pytest.raises(LookupError):
                fitness_ai.result(connection, forgotten)

            slow = fitness_ai.submit(connection, "test_sleep", {"seconds": 600})
            connection.commit()
            assert fitness_ai.wait(connection, slow, 0)["status"] in {"pending", "running"}
            assert fitness_ai.cancel(connection, slow)
            connection.commit()
            assert fitness_ai.wait(connection, slow)["status"] == "cancelled"

            wrong = fitness_ai.submit(connection, "test_echo", {"text": 5})
            connection.commit()
            assert fitness_ai.wait(connection, wrong)["error"]["code"] == "invalid_input"
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM ai_requests")
            connection.commit()

    async with worker.running(database):
        for connect in DRIVERS:
            await asyncio.to_thread(use, connect)


async def test_flask(database: str, fitness_ai: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The view answers with exercises, with the reason for a failure, with 202 and an id, or with
    409 where nothing will come any more."""
    catalog = {"workout_optimization": AGENTS["workout_optimization"]}
    with psycopg.connect(database) as connection:
        load(connection, clients=4)
    view = importlib.import_module("flask_example").recommendations

    def use() -> None:
        with closing(psycopg2.connect(database)) as connection:
            body, status = view(connection, 1)
            assert (status, body["success"]) == (200, True), body
            assert body["recommendations"]
            body, status = view(connection, -1)
            assert (status, body["success"]) == (422, False)
            assert "client_id" in body["error"]

    async with worker.running(database, catalog):
        await asyncio.to_thread(use)
    with closing(psycopg2.connect(database)) as connection:
        body, status = view(connection, 1, seconds=0)
        assert (status, body["status"]) == (202, "pending")
        module = importlib.import_module("flask_example")
        monkeypatch.setattr(module, "wait", lambda *_: {"status": "cancelled"})
        body, status = view(connection, 1)
        assert (status, body["status"]) == (409, "cancelled")


class _Bound:
    """Flask-SQLAlchemy's `db`: its engine is to be had within an app's context alone."""

    within = False

    @property
    def engine(self) -> Any:
        if not self.within:
            raise RuntimeError("Working outside of application context.")
        return SimpleNamespace(raw_connection=lambda: "a connection")


def test_connect_of_flask_sqlalchemy(fitness_ai: Any) -> None:
    """What the Flask example names for `connect` can be written where the app is made."""
    told = str(importlib.import_module("flask_example").__doc__)
    [named] = re.findall(r"``([^`]*raw_connection[^`]*)``", told)
    db = _Bound()
    connect = eval(named, {"db": db})  # noqa: S307 - our own example's
    db.within = True
    assert connect() == "a connection"


def _answering(status: int) -> web.Application:
    async def page(_: web.Request) -> web.Response:
        return web.Response(status=status, text="<h1>Application failed to respond</h1>")

    app = web.Application()
    app.router.add_post("/api/execute", page)
    return app


async def test_http(database: str, fitness_ai: Any) -> None:
    """The HTTP example asks, prints what came, and hands on a refusal as an answer."""
    execute = importlib.import_module("http_example").execute
    async with worker.running(database, main_app_api_key=SERVICE_KEY) as daemon:
        url = f"http://127.0.0.1:{daemon.site.port}"
        good = await asyncio.to_thread(execute, url, SERVICE_KEY, "test_echo", {"text": "a"})
        assert (good["success"], good["results"]["said"]) == (True, "a")
        bad = await asyncio.to_thread(execute, url + "/", "wrong", "test_echo", {})
        assert (bad["success"], bad["code"]) == (False, "unauthorised")
        away = await asyncio.to_thread(execute, "http://127.0.0.1:1", "any", "test_echo", {})
        assert (away["success"], away["code"]) == (False, "unreachable")
        for status in (200, 502):  # a proxy before a service that is away answers in its own way
            async with TestServer(_answering(status)) as proxy:
                page = await asyncio.to_thread(execute, str(proxy.make_url("")), "any", "x", {})
                assert (page["success"], page["code"]) == (False, "unreachable")
        told = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, str(FOLDER / "http_example.py"), "1"],
            env=clean_environment()
            | {"AI_ORCHESTRATOR_URL": url, "AI_ORCHESTRATOR_KEY": SERVICE_KEY},
            capture_output=True,
            text=True,
            check=True,
        )
        assert "unknown_task_type" in told.stdout
