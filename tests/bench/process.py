"""A system's worker as seen from outside: started, warmed, asked, frozen, weighed, ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import psycopg

from daemon.embedded import tail
from tests.bench.server import DATA, ROOT, Server
from tests.bench.systems import System, job

START_SECONDS = 60.0
POLL_SECONDS = 0.01
WARM_JOBS = 20


class Stuck(Exception):
    """Something did not happen in time; the message says what, and what the worker printed."""


class Worker:
    """A context manager around one worker process on one database."""

    def __init__(
        self,
        server: Server,
        system: System,
        database: str,
        slots: int,
        *,
        variant: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.system = system
        self._server = server
        self._database = database
        self._argv = system.command(server.dsn(database), slots)
        if variant:
            self._argv[-3] = variant
        name = (environment or {}).get("BENCH_WORKER", "")
        self._log = DATA / f"{variant or system.name}{name}.log"
        self._environment = _clean() | system.environment | dict(environment or {})
        self._child: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        with self._log.open("w") as log:
            self._child = subprocess.Popen(
                self._argv,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.signal(signal.SIGKILL)
        self._living.wait()
        for stream in (self._living.stdin, self._living.stdout):
            if stream is not None:
                stream.close()

    @property
    def _living(self) -> subprocess.Popen[str]:
        assert self._child is not None, "the worker was not started"
        return self._child

    def signal(self, number: int) -> None:
        """Send a signal, unless it has ended already."""
        if self._living.poll() is None:
            self._living.send_signal(number)

    def warm(self) -> None:
        """Give it jobs until the first ones are finished: from then on it is really there."""
        with self._server.connect(self._database) as connection:
            for _ in range(WARM_JOBS):
                connection.execute(self.system.insert.encode(), job(time.time()))
            self.until_finished(connection, START_SECONDS)
        self.report()

    def until_finished(self, connection: psycopg.Connection[Any], seconds: float) -> None:
        """Return when the database says that no job is left.

        Asked fifty times a second, it must not walk through all that are finished.
        """
        query = self.system.unfinished.encode()
        connection.execute("SET enable_seqscan = off")

        def finished() -> bool:
            row = connection.execute(query, prepare=True).fetchone()
            return row is not None and not row[0]

        self.until(finished, seconds, "all jobs finished")
        connection.execute("RESET enable_seqscan")

    def until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait for a condition. Raises Stuck when it stays out, or the worker has ended."""
        deadline = time.monotonic() + seconds
        while not condition():
            if self._living.poll() is not None:
                raise Stuck(f"{self.system.title} ended by itself: {tail(self._log)}")
            if time.monotonic() > deadline:
                raise Stuck(f"{self.system.title}: not {what} within {seconds:.0f} s")
            time.sleep(POLL_SECONDS)

    def report(self) -> list[float]:
        """Seconds that each job since the last report had waited before its handler began."""
        assert self._living.stdin is not None
        assert self._living.stdout is not None
        self._living.stdin.write("report\n")
        self._living.stdin.flush()
        line = self._living.stdout.readline()
        if not line:
            raise Stuck(f"{self.system.title} ended by itself: {tail(self._log)}")
        told: list[float] = json.loads(line)
        return told

    def resident_bytes(self) -> int:
        """What it occupies, with any processes of its own; 0 where the system does not tell."""
        pids, total = [self._living.pid], 0
        while pids:
            pid = pids.pop()
            try:
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            pids += map(int, children)
            for line in status.splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1]) * 1024
        return total


def _clean() -> dict[str, str]:
    """A developer's own keys, URLs and pgpass must not leak in."""
    foreign = ("OPENAI_", "DATABASE_", "PG", "AI_TEST_", "DBOS_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
