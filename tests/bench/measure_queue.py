"""How many jobs a second, how soon a job starts, and what a job and idling cost."""

from __future__ import annotations

import time
from contextlib import ExitStack

from tests.bench.bench import Bench, quantile
from tests.bench.process import Worker
from tests.bench.systems import FLOOR, System, job

PATIENCE_SECONDS = 180.0
SETTLE_SECONDS = 0.5
MILLISECONDS = 1000.0


def throughput(bench: Bench, round_number: int) -> None:
    """Jobs a second, from the commit that brings them all until the database has none left."""
    for system in _taking_turns(bench, round_number):
        if system.name == FLOOR:
            continue
        with (
            bench.turn("throughput", system),
            bench.working(system, bench.sizes.slots) as (database, worker),
        ):
            jobs = max(50, bench.sizes.throughput_jobs // system.jobs_divisor)
            bench.add("throughput", system.name, jobs / _burst(bench, worker, database, jobs))


def latency(bench: Bench, round_number: int) -> None:
    """Milliseconds from just before the INSERT is sent until the handler begins, evenly paced."""
    for system in _taking_turns(bench, round_number):
        with (
            bench.turn("latency", system),
            bench.working(system, bench.sizes.slots) as (database, worker),
        ):
            pace(bench, worker, database)
            waited = worker.report()
            for share in (50, 95, 99):
                value = quantile(waited, share / 100) * MILLISECONDS
                bench.add("latency", f"{system.name} p{share}", value)


def cost(bench: Bench) -> None:
    """Statements and WAL per job, in a burst and one by one; resident memory."""
    for system in bench.systems:
        if system.name == FLOOR:
            continue
        with (
            bench.turn("cost", system),
            bench.working(system, bench.sizes.slots, logged=True) as (database, worker),
        ):
            _cost(bench, system, database, worker)
    with (
        bench.turn("cost", bench.ours),
        bench.working(bench.ours, bench.sizes.slots, variant="ours_full") as (_, worker),
    ):
        bench.add("cost", "ours_full memory", worker.resident_bytes())


def _cost(bench: Bench, system: System, database: str, worker: Worker) -> None:
    bench.add("cost", f"{system.name} memory", worker.resident_bytes())
    jobs = max(50, bench.sizes.throughput_jobs // 5 // system.jobs_divisor)
    # The first write to a page after a checkpoint logs the whole page: that is not the job's.
    _burst(bench, worker, database, jobs)
    with bench.server.counting(database) as counted:
        _burst(bench, worker, database, jobs)
        time.sleep(SETTLE_SECONDS)
    bench.add("cost", f"{system.name} burst statements", counted.statements / jobs)
    bench.add("cost", f"{system.name} burst wal", counted.wal_bytes / jobs)
    with bench.server.counting(database) as counted:
        paced = pace(bench, worker, database)
        time.sleep(SETTLE_SECONDS)
    bench.add("cost", f"{system.name} paced statements", counted.statements / paced)
    bench.add("cost", f"{system.name} paced wal", counted.wal_bytes / paced)


def idle(bench: Bench) -> None:
    """Statements a second while there is nothing to do: all workers at once, each on a database
    of its own, once their start and their first jobs are long over."""
    sizes, watched = bench.sizes, {}
    with ExitStack() as workers:
        for system in bench.systems:
            if system.name == FLOOR:
                continue
            with bench.turn("idle", system):
                database, _ = workers.enter_context(
                    bench.working(system, sizes.slots, logged=True)
                )
                watched[system.name] = database
        bench.say(f"idle: everybody, for {sizes.settle_seconds + sizes.idle_seconds:.0f} s")
        time.sleep(sizes.settle_seconds)
        with bench.server.listening() as statements:
            time.sleep(sizes.idle_seconds)
        for name, database in watched.items():
            rate = statements[database] / sizes.idle_seconds
            bench.add("cost", f"{name} idle statements", rate)


def _taking_turns(bench: Bench, round_number: int) -> list[System]:
    """Everybody, beginning with another one each round."""
    first = round_number % len(bench.systems)
    return [*bench.systems[first:], *bench.systems[:first]]


def _burst(bench: Bench, worker: Worker, database: str, jobs: int) -> float:
    """Seconds that the worker needs for jobs that all come with one commit."""
    with bench.server.connect(database) as producer:
        with producer.transaction(), producer.cursor() as cursor:
            cursor.executemany(
                worker.system.insert.encode(), [job(time.time()) for _ in range(jobs)]
            )
        began = time.perf_counter()
        worker.until_finished(producer, PATIENCE_SECONDS)
        seconds = time.perf_counter() - began
    worker.report()
    return seconds


def pace(bench: Bench, worker: Worker, database: str) -> int:
    """Insert at a steady rate and wait for the last to finish; returns how many were inserted."""
    rate, jobs = (
        bench.sizes.latency_rate,
        int(bench.sizes.latency_rate * bench.sizes.latency_seconds),
    )
    time.sleep(SETTLE_SECONDS)
    statement = worker.system.insert.encode()
    with bench.server.connect(database) as producer:
        producer.execute("SELECT 1")
        worker.report()
        began = time.perf_counter()
        for number in range(jobs):
            time.sleep(max(0.0, began + number / rate - time.perf_counter()))
            producer.execute(statement, job(time.time()), prepare=True)
        worker.until_finished(producer, PATIENCE_SECONDS)
    return jobs
