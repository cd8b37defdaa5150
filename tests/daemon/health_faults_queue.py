"""Faults of the queue, its workers, agents and the model."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tests.daemon.health_fault import fault
from tests.daemon.health_world import PLANTED, World

REQUEST = (
    "INSERT INTO ai_requests (task_type, status, attempt, created_at, run_after, started_at,"
    " finished_at, error) SELECT "
)


def ended(
    count: int,
    status: str,
    *,
    code: str = "",
    seconds: float = 1.0,
    attempt: int = 1,
    ago: str = "1 minute",
) -> str:
    """Requests of the type work that ended a while ago."""
    error = f'\'{{"code": "{code}", "message": "{PLANTED}"}}\'::jsonb' if code else "NULL"
    end = f"now() - interval '{ago}'"
    return (
        f"{REQUEST} 'work', '{status}', {attempt}, {end}, {end},"
        f" {end} - {seconds} * interval '1 second', {end}, {error}"
        f" FROM generate_series(1, {count})"
    )


def clear(world: World) -> None:
    world.run("TRUNCATE ai_requests, ai_results, ai_leases, ai_llm_calls, ai_attempts")


@fault("queue.oldest_pending", status="critical", names="work")
def old_backlog(world: World) -> Iterator[None]:
    world.forge(
        f"{REQUEST} 'work', 'pending', 0, now(), now() - interval '10 minutes', NULL, NULL, NULL"
    )
    yield
    clear(world)


@fault("queue.depth")
def deep_queue(world: World) -> Iterator[None]:
    world.forge(
        f"{REQUEST} 'work', 'pending', 0, now(), now(), NULL, NULL, NULL"
        " FROM generate_series(1, 600)"
    )
    yield
    clear(world)


@fault("agents.paused", status="notice", names="work", also=("queue.oldest_pending",))
def agent_left_paused(world: World) -> Iterator[None]:
    world.run("INSERT INTO ai_control (task_type, paused) VALUES ('work', true)")
    yield
    world.run("UPDATE ai_control SET paused = false")


@fault("agents.problem", names="haiku")
def agent_that_cannot_answer(world: World) -> Iterator[None]:
    world.run(
        "INSERT INTO ai_agents (name, type, problem)"
        " VALUES ('Haiku', 'haiku', 'config.system is missing')"
    )
    yield
    world.run("DELETE FROM ai_agents")


RUNNING = f"{REQUEST} 'work', 'running', 1, now(), now(), now() - interval '1 hour', NULL, NULL"


@fault("queue.running_without_lease")
def running_without_lease(world: World) -> Iterator[None]:
    world.forge(RUNNING)
    yield
    clear(world)


@fault("queue.stuck_lease", status="critical")
def stuck_lease(world: World) -> Iterator[None]:
    world.forge(
        RUNNING,
        "INSERT INTO ai_leases SELECT id, 1, task_type, '', 'w9', now() - interval '5 minutes'"
        " FROM ai_requests",
    )
    yield
    clear(world)


@fault("queue.rejected", status="critical", names="invalid_input")
def nonsense_requests(world: World) -> Iterator[None]:
    world.forge(ended(15, "failed", code="invalid_input"), ended(5, "completed"))
    yield
    clear(world)


@fault("queue.waiting_for_person", status="notice", limits={"warning": 60})
def silent_person(world: World) -> Iterator[None]:
    world.forge(RUNNING.replace("'running'", "'waiting'"))
    yield
    clear(world)


@fault("queue.retention", limits={"warning": 20})
def rows_past_retention(world: World) -> Iterator[None]:
    world.forge(ended(30, "completed", ago="91 days"))
    yield
    clear(world)


@fault("agents.failure_rate", status="critical", names="work")
def failing_agent(world: World) -> Iterator[None]:
    world.forge(ended(8, "failed", code="agent_error"), ended(12, "completed"))
    yield
    clear(world)


@fault("agents.p95_drift", status="critical", names="work")
def slow_agent(world: World) -> Iterator[None]:
    world.forge(ended(120, "completed", ago="2 days"), ended(30, "completed", seconds=9))
    yield
    clear(world)


@fault("agents.retry_storm", status="critical")
def retry_storm(world: World) -> Iterator[None]:
    world.forge(ended(20, "completed", attempt=3))
    yield
    clear(world)


@fault("agents.degraded", names="provider_error")
def answers_without_the_model(world: World) -> Iterator[None]:
    world.forge(
        "INSERT INTO ai_results (request_id, task_type, mode, degraded_reason, result)"
        " SELECT i, 'work', 'degraded', 'provider_error', '{}' FROM generate_series(1, 12) i"
    )
    yield
    clear(world)


@fault("workers.heartbeat", status="critical", also=("listener.sessions", "workers.vanished"))
def dead_worker(world: World) -> Iterator[None]:
    world.run("UPDATE ai_workers SET heartbeat_at = now() - interval '3 minutes'")
    yield
    world.run("UPDATE ai_workers SET heartbeat_at = now() + interval '5 minutes'")


@fault("workers.vanished", status="notice", names="w8")
def vanished_worker(world: World) -> Iterator[None]:
    world.run(
        "INSERT INTO ai_workers (worker_id, version, host, pid, concurrency, heartbeat_at)"
        " VALUES ('w8', '1', 'h', 2, 20, now() - interval '10 minutes')"
    )
    yield
    world.run("DELETE FROM ai_workers WHERE worker_id = 'w8'")


@fault("workers.schema", status="critical", names="9999_future")
def unknown_revision(world: World) -> Iterator[None]:
    version = world.value("SELECT version_num FROM ai_alembic_version")
    note = world.value("SELECT obj_description('ai_alembic_version'::regclass)")
    world.run(
        "UPDATE ai_alembic_version SET version_num = '9999_future'",
        "COMMENT ON TABLE ai_alembic_version IS 'works with code from 9998_future'",
    )
    yield
    world.run(
        f"UPDATE ai_alembic_version SET version_num = '{version}'",
        f"COMMENT ON TABLE ai_alembic_version IS '{note}'",
    )


@fault("schedules.late", status="critical", names="nightly")
def stalled_schedule(world: World) -> Iterator[None]:
    slot = datetime.now(UTC) - timedelta(hours=1)
    world.run(
        "INSERT INTO ai_schedules (name, task_type, trigger, last_slot, updated_at)"
        f" VALUES ('nightly', 'work', 'every 5 minutes', '{slot}', '{slot}')"
    )
    yield
    world.run("DELETE FROM ai_schedules")


@fault("schedules.problem", names="nightly")
def unusable_schedule(world: World) -> Iterator[None]:
    world.run(
        "INSERT INTO ai_schedules (name, task_type, trigger, problem)"
        " VALUES ('nightly', 'work', 'sometimes', 'trigger cannot be read')"
    )
    yield
    world.run("DELETE FROM ai_schedules")


def calls(count: int, status: str, seconds: float = 1.0) -> str:
    state = "exact" if status == "done" else "none"
    return (
        "INSERT INTO ai_llm_calls (request_id, call_hash, n, try, token, fence, worker_id,"
        " task_type, model, status, cost_usd, cost_state, prompt, started_at, finished_at)"
        f" SELECT nextval('ai_requests_id_seq'), '\\x00', 1, 1, gen_random_uuid(), 1,"
        f" 'w1', 'work', 'gpt-test', '{status}',"
        f" 0, '{state}', '\"{PLANTED}\"', now() - interval '100 seconds',"
        f" now() - interval '100 seconds' + {seconds} * interval '1 second'"
        f" FROM generate_series(1, {count})"
    )


@fault("model.error_rate", status="critical", names="gpt-test")
def failing_model(world: World) -> Iterator[None]:
    world.forge(calls(8, "failed"), calls(2, "done"))
    yield
    clear(world)


@fault("model.latency_p95", names="25 s")
def slow_model(world: World) -> Iterator[None]:
    world.forge(calls(8, "done", seconds=25))
    yield
    clear(world)


@fault("model.budget", status="critical", names="agent:work")
def spent_budget(world: World) -> Iterator[None]:
    world.run(
        "INSERT INTO ai_budgets (scope, period, limit_usd) VALUES ('agent:work', 'day', 5)",
        "INSERT INTO ai_budgets (scope, period, spent_usd, reserved_usd) VALUES ('agent:work',"
        " to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD'), 4.9, 0.2)",
    )
    yield
    world.run("DELETE FROM ai_budgets")


@fault("model.provider", names="invalid_api_key")
def refused_key_at_night(world: World) -> Iterator[None]:
    """Its time is over and nobody has asked since: the key is as bad as it was."""
    world.run(
        "INSERT INTO ai_provider_state (model, state, opened_until, reason)"
        " VALUES ('*', 'open', now() - interval '3 hours', 'invalid_api_key')"
    )
    yield
    world.run("DELETE FROM ai_provider_state")


@fault("model.provider", names="gpt-test")
def open_breaker(world: World) -> Iterator[None]:
    world.run(
        "INSERT INTO ai_provider_state (model, state, opened_until, reason)"
        " VALUES ('gpt-test', 'open', now() + interval '1 hour', 'provider_error')"
    )
    yield
    world.run("DELETE FROM ai_provider_state")
