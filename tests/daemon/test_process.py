"""The daemon as a process: it drains, answers while it cannot work, and ends when it is stuck."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from daemon import migrate
from daemon.embedded import EmbeddedPostgres
from tests.kit.process import DaemonProcess, ended, free_port
from tests.kit.proxy import Proxy
from tests.kit.signals import eventually
from tests.kit.worker import becomes, count, insert, request

Connection = psycopg.AsyncConnection[Any]
CHILD = (sys.executable, "-m", "tests.kit.child")


def child(database: str, **env: str) -> DaemonProcess:
    """A daemon with the test agents."""
    return DaemonProcess({"DATABASE_URL": database} | env, (), program=CHILD)


def get(url: str) -> tuple[int, Any]:
    """Status and JSON of a GET."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def read(url: str) -> str:
    """The text at a URL."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
    return text


async def fetch(url: str) -> tuple[int, Any]:
    return await asyncio.to_thread(get, url)


def answers(url: str, status: int) -> Callable[[], Any]:
    """A condition: GET url gives this status."""

    async def look() -> bool:
        try:
            return (await fetch(url))[0] == status
        except OSError:
            return False

    return look


async def test_sigterm_waits_for_what_runs(database: str, aconnection: Connection) -> None:
    """A stop lets running requests end, takes no new ones, is not ready meanwhile, and exits 0."""
    with child(database) as daemon:
        await daemon.await_event("ready", 30)
        [running] = await insert(aconnection, "test_sleep", seconds=2)
        await becomes(aconnection, running, "running")
        daemon.terminate()
        await daemon.await_event("draining")
        [late] = await insert(aconnection, "test_echo")
        status, body = await fetch(f"{daemon.base_url}/ready")
        assert (status, body["reasons"][0]) == (503, "draining")
        assert (await fetch(f"{daemon.base_url}/health"))[0] == 200
        assert await asyncio.to_thread(daemon.wait, 20) == 0
        assert (await request(aconnection, running))["status"] == "completed"
        assert (await request(aconnection, late))["status"] == "pending"


async def test_drain_gives_back_what_takes_too_long(
    database: str, aconnection: Connection
) -> None:
    """After DRAIN_SECONDS what still runs goes back at once, its attempt given back."""
    with child(database, DRAIN_SECONDS="1", WORKER_CONCURRENCY="20") as daemon:
        await daemon.await_event("ready", 30)
        ids = await insert(aconnection, "test_sleep", 20, seconds=600)
        for request_id in ids:
            await becomes(aconnection, request_id, "running")
        daemon.terminate()
        assert await asyncio.to_thread(daemon.wait, 20) == 0
        for request_id in ids:
            row = await request(aconnection, request_id)
            assert (row["status"], row["attempt"], row["fence"]) == ("pending", 0, 1)
        assert await count(aconnection, "SELECT count(*) FROM ai_leases") == 0
        stopped = "SELECT count(*) FROM ai_workers WHERE state = 'stopped'"
        assert await count(aconnection, stopped) == 1


async def test_second_signal_ends_at_once(database: str, aconnection: Connection) -> None:
    """A second SIGTERM does not wait, and says so by status 130."""
    with child(database) as daemon:
        await daemon.await_event("ready", 30)
        [request_id] = await insert(aconnection, "test_sleep", seconds=600)
        await becomes(aconnection, request_id, "running")
        daemon.terminate()
        await daemon.await_event("draining")
        daemon.terminate()
        assert await asyncio.to_thread(daemon.wait, 5) == 130


@contextmanager
def at_a_terminal() -> Iterator[None]:
    """Also where these tests were started with nohup, which their children inherit."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_a_closed_terminal_is_no_crash(database: str, aconnection: Connection) -> None:
    """SIGHUP, once or twice, drains; who started the daemon with nohup has it live on."""
    with at_a_terminal(), child(database) as daemon:
        await daemon.await_event("ready", 30)
        [running] = await insert(aconnection, "test_sleep", seconds=1)
        await becomes(aconnection, running, "running")
        os.kill(daemon.pid, signal.SIGHUP)
        await daemon.await_event("draining")
        os.kill(daemon.pid, signal.SIGHUP)
        assert await asyncio.to_thread(daemon.wait, 20) == 0
        assert (await request(aconnection, running))["status"] == "completed"
    nohup = ("nohup", *CHILD)
    with DaemonProcess({"DATABASE_URL": database}, (), program=nohup) as daemon:
        await daemon.await_event("ready", 30)
        os.kill(daemon.pid, signal.SIGHUP)
        [asked] = await insert(aconnection, "test_echo")
        await becomes(aconnection, asked, "completed")
        assert daemon.seen("stop_requested") == []


async def test_wish_to_drain_in_the_database(database: str, aconnection: Connection) -> None:
    """ai_workers.drain_requested_at drains a daemon that nobody can send a signal to."""
    with child(database) as daemon:
        await daemon.await_event("ready", 30)
        await aconnection.execute("UPDATE ai_workers SET drain_requested_at = now()")
        assert await asyncio.to_thread(daemon.wait, 40) == 0


async def test_killed_daemon_is_replaced_by_the_next(
    database: str, aconnection: Connection
) -> None:
    """kill -9 in the middle of an attempt: the next daemon answers the request, once."""
    with child(database, LEASE_SECONDS="3") as first:
        await first.await_event("ready", 30)
        [request_id] = await insert(aconnection, "test_sleep", seconds=1.5)
        await becomes(aconnection, request_id, "running")
        first.kill()
    with child(database, LEASE_SECONDS="3") as second:
        row = await becomes(aconnection, request_id, "completed", 50)
        assert (row["attempt"], row["fence"], row["lost_count"]) == (2, 2, 1)
        assert await count(aconnection, "SELECT count(*) FROM ai_results") == 1
        second.terminate()
        assert await asyncio.to_thread(second.wait, 20) == 0


async def test_zombie_changes_nothing(database: str, aconnection: Connection) -> None:
    """A daemon stopped beyond its lease and continued has lost its attempt; the other's counts."""
    with (
        child(database, LEASE_SECONDS="3") as zombie,
        child(database, LEASE_SECONDS="3", WORKER_CONCURRENCY="5") as other,
    ):
        await zombie.await_event("ready", 30)
        await other.await_event("ready", 30)
        await aconnection.execute("UPDATE ai_control SET concurrency = 1")
        [request_id] = await insert(aconnection, "test_sleep", seconds=3)
        await becomes(aconnection, request_id, "running")
        first = f"SELECT count(*) FROM ai_attempts WHERE worker_id LIKE '%%-{zombie.pid}-%%'"
        owner, taker = (zombie, other) if await count(aconnection, first) else (other, zombie)
        owner.freeze()
        await taker.await_event("attempt_started", 40, request_id=request_id)
        row = await becomes(aconnection, request_id, "completed", 30)
        owner.thaw()
        await owner.await_event("lease_lost", 20)
        assert await request(aconnection, request_id) == row
        assert row["fence"] == 2


async def test_open_core_answers_while_the_database_is_away(
    database: str, aconnection: Connection
) -> None:
    """Without the database /health and /metrics answer, /ready says why not; it comes back."""
    with Proxy.before(database) as proxy, child(proxy.through(database)) as daemon:
        await daemon.await_event("ready", 30)
        proxy.refuse()
        await eventually(answers(f"{daemon.base_url}/ready", 503), 30)
        status, body = await fetch(f"{daemon.base_url}/ready")
        assert body["reasons"] == ["the database does not answer, or takes no writes"]
        status, body = await fetch(f"{daemon.base_url}/health")
        assert (status, body["status"], body["database"]) == (200, "degraded", "away")
        assert "ai_listener_connected 0.0" in await asyncio.to_thread(
            read, f"{daemon.base_url}/metrics"
        )
        proxy.forward()
        await eventually(answers(f"{daemon.base_url}/ready", 200), 30)
        [request_id] = await insert(aconnection, "test_echo")
        await becomes(aconnection, request_id, "completed")


@pytest.mark.parametrize("setting", ["datestyle = 'German, DMY'", "client_encoding = 'LATIN1'"])
async def test_a_database_that_writes_otherwise(
    database: str, aconnection: Connection, setting: str
) -> None:
    """What the database, or our role, sets as DateStyle or encoding is for others: we read ISO
    dates and write every letter."""
    name = psycopg.sql.Identifier(aconnection.info.dbname)
    otherwise = psycopg.sql.SQL("ALTER DATABASE {} SET " + setting)
    await aconnection.execute(otherwise.format(name))
    with child(database) as daemon:
        await daemon.await_event("ready", 30)
        [asked] = await insert(aconnection, "test_echo", text="Łucja → 2 €")
        await becomes(aconnection, asked, "completed")
        env = {"DATABASE_URL": database, "DATABASE_UNPOOLED_URL": "", "OPENAI_API_KEY": ""}
        _, doctor = await asyncio.to_thread(ended, "doctor", env=env)
        assert "listener" in doctor.report()
        assert "Traceback" not in doctor.report()


async def test_start_waits_for_the_database(database: str, aconnection: Connection) -> None:
    """A daemon started before its database answers /health, and works once that is there."""
    with Proxy.before(database) as proxy:
        proxy.refuse()
        with child(proxy.through(database)) as daemon:
            await daemon.await_event("database_unavailable", 30)
            assert (await fetch(f"{daemon.base_url}/health"))[1]["state"] == "starting"
            assert (await fetch(f"{daemon.base_url}/ready"))[0] == 503
            proxy.forward()
            await daemon.await_event("ready", 30)


async def test_a_role_that_may_write_nothing(private_server: EmbeddedPostgres) -> None:
    """Whoever is read-only by a setting waits, says which, and goes on once it is gone: at the
    start as well as later, when only new sessions come to know of it."""
    admin_url = private_server.dsn()
    migrate.upgrade(admin_url)
    role = urlsplit(admin_url).username
    async with await psycopg.AsyncConnection.connect(admin_url, autocommit=True) as admin:

        async def set_read_only(how: str) -> None:
            await admin.execute(f"ALTER ROLE {role} {how}".encode())

        off = "RESET default_transaction_read_only"
        on = "SET default_transaction_read_only = on"
        await set_read_only(on)
        with child(admin_url) as daemon:
            told = await daemon.await_event("database_unavailable", 30)
            assert told["hint"].startswith(f"ALTER ROLE {role} {off}")
            env = {"DATABASE_URL": admin_url, "DATABASE_UNPOOLED_URL": "", "OPENAI_API_KEY": ""}
            code, doctor = await asyncio.to_thread(ended, "doctor", env=env)
            assert code == 2
            told_by_doctor = "\n".join(doctor.other_output)
            assert "CRITICAL  writes" in told_by_doctor
            assert told["hint"] in told_by_doctor
            await set_read_only(off)
            await daemon.await_event("ready", 30)

            await set_read_only(on)
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE 'ai-daemon/%'"
            )
            failed = await daemon.await_event("duty_failed", 30)
            while "read-only" not in failed["error"]:
                failed = await daemon.await_event(
                    "duty_failed", 30, after=daemon.events.index(failed) + 1
                )
            assert "doctor" in failed["hint"]
            assert (await fetch(f"{daemon.base_url}/ready"))[0] == 503
            await set_read_only(off)
            await eventually(answers(f"{daemon.base_url}/ready", 200), 30)
            [asked] = await insert(admin, "test_echo")
            await becomes(admin, asked, "completed")
            daemon.terminate()
            assert await asyncio.to_thread(daemon.wait, 30) == 0


async def test_stop_while_waiting_for_the_database(database: str) -> None:
    """SIGTERM is obeyed also by a daemon that has not come up yet."""
    with Proxy.before(database) as proxy:
        proxy.refuse()
        with child(proxy.through(database)) as daemon:
            await daemon.await_event("database_unavailable", 30)
            daemon.terminate()
            assert await asyncio.to_thread(daemon.wait, 15) == 0


async def test_health_answers_while_slots_are_busy(database: str, aconnection: Connection) -> None:
    """With every slot taken the open core answers as ever."""
    with child(database, WORKER_CONCURRENCY="50", DRAIN_SECONDS="0") as daemon:
        await daemon.await_event("ready", 30)
        await aconnection.execute("UPDATE ai_control SET concurrency = 50")
        await insert(aconnection, "test_sleep", 60, seconds=600)

        async def full() -> bool:
            return bool((await fetch(f"{daemon.base_url}/health"))[1]["running"] == 50)

        await eventually(full)
        for path in ("/health", "/api/health", "/healthz", "/ready", "/readyz", "//api/health"):
            assert (await fetch(daemon.base_url + path))[0] == 200


async def test_both_address_families_are_bound(database: str) -> None:
    """IPv4 and IPv6 both reach the server."""
    with child(database) as daemon:
        await daemon.await_event("http_listening", 30)
        for host in ("127.0.0.1", "[::1]"):
            assert (await fetch(f"http://{host}:{daemon.port}/health"))[0] == 200


async def test_taken_port_is_a_configuration_error(database: str) -> None:
    """A port that somebody else has is told by name, with status 78."""
    with child(database) as first:
        await first.await_event("http_listening", 30)
        with child(database, PORT=str(first.port)) as second:
            assert await asyncio.to_thread(second.wait, 30) == 78
            assert "PORT" in second.wait_event("cannot_run")["reason"]


async def test_bad_setting_ends_with_its_name_and_not_its_value(database: str) -> None:
    """A setting that cannot be used stops the start: its name is told, its value is not."""
    with child(database, LEASE_SECONDS="hunter2") as daemon:
        assert await asyncio.to_thread(daemon.wait, 30) == 78
        assert "LEASE_SECONDS" in daemon.wait_event("cannot_run")["reason"]
        assert "hunter2" not in daemon.report()


async def test_wrong_password_is_a_configuration_error(database: str) -> None:
    """What no retry mends is not retried."""
    login, _, rest = database.rpartition("@")
    wrong = f"{login.rpartition(':')[0]}:wrong-secret@{rest}"
    with child(wrong) as daemon:
        assert await asyncio.to_thread(daemon.wait, 30) == 78
        assert "wrong-secret" not in daemon.report()


async def test_a_direct_connection_that_leads_elsewhere(
    database: str, empty_database: str
) -> None:
    """DATABASE_UNPOOLED_URL is looked at before anything is migrated there, and called by its
    name: a wrong password stops the start, another database is waited for and left as it is."""
    parts = urlsplit(database)
    wrong = parts._replace(netloc=f"nobody:wrong@{parts.hostname}:{parts.port}").geturl()
    with child(database, DATABASE_UNPOOLED_URL=wrong) as daemon:
        assert await asyncio.to_thread(daemon.wait, 30) == 78
        told = daemon.wait_event("cannot_run")
        assert told["reason"].startswith("DATABASE_UNPOOLED_URL: ")
        assert "check user and password in DATABASE_UNPOOLED_URL" in told["hint"]
    env = {"DATABASE_URL": database, "OPENAI_API_KEY": ""}
    for command in ("doctor", "migrate"):
        _, said = await asyncio.to_thread(
            ended, command, env=env | {"DATABASE_UNPOOLED_URL": wrong}
        )
        assert "check user and password in DATABASE_UNPOOLED_URL" in said.report()

    with child(database, DATABASE_UNPOOLED_URL=empty_database) as daemon:
        told = await daemon.await_event("database_unavailable", 30)
        assert "another database" in told["error"]
        assert (await fetch(f"{daemon.base_url}/ready"))[0] == 503
        daemon.terminate()
        assert await asyncio.to_thread(daemon.wait, 30) == 0
    with psycopg.connect(empty_database) as connection:
        made = connection.execute("SELECT to_regclass('ai_requests')").fetchone()
    assert made == (None,)
    elsewhere = env | {"DATABASE_UNPOOLED_URL": empty_database}
    code, said = await asyncio.to_thread(ended, "doctor", env=elsewhere)
    assert code == 2
    told_by_doctor = "\n".join(said.other_output)
    assert "CRITICAL  direct: DATABASE_UNPOOLED_URL leads to another" in told_by_doctor
    with child(database, DATABASE_UNPOOLED_URL=f"{database}?sslmode=prefer") as daemon:
        await daemon.await_event("ready", 30)


async def test_a_parameter_that_cannot_be_is_a_configuration_error(database: str) -> None:
    """What libpq refuses to begin with is not waited for."""
    with child(f"{database}?sslmode=none") as daemon:
        assert await asyncio.to_thread(daemon.wait, 30) == 78
        told = daemon.wait_event("cannot_run")
        assert ("sslmode" in told["reason"], "parameter" in told["hint"]) == (True, True)


async def test_sigusr1_tells_where_tasks_stand(database: str, aconnection: Connection) -> None:
    """SIGUSR1 logs every task with its stack and no values."""
    with child(database) as daemon:
        await daemon.await_event("ready", 30)
        daemon.signal(signal.SIGUSR1)
        event = await daemon.await_event("task_stack", 10, task="listener")
        assert "listener.py" in " ".join(event["frames"])


async def test_side_task_that_dies_ends_the_process(
    database: str, aconnection: Connection
) -> None:
    """A service that fails in a way nobody foresaw takes the process down, with status 70."""
    with child(database, PORT=str(free_port())) as daemon:
        await daemon.await_event("ready", 30)
        await aconnection.execute("DROP FUNCTION ai_sweep_v2 CASCADE")
        assert await asyncio.to_thread(daemon.wait, 30) == 70
        assert daemon.seen("service_died")


async def test_text_of_an_exception_stays_out_of_the_log(
    database: str, aconnection: Connection
) -> None:
    """Whatever an agent raises, where nobody awaits it too, is logged by its place alone."""
    with child(database, PORT=str(free_port())) as daemon:
        await daemon.await_event("ready", 30)
        await insert(aconnection, "test_crash", text="error")
        await daemon.await_event("agent_failed")
        [stray] = await insert(aconnection, "test_crash", text="stray")
        await becomes(aconnection, stray, "completed")
        unseen = await daemon.await_event("error_unseen")
        assert unseen["error"] == "RuntimeError"
        assert "tests/kit/agents.py" in unseen["frames"][-1]
        broken = (
            "CREATE OR REPLACE FUNCTION ai_sweep_v2("
            "p_limit integer, p_now timestamptz, p_past bigint[])"
            " RETURNS TABLE (id bigint, task_type text, status text, refusal text)"
            " LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE 'secret-of-a-client' USING ERRCODE = '{}'; END $$"
        )
        await aconnection.execute(broken.format("raise_exception").encode())
        failed = await daemon.await_event("duty_failed", 30)
        assert failed["error"] == "RaiseException, SQLSTATE P0001, by ai_sweep_v2"
        await aconnection.execute(broken.format("undefined_function").encode())
        assert await asyncio.to_thread(daemon.wait, 30) == 70
        [died] = daemon.seen("service_died")
        assert "UndefinedFunction" in str(died["exception"])
        assert "secret-of-a-client" not in str([daemon.events, daemon.other_output])


async def test_wedged_loop_ends_the_process(database: str, aconnection: Connection) -> None:
    """An event loop stuck for a minute ends the process, non-zero; others take over."""
    with child(database, LEASE_SECONDS="3", AI_TEST_WEDGED_SECONDS="2") as daemon:
        await daemon.await_event("ready", 30)
        [request_id] = await insert(aconnection, "test_block", seconds=600)
        await becomes(aconnection, request_id, "running")
        assert await asyncio.to_thread(daemon.wait, 30) == 70
        assert daemon.seen("event_loop_wedged")
