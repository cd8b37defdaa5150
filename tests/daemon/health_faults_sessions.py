"""Faults of sessions, transactions and locks."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg

from tests.daemon.health_fault import NOW, fault
from tests.daemon.health_world import PLANTED, World


@fault("database.idle_in_transaction", limits=NOW, names="gym-app")
def idle_in_transaction(world: World) -> Iterator[None]:
    session = world.connect(autocommit=False)
    session.execute(f"SELECT '{PLANTED}'".encode())
    yield
    session.rollback()


@fault("database.idle_in_transaction", limits=NOW, names="plain")
def idle_in_transaction_of_another_role(world: World) -> Iterator[None]:
    session = world.connect(role="plain", autocommit=False)
    session.execute("SELECT 1")
    yield
    session.rollback()


@fault("database.idle_in_transaction", limits=NOW)
def aborted_transaction(world: World) -> Iterator[None]:
    session = world.connect(autocommit=False)
    try:
        session.execute(f"SELECT '{PLANTED}'::int".encode())
    except psycopg.Error:
        yield
    session.rollback()


@fault("database.long_transaction", limits=NOW, names="gym-app")
def long_statement(world: World) -> Iterator[None]:
    session = world.connect()
    world.behind(session, f"SELECT pg_sleep(600), '{PLANTED}', E'it\\'s {PLANTED}' -- {PLANTED}")
    world.waits(
        "it sleeps", "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep')"
    )
    yield
    session.cancel()
    world.threads[-1].join(10)


@fault("database.blocked", limits=NOW, names="members")
def row_lock(world: World) -> Iterator[None]:
    world.run(
        "CREATE TABLE members (id int, name text)", f"INSERT INTO members VALUES (1, '{PLANTED}')"
    )
    holder, *others = (world.connect() for _ in range(3))
    holder.execute("BEGIN")
    holder.execute("UPDATE members SET id = 1")
    for other in others:
        world.behind(other, f"UPDATE members SET name = '{PLANTED}'")
    world.waits("both wait", "SELECT count(DISTINCT pid) = 2 FROM pg_locks WHERE NOT granted")
    yield
    holder.execute("ROLLBACK")
    for thread in world.threads:
        thread.join(10)


@fault("database.blocked", limits=NOW, names="members")
def table_lock(world: World) -> Iterator[None]:
    world.run("CREATE TABLE members (id int)")
    holder, other = world.connect(), world.connect()
    holder.execute("BEGIN")
    holder.execute("LOCK TABLE members IN ACCESS EXCLUSIVE MODE")
    world.behind(other, "SELECT * FROM members")
    world.waits("it waits", "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
    yield
    holder.execute("ROLLBACK")
    world.threads[-1].join(10)


@fault("database.deadlocks", limits={"warning": 0.5})
def deadlock(world: World) -> Iterator[None]:
    world.run("CREATE TABLE pair (id int PRIMARY KEY)", "INSERT INTO pair VALUES (1), (2)")
    one, other = world.connect(), world.connect()
    for session, row in ((one, 1), (other, 2)):
        session.execute("BEGIN")
        session.execute(b"UPDATE pair SET id = id WHERE id = %d" % row)
    world.behind(one, "UPDATE pair SET id = id WHERE id = 2")
    world.behind(other, "UPDATE pair SET id = id WHERE id = 1")
    for thread in world.threads:
        thread.join(10)
    world.close()
    world.waits(
        "the deadlock is counted",
        "SELECT deadlocks > 0 FROM pg_stat_database WHERE datname = current_database()",
    )
    yield


@fault("database.connections", status="critical", names="of 40")
def connections_used_up(world: World) -> Iterator[None]:
    sessions = [world.connect() for _ in range(35)]
    yield
    for session in sessions:
        session.close()
    world.waits(
        "they are gone", "SELECT count(*) < 10 FROM pg_stat_activity WHERE datid IS NOT NULL"
    )


@fault("database.role_connections", status="critical")
def connection_limit_of_the_database(world: World) -> Iterator[None]:
    database = world.value("SELECT quote_ident(current_database())")
    world.run(f"ALTER DATABASE {database} CONNECTION LIMIT 2")
    yield
    world.run(f"ALTER DATABASE {database} CONNECTION LIMIT -1")


@fault("database.prepared_transactions", limits=NOW, names="two-phases")
def prepared_transaction(world: World) -> Iterator[None]:
    session = world.connect()
    session.execute("BEGIN")
    session.execute("CREATE TABLE later (id int)")
    session.execute("PREPARE TRANSACTION 'two-phases'")
    yield
    world.run("ROLLBACK PREPARED 'two-phases'")


BURN = "DO $$ BEGIN FOR i IN 1..300 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"


@fault("database.xmin_horizon", limits={"warning": 200}, names="report")
def held_snapshot(world: World) -> Iterator[None]:
    session = world.connect("report", autocommit=False)
    session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    session.execute("SELECT 1")
    world.run(BURN)
    yield
    session.rollback()


@fault(
    "listener.queue_usage",
    limits={"warning": 0.01},
    names="(pid ",
    also=("database.idle_in_transaction",),
    also_limits={"database.idle_in_transaction": NOW},
)
def notification_queue_fills(world: World) -> Iterator[None]:
    session = world.connect("gym-app")
    session.execute("LISTEN elsewhere")
    session.execute("BEGIN")
    session.execute("SELECT 1")
    world.run(
        "SELECT pg_notify('elsewhere', repeat('x', 7800) || i) FROM generate_series(1, 300) i"
    )
    yield
    session.execute("ROLLBACK")
    session.execute("UNLISTEN *")
    world.waits("the queue is empty", "SELECT pg_notification_queue_usage() < 0.0001")


@fault("listener.sessions", status="critical", also=("listener.queue_usage",))
def nobody_listens(world: World) -> Iterator[None]:
    world.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'ai-daemon/w1/listener' AND datname = current_database()"
    )
    world.waits(
        "it is gone",
        "SELECT NOT EXISTS (SELECT FROM pg_stat_activity"
        " WHERE application_name = 'ai-daemon/w1/listener' AND datname = current_database())",
    )
    yield
    world.connect("ai-daemon/w2/listener").execute("LISTEN ai_requests")
