"""Secrets of the environment stay there, whatever goes wrong while the service runs."""

from __future__ import annotations

import re
import secrets
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
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


class Answer(NamedTuple):
    status: int
    said: str
    """Headers and body, of a refusal too."""

    @property
    def is_page(self) -> bool:
        return "Content-Type: text/html" in self.said


def fetched(
    url: str,
    form: bytes | None = None,
    opened: Callable[..., Any] = urllib.request.urlopen,
    **headers: str,
) -> Answer:
    """What a URL answers, its redirects followed."""
    asked = urllib.request.Request(url, form, headers)
    try:
        with opened(asked, timeout=20) as answer:
            body = answer.read().decode(errors="replace")
            return Answer(answer.status, f"{answer.headers}{body}")
    except urllib.error.HTTPError as error:
        return Answer(error.code, f"{error.headers}{error.read().decode()}")


def command_lines() -> str:
    """The titles of all processes, the database's own too, as `ps` shows them to everybody
    (Linux)."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            found.append(file.read_bytes().decode(errors="replace"))
    return " ".join(found)


class Person:
    """A browser in which somebody is signed in."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        self.get("/gui/login", urlencode({"key": key}).encode())
        assert "Sign out" in self.get("/gui").said

    def get(self, path: str, form: bytes | None = None) -> Answer:
        return fetched(self._url + path, form, self._browser.open, Origin=self._url)


def shown_paths(number: int) -> tuple[list[str], list[str]]:
    """Everything that can be looked at over HTTP, of the console and of the API.

    number: the id of a request, a suggestion and an agent.
    """
    nobody: Any = None
    console = build(
        reader=nobody,
        texts=nobody,
        access=nobody,
        actions=nobody,
        registry=nobody,
        settings=nobody,
    )
    seen = [path for method, path in console.roles if method == "GET" and path != "/gui/events"]
    api = [route.path for route in ROUTES if route.method == "GET" and not route.events]
    words = "{what:input|result}"
    seen = [path.replace(words, what) for path in seen for what in ("input", "result")]
    numbered = (
        [re.sub(r"\{id(:[^{}]*)?\}", str(number), path) for path in dict.fromkeys(paths)]
        for paths in (seen, api)
    )
    console_paths, api_paths = numbered
    return console_paths, api_paths


def everything(url: str, number: int) -> dict[str, Answer]:
    """What the admin is shown, by path; the console asks for a session, the API for the key."""
    admin = Person(url, TOKENS["ADMIN_API_KEY"])
    bearer = f"Bearer {TOKENS['ADMIN_API_KEY']}"
    console, api = shown_paths(number)
    pages = {path: admin.get(path) for path in console}
    assert [path for path, a in pages.items() if a.is_page and "Sign out" not in a.said] == []
    return pages | {
        path: fetched(url + path, Authorization=bearer)
        for path in (*api, "/health", "/ready", "/metrics")
    }


def to_others(url: str) -> list[Answer]:
    """What is said to the main app, to those who may not, and of what there is not."""
    main_app, admin = TOKENS["MAIN_APP_API_KEY"], TOKENS["ADMIN_API_KEY"]
    wanted = [("/api/agents", main_app, 200), ("/api/nowhere", main_app, 404)]
    wanted += [("/api/nowhere", admin, 404), ("/api/agents", "wrong", 401)]
    found = [fetched(url + path, Authorization=f"Bearer {key}") for path, key, _ in wanted]
    found.append(fetched(url + "/api/health-status"))
    found.append(fetched(url + "/gui/login", urlencode({"key": "wrong"}).encode(), Origin=url))
    assert [answer.status for answer in found] == [*(status for *_, status in wanted), 401, 401]
    return found


def asked(connection: psycopg.Connection[Any]) -> list[int]:
    """Ids of a plan and of a forecast, degraded, whose daemon lost its sessions meanwhile."""
    submit = "SELECT ai_submit(%s, jsonb_build_object('client_id', 1))"
    types = ("workout_optimization", "progress_monitoring")
    ids = [row[0] for one in types if (row := connection.execute(submit, (one,)).fetchone())]
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name LIKE 'ai-daemon/%' AND datname = current_database()"
    )
    ended = (
        "SELECT array_agg(status || ', ' || mode) FROM ai_requests WHERE id = ANY(%s)"
        " HAVING bool_and(finished_at IS NOT NULL)"
    )
    row = until(lambda: connection.execute(ended, (ids,)).fetchone(), 60)
    assert row is not None
    assert row[0] == ["completed, degraded"] * len(ids)
    return ids


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
        others = to_others(process.base_url)
        workout, progress = asked(connection)
        assert models.count() > 0
        connection.execute(
            "INSERT INTO ai_code_suggestions (id, file_path, issue_type, severity, description,"
            " suggestion) OVERRIDING SYSTEM VALUE VALUES (%s, 'a', 'bug', 'low', 'b', 'c')",
            (progress,),
        )
        answers = everything(process.base_url, progress)
        answers["workout"] = Person(process.base_url, TOKENS["ADMIN_API_KEY"]).get(
            f"/gui/requests/{workout}"
        )
        assert len(answers) > 30
        # A sweep may just have met one of the terminated sessions: not ready, for a second.
        assert answers["/ready"].status in {200, 503}
        refused = {path for path, a in answers.items() if a.status != 200} - {"/ready"}
        assert {path: answers[path].said for path in refused} == {}
        doctor = DaemonProcess(environment | {"OPENAI_BASE_URL": model_url}, ("doctor",))
        with doctor:
            assert doctor.wait(60) == 2, doctor.report()
        assert {"main_api.http:", "model.provider:"} <= set(doctor.report().split()), "it looked"
        sessions = connection.execute(
            "SELECT string_agg(concat(application_name, query), ' ') FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid()"
        ).fetchone()
        places = {
            "process titles": command_lines(),
            "doctor": repr(doctor.events) + repr(doctor.other_output),
            "HTTP answers": " ".join(a.said for a in (*answers.values(), *others)),
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
