"""Each rule on a real database: it heals what is ours, and touches nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from daemon.healing.agents import PauseAgent, ShedCost
from daemon.healing.reflexes import Reflexes
from daemon.healing.remedy import Seen
from daemon.healing.rules import COUNTED, RULES, Setting
from daemon.healing.sessions import EndForeignSession, EndOwnIdleTransaction, YieldToMainApp
from daemon.healing.tables import ReindexInvalidOwn, TuneOwnAutovacuum, VacuumOwn
from daemon.healing.worker import BackOff, Hands, RecyclePool, RestartMainApp, RestartSelf
from daemon.health.model import CheckResult
from daemon.meters import Meters
from tests.kit.healing import Bench, bench, check
from tests.kit.signals import eventually


@asynccontextmanager
async def session(url: str, name: str, *statements: str) -> AsyncIterator[Any]:
    """A session that has begun a transaction."""
    connection = await psycopg.AsyncConnection.connect(url, application_name=name)
    try:
        for statement in ("SELECT 1", *statements):
            await connection.execute(statement.encode())
        yield connection
    finally:
        await connection.close()


async def alive(connection: psycopg.AsyncConnection[Any]) -> bool:
    try:
        await connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


async def test_own_idle_transaction_is_ended_and_no_other(database: str) -> None:
    """Our own session that idles in a transaction is ended; the app's is not."""
    async with (
        bench(database) as made,
        session(database, "ai-daemon/dead/pool") as ours,
        session(database, "gunicorn") as app,
    ):
        for _ in range(2):
            await made.heal(EndOwnIdleTransaction(idle_seconds=0))
        assert made.rows() == [("end_own_idle_transaction", "ai-daemon/dead/pool", "auto", "done")]
        assert not await alive(ours)
        assert await alive(app)


async def test_a_number_used_again_is_not_touched(database: str) -> None:
    """A session that began later under the same process id is a stranger."""
    async with bench(database) as made, session(database, "ai-daemon/x/pool") as ours:
        remedy = EndOwnIdleTransaction(idle_seconds=0)
        seen = Seen(made.store)
        (case,) = await remedy.find(seen)
        earlier = {**case.before, "backend_start": "2020-01-01T00:00:00+00:00"}
        await remedy.act(replace(case, before=earlier), seen)
        assert await alive(ours)


LOCKED = "LOCK TABLE ai_control IN ACCESS EXCLUSIVE MODE"


@asynccontextmanager
async def other_role(made: Bench) -> AsyncIterator[str]:
    """The URL of the main app's role, which may use our tables."""
    name = "app_" + made.url.rpartition("/")[2].partition("?")[0].replace("-", "_")[-20:]
    made.rows(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
    made.rows(f"GRANT ALL ON ai_control TO {name}")
    try:
        yield psycopg.conninfo.make_conninfo(made.url, user=name, password="x")
    finally:
        made.rows(f"DROP OWNED BY {name}")
        made.rows(f"DROP ROLE {name}")


@pytest.fixture
def waits_are_timed(connection: psycopg.Connection[Any]) -> None:
    """Skip where the server does not say since when a session waits: nobody is ended there."""
    if connection.info.server_version < 140000:
        pytest.skip("PostgreSQL 13 does not say since when a session waits")


async def blocked(made: Bench) -> None:
    """Wait until somebody waits for a lock."""
    await eventually(
        lambda: made.rows("SELECT 1 FROM pg_locks WHERE NOT granted"), what="a lock is waited for"
    )


@pytest.mark.usefixtures("waits_are_timed")
async def test_we_yield_to_the_main_app(database: str) -> None:
    """A statement of ours that another role waits for is cancelled, and our session lives."""
    async with (
        bench(database) as made,
        other_role(made) as app_url,
        session(database, "ai-daemon/w1/pool", LOCKED) as ours,
        session(app_url, "gunicorn") as app,
    ):
        slow = asyncio.ensure_future(ours.execute("SELECT pg_sleep(60)"))
        waits = asyncio.ensure_future(app.execute("SELECT * FROM ai_control"))
        await blocked(made)
        await made.heal(YieldToMainApp(waiting_seconds=0))
        with pytest.raises(psycopg.errors.QueryCanceled):
            await slow
        await ours.rollback()
        await waits
        assert made.outcomes()[0] in {"done", "no_effect"}


@pytest.mark.usefixtures("waits_are_timed")
async def test_foreign_session_is_only_named(database: str) -> None:
    """A foreign session that holds us up is named, with the command, and not touched."""
    async with (
        bench(database) as made,
        other_role(made) as app_url,
        session(app_url, "psql", LOCKED) as foreign,
        session(database, "ai-daemon/w1/pool") as ours,
    ):
        waits = asyncio.ensure_future(ours.execute("SELECT * FROM ai_control"))
        await blocked(made)
        await made.heal(EndForeignSession(waiting_seconds=0))
        assert made.outcomes() == ["dry_run"]
        ((command,),) = made.rows("SELECT command FROM ai_healing_actions")
        assert command.startswith("SELECT pg_cancel_backend(")
        await foreign.rollback()
        await waits


@pytest.mark.usefixtures("waits_are_timed")
async def test_foreign_session_that_locks_the_queue_is_named(database: str) -> None:
    """Also where the lock is on what the look itself reads: that is no absence of the database."""
    async with (
        bench(database) as made,
        other_role(made) as app_url,
        session(database, "ai-daemon/w1/pool") as ours,
    ):
        role = psycopg.conninfo.conninfo_to_dict(app_url)["user"]
        made.rows(f"GRANT ALL ON ai_requests TO {role}")
        locked = "LOCK TABLE ai_requests IN ACCESS EXCLUSIVE MODE"
        async with session(app_url, "psql", locked) as foreign:
            waits = asyncio.ensure_future(ours.execute("SELECT * FROM ai_requests"))
            await blocked(made)
            healing = made.healing(
                EndForeignSession(waiting_seconds=0),
                reflexes=Reflexes(made.store, Meters(), "w1", dict),
            )
            await healing.tick()
            await healing.settled()
            assert made.outcomes() == ["dry_run"]
            await foreign.rollback()
            await waits


@pytest.mark.usefixtures("waits_are_timed")
async def test_foreign_session_is_ended_where_that_is_switched_on(database: str) -> None:
    """With its rule set to auto by name, a foreign session that holds us up is ended."""
    async with (
        bench(database) as made,
        other_role(made) as app_url,
        session(app_url, "psql", LOCKED) as foreign,
        session(database, "ai-daemon/w1/pool") as ours,
    ):
        made.settings["end_foreign_session"] = "auto"
        waits = asyncio.ensure_future(ours.execute("SELECT * FROM ai_control"))
        await blocked(made)
        await made.heal(EndForeignSession(waiting_seconds=0, cancel_seconds=0))
        await waits
        assert made.outcomes() == ["done"]
        assert not await alive(foreign)


async def test_own_table_is_vacuumed(database: str) -> None:
    """A table of ours that autovacuum does not get to loses its dead rows; a foreign one does
    not, even though we could."""
    async with bench(database) as made:
        for table in ("ai_budgets", "clients"):
            made.rows("CREATE TABLE IF NOT EXISTS clients (LIKE ai_budgets)")
            made.rows(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
            made.rows(
                f"INSERT INTO {table} (scope, period, spent_usd, reserved_usd, uncertain_usd,"
                " updated_at) SELECT 's', n::text, 0, 0, 0, now() FROM generate_series(1, 500) n"
            )
            made.rows(f"DELETE FROM {table}")
        dead = "SELECT relname, n_dead_tup > 0 FROM pg_stat_user_tables WHERE relname = ANY"
        named = dead + " ('{ai_budgets,clients}') ORDER BY 1"
        both = [("ai_budgets", True), ("clients", True)]
        await eventually(lambda: made.rows(named) == both, what="the dead rows are counted")
        ours, foreign = (
            check("database.autovacuum_late", target=table) for table in ("ai_budgets", "clients")
        )
        late = replace(foreign, others=(ours,))  # which is later, and hides ours from nobody
        await made.heal(VacuumOwn(lambda: made.made.database.patient("healing")), see=[late])
        assert made.rows() == [("vacuum_own", "ai_budgets", "auto", "done")]
        assert made.rows(named) == [("ai_budgets", False), ("clients", True)]


async def test_invalid_index_is_proposed_then_built(database: str) -> None:
    """An invalid index of ours is proposed with its command; approved, it is valid again."""
    async with bench(database) as made:
        made.rows("CREATE INDEX ai_budgets_broken ON ai_budgets (spent_usd)")
        made.rows("CREATE TABLE clients (id int)")
        made.rows("CREATE INDEX clients_broken ON clients (id)")
        made.rows(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid IN"
            " ('ai_budgets_broken'::regclass, 'clients_broken'::regclass)"
        )
        remedy = ReindexInvalidOwn(lambda: made.made.database.patient("healing"))
        see = [check("database.invalid_index")]
        await made.heal(remedy, see=see)
        assert made.rows("SELECT outcome, target, command FROM ai_healing_actions") == [
            (
                "proposed",
                "ai_budgets_broken",
                'REINDEX INDEX CONCURRENTLY "public"."ai_budgets_broken"',
            )
        ]
        made.rows("SELECT ai_heal_answer(id, true, 'sam') FROM ai_healing_actions")
        await made.heal(remedy, see=see)
        assert made.outcomes() == ["done"]
        assert made.rows(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
        ) == [("clients_broken",)]


async def test_autovacuum_is_tuned_on_approval(database: str) -> None:
    """A large table of ours with the server's own factor gets a smaller one once approved."""
    async with bench(database) as made:
        made.rows("UPDATE pg_class SET reltuples = 200000 WHERE relname = 'ai_results'")
        remedy = TuneOwnAutovacuum(lambda: made.made.database.patient("healing"))
        await made.heal(remedy)
        made.rows("SELECT ai_heal_answer(id, true, 'sam') FROM ai_healing_actions")
        await made.heal(remedy)
        assert made.outcomes() == ["done"]
        assert made.rows("SELECT reloptions FROM pg_class WHERE relname = 'ai_results'") == [
            (["autovacuum_vacuum_scale_factor=0.02"],)
        ]


class FakeProcess:
    """What healing may do to a process, noted."""

    def __init__(self, errors: Sequence[int] = (0,), concurrency: int = 8) -> None:
        self.errors = list(errors)
        self.limit = self.concurrency = concurrency
        self.drained = 0
        self.restarts: list[str] = []

    def hands(self) -> Hands:
        async def drain() -> None:
            self.drained += 1

        async def probe() -> bool:
            return True

        return Hands(
            worker_id="w1",
            host="h1",
            connection_errors=lambda: (
                self.errors[0] if len(self.errors) == 1 else self.errors.pop(0)
            ),
            drain_pool=drain,
            probe=probe,
            concurrency=self.concurrency,
            limit=lambda: self.limit,
            set_limit=lambda n: setattr(self, "limit", n),
            restart=self.restarts.append,
        )


async def test_pool_is_replaced_after_three_errors(database: str) -> None:
    """Two connection errors are borne, the third within half a minute replaces the pool's."""
    async with bench(database) as made:
        process = FakeProcess(errors=[0, 2, 3])
        healing = made.healing(RecyclePool(process.hands()))
        for drained in (0, 0, 1):
            await healing.tick()
            await healing.settled()
            assert process.drained == drained
        assert made.rows() == [("recycle_pool", "w1", "auto", "done")]


async def test_worker_backs_off_and_recovers(database: str) -> None:
    """A worker that cannot keep up takes half as much, once per measurement, then more again."""
    async with bench(database) as made:
        process = FakeProcess(concurrency=8)
        now = [0.0]
        remedy = BackOff(process.hands(), monotonic=lambda: now[0])
        healing = made.healing(remedy)
        await healing.observe([check("workers.pool_wait")])
        for _ in range(2):
            await healing.tick()
            await healing.settled()
        assert process.limit == 4
        await healing.observe([check("workers.pool_wait", 0.0, status="healthy")])
        for _ in range(6):
            now[0] += 31
            await healing.tick()
        assert process.limit == 8
        assert made.rows() == [("back_off", "w1", "auto", "done")]


@pytest.mark.parametrize("setting", ["propose", "dry_run", "off"])
async def test_worker_recovers_in_any_mode(database: str, setting: Setting) -> None:
    """A worker that took less, on its own or because a person approved it, takes all again, also
    where the rule was switched off meanwhile."""
    async with bench(database) as made:
        process = FakeProcess(concurrency=8)
        now = [0.0]
        healing = made.healing(BackOff(process.hands(), monotonic=lambda: now[0]))
        made.settings["back_off"] = "propose"
        await healing.observe([check("workers.pool_wait")])
        await healing.tick()
        assert process.limit == 8
        made.rows("SELECT ai_heal_answer(id, true, 'sam') FROM ai_healing_actions")
        await healing.tick()
        await healing.settled()
        assert process.limit == 4
        assert made.rows() == [("back_off", "w1", "propose", "done")]
        made.settings["back_off"] = setting
        await healing.observe([check("workers.pool_wait", 0.0, status="healthy")])
        for _ in range(4):
            now[0] += 31
            await healing.tick()
        assert process.limit == 8


async def test_stuck_worker_starts_anew(database: str) -> None:
    """A loop that stood still for half a minute, or memory full in three looks, ends the process;
    less does not."""
    async with bench(database) as made:
        process = FakeProcess()
        remedy = RestartSelf(process.hands())
        await made.heal(remedy, see=[check("workers.loop_lag", 29.0)])
        for _ in range(2):
            await made.heal(remedy, see=[check("workers.memory", 96.0)])
        assert process.restarts == []
        await made.heal(remedy, see=[check("workers.memory", 96.0)])
        assert process.restarts == ["workers.memory is bad"]
        made.rows("DELETE FROM ai_healing_actions")
        await made.heal(remedy, see=[check("workers.loop_lag", 31.0)])
        assert len(process.restarts) == 2


async def test_each_look_counts_once() -> None:
    """Three looks are three, wherever in memory their results lie; one that is seen again is not
    another."""
    remedy = RestartSelf(FakeProcess().hands())

    async def cases(result: CheckResult) -> int:
        return len(await remedy.find(Seen(None, {result.check: result})))  # type: ignore[arg-type]

    for _ in range(50):
        assert [await cases(check("workers.memory", 96.0)) for _ in range(3)] == [0, 0, 1]
        assert await cases(check("workers.memory", 1.0)) == 0
    again = check("workers.memory", 96.0)
    assert [await cases(again) for _ in range(4)] == [0, 0, 0, 0]


async def test_main_app_is_left_to_people(database: str) -> None:
    """A main app that stays away for five minutes is a proposal that says who must act."""
    async with bench(database) as made:
        now = [0.0]
        remedy = RestartMainApp(monotonic=lambda: now[0])
        down = [check("main_api.http")]
        await made.heal(remedy, see=down)
        assert made.rows() == []
        now[0] = 301.0
        await made.heal(remedy, see=down)
        made.rows("SELECT ai_heal_answer(id, true, 'sam') FROM ai_healing_actions")
        await made.heal(remedy, see=down)
        ((outcome, reason),) = made.rows("SELECT outcome, reason FROM ai_healing_actions")
        assert outcome == "failed"
        assert "do it where it is hosted" in reason


async def test_reflexes_are_written_down(database: str) -> None:
    """What the service did by itself stands in the table after the next look, and only once."""
    answered: Mapping[str, int] = {"m2": 3}
    async with bench(database) as made:
        made.rows(
            "INSERT INTO ai_provider_state (model, state, opened_until, reason)"
            " VALUES ('m1', 'open', now() + interval '1 min', 'timeout')"
        )
        reflexes = Reflexes(made.store, Meters(), "w1", lambda: answered)
        reflexes.rescued(2)
        reflexes.restarted_listener(1.5)
        reflexes.polls()
        reflexes.pruned(500)
        reflexes.caught_up("nightly", 7200)
        reflexes.guarded("limits", pooled=False)
        healing = made.healing(reflexes=reflexes)
        for _ in range(2):
            await healing.tick()
        assert sorted(rule for rule, *_ in made.rows()) == [
            "catch_up_schedule",
            "fallback_model",
            "open_breaker",
            "poll_instead",
            "prune",
            "rescue_lease",
            "restart_listener",
            "set_guards",
        ]


def test_every_rule_is_done_or_noted() -> None:
    """Each rule in the list is a remedy or a reflex, and each remedy is in the list."""
    remedies = {
        kind.rule
        for kind in (
            BackOff,
            EndForeignSession,
            EndOwnIdleTransaction,
            PauseAgent,
            RecyclePool,
            ReindexInvalidOwn,
            RestartMainApp,
            RestartSelf,
            ShedCost,
            TuneOwnAutovacuum,
            VacuumOwn,
            YieldToMainApp,
        )
    }
    assert set(COUNTED) == remedies
    assert all(rule.cap is not None for rule in RULES.values() if not rule.reflex)


QUIET = {
    "healing_breakers",
    "healing_degraded",
    "healing_agent_trials",
    "healing_blocks",
    "healing_sessions_idle",
    "healing_approved",
}


async def test_one_statement_tells_where_to_look(database: str) -> None:
    """In a quiet database nothing need be looked at; each thing that a rule looks for by itself
    makes exactly that look due."""
    made_rows = {
        "healing_breakers": (
            "INSERT INTO ai_provider_state (model, state, opened_until)"
            " VALUES ('m', 'open', now() + interval '1 minute')"
        ),
        "healing_degraded": (
            "SET session_replication_role = replica; INSERT INTO ai_requests (status, mode,"
            " finished_at) VALUES ('completed', 'degraded', now())"
        ),
        "healing_agent_trials": (
            "INSERT INTO ai_healing_actions (rule, target, mode, outcome, started_at,"
            " finished_at) VALUES ('pause_agent', 'x', 'auto', 'done', now(), now())"
        ),
        "healing_approved": (
            "INSERT INTO ai_healing_actions (rule, mode, outcome, finished_at, proposed_at,"
            " approved_at, approved_by) VALUES ('vacuum_own', 'propose', 'proposed', now(), now(),"
            " now(), 'sam')"
        ),
    }
    async with bench(database) as made:
        absent = await made.store.absent()
        assert QUIET - {"healing_blocks"} <= absent, "others' locks are the server's"
        for name, statement in made_rows.items():
            made.rows(statement)
            absent -= {name}
            assert await made.store.absent() - {"healing_blocks"} == absent - {"healing_blocks"}
        async with session(database, "ai-daemon/dead/pool") as ours:
            await ours.execute("LOCK TABLE ai_control IN ACCESS EXCLUSIVE MODE")
            assert "healing_sessions_idle" not in await made.store.absent()
            waits = asyncio.ensure_future(waiting(database))
            await blocked(made)
            assert "healing_blocks" not in await made.store.absent()
            await ours.rollback()
            await waits


async def waiting(database: str) -> None:
    async with await psycopg.AsyncConnection.connect(database) as connection:
        await connection.execute(LOCKED.encode())
