"""Secrets of the environment stay there, whatever goes wrong while the service runs."""

from __future__ import annotations

import secrets
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from daemon.demo.gym import load
from daemon.settings import Settings
from tests.kit.process import DaemonProcess, free_port, process_state
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


def command_lines(process: DaemonProcess) -> str:
    """The titles of the service's processes, as `ps` shows them to everybody (Linux)."""
    folders = [Path(f"/proc/{pid}") for pid in (process.pid, *process.strays())]
    return " ".join(
        (folder / "cmdline").read_bytes().decode(errors="replace")
        for folder in folders
        if process_state(int(folder.name))
    )


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
    """No secret is in a process title, log line, metric, HTTP answer, session or table."""
    load(database, clients=2)
    planted = dict(TOKENS)
    if len(password := urlsplit(database).password or "") >= 12:
        planted["DATABASE_URL"] = password
    away = f"http://127.0.0.1:{free_port()}"
    hook = planted["ALERT_WEBHOOK_URL"] = secrets.token_urlsafe(24)
    beat = planted["HEARTBEAT_URL"] = secrets.token_urlsafe(24)
    environment = TOKENS | {
        "DATABASE_URL": database,
        "OPENAI_BASE_URL": f"{away}/v1",
        "MAIN_APP_URL": away,
        "ALERT_WEBHOOK_URL": f"{away}/{hook}",
        "HEARTBEAT_URL": f"{away}/{beat}",
        "LOG_LEVEL": "DEBUG",
    }
    with (
        DaemonProcess(environment) as process,
        psycopg.connect(database, autocommit=True) as connection,
    ):
        process.wait_event("ready", 90)
        said = [fetched(process.base_url + "/api/health-status")]
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
        said += [fetched(process.base_url + path) for path in ("/health", "/ready", "/metrics")]
        sessions = connection.execute(
            "SELECT string_agg(concat(application_name, query), ' ') FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid()"
        ).fetchone()
        places = {
            "process titles": command_lines(process),
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
