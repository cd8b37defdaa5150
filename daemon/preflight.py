"""What is looked at before a migration touches anything: is this database ours to change?

The main app's database may hold tables of an older AI service, which are adopted if they look as
that service made them, and tables of strangers that happen to have our names, which are not. Every
refusal is a ConfigurationError that says what would help.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import psycopg

from daemon.errors import ConfigurationError

VERSIONS = Path(__file__).resolve().parent.parent / "migrations" / "versions"

OLDER_COLUMNS: Mapping[str, str] = {
    "ai_agents": "id name type description status config enabled created_at updated_at",
    "ai_system_health": "id component status message metrics checked_at",
    "ai_code_suggestions": "id file_path issue_type severity description suggestion code_snippet"
    " status created_at resolved_at",
}
"""Tables of the older AI service that are adopted, and the columns by which they are known."""


def check(connection: psycopg.Connection, schema: str, *, adopt: bool) -> None:
    """Raise ConfigurationError where migrating in ``schema`` would fail or hurt a stranger.

    adopt: nothing of ours is here yet.
    """
    _may_create(connection, schema)
    if adopt:
        _takes_every_letter(connection)
        _no_strangers(connection, schema)
    _owned(connection, schema)


@cache
def our_tables() -> frozenset[str]:
    """The tables that the migrations create, adopted ones included."""
    made = re.compile(r"^CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?(\w+)", re.MULTILINE)
    files = sorted(VERSIONS.glob("[0-9]*.sql"))
    return frozenset(name for file in files for name in made.findall(file.read_text("utf-8")))


def _may_create(connection: psycopg.Connection, schema: str) -> None:
    row = connection.execute(
        "SELECT has_schema_privilege(%s, 'CREATE'), quote_ident(%s), quote_ident(current_user)",
        (schema, schema),
    ).fetchone()
    may_create, quoted, user = row or (False, schema, "")
    if not may_create:
        raise ConfigurationError(
            f"role {user} may not create tables in schema {quoted}",
            hint=f"let its owner run: GRANT CREATE ON SCHEMA {quoted} TO {user};"
            " or hand the output of `python -m daemon migrate --sql` to your DBA",
        )


def _takes_every_letter(connection: psycopg.Connection) -> None:
    row = connection.execute("SELECT current_setting('server_encoding')").fetchone()
    encoding = row[0] if row else ""
    if encoding not in {"UTF8", "SQL_ASCII"}:
        raise ConfigurationError(
            f"this database's encoding is {encoding}, which lacks letters that answers have",
            hint="restore the app's dump into a new one: CREATE DATABASE … TEMPLATE template0"
            " ENCODING 'UTF8'; and name that in DATABASE_URL",
        )


def _no_strangers(connection: psycopg.Connection, schema: str) -> None:
    rows = connection.execute(
        "SELECT c.relname, c.relkind = 'r',"
        " ARRAY(SELECT a.attname::text FROM pg_attribute a"
        "   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = ANY (%s) ORDER BY c.relname",
        (schema, sorted(our_tables())),
    ).fetchall()
    for name, plain, columns in rows:
        missing = set(OLDER_COLUMNS.get(name, "").split()) - set(columns)
        if name not in OLDER_COLUMNS:
            problem = f"there is a table {name} here that no migration of ours has made"
        elif not plain or missing:
            lacks = f"it lacks {', '.join(sorted(missing))}" if missing else "it is no plain table"
            problem = f"{name} is not the table that the older AI service made: {lacks}"
        else:
            continue
        raise ConfigurationError(
            problem,
            hint="rename it, or give the orchestrator a schema of its own with search_path",
        )


def _owned(connection: psycopg.Connection, schema: str) -> None:
    row = connection.execute(
        "SELECT c.relname, c.relowner::regrole::text, quote_ident(current_user)"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = ANY (%s) AND NOT pg_has_role(c.relowner, 'USAGE')"
        " ORDER BY c.relname LIMIT 1",
        (schema, sorted(our_tables() | {"ai_alembic_version"})),
    ).fetchone()
    if row:
        table, owner, user = row
        raise ConfigurationError(
            f"role {user} cannot change the table {table}: it belongs to {owner}",
            hint=f"migrate as {owner}, or let it or a superuser run: GRANT {owner} TO {user}",
        )
