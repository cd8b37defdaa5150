"""What a queue in its database costs the main app: committed inserts a second, by ``pgbench``.

The rate without any queue is that of a bare table; a second one is that of ``ai_requests`` with
all its columns and indexes, yet without triggers and daemon. For a peer its worker is off, which
favours it: its triggers alone are measured. For this daemon there are three states. *Busy*: every
slot is taken by a long request, as is usual where answers take seconds. *Working*: it answers all
that is inserted while it is inserted, on the same cores. *Paused*: it may start nothing and lies
there listening, which must not make it ring for each insert. And beside requests, the app's own
rows in its own table, while the daemon works off a backlog. Where it was not in its state for the
whole measured time, there is no figure but a note.

Each is measured twice. On this machine's disk, where it flushes within 0.1 ms as some do, all
that is compared is the processor's time, on cores that clients, server and worker share. And on a
*network disk*, as hosted databases have them: each flush takes 5 ms, the middle of the
single-digit milliseconds that Amazon names for gp3 volumes (docs.aws.amazon.com/ebs); a flush
within 2 to 10 ms is what etcd asks of a disk (etcd.io/docs, hardware).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.process import Stuck, Worker
from tests.bench.systems import FLOOR, JOB, OURS, System, job

BARE = "none"
BARE_TABLE = (
    "CREATE TABLE app_requests (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " task_type text NOT NULL, input_data jsonb NOT NULL,"
    " created_at timestamptz NOT NULL DEFAULT now())"
)
BARE_INSERT = (
    "INSERT INTO app_requests (task_type, input_data) VALUES ('bench_noop', %(job)s::jsonb)"
)
LIKE_OURS = "CREATE TABLE app_requests (LIKE ai_requests INCLUDING ALL)"
START_SECONDS = 30.0
BACKLOG_PER_SECOND = 4_000
"""More than the daemon answers in a second: it must not run dry."""
BESIDE = "beside ours"
NETWORK = "network disk"
BUSY, WORKING, PAUSED = "ours busy", "ours working", "ours paused"
FIGURES = {
    BARE: "a bare table, nothing installed",
    "table": "our table's columns and indexes, no trigger",
    BUSY: "this daemon, every slot taken",
    WORKING: "this daemon, answering them",
    PAUSED: "this daemon, paused",
    BESIDE: "the bare table again, beside this daemon at work",
}
STATES = {
    BUSY: "requests while every slot is taken",
    WORKING: "requests while it answers them",
    PAUSED: "requests while it is paused",
    BESIDE: "own rows while it answers a backlog",
}
"""The daemon's, all of them: what the app inserts then."""
ANSWERED = "SELECT count(*) FROM ai_requests WHERE status = 'completed'"


@dataclass(frozen=True)
class Work:
    """answered: requests so far. left: whether there are others."""

    answered: int
    left: bool


def broken(state: str, before: Work, after: Work) -> str | None:
    """Why the daemon was not in a state for all the time between, None if it was."""
    answered = after.answered - before.answered
    if state in {WORKING, BESIDE} and not answered:
        return "it answered nothing in the meantime"
    if state == BESIDE and not after.left:
        return "the backlog ran dry before the end"
    if state in {BUSY, PAUSED} and answered:
        return f"it answered {answered} in the meantime"
    return None


def commits(bench: Bench, round_number: int) -> None:
    """Transactions a second for each number of clients, each inserting one request."""
    with tempfile.TemporaryDirectory() as folder:
        scripts = Path(folder)
        turns: list[Callable[[], None]] = [lambda: _bare(bench, scripts, BARE, BARE_TABLE)]
        turns += [lambda: _bare(bench, scripts, "table", LIKE_OURS)]
        turns += [lambda: _busy(bench, scripts)]
        turns += [lambda: _awake(bench, scripts, WORKING)]
        turns += [lambda: _awake(bench, scripts, PAUSED)]
        turns += [lambda: _beside(bench, scripts)]
        peers = [s for s in bench.systems if s.name not in {OURS, FLOOR}]
        turns += [partial(_peer, bench, scripts, peer) for peer in peers]
        first = round_number % len(turns)
        for turn in (*turns[first:], *turns[:first]):
            turn()


def _bare(bench: Bench, scripts: Path, figure: str, table: str) -> None:
    with (
        bench.turn(f"commits, {FIGURES[figure]}", bench.ours),
        bench.server.database(OURS) as database,
    ):
        with bench.server.connect(database) as connection:
            connection.execute(table.encode())
        _load(bench, scripts, database, BARE_INSERT, figure)


def _busy(bench: Bench, scripts: Path) -> None:
    slots = bench.sizes.commit_slots
    with (
        bench.turn(f"commits, {FIGURES[BUSY]}", bench.ours),
        bench.working(bench.ours, slots) as (database, worker),
    ):
        _fill_slots(bench, worker, database, scripts, slots)
        _load(bench, scripts, database, bench.ours.insert, BUSY)


def _fill_slots(bench: Bench, worker: Worker, database: str, folder: Path, slots: int) -> None:
    with bench.server.connect(database) as connection:
        for number in range(slots):
            connection.execute(bench.ours.insert.encode(), job(0, f"{folder}/{number}"))
    worker.until(
        lambda: len(list(folder.glob("*.started"))) >= slots, START_SECONDS, "all slots taken"
    )
    for path in folder.glob("*.started"):
        path.unlink()


def _awake(bench: Bench, scripts: Path, figure: str) -> None:
    with (
        bench.turn(f"commits, {FIGURES[figure]}", bench.ours),
        bench.working(bench.ours, bench.sizes.slots) as (database, _),
    ):
        if figure == PAUSED:
            with bench.server.connect(database) as connection:
                connection.execute(
                    "UPDATE ai_control SET paused = true WHERE task_type = 'bench_noop'"
                )
        _load(bench, scripts, database, bench.ours.insert, figure)


def _beside(bench: Bench, scripts: Path) -> None:
    sizes = bench.sizes
    seconds = sizes.commit_seconds * (len(sizes.commit_clients) + 1)
    with (
        bench.turn(f"commits, {FIGURES[BESIDE]}", bench.ours),
        bench.working(bench.ours, sizes.slots) as (database, _),
    ):
        with bench.server.connect(database) as connection:
            connection.execute(BARE_TABLE.encode())
            with connection.transaction():
                # Without triggers, so without a ring: the daemon's poll finds them.
                connection.execute("SET LOCAL session_replication_role = replica")
                connection.execute(
                    bench.ours.fill.encode(), {"n": round(BACKLOG_PER_SECOND * seconds)}
                )
            connection.execute("SELECT ai_ring()")
        _load(bench, scripts, database, BARE_INSERT, BESIDE)


def _peer(bench: Bench, scripts: Path, peer: System) -> None:
    with bench.turn("commits", peer), bench.server.database(peer.name) as database:
        _load(bench, scripts, database, peer.insert, peer.name)


def _load(bench: Bench, scripts: Path, database: str, insert: str, figure: str) -> None:
    script = scripts / "insert.sql"
    script.write_text(insert.replace("%(job)s", f"'{JOB}'") + ";\n")
    sizes = bench.sizes
    for clients in sizes.commit_clients:
        _measure(bench, database, script, clients, figure, f"{figure} {clients}")
    with bench.server.slow_flush(sizes.flush_ms):
        _measure(bench, database, script, clients, figure, f"{figure} {NETWORK}")


def _measure(
    bench: Bench, database: str, script: Path, clients: int, state: str, figure: str
) -> None:
    before = _work(bench, database) if state in STATES else None
    rate = bench.server.pgbench(database, script, clients, bench.sizes.commit_seconds)
    if before is not None and (why := broken(state, before, _work(bench, database))):
        raise Stuck(f"{figure.removeprefix(state).strip()}: {why}, so this is no figure")
    bench.add("commits", figure, rate)


def _work(bench: Bench, database: str) -> Work:
    [(answered,)] = bench.server.rows(ANSWERED, database)
    [(left,)] = bench.server.rows(bench.ours.unfinished, database)
    return Work(answered, left)
