"""What a queue in its database costs the main app: committed inserts a second, by ``pgbench``.

The rate without any queue is that of a bare table; a second one is that of ``ai_requests`` with
all its columns and indexes, yet without triggers and daemon. For a peer its worker is off, which
favours it: its triggers alone are measured. For this daemon there are three states. *Busy*: every
slot is taken by a long request, as is usual where answers take seconds. *Working*: it answers all
that is inserted while it is inserted, on the same cores. *Paused*: it may start nothing and lies
there listening, which must not make it ring for each insert. And beside requests, the app's own
rows in its own table, while the daemon works off a backlog.

Each is measured twice. On this machine's disk, where it flushes within 0.1 ms as some do, all
that is compared is the processor's time, on cores that clients, server and worker share. And on a
*network disk*, as hosted databases have them: each flush takes 5 ms, the middle of the
single-digit milliseconds that Amazon names for gp3 volumes (docs.aws.amazon.com/ebs); a flush
within 2 to 10 ms is what etcd asks of a disk (etcd.io/docs, hardware).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.process import Worker
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
FIGURES = {
    BARE: "a bare table, nothing installed",
    "table": "our table's columns and indexes, no trigger",
    "ours busy": "this daemon, every slot taken",
    "ours working": "this daemon, answering them",
    "ours paused": "this daemon, paused",
    BESIDE: "the bare table again, beside this daemon at work",
}


def commits(bench: Bench, round_number: int) -> None:
    """Transactions a second for each number of clients, each inserting one request."""
    with tempfile.TemporaryDirectory() as folder:
        scripts = Path(folder)
        turns: list[Callable[[], None]] = [lambda: _bare(bench, scripts, BARE, BARE_TABLE)]
        turns += [lambda: _bare(bench, scripts, "table", LIKE_OURS)]
        turns += [lambda: _busy(bench, scripts)]
        turns += [lambda: _awake(bench, scripts, "ours working")]
        turns += [lambda: _awake(bench, scripts, "ours paused")]
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
        bench.turn(f"commits, {FIGURES['ours busy']}", bench.ours),
        bench.working(bench.ours, slots) as (database, worker),
    ):
        _fill_slots(bench, worker, database, scripts, slots)
        _load(bench, scripts, database, bench.ours.insert, "ours busy")


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
        if figure == "ours paused":
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
        if not bench.server.rows(bench.ours.unfinished, database)[0][0]:
            bench.notes.append(f"commits, {FIGURES[BESIDE]}: the backlog ran dry before the end")


def _peer(bench: Bench, scripts: Path, peer: System) -> None:
    with bench.turn("commits", peer), bench.server.database(peer.name) as database:
        _load(bench, scripts, database, peer.insert, peer.name)


def _load(bench: Bench, scripts: Path, database: str, insert: str, figure: str) -> None:
    script = scripts / "insert.sql"
    script.write_text(insert.replace("%(job)s", f"'{JOB}'") + ";\n")
    sizes = bench.sizes
    for clients in sizes.commit_clients:
        rate = bench.server.pgbench(database, script, clients, sizes.commit_seconds)
        bench.add("commits", f"{figure} {clients}", rate)
    with bench.server.slow_flush(sizes.flush_ms):
        rate = bench.server.pgbench(database, script, clients, sizes.commit_seconds)
    bench.add("commits", f"{figure} {NETWORK}", rate)
