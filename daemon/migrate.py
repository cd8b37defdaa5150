"""Brings the database's schema up to this code, however many daemons start at once.

Starters poll ``pg_try_advisory_lock`` in autocommit. One that *blocked* in ``pg_advisory_lock``
would hold a snapshot that ``CREATE INDEX CONCURRENTLY`` waits for, and both would deadlock.

Alembic costs a quarter of a second to import, so the version is read with psycopg first and
Alembic is only loaded when there is something to do. A database that is *ahead* of this code is
fine as long as it says that this code still works on it; else :class:`SchemaTooNew` (exit 57).

What cannot be migrated is refused before anything is touched (``daemon.preflight``); a revision
that fails midway leaves the database as it was.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from daemon import preflight
from daemon.errors import ConfigurationError, SchemaTooNew
from daemon.log import get_logger

if TYPE_CHECKING:
    from alembic.config import Config

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ROOT / "migrations" / "versions"
LOCK_KEY = "ai_migrate"
LOCK_WAIT_SECONDS = 120.0
POLL_SECONDS = 0.2
# Whoever comes to a table while a migration waits for it waits behind it: so it gives up soon, and
# comes back often.
DDL_LOCK_TIMEOUT = "400ms"
DDL_TRIES = 15
DDL_PAUSE_SECONDS = 5
FUNCTIONS = tuple(sorted((ROOT / "sql" / "functions").glob("*.sql")))
GRANTS = tuple(sorted((ROOT / "sql" / "grants").glob("*.sql")))
# Somebody holds a lock we need; or, behind a pooler that makes the advisory lock worthless,
# another migrator was faster: the next try finds its work done.
CONTENDED = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.DuplicateTable,
    psycopg.errors.UniqueViolation,
)
# Settings of every transaction here. Local, since a pooler would lend a session's to others.
LOCAL_SETTINGS = (
    "SELECT set_config('search_path', quote_ident(%s) || ', pg_temp', true),"
    " set_config('lock_timeout', %s, true), set_config('statement_timeout', '0', true)"
)
PREAMBLE = f"""\
-- Run as the role that is to own the ai_ tables (the one the daemon connects as), for example with
--   psql -v ON_ERROR_STOP=1 -f this_file "$DATABASE_URL"
-- Everything goes into the first schema of the search path.
SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', false);
SET lock_timeout = '{DDL_LOCK_TIMEOUT}';
"""
POSTSCRIPT = "RESET lock_timeout;\nRESET search_path;\n"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Migrated:
    """What an upgrade did. before: None for a database without our tables. granted: the roles that
    were given their rights."""

    before: str | None
    after: str
    granted: tuple[str, ...] = field(default=(), compare=False)

    @property
    def changed(self) -> bool:
        return self.before != self.after


def revisions() -> tuple[str, ...]:
    """The revisions this code knows, oldest first: named like their files."""
    return tuple(sorted(path.stem for path in VERSIONS.glob("[0-9]*.py")))


def head() -> str:
    """The revision this code was written for."""
    return revisions()[-1]


def current(connection: psycopg.Connection) -> str | None:
    """The database's revision, or None. Raises SchemaTooNew if this code cannot run on it."""
    row = connection.execute("SELECT to_regclass('ai_alembic_version') IS NOT NULL").fetchone()
    if row is None or not row[0]:
        return None
    try:
        row = connection.execute(
            "SELECT (SELECT version_num FROM ai_alembic_version),"
            " obj_description('ai_alembic_version'::regclass, 'pg_class')"
        ).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        raise _may_not_read(connection) from None
    version, note = row or (None, None)
    if version is not None and version not in revisions():
        oldest = re.fullmatch(r"works with code from (\S+)", note or "")
        if oldest is None or oldest[1] not in revisions():
            raise SchemaTooNew(
                f"the database is at revision {version}, which needs newer code than this"
                f" ({head()})",
                hint="deploy the newer release; this one changes nothing",
            )
    return str(version) if version is not None else None


def functions_missing(connection: psycopg.Connection) -> list[str]:
    """The functions of the newest revision that are not there: a dump of tables alone, as
    ``pg_dump -t 'ai_*'`` makes one, leaves them all out."""
    made = re.compile(r"^CREATE (?:OR REPLACE )?FUNCTION (\w+)", re.MULTILINE)
    names = {name for file in FUNCTIONS for name in made.findall(file.read_text("utf-8"))}
    rows = connection.execute(
        "SELECT proname FROM pg_proc WHERE pronamespace = to_regnamespace(quote_ident(%s))",
        (home(connection),),
    ).fetchall()
    return sorted(names - {row[0] for row in rows})


def upgrade(
    dsn: str,
    *,
    say: Callable[[str], None] | None = None,
    regrant: bool = False,
    to: str | None = None,
) -> Migrated:
    """Migrate the database at ``dsn`` to this code's schema; a second call changes nothing.

    Safe when several processes call it at once: one migrates, the others wait for it. ``say`` is
    told each step. Roles that exist get their rights (``sql/grants``) whenever something changed,
    and with ``regrant`` in any case. ``to`` names an earlier revision to stop at. Raises
    SchemaTooNew, ConfigurationError (no right to migrate; another program's tables) and psycopg
    errors where the database is unreachable or locked.
    """
    with psycopg.connect(dsn, autocommit=True, connect_timeout=5) as connection:
        before = current(connection)
        known = before is None or before in revisions()
        if not known or (before == head() and not regrant):
            return Migrated(before, before or head())
        where = home(connection)
        _wait_for_turn(connection, where)
        before = current(connection)
        if before != head():
            preflight.check(connection, where, adopt=before is None)
            _run_alembic(dsn, where, say, first=before is None, to=to or head())
        # The grants name what the newest revision makes.
        granted = _grant(connection, where) if to is None else ()
        return Migrated(before, to or head(), granted)


def home(connection: psycopg.Connection) -> str:
    """The schema of our tables, or the one to create them in: the first of the search path."""
    row = connection.execute(
        "SELECT coalesce((SELECT c.relnamespace::regnamespace::name FROM pg_class c"
        "   WHERE c.oid = to_regclass('ai_alembic_version')), current_schema()),"
        " quote_ident(current_user), current_setting('search_path')"
    ).fetchone()
    schema, user, path = row or (None, "", "")
    if schema is None:
        raise ConfigurationError(
            f"role {user} may use no schema of its search_path ({path})",
            hint=f"let a superuser run: GRANT USAGE, CREATE ON SCHEMA public TO {user};"
            " or name an existing schema in search_path",
        )
    return str(schema)


def script(*, since: str | None = None) -> str:
    """The SQL of an upgrade from ``since`` (default: from nothing), for a DBA to read and run.

    It creates everything in the first schema of the search path it is run with.
    """
    from alembic import command

    out = io.StringIO()
    config = _config()
    config.output_buffer = out
    command.upgrade(config, f"{since}:head" if since else "head", sql=True)
    grants = "\n".join(path.read_text(encoding="utf-8") for path in GRANTS)
    return f"{PREAMBLE}\n{out.getvalue()}\n{grants}\n{POSTSCRIPT}"


def downgrade(dsn: str, to: str) -> None:
    """Go back to revision ``to``, or ``base``. For development: releases only go forward."""
    from alembic import command

    with psycopg.connect(dsn, connect_timeout=5) as connection:
        where = home(connection)
    _with_engine(dsn, where, lambda config: command.downgrade(config, to))


def _wait_for_turn(connection: psycopg.Connection, where: str) -> None:
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        row = connection.execute(
            "SELECT pg_try_advisory_lock(hashtext(%s), 0)", (f"{LOCK_KEY}:{where}",)
        ).fetchone()
        if row and row[0]:
            return
        if time.monotonic() > deadline:
            raise ConfigurationError(
                f"another process has been migrating for {LOCK_WAIT_SECONDS:.0f} seconds",
                hint="look for its session: SELECT * FROM pg_locks WHERE locktype = 'advisory'",
            )
        time.sleep(POLL_SECONDS)


def _may_not_read(connection: psycopg.Connection) -> ConfigurationError:
    row = connection.execute("SELECT quote_ident(current_user)").fetchone()
    user = row[0] if row else ""
    return ConfigurationError(
        f"role {user} may not read the table ai_alembic_version",
        hint="connect as the role that migrated, or let it run:"
        f" GRANT SELECT ON ai_alembic_version TO {user}",
    )


def _run_alembic(
    dsn: str, where: str, say: Callable[[str], None] | None, *, first: bool, to: str
) -> None:
    from alembic import command

    for attempt in range(1, DDL_TRIES + 1):
        try:
            _with_engine(dsn, where, lambda config: command.upgrade(config, to), first=first)
        except CONTENDED:
            if attempt == DDL_TRIES:
                raise
            log.info("migration_waits_for_lock", attempt=attempt)
            time.sleep(min(attempt, DDL_PAUSE_SECONDS))
        except psycopg.errors.InsufficientPrivilege as error:
            raise ConfigurationError(
                f"the migration was refused: {error.diag.message_primary}",
                hint="migrate as the owner of the ai_ tables, or hand the output of"
                " `python -m daemon migrate --sql` to your DBA",
            ) from None
        except (psycopg.errors.DuplicateFunction, psycopg.errors.DuplicateObject) as error:
            raise ConfigurationError(
                f"an earlier installation is in the way: {error.diag.message_primary}",
                hint="drop it too; what begins with ai_ and stands in docs/database.md is ours",
            ) from None
        else:
            break
    if say:
        say(f"database migrated to {to}")


def _grant(connection: psycopg.Connection, where: str) -> tuple[str, ...]:
    """Give the roles that exist their rights; returns which those are."""
    with connection.transaction():
        connection.execute(LOCAL_SETTINGS, (where, DDL_LOCK_TIMEOUT))
        for path in GRANTS:
            connection.execute(path.read_bytes())
        found = connection.execute(
            "SELECT r.rolname FROM pg_roles r WHERE r.rolname = ANY (%s) ORDER BY 1",
            ([path.stem for path in GRANTS],),
        ).fetchall()
    return tuple(row[0] for row in found)


def _with_engine(
    dsn: str, where: str, act: Callable[[Config], None], *, first: bool = False
) -> None:
    """Let Alembic act in schema ``where``. Raises psycopg's errors, not SQLAlchemy's."""
    import sqlalchemy as sa

    def connect() -> psycopg.Connection:
        return psycopg.connect(
            dsn, connect_timeout=5, application_name="ai-daemon/migrate", prepare_threshold=None
        )

    engine = sa.create_engine("postgresql+psycopg://", creator=connect, poolclass=sa.NullPool)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(LOCAL_SETTINGS, (where, DDL_LOCK_TIMEOUT))

    try:
        with engine.connect() as connection:
            config = _config()
            config.attributes["connection"] = connection
            config.attributes.update(schema=where, first=first)
            act(config)
            connection.commit()
    except sa.exc.DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise error.orig from None
        raise
    finally:
        engine.dispose()


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("prepend_sys_path", str(ROOT))
    return config
