"""Runs SQL files inside a migration, word for word.

Alembic's ``op.execute(str)`` goes through SQLAlchemy's ``text()``, where ``:name`` becomes a bind
parameter and ``%`` is doubled; the files are plain SQL, so they go past it. Functions say
``SET search_path = @schema@, pg_temp``: they find our tables whatever the caller's path is. Both
ways of migrating (``daemon.migrate``) set exactly this path before the first revision: what is
executed here is FROM CURRENT, and an offline script needs no schema's name.
"""

from __future__ import annotations

import re
from pathlib import Path

from alembic import context, op

ROOT = Path(__file__).resolve().parent.parent
PINNED = "SET search_path = @schema@, pg_temp"


def statements(text: str) -> list[str]:
    """The statements of a file, split at semicolons outside quotes, bodies and comments."""
    found: list[str] = []
    start = 0
    for token in _TOKENS.finditer(text):
        if token.group() == ";":
            found.append(text[start : token.start()].strip())
            start = token.end()
    found.append(text[start:].strip())
    return [statement for statement in found if _COMMENTS.sub("", statement).strip()]


_TOKENS = re.compile(
    r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|(\$[a-z_]*\$).*?\1|;", re.DOTALL
)
_CREATE = re.compile(r"^CREATE (?=FUNCTION|VIEW)", re.MULTILINE)
_CREATE_TRIGGER = re.compile(r"^CREATE TRIGGER (\w+) [^;]*? ON (\w+)", re.MULTILINE)
_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


def execute(sql: str) -> None:
    """Run one statement as it stands."""
    if context.is_offline_mode():
        op.get_context().impl.static_output(sql + ";")
    else:
        op.get_bind().exec_driver_sql(sql.replace("%", "%%"))


def sql_file(path: str, *, again: bool = False) -> None:
    """Run every statement of a file, given relative to the repository's root.

    again: an earlier migration ran it. Its functions, views and triggers get the text that they
    have now; who ran that migration long ago has them with the text of then.
    """
    text = (
        (ROOT / path).read_text(encoding="utf-8").replace(PINNED, "SET search_path FROM CURRENT")
    )
    if "@schema@" in text:
        raise ValueError(f"{path}: @schema@ stands only in {PINNED!r}")
    for statement in statements(text):
        if again and (trigger := _CREATE_TRIGGER.search(statement)):
            # PostgreSQL 13 cannot replace one.
            execute(f"DROP TRIGGER IF EXISTS {trigger[1]} ON {trigger[2]}")
        execute(_CREATE.sub("CREATE OR REPLACE ", statement) if again else statement)


def index(name: str, on: str, *, again: bool = False) -> None:
    """Create an index so that nobody waits for it: concurrently where others use the table.

    on: what follows ``ON``, the table first. Then it is made outside of the transaction, and what
    stands before it in the migration is committed: that must be safe to repeat, since a migration
    that dies midway begins again. What is left of an interrupted build is invalid, and dropped.
    again: an earlier migration made one of this name, on something else.
    """
    attributes = context.config.attributes
    if context.is_offline_mode() or attributes["first"]:
        if again:
            execute(f"DROP INDEX {name}")
        execute(f"CREATE INDEX {name} ON {on}")
        return
    schema = '"' + str(attributes["schema"]).replace('"', '""') + '".'
    with op.get_context().autocommit_block():
        execute(f"DROP INDEX CONCURRENTLY IF EXISTS {schema}{name}")
        execute(f"CREATE INDEX CONCURRENTLY {name} ON {schema}{on}")


def declare_compatible(oldest: str) -> None:
    """Note in the database which code may still run on this schema.

    oldest: the head revision of the oldest release whose code works here. A daemon that meets an
    unknown revision starts only if it knows ``oldest`` (see ``daemon.migrate``).
    """
    execute(f"COMMENT ON TABLE ai_alembic_version IS 'works with code from {oldest}'")
