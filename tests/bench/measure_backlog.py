"""How long one claim takes while much is pending, or much is finished and not yet pruned.

The statements are the systems' own, sent one after another by one session, each claim followed by
its completion. DBOS and the npm peers offer no claim that could be called from outside.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import psycopg

from daemon import statements
from tests.bench.bench import Bench
from tests.bench.systems import OURS

WORKER = "bench"
FINISHED_PENDING = 1_000
"""So many are pending where the table is full of finished ones."""

Claim = Callable[[], Awaitable[float]]


def backlog(bench: Bench) -> None:
    """Milliseconds per claim, for each size of the backlog."""
    for name, opened in CLAIMS.items():
        system = bench.named(name)
        sizes = [(rows, 0) for rows in bench.sizes.backlogs]
        sizes.append((FINISHED_PENDING, bench.sizes.backlogs[-1]))
        for pending, finished in sizes:
            label = f"{finished} finished" if finished else f"{pending} pending"
            with (
                bench.turn(f"claims with {label}", system),
                bench.server.database(name) as database,
            ):
                _fill(bench, database, system.fill, pending)
                if finished:
                    _fill(bench, database, system.fill_finished, finished)
                bench.server.rows("VACUUM ANALYZE", database)
                times = asyncio.run(_claims(opened, bench, database))
                for seconds in times:
                    bench.add("backlog", f"{name} {label}", seconds * 1000)


def _fill(bench: Bench, database: str, statement: str, rows: int) -> None:
    with bench.server.connect(database) as connection, connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(statement.encode(), {"n": rows})


async def _claims(opened: Any, bench: Bench, database: str) -> list[float]:
    batch = bench.sizes.claim_batch
    # A small backlog must not run dry, and the first calls plan and fill caches.
    warm = 5
    rounds = min(bench.sizes.claims, FINISHED_PENDING // batch - warm)
    async with opened(bench.server.dsn(database), batch) as claim:
        times = [await claim() for _ in range(rounds + warm)]
    return times[warm:]


@asynccontextmanager
async def _ours(dsn: str, batch: int) -> AsyncIterator[Claim]:
    texts = statements.load()
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:

        async def claim() -> float:
            values = {"worker_id": WORKER, "types": ["bench_noop"], "slots": batch}
            began = time.perf_counter()
            cursor = await connection.execute(
                texts["request_claim"],
                values | {"lease_seconds": 30.0, "now": None},
                prepare=True,
            )
            rows = await cursor.fetchall()
            seconds = time.perf_counter() - began
            assert len(rows) == batch, f"{len(rows)} of {batch} claimed"
            ends = [
                {
                    "id": row[0],
                    "fence": row[1],
                    "outcome": "completed",
                    "result": {"by": "A"},
                    "mode": "deterministic",
                }
                for row in rows
            ]
            await connection.execute(
                texts["attempt_complete"],
                {"worker_id": WORKER, "outcomes": json.dumps(ends), "now": None},
                prepare=True,
            )
            return seconds

        yield claim


@asynccontextmanager
async def _procrastinate(dsn: str, batch: int) -> AsyncIterator[Claim]:
    """One row a claim, as its worker does."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        cursor = await connection.execute("SELECT * FROM procrastinate_register_worker_v1()")
        worker = (await cursor.fetchone() or [None])[0]

        async def claim() -> float:
            began = time.perf_counter()
            cursor = await connection.execute(
                "SELECT id FROM procrastinate_fetch_job_v2(NULL, %s)", [worker], prepare=True
            )
            row = await cursor.fetchone()
            seconds = time.perf_counter() - began
            assert row is not None
            assert row[0] is not None, "nothing claimed"
            await connection.execute(
                "SELECT procrastinate_finish_job_v1(%s, 'succeeded', false)", row, prepare=True
            )
            return seconds

        yield claim


@asynccontextmanager
async def _pgqueuer(dsn: str, batch: int) -> AsyncIterator[Claim]:
    import asyncpg
    from pgqueuer.core.qm import EntrypointExecutionParameter
    from pgqueuer.db import AsyncpgDriver
    from pgqueuer.queries import Queries

    connection = await asyncpg.connect(dsn)
    try:
        queries = Queries(AsyncpgDriver(connection))
        worker = uuid.uuid4()
        options: dict[str, Any] = {
            "batch_size": batch,
            "entrypoints": {"noop": EntrypointExecutionParameter(concurrency_limit=0)},
            "queue_manager_id": worker,
            "global_concurrency_limit": 1_000_000,
            "heartbeat_timeout": timedelta(hours=1),
        }

        async def claim() -> float:
            began = time.perf_counter()
            jobs = await queries.dequeue(**options)
            seconds = time.perf_counter() - began
            assert len(jobs) == batch, f"{len(jobs)} of {batch} claimed"
            await queries.log_jobs([(job, "successful", None) for job in jobs])
            return seconds

        yield claim
    finally:
        await connection.close()


@asynccontextmanager
async def _chancy(dsn: str, batch: int) -> AsyncIterator[Claim]:
    from chancy import Chancy, Queue, Worker

    async with Chancy(dsn) as app:
        queue = Queue("default", concurrency=batch)
        worker = Worker(app, register_signal_handlers=False)
        async with app.pool.connection() as connection:
            await connection.set_autocommit(True)

            async def claim() -> float:
                began = time.perf_counter()
                jobs = await worker.fetch_jobs(queue, connection, up_to=batch)
                seconds = time.perf_counter() - began
                assert len(jobs) == batch, f"{len(jobs)} of {batch} claimed"
                await connection.execute(
                    "UPDATE chancy_jobs SET state = 'succeeded', completed_at = now()"
                    " WHERE id = ANY (%s)",
                    [[job.id for job in jobs]],
                )
                return seconds

            yield claim


CLAIMS = {
    OURS: _ours,
    "procrastinate": _procrastinate,
    "pgqueuer": _pgqueuer,
    "chancy": _chancy,
}
