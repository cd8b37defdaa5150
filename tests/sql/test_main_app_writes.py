"""What the main app sends, by every client it may use: the insert succeeds, whatever is in it."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
import psycopg2
import pytest
import sqlalchemy as sa
from psycopg.types.json import Jsonb
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from daemon import migrate
from daemon.demo.gym import schema as gym
from tests.kit.postgres import crash, throwaway
from tests.sql.catalogue import catalogue, difference
from tests.sql.driver import Queue

Database = psycopg.Connection[Any]
MEBIBYTES_10 = 10 * 2**20
PLAIN = """
INSERT INTO ai_requests (task_type, input_data)
VALUES ('workout_optimization', '{"client_id": 1}') RETURNING id;
"""
APP_COLUMNS = (
    "task_type",
    "input_data",
    "priority",
    "run_after",
    "expires_at",
    "idempotency_key",
    "fair_key",
    "requested_by",
    "max_usd",
    "on_unavailable",
    "cancel_requested_at",
)


class Base(DeclarativeBase):
    pass


class Ask(Base):
    """The main app's model of our table: every column, no server defaults, as such models are."""

    __tablename__ = "ai_requests"

    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    task_type: Mapped[str | None] = mapped_column(sa.String(100))
    input_data: Mapped[Any] = mapped_column(JSONB)
    priority: Mapped[int | None] = mapped_column(sa.Integer)
    run_after: Mapped[datetime | None]
    idempotency_key: Mapped[str | None] = mapped_column(sa.String(200))
    fair_key: Mapped[str | None] = mapped_column(sa.Text)
    max_usd: Mapped[Decimal | None]
    status: Mapped[str | None] = mapped_column(sa.String(20), default="queued")
    attempt: Mapped[int | None] = mapped_column(sa.Integer)
    fence: Mapped[int | None] = mapped_column(sa.Integer)
    error: Mapped[Any] = mapped_column(JSONB)
    created_at: Mapped[datetime | None] = mapped_column(default=datetime.now)


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    """The main app's: SQLAlchemy on psycopg2."""
    url = sa.make_url(database).set(drivername="postgresql+psycopg2")
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    yield engine
    engine.dispose()


def rows(connection: Database, columns: str = "*") -> list[Any]:
    return connection.execute(f"SELECT {columns} FROM ai_requests ORDER BY id".encode()).fetchall()


def through_psycopg(dsn: str, statement: str, values: list[Any]) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(statement.encode(), values)


def through_psycopg2(dsn: str, statement: str, values: list[Any]) -> None:
    connection = psycopg2.connect(dsn)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
    finally:
        connection.close()


CLIENTS = pytest.mark.parametrize("send", [through_psycopg, through_psycopg2])
Send = Callable[[str, str, list[Any]], None]


@CLIENTS
def test_every_column_null(database: str, connection: Database, send: Send) -> None:
    """NULL in every column of the app's means the default."""
    marks = ", ".join(["%s"] * len(APP_COLUMNS))
    statement = f"INSERT INTO ai_requests ({', '.join(APP_COLUMNS)}) VALUES ({marks})"
    send(database, statement, [None] * len(APP_COLUMNS))
    assert rows(
        connection, "status, task_type, input_data, priority, run_after <= now(), fair_key"
    ) == [("pending", "", {}, 0, True, "")]


@CLIENTS
@pytest.mark.parametrize(
    "value",
    [
        "null",
        "[]",
        "[1, 2]",
        "7",
        "1e400",
        "true",
        '"text"',
        '"1; DROP TABLE ai_requests"',
        '{"client_id": "1; drop table"}',
        '{"a": {"b": [{"c": null}]}}',
        '{"": ""}',
        '{"a": 1, "a": 2}',
    ],
)
def test_any_json(database: str, connection: Database, send: Send, value: str) -> None:
    """Whatever JSON comes is stored as it came; judging it is intake's business."""
    send(database, "INSERT INTO ai_requests (task_type, input_data) VALUES ('a', %s)", [value])
    (stored,) = rows(connection, "status, input_data = %s".replace("%s", f"'{value}'::jsonb"))
    assert stored == ("pending", True)


@CLIENTS
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("task_type", "no_such_agent"),
        ("task_type", ""),
        ("task_type", "Ünïcödé ☃ '; --"),
        ("task_type", "random"),
        ("requested_by", "nobody:at-all"),
        ("requested_by", "random"),
        ("on_unavailable", "explode"),
        ("fair_key", "random"),
        ("idempotency_key", ""),
        ("idempotency_key", "random"),
        ("priority", -32768),
        ("max_usd", "-1"),
        ("max_usd", "1e30"),
        ("max_usd", "NaN"),
        ("max_usd", "0.0000000000000001"),
        ("run_after", "infinity"),
        ("run_after", "-infinity"),
        ("run_after", "4000-01-01 BC"),
        ("run_after", "200000-01-01"),
        ("expires_at", "infinity"),
        ("expires_at", "1999-01-01"),
        ("cancel_requested_at", "-infinity"),
    ],
)
def test_impossible_values(
    database: str, connection: Database, send: Send, column: str, value: Any
) -> None:
    """A value no agent could use is stored, and stored so that every client can read it."""
    if value == "random":  # texts that do not compress are the hard ones for an index
        value = connection.execute(
            "SELECT string_agg(md5(i::text), '') FROM generate_series(1, 4000) i"
        ).fetchone()[0]  # type: ignore[index]
    send(database, f"INSERT INTO ai_requests (task_type) VALUES ('x') RETURNING {column}", [])
    send(database, f"INSERT INTO ai_requests ({column}) VALUES (%s)", [value])
    assert len(rows(connection)) == 2
    Queue(connection).claim(types=["x", "no_such_agent", ""])


def test_long_keys_stay_distinct(connection: Database) -> None:
    """Two keys that differ only at their far end are two requests; the same key twice is one."""
    submit = "SELECT ai_submit('a', '{}', idempotency_key => %s, fair_key => %s)"
    long = "k" * 5000
    ids = [
        connection.execute(submit, [key, key]).fetchone()
        for key in (long + "1", long + "2", long + "1", "☃" * 3000)
    ]
    assert len(set(ids)) == 3
    assert ids[0] == ids[2]
    assert len({key for (key,) in rows(connection, "fair_key")}) == 3
    again = connection.execute(
        "INSERT INTO ai_requests (task_type, idempotency_key) VALUES ('a', %s)"
        " ON CONFLICT (task_type, idempotency_key) DO NOTHING RETURNING id",
        [long + "2"],
    )
    assert again.fetchall() == []


def test_what_a_claim_carries_is_short(connection: Database) -> None:
    """Names and wishes of megabytes are cut when they come: claims carry them, many at a time."""
    connection.execute(
        "INSERT INTO ai_requests (task_type, requested_by, on_unavailable)"
        " VALUES ('a', repeat('x', 3000000), repeat('y', 3000000))"
    )
    assert rows(connection, "length(requested_by), length(on_unavailable)") == [(200, 200)]


def test_ten_megabytes(database: str, connection: Database) -> None:
    """A huge input is taken in; the agent's limit refuses it later, unread."""
    big = {"notes": "x" * MEBIBYTES_10, "list": list(range(1000))}
    through_psycopg(
        database, "INSERT INTO ai_requests (task_type, input_data) VALUES ('a', %s)", [Jsonb(big)]
    )
    assert rows(connection, "length(input_data ->> 'notes')") == [(MEBIBYTES_10,)]
    (row,) = Queue(connection).claim(types=["a"])
    assert row["input_text"] is None


def test_many_at_once(connection: Database) -> None:
    """Bulk inserts, INSERT … SELECT and COPY get an id and the defaults each."""
    connection.execute(
        "INSERT INTO ai_requests (task_type) SELECT 'bulk' FROM generate_series(1, 2000)"
    )
    with connection.cursor() as cursor:
        with cursor.copy("COPY ai_requests (id, task_type, status) FROM STDIN") as copy:
            for _ in range(100):
                copy.write_row([1, "copied", "completed"])
        cursor.executemany("INSERT INTO ai_requests (task_type) VALUES (%s)", [["many"]] * 100)
    counted = connection.execute(
        "SELECT task_type, count(DISTINCT id), min(status), max(status) FROM ai_requests"
        " GROUP BY task_type ORDER BY task_type"
    ).fetchall()
    assert counted == [
        ("bulk", 2000, "pending", "pending"),
        ("copied", 100, "pending", "pending"),
        ("many", 100, "pending", "pending"),
    ]


def test_orm_row(engine: sa.Engine, connection: Database) -> None:
    """An ORM object with its own status, dates and NULLs becomes a fresh request with its id."""
    with Session(engine) as session:
        ask = Ask(task_type="workout_optimization", input_data={"client_id": 1}, attempt=7)
        bare = Ask(id=1, status="completed")
        session.add_all([ask, bare])
        session.commit()
        session.refresh(ask)
        assert (ask.status, ask.attempt, ask.fence, ask.error) == ("pending", 0, 0, None)
        assert ask.created_at is not None
        assert ask.id in {request_id for (request_id,) in rows(connection, "id")}
    stored = rows(connection, "task_type, input_data, status")
    assert (
        sorted(map(str, stored))
        == sorted(
            map(str, [("workout_optimization", {"client_id": 1}, "pending"), ("", {}, "pending")])
        )
        or ("", None, "pending") in stored
    )


def test_orm_in_the_apps_transaction(engine: sa.Engine, connection: Database) -> None:
    """A request commits or vanishes with the app's own rows."""
    connection.execute("CREATE TABLE clients (id serial PRIMARY KEY, name text NOT NULL)")
    for fate in ("commit", "rollback"):
        with Session(engine) as session:
            session.execute(sa.text("INSERT INTO clients (name) VALUES (:fate)"), {"fate": fate})
            session.add(Ask(task_type=fate, input_data={}))
            session.flush()
            session.execute(sa.text("NOTIFY ai_requests"))
            getattr(session, fate)()
    assert rows(connection, "task_type") == [("commit",)]
    assert connection.execute("SELECT name FROM clients").fetchall() == [("commit",)]


def test_core_with_a_reflected_table(engine: sa.Engine, connection: Database) -> None:
    """A reflected table returns the id, and ON CONFLICT DO NOTHING finds the first request."""
    table = sa.Table("ai_requests", sa.MetaData(), autoload_with=engine)
    once = (
        insert(table)
        .values(task_type="a", input_data={"x": 1}, idempotency_key="k")
        .on_conflict_do_nothing(index_elements=["task_type", "idempotency_key"])
    )
    with engine.begin() as work:
        result = work.execute(table.insert().values(task_type="b", input_data={}))
        assert result.inserted_primary_key is not None
        first = work.execute(once.returning(table.c.id)).scalar_one()
        assert work.execute(once.returning(table.c.id)).scalar() is None
    assert rows(connection, "id") == [(result.inserted_primary_key[0],), (first,)]


def test_savepoints(database: str, connection: Database) -> None:
    """A request inside a savepoint that is rolled back leaves nothing; the rest commits."""
    with psycopg.connect(database) as app:
        app.execute("INSERT INTO ai_requests (task_type) VALUES ('kept')")
        app.execute("SAVEPOINT s")
        app.execute("INSERT INTO ai_requests (task_type) VALUES ('gone')")
        app.execute("ROLLBACK TO SAVEPOINT s")
    assert rows(connection, "task_type") == [("kept",)]


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_stricter_isolation(database: str, connection: Database, level: str) -> None:
    """The triggers work in the stricter isolation levels too."""
    with psycopg.connect(database) as app:
        app.execute(f"SET TRANSACTION ISOLATION LEVEL {level}".encode())
        app.execute("SELECT count(*) FROM ai_requests")
        app.execute("INSERT INTO ai_requests (task_type) VALUES ('a')")
        app.execute("SELECT ai_submit('a', idempotency_key => 'k')")
    assert len(rows(connection)) == 2


@pytest.mark.skipif(shutil.which("psql") is None, reason="no psql on this machine")
def test_psql(database: str, connection: Database) -> None:
    """The contract's own lines, typed into psql."""
    script = (
        PLAIN
        + "NOTIFY ai_requests;\n"
        + "SELECT ai_submit('workout_optimization', '{}', idempotency_key => 'x');\n"
        + "UPDATE ai_requests SET cancel_requested_at = now() WHERE id = 1;\n"
    )
    command = ["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", database]
    done = subprocess.run(command, input=script, text=True, capture_output=True, check=True)
    assert [int(line) for line in done.stdout.split()] == [i for (i,) in rows(connection, "id")]


def test_full_notification_queue() -> None:
    """However full the server's notification queue is, inserts, cancels and answers go on."""
    with throwaway(18) as server:
        with psycopg.connect(server.dsn(), autocommit=True) as owner:
            owner.execute("ALTER SYSTEM SET max_notify_queue_pages = 64")
            owner.execute("CHECKPOINT")
        crash(server)
        server.start()
        migrate.upgrade(server.dsn())
        listener = psycopg.connect(server.dsn(), autocommit=True)
        with contextlib.closing(listener), psycopg.connect(server.dsn(), autocommit=True) as app:
            # A listener that sits in a transaction keeps every notification; ours never do so.
            listener.execute("LISTEN hold")
            listener.execute("BEGIN")
            listener.execute("SELECT 1")
            with pytest.raises(psycopg.Error, match="too many notifications"):
                fill_queue(app)
            queue = Queue(app)
            asleep = psycopg.connect(server.dsn(), autocommit=True)
            with contextlib.closing(asleep):  # a daemon that wants to be woken
                asleep.execute(
                    "SELECT pg_advisory_lock(hashtext('ai_doorbell:' || current_schema()), 0)"
                )
                stopped, answered, failed = queue.insert(), queue.insert(), queue.insert()
            app.execute(
                "UPDATE ai_requests SET cancel_requested_at = now() WHERE id = %s", [stopped]
            )
            queue.sweep()
            first, second = queue.claim_all()
            assert queue.finish("w1", first) == "accepted"
            assert queue.finish("w1", second, "failed") == "accepted"
            assert app.execute("SELECT ai_retry(%s)", [failed]).fetchone() == (True,)
            app.execute("INSERT INTO ai_agents (name, type) VALUES ('New', 'new')")
            app.execute("UPDATE ai_agents SET enabled = false")
            statuses = [queue.status(one) for one in (stopped, answered, failed)]
            assert statuses == ["cancelled", "completed", "pending"]


def fill_queue(app: Database) -> None:
    """Notify until the server refuses."""
    while True:
        app.execute(
            "SELECT count(pg_notify('hold', i || repeat('x', 7900))) FROM generate_series(1, 16) i"
        )


@pytest.mark.parametrize("variant", ["A", "B", "C"])
def test_create_all_and_drop_all(
    database: str, connection: Database, variant: gym.Variant
) -> None:
    """The main app can create, drop and create its tables, with ours beside them untouched."""
    ours = catalogue(connection)
    connection.execute("INSERT INTO ai_requests (task_type) VALUES ('a')")
    engine = sa.create_engine(
        sa.make_url(database).set(drivername="postgresql+psycopg2"), poolclass=sa.NullPool
    )
    for _ in range(2):
        gym.create_schema(connection, variant, older_ai=False)
        theirs = sa.MetaData()
        theirs.reflect(engine, only=lambda name, _: not name.startswith("ai_"))
        assert theirs.tables
        theirs.drop_all(engine)
    engine.dispose()
    assert difference(ours, catalogue(connection)) == {}
    assert len(rows(connection)) == 1


def test_the_answer_as_the_app_reads_it(queue: Queue, connection: Database) -> None:
    """Status, error, result and the notification are where the app looks for them."""
    connection.execute("LISTEN ai_results")
    good, bad = queue.insert(), queue.insert()
    first, second = queue.claim_all()
    queue.finish("w1", first)
    queue.finish("w1", second, "failed")
    statuses = {row["id"]: row["status"] for row in queue.rows("SELECT * FROM ai_requests")}
    assert statuses == {good: "completed", bad: "failed"}
    assert queue.request(bad)["error"]["code"] == "agent_error"
    assert queue.rows("SELECT result FROM ai_results WHERE request_id = %s", good)
    payloads = [json.loads(note.payload) for note in connection.notifies(timeout=0)]
    assert {"id": good, "status": "completed"} in payloads
    assert {"id": bad, "status": "failed"} in payloads
