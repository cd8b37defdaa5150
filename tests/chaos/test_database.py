"""The database crashes, vanishes, hangs, refuses or loses what it had promised."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from daemon import database, migrate
from daemon.embedded import EmbeddedPostgres
from daemon.service import Daemon
from tests.chaos.agents import CATALOG, Held
from tests.chaos.invariants import violations, watch
from tests.kit.postgres import crash
from tests.kit.proxy import Proxy
from tests.kit.signals import eventually
from tests.kit.worker import FOREVER, becomes, count, insert, request, running, settings

Connection = psycopg.AsyncConnection[Any]


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """An autocommit connection."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        yield connection


async def at_work(connection: Connection, ids: list[int]) -> None:
    """Wait until all have looked up what they need, and only have to take their time."""
    looked = "SELECT count(*) FROM ai_steps WHERE request_id = ANY (%s)"

    async def all_have() -> bool:
        return await count(connection, looked, ids) == len(ids)

    await eventually(all_have, 30, what="every attempt is at work")


@pytest.fixture
def breakable(private_server: EmbeddedPostgres) -> EmbeddedPostgres:
    """A migrated, watched server of the test's own."""
    migrate.upgrade(private_server.dsn())
    watch(private_server.dsn())
    return private_server


async def test_crashed_four_times(breakable: EmbeddedPostgres) -> None:
    """Immediate restarts under full load: nothing that was at work is run again, although the
    table of leases is empty each time, and limits stay exact."""
    url = breakable.dsn()
    async with running(url, CATALOG, worker_concurrency=20, lease_seconds=6.0):
        async with connected(url) as connection:
            await connection.execute("UPDATE ai_control SET concurrency = 10")
            ids = await insert(connection, "chaos_labour", 30, seconds=2.5)
            running_now = "SELECT count(*) FROM ai_requests WHERE status = 'running'"
            await eventually(lambda: count(connection, running_now), 30)
        living: dict[int, int] = {}
        for _ in range(4):
            async with connected(url) as connection:
                cursor = await connection.execute(
                    "SELECT r.id, r.fence FROM ai_requests r JOIN ai_steps s"
                    " ON s.request_id = r.id AND s.fence = r.fence WHERE r.status = 'running'"
                )
                living |= dict(await cursor.fetchall())
            crash(breakable)
            await asyncio.to_thread(breakable.start)
            async with connected(url) as connection:
                kept = "SELECT count(*) FROM ai_lease_epoch"
                await eventually(lambda: count(connection, kept), 30, what="leases adopted")  # noqa: B023
        assert living
        async with connected(url) as connection:
            for request_id in ids:
                row = await becomes(connection, request_id, "completed", 50)
                assert (row["attempt"], row["lost_count"]) == (1, 0)
                assert row["fence"] == living.get(request_id, row["fence"])
    assert violations(url) == []


async def test_crash_undoes_a_claim(breakable: EmbeddedPostgres) -> None:
    """A claim that was still on its way to the disk is made again, under a fence of its own: also
    by the worker that runs the request already, whose first answer then counts for nothing."""
    url = breakable.dsn()
    async with connected(url) as connection:
        await connection.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
        await connection.execute("SELECT pg_reload_conf()")
    fence = 1
    async with running(url, CATALOG, lease_seconds=6.0, worker_concurrency=2) as daemon:
        # Somebody else's commit may have taken the claim along to the disk.
        for _ in range(20):
            async with connected(url) as connection:
                [request_id] = await insert(connection, "chaos_thread", seconds=2.0)
                await becomes(connection, request_id, "running", 30)
            crash(breakable)
            await asyncio.to_thread(breakable.start)
            async with connected(url) as connection:
                row = await becomes(connection, request_id, "completed", 50)
            assert (row["attempt"], row["lost_count"]) == (1, 0)
            if (fence := row["fence"]) > 1:
                break
        assert fence == 2
        strange = daemon.meters.requests.labels("chaos_thread", "foreign")
        lost = daemon.meters.requests.labels("chaos_thread", "lost")
        await eventually(lambda: strange._value.get() + lost._value.get() == 1, 30)
    assert violations(url) == []


@pytest.mark.parametrize("role", ["listener", "heartbeat", "pool", "reader"])
async def test_connections_terminated(
    role: str, watched: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of its connections an administrator terminates, under work and in its sleep: no
    attempt is lost or repeated, and no wake-up missed, with no poll to help."""
    terminate = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE %s"
    )
    async with running(
        watched, CATALOG, lease_seconds=6.0, poll_seconds=FOREVER, worker_concurrency=5
    ) as daemon:
        ids = []
        for _ in range(3):
            monkeypatch.setattr(Held, "gate", gate := asyncio.Event(), raising=False)
            [slow] = await insert(aconnection, "chaos_held", seconds=30.0)
            await becomes(aconnection, slow, "running")
            renewed = daemon.leases.signals.expect("renewed")
            daemon.leases.hurry(slow)  # so that there is a connection to terminate
            await renewed
            started = [slow, *await insert(aconnection, "chaos_labour", 8, seconds=0.3)]
            await count(aconnection, terminate, f"ai-daemon/%/{role}")
            gate.set()
            for request_id in started:
                await becomes(aconnection, request_id, "completed", 30)
            ids += started
        for _ in range(3):
            await count(aconnection, terminate, f"ai-daemon/%/{role}")
            [request_id] = await insert(aconnection, "test_echo")
            await becomes(aconnection, request_id, "completed", 30)
        for request_id in ids:
            row = await request(aconnection, request_id)
            assert (row["attempt"], row["lost_count"]) == (1, 0)
    assert violations(watched) == []


async def test_half_open_connections(
    watched: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections that stay open and carry nothing more are noticed: by the listener, which is
    replaced, and by the hot path, which sends its results again over a new one."""
    monkeypatch.setattr(database, "ANSWER_SECONDS", 1.0)
    with Proxy.before(watched) as proxy:
        async with running(
            proxy.through(watched), CATALOG, lease_seconds=60.0, poll_seconds=2.0
        ) as daemon:
            ids = await insert(aconnection, "chaos_labour", 5, seconds=1.0)
            await at_work(aconnection, ids)
            proxy.swallow()
            delayed = daemon.completer.signals.expect("delayed", 30)
            await delayed
            silent = daemon.listener.signals.expect("listening", 30)
            # The network is back; what hung before stays dead, as after a lost route.
            proxy.cut()
            proxy.forward()
            await silent
            for request_id in ids:
                row = await becomes(aconnection, request_id, "completed", 30)
                assert row["attempt"] == 1
    assert violations(watched) == []


async def test_results_wait_for_the_database(watched: str, aconnection: Connection) -> None:
    """What ends while the database is away is kept, and written when it is back, once."""
    with Proxy.before(watched) as proxy:
        async with running(
            proxy.through(watched), CATALOG, lease_seconds=60.0, worker_concurrency=10
        ) as daemon:
            ids = await insert(aconnection, "chaos_labour", 10, seconds=0.5)
            await at_work(aconnection, ids)
            proxy.refuse()
            await eventually(lambda: daemon.completer.waiting == 10, 30, what="ten results wait")
            assert daemon.vitals.state == "ready"
            proxy.forward()
            for request_id in ids:
                row = await becomes(aconnection, request_id, "completed", 30)
                assert row["attempt"] == 1
    assert violations(watched) == []


@pytest.mark.timeout(150)
async def test_promotion_that_lost_the_claim(breakable: EmbeddedPostgres) -> None:
    """After a failover to a copy that never saw the claim, the old owner is a stranger to it: the
    request runs again under the same fence number, and only the new owner's result counts."""
    url = breakable.dsn()
    async with connected(url) as connection:
        # The old owner must be at it still when the new one takes it up.
        [request_id] = await insert(connection, "chaos_labour", seconds=8.0, first_only=False)
    crash(breakable)
    copy = breakable.home / "copy"
    # The server may run as another user than the tests: owners must stay.
    copying = await asyncio.create_subprocess_exec("cp", "-a", breakable.home / "pg", copy)
    assert await copying.wait() == 0
    breakable.start()
    async with running(url, CATALOG, lease_seconds=60.0, worker_concurrency=1) as old:
        # It would ask after its lease as soon as it hears again, and not come to its end.
        old.leases.hurry = lambda request_id=None: None  # type: ignore[method-assign]
        async with connected(url) as connection:
            await at_work(connection, [request_id])
        crash(breakable)
        shutil.rmtree(breakable.home / "pg")
        copy.rename(breakable.home / "pg")
        breakable.start()
        async with connected(url) as connection:
            await connection.execute("UPDATE ai_requests SET input_data = '{}'")
        async with (
            connected(url) as connection,
            running(url, CATALOG, lease_seconds=60.0, worker_concurrency=1) as new,
        ):
            row = await becomes(connection, request_id, "completed", 40)
            # Both claims came after a crash, which raises the fence by two.
            assert (row["fence"], row["attempt"]) == (2, 1)
            cursor = await connection.execute("SELECT worker_id, outcome FROM ai_attempts")
            assert await cursor.fetchall() == [(new.worker_id, "completed")]
            told = old.meters.requests.labels("chaos_labour", "foreign")
            await eventually(lambda: told._value.get() == 1, 30, what="the old owner is told")
    assert violations(url) == []


@pytest.mark.parametrize(
    ("sqlstate", "says"),
    [("53100", "disk full"), ("25006", "read only"), ("40001", "conflict"), ("40P01", "deadlock")],
)
async def test_server_that_refuses_for_a_while(
    sqlstate: str, says: str, watched: str, aconnection: Connection
) -> None:
    """A disk that is full, a standby, a conflict, a deadlock, at the start and under work: nothing
    is half done, and the work goes on by itself once the server takes it."""
    await aconnection.execute("CREATE SEQUENCE refusals")
    await aconnection.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF nextval('refusals') <= 3 THEN"  # a sequence remembers what is rolled back
        f"   RAISE EXCEPTION '{says}' USING ERRCODE = '{sqlstate}'; END IF;"
        " RETURN NULL; END $$"
    )
    for table in ("ai_agents", "ai_attempts", "ai_results", "ai_steps"):
        await aconnection.execute(
            f"CREATE TRIGGER refuse AFTER INSERT ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse()".encode()
        )
    async with running(watched, CATALOG, poll_seconds=FOREVER):
        for _ in range(2):
            ids = await insert(aconnection, "chaos_labour", 5)
            for request_id in ids:
                await becomes(aconnection, request_id, "completed", 30)
            await aconnection.execute("SELECT setval('refusals', 1, false)")
    assert violations(watched) == []


async def test_table_locked_whole(watched: str, aconnection: Connection) -> None:
    """While somebody holds our table locked leases are renewed all the same, results wait, and
    nothing is lost or run again."""
    async with running(watched, CATALOG, lease_seconds=15.0, worker_concurrency=10) as daemon:
        ids = await insert(aconnection, "chaos_labour", 5, seconds=0.5)
        await at_work(aconnection, ids)
        async with connected(watched) as other, other.transaction():
            await other.execute("LOCK TABLE ai_requests")
            delayed = daemon.completer.signals.expect("delayed", 30)
            renewed = daemon.leases.signals.expect("renewed", 30)
            daemon.leases.hurry(ids[0])
            assert await renewed == 5
            await delayed
            [late] = await insert(other, "chaos_labour")
        for request_id in [*ids, late]:
            row = await becomes(aconnection, request_id, "completed", 30)
            assert (row["attempt"], row["lost_count"]) == (1, 0)
    assert violations(watched) == []


async def test_no_connection_to_be_had(breakable: EmbeddedPostgres) -> None:
    """While the server gives no connection a daemon neither dies nor gives up its work, and a new
    one waits; both work once there is room."""
    owner = breakable.dsn()
    url = urlunsplit(
        (parts := urlsplit(owner))._replace(netloc=f"crowd:made-up@127.0.0.1:{parts.port}")
    )
    async with connected(owner) as connection:
        await connection.execute("CREATE ROLE crowd LOGIN PASSWORD 'made-up'")
        await connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO crowd")
        await connection.execute("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO crowd")
        async with running(url, CATALOG, lease_seconds=60.0) as daemon:
            ids = await insert(connection, "chaos_labour", 5, seconds=1.0)
            await at_work(connection, ids)
            await connection.execute("ALTER ROLE crowd CONNECTION LIMIT 0")
            await count(
                connection,
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE usename = 'crowd'",
            )
            await daemon.completer.signals.expect("delayed", 30)
            newcomer = Daemon(settings(url), CATALOG)
            ready = newcomer.signals.expect("ready", 30)
            life = asyncio.create_task(newcomer.run())
            await daemon.completer.signals.expect("delayed", 30)
            assert not ready.done()
            await connection.execute("ALTER ROLE crowd CONNECTION LIMIT -1")
            await ready
            newcomer.stop()
            await life
            for request_id in ids:
                row = await becomes(connection, request_id, "completed", 30)
                assert row["attempt"] == 1
    assert violations(owner) == []


async def test_a_database_whose_transactions_see_what_was(
    watched: str, aconnection: Connection
) -> None:
    """Where the database, or our role, is set to REPEATABLE READ for the app's sake, a claim that
    waited for another one knows what that one took: limits hold."""
    name = psycopg.sql.Identifier(aconnection.info.dbname)
    level = psycopg.sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = {}")
    await aconnection.execute(level.format(name, "repeatable read"))
    await aconnection.execute(
        "INSERT INTO ai_control (task_type, concurrency) VALUES ('*', 1)"
        " ON CONFLICT (task_type) DO UPDATE SET concurrency = 1"
    )
    claim = "SELECT id, fence FROM ai_claim_v1('other', '{elsewhere}', 1, '1 minute')"
    waits = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'"
        " AND datname = current_database() AND application_name LIKE '%%/pool'"
    )
    async with (
        running(watched, CATALOG, poll_seconds=FOREVER) as daemon,
        connected(watched) as other,
    ):
        assert daemon._claimer is not None
        await eventually(lambda: daemon.listener.lying, what="asleep")
        await other.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        await other.execute(claim)
        async with aconnection.transaction():
            [elsewhere] = await insert(aconnection, "elsewhere")
            [ours] = await insert(aconnection, "chaos_labour")
        await eventually(lambda: count(aconnection, waits), what="our claim waits for the other")
        looked = daemon._claimer.signals.expect("asleep")
        assert await (await other.execute(claim)).fetchall() == [(elsewhere, 1)]
        await other.execute("COMMIT")
        await looked
        assert (await request(aconnection, ours))["status"] == "pending"
        end = f'[{{"id": {elsewhere}, "fence": 1, "outcome": "cancelled"}}]'
        await aconnection.execute("SELECT ai_complete_v1('other', %s)", (end,))
        await aconnection.execute("SELECT ai_ring()")
        await becomes(aconnection, ours, "completed")
    assert violations(watched) == []
