"""A worker falls asleep in the middle of a job, is taken for dead, and wakes up again.

Two cases, with real processes and real signals: A claims and is stopped (SIGSTOP); what the
system has for dead workers gives the job to B. *Late*: B finishes, then A wakes and finishes too.
*Racing*: A wakes and finishes while B is still at work. Safe is a system in which A's end changes
nothing.
"""

from __future__ import annotations

import signal
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.bench import Bench
from tests.bench.process import Worker
from tests.bench.systems import System, job

ZOMBIES = ("ours", "procrastinate", "pgqueuer", "chancy", "dbos")
RESCUE_SECONDS = 60.0
SLOTS = 2
WRITE_SECONDS = 3.0
"""Long enough for every system to write an end; Chancy gathers for a second."""
OUR_LEASE_SECONDS = "3"


def zombies(bench: Bench) -> None:
    """Fills ``bench.facts["zombies"]``: system to case to what was seen."""
    seen: dict[str, dict[str, str]] = bench.facts.setdefault("zombies", {})
    for name in ZOMBIES:
        system = bench.named(name)
        for case in ("late", "racing"):
            with bench.turn(f"zombie, {case}", system):
                seen.setdefault(name, {})[case] = _one(bench, system, racing=case == "racing")


def _one(bench: Bench, system: System, *, racing: bool) -> str:
    with (
        tempfile.TemporaryDirectory() as folder,
        bench.server.database(system.name) as database,
        _worker(bench, system, database, "A") as first,
    ):
        hold = f"{folder}/job"
        with bench.server.connect(database) as connection:
            connection.execute(system.insert.encode(), job(0, hold))
            _reached(first, f"{hold}.A.started")
            first.signal(signal.SIGSTOP)
            with _worker(bench, system, database, "B") as second:
                _reached(second, f"{hold}.B.started")
                if not racing:
                    Path(f"{hold}.B.go").touch()
                    second.until_finished(connection, RESCUE_SECONDS)
                    time.sleep(WRITE_SECONDS)
                before = _state(bench, system, database)
                Path(f"{hold}.A.go").touch()
                first.signal(signal.SIGCONT)
                _reached(first, f"{hold}.A.done", or_ended=True)
                time.sleep(WRITE_SECONDS)
                after = _state(bench, system, database)
                verdict = "safe" if _same(before, after) else "unsafe"
                text = f"{verdict}: {_shown(before)} → {_shown(after)}"
                if racing:
                    Path(f"{hold}.B.go").touch()
                    time.sleep(WRITE_SECONDS)
                    text += f" → {_shown(_state(bench, system, database))}"
                return text


def _worker(bench: Bench, system: System, database: str, name: str) -> Worker:
    environment = {"BENCH_WORKER": name, "BENCH_RESCUE": "1"}
    environment |= {"LEASE_SECONDS": OUR_LEASE_SECONDS, "DBOS__VMID": "same"}
    return Worker(bench.server, system, database, SLOTS, environment=environment)


def _reached(worker: Worker, path: str, *, or_ended: bool = False) -> None:
    """Wait for a mark; ``or_ended``: a job that was cancelled on waking never sets it."""
    deadline = time.monotonic() + WRITE_SECONDS

    def there() -> bool:
        return Path(path).exists() or (or_ended and time.monotonic() > deadline)

    worker.until(there, RESCUE_SECONDS, f"{Path(path).name} seen")


def _state(bench: Bench, system: System, database: str) -> list[Any]:
    return bench.server.rows(system.state, database)


def _same(before: list[Any], after: list[Any]) -> bool:
    """Status and result unchanged; what else is shown (attempts, events) may grow."""
    return [row[:2] for row in before] == [row[:2] for row in after]


def _shown(state: list[Any]) -> str:
    if not state:
        return "gone"
    return "; ".join(", ".join(str(value) for value in row if value is not None) for row in state)
