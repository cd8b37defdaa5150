"""A database with a standby: one URL names both, and whoever takes writes is found."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import sqlalchemy as sa

from agents.crm import open_engine
from daemon.database import Database
from daemon.demo.gym import load
from tests.kit.process import DaemonProcess, free_port
from tests.kit.signals import until

NOTICING = (
    "SELECT string_agg(setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN"
    " ('tcp_keepalives_idle', 'tcp_keepalives_interval', 'tcp_keepalives_count',"
    " 'tcp_user_timeout')"
)


def with_a_dead_host(dsn: str) -> str:
    """The URL, with a host before its own on which nobody answers."""
    parts = urlsplit(dsn)
    credentials, at, host = parts.netloc.rpartition("@")
    hosts = f"127.0.0.1:{free_port()},{host}"
    return urlunsplit(
        parts._replace(netloc=f"{credentials}{at}{hosts}", query="target_session_attrs=read-write")
    )


def test_agents_find_the_living_host(database: str) -> None:
    """The agents' own connections take the same URL as all others."""
    engine = open_engine(with_a_dead_host(database))
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT current_database()")) in database
    engine.dispose()


async def test_vanished_hosts_leave_no_sessions(database: str) -> None:
    """Every kind of connection has the server notice within a minute that its host is gone."""
    ours = Database(database, database, "w1")
    await ours.open()
    told = {}
    try:
        pools = (ours.pool, ours.reader, ours.web_read, ours.web_write)
        for pool in pools:
            async with pool.connection() as lent:
                told[pool.name] = await noticing(lent)
        for role, opened in (
            ("listener", await ours.direct("listener")),
            ("late", await ours.patient("late")),
        ):
            told[role] = await noticing(opened)
            await opened.close()
        beating = ours.heartbeat()
        row = beating.execute(NOTICING.encode()).fetchone()
        told["heartbeat"] = str(row and row[0])
        beating.close()
    finally:
        await ours.close()
    engine = open_engine(database)
    with engine.connect() as agents:
        told["agents"] = agents.scalar(sa.text(NOTICING))
    engine.dispose()
    assert set(told.values()) == {"3 30 10 30000"}, told


async def noticing(connection: psycopg.AsyncConnection[Any]) -> str:
    row = await (await connection.execute(NOTICING.encode())).fetchone()
    return str(row and row[0])


@pytest.mark.timeout(120)
def test_service_with_a_standby_in_its_url(database: str) -> None:
    """The service starts, listens and answers although the first host of its URL is away."""
    load(database, clients=2)
    with (
        DaemonProcess({"DATABASE_URL": with_a_dead_host(database)}) as process,
        psycopg.connect(database, autocommit=True) as connection,
    ):
        process.wait_event("ready", 90)
        asked = "SELECT ai_submit('progress_monitoring', '{\"client_id\": 1}')"
        asked_id = connection.execute(asked.encode()).fetchone()
        row = until(
            lambda: connection.execute(
                "SELECT status, error FROM ai_requests WHERE id = %s AND finished_at IS NOT NULL",
                asked_id,
            ).fetchone(),
            60,
        )
        assert row == ("completed", None)
        process.terminate()
        assert process.wait() == 0
