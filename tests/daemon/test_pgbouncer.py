"""Behind a real PgBouncer: in transaction mode it says so and polls, in session mode it hears."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from daemon import statements
from daemon.errors import EXIT_CONFIGURATION
from daemon.health import doctor
from daemon.health.checker import Checker
from daemon.health.session import Session
from tests.kit.process import DaemonProcess, free_port
from tests.kit.signals import until
from tests.kit.worker import becomes, count, insert, settings

Connection = psycopg.AsyncConnection[Any]
BINARY = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
UNTOUCHED = {
    "statement_timeout": "0",
    "default_transaction_read_only": "off",
    "enable_seqscan": "on",
}
pytestmark = pytest.mark.skipif(
    BINARY is None, reason="pgbouncer is not installed (Debian: apt-get install pgbouncer)"
)


@pytest.fixture
def pooled(database: str) -> Iterator[str]:
    """The database through a PgBouncer of this test's own, in transaction mode."""
    with bouncer(database, "transaction") as url:
        yield url


@pytest.fixture
def session_pooled(database: str) -> Iterator[str]:
    """The same in session mode: a client keeps its server until it leaves."""
    with bouncer(database, "session") as url:
        yield url


@contextmanager
def bouncer(database: str, mode: str) -> Iterator[str]:
    """A PgBouncer before a database; yields the URL through it."""
    assert BINARY is not None
    parts = urlsplit(database)
    port = free_port()
    # Not pytest's folder, which another user may not enter.
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    (folder / "users.txt").write_text(f'"{parts.username}" "{parts.password}"\n')
    (folder / "pgbouncer.ini").write_text(
        "[databases]\n"
        f"* = host={parts.hostname} port={parts.port}\n"
        "[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = scram-sha-256\nauth_file = {folder}/users.txt\n"
        f"pool_mode = {mode}\n"
        "ignore_startup_parameters = extra_float_digits\n"
    )
    command = [BINARY, str(folder / "pgbouncer.ini")]
    if os.geteuid() == 0:
        # It refuses to run as root.
        user = pwd.getpwnam("nobody")
        for path in (folder, *folder.iterdir()):
            os.chown(path, user.pw_uid, user.pw_gid)
        command += ["-u", user.pw_name]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            url = parts._replace(
                netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}"
            ).geturl()
            until(lambda: _answers(url), what="PgBouncer answers")
            yield url
        finally:
            server.terminate()
            shutil.rmtree(folder)


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=2, prepare_threshold=None) as connection:
            return connection.execute("SELECT true").fetchone() == (True,)
    except psycopg.OperationalError:
        return False


def child(**env: str) -> DaemonProcess:
    return DaemonProcess(env, (), program=(sys.executable, "-m", "tests.kit.child"))


async def test_journey_by_polling(pooled: str, database: str, aconnection: Connection) -> None:
    """Requests are answered by polling, deafness is told once, and no lock or SET leaks."""
    with child(DATABASE_URL=pooled, POLL_SECONDS="0.5") as daemon:
        await daemon.await_event("ready", 40)
        event = await daemon.await_event("listener_deaf", 20)
        assert "DATABASE_UNPOOLED_URL" in event["reason"]
        for request_id in await insert(aconnection, "test_echo", 5):
            await becomes(aconnection, request_id, "completed", 10)
        [nonsense] = await insert(aconnection, "nonsense")
        await becomes(aconnection, nonsense, "failed", 10)
        assert len(daemon.seen("listener_deaf")) == 1
        locks = (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        assert await count(aconnection, locks) == 0
        with psycopg.connect(pooled, autocommit=True, prepare_threshold=None) as app:
            for _ in range(10):
                assert app.execute("SHOW statement_timeout").fetchone() == ("0",)


async def test_sessions_with_lasting_snapshots_are_refused(
    database: str, aconnection: Connection
) -> None:
    """Behind it no session can be made to look anew after each wait: the start says what to do."""
    name = psycopg.sql.Identifier(aconnection.info.dbname)
    level = psycopg.sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = 'serializable'")
    await aconnection.execute(level.format(name))
    with bouncer(database, "transaction") as url, child(DATABASE_URL=url) as daemon:
        assert await asyncio.to_thread(daemon.wait, 30) == EXIT_CONFIGURATION
        assert "SERIALIZABLE; ours must be READ COMMITTED" in daemon.report()
        assert "ALTER ROLE" in daemon.report()


async def test_unpooled_url_is_preferred(
    pooled: str, database: str, aconnection: Connection
) -> None:
    """With DATABASE_UNPOOLED_URL it hears, also when everything else goes through the pooler."""
    with child(DATABASE_URL=pooled, DATABASE_UNPOOLED_URL=database, POLL_SECONDS="3600") as daemon:
        await daemon.await_event("ready", 40)
        assert daemon.seen("listener_connected")
        [request_id] = await insert(aconnection, "test_echo")
        await becomes(aconnection, request_id, "completed", 10)


async def test_health_behind_it(pooled: str, database: str) -> None:
    """Every check can be made through the pooler, and doctor names it and what to do."""
    checker = Checker(Session(pooled, "w1"), statements.load())
    try:
        results = await checker.run()
    finally:
        await checker.close()
    assert [result.check for result in results if result.status == "unknown"] == []
    with psycopg.connect(pooled, autocommit=True, prepare_threshold=None) as app:
        for name, value in UNTOUCHED.items():
            assert app.execute(f"SHOW {name}".encode()).fetchone() == (value,)
    found = {f.name: f for f in (await doctor.examine(settings(pooled), pooled)).findings}
    assert found["pooler"].status == found["listener"].status == "critical"
    assert "DATABASE_UNPOOLED_URL" in found["pooler"].remedy
    both = settings(pooled, database_unpooled_url=database)
    found = {f.name: f for f in (await doctor.examine(both, pooled)).findings}
    assert found["pooler"].status == found["listener"].status == "healthy"


async def test_journey_in_session_mode(session_pooled: str, aconnection: Connection) -> None:
    """Through a pooler that keeps sessions it hears without a direct URL, and cancels at once."""
    with child(DATABASE_URL=session_pooled, POLL_SECONDS="3600") as daemon:
        await daemon.await_event("ready", 40)
        await daemon.await_event("listener_connected", 20)
        for request_id in await insert(aconnection, "test_echo", 5):
            await becomes(aconnection, request_id, "completed", 10)
        [slow] = await insert(aconnection, "test_sleep", seconds=600)
        await becomes(aconnection, slow, "running", 10)
        await aconnection.execute(
            "UPDATE ai_requests SET cancel_requested_at = now() WHERE id = %s", [slow]
        )
        await becomes(aconnection, slow, "cancelled", 10)
        assert not daemon.seen("listener_deaf")
        with psycopg.connect(session_pooled, autocommit=True) as app:
            assert app.execute("SHOW statement_timeout").fetchone() == ("0",)


async def test_doctor_in_session_mode(session_pooled: str) -> None:
    """Doctor hears its notification come back and calls such a pooler well."""
    report = await doctor.examine(settings(session_pooled), session_pooled)
    found = {finding.name: finding for finding in report.findings}
    assert found["pooler"].status == found["listener"].status == "healthy"
    assert "session mode" in found["pooler"].message
