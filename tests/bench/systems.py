"""Who takes part, and the SQL through which each is fed and asked.

``insert`` is one statement that adds one job, the way the system documents for SQL or, where it
documents none, the statement that its own client sends. ``unfinished`` is true while a job is
left. ``fill`` adds ``%(n)s`` pending jobs without triggers, ``fill_finished`` as many finished
ones.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import psycopg

from tests.bench import node

OURS = "ours"
FLOOR = "floor"
JOB = '{"ts": 0}'


@dataclass(frozen=True)
class System:
    """One queue. jobs_divisor: it gets fewer jobs, being slower, so that a round stays short."""

    name: str
    title: str
    package: str
    install: Callable[[str], None]
    insert: str
    unfinished: str
    guarantees: str
    wakes_by: str
    jobs_divisor: int = 1
    fill: str = ""
    fill_finished: str = ""
    state: str = ""
    argv: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    version: str = ""

    def command(self, dsn: str, slots: int) -> list[str]:
        if self.argv:
            return [*self.argv, self.name, dsn, str(slots)]
        return [sys.executable, "-m", "tests.bench.worker", self.name, dsn, str(slots)]


def known() -> tuple[list[System], dict[str, str]]:
    """All systems that can run here, ours first, and why the others cannot."""
    systems = [_ours(), _floor(), _procrastinate(), _pgqueuer(), _chancy(), _dbos()]
    reasons: dict[str, str] = {}
    packages, problem = node.packages()
    if packages is None:
        reasons = {"graphile-worker": problem, "pg-boss": problem}
    else:
        systems += [_graphile(packages), _pgboss(packages)]
    return systems, reasons


def _ours() -> System:
    from daemon import __version__

    def install(dsn: str) -> None:
        from daemon import migrate

        migrate.upgrade(dsn)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO ai_control (task_type, concurrency) VALUES"
                " ('*', 100000), ('bench_noop', 100000), ('bench_graph', 100000)"
                " ON CONFLICT (task_type) DO UPDATE SET concurrency = excluded.concurrency"
            )

    return System(
        OURS,
        "this daemon",
        "",
        install,
        "INSERT INTO ai_requests (task_type, input_data) VALUES ('bench_noop', %(job)s::jsonb)",
        "SELECT EXISTS (SELECT FROM ai_requests"
        " WHERE status = 'pending' AND run_after >= '-infinity')"
        " OR EXISTS (SELECT FROM ai_requests WHERE status IN ('running', 'waiting'))",
        "result kept, fenced, exact limits, fair between keys, a row per attempt",
        "NOTIFY only while it sleeps",
        fill=(
            "INSERT INTO ai_requests (task_type, input_data, checked)"
            " SELECT 'bench_noop', '{\"ts\": 0}', true FROM generate_series(1, %(n)s)"
        ),
        fill_finished=(
            "WITH r AS (INSERT INTO ai_requests (task_type, input_data, checked, status, mode,"
            " attempt, fence, started_at, finished_at)"
            " SELECT 'bench_noop', '{\"ts\": 0}', true, 'completed', 'deterministic', 1, 1, now(),"
            " now() FROM generate_series(1, %(n)s) RETURNING id),"
            " a AS (INSERT INTO ai_attempts (request_id, fence, attempt, worker_id, started_at,"
            " finished_at, outcome) SELECT id, 1, 1, 'w', now(), now(), 'completed' FROM r)"
            " INSERT INTO ai_results (request_id, task_type, mode, result)"
            " SELECT id, 'bench_noop', 'deterministic', '{\"by\": \"A\"}' FROM r"
        ),
        state=(
            "SELECT r.status, s.result ->> 'by',"
            " (SELECT string_agg(a.outcome, ', ' ORDER BY a.fence) FROM ai_attempts a)"
            " FROM ai_requests r LEFT JOIN ai_results s ON s.request_id = r.id"
        ),
        version=__version__,
    )


def _floor() -> System:
    def install(dsn: str) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(
                "CREATE TABLE bench_floor (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
                " status text NOT NULL DEFAULT 'pending', job jsonb NOT NULL)"
            )
            connection.execute("CREATE INDEX ON bench_floor (id) WHERE status = 'pending'")

    return System(
        FLOOR,
        "floor: LISTEN and claim, nothing else",
        "",
        install,
        "WITH one AS (INSERT INTO bench_floor (job) VALUES (%(job)s::jsonb) RETURNING id)"
        " SELECT pg_notify('bench_floor', '') FROM one",
        "SELECT EXISTS (SELECT FROM bench_floor WHERE status = 'pending')",
        "none: a claim is the end",
        "NOTIFY",
    )


def _procrastinate() -> System:
    def install(dsn: str) -> None:
        async def run() -> None:
            import procrastinate

            app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=dsn))
            async with app.open_async():
                await app.schema_manager.apply_schema_async()

        asyncio.run(run())

    args = "jsonb_build_object('job', %(job)s::jsonb)"
    return System(
        "procrastinate",
        "Procrastinate",
        "procrastinate",
        install,
        "SELECT procrastinate_defer_jobs_v1(ARRAY["
        f"ROW('default', 'noop', 0, NULL, NULL, {args}, NULL)::procrastinate_job_to_defer_v1])",
        "SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE status IN ('todo', 'doing'))",
        "status and events kept, no result; locks; one row a claim",
        "NOTIFY by trigger",
        fill=(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args)"
            " SELECT 'default', 'noop', '{\"job\": {\"ts\": 0}}' FROM generate_series(1, %(n)s)"
        ),
        fill_finished=(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, attempts)"
            " SELECT 'default', 'noop', '{\"job\": {\"ts\": 0}}', 'succeeded', 1"
            " FROM generate_series(1, %(n)s)"
        ),
        state=(
            "SELECT j.status::text, j.attempts::text, (SELECT string_agg(e.type::text, ', '"
            " ORDER BY e.id) FROM procrastinate_events e) FROM procrastinate_jobs j"
        ),
        version=_version("procrastinate"),
    )


def _pgqueuer() -> System:
    def install(dsn: str) -> None:
        async def run() -> None:
            import asyncpg
            from pgqueuer.db import AsyncpgDriver
            from pgqueuer.queries import Queries

            connection = await asyncpg.connect(dsn)
            await Queries(AsyncpgDriver(connection)).install()
            await connection.close()

        asyncio.run(run())

    return System(
        "pgqueuer",
        "PgQueuer",
        "pgqueuer",
        install,
        "WITH one AS (INSERT INTO pgqueuer (priority, entrypoint, payload, status)"
        " VALUES (0, 'noop', convert_to(%(job)s::text, 'UTF8'), 'queued') RETURNING id)"
        " INSERT INTO pgqueuer_log (job_id, status, entrypoint, priority)"
        " SELECT id, 'queued', 'noop', 0 FROM one",
        "SELECT EXISTS (SELECT FROM pgqueuer)",
        "row deleted when done, a log line stays, no result",
        "NOTIFY by trigger",
        fill=(
            "INSERT INTO pgqueuer (priority, entrypoint, payload, status, execute_after)"
            " SELECT 0, 'noop', convert_to('{\"ts\": 0}', 'UTF8'), 'queued',"
            " now() - interval '1 minute' FROM generate_series(1, %(n)s)"
        ),
        fill_finished=(
            "INSERT INTO pgqueuer_log (job_id, status, entrypoint, priority)"
            " SELECT n, unnest(ARRAY['queued', 'picked', 'successful']::pgqueuer_status[]),"
            " 'noop', 0 FROM generate_series(1, %(n)s) n"
        ),
        state=(
            "SELECT coalesce((SELECT max(q.status::text) FROM pgqueuer q), 'row deleted'),"
            " (SELECT string_agg(l.status::text, ', ' ORDER BY l.id) FROM pgqueuer_log l)"
        ),
        version=_version("pgqueuer"),
    )


def _chancy() -> System:
    def install(dsn: str) -> None:
        async def run() -> None:
            from chancy import Chancy

            async with Chancy(dsn) as app:
                await app.migrate()

        asyncio.run(run())

    columns = "(id, queue, func, kwargs, limits, meta, priority, max_attempts, scheduled_at"
    values = "gen_random_uuid(), 'default', 'tests.bench.peers.chancy_noop'"
    return System(
        "chancy",
        "Chancy",
        "chancy",
        install,
        f"WITH one AS (INSERT INTO chancy_jobs {columns}) VALUES ({values},"
        " jsonb_build_object('job', %(job)s::jsonb), '[]', '{}', 0, 1, now()) RETURNING queue)"
        " SELECT pg_notify('chancy_events',"
        " json_build_object('t', 'queue.pushed', 'q', queue)::text) FROM one",
        "SELECT EXISTS (SELECT FROM chancy_jobs WHERE state NOT IN ('succeeded', 'failed'))",
        "state kept; ends written once a second in batches, fenced by a claim id",
        "NOTIFY by its client, and a poll",
        fill=(
            f'INSERT INTO chancy_jobs {columns}) SELECT {values}, \'{{"job": {{"ts": 0}}}}\','
            " '[]', '{}', 0, 1, now() FROM generate_series(1, %(n)s)"
        ),
        fill_finished=(
            f"INSERT INTO chancy_jobs {columns}, state, attempts, started_at, completed_at)"
            f" SELECT {values}, '{{\"job\": {{\"ts\": 0}}}}', '[]', '{{}}', 0, 1, now(),"
            " 'succeeded', 1, now(), now() FROM generate_series(1, %(n)s)"
        ),
        state="SELECT state, attempts::text, jsonb_array_length(errors)::text FROM chancy_jobs",
        version=_version("chancy"),
    )


def _dbos() -> System:
    def install(dsn: str) -> None:
        # Its schema is made by the first start; a process of its own, since it is global state.
        code = (
            "import sys; from dbos import DBOS;"
            " DBOS(config={'name': 'bench', 'system_database_url': sys.argv[1],"
            " 'log_level': 'CRITICAL', 'run_admin_server': False}); DBOS.launch(); DBOS.destroy()"
        )
        subprocess.run(
            [sys.executable, "-c", code, dsn], check=True, capture_output=True, timeout=60
        )

    return System(
        "dbos",
        "DBOS",
        "dbos",
        install,
        "SELECT dbos.enqueue_workflow('noop', 'bench', ARRAY[%(job)s::json])",
        "SELECT EXISTS (SELECT FROM dbos.workflow_status WHERE status IN ('ENQUEUED', 'PENDING'))",
        "result kept, durable steps",
        "poll, here every 0.1 s",
        jobs_divisor=10,
        state=(
            "SELECT w.status, o.output, w.recovery_attempts::text FROM dbos.workflow_status w"
            " LEFT JOIN dbos.workflow_output o USING (workflow_uuid)"
        ),
        version=_version("dbos"),
    )


def _graphile(packages: node.Packages) -> System:
    return System(
        "graphile",
        "graphile-worker",
        "graphile-worker",
        lambda dsn: packages.install("graphile", dsn),
        "SELECT graphile_worker.add_job('noop', %(job)s::json)",
        "SELECT EXISTS (SELECT FROM graphile_worker._private_jobs)",
        "row deleted when done, no result",
        "NOTIFY by trigger",
        argv=packages.argv,
        environment=packages.environment,
        version=packages.versions["graphile-worker"],
    )


def _pgboss(packages: node.Packages) -> System:
    return System(
        "pgboss",
        "pg-boss",
        "pg-boss",
        lambda dsn: packages.install("pgboss", dsn),
        "INSERT INTO pgboss.job (name, data) VALUES ('noop', %(job)s::jsonb)",
        "SELECT EXISTS (SELECT FROM pgboss.job WHERE name = 'noop' AND state < 'completed')",
        "state and output kept; whole batches end together",
        "poll every 0.5 s, its shortest",
        jobs_divisor=5,
        argv=packages.argv,
        environment=packages.environment,
        version=packages.versions["pg-boss"],
    )


def job(ts: float, hold: str = "") -> dict[str, Any]:
    """The parameters of an ``insert``."""
    return {"job": json.dumps({"ts": ts, "hold": hold})}


def _version(package: str) -> str:
    return metadata.version(package)
