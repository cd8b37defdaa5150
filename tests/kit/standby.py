"""A hot standby of a throw-away server, and what an operator does when the primary is lost."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from daemon import programs
from daemon.embedded import EmbeddedPostgres, server_pid, tail
from tests.kit.postgres import gone, throwaway
from tests.kit.signals import until

SLOT = "standby"
# For a second already: a standby that is promoted in its first moments may never end its recovery.
FOLLOWS = (
    "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
    " AND replay_lsn IS NOT NULL AND backend_start < clock_timestamp() - interval '1 second'"
)
COPY_SECONDS = 120.0


class Pair:
    """Two servers under one URL: one takes writes and the other follows it, synchronously.

    Every commit that is confirmed stands on both, so that either may be lost.
    """

    def __init__(self) -> None:
        self.primary = throwaway()
        self.standby = throwaway()
        self.primary.start()
        try:
            self._follow()
        except BaseException:
            self.stop()
            raise
        self._order = (self.primary, self.standby)

    def stop(self) -> None:
        """Nothing is left of either."""
        self.standby.stop()
        self.primary.stop()

    def dsn(self) -> str:
        """The URL for whoever writes, whichever server that is."""
        first = urlsplit(self.primary.dsn())
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in self._order)
        account = first.netloc.rpartition("@")[0]
        return urlunsplit(
            first._replace(netloc=f"{account}@{hosts}", query="target_session_attrs=read-write")
        )

    def promote(self) -> None:
        """Make the standby the primary; what was the primary is the operator's to end before."""
        with psycopg.connect(self.standby.dsn(), autocommit=True) as connection:
            promoted = connection.execute("SELECT pg_promote()").fetchone()
        assert promoted == (True,), tail(self.standby.home / "server.log")
        self.primary, self.standby = self.standby, self.primary

    def repair(self) -> None:
        """Build the lost server anew, as the standby of the one that took over."""
        port = self.standby.port
        # Between its stop and its start nobody holds this lock, and whoever starts a server of
        # their own beside it would sweep the folder away while it is filled.
        (self.standby.home / "throwaway.lock").unlink(missing_ok=True)
        self.standby.stop()
        self.standby.home.mkdir(parents=True, exist_ok=True)
        (self.standby.home / "port").write_text(str(port))
        self._follow()
        assert self.standby.port == port, f"somebody took {port}, which stands in the URL"

    def _follow(self) -> None:
        account = programs.account_for(self.primary.home / "pg")
        home, cluster = self.standby.home, self.standby.home / "pg"
        home.mkdir(parents=True, exist_ok=True)
        home = self.standby.home = programs.usable_folder(home, account)
        shutil.rmtree(cluster, ignore_errors=True)
        cluster.mkdir(mode=0o700)
        if account:
            os.chown(cluster, account.uid, account.gid)
        shutil.copy(self.primary.home / "password", home / "password")
        with psycopg.connect(self.primary.dsn(), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                " WHERE slot_name = %s AND NOT active",
                (SLOT,),
            )
            argv = [str(copier(connection)), "-d", self.primary.dsn(), "-D", str(cluster)]
            argv += ["-R", "-X", "stream", "-C", "-S", SLOT, "-c", "fast", "--no-sync"]
            copied = programs.run_as(account, argv, cwd=cluster)
            assert copied.returncode == 0, copied.stderr
            self.standby.start()
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
            until(
                lambda: connection.execute(FOLLOWS.encode()).fetchone() == (1,),
                COPY_SECONDS,
                what="the standby follows synchronously",
            )


def copier(connection: psycopg.Connection) -> Path:
    """The server's own pg_basebackup. Some packages leave it out: then it does not exist."""
    row = connection.execute("SELECT setting FROM pg_config WHERE name = 'BINDIR'").fetchone()
    assert row is not None
    return Path(row[0], "pg_basebackup")


def kill(server: EmbeddedPostgres) -> None:
    """What losing the machine does to a server: no shutdown, no goodbye to its clients."""
    cluster = server.home / "pg"
    pid = server_pid(cluster)
    assert pid is not None, "the server is not running"
    os.kill(pid, signal.SIGKILL)
    gone(server, COPY_SECONDS)
