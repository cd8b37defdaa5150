"""The engine, the catalogue kept for a minute, and the read-only snapshot around the readers."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import tzinfo
from typing import Any
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from agents.base import AgentError
from agents.crm.catalogue import Catalogue, look_up
from agents.crm.history import HistoryReader
from agents.crm.reader import CANCELLED

CATALOGUE_SECONDS = 60.0
"""How long a look at the catalogue is trusted: the app may create its tables after we started."""
INCOMPLETE_SECONDS = 5.0
"""The same where a column is missing: it may come back, as in a deploy of the app's, and what it
holds, such as what a client must not do, may matter."""

SERVER_KEEPALIVES = (
    "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3;"
    " SET tcp_user_timeout = 30000"
)

_READ = re.compile(r"\bFROM (\w+)")

# Local to the transaction, so that nothing leaks to the next user of a pooled connection; a
# transaction that is forgotten open ends itself instead of holding back vacuum. A scan takes no
# further processes: four at once slow the app's own statements 40 % less so (p99 5.3 ms, not 8.7,
# on two cores with 2 M sessions), and are no slower themselves.
_SETTINGS = sa.text(
    "SELECT set_config('statement_timeout', :statement, true),"
    " set_config('idle_in_transaction_session_timeout', :idle, true),"
    " set_config('timezone', 'UTC', true),"
    " set_config('max_parallel_workers_per_gather', '0', true)"
)


class Snapshot(HistoryReader):
    """All readers, over one consistent picture of the database. Not for several threads."""


class Crm:
    """The main app's database as agents see it. Safe to share between threads.

    engine: a synchronous engine, see `open_engine`; None stands for a database without the tables.
    tz: the gym's time zone, the clock of `sessions.session_date`; None means nobody said: UTC, and
        a warning where it matters.
    portal_unit: what the client's own page shows weights in, `kg` or `lbs`; None if nobody said.
    statement_timeout_seconds: no single read takes longer.
    """

    def __init__(
        self,
        engine: sa.Engine | None,
        *,
        tz: str | tzinfo | None = None,
        portal_unit: str | None = None,
        statement_timeout_seconds: float = 2.0,
    ) -> None:
        self._engine = engine
        self.portal_unit = portal_unit
        self._time_zone = ZoneInfo(tz) if isinstance(tz, str) else tz
        self._timeout_seconds = statement_timeout_seconds
        self._lock = threading.Lock()
        self._catalogue: Catalogue | None = None
        self._looked_up_at = 0.0

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Readers over one REPEATABLE READ, READ ONLY transaction, rolled back at the end.

        Raises SQLAlchemy's OperationalError if the database is away, AgentError if a read within
        took longer than it may.
        """
        if self._engine is None:
            yield Snapshot(None, lambda _fresh: Catalogue(), lambda _: None, self._time_zone)
            return
        with self._engine.connect() as plain:
            connection = plain.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            self._begin(connection)
            try:
                yield Snapshot(
                    connection,
                    lambda fresh: self._columns(connection, fresh=fresh),
                    self._begin,
                    self._time_zone,
                )
            except OperationalError as error:
                if getattr(error.orig, "sqlstate", None) != CANCELLED:
                    raise
                raise self._too_slow(error) from error
            finally:
                connection.rollback()

    def refresh(self) -> None:
        """Forget which tables exist; the next snapshot looks again."""
        with self._lock:
            self._catalogue = None

    def tables(self) -> frozenset[str]:
        """Names of the app's tables that can be read now; empty where there is no main app."""
        with self.snapshot() as snap:
            return snap.tables()

    def active_clients(self, after: int, limit: int) -> tuple[int, ...] | None:
        """Ids of active clients; see `PeopleReader.active_clients`."""
        with self.snapshot() as snap:
            return snap.active_clients(after, limit)

    def close(self) -> None:
        """Close the engine's connections; one that is being read from closes when that is done."""
        if self._engine is not None:
            sa.event.listen(self._engine.pool, "checkin", _close)
            self._engine.dispose()

    def _too_slow(self, error: OperationalError) -> AgentError:
        """What to say of a read that ran out of time. error: names the table, holds no values."""
        table = _READ.search(error.statement or "")
        name = table[1] if table else "a table"
        return AgentError(
            f"reading {name} of the main app took more than {self._timeout_seconds:g} seconds",
            hint=f"is {name} locked, or the server busy? If it is large, an index helps:"
            " docs/integrate.md, A large gym",
        )

    def _begin(self, connection: sa.Connection) -> None:
        timeout = f"{self._timeout_seconds * 1000:.0f}ms"
        idle = f"{self._timeout_seconds * 5000:.0f}ms"
        connection.execute(_SETTINGS, {"statement": timeout, "idle": idle})

    def _columns(self, connection: sa.Connection, *, fresh: bool) -> Catalogue:
        with self._lock:
            kept = self._catalogue
            if kept is not None and not fresh:
                whole = not any(kept.warnings.values())
                age_seconds = time.monotonic() - self._looked_up_at
                if age_seconds <= (CATALOGUE_SECONDS if whole else INCOMPLETE_SECONDS):
                    return kept
            self._catalogue = look_up(connection)
            self._looked_up_at = time.monotonic()
            return self._catalogue


def open_engine(database_url: str, *, connections: int = 4) -> sa.Engine:
    """A small synchronous engine for `Crm`, from any spelling of a PostgreSQL address.

    database_url: `postgres://`, `postgresql://` or `postgresql+driver://`; the driver is forced,
        because SQLAlchemy 2.0 and 2.1 disagree about the default and know no `postgres://`.
    connections: at most this many at once.
    Statements are not prepared and parameters stay out of error texts: the one for PgBouncer, the
    other because a parameter or an error may end in a log.
    """
    url = make_url(_hosts_aside(database_url)).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(
        url.difference_update_query(["pgbouncer"]),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "application_name": "ai-orchestrator agents",
            "connect_timeout": 5,
            "prepare_threshold": None,
            # A lost route must not hold an agent's thread for the system's quarter of an hour.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 20_000,
        },
    )
    sa.event.listen(engine, "connect", _have_it_notice)
    return engine


def _have_it_notice(connection: Any, _record: object) -> None:
    """Have the server, too, end the session within a minute of this host's being gone.

    Not behind a pooler, where the settings would stay on somebody else's session.
    """
    try:
        pid = connection.execute("SELECT pg_backend_pid()").fetchone()[0]
        if pid == connection.info.backend_pid:
            connection.execute(SERVER_KEEPALIVES)
        connection.commit()
    except BaseException:
        connection.close()  # the engine forgets a connection that fails here
        raise


def _close(connection: Any, _record: object) -> None:
    if connection is not None:  # None: it was given up already
        connection.close()


def _hosts_aside(database_url: str) -> str:
    """The URL with several hosts, ``a:5432,b:5432``, moved to where SQLAlchemy can read them.

    libpq takes them between ``@`` and ``/``, for a standby to take over; SQLAlchemy only as
    ``host=`` and ``port=`` of the query, and calls the rest a bad number.
    """
    parts = urlsplit(database_url)
    credentials, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts:
        return database_url
    names, ports = [], []
    for each in hosts.split(","):
        name, colon, port = each.rpartition(":")
        alone = not colon or each.endswith("]")
        names.append((each if alone else name).strip("[]"))
        ports.append("5432" if alone else port)
    found = urlencode({"host": ",".join(names), "port": ",".join(ports)}, safe=",:/")
    query = "&".join(filter(None, (parts.query, found)))
    return f"{parts.scheme}://{credentials}{at}{parts.path}?{query}"
