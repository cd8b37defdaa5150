"""The Python peers' workers, as their documentation sets them up, and the floor below everybody.

``BENCH_RESCUE`` shortens the time after which a system takes a silent worker for dead, and turns
on what each offers to have its jobs run again; that is only for the conformance test.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from typing import Any

import psycopg

from tests.bench.handler import handle

RESCUE_SECONDS = 2
RESCUING = bool(os.environ.get("BENCH_RESCUE"))
POOL_MIN, POOL_MAX = 4, 12


async def floor(dsn: str, slots: int) -> None:
    """The least that anybody can do: hear a NOTIFY, claim one row at a time."""
    ears = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
    hands = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
    await ears.execute("LISTEN bench_floor")
    claim = (
        "UPDATE bench_floor SET status = 'done' WHERE id = (SELECT id FROM bench_floor"
        " WHERE status = 'pending' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING job"
    )

    async def take_all() -> None:
        while row := await (await hands.execute(claim, prepare=True)).fetchone():
            await handle(row[0])

    await take_all()
    async for _ in ears.notifies():
        await take_all()


async def procrastinate(dsn: str, slots: int) -> None:
    import procrastinate as library

    connector = library.PsycopgConnector(conninfo=dsn, min_size=POOL_MIN, max_size=POOL_MAX)
    app = library.App(connector=connector)

    @app.task(name="noop")  # type: ignore[untyped-decorator]
    async def noop(job: Mapping[str, Any]) -> str:
        return await handle(job)

    async def rescue() -> None:
        while True:
            await asyncio.sleep(RESCUE_SECONDS / 2)
            for job in await app.job_manager.get_stalled_jobs(
                seconds_since_heartbeat=RESCUE_SECONDS
            ):
                await app.job_manager.retry_job(job)

    options: dict[str, Any] = {"concurrency": slots, "install_signal_handlers": False}
    if RESCUING:
        options |= {"update_heartbeat_interval": RESCUE_SECONDS / 4}
    async with app.open_async():
        rescuer = asyncio.create_task(rescue()) if RESCUING else None
        await app.run_worker_async(**options)
        if rescuer is not None:
            rescuer.cancel()


async def pgqueuer(dsn: str, slots: int) -> None:
    import asyncpg
    from pgqueuer import PgQueuer
    from pgqueuer.db import AsyncpgPoolDriver

    async with asyncpg.create_pool(dsn, min_size=POOL_MIN, max_size=POOL_MAX) as pool:
        queue = PgQueuer(AsyncpgPoolDriver(pool))

        @queue.entrypoint("noop")  # type: ignore[untyped-decorator]
        async def noop(job: Any) -> None:
            await handle(json.loads(job.payload))

        options: dict[str, Any] = {
            "batch_size": max(1, slots // 2),  # the most that it takes for this many slots
            "max_concurrent_tasks": max(2, slots),
        }
        if RESCUING:
            options |= {"heartbeat_timeout": timedelta(seconds=RESCUE_SECONDS)}
            options |= {"dequeue_timeout": timedelta(seconds=1)}
        await queue.run(**options)


async def chancy(dsn: str, slots: int) -> None:
    from chancy import Chancy, Queue, Worker
    from chancy.plugins.leadership import Leadership
    from chancy.plugins.recovery import Recovery

    plugins: dict[str, Any] = {}
    timing: dict[str, Any] = {}
    if RESCUING:
        leadership = Leadership(poll_interval=1, timeout=RESCUE_SECONDS)
        plugins = {"plugins": [leadership, Recovery(poll_interval=1)]}
        timing = {"heartbeat_poll_interval": 1, "heartbeat_timeout": RESCUE_SECONDS}
    async with Chancy(dsn, **plugins) as app:
        await app.declare(
            Queue(
                "default", concurrency=slots, executor=Chancy.Executor.Async, eager_polling=True
            ),
            upsert=True,
        )
        async with Worker(app, register_signal_handlers=False, **timing) as worker:
            await worker.wait_for_shutdown()


async def chancy_noop(*, job: Mapping[str, Any]) -> str:
    """Chancy finds its jobs by their import path."""
    return await handle(job)


async def dbos(dsn: str, slots: int) -> None:
    from dbos import DBOS

    DBOS(
        config={
            "name": "bench",
            "system_database_url": dsn,
            "log_level": "CRITICAL",
            "application_version": "bench",
            "run_admin_server": False,
        }
    )

    @DBOS.workflow(name="noop")  # type: ignore[untyped-decorator]
    async def noop(job: Mapping[str, Any]) -> str:
        return await handle(job)

    DBOS.launch()
    await DBOS.register_queue_async("bench", worker_concurrency=slots, polling_interval_sec=0.1)
    await asyncio.Event().wait()


WORKERS: dict[str, Callable[[str, int], Coroutine[Any, Any, None]]] = {
    "floor": floor,
    "procrastinate": procrastinate,
    "pgqueuer": pgqueuer,
    "chancy": chancy,
    "dbos": dbos,
}
