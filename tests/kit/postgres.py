"""Databases for tests: one server per session, one migrated template, a fast copy per test.

The server is an embedded PostgreSQL without fsync, or the one that `TEST_DATABASE_URL` names
(its user must be allowed to create databases). Under pytest-xdist the controller owns the server
and tells the workers where it is; the first worker that needs the template migrates it, under an
advisory lock, and the others wait. `POSTGRES_MAJOR` chooses the embedded version, 16 or 18;
`POSTGRES_FOLDER` names another installation (a folder with a `bin`) to start all servers from.
"""

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from daemon import programs
from daemon.embedded import EmbeddedPostgres, is_free, server_pid
from daemon.errors import ConfigurationError
from tests.kit.signals import PATIENCE_SECONDS, until

ROOT = Path(__file__).resolve().parents[2]
allowed = True
"""False while a test runs that has no marker `database`: `make matrix` would leave it out."""


class Server:
    """The session's server, as seen by one process.

    dsn: a database to connect to for creating others. token: marks this session's databases.
    """

    def __init__(self, dsn: str, token: str) -> None:
        self.dsn = dsn
        self.token = token
        self._embedded: EmbeddedPostgres | None = None
        self._admin: psycopg.Connection | None = None
        self._template_error: BaseException | None = None
        self._template_ready = False

    @classmethod
    def start(cls) -> Self:
        """Own the session's server: the given one, or an embedded one started now."""
        token = secrets.token_hex(4)
        if given := os.environ.get("TEST_DATABASE_URL"):
            return cls(given.replace("postgres://", "postgresql://", 1), token)
        embedded = throwaway()
        embedded.start()
        server = cls(embedded.dsn(), token)
        server._embedded = embedded
        return server

    def stop(self) -> None:
        """End what `start` began: drop the template, or the whole embedded server."""
        if self._embedded is None:
            with suppress(psycopg.Error):
                self.drop(self.template)
        self.disconnect()
        if self._embedded is not None:
            self._embedded.stop()

    def disconnect(self) -> None:
        """Close this process's connection; the server stays."""
        if self._admin is not None:
            self._admin.close()
            self._admin = None

    @property
    def template(self) -> str:
        """The migrated database's name."""
        return f"test_{self.token}_template"

    def dsn_of(self, name: str) -> str:
        """The URL of database `name` on this server."""
        return urlunsplit(urlsplit(self.dsn)._replace(path=f"/{name}"))

    def create(self, template: str | None = None) -> str:
        """Make a database, empty or a copy of `template`; returns its name."""
        name = f"test_{self.token}_{secrets.token_hex(4)}"
        # template0 is what an untouched server holds, and nobody is ever connected to it.
        source = sql.Identifier(template or "template0")
        # Before PostgreSQL 15 copying files was the only way, and had no name.
        newer = self._connection().info.server_version >= 150000
        how = " STRATEGY file_copy" if newer else ""
        self._execute("CREATE DATABASE {} TEMPLATE {}" + how, name, source)
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected."""
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    @contextmanager
    def database(self, *, migrated: bool) -> Iterator[str]:
        """The URL of a database of one's own, gone afterwards."""
        if migrated:
            self.ensure_template()
        name = self.create(self.template if migrated else None)
        try:
            yield self.dsn_of(name)
        finally:
            self.drop(name)

    def ensure_template(self) -> None:
        """Migrate the template once per session; a failure is kept and raised for every test."""
        if self._template_error is not None:
            raise RuntimeError("the template could not be migrated") from self._template_error
        if self._template_ready:
            return
        admin = self._connection()
        key = f"template:{self.token}"
        admin.execute("SELECT pg_advisory_lock(hashtext(%s))", [key])
        try:
            self._migrate_template(admin)
            self._template_ready = True
        except BaseException as error:
            self._template_error = error
            raise
        finally:
            admin.execute("SELECT pg_advisory_unlock(hashtext(%s))", [key])

    def _migrate_template(self, admin: psycopg.Connection) -> None:
        known = "SELECT FROM pg_database WHERE datname = %s"
        if admin.execute(known, [self.template]).fetchone() is not None:
            return
        # Alembic takes a quarter of a second to import; most runs of few tests need none of it.
        from daemon import migrate

        name = self.create()
        try:
            migrate.upgrade(self.dsn_of(name))
            # Fails when the migration left a connection behind, as would every copy.
            rename = "ALTER DATABASE {} RENAME TO {}"
            self._execute(rename, name, sql.Identifier(self.template))
        except BaseException:
            self.drop(name)
            raise

    def _execute(self, statement: str, name: str, *parts: sql.Composable) -> None:
        text = sql.SQL(statement).format(sql.Identifier(name), *parts)
        self._connection().execute(text)

    def _connection(self) -> psycopg.Connection:
        if self._admin is None or self._admin.closed:
            self._admin = psycopg.connect(self.dsn, autocommit=True)
        return self._admin


class InstalledPostgres(EmbeddedPostgres):
    """A server that runs the programs of an installation of the machine's."""

    def __init__(self, data_dir: Path, installed: Path, **options: Any) -> None:
        super().__init__(data_dir, **options)
        self._installed = installed

    def _binaries(self) -> Path:
        if not programs.runs(self._installed, self._account):
            raise ConfigurationError(
                f"{self._account.name if self._account else 'this user'} cannot run the "
                f"programs in {self._installed}",
                hint="unpack it where every user may enter, and keep the links in its lib",
            )
        return self._installed


def throwaway(
    major: int | None = None, *, listen: str = "127.0.0.1", durable: bool = False
) -> EmbeddedPostgres:
    """A server of one's own, not started yet, whose data vanishes with it: for breaking it.

    major: an embedded one whatever else is wished; other servers are only for tests that say that
    they need a `database`.
    """
    assert allowed or major is not None, "a test that starts a server needs the marker `database`"
    folder = ROOT / ".data" / "test" / f"{os.getpid()}-{secrets.token_hex(4)}"
    installed = os.environ.get("POSTGRES_FOLDER")
    if installed and major is None:
        return InstalledPostgres(
            folder, Path(installed), durable=durable, keep=False, listen=listen
        )
    wanted = major or int(os.environ.get("POSTGRES_MAJOR") or 0) or None
    return EmbeddedPostgres(folder, major=wanted, durable=durable, keep=False, listen=listen)


def crash(server: EmbeddedPostgres) -> None:
    """Crash a server as `pg_ctl stop -m immediate` does; `server.start()` recovers it."""
    cluster = server.home / "pg"
    pid = server_pid(cluster)
    assert pid is not None, "the server is not running"
    os.kill(pid, signal.SIGQUIT)
    gone(server)


def gone(server: EmbeddedPostgres, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until the server has ended and its next start finds its port free, as URLs need it.

    A process that ends lets go of its memory, by which it is known to live, before its sockets.
    """
    cluster = server.home / "pg"
    until(lambda: server_pid(cluster) is None, seconds, what="the server has ended")
    until(lambda: is_free(server.port), seconds, what="the server's port is free")
