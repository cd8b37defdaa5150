"""Faults of tables, indexes, sequences and the server."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg

from daemon.health.checker import Wishes
from tests.daemon.health_fault import fault
from tests.daemon.health_world import World


@fault("database.invalid_index", names="twice")
def invalid_index(world: World) -> Iterator[None]:
    world.run("CREATE TABLE members (id int)", "INSERT INTO members VALUES (1), (1)")
    try:
        world.run("CREATE UNIQUE INDEX CONCURRENTLY twice ON members (id)")
    except psycopg.errors.UniqueViolation:
        yield
    world.run("DROP INDEX CONCURRENTLY twice")


@fault("database.duplicate_index", status="notice", names="shorter")
def duplicate_index(world: World) -> Iterator[None]:
    world.run(
        "CREATE TABLE members (id int, name text)",
        "CREATE INDEX longer ON members (id, name)",
        "CREATE INDEX shorter ON members (id)",
    )
    yield
    world.run("DROP INDEX shorter")


@fault(
    "database.foreign_key_without_index",
    status="notice",
    names="visits",
    wishes=Wishes(foreign_key_rows=10),
)
def foreign_key_without_index(world: World) -> Iterator[None]:
    world.run(
        "CREATE TABLE members (id int PRIMARY KEY)",
        "CREATE TABLE visits (member int REFERENCES members)",
        "INSERT INTO members VALUES (1)",
        "INSERT INTO visits SELECT 1 FROM generate_series(1, 20)",
        "ANALYZE visits",
    )
    yield
    world.run("CREATE INDEX ON visits (member)")


@fault("database.sequence_exhaustion", status="critical", names="members_id_seq")
def integer_sequence(world: World) -> Iterator[None]:
    world.run("CREATE TABLE members (id serial)", "SELECT setval('members_id_seq', 2000000000)")
    yield
    world.run(
        "ALTER TABLE members ALTER id TYPE bigint", "ALTER SEQUENCE members_id_seq AS bigint"
    )


@fault("database.sequence_exhaustion", status="critical", names="members_id_seq")
def smallint_column(world: World) -> Iterator[None]:
    world.run(
        "CREATE SEQUENCE members_id_seq",
        "CREATE TABLE members (id smallint DEFAULT nextval('members_id_seq'))",
        "ALTER SEQUENCE members_id_seq OWNED BY members.id",
        "SELECT setval('members_id_seq', 30500)",
    )
    yield
    world.run("ALTER TABLE members ALTER id TYPE bigint")


DEAD = (
    "CREATE TABLE visits (id int)",
    "INSERT INTO visits SELECT generate_series(1, 40000)",
    "VACUUM ANALYZE visits",
    "DELETE FROM visits WHERE id <= 15000",
)


@fault("database.dead_tuples", names="visits")
def dead_rows(world: World) -> Iterator[None]:
    for statement in DEAD:  # a session each: its counts are told at its end
        world.run(statement)
    world.waits(
        "they are counted",
        "SELECT n_dead_tup > 10000 FROM pg_stat_user_tables WHERE relname = 'visits'",
    )
    yield
    world.run("VACUUM visits")
    world.waits(
        "they are gone",
        "SELECT n_dead_tup < 100 FROM pg_stat_user_tables WHERE relname = 'visits'",
    )


@fault(
    "database.autovacuum_late", names="visits", later_seconds=901, also=("database.dead_tuples",)
)
def autovacuum_behind(world: World) -> Iterator[None]:
    for statement in (*DEAD, "ALTER TABLE visits SET (autovacuum_vacuum_scale_factor = 0.01)"):
        world.run(statement)
    world.waits(
        "they are counted",
        "SELECT n_dead_tup > 10000 FROM pg_stat_user_tables WHERE relname = 'visits'",
    )
    yield
    world.run("VACUUM visits")
    world.waits(
        "they are gone",
        "SELECT n_dead_tup < 100 FROM pg_stat_user_tables WHERE relname = 'visits'",
    )


@fault("database.autovacuum_off", names="visits")
def autovacuum_off(world: World) -> Iterator[None]:
    world.run("CREATE TABLE visits (id int) WITH (autovacuum_enabled = false)")
    yield
    world.run("ALTER TABLE visits RESET (autovacuum_enabled)")


@fault("database.replication_slots", limits={"warning": 1e6}, names="forgotten")
def abandoned_slot(world: World) -> Iterator[None]:
    world.run(
        "SELECT pg_create_physical_replication_slot('forgotten', true)",
        "CREATE TABLE much AS SELECT repeat(i::text, 30) FROM generate_series(1, 20000) i",
        "SELECT pg_switch_wal()",
        "CREATE TABLE more AS SELECT 1",
    )
    yield
    world.run("SELECT pg_drop_replication_slot('forgotten')")


@fault(
    "database.replication_slots",
    status="critical",
    names="WAL that they need is lost, they can only be dropped: forgotten",
)
def slot_whose_wal_is_lost(world: World) -> Iterator[None]:
    world.run(
        "ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'",
        "SELECT pg_reload_conf()",
        "SELECT pg_create_physical_replication_slot('forgotten', true)",
    )
    for _ in range(20):  # the checkpointer reads the setting when it comes to it
        world.run("CREATE TABLE much (i int)", "DROP TABLE much", "SELECT pg_switch_wal()")
        world.run("CHECKPOINT")
        if world.value("SELECT wal_status FROM pg_replication_slots") == "lost":
            break
    yield
    world.run(
        "SELECT pg_drop_replication_slot('forgotten')",
        "ALTER SYSTEM RESET max_slot_wal_keep_size",
        "SELECT pg_reload_conf()",
    )


@fault("database.writable", status="critical")
def read_only_by_default(world: World) -> Iterator[None]:
    database = world.value("SELECT quote_ident(current_database())")
    world.run(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    yield
    with psycopg.connect(world.dsn, autocommit=True) as session:
        session.execute("SET default_transaction_read_only = off")
        session.execute(f"ALTER DATABASE {database} RESET default_transaction_read_only".encode())


@fault("database.size", status="critical", wishes=Wishes(disk_bytes=5e6))
def disk_nearly_full(world: World) -> Iterator[None]:
    yield


@fault("database.days_to_full", wishes=Wishes(disk_bytes=1.09e9))
def disk_full_soon(world: World) -> Iterator[None]:
    world.forge(
        "INSERT INTO ai_system_health (component, status, metrics, checked_at, worker_id)"
        " SELECT 'database', 'healthy',"
        "  jsonb_build_object('database.bytes', 1e9 - i * 5e6 / 1.2),"
        "  now() - i * interval '1 hour', 'w1' FROM generate_series(1, 100) i"
    )
    yield
    world.run("DELETE FROM ai_system_health")
