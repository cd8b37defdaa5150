"""How long one claim takes while much is pending, or much is finished and not yet pruned.

The statements are the systems' own, sent one after another by one session, each claim followed by
its completion. DBOS and the npm peers offer no claim that could be called from outside.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import psycopg

from daemon import statements
from tests.bench.bench import Bench
from tests.bench.systems import OURS, System

WORKER = "bench"
WARM = 5

Claim = Callable[[], Awaitable[float]]
"""Takes a batch and finishes it; returns how many seconds the taking took."""
Opened = Callable[[str, int], AbstractAsyncContextManager[Claim]]
"""What claims, given a database and the size of a batch."""


def backlog(bench: Bench) -> None:
    """Milliseconds per claim, for each size of the backlog.

    A claim of each in turn: what else the machine does meanwhile is the same for all sizes.
    """
    least, most = bench.sizes.backlogs[0], bench.sizes.backlogs[-1]
    sizes = {f"{rows} pending": (rows, 0) for rows in bench.sizes.backlogs}
    sizes[f"{most} finished"] = (least, most)
    for name, opened in CLAIMS.items():
        system = bench.named(name)
        with bench.turn("claims", system), ExitStack() as kept:
            databases: dict[str, str] = {}
            for number, (label, (pending, finished)) in enumerate(sizes.items(), 1):
                bench.say(f"claims: {system.title} with {label}")
                databases[label] = kept.enter_context(bench.server.database(name, number=number))
                _fill(bench, databases[label], system, pending, finished)
            times = asyncio.run(_claims(opened, bench, databases))
            for label, milliseconds in times.items():
                for value in milliseconds:
                    bench.add("backlog", f"{name} {label}", value)


def _fill(bench: Bench, database: str, system: System, pending: int, finished: int) -> None:
    with bench.server.connect(database) as connection:
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute(system.fill.encode(), {"n": pending})
            if finished:
                connection.execute(system.fill_finished.encode(), {"n": finished})
        connection.execute("VACUUM ANALYZE")


async def _claims(
    opened: Opened, bench: Bench, databases: Mapping[str, str]
) -> dict[str, list[float]]:
    """Milliseconds of each claim, by database."""
    batch = bench.sizes.claim_batch
    # A small backlog must not run dry, and the first calls plan and fill caches.
    rounds = min(bench.sizes.claims, bench.sizes.backlogs[0] // batch - WARM)
    times: dict[str, list[float]] = {label: [] for label in databases}
    async with AsyncExitStack() as sessions:
        claims = {
            label: await sessions.enter_async_context(opened(bench.server.dsn(database), batch))
            for label, database in databases.items()
        }
        for number in range(WARM + rounds):
            for label, claim in claims.items():
                seconds = await claim()
                if number >= WARM:
                    times[label].append(1000 * seconds)
    return times


@asynccontextmanager
async def _ours(dsn: str, batch: int) -> AsyncIterator[Claim]:
    texts = statements.load()
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:

        async def claim() -> float:
            values = {"worker_id": WORKER, "types": ["bench_noop"], "slots": batch}
            began = time.perf_counter()
            cursor = await connection.execute(
                texts["request_claim"],
                values | {"lease_seconds": 30.0, "past": None, "now": None},
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


CLAIMS: dict[str, Opened] = {
    OURS: _ours,
    "procrastinate": _procrastinate,
    "pgqueuer": _pgqueuer,
    "chancy": _chancy,
}
