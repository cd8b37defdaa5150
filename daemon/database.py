"""How this process connects to PostgreSQL: one place for names, timeouts and pools.

Every session is named ``ai-daemon/<worker>/<role>``, so ``pg_stat_activity`` tells who is who;
those in which agents read the main app's tables are ``ai-orchestrator agents``:

============== ===========================================================================
role           what it is for
============== ===========================================================================
``listener``   LISTEN and the doorbell's lock; a connection of its own, direct
``heartbeat``  renews leases from a thread; nothing else ever waits for it, nor it for others
``pool``       the hot path: claim, complete, journal of model calls
``reader``     what may be slow or can wait: healing, alerts, roll-ups
``health``     the health checks' own: read-only, impatient, without sequential scans
``healing``    one statement that may take half an hour, and no longer than that
``web-read``   what pages and the API read: read-only, a second per statement
``web-write``  what people and programs change over HTTP
``web-listen`` LISTEN for those who wait over HTTP, while there are any
============== ===========================================================================

A connection that hangs is worse than one that fails: each gives up connecting after 5 s, notices
a dead peer by TCP, and has limits on statements, locks and idle transactions; an answer that does
not come at all is given up on this side, see :class:`ImpatientConnection`. The server's limits are
SET after connecting, because poolers refuse them as start-up options. Behind a pooler they are
not set at all: in transaction mode a SET would stay on a server connection that the main app is
given next. For the same reason nothing is prepared there.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolClosed

from daemon import backoff
from daemon.errors import ConfigurationError, DatabaseUnavailable, ServiceError
from daemon.log import get_logger

Pool = AsyncConnectionPool[psycopg.AsyncConnection[Any]]

NAME_LIMIT = 63
"""PostgreSQL cuts longer names, and with them the role at the end."""
MINIMUM_VERSION = 130000
CONNECT: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# The driver reads dates in ISO alone, whatever a database or a role is set to. By the environment:
# a pooler passes this on, and so does every library that connects for us. In the words that the
# server itself uses, or PgBouncer would set it anew for each transaction.
os.environ["PGDATESTYLE"] = "ISO, MDY"
# Likewise text in UTF-8 alone: a database in SQL_ASCII would give bytes, and what LATIN1 lacks
# could not be sent.
os.environ["PGCLIENTENCODING"] = "UTF8"
# The server should notice a vanished daemon too, within a minute: its sessions hold the doorbell's
# lock, and places among max_connections, which the system's own two hours would keep taken.
SERVER_KEEPALIVES = (
    "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3;"
    " SET tcp_user_timeout = 30000; "
)
# What the database, or our role, is set to for the sake of others. Our functions look again after
# they have waited for a lock: with one snapshot for a whole transaction they would count what was.
# And who listens, or waits for work, is idle for good reason (13 knows no such limit).
SESSION = SERVER_KEEPALIVES + (
    "SET default_transaction_isolation = 'read committed';"
    " SELECT set_config('idle_session_timeout', '0', false)"
    " WHERE current_setting('server_version_num')::integer >= 140000; "
)
LIMITS = SESSION + (
    "SET statement_timeout = '5s'; SET lock_timeout = '2s';"
    " SET idle_in_transaction_session_timeout = '10s'"
)
TRANSACTION_LIMIT = "SET transaction_timeout = '60s'"
"""Known from this version on; no transaction of ours takes a second."""
TRANSACTION_LIMIT_VERSION = 170000
PATIENT = SESSION + "SET statement_timeout = '30min'; SET lock_timeout = '2s'"
ANSWER_SECONDS = 10.0
"""Twice the server's own limit for a statement."""
# What pages and the API read is bounded; a statement that is not planned well must not become the
# database's problem, and compiling a short one costs more than it saves.
READ_LIMITS = SESSION + (
    "SET statement_timeout = '1s'; SET lock_timeout = '500ms'; SET jit = off;"
    " SET default_transaction_read_only = on; SET idle_in_transaction_session_timeout = '10s'"
)
POOL_MIN, POOL_MAX = 4, 8
READERS_MAX = 4
WEB_MAX = 3
# A pool keeps trying for this long, then starts afresh with the next caller, without the long
# pauses that its own backoff would grow into.
RECONNECT_SECONDS = 5.0
SESSION_SECONDS = 1800.0
"""When it is so old, a session of a pool is replaced. The server keeps plans and catalogue entries
for each and gives none back: one that ran all our statements holds 40 MB of a shared server; after
an hour the average one held 12 and was still growing (`make soak`)."""

TRIES = 12

T = TypeVar("T")

log = get_logger(__name__)


def application_name(worker_id: str, role: str) -> str:
    """``ai-daemon/<worker>/<role>``, the worker shortened where the whole would be cut off."""
    room = NAME_LIMIT - len("ai-daemon//") - len(role)
    return f"ai-daemon/{worker_id[:room]}/{role}"


def is_transient(error: BaseException) -> bool:
    """True where the same statement may succeed later: connection, restart, conflict, no room.

    Connection failures carry no SQLSTATE. Classes: 08 connection, 40 rollback (serialisation,
    deadlock), 53 resources (disk full, connections), 57 operator (shutdown, cancel), 58 system;
    55P03 lock not available; 25006 read-only, which a failover ends.
    """
    if isinstance(error, (OSError, TimeoutError, psycopg.InterfaceError)):
        return True
    if not isinstance(error, psycopg.Error):
        return False
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.OperationalError)
    return state[:2] in {"08", "40", "53", "57", "58"} or state in {"55P03", "25006"}


def is_contended(error: BaseException) -> bool:
    """True where somebody else holds what the statement needs: a lock, a conflict, a deadlock."""
    return isinstance(error, psycopg.Error) and (
        error.sqlstate == "55P03" or (error.sqlstate or "").startswith("40")
    )


async def persistently(
    action: Callable[[], Awaitable[T]],
    *,
    tries: int | None = TRIES,
    cap_seconds: float = 8.0,
    unless: Callable[[BaseException], bool] | None = None,
) -> T:
    """The result of ``action``, which is safe to repeat, once the database has answered.

    tries: about a minute of an absence; None: until the pool is closed. cap_seconds: the longest
    pause between two.

    Raises its error if that is not transient or meets ``unless``, and the last one.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            return await action()
        except Exception as error:
            # A pool that was closed says so with an error that looks like a lost connection.
            lasting = isinstance(error, PoolClosed) or not is_transient(error)
            if lasting or attempt == tries or (unless is not None and unless(error)):
                raise
            log.info("database_repeated", attempt=attempt, error=brief(error))
        pause = backoff.full_jitter(attempt, base_seconds=0.2, cap_seconds=cap_seconds)
        await asyncio.sleep(pause)


def hang_up(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> None:
    """Close the line under a connection: whoever waits on it gets an error. From any thread."""
    # A duplicate: closing ours must not close psycopg's.
    with (
        suppress(OSError, psycopg.Error, ValueError),
        socket.socket(fileno=os.dup(connection.fileno())) as twin,
    ):
        twin.shutdown(socket.SHUT_RDWR)


class ImpatientConnection(psycopg.AsyncConnection[Any]):
    """Waits for no answer longer than ANSWER_SECONDS.

    The server's own limits end a statement only where the server is heard. Over a route that was
    lost, or behind a proxy that lives on, nothing arrives and nothing ever fails.

    And is given out by its pool no more once it was refused a write: what a role or a database is
    set to reaches new sessions alone, so this one would stay read-only for its hour.
    """

    async def wait(self, gen: Any, *limits: Any, **more: Any) -> Any:
        timer = asyncio.get_running_loop().call_later(ANSWER_SECONDS, self._give_up)
        try:
            return await super().wait(gen, *limits, **more)
        except psycopg.errors.ReadOnlySqlTransaction:
            self._expire_at = 0.0
            raise
        finally:
            timer.cancel()

    def _give_up(self) -> None:
        log.warning("database_silent", after_seconds=ANSWER_SECONDS)
        hang_up(self)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the first connection learned. pooled: a pooler such as PgBouncer stands between."""

    server_version: int
    pooled: bool
    database: str


class Database:
    """The connections of one process.

    url: for the hot path, the pooled one where there are two. direct_url: for LISTEN, heartbeats
    and migrations. Both are libpq URLs; they hold passwords and are never logged.
    """

    def __init__(self, url: str, direct_url: str, worker_id: str) -> None:
        self.url = url
        self.direct_url = direct_url
        self.worker_id = worker_id
        self.facts: Facts | None = None
        self._pool = self._make_pool("pool", POOL_MIN, POOL_MAX)
        self._reader = self._make_pool("reader", 1, READERS_MAX)
        self._web_read = self._make_pool("web-read", 0, WEB_MAX, READ_LIMITS, check=True)
        self._web_write = self._make_pool("web-write", 0, WEB_MAX, check=True)
        self._pools = (self._pool, self._reader, self._web_read, self._web_write)

    @property
    def pool(self) -> Pool:
        """Autocommit connections for the hot path."""
        return self._pool

    @property
    def reader(self) -> Pool:
        """Autocommit connections for what may be slow; exhausting them delays no claim."""
        return self._reader

    @property
    def web_read(self) -> Pool:
        """Read-only autocommit connections for HTTP, opened when somebody asks."""
        return self._web_read

    @property
    def web_write(self) -> Pool:
        """Autocommit connections for changes by HTTP, opened when there is one."""
        return self._web_write

    async def open(self) -> Facts:
        """Wait until the server takes connections, then open the pools.

        Raises ConfigurationError where waiting would not help (no such database, wrong password,
        a server too old); keeps trying, with growing pauses, where it may, and where the server
        takes no writes.
        """
        attempt = 0
        while True:
            attempt += 1
            variable = "DATABASE_URL"
            try:
                facts = await self._look()
                if self.direct_url != self.url:
                    variable = "DATABASE_UNPOOLED_URL"
                    await self._look_direct()
                break
            except (psycopg.OperationalError, DatabaseUnavailable) as error:
                _raise_if_hopeless(error, variable)
                delay = backoff.full_jitter(attempt, base_seconds=0.5, cap_seconds=5.0)
                if attempt in {1, 5} or attempt % 20 == 0:
                    log.warning(
                        "database_unavailable",
                        attempt=attempt,
                        error=brief(error),
                        hint=remedy(error, variable=variable),
                    )
                await asyncio.sleep(delay)
        self.facts = facts
        for pool in self._pools:
            await pool.open(wait=False)
        return facts

    async def close(self) -> None:
        """Close everything; safe to call twice."""
        for pool in self._pools:
            await pool.close(timeout=2.0)

    async def direct(self, role: str) -> psycopg.AsyncConnection[Any]:
        """A new direct autocommit connection, with limits unless a pooler stands between."""
        connection = await ImpatientConnection.connect(
            self.direct_url,
            autocommit=True,
            prepare_threshold=None,
            application_name=application_name(self.worker_id, role),
            **CONNECT,
        )
        try:
            if not await self._is_pooled(connection):
                await connection.execute(LIMITS)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def patient(self, role: str) -> psycopg.AsyncConnection[Any]:
        """A new direct autocommit connection for one statement that may take half an hour.

        Raises psycopg.OperationalError where a pooler stands between: its limit would stay there.
        """
        connection = await psycopg.AsyncConnection.connect(
            self.direct_url,
            autocommit=True,
            prepare_threshold=None,
            application_name=application_name(self.worker_id, role),
            **CONNECT,
        )
        try:
            if await self._is_pooled(connection):
                raise psycopg.OperationalError(
                    "only a direct connection can do this: set DATABASE_UNPOOLED_URL"
                )
            await connection.execute(PATIENT)
        except BaseException:
            await connection.close()
            raise
        return connection

    def heartbeat(self) -> psycopg.Connection[Any]:
        """A new synchronous autocommit connection, for the heartbeat's own thread."""
        connection = psycopg.connect(
            self.direct_url,
            autocommit=True,
            prepare_threshold=None,
            application_name=application_name(self.worker_id, "heartbeat"),
            **CONNECT,
        )
        try:
            row = connection.execute("SELECT pg_backend_pid()").fetchone()
            if row is not None and row[0] == connection.info.backend_pid:
                connection.execute(LIMITS)
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_pool(
        self,
        role: str,
        smallest: int,
        largest: int,
        limits: LiteralString = LIMITS,
        *,
        check: bool = False,
    ) -> Pool:
        """check: ask each connection whether it lives before it is given out. The service tries
        again where one died; nobody does that for who calls over HTTP."""

        async def configure(connection: psycopg.AsyncConnection[Any]) -> None:
            if await self._is_pooled(connection):
                connection.prepare_threshold = None
            else:
                await connection.execute(limits)
                if connection.info.server_version >= TRANSACTION_LIMIT_VERSION:
                    await connection.execute(TRANSACTION_LIMIT)

        return AsyncConnectionPool(
            self.url,
            connection_class=ImpatientConnection,
            min_size=smallest,
            max_size=largest,
            open=False,
            timeout=5.0,
            reconnect_timeout=RECONNECT_SECONDS,
            max_lifetime=SESSION_SECONDS,
            name=role,
            configure=configure,
            check=AsyncConnectionPool.check_connection if check else None,
            kwargs={
                "autocommit": True,
                "application_name": application_name(self.worker_id, role),
                **CONNECT,
            },
        )

    async def _is_pooled(self, connection: psycopg.AsyncConnection[Any]) -> bool:
        """A pooler answers the start-up itself, with a process id that is not the server's."""
        cursor = await connection.execute("SELECT pg_backend_pid()", prepare=False)
        row = await cursor.fetchone()
        return row is None or bool(row[0] != connection.info.backend_pid)

    async def _visit(self, url: str) -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(
            url,
            autocommit=True,
            prepare_threshold=None,
            application_name=application_name(self.worker_id, "pool"),
            **CONNECT,
        )

    async def _look_direct(self) -> None:
        async with (
            await self._visit(self.direct_url) as direct,
            await self._visit(self.url) as one,
        ):
            if not await same_database(one, direct):
                raise DatabaseUnavailable(ELSEWHERE, hint=ELSEWHERE_HINT)

    async def _look(self) -> Facts:
        async with await self._visit(self.url) as connection:
            version = connection.info.server_version
            if version < MINIMUM_VERSION:
                raise ConfigurationError(
                    f"the database server is PostgreSQL {version // 10000}; 13 or newer is needed",
                    hint="upgrade the server, or point DATABASE_URL to another one",
                )
            if refuses := await no_writes(connection):
                raise DatabaseUnavailable("the database takes no writes", hint=refuses)
            pooled = await self._is_pooled(connection)
            if pooled:  # else each session of ours sets it for itself
                await _raise_if_snapshots_last(connection)
            return Facts(version, pooled, connection.info.dbname)


ELSEWHERE = "DATABASE_UNPOOLED_URL leads to another database than DATABASE_URL"
ELSEWHERE_HINT = (
    "give it the same server and database, past the pooler alone; or leave it out where there is"
    " no pooler"
)


async def same_database(
    one: psycopg.AsyncConnection[Any], other: psycopg.AsyncConnection[Any]
) -> bool:
    """Whether both lead to one database, by whatever names: each sees the other's locks."""
    key = secrets.randbelow(2**31)
    async with other.transaction():
        await other.execute("SELECT pg_advisory_xact_lock(0, %s)", (key,), prepare=False)
        cursor = await one.execute(
            "SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 0 AND objsubid = 2"
            " AND objid = %s::int8::oid AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())",
            (key,),
            prepare=False,
        )
        return await cursor.fetchone() is not None


async def no_writes(connection: psycopg.AsyncConnection[Any]) -> str:
    """Why a session like this one may write nothing and what helps, or ''."""
    cursor = await connection.execute(
        "SELECT pg_is_in_recovery(), source, quote_ident(session_user),"
        " quote_ident(current_database())"
        " FROM pg_settings WHERE name = 'default_transaction_read_only'"
        " AND (setting = 'on' OR pg_is_in_recovery())",
        prepare=False,
    )
    row = await cursor.fetchone()
    if row is None:
        return ""
    standby, source, role, database = row
    if standby:
        return "it is a standby: point DATABASE_URL at the primary, or promote this one"
    reset = {
        "user": f"ALTER ROLE {role} RESET",
        "database": f"ALTER DATABASE {database} RESET",
        "database user": f"ALTER ROLE {role} IN DATABASE {database} RESET",
        "client": "take out of DATABASE_URL what sets",
    }
    how = reset.get(source, "ALTER SYSTEM RESET, or take out of postgresql.conf,")
    return f"{how} default_transaction_read_only, or have the service take another role"


def connection_errors(pool: Pool) -> int:
    """How often this pool could not connect, or lost a connection, since it was opened."""
    stats = pool.get_stats()
    return stats.get("connections_errors", 0) + stats.get("connections_lost", 0)


def brief(error: BaseException) -> str:
    """An error's first line: libpq names host, port and user there, never the password."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def refusal(error: psycopg.Error) -> str:
    """What the database refused and by which constraint or function, without its words: those of
    a trigger of the main app's may name a client."""
    by = error.diag.constraint_name or _function(error)
    told = f"{type(error).__name__}, SQLSTATE {error.sqlstate}"
    return f"{told}, by {by}" if by else told


def is_the_apps(error: psycopg.Error) -> bool:
    """Whether a function raised it that is not ours, as a trigger of the main app's."""
    function = _function(error)
    return function is not None and not function.rpartition(".")[2].startswith("ai_")


def _function(error: psycopg.Error) -> str | None:
    """The innermost function that was running, with its schema where our path does not have it."""
    found = re.search(r"function ([\w.]+)", error.diag.context or "")
    return found and found[1]


def said(error: BaseException) -> str:
    """An error for the log: the words of one that passes, as those of libpq, and no others."""
    if isinstance(error, psycopg.Error) and not is_transient(error):
        return refusal(error)
    return brief(error)


PASSWORDS = "in a password @ is written %40, : is %3A, / is %2F, # is %23, % is %25"
REMEDIES = (
    (
        ("password authentication failed", "no password supplied"),
        f"check user and password in DATABASE_URL; {PASSWORDS}",
    ),
    (("resolve host", "translate host"), f"check the host in DATABASE_URL; {PASSWORDS}"),
    (("refused",), "start PostgreSQL, or check host and port in DATABASE_URL"),
    (("timeout", "timed out"), "check host and port in DATABASE_URL, and the firewall between"),
    (("no encryption",), "add ?sslmode=require to DATABASE_URL"),
    (("no pg_hba.conf entry",), "have this host, user and database let in by pg_hba.conf"),
    (
        ("too many connections for",),
        "raise that limit: ALTER ROLE, or ALTER DATABASE, … CONNECTION LIMIT; a daemon takes 24",
    ),
    (("too many clients", "connection slots"), "raise max_connections, or close connections"),
    (
        ("root certificate", "certificate verify failed", "does not match host name"),
        "name the file of the server's CA, &sslrootcert=ca.crt, and the host that it certifies",
    ),
    (("does not support SSL",), "switch it on at the server, or take sslmode out of DATABASE_URL"),
    (("does not exist",), "create it, or name another in DATABASE_URL"),
    (
        ("read-only transaction",),
        "python -m daemon doctor says what is set where; or point DATABASE_URL at the primary",
    ),
    (("connection is bad: invalid",), "mend that parameter after the ? in DATABASE_URL"),
)
"""What a failed connection's message holds, and what to do."""
ANYTHING = (
    "check host, port, user, password and database name in DATABASE_URL, and that the server is"
    " up; example: DATABASE_URL=postgresql://user:password@host:5432/fitnesscrm"
)


def remedy(
    error: BaseException, unknown: str = ANYTHING, *, variable: str = "DATABASE_URL"
) -> str:
    """What to do about a connection that failed, or a statement that was refused. variable: the
    one that led there."""
    if isinstance(error, ServiceError):
        return error.hint
    text = brief(error)
    found = (said for signs, said in REMEDIES if any(sign in text for sign in signs))
    return next(found, unknown).replace("DATABASE_URL", variable)


def told(error: BaseException) -> dict[str, str]:
    """What a log line says of a failure that passes: ``error``, and ``hint`` if one is known."""
    hint = remedy(error, "")
    return {"error": brief(error)} | ({"hint": hint} if hint else {})


async def _raise_if_snapshots_last(connection: psycopg.AsyncConnection[Any]) -> None:
    """Limits, budgets and a person's answers need a new look after each wait for a lock."""
    cursor = await connection.execute("SHOW default_transaction_isolation", prepare=False)
    row = await cursor.fetchone()
    if row is not None and row[0] != "read committed":
        raise ConfigurationError(
            f"the database's sessions are {row[0].upper()}; ours must be READ COMMITTED, and"
            " behind a pooler they cannot set it for themselves",
            hint="ALTER ROLE ... SET default_transaction_isolation = 'read committed' for the role"
            " in DATABASE_URL, then RECONNECT in the pooler",
        )


def _raise_if_hopeless(error: Exception, variable: str) -> None:
    """Authentication, a database that does not exist, a name that cannot be parsed."""
    text = str(error)
    hopeless = (
        "password authentication failed",
        "no password supplied",
        "no pg_hba.conf entry",
        "connection is bad: invalid ",  # said before anybody was asked: a parameter's value
    )
    missing = 'database "' in text and "does not exist" in text
    if any(sign in text for sign in hopeless) or missing:
        raise ConfigurationError(
            f"{variable}: {brief(error)}",
            hint=remedy(error, variable=variable),
        ) from None
