"""Every file of sql/: it parses on the migrated schema, says what it is, and is used."""

import re
from pathlib import Path

import psycopg
import pytest
from psycopg._queries import PostgresQuery
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus

from daemon.statements import FOLDER, HEADER, load
from daemon.store.retention import TABLE_SECONDS

STATEMENTS = load()
FUNCTIONS = sorted((FOLDER / "functions").glob("*.sql"))
SOURCES = Path(__file__).resolve().parents[2]


def test_prepares(connection: psycopg.Connection) -> None:
    """Every statement parses and finds its tables, columns and functions."""
    refused = {}
    for name, text in STATEMENTS.items():
        # psycopg's translation of %(name)s into $1 is private; only this test leans on it.
        query = PostgresQuery(Transformer(connection))
        query.convert(text, dict.fromkeys(STATEMENTS.placeholders(name)))
        prepared = connection.pgconn.prepare(name.encode(), query.query)
        if prepared.status != ExecStatus.COMMAND_OK:
            refused[name] = prepared.get_error_message()
    assert refused == {}


@pytest.mark.parametrize(
    "path", [*sorted(FOLDER.glob("*.sql")), *FUNCTIONS], ids=lambda path: path.stem
)
def test_header(path: Path) -> None:
    """Each file says its purpose, the index it needs, its caller and the locks it takes."""
    head = re.match(r"(?:--.*\n)+", path.read_text(encoding="utf-8"))
    assert head is not None
    said = re.findall(r"^-- (\w+):", head[0], re.MULTILINE)
    assert set(HEADER) <= set(said), f"{path.name} says only {said}"


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_used(name: str) -> None:
    """No statement lies about that no code names."""
    kind, _, table = name.partition("_")
    if name != "prune_requests" and kind == "prune":  # run by the name of its table
        assert table in TABLE_SECONDS
        return
    # An agent names the table of its typed rows, everybody else the statement.
    folder, word = ("agents", f"ai_{table}") if kind == "result" else ("daemon", name)
    quoted = re.compile(rf"""["']{word}["']""")
    assert any(
        quoted.search(path.read_text(encoding="utf-8"))
        for path in (SOURCES / folder).rglob("*.py")
    )


def test_no_function_is_compiled_for_nothing(connection: psycopg.Connection) -> None:
    """A function that forbids a way of reading forbids jit too: the planner's costs for it are so
    high that a server with LLVM would compile for a second what runs for a millisecond."""
    forgetful = connection.execute(
        "SELECT proname FROM pg_proc WHERE proconfig && '{enable_seqscan=off}'"
        " AND NOT proconfig && '{jit=off}'"
    ).fetchall()
    assert forgetful == []


def test_functions_are_pinned(connection: psycopg.Connection) -> None:
    """Each function finds our tables whatever search_path its caller has.

    One pins nothing, since only so it can be inlined: every name in it says its schema.
    """
    loose = connection.execute(
        "SELECT proname FROM pg_proc WHERE proname LIKE 'ai\\_%'"
        " AND 'search_path=public, pg_temp' <> ALL (coalesce(proconfig, '{}'))"
    ).fetchall()
    assert loose == [("ai_awake_v1",)]
    body = connection.execute(
        "SELECT prosrc FROM pg_proc WHERE proname = 'ai_awake_v1'"
    ).fetchone()
    assert body is not None
    assert set(re.findall(r"[\w.]+(?=\()", body[0])) == {
        "pg_catalog.pg_try_advisory_xact_lock_shared"
    }


def test_unknown_name() -> None:
    """A wrong name is answered with the nearest right one."""
    with pytest.raises(KeyError, match="did you mean 'request_claim'"):
        STATEMENTS["request_clam"]
