"""Brings the database's schema up to this code, however many daemons start at once.

Starters poll ``pg_try_advisory_lock`` in autocommit. One that *blocked* in ``pg_advisory_lock``
would hold a snapshot that ``CREATE INDEX CONCURRENTLY`` waits for, and both would deadlock.

Alembic costs a quarter of a second to import, so the version is read with psycopg first and
Alembic is only loaded when there is something to do. A database that is *ahead* of this code is
fine as long as it says that this code still works on it; else :class:`SchemaTooNew` (exit 57).
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from daemon.errors import ConfigurationError, SchemaTooNew
from daemon.log import get_logger

if TYPE_CHECKING:
    from alembic.config import Config

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ROOT / "migrations" / "versions"
LOCK_KEY = "ai_migrate"
LOCK_WAIT_SECONDS = 120.0
POLL_SECONDS = 0.2
DDL_LOCK_TIMEOUT = "3s"
DDL_TRIES = 5

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Migrated:
    """What an upgrade did. before: None for a database without our tables."""

    before: str | None
    after: str

    @property
    def changed(self) -> bool:
        return self.before != self.after


def revisions() -> tuple[str, ...]:
    """The revisions this code knows, oldest first: the names of the files in migrations/versions."""
    return tuple(sorted(path.stem for path in VERSIONS.glob("[0-9]*.py")))


def head() -> str:
    """The revision this code was written for."""
    return revisions()[-1]


def current(connection: psycopg.Connection) -> str | None:
    """The revision the database is at, or None. Raises SchemaTooNew if this code cannot run on it."""
    row = connection.execute("SELECT to_regclass('ai_alembic_version') IS NOT NULL").fetchone()
    if row is None or not row[0]:
        return None
    row = connection.execute(
        "SELECT (SELECT version_num FROM ai_alembic_version),"
        " obj_description('ai_alembic_version'::regclass, 'pg_class')"
    ).fetchone()
    version, note = row if row else (None, None)
    if version is not None and version not in revisions():
        oldest = re.fullmatch(r"works with code from (\S+)", note or "")
        if oldest is None or oldest[1] not in revisions():
            raise SchemaTooNew(
                f"the database is at revision {version}, which needs newer code than this"
                f" ({head()})",
                hint="deploy the newer release; this one changes nothing",
            )
    return str(version) if version is not None else None


def upgrade(dsn: str, *, say: Callable[[str], None] | None = None) -> Migrated:
    """Migrate the database at ``dsn`` to this code's schema; a second call changes nothing.

    Safe when several processes call it at once: one migrates, the others wait for it. ``say`` is
    told each step. Raises SchemaTooNew, ConfigurationError (no right to migrate; another program's
    ``ai_requests``) and psycopg errors where the database is unreachable.
    """
    with psycopg.connect(dsn, autocommit=True, connect_timeout=5) as connection:
        before = current(connection)
        if before is not None and (before == head() or before not in revisions()):
            return Migrated(before, before)
        _wait_for_turn(connection)
        before = current(connection)
        if before != head():
            _check_ours(connection, before)
            _run_alembic(dsn, say)
        return Migrated(before, head())


def script(*, since: str | None = None) -> str:
    """The SQL of an upgrade from ``since`` (default: from nothing), for a DBA to read and run."""
    from alembic import command

    out = io.StringIO()
    config = _config()
    config.output_buffer = out
    command.upgrade(config, f"{since}:head" if since else "head", sql=True)
    return out.getvalue()


def downgrade(dsn: str, to: str) -> None:
    """Go back to revision ``to`` (``base`` for none). For development: releases only go forward."""
    from alembic import command

    _with_engine(dsn, lambda config: command.downgrade(config, to))


def _wait_for_turn(connection: psycopg.Connection) -> None:
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        row = connection.execute(
            "SELECT pg_try_advisory_lock(hashtext(%s || current_schema()), 0)", (LOCK_KEY,)
        ).fetchone()
        if row and row[0]:
            return
        if time.monotonic() > deadline:
            raise ConfigurationError(
                f"another process has been migrating for {LOCK_WAIT_SECONDS:.0f} seconds",
                hint="look for its session: SELECT * FROM pg_locks WHERE locktype = 'advisory'",
            )
        time.sleep(POLL_SECONDS)


def _check_ours(connection: psycopg.Connection, before: str | None) -> None:
    """Stop before touching anything where the tables are not ours to migrate."""
    row = connection.execute(
        "SELECT current_schema(), has_schema_privilege(current_schema(), 'CREATE'), current_user"
    ).fetchone()
    schema, may_create, user = row if row else (None, False, "")
    if schema is None or not may_create:
        raise ConfigurationError(
            f"role {user!r} may not create tables in schema {schema!r}",
            hint=f"GRANT CREATE ON SCHEMA {schema or 'public'} TO {user};"
            " or run `python -m daemon migrate --sql` and hand the script to your DBA",
        )
    row = connection.execute("SELECT to_regclass('ai_requests') IS NOT NULL").fetchone()
    if before is None and row and row[0]:
        raise ConfigurationError(
            "there is a table ai_requests here that no migration of ours has made",
            hint="rename it, or give the orchestrator a schema of its own with search_path",
        )


def _run_alembic(dsn: str, say: Callable[[str], None] | None) -> None:
    from alembic import command

    for attempt in range(1, DDL_TRIES + 1):
        try:
            _with_engine(dsn, lambda config: command.upgrade(config, "head"))
        except Exception as error:
            busy = isinstance(getattr(error, "orig", error), psycopg.errors.LockNotAvailable)
            if not busy or attempt == DDL_TRIES:
                raise
            log.info("migration_waits_for_lock", attempt=attempt)
            time.sleep(attempt)
        else:
            break
    if say:
        say(f"database migrated to {head()}")


def _with_engine(dsn: str, act: Callable[[Config], None]) -> None:
    import sqlalchemy as sa

    def connect() -> psycopg.Connection:
        return psycopg.connect(
            dsn, connect_timeout=5, application_name="ai-daemon/migrate", prepare_threshold=None
        )

    engine = sa.create_engine("postgresql+psycopg://", creator=connect, poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"SET lock_timeout = '{DDL_LOCK_TIMEOUT}'")
            connection.exec_driver_sql("SET statement_timeout = 0")
            connection.commit()
            config = _config()
            config.attributes["connection"] = connection
            act(config)
            connection.commit()
    finally:
        engine.dispose()


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("prepend_sys_path", str(ROOT))
    return config
