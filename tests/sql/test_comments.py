"""An admin who looks at the database finds every object explained."""

from typing import Any

import psycopg

UNCOMMENTED = {
    "relations": """
        SELECT c.relname FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v')
            AND obj_description(c.oid, 'pg_class') IS NULL""",
    "columns": """
        SELECT c.relname || '.' || a.attname FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v')
            AND col_description(c.oid, a.attnum) IS NULL""",
    "functions": """
        SELECT p.oid::regprocedure::text FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace
            AND obj_description(p.oid, 'pg_proc') IS NULL""",
    "triggers": """
        SELECT t.tgname || ' on ' || c.relname
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal
            AND obj_description(t.oid, 'pg_trigger') IS NULL""",
}


def test_everything_is_commented(connection: psycopg.Connection[Any]) -> None:
    """Every table, column, view, function and trigger says what it is for."""
    silent = {
        kind: sorted(name for (name,) in connection.execute(question).fetchall())
        for kind, question in UNCOMMENTED.items()
    }
    assert not any(silent.values()), silent


def test_everything_has_our_prefix(connection: psycopg.Connection[Any]) -> None:
    """No object of ours can be taken for one of the main app's."""
    strangers = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relname NOT LIKE 'ai\\_%'"
        " UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        " AND proname NOT LIKE 'ai\\_%'"
    ).fetchall()
    assert strangers == []
    schemas = connection.execute(
        "SELECT nspname FROM pg_namespace"
        " WHERE nspname NOT LIKE 'pg\\_%' AND nspname NOT IN ('information_schema', 'public')"
    ).fetchall()
    assert schemas == []


def test_no_extension(connection: psycopg.Connection[Any]) -> None:
    """PostgreSQL alone is enough: a hosted server's list of extensions does not matter."""
    assert connection.execute("SELECT extname FROM pg_extension").fetchall() == [("plpgsql",)]


def test_nothing_refers_to_the_main_app(connection: psycopg.Connection[Any]) -> None:
    """Every foreign key leads from a table of ours to a table of ours."""
    keys = connection.execute(
        "SELECT conname FROM pg_constraint WHERE contype = 'f'"
        " AND confrelid::regclass::text NOT LIKE 'ai\\_%'"
    ).fetchall()
    assert keys == []
