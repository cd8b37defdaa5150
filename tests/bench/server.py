"""A private PostgreSQL with fsync on, and what can be asked of it: fresh databases, WAL,
statements.

``pg_stat_statements`` is not part of the embedded server, so statements are counted in its log:
``log_statement = all`` writes one line for each that a client executes, prepared or not.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import sql

from daemon.embedded import EmbeddedPostgres
from daemon.programs import installation

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / ".data" / "bench"
PRODUCER = "bench-producer"
"""Name of the sessions that play the main app; their statements are not a worker's."""
SETTINGS = {
    # Checkpoints would fall into one system's turn and not into another's.
    "max_wal_size": "4GB",
    "checkpoint_timeout": "1h",
    "log_line_prefix": "%p|%d|%a|",
    "log_checkpoints": "off",
    "log_autovacuum_min_duration": "-1",
}
POLL_SECONDS = 0.02
_STATEMENT = re.compile(r"\d+\|(?P<database>[^|]*)\|(?P<name>[^|]*)\|LOG:  (statement|execute)")


@dataclass
class Counted:
    """statements: executed by clients other than the producer. wal_bytes: by everybody."""

    statements: int = 0
    wal_bytes: int = 0


class Server:
    """The embedded server in ``.data/bench``, durable as it comes."""

    def __init__(self) -> None:
        self._embedded = EmbeddedPostgres(DATA / "server")
        self._templates: set[str] = set()

    def __enter__(self) -> Self:
        self._embedded.start()
        for row in self.rows("SELECT datname FROM pg_database WHERE datname LIKE 'bench_%'"):
            self._drop(row[0])
        # The cluster is kept, and so is whatever somebody once tried on it.
        self._admin(sql.SQL("ALTER SYSTEM RESET ALL"))
        for name, value in SETTINGS.items():
            self._set(name, value)
        self._reload("fsync", "on")
        return self

    def __exit__(self, *_: object) -> None:
        self._embedded.stop()

    def dsn(self, database: str = "postgres") -> str:
        return self._embedded.dsn(database)

    @property
    def version(self) -> str:
        return str(self.rows("SHOW server_version")[0][0])

    def connect(self, database: str, name: str = PRODUCER) -> psycopg.Connection[Any]:
        """An autocommit session; by default the producer's, whose statements do not count."""
        return psycopg.connect(self.dsn(database), autocommit=True, application_name=name)

    def rows(self, query: str, database: str = "postgres") -> list[Any]:
        with self.connect(database) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def add_template(self, name: str) -> str:
        """An empty database that copies will be made of; returns its name."""
        template = f"bench_{name}_template"
        self._admin(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(template)))
        return template

    @contextmanager
    def database(self, name: str, *, logged: bool = False, number: int = 0) -> Iterator[str]:
        """A fresh copy of a system's template, gone afterwards.

        logged: statements are counted. number: to have several at once.
        """
        database = f"bench_{name}_{number}" if number else f"bench_{name}"
        self._drop(database)
        # The copy ends with a checkpoint: every turn starts with clean buffers.
        self._admin(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(database), sql.Identifier(f"bench_{name}_template")
            )
        )
        if logged:
            self._admin(
                sql.SQL("ALTER DATABASE {} SET log_statement = 'all'").format(
                    sql.Identifier(database)
                )
            )
        try:
            yield database
        finally:
            self._drop(database)

    @contextmanager
    def slow_flush(self, milliseconds: int) -> Iterator[None]:
        """Each flush of the WAL takes so much longer inside the block, as on a disk in a network.

        The server itself waits (``commit_delay``, here also for a session that is alone): whoever
        is to flush sleeps with the flush's lock held, and others' commits wait for it as they
        would for the disk. What commits while it sleeps comes along, for which a real disk would
        need another flush: so this is kinder to everybody than such a disk.
        """
        settings = {"commit_delay": str(1000 * milliseconds), "commit_siblings": "0"}
        try:
            for name, value in settings.items():
                self._set(name, value)
            self._reload("commit_delay", settings["commit_delay"])
            yield
        finally:
            for name in settings:
                self._admin(sql.SQL("ALTER SYSTEM RESET {}").format(sql.Identifier(name)))
            self._reload("commit_delay", "0")

    def _set(self, name: str, value: str) -> None:
        self._admin(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), value))

    def _reload(self, name: str, value: str) -> None:
        """Have the server read its settings, and wait until new sessions get this one."""
        self._admin(sql.SQL("SELECT pg_reload_conf()"))
        while self.rows(f"SELECT setting FROM pg_settings WHERE name = '{name}'")[0][0] != value:
            time.sleep(POLL_SECONDS)

    @contextmanager
    def counting(self, database: str) -> Iterator[Counted]:
        """Count what happens inside the block."""
        counted = Counted()
        lsn = self._lsn()
        with self.listening() as statements:
            yield counted
        counted.wal_bytes = self._lsn() - lsn
        counted.statements = statements[database]

    @contextmanager
    def listening(self) -> Iterator[Counter[str]]:
        """Statements by database, complete after the block: BEGIN and COMMIT count like others."""
        statements: Counter[str] = Counter()
        log = self._embedded.home / "server.log"
        begin = log.stat().st_size
        yield statements
        with log.open("rb") as file:
            file.seek(begin)
            for line in file:
                found = _STATEMENT.match(line.decode(errors="replace"))
                if found and found["name"] != PRODUCER:
                    statements[found["database"]] += 1

    def pgbench(self, database: str, script: Path, clients: int, seconds: float) -> float:
        """Transactions per second of ``clients`` sessions that repeat a script.

        A second attempt, longer, where the sessions had only just connected when time was up.
        """
        return self._pgbench(database, script, clients, seconds) or self._pgbench(
            database, script, clients, 5 * seconds
        )

    def _pgbench(self, database: str, script: Path, clients: int, seconds: float) -> float:
        program = installation(int(self.version.split(".")[0])) / "bin" / "pgbench"
        argv = [str(program), "-n", "-M", "prepared", "-f", str(script), "-c", str(clients)]
        argv += ["-j", str(min(2, clients)), "-T", str(max(1, round(seconds)))]
        done = subprocess.run(
            [*argv, self.dsn(database)],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PGAPPNAME": PRODUCER},
        )
        if "actually processed: 0\n" in done.stdout:
            return 0.0
        found = re.search(r"tps = ([\d.]+) \(without", done.stdout)
        if found is None:
            raise RuntimeError(f"pgbench said: {done.stdout}{done.stderr}")
        return float(found[1])

    def _lsn(self) -> int:
        return int(self.rows("SELECT pg_current_wal_insert_lsn() - '0/0'")[0][0])

    def _drop(self, database: str) -> None:
        self._admin(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database))
        )

    def _admin(self, statement: sql.SQL | sql.Composed) -> None:
        with self.connect("postgres") as connection:
            connection.execute(statement)
