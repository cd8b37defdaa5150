"""A database with a standby: one URL names both, and whoever takes writes is found."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import sqlalchemy as sa

from agents.crm import open_engine
from daemon.demo.gym import load
from tests.kit.process import DaemonProcess, free_port
from tests.kit.signals import until


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
