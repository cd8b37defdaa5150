"""The checks' statements: complete, harmless, quick by index, honest without rights."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from agents.health.checks import CHECKS, COMPONENTS
from daemon import statements
from daemon.health import catalogue
from daemon.health.checker import CONNECT, Checker, Wishes, parameters
from daemon.health.late import LATE
from daemon.health.main_app import CERTIFICATE, HTTP, WATCHED
from daemon.health.process import CANARY, CONFIGURED, LOOP_LAG, MEMORY, POOL_WAIT
from daemon.health.session import LIMITS, Session

SQL = catalogue.sql_checks()
CODE = (
    CONNECT, LATE, HTTP, CERTIFICATE, WATCHED, CANARY, CONFIGURED, LOOP_LAG, MEMORY, POOL_WAIT,
)  # fmt: skip
LARGE = ("ai_requests", "ai_results", "ai_llm_calls", "ai_attempts")
VALUES = parameters(Wishes(), recent=datetime.now(UTC))


def test_headers() -> None:
    """Each file says all that people need, and is named for its check."""
    for one in SQL:
        check = one.check
        assert one.name.removesuffix("_13") == check.id.replace(".", "_")
        assert check.component in COMPONENTS
        assert check.says
        assert check.remedy
        assert check.warning is not None
        assert check.every_seconds in {60, 900, 86_400}
        if check.critical is not None:
            ordered = (check.warning, check.critical)
            assert sorted(ordered, reverse=check.worse == "low") == list(ordered)


def test_every_check_is_known() -> None:
    """The closed list that requests may name is exactly what is measured."""
    assert set(CHECKS) == {one.check.id for one in SQL} | {check.id for check in CODE}
    assert len(CHECKS) == len(set(CHECKS))


def test_only_ours_is_read() -> None:
    """No statement names a table that is neither the server's nor ours."""
    named = re.compile(r"\b(?:FROM|JOIN)\s+([a-z_]\w*)\b(?!\s*[(.])")
    with_names = re.compile(r"\b([a-z]\w*) AS \(")
    for one in SQL:
        mine = set(with_names.findall(one.statement))
        found = {name for name in named.findall(one.statement) if name not in mine}
        found -= {"jsonb_each_text", "pg_options_to_table", "now"}
        assert all(name.startswith(("ai_", "pg_")) for name in found), (one.name, found)


def test_by_index(connection: psycopg.Connection[Any]) -> None:
    """No check reads the whole of a table that grows."""
    connection.execute(LIMITS)
    for one in catalogue.applicable(SQL, connection.info.server_version, frozenset()):
        plan = connection.execute(b"EXPLAIN " + one.statement.encode(), VALUES).fetchall()
        text = "\n".join(str(row[0]) for row in plan)
        assert not [table for table in LARGE if f"Seq Scan on {table}" in text], text


def test_recent_by_index(connection: psycopg.Connection[Any]) -> None:
    """Where the checks look back from is found in the index of ends."""
    connection.execute(LIMITS)
    statement = statements.load()["health_recent"].encode()
    plan = str(connection.execute(b"EXPLAIN " + statement).fetchall())
    assert "ai_requests_finished_at" in plan
    assert "Seq Scan on ai_requests" not in plan


@pytest.fixture
async def plain(database: str) -> AsyncIterator[Checker]:
    """A checker of a role that was granted nothing at all."""
    parts = urlsplit(database)
    name = f"plain_{parts.path[-8:]}"
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'made-up'".encode())
        url = parts._replace(netloc=f"{name}:made-up@{parts.hostname}:{parts.port}").geturl()
        checker = Checker(Session(url, "w1"), statements.load())
        try:
            yield checker
        finally:
            await checker.close()
            admin.execute(f"DROP ROLE {name}".encode())


async def test_without_rights(plain: Checker) -> None:
    """What may not be seen is unknown and names the right; it is never healthy, nor an error."""
    for _ in range(4):
        results = {result.check: result for result in await plain.run()}
    assert results["database.connect"].status == "healthy"
    for one in SQL:
        if not one.check.needs.startswith("SELECT on ai_"):
            continue
        result = results[one.check.id]
        assert result.status == "unknown", result
        assert one.check.needs in result.message
    assert results["schedules.late"].status == "unknown"
    sequences = results["database.sequence_exhaustion"]
    assert sequences.status == "unknown"
    assert sequences.detail["not_visible"]
    blind = {name for name, result in results.items() if result.status == "unknown"}
    assert not {"database.connections", "database.blocked", "listener.queue_usage"} & blind


async def test_each_sequence_is_told(database: str) -> None:
    """Two that run out are two: the fuller one does not hide the other."""
    with psycopg.connect(database, autocommit=True) as owner:
        for name, last in (("sponsors", 31_000), ("members", 32_000), ("visits", 5)):
            owner.execute(f"CREATE SEQUENCE {name} AS smallint".encode())
            owner.execute(f"SELECT setval('{name}', {last})".encode())
    checker = Checker(Session(database, "w1"), statements.load())
    results = await checker.run({"database.sequence_exhaustion"})
    await checker.close()
    (found,) = [one for one in results if one.check == "database.sequence_exhaustion"]
    assert [(one.target, one.status) for one in (found, *found.others[:2])] == [
        ("members", "critical"),
        ("sponsors", "critical"),
        ("visits", "healthy"),
    ]


def indexes(connection: psycopg.Connection[Any], check: str) -> list[Any]:
    """What an index's check names, after more than a week of statistics."""
    (one,) = [one for one in SQL if one.check.id == check]
    statement = one.statement.replace("interval '7 days'", "interval '0'")
    row = connection.execute(statement.encode(), VALUES | {"unused_index_bytes": 0}).fetchone()
    assert row is not None
    return next(iter(row[2].values())) or []


def test_no_index_is_called_superfluous_that_is_needed(
    connection: psycopg.Connection[Any],
) -> None:
    """Who drops what the checks name loses nothing: no index in another collation's order, none
    under a constraint or of a partition, none that this service's own statements rely on."""
    connection.execute(
        "CREATE TABLE members (id int, name text, EXCLUDE (id WITH =));"
        " CREATE INDEX by_id ON members (id); CREATE INDEX by_id_again ON members (id);"
        " CREATE INDEX by_name ON members (name);"
        ' CREATE INDEX by_prefix ON members (name COLLATE "C");'
        " CREATE TABLE visits (id int) PARTITION BY RANGE (id);"
        " CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM (0) TO (9);"
        " CREATE INDEX one ON visits (id); CREATE INDEX two ON visits (id)"
    )
    named = {pair[0] for pair in indexes(connection, "database.duplicate_index")}
    assert named == {"by_id_again", "by_id", "two"}
    connection.execute("SELECT pg_stat_reset()")
    unused = indexes(connection, "database.unused_index")
    assert {"by_name", "by_prefix"} <= set(unused)
    assert not [name for name in unused if name.startswith(("ai_", "members_id_excl"))]


async def test_hidden_sessions_are_seen(plain: Checker, database: str) -> None:
    """Another role's open transaction is found without any grant, by its lock."""
    with psycopg.connect(database, application_name="gym-app") as other:
        other.execute("SELECT 1")
        pid = other.info.backend_pid
        await plain.run({"database.hidden_transaction"})
        results = await plain.run(
            {"database.hidden_transaction"}, {"database.hidden_transaction": {"warning": 0.001}}
        )
    (found,) = [r for r in results if r.check == "database.hidden_transaction"]
    assert found.status == "warning"
    assert found.detail["application"] == "gym-app"
    assert found.detail["pid"] == pid


async def test_session_is_read_only(database: str) -> None:
    """The checker's own session can change nothing, and waits for nobody."""
    session = Session(database, "w1")
    try:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            await session.rows("CREATE TABLE x (id int)")
        (row,) = await session.rows(
            "SELECT current_setting('statement_timeout') AS statement,"
            " current_setting('lock_timeout') AS lock,"
            " current_setting('application_name') AS name"
        )
        assert row == {"statement": "3s", "lock": "500ms", "name": "ai-daemon/w1/health"}
    finally:
        await session.close()


def test_a_header_that_says_too_little(tmp_path: Path) -> None:
    """A check without its unit is refused by name, when the catalogue is read."""
    (tmp_path / "queue_new.sql").write_text("-- Check:    queue.new\nSELECT 1\n")
    with pytest.raises(ValueError, match="queue_new"):
        catalogue.sql_checks(tmp_path)


async def test_a_budget_that_was_raised_is_judged_by_its_new_limit(
    database: str, connection: psycopg.Connection[Any]
) -> None:
    """What the last call was allowed alarms nobody any more, whoever raised or lifted it since."""
    for scope, standing in (("global", "global"), ("key:a", "key:*")):
        connection.execute(
            "INSERT INTO ai_budgets (scope, period, limit_usd, spent_usd) VALUES"
            " (%s, 'day', 1, 0), (%s, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD'), 1, 0.9)",
            [standing, scope],
        )
    checker = Checker(Session(database, "w1"), statements.load())
    found = []
    for limit in ("1", "10", None):
        connection.execute("UPDATE ai_budgets SET limit_usd = %s WHERE period = 'day'", [limit])
        results = {result.check: result for result in await checker.run(["model.budget"])}
        found.append(results["model.budget"].value)
    connection.execute(
        "UPDATE ai_budgets SET interim_usd = 2, interim_until = now() + interval '1 hour'"
        " WHERE period = 'day'"
    )
    results = {result.check: result for result in await checker.run(["model.budget"])}
    await checker.close()
    assert (found, results["model.budget"].value) == ([90.0, 9.0, None], 45.0)
