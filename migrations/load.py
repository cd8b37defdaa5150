"""Runs SQL files inside a migration, word for word.

Alembic's ``op.execute(str)`` goes through SQLAlchemy's ``text()``, where ``:name`` becomes a bind
parameter and ``%`` is doubled; the files are plain SQL, so they go past it. Functions
carry ``@schema@`` where they pin their search path: it becomes the schema that holds our tables.
"""

from __future__ import annotations

import re
from pathlib import Path

from alembic import context, op

ROOT = Path(__file__).resolve().parent.parent


def schema() -> str:
    """The quoted name of the schema that our objects are created in.

    Offline the name cannot be asked for; ``public`` is what a DBA's script is written for.
    """
    if context.is_offline_mode():
        return "public"
    name = op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar()
    return str(name)


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
_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


def execute(sql: str) -> None:
    """Run one statement as it stands."""
    if context.is_offline_mode():
        op.get_context().impl.static_output(sql + ";")
    else:
        op.get_bind().exec_driver_sql(sql.replace("%", "%%"))


def sql_file(path: str) -> None:
    """Run every statement of a file, given relative to the repository's root."""
    text = (ROOT / path).read_text(encoding="utf-8").replace("@schema@", schema())
    for statement in statements(text):
        execute(statement)


def declare_compatible(oldest: str) -> None:
    """Note in the database which code may still run on this schema.

    oldest: the head revision of the oldest release whose code works here. A daemon that meets an
    unknown revision starts only if it knows ``oldest`` (see ``daemon.migrate``).
    """
    execute(f"COMMENT ON TABLE ai_alembic_version IS 'works with code from {oldest}'")
