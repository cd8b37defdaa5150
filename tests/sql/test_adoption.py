"""Tables of an older AI service are adopted with their rows, and it may go on using them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from daemon import migrate, preflight
from daemon.demo.gym.schema import DDL
from daemon.errors import ConfigurationError
from tests.sql.catalogue import catalogue, catalogue_at, difference

OLDER_DDL = (DDL / "older_ai.sql").read_text(encoding="utf-8")
STAMP = datetime(2026, 1, 6, 12, 30)  # naive UTC, as the older service wrote
AWARE = STAMP.replace(tzinfo=UTC)
UNTOUCHED = """
    SELECT a.attrelid::regclass::text, a.attname, format_type(a.atttypid, a.atttypmod),
        a.attnotnull
    FROM pg_attribute a WHERE a.attnum > 0
        AND a.attrelid IN ('ai_agent_executions'::regclass, 'ai_agent_metrics'::regclass)
    UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated
    FROM pg_constraint
    WHERE conrelid IN ('ai_agent_executions'::regclass, 'ai_agent_metrics'::regclass)
    ORDER BY 1, 2"""


@pytest.fixture
def older(empty_database: str) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """A database as the older service left it, without rows."""
    with psycopg.connect(empty_database, autocommit=True, row_factory=dict_row) as connection:
        connection.execute(OLDER_DDL.encode())
        yield connection


def rows(connection: psycopg.Connection[dict[str, Any]], query: str) -> list[dict[str, Any]]:
    return connection.execute(query.encode()).fetchall()


def agent(connection: psycopg.Connection[Any], name: str, **columns: Any) -> None:
    """An agent as the older service inserted it."""
    columns = {
        "name": name,
        "type": "scheduling",
        "description": "",
        "status": "inactive",
        "config": None,
        "enabled": True,
        "created_at": STAMP,
        "updated_at": STAMP,
        **columns,
    }
    names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
    connection.execute(
        f"INSERT INTO ai_agents ({names}) VALUES ({marks})".encode(), tuple(columns.values())
    )


def upgrade(dsn: str) -> None:
    assert migrate.upgrade(dsn).changed


@pytest.mark.parametrize("tables", [("ai_agents",), tuple(preflight.OLDER_COLUMNS)])
def test_equal_catalogues(database: str, empty_database: str, tables: tuple[str, ...]) -> None:
    """A fresh and an adopted database end alike, whichever tables there were."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(OLDER_DDL.encode())
        for table in preflight.OLDER_COLUMNS.keys() - set(tables):
            connection.execute(f"DROP TABLE {table}".encode())
        agent(connection, "One")
    upgrade(empty_database)
    assert difference(catalogue_at(database), catalogue_at(empty_database)) == {}


def test_second_run_changes_nothing(
    older: psycopg.Connection[dict[str, Any]], empty_database: str
) -> None:
    """Rows and catalogue are the same after another migration."""
    agent(older, "One", config='{"model": "gpt-4-turbo-preview"}')
    upgrade(empty_database)
    question = "SELECT xmin::text, * FROM ai_agents"
    before, shape = rows(older, question), catalogue_at(empty_database)
    assert not migrate.upgrade(empty_database, regrant=True).changed
    assert rows(older, question) == before
    assert difference(shape, catalogue_at(empty_database)) == {}


def test_failure_leaves_the_older_shape(
    older: psycopg.Connection[dict[str, Any]],
    empty_database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When any part of the installation fails, the older tables are as they were."""
    agent(older, "One", config="[]")
    older.execute("CREATE FUNCTION ai_guard_v1() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'")
    plain = psycopg.connect(empty_database, autocommit=True)
    with plain:
        before = catalogue(plain)
        row = rows(older, "SELECT * FROM ai_agents")
        monkeypatch.setattr(migrate, "DDL_TRIES", 1)
        with pytest.raises(ConfigurationError, match="ai_guard_v1"):
            migrate.upgrade(empty_database)
        assert difference(before, catalogue(plain)) == {}
    assert rows(older, "SELECT * FROM ai_agents") == row
    older.execute("DROP FUNCTION ai_guard_v1()")
    upgrade(empty_database)


def test_agents_are_found_by_type(
    older: psycopg.Connection[dict[str, Any]], empty_database: str
) -> None:
    """The lowest id of a type is the agent, however it is named; the others are archived."""
    agent(older, "Diary helper")
    agent(older, "Scheduling (copy)", enabled=False)
    agent(older, "Newsletter", type="newsletter")
    upgrade(empty_database)
    assert [
        (row["id"], row["name"], row["status"], row["archived_at"] is None)
        for row in rows(older, "SELECT * FROM ai_agents ORDER BY id")
    ] == [
        (1, "Diary helper", "active", True),
        (2, "Scheduling (copy)", "archived", False),
        (3, "Newsletter", "active", True),
    ]
    versions = rows(
        older, "SELECT agent_id, version, changed_by FROM ai_agent_versions ORDER BY 1"
    )
    assert [tuple(row.values()) for row in versions] == [(n, 1, "adoption") for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        (None, {}),
        ("null", {}),
        ("{}", {}),
        ("[]", {"legacy": []}),
        ('"gpt-4"', {"legacy": "gpt-4"}),
        ('{"model": "gpt-4-turbo-preview"}', {"legacy": {"model": "gpt-4-turbo-preview"}}),
        (r'{"a": "\u0000"}', {"legacy": r'{"a": "\u0000"}'}),
        (r'{"a": "\ud800"}', {"legacy": r'{"a": "\ud800"}'}),
    ],
)
def test_older_config_is_kept_aside(
    older: psycopg.Connection[dict[str, Any]], empty_database: str, config: str | None, kept: Any
) -> None:
    """A config that was never used cannot overrule today's settings, and is not lost."""
    agent(older, "One", config=config)
    upgrade(empty_database)
    assert rows(older, "SELECT config FROM ai_agents") == [{"config": kept}]


def test_switches_and_times(
    older: psycopg.Connection[dict[str, Any]], empty_database: str
) -> None:
    """Disabled stays disabled, NULL means enabled, naive times are UTC in any server's zone."""
    agent(older, "Off", type="a", enabled=False)
    agent(older, "Unsaid", type="b", enabled=None, created_at=None)
    agent(older, "Bare", type="c", status=None, created_at=None, updated_at=None)
    older.execute(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = ''Asia/Tokyo''',"
        " current_database()); END $$"
    )
    upgrade(empty_database)
    off, unsaid, bare = rows(older, "SELECT * FROM ai_agents ORDER BY id")
    assert (off["enabled"], off["status"], off["created_at"]) == (False, "inactive", AWARE)
    assert (unsaid["enabled"], unsaid["status"], unsaid["created_at"]) == (True, "active", AWARE)
    assert bare["enabled"] is True
    assert bare["created_at"] is not None
    assert bare["updated_at"] is not None


def test_health_words(older: psycopg.Connection[dict[str, Any]], empty_database: str) -> None:
    """Odd words become ours and stay readable; a state without a time is never the newest."""
    for status, metrics, checked_at in (
        ("healthy", '{"ms": 1}', STAMP),
        ("DOWN", None, STAMP),
        ("degraded", "[1]", None),
    ):
        older.execute(
            "INSERT INTO ai_system_health (component, status, metrics, checked_at)"
            " VALUES ('database', %s, %s, %s)",
            (status, metrics, checked_at),
        )
    upgrade(empty_database)
    found = rows(older, "SELECT * FROM ai_system_health ORDER BY id")
    assert [(row["status"], row["metrics"], row["checked_at"]) for row in found] == [
        ("healthy", {"ms": 1}, AWARE),
        ("critical", {"older_status": "DOWN"}, AWARE),
        (
            "warning",
            {"older_metrics": [1], "older_status": "degraded"},
            datetime(1970, 1, 1, tzinfo=UTC),
        ),
    ]


WORDS = [
    ("bug", "high", "pending", ("bug", "high", "pending", None)),
    ("general", "SEVERE", None, ("style", "critical", "pending", "kept")),
    ("Security ", "info", "Applied", ("security", "low", "applied", "kept")),
    ("", "", "done?", ("style", "medium", "pending", "kept")),
]


def test_suggestion_words_before_and_after(
    older: psycopg.Connection[dict[str, Any]], empty_database: str
) -> None:
    """The older service's words end alike in rows from before the adoption and in later ones."""
    insert = (
        "INSERT INTO ai_code_suggestions (file_path, issue_type, severity, description,"
        " suggestion, status, created_at) VALUES ('a.py', %s, %s, 'd', 's', %s, %s)"
    )
    for issue_type, severity, status, _ in WORDS:
        older.execute(insert, (issue_type, severity, status, STAMP))
    upgrade(empty_database)
    for issue_type, severity, status, _ in WORDS:
        older.execute(insert, (issue_type, severity, status, None))
    found = [
        (row["issue_type"], row["severity"], row["status"], row["older_words"] and "kept")
        for row in rows(older, "SELECT * FROM ai_code_suggestions ORDER BY id")
    ]
    assert found == [words for *_, words in WORDS] * 2
    assert rows(older, "SELECT count(*) FROM ai_code_suggestions WHERE created_at IS NULL") == [
        {"count": 0}
    ]


def test_the_older_service_goes_on(
    older: psycopg.Connection[dict[str, Any]], empty_database: str
) -> None:
    """Its inserts, with every NULL and word it used, still work, and ids go on where they were."""
    agent(older, "One")
    agent(older, "Gone", type="gone")
    older.execute("DELETE FROM ai_agents WHERE name = 'Gone'")
    upgrade(empty_database)
    agent(
        older,
        "New",
        type="new",
        description=None,
        config="null",
        enabled=None,
        created_at=None,
        updated_at=None,
    )
    agent(older, "List", type="list", config="[1]", status=None)
    older.execute("INSERT INTO ai_system_health (component, status) VALUES ('api', 'meh')")
    older.execute(
        "INSERT INTO ai_system_health (component, status, message, metrics, checked_at)"
        " VALUES ('api', 'ok', NULL, NULL, NULL)"
    )
    older.execute("UPDATE ai_system_health SET status = 'failed' WHERE status = 'healthy'")
    agents = rows(older, "SELECT id, config, enabled, status FROM ai_agents ORDER BY id")
    assert [tuple(row.values()) for row in agents] == [
        (1, {}, True, "active"),
        (3, {}, True, "active"),
        (4, {"legacy": [1]}, True, "active"),
    ]
    health = rows(older, "SELECT status FROM ai_system_health ORDER BY id")
    assert [row["status"] for row in health] == ["warning", "critical"]
    assert len(rows(older, "SELECT FROM ai_agent_versions")) == 3


def test_our_rows_are_not_mended(connection: psycopg.Connection[Any]) -> None:
    """A wrong word in a row of ours is an error, not something to be guessed at."""
    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(
            "INSERT INTO ai_system_health (component, status, request_id) VALUES ('a', 'meh', 1)"
        )


def test_executions_and_metrics_are_left_alone(
    older: psycopg.Connection[dict[str, Any]], empty_database: str
) -> None:
    """The other two tables keep their shape, their rows and their key to the agents."""
    agent(older, "One")
    older.execute("INSERT INTO ai_agent_executions (agent_id, status) VALUES (1, 'completed')")
    before = rows(older, UNTOUCHED)
    upgrade(empty_database)
    assert rows(older, UNTOUCHED) == before
    assert len(rows(older, "SELECT FROM ai_agent_executions")) == 1
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        older.execute("DELETE FROM ai_agents")


@pytest.mark.parametrize(
    ("ddl", "told"),
    [
        ("CREATE TABLE ai_requests (id int)", "ai_requests here that no migration of ours"),
        ("CREATE TABLE ai_results (id int)", "ai_results here that no migration of ours"),
        ("CREATE TABLE ai_agents (id int, name text)", "it lacks config, created_at"),
        (
            """CREATE VIEW ai_system_health AS
                SELECT 1 id, 2 component, 3 status, 4 message, 5 metrics, 6 checked_at""",
            "it is no plain table",
        ),
    ],
)
def test_strangers_are_left_alone(empty_database: str, ddl: str, told: str) -> None:
    """A table that only has our name stops the migration before anything is touched."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(ddl.encode())
        before = catalogue(connection)
        with pytest.raises(ConfigurationError, match=told) as caught:
            migrate.upgrade(empty_database)
        assert "rename it" in caught.value.hint
        assert difference(before, catalogue(connection)) == {}


def test_status_is_computed(connection: psycopg.Connection[Any]) -> None:
    """An agent's status follows from its row, whatever is written there."""
    connection.execute("INSERT INTO ai_agents (name, type, status) VALUES ('A', 'a', 'inactive')")
    seen: list[str] = []
    for change in ("name = 'A2'", "problem = 'x'", "enabled = false", "archived_at = now()"):
        connection.execute(f"UPDATE ai_agents SET {change}, status = 'ok'".encode())
        seen += connection.execute("SELECT status FROM ai_agents").fetchone() or ()
    assert seen == ["active", "error", "inactive", "archived"]
