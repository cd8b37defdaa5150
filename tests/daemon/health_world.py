"""A small world to break: a database with a daemon that seems to live, and hands that inject."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from daemon.embedded import EmbeddedPostgres
from daemon.health import checker, process
from tests.kit.postgres import ROOT, InstalledPostgres, Server
from tests.kit.signals import until

PLANTED = "Zoe Plantagenet-4711"
"""Stands in statements and rows of others, and must never come out."""
PASSWORD = "made-up"
TABLES = ("visits", "members", "pair", "much", "more", "later")
"""What faults make, gone after each."""
DEBIAN = Path("/usr/lib/postgresql")
SETTINGS = {
    "max_prepared_transactions": "4",
    "superuser_reserved_connections": "160",
    "autovacuum_naptime": "1h",
    "deadlock_timeout": "10ms",
}
"""So that few connections are many, and no vacuum repairs what a fault has broken."""


def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give what depends on this machine's speed limits that a stalled one keeps, too."""
    for module, name in (
        (checker, "CONNECT"),
        (process, "LOOP_LAG"),
        (process, "POOL_WAIT"),
        (process, "CANARY"),
    ):
        check = replace(getattr(module, name), warning=20.0, critical=44.0)
        monkeypatch.setattr(module, name, check)


def installed(major: int) -> Path | None:
    """Where the machine has that major, if not among the embedded ones."""
    given = Path(os.environ.get("POSTGRES_FOLDER") or DEBIAN / str(major))
    return given if (given / "bin" / "postgres").exists() else None


@contextmanager
def server_of(major: int) -> Iterator[Server]:
    """A server of that major for faults that shake a whole server, with a role ``plain``."""
    token = secrets.token_hex(4)
    folder = ROOT / ".data" / "test" / f"drill-{token}"
    if found := installed(major):
        postgres: EmbeddedPostgres = InstalledPostgres(folder, found, durable=False)
    else:
        postgres = EmbeddedPostgres(folder, major=major, durable=False)
    try:
        with postgres, psycopg.connect(postgres.dsn(), autocommit=True) as admin:
            for name, value in SETTINGS.items():
                admin.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
            admin.execute(f"CREATE ROLE plain LOGIN PASSWORD '{PASSWORD}'".encode())
        with postgres:
            server = Server(postgres.dsn(), token)
            yield server
            server.disconnect()
    finally:
        shutil.rmtree(postgres.home, ignore_errors=True)


@dataclass
class World:
    """One database of one server. dsn: the superuser's URL."""

    dsn: str
    opened: list[psycopg.Connection[Any]] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def connect(
        self, name: str = "gym-app", role: str | None = None, *, autocommit: bool = True
    ) -> psycopg.Connection[Any]:
        """Another session, closed with the world. role: who logs in; the superuser for None."""
        url = self.dsn
        if role is not None:
            parts = urlsplit(url)
            netloc = f"{role}:{PASSWORD}@{parts.hostname}:{parts.port}"
            url = parts._replace(netloc=netloc).geturl()
        connection = psycopg.connect(url, autocommit=autocommit, application_name=name)
        self.opened.append(connection)
        return connection

    def run(self, *statements: str) -> None:
        """Statements of the superuser, each committed."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def value(self, query: str) -> Any:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None

    def forge(self, *statements: str) -> None:
        """Rows as they are, past every trigger."""
        with psycopg.connect(self.dsn) as connection:
            connection.execute("SET LOCAL session_replication_role = replica")
            for statement in statements:
                connection.execute(statement.encode())

    def behind(self, connection: psycopg.Connection[Any], statement: str) -> None:
        """Run a statement in a thread: it will wait, and may be broken off."""

        def work() -> None:
            with suppress(psycopg.Error):
                connection.execute(statement.encode())

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self.threads.append(thread)

    def waits(self, what: str, query: str) -> None:
        """Until a query of the superuser says true."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:

            def look() -> bool:
                row = connection.execute(query.encode()).fetchone()
                return bool(row and row[0])

            until(look, what=what)

    def close(self) -> None:
        """End every session and thread."""
        for connection in self.opened:
            with suppress(psycopg.Error):
                connection.cancel()
            with suppress(psycopg.Error):
                connection.close()
        for thread in self.threads:
            thread.join(10)
        self.opened.clear()
        self.threads.clear()


@contextmanager
def living(dsn: str) -> Iterator[World]:
    """A world in which a daemon listens and gives signs of life."""
    world = World(dsn)
    with psycopg.connect(
        dsn, autocommit=True, application_name="ai-daemon/w1/listener"
    ) as listener:
        listener.execute("LISTEN ai_requests")
        world.run(
            "INSERT INTO ai_workers (worker_id, version, host, pid, concurrency, state,"
            " heartbeat_at) VALUES ('w1', '1', 'h', 1, 20, 'ready', now() + interval '5 minutes')"
            " ON CONFLICT (worker_id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at"
        )
        try:
            yield world
        finally:
            world.close()
            world.run(f"DROP TABLE IF EXISTS {', '.join(TABLES)}")


class Clock:
    """A monotonic clock that a test moves on."""

    def __init__(self) -> None:
        self.ahead_seconds = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_seconds
