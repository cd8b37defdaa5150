"""Secrets of the environment stay there, whatever goes wrong while the service runs."""

from __future__ import annotations

import re
import secrets
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import psycopg
import pytest
from aiohttp import web

from daemon.demo.gym import load
from daemon.demo.model_server import ModelServer, running_server
from daemon.settings import Settings
from daemon.web.api.routes import ROUTES
from daemon.web.gui.app import build
from tests.kit.process import DaemonProcess, free_port
from tests.kit.signals import until

TOKENS = {
    name.upper(): secrets.token_urlsafe(24)
    for name, info in Settings.model_fields.items()
    if "Secret" in str(info.annotation) and "DATABASE" not in name.upper()
} | {"LANGCHAIN_API_KEY": secrets.token_urlsafe(24)}


def fetched(url: str, **headers: str) -> str:
    """Body and headers of an answer, of a refusal too."""
    try:
        asked = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return f"{answer.headers}{answer.read().decode()}"
    except urllib.error.HTTPError as error:
        return str(error.headers) + error.read().decode()


def command_lines() -> str:
    """The titles of all processes, the database's own too, as `ps` shows them to everybody
    (Linux)."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            found.append(file.read_bytes().decode(errors="replace"))
    return " ".join(found)


class Person:
    """A browser in which the admin is signed in."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        self.get("/gui/login", urlencode({"key": key}).encode())

    def get(self, path: str, form: bytes | None = None) -> str:
        """Headers and body of what a path shows, its redirects followed."""
        asked = urllib.request.Request(self._url + path, form, {"Origin": self._url})
        try:
            with self._browser.open(asked, timeout=20) as answer:
                return f"{answer.headers}{answer.read().decode(errors='replace')}"
        except urllib.error.HTTPError as error:
            return str(error.headers) + error.read().decode()


def shown_paths(request_id: int) -> list[str]:
    """Everything that can be looked at over HTTP, of the console and the API."""
    nobody: Any = None
    console = build(
        reader=nobody,
        texts=nobody,
        access=nobody,
        actions=nobody,
        registry=nobody,
        settings=nobody,
    )
    seen = [path for method, path in console.roles if method == "GET"]
    api = [route.path for route in ROUTES if route.method == "GET" and not route.events]
    numbered = [
        re.sub(r"\{[^{}]*(\{[^{}]*\})?[^{}]*\}", str(request_id), path) for path in seen + api
    ]
    return [path for path in numbered if path != "/gui/events"]


async def tell_all(
    server: ModelServer, request: web.Request, body: Mapping[str, Any]
) -> web.StreamResponse:
    """A provider that refuses, and repeats in its error everything that it was sent."""
    told = {"message": f"Incorrect API key: {dict(request.headers)}", "code": "invalid_api_key"}
    return web.json_response({"error": told}, status=401, headers={"x-echo": str(request.headers)})


def kept(connection: psycopg.Connection[Any], text: str) -> list[str]:
    """Our tables in which a text stands."""
    names = connection.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        " AND table_type = 'BASE TABLE' AND table_name LIKE 'ai\\_%'"
    ).fetchall()
    found = []
    for (name,) in names:
        query = f"SELECT FROM {name} t WHERE strpos(t::text, %s) > 0 LIMIT 1"
        if connection.execute(query.encode(), (text,)).fetchone() is not None:
            found.append(name)
    return found


@pytest.mark.timeout(150)
def test_secrets_are_nowhere(database: str) -> None:
    """No secret is in a process title, log line, metric, HTTP answer, page of the console, session
    or table, nor in what doctor says, also where a provider repeats what it was sent."""
    load(database, clients=2)
    planted = dict(TOKENS)
    if len(password := urlsplit(database).password or "") >= 12:
        planted["DATABASE_URL"] = password
    away = f"http://127.0.0.1:{free_port()}"
    hook = planted["ALERT_WEBHOOK_URL"] = secrets.token_urlsafe(24)
    beat = planted["HEARTBEAT_URL"] = secrets.token_urlsafe(24)
    planted["MAIN_APP_URL"] = secrets.token_urlsafe(24)
    models = ModelServer(script=deque([tell_all] * 50))
    environment = TOKENS | {
        "DATABASE_URL": database,
        "MAIN_APP_URL": away.replace("//", f"//app:{planted['MAIN_APP_URL']}@"),
        "ALERT_WEBHOOK_URL": f"{away}/{hook}",
        "HEARTBEAT_URL": f"{away}/{beat}",
        "LOG_LEVEL": "DEBUG",
    }
    with (
        running_server(models) as model_url,
        DaemonProcess(environment | {"OPENAI_BASE_URL": model_url}) as process,
        psycopg.connect(database, autocommit=True) as connection,
    ):
        process.wait_event("ready", 90)
        said = [fetched(process.base_url + "/api/health-status")]
        bearer = f"Bearer {TOKENS['ADMIN_API_KEY']}"
        for key in (TOKENS["MAIN_APP_API_KEY"], TOKENS["ADMIN_API_KEY"], "wrong"):
            said += [
                fetched(process.base_url + path, Authorization=f"Bearer {key}")
                for path in ("/api/agents", "/api/executions", "/gui", "/api/nowhere")
            ]
        asked = connection.execute(
            "SELECT ai_submit('workout_optimization', jsonb_build_object('client_id', 1))"
        ).fetchone()
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'ai-daemon/%' AND datname = current_database()"
        )
        ended = until(
            lambda: connection.execute(
                "SELECT status, mode FROM ai_requests WHERE id = %s AND finished_at IS NOT NULL",
                asked,
            ).fetchone(),
            60,
        )
        assert ended == ("completed", "degraded")
        assert models.count() > 0
        assert asked is not None
        said += [fetched(process.base_url + path) for path in ("/health", "/ready", "/metrics")]
        admin = Person(process.base_url, TOKENS["ADMIN_API_KEY"])
        assert "Sign out" in admin.get("/gui")
        paths = shown_paths(asked[0])
        assert len(paths) > 25
        said += [admin.get(path) for path in paths]
        said += [fetched(process.base_url + path, Authorization=bearer) for path in paths]
        doctor = DaemonProcess(environment | {"OPENAI_BASE_URL": model_url}, ("doctor",))
        with doctor:
            doctor.wait(60)
        sessions = connection.execute(
            "SELECT string_agg(concat(application_name, query), ' ') FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid()"
        ).fetchone()
        places = {
            "process titles": command_lines(),
            "doctor": repr(doctor.events) + repr(doctor.other_output),
            "HTTP answers": " ".join(said),
            "sessions": str(sessions),
        }
        process.terminate()
        assert process.wait() == 0
        places["the log"] = repr(process.events) + repr(process.other_output)
        assert "model" in places["the log"]
        found = [
            (name, place)
            for name, secret in planted.items()
            for place in [p for p, text in places.items() if secret in text]
            + kept(connection, secret)
        ]
    assert found == []


def test_a_bad_url_is_not_repeated() -> None:
    """A start whose URL cannot be read says which variable it was, not what stood in it."""
    secret = secrets.token_hex(12)
    bad = {"DATABASE_URL": f"postgresql://me:{secret}/x@127.0.0.1:5432/db"}
    with DaemonProcess(bad) as process:
        assert process.wait(60) == 78
        told = repr(process.events) + repr(process.other_output)
    assert "DATABASE_URL" in told
    assert "%2F" in told
    assert secret not in told
