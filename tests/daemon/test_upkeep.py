"""Upkeep: the dead are found, a jumping clock kills nobody, gauges and signs of life are kept."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import psycopg
import pytest

from daemon import pruning
from daemon.store.retention import BATCH
from daemon.upkeep import QUIET_SECONDS, SWEEP_SECONDS, Upkeep, WorkerCard
from tests.kit.parts import Parts, parts
from tests.kit.worker import count, insert, request

Connection = psycopg.AsyncConnection[Any]


class Clock:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


def upkeep(p: Parts, **values: Any) -> Upkeep:
    """Upkeep whose duties the test calls itself."""
    defaults: dict[str, Any] = {
        "store": p.store,
        "card": WorkerCard(p.worker_id, 20),
        "meters": p.meters,
        "lease_seconds": 30.0,
        "running": lambda: 3,
        "types": lambda: ["test_echo"],
    }
    return Upkeep(**(defaults | values))


async def abandoned(p: Parts, connection: Connection) -> int:
    """A running request whose lease is over."""
    await p.store.agent_insert_missing(name="Echo", type="test_echo", description="", config={})
    await insert(connection, "test_echo")
    [claim] = (await p.store.claim(p.worker_id, ["test_echo"], 1, 30)).requests
    await connection.execute("UPDATE ai_leases SET expires_at = now() - interval '1 second'")
    return claim.request_id


async def test_request_of_a_dead_worker_is_rescued(database: str, aconnection: Connection) -> None:
    """A lease that ran out puts its request back, once."""
    async with parts(database) as p:
        keeper = upkeep(p)
        request_id = await abandoned(p, aconnection)
        assert await keeper.reap() == 1
        row = await request(aconnection, request_id)
        assert (row["status"], row["lost_count"]) == ("pending", 1)
        assert await keeper.reap() == 0


async def test_who_takes_its_workers_along_is_counted_as_failed(
    database: str, aconnection: Connection
) -> None:
    """Of a request that ended its workers, the last of them cannot count that it failed."""
    async with parts(database) as p:
        keeper = upkeep(p)
        p.meters.know(["test_echo"])
        await abandoned(p, aconnection)
        await aconnection.execute("UPDATE ai_requests SET lost_count = 100")
        assert await keeper.reap() == 1
        labels = {"task_type": "test_echo", "outcome": "failed"}
        assert p.meters.registry.get_sample_value("ai_requests_total", labels) == 1


async def test_what_cannot_be_rescued_holds_up_no_rescue(
    database: str, aconnection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """A lost request that a constraint of the app's keeps as it is waits; the others go back."""
    async with parts(database) as p:
        keeper = upkeep(p)
        kept = await abandoned(p, aconnection)
        await aconnection.execute(
            "ALTER TABLE ai_requests"
            f" ADD CONSTRAINT app_no CHECK (id <> {kept}) NOT VALID".encode()
        )
        lost = [await abandoned(p, aconnection) for _ in range(2)]
        assert await keeper.reap() == 2
        statuses = [(await request(aconnection, one))["status"] for one in (kept, *lost)]
        assert statuses == ["running", "pending", "pending"]
        told = capsys.readouterr().out
        assert told.count("rescue_refused") == 1
        assert "SQLSTATE 23514, by app_no" in told
        assert await keeper.reap() == 0
        await aconnection.execute("ALTER TABLE ai_requests DROP CONSTRAINT app_no")
        await aconnection.execute("UPDATE ai_leases SET expires_at = now() - interval '1 second'")
        assert await keeper.reap() == 1


@pytest.mark.parametrize("jump_seconds", [3600.0, -3600.0])
async def test_jump_of_the_clock_rescues_nobody(
    database: str, aconnection: Connection, jump_seconds: float
) -> None:
    """When the database's clock jumps, every lease gets a full time instead of being taken."""
    clock = Clock()
    async with parts(database) as p:
        keeper = upkeep(p, monotonic=clock)
        await keeper.reap()
        request_id = await abandoned(p, aconnection)
        clock.ahead = -jump_seconds
        assert await keeper.reap() == 0
        assert (await request(aconnection, request_id))["status"] == "running"
        in_time = (
            "SELECT count(*) FROM ai_leases"
            " WHERE expires_at BETWEEN now() + interval '20 s' AND now() + interval '31 s'"
        )
        assert await count(aconnection, in_time) == 1
        await aconnection.execute("UPDATE ai_leases SET expires_at = now() - interval '1 second'")
        assert await keeper.reap() == 1, "from then on its age counts again"


async def test_a_jump_that_met_a_failure_is_not_forgotten(
    database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clocks jump in a failover, when statements fail too: leases are granted a full time once the
    database answers, before any of them is judged by its age."""
    clock = Clock()
    async with parts(database) as p:
        keeper = upkeep(p, monotonic=clock)
        await keeper.reap()
        request_id = await abandoned(p, aconnection)
        clock.ahead = -3600.0

        async def away(*_: Any, **__: Any) -> Any:
            raise psycopg.OperationalError("the server closed the connection")

        with monkeypatch.context() as patched, pytest.raises(psycopg.OperationalError):
            patched.setattr(p.store, "reap", away)
            await keeper.reap()
        assert await keeper.reap() == 0
        assert (await request(aconnection, request_id))["status"] == "running"


async def test_sweep_counts_what_ended(database: str, aconnection: Connection) -> None:
    """Expired and cancelled requests end without an attempt and are counted."""
    async with parts(database) as p:
        p.meters.know(["test_echo"])
        await aconnection.execute(
            "INSERT INTO ai_requests (task_type, expires_at)"
            " VALUES ('test_echo', now() - interval '1 second')"
        )
        await insert(aconnection, "test_echo")
        await aconnection.execute(
            "UPDATE ai_requests SET cancel_requested_at = now() WHERE expires_at IS NULL"
        )
        assert await upkeep(p).sweep() == 2
        for outcome in ("expired", "cancelled"):
            assert p.meters.requests.labels("test_echo", outcome)._value.get() == 1


async def test_requests_that_may_not_end_hold_up_no_others(
    database: str, aconnection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """However many a trigger of the app's keeps, what is behind them ends; the reason is told
    once, and a minute later they are asked to end again."""
    clock = Clock()
    async with parts(database) as p:
        keeper = upkeep(p, monotonic=clock)
        await aconnection.execute(
            "INSERT INTO ai_requests (task_type, input_data, expires_at)"
            " SELECT 'test_echo', jsonb_build_object('keep', n <= 450),"
            " now() - make_interval(secs => 1000 - n) FROM generate_series(1, 460) n"
        )
        await aconnection.execute(
            "CREATE FUNCTION app_keeps() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE 'Jane Roe is pregnant'; END $$"
        )
        await aconnection.execute(
            "CREATE TRIGGER app_keeps BEFORE UPDATE ON ai_requests FOR EACH ROW"
            " WHEN (new.status = 'expired' AND new.input_data ->> 'keep' = 'true')"
            " EXECUTE FUNCTION app_keeps()"
        )
        assert await keeper.sweep() == 10
        assert await keeper.sweep() == 0
        told = capsys.readouterr().out
        assert told.count("sweep_refused") == 1
        assert "SQLSTATE P0001, by app_keeps" in told
        assert "Jane Roe" not in told
        await aconnection.execute("DROP TRIGGER app_keeps ON ai_requests")
        assert await keeper.sweep() == 0
        clock.ahead = 70.0
        assert await keeper.sweep() == 450


async def test_a_quiet_service_sweeps_less_often(database: str, aconnection: Connection) -> None:
    """Every ten seconds instead of two, but in time for what is known to be overdue before, and
    as before once it is no longer quiet."""
    quiet = True
    async with parts(database) as p, asyncio.TaskGroup() as group:
        keeper = upkeep(p, quiet=lambda: quiet)
        swept = keeper.signals.expect("sweep")
        await keeper.start(group)
        await swept
        assert keeper.sweep_pause() == QUIET_SECONDS
        quiet = False
        assert keeper.sweep_pause() == SWEEP_SECONDS
        quiet = True
        await aconnection.execute(
            "INSERT INTO ai_requests (task_type, expires_at)"
            " VALUES ('test_echo', now() + interval '9 seconds')"
        )
        swept = keeper.signals.expect("sweep")
        keeper.sweep_soon()
        await swept
        assert SWEEP_SECONDS < keeper.sweep_pause() <= 9.0
        await keeper.stop()


async def test_sign_of_life_and_wish_to_drain(database: str, aconnection: Connection) -> None:
    """ai_workers shows this process, and passes on a wish to drain it."""
    wishes: list[bool] = []
    async with parts(database) as p:
        p.meters.know(["test_echo"])
        keeper = upkeep(p, on_drain=lambda: wishes.append(True))
        await insert(aconnection, "test_echo", 4)
        await keeper.show()
        assert await count(aconnection, "SELECT running FROM ai_workers") == 3
        assert p.meters.pending.labels("test_echo")._value.get() == 4
        assert not wishes
        await aconnection.execute("UPDATE ai_workers SET drain_requested_at = now()")
        await keeper.show()
        assert wishes == [True]


async def test_old_rows_are_pruned(database: str, aconnection: Connection) -> None:
    """What is older than it is kept goes; the rest stays."""
    async with parts(database) as p:
        await insert(aconnection, "test_echo", 3)
        await aconnection.execute(
            "UPDATE ai_requests SET status = 'cancelled', finished_at = now()"
        )
        await aconnection.execute(
            "UPDATE ai_requests SET finished_at = now() - interval '1 year'"
            " WHERE id <> (SELECT min(id) FROM ai_requests)"
        )
        assert await upkeep(p).prune() == 2
        assert await count(aconnection, "SELECT count(*) FROM ai_requests") == 1


async def test_what_cannot_be_pruned_stays_and_stops_nobody(
    database: str, aconnection: Connection
) -> None:
    """A table of the main app's may refer to requests: they stay, and everything else goes on."""
    async with parts(database) as p:
        await insert(aconnection, "test_echo")
        await aconnection.execute(
            "UPDATE ai_requests SET status = 'expired', finished_at = now() - interval '1 year'"
        )
        await aconnection.execute(
            "CREATE TABLE plans AS SELECT id FROM ai_requests;"
            " ALTER TABLE plans ADD FOREIGN KEY (id) REFERENCES ai_requests;"
            " INSERT INTO ai_request_events (request_id, fence, node, created_at)"
            " VALUES (0, 1, 'old', now() - interval '1 year')"
        )
        keeper = upkeep(p)
        async with asyncio.TaskGroup() as group:
            pruned = keeper.signals.expect("prune")
            swept = keeper.signals.expect("sweep")
            await keeper.start(group)
            await pruned
            await swept
            await keeper.stop()
        assert await count(aconnection, "SELECT count(*) FROM ai_requests") == 1
        assert await count(aconnection, "SELECT count(*) FROM ai_request_events") == 0
        await aconnection.execute("DROP TABLE plans")
        assert await keeper.prune() == 1


async def test_pruning_goes_on_behind_what_is_kept(
    database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many of the oldest requests the main app refers to, the others go, in a later round
    at the latest."""
    monkeypatch.setattr(pruning, "MOST_SINGLE_BATCHES", 1)
    kept = 2 * BATCH - 100
    async with parts(database) as p:
        await insert(aconnection, "test_echo", kept + 2)
        await aconnection.execute(
            "UPDATE ai_requests SET status = 'expired', finished_at = now() - interval '1 year'"
        )
        await aconnection.execute(
            "CREATE TABLE plans (id bigint PRIMARY KEY REFERENCES ai_requests);"
            " INSERT INTO plans SELECT id FROM ai_requests"
            " WHERE id NOT IN ((SELECT id FROM ai_requests ORDER BY id OFFSET 7 LIMIT 1),"
            "  (SELECT max(id) FROM ai_requests))"
        )
        keeper = upkeep(p)
        left = []
        for _ in range(2):
            with pytest.raises(psycopg.errors.ForeignKeyViolation):
                await keeper.prune()
            left.append(await count(aconnection, "SELECT count(*) FROM ai_requests"))
        assert left == [kept + 1, kept]


async def waiting(p: Parts, connection: Connection) -> int:
    """A request that waits for a person, whose question is overdue."""
    request_id = await abandoned(p, connection)
    await connection.execute(
        "UPDATE ai_requests SET status = 'waiting' WHERE id = %s", [request_id]
    )
    await connection.execute("DELETE FROM ai_leases")
    await ask(connection, request_id)
    return request_id


async def ask(connection: Connection, request_id: int, count: int = 1) -> None:
    await connection.execute(
        "INSERT INTO ai_approvals (request_id, key, question, expires_at)"
        " SELECT %s, 'key ' || i, '{}', now() - make_interval(hours => i)"
        " FROM generate_series(1, %s) i",
        [request_id, count],
    )


async def test_a_request_whose_question_was_deleted_goes_on(
    database: str, aconnection: Connection
) -> None:
    """It waits no longer for what nobody can answer, and asks again; one that is asked waits."""
    async with parts(database) as p:
        lost, asked = await waiting(p, aconnection), await waiting(p, aconnection)
        await aconnection.execute("DELETE FROM ai_approvals WHERE request_id = %s", [lost])
        assert await upkeep(p).mend() == 1
        assert (await request(aconnection, lost))["status"] == "pending"
        assert (await request(aconnection, asked))["status"] == "waiting"
        assert await upkeep(p).mend() == 0


async def test_a_duty_that_a_trigger_of_the_apps_cannot_bear_is_told(
    database: str, aconnection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trigger without the rights that it needs ends no daemon, as a missing right of ours does:
    the log names it."""
    async with parts(database) as p:
        lost = await waiting(p, aconnection)
        await aconnection.execute("DELETE FROM ai_approvals WHERE request_id = %s", [lost])
        await aconnection.execute("CREATE SCHEMA gym")
        await aconnection.execute(
            "CREATE FUNCTION gym.noted() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN INSERT INTO nowhere VALUES (1); RETURN new; END $$"
        )
        await aconnection.execute(
            "CREATE TRIGGER noted AFTER UPDATE ON ai_requests"
            " FOR EACH ROW EXECUTE FUNCTION gym.noted()"
        )
        keeper = upkeep(p)
        await keeper._duties.attempt(keeper.mend)
        assert "UndefinedTable, SQLSTATE 42P01, by gym.noted" in capsys.readouterr().out
        await aconnection.execute("DROP FUNCTION gym.noted CASCADE")
        await keeper._duties.attempt(keeper.mend)
        assert (await request(aconnection, lost))["status"] == "pending"


async def test_questions_of_deleted_requests_hold_up_no_others(
    database: str, aconnection: Connection
) -> None:
    """However many there are, and however long overdue, the next one ends in its time."""
    async with parts(database) as p:
        asked = await waiting(p, aconnection)
        await ask(aconnection, asked + 1, 450)
        keeper = upkeep(p)
        await keeper.sweep()
        assert (await request(aconnection, asked))["status"] == "waiting"
        assert await keeper.mend() == 450
        await keeper.sweep()
        assert (await request(aconnection, asked))["status"] == "pending"
        assert await count(aconnection, "SELECT count(*) FROM ai_approvals") == 1
