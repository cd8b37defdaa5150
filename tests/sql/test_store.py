"""The store over a real pool: typed rows, poison, large inputs, steps, progress, schedules."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from string import ascii_letters
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from daemon.errors import LeaseLost
from daemon.model import (
    Authority,
    Claimed,
    Complete,
    ErrorInfo,
    Fail,
    Json,
    Lost,
    Outcome,
    Release,
    Retry,
    Snooze,
    Status,
    Wait,
)
from daemon.statements import load
from daemon.store import (
    Claim,
    Event,
    Finished,
    InputTooLarge,
    Store,
    doorbell_lock,
    doorbell_unlock,
)
from daemon.store.safe_json import dumps
from tests.sql.driver import Queue

PLAN: Mapping[str, Json] = {
    "client_id": 7,
    "status": "optimal",
    "kind": "plan",
    "weeks": 4,
    "relaxed": ["minutes"],
    "plan": {"weeks": []},
    "items": [
        {"week": 1, "day": 1, "ord": i, "key": "goblet_squat", "exercise": "Goblet squat"}
        | {"sets": 3, "reps": 10, "rest_seconds": 90, "rpe": 7.5}
        for i in (1, 2)
    ],
}


@pytest.fixture(params=["autocommit", "transactions"])
async def pool(
    request: pytest.FixtureRequest, database: str
) -> AsyncIterator[AsyncConnectionPool[AsyncConnection[Any]]]:
    """A pool as it may be set up, without prepared statements as behind PgBouncer."""
    options = {"autocommit": request.param == "autocommit", "prepare_threshold": None}
    async with AsyncConnectionPool[AsyncConnection[Any]](
        database, min_size=1, max_size=3, open=False, kwargs=options
    ) as opened:
        yield opened


@pytest.fixture
async def store(pool: AsyncConnectionPool[AsyncConnection[Any]]) -> AsyncIterator[Store]:
    made = Store(pool, load())
    yield made
    await made.close()


async def claim(store: Store, queue: Queue, count: int = 1, **columns: Any) -> list[Claimed]:
    """``count`` requests, claimed by w1."""
    queue.insert_many(count, **columns)
    return (await store.claim("w1", ["work"], count, 30.0)).requests


def complete(
    result: Mapping[str, Json], rows: Mapping[str, Sequence[Mapping[str, Json]]] | None = None
) -> Complete:
    return Complete(result, "deterministic", rows=rows or {})


async def test_the_way_of_a_request(store: Store, queue: Queue) -> None:
    """A request is claimed as it was inserted, and its result stands where the app looks."""
    request_id = queue.insert(
        input_data='{"client_id": 7}', requested_by="trainer:12", max_usd="0.05"
    )
    [claimed] = (await store.claim("w1", ["work"], 5, 30.0)).requests
    assert claimed.authority == Authority(request_id, 1, "w1")
    assert (claimed.input_data, claimed.requested_by) == ({"client_id": 7}, "trainer:12")

    verdicts = await store.complete("w1", [(claimed.authority, complete({"a": 1}), None)])

    assert verdicts == {(request_id, 1): "accepted"}
    assert queue.value("SELECT result FROM ai_results") == {"a": 1}


@pytest.mark.parametrize(
    ("word", "wish"), [("wait", "wait"), (" Fail", "fail"), ("never", None), (None, None)]
)
async def test_a_wish_that_nobody_knows_is_none(
    store: Store, queue: Queue, word: str | None, wish: str | None
) -> None:
    """A request says in one of three words what it wants without a model, or leaves it open."""
    [claimed] = await claim(store, queue, on_unavailable=word)
    assert claimed.on_unavailable == wish


async def test_the_first_claim_pins_the_configuration(store: Store, queue: Queue) -> None:
    """A request keeps the configuration it began with, whatever changes, until it is retried."""
    queue.rows("INSERT INTO ai_agents (name, type) VALUES ('Work', 'work')")
    request_id = queue.insert()
    [first] = (await store.claim("w1", ["work"], 5, 30.0)).requests
    queue.rows("UPDATE ai_agents SET config = '{\"model\": \"x\"}' WHERE type = 'work'")
    error = ErrorInfo("agent_error", "m")
    await store.complete("w1", [(first.authority, Retry(error, 0.0), None)])
    [second] = (await store.claim("w1", ["work"], 5, 30.0)).requests
    assert (first.agent_version, second.agent_version) == (1, 1)
    await store.complete("w1", [(second.authority, Fail(error), None)])

    await store.retry(request_id, "an admin")

    [third] = (await store.claim("w1", ["work"], 5, 30.0)).requests
    assert third.agent_version == 2


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Retry(ErrorInfo("agent_error", "m"), 5.0), "pending"),
        (Snooze(5.0, "rate"), "pending"),
        (Release(), "pending"),
        (Wait(), "pending"),
        (Fail(ErrorInfo("timeout", "m", "h")), "failed"),
    ],
)
async def test_outcomes(store: Store, queue: Queue, outcome: Outcome, status: str) -> None:
    """Every outcome of the model reaches the database as its own."""
    [claimed] = await claim(store, queue)
    verdicts = await store.complete("w1", [Finished(claimed.authority, outcome)])
    assert set(verdicts.values()) == {"accepted"}
    assert queue.status(claimed.request_id) == status


async def test_a_lost_attempt_writes_nothing(store: Store, queue: Queue) -> None:
    """Whoever knows that the lease is gone writes nothing at all."""
    [claimed] = await claim(store, queue)
    assert await store.complete("w1", [(claimed.authority, Lost(), None)]) == {}
    assert queue.status(claimed.request_id) == "running"


async def test_typed_rows_come_with_the_result(store: Store, queue: Queue) -> None:
    """A plan stands in its own table, with its items, in the result's transaction."""
    [claimed] = await claim(store, queue)
    outcome = complete({"plan": 1}, {"ai_workout_plans": [PLAN]})
    await store.complete("w1", [(claimed.authority, outcome, 3)])
    [plan] = queue.rows("SELECT * FROM ai_workout_plans")
    assert (plan["request_id"], plan["client_id"], plan["agent_version"]) == (
        claimed.request_id,
        7,
        3,
    )
    assert plan["relaxed"] == ["minutes"]
    items = queue.rows("SELECT * FROM ai_workout_plan_items WHERE plan_id = %s", plan["id"])
    assert [(item["key"], item["rpe"]) for item in items] == [("goblet_squat", 7.5)] * 2


async def test_bad_typed_rows_cost_no_result(store: Store, queue: Queue) -> None:
    """A projection that fails keeps its rows for later; the result is accepted all the same."""
    queue.rows("ALTER TABLE ai_workout_plans ADD CONSTRAINT broken CHECK (client_id <> 7)")
    bad, good = await claim(store, queue, 2)
    rows = {"ai_workout_plans": [PLAN]}
    other = {"ai_workout_plans": [{**PLAN, "client_id": 8}]}
    verdicts = await store.complete(
        "w1",
        [
            (bad.authority, complete({}, rows), None),
            (good.authority, complete({}, other), None),
        ],
    )
    assert set(verdicts.values()) == {"accepted"}
    assert queue.rows("SELECT client_id FROM ai_workout_plans") == [{"client_id": 8}]
    assert await store.redo_projections() == 0

    queue.rows("ALTER TABLE ai_workout_plans DROP CONSTRAINT broken")

    assert await store.redo_projections() == 1
    assert queue.value("SELECT count(*) FROM ai_workout_plans") == 2
    assert queue.value("SELECT count(*) FROM ai_workout_plan_items") == 4
    assert await store.redo_projections() == 0


async def test_rows_that_are_no_json_cost_no_result(store: Store, queue: Queue) -> None:
    """What an agent's bug put there is told in the log; answers, its own too, are written."""
    bad, good = await claim(store, queue, 2)
    circle: dict[str, Any] = {}
    circle["itself"] = circle
    rows: Any = {"ai_workout_plans": [{("a", "b"): 1}], "ai_system_health": [circle]}
    verdicts = await store.complete(
        "w1",
        [
            (bad.authority, complete({}, rows), None),
            (good.authority, complete({}, {"ai_workout_plans": [PLAN]}), None),
        ],
    )
    assert set(verdicts.values()) == {"accepted"}
    assert queue.rows("SELECT client_id FROM ai_workout_plans") == [{"client_id": 7}]
    assert await store.redo_projections() == 0


@pytest.mark.parametrize("odd", [10**5000, {("a", "b"): 1}], ids=["digits", "keys"])
async def test_an_end_that_is_no_json_is_its_own_trouble(
    store: Store, queue: Queue, odd: Any
) -> None:
    """What an agent's bug made of its result fails that request; the others are written."""
    bad, good = await claim(store, queue, 2)
    verdicts = await store.complete(
        "w1",
        [(bad.authority, complete({"a": odd}), None), (good.authority, complete({}), None)],
    )
    assert set(verdicts.values()) == {"accepted"}
    ends = {
        row["id"]: (row["status"], (row["error"] or {}).get("code"))
        for row in queue.rows("SELECT id, status, error FROM ai_requests")
    }
    assert ends == {
        bad.request_id: ("failed", "agent_error"),
        good.request_id: ("completed", None),
    }


def nested(levels: int) -> Any:
    value: Any = None
    for _ in range(levels):
        value = {"a": value}
    return value


def can_be_written(levels: int) -> bool:
    try:
        return bool(dumps(nested(levels)))
    except RecursionError:
        return False


async def test_an_end_may_be_of_any_depth(store: Store, queue: Queue) -> None:
    """However deeply an answer is nested its attempt ends, also where a level more or less decides
    whether it can be written."""
    most = 2
    while can_be_written(most * 2):
        most *= 2
    step = most
    while step := step // 2:
        most += step if can_be_written(most + step) else 0
    for levels in range(most - 40, most + 2):
        [one] = await claim(store, queue)
        end = (one.authority, complete(nested(levels)), None)
        assert list((await store.complete("w1", [end])).values()) == ["accepted"]
    ends = queue.rows("SELECT DISTINCT status FROM ai_requests")
    assert {row["status"] for row in ends} <= {"completed", "failed"}


async def test_typed_rows_that_never_fit_hold_up_no_others(store: Store, queue: Queue) -> None:
    """However many rows the database refuses again and again: those behind them are written."""
    queue.rows("ALTER TABLE ai_workout_plans ADD CONSTRAINT broken CHECK (client_id = 8)")
    queue.rows("ALTER TABLE ai_workout_plans ADD CONSTRAINT for_a_while CHECK (client_id = 7)")
    for client_id, claimed in zip((7, 7, 7, 8), await claim(store, queue, 4), strict=True):
        rows = {"ai_workout_plans": [{**PLAN, "client_id": client_id}]}
        await store.complete("w1", [(claimed.authority, complete({}, rows), None)])
    queue.rows("ALTER TABLE ai_workout_plans DROP CONSTRAINT for_a_while")

    assert sum([await store.redo_projections(limit=2) for _ in range(3)]) == 1

    assert queue.rows("SELECT client_id FROM ai_workout_plans") == [{"client_id": 8}]
    queue.rows("ALTER TABLE ai_workout_plans DROP CONSTRAINT broken")
    assert sum([await store.redo_projections(limit=2) for _ in range(3)]) == 3


@pytest.mark.parametrize("state", ["query_canceled", "lock_not_available"])
async def test_typed_rows_that_take_too_long_hold_up_no_result(
    store: Store, queue: Queue, state: str
) -> None:
    """A table that is locked, or too slow to be written, costs the results only their typed rows:
    those are written later, and no batch is sent again and again because of one."""
    queue.rows(
        "CREATE FUNCTION held_up() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION 'held up' USING ERRCODE = '{state}'; END $$"
    )
    queue.rows(
        "CREATE TRIGGER held_up BEFORE INSERT ON ai_workout_plans"
        " FOR EACH ROW EXECUTE FUNCTION held_up()"
    )
    slow, other = await claim(store, queue, 2)
    verdicts = await store.complete(
        "w1",
        [
            (slow.authority, complete({}, {"ai_workout_plans": [PLAN]}), None),
            (other.authority, complete({}), None),
        ],
    )
    assert set(verdicts.values()) == {"accepted"}
    assert await store.redo_projections() == 0

    queue.rows("DROP TRIGGER held_up ON ai_workout_plans")

    assert await store.redo_projections() == 1
    assert queue.value("SELECT client_id FROM ai_workout_plans") == 7


async def test_typed_rows_too_long_for_their_index(store: Store, queue: Queue) -> None:
    """A text that no index can hold costs its typed row, neither the result nor the daemon."""
    [claimed] = await claim(store, queue)
    endless = "".join(random.Random(7).choices(ascii_letters, k=20_000))
    rows = {"ai_workout_plans": [{**PLAN, "status": endless}]}
    verdicts = await store.complete("w1", [(claimed.authority, complete({}, rows), None)])
    assert set(verdicts.values()) == {"accepted"}
    assert queue.value("SELECT count(*) FROM ai_workout_plans") == 0


async def test_poison_in_a_batch(store: Store, queue: Queue) -> None:
    """One result that cannot be stored fails alone; the others of its batch are stored."""
    queue.rows("ALTER TABLE ai_results ADD CHECK (NOT result ? 'poison')")
    claimed = await claim(store, queue, 3)
    ends = [(c.authority, complete({}), None) for c in claimed]
    ends[1] = (claimed[1].authority, complete({"poison": 1}), None)
    verdicts = await store.complete("w1", ends)
    assert set(verdicts.values()) == {"accepted"}
    assert [queue.status(c.request_id) for c in claimed] == ["completed", "failed", "completed"]
    assert queue.request(claimed[1].request_id)["error"]["code"] == "agent_error"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e400])
async def test_results_are_stored_clean(store: Store, queue: Queue, number: float) -> None:
    """NUL, lone surrogates, NaN and infinities cost nobody a result."""
    [claimed] = await claim(store, queue)
    result = {"a\0": "x\0y\ud800z", "n": number, "deep": [{"d": datetime(2026, 1, 2, tzinfo=UTC)}]}
    await store.complete("w1", [(claimed.authority, complete(result), None)])
    assert queue.value("SELECT result FROM ai_results") == {
        "a": "xyz",
        "n": None,
        "deep": [{"d": "2026-01-02 00:00:00+00:00"}],
    }


async def test_large_input(store: Store, queue: Queue) -> None:
    """What the claim leaves out is loaded on demand; more than 1 MB is refused unread."""
    queue.rows(
        "INSERT INTO ai_requests (task_type, input_data) SELECT 'work',"
        " jsonb_build_object('x', (SELECT string_agg(md5(i::text), '') FROM"
        " generate_series(1, n) i)) FROM unnest(ARRAY[1000, 100000]) n"
    )
    queue.rows(
        "INSERT INTO ai_requests (task_type, input_data) VALUES"
        " ('work', jsonb_build_object('x', repeat('y', 5000000)))"
    )
    fine, random, repeated = (await store.claim("w1", ["work"], 3, 30.0)).requests
    assert fine.input_data is None
    assert len((await store.load_input(fine.authority))["x"]) == 32_000
    for claimed in (random, repeated):
        with pytest.raises(InputTooLarge) as refused:
            await store.load_input(claimed.authority)
        assert (refused.value.size_bytes or 0) > 2**20
    with pytest.raises(LeaseLost):
        await store.load_input(fine.authority._replace(worker_id="w2"))


async def test_intake(store: Store, queue: Queue) -> None:
    """Intake sees what is pending and unchecked, with its agent, and never a huge input."""
    await store.agent_insert_missing(name="Work", type="work", description="", config={})
    queue.rows("INSERT INTO ai_agents (name, type, enabled) VALUES ('Off', 'off', false)")
    for task_type in ("work", "off", "nonsense"):
        queue.insert(task_type, input_data="[1]")
    queue.rows(
        "INSERT INTO ai_requests (task_type, input_data) VALUES"
        " ('work', jsonb_build_object('x', repeat('y', 2000000))),"
        " ('work', ('[1' || repeat('0', 6000) || ']')::jsonb)"
    )
    seen = await store.unchecked()
    assert [(u.known, u.enabled, u.too_large) for u in seen] == [
        (True, True, False),
        (True, False, False),
        (False, False, False),
        (True, True, True),
        (True, True, False),
    ]
    assert [u.input_data for u in seen] == [[1], [1], [1], None, [float("inf")]]

    await store.mark_checked([seen[0].request_id])
    refused = await store.refuse([(seen[2].request_id, ErrorInfo("unknown_task_type", "m"))])

    assert refused == [seen[2].request_id]
    left = [u.request_id for u in await store.unchecked()]
    assert left == [seen[1].request_id, seen[3].request_id, seen[4].request_id]


async def test_what_may_not_fail_keeps_no_other_from_it(
    store: Store, queue: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trigger of the main app's that raises costs its own request the refusal, nobody else, and
    is told once, however often that is tried."""
    queue.rows(
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RAISE EXCEPTION ''kept''; END';"
        " CREATE TRIGGER keep BEFORE UPDATE ON ai_requests FOR EACH ROW"
        " WHEN (NEW.requested_by = 'me' AND NEW.status = 'failed') EXECUTE FUNCTION keep()"
    )
    kept = queue.insert("nonsense", requested_by="me")
    others = [queue.insert("nonsense") for _ in range(2)]
    error = ErrorInfo("unknown_task_type", "m")
    refused = await store.refuse([(request_id, error) for request_id in (kept, *others)])
    assert sorted(refused) == others
    assert await store.unchecked() == []
    assert queue.value("SELECT status FROM ai_requests WHERE id = %s", kept) == "pending"
    assert await store.refuse([(kept, error)]) == []
    told = capsys.readouterr().out
    assert (told.count("refusal_refused"), "by keep" in told) == (1, True)


async def test_intake_reads_a_bounded_amount(store: Store, queue: Queue) -> None:
    """However large the inputs, one look at them stays near 8 MB, and always sees some."""
    queue.rows(
        "INSERT INTO ai_requests (task_type, input_data) SELECT 'work',"
        " jsonb_build_object('x', (SELECT string_agg(md5((i * n)::text), '')"
        " FROM generate_series(1, 30000) i)) FROM generate_series(1, 12) n"
    )
    seen = await store.unchecked()
    assert 0 < len(seen) < 12


async def test_schedules_of_no_year(store: Store, queue: Queue) -> None:
    """Moments that Python does not know do not keep anybody from reading the schedules."""
    for name in ("infinity", "-infinity"):
        queue.rows(
            "INSERT INTO ai_schedules (name, task_type, trigger, last_slot, updated_at)"
            " VALUES (%s, 'work', 'every 5 minutes', %s, %s)",
            name, name, name,
        )  # fmt: skip
    _, found = await store.schedules_list()
    assert [schedule.name for schedule in found] == ["-infinity", "infinity"]


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date"])
async def test_moments_of_no_calendar(
    pool: AsyncConnectionPool[AsyncConnection[Any]], kind: str
) -> None:
    """Whatever moment or day a row holds, it can be read and reckoned with; an ordinary one is as
    it was written."""
    moments = ("-infinity", "0044-03-15 BC", "2026-11-27", "20260-11-27", "infinity")
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT array_agg(moment), min(moment), max(moment)"
            " FROM unnest(%s::text[]) given, CAST(given AS {}) moment".replace(
                "{}", kind
            ).encode(),
            [list(moments)],
        )
        row = await cursor.fetchone()
    assert row is not None
    found, least, most = row
    assert [moment.year for moment in found] == [1970, 1970, 2026, 9999, 9999]
    assert (least - timedelta(days=1)).year == 1970
    assert (most + timedelta(days=1)).year == 9999


async def test_steps_are_kept_once(store: Store, queue: Queue) -> None:
    """A step's first value stays, whoever runs it again, and only for whoever has the request."""
    [claimed] = await claim(store, queue)
    assert await store.step_get(claimed.request_id, "rows") == (False, None)
    assert await store.step_put(claimed.authority, "rows", {"n": 1}) == {"n": 1}
    assert await store.step_put(claimed.authority, "rows", {"n": 2}) == {"n": 1}
    assert await store.step_get(claimed.request_id, "rows") == (True, {"n": 1})
    for stranger in (
        claimed.authority._replace(worker_id="w2"),
        claimed.authority._replace(fence=2),
    ):
        with pytest.raises(LeaseLost):
            await store.step_put(stranger, "other", 1)
        with pytest.raises(LeaseLost):
            await store.approval_put(stranger, "k", {})


async def test_progress_is_fenced(store: Store, queue: Queue) -> None:
    """Progress of an attempt that lost its request is dropped, the rest is stored."""
    [claimed] = await claim(store, queue)
    events = [
        Event(claimed.authority, "plan", 40, "choosing"),
        Event(claimed.authority, "plan", 400),
        Event(claimed.authority._replace(worker_id="w2"), "plan", 50),
    ]
    assert await store.events_put(events) == 2
    rows = queue.rows("SELECT node, percent, message FROM ai_request_events ORDER BY id")
    assert [tuple(row.values()) for row in rows] == [("plan", 40, "choosing"), ("plan", 100, "")]


async def test_a_question_is_asked_once(store: Store, queue: Queue) -> None:
    """A second attempt that asks the same gets the answer that came meanwhile."""
    [claimed] = await claim(store, queue)
    first = await store.approval_put(claimed.authority, "save", {"q": "?"}, expires_seconds=60)
    assert (first.decided, first.answer) == (False, None)
    await store.complete("w1", [(claimed.authority, Wait(), None)])
    assert queue.status(claimed.request_id) == "waiting"
    answer = {"decision": "approve"}
    assert queue.answer(claimed.request_id, "save")
    assert not queue.answer(claimed.request_id, "save")

    [again] = (await store.claim("w1", ["work"], 1, 30.0)).requests
    second = await store.approval_put(again.authority, "save", {"q": "?"})

    assert (second.decided, second.answer, second.decided_by) == (True, answer, "user:1")


async def test_a_schedule_fires_once(store: Store, queue: Queue) -> None:
    """However many daemons fire a slot, it gets one request; a skipped slot gets none."""
    queue.rows(
        "INSERT INTO ai_schedules (name, task_type, trigger, input_data)"
        " VALUES ('daily', 'work', '0 6 * * *', '{\"n\": 1}')"
    )
    _, [schedule] = await store.schedules_list()
    slot = datetime(2026, 3, 29, 6, tzinfo=UTC)
    [request_id] = await store.schedule_fire("daily", schedule.last_slot, slot)
    assert request_id is not None
    assert await store.schedule_fire("daily", schedule.last_slot, slot) == []
    request = queue.request(request_id)
    assert request["idempotency_key"] == "cron:daily:2026-03-29T06:00:00Z"
    assert (request["input_data"], request["requested_by"]) == ({"n": 1}, "schedule:daily")

    later = datetime(2026, 3, 30, 6, tzinfo=UTC)
    assert await store.schedule_fire("daily", slot, later, insert=False) == []
    _, [schedule] = await store.schedules_list()
    assert schedule.last_slot == later
    assert queue.value("SELECT count(*) FROM ai_requests") == 1


async def test_agents_get_their_rows_once(store: Store, queue: Queue) -> None:
    """An agent's rows are made where they are missing, and never changed by a start."""
    fresh: dict[str, Any] = {
        "name": "Work",
        "type": "work",
        "description": "d",
        "config": {"a": 1},
    }
    assert await store.agent_insert_missing(**fresh, on_lost="fail")
    assert not await store.agent_insert_missing(**{**fresh, "config": {"a": 2}})
    [agent] = [a for a in await store.agents_list() if a.type == "work"]
    assert (agent.config, agent.version) == ({"a": 1}, 1)
    assert await store.agent_version("work", 1) == {"a": 1}
    assert queue.value("SELECT on_lost FROM ai_control WHERE task_type = 'work'") == "fail"
    await store.agent_problem("work", "config.a: not a number")
    [agent] = [a for a in await store.agents_list() if a.type == "work"]
    assert agent.problem == "config.a: not a number"


async def test_a_claim_tells_what_it_leaves(store: Store, queue: Queue) -> None:
    """What is due all the same, what intake has to look at, and when the next becomes due."""
    queue.insert_many(2, run_after="2020-01-01")
    queue.insert(run_after="2100-01-01")
    first = await store.claim("w1", ["work"], 1, 30.0)
    assert (len(first.requests), first.due, first.unchecked) == (1, True, True)
    second = await store.claim("w1", ["work"], 5, 30.0)
    assert (len(second.requests), second.due) == (1, False)
    assert second.next_due_seconds is not None and second.next_due_seconds > 86_400
    third = await store.claim("w1", ["work"], 5, 30.0)
    assert (third.requests, third.due) == ([], False)
    queue.rows("UPDATE ai_requests SET checked = true, run_after = now() WHERE status = 'pending'")
    other = await store.claim("w1", ["another"], 5, 30.0)
    assert replace(other, transactions=0) == Claim(
        [], due=True, unchecked=False, next_due_seconds=None, transactions=0, asynchronous=True
    )
    queue.rows("UPDATE ai_control SET on_lost = 'fail' WHERE task_type = 'work'")
    assert not (await store.claim("w1", ["work"], 5, 30.0)).asynchronous


async def test_a_claim_tells_how_much_is_written(store: Store, queue: Queue) -> None:
    """Each transaction that writes anything is counted, whoever it is."""
    before = (await store.claim("w1", ["work"], 1, 30.0)).transactions
    for _ in range(5):
        queue.insert()
    after = (await store.claim("w2", ["another"], 1, 30.0)).transactions
    assert after >= before + 5


@pytest.mark.parametrize(
    "held",
    [
        "UPDATE ai_control SET paused = true, resume_at = 'infinity' WHERE task_type = 'work'",
        "UPDATE ai_requests SET run_after = 'infinity'",
    ],
)
async def test_what_waits_for_ever_fails_no_claim(store: Store, queue: Queue, held: str) -> None:
    """'infinity', which a person may well write, is a moment that never comes, not an error."""
    queue.control("work")
    queue.insert()
    queue.rows(held)
    left = await store.claim("w1", ["work"], 5, 30.0)
    assert left.requests == []
    assert left.next_due_seconds == float("inf")
    queue.insert(task_type="other", run_after="2100-01-01")
    sooner = (await store.claim("w1", ["work"], 5, 30.0)).next_due_seconds
    assert sooner is not None and 86_400 < sooner < float("inf")


@pytest.mark.parametrize("moment", ["infinity", "-infinity"])
async def test_what_was_asked_at_no_time_is_claimed(
    store: Store, queue: Queue, moment: str
) -> None:
    """A created_at that somebody wrote by hand keeps no claim from its work."""
    queue.insert()
    queue.rows("UPDATE ai_requests SET created_at = %s", moment)
    [one] = (await store.claim("w1", ["work"], 5, 30.0)).requests
    assert one.waited_seconds == 0


async def test_what_was_due_for_ever_is_counted(store: Store, queue: Queue) -> None:
    """A run_after of '-infinity' on what nobody may take yet is no error for whoever counts."""
    queue.control("work")
    queue.insert()
    queue.rows("UPDATE ai_control SET paused = true WHERE task_type = 'work'")
    queue.rows("UPDATE ai_requests SET run_after = '-infinity'")
    load = await store.load(["work"])
    assert load.pending == {"work": 1}
    assert 0 <= load.oldest_pending_seconds < 60


async def test_what_is_put_off_says_why(store: Store, queue: Queue) -> None:
    """A request that waits for the provider or for money shows so, until it is taken up again."""
    [claimed] = await claim(store, queue)
    snooze = Snooze(0.0, "provider_unavailable: rate_limited")
    await store.complete("w1", [(claimed.authority, snooze, None)])
    error = queue.value("SELECT error FROM ai_requests")
    assert (error["code"], error["retryable"]) == ("provider_unavailable", True)
    assert "rate_limited" in error["message"]
    [again] = (await store.claim("w1", ["work"], 1, 30.0)).requests
    await store.complete("w1", [(again.authority, complete({"a": 1}), None)])
    assert queue.value("SELECT error FROM ai_requests") is None


def test_what_becomes_due_during_a_claim_is_due_next(queue: Queue) -> None:
    """What was not due when the statement began, and is when it looks at what is left, counts as
    due next, at once: it was not taken, and nobody would ring for it."""
    with queue.connection.transaction():  # its now() is the moment at which the statement began
        queue.insert(run_after=queue.value("SELECT now() + interval '1 microsecond'"))
        [left] = queue.rows("SELECT * FROM ai_left_v1(NULL)")
    assert not left["due"]
    assert left["next_due_seconds"] <= 0


async def test_load(store: Store, queue: Queue) -> None:
    """The queue's load is told in bounded time: by type, and how long the oldest has waited."""
    queue.insert_many(3, run_after="2020-01-01")
    queue.insert(run_after="2100-01-01")
    await store.claim("w1", ["work"], 1, 30.0)
    load_now = await store.load(["work", "other"])
    assert load_now.pending == {"work": 3, "other": 0}
    assert load_now.running == {"work": 1}
    assert load_now.oldest_pending_seconds > 86_400


async def test_retention(store: Store, queue: Queue) -> None:
    """What ended long ago goes, with what belongs to it, a few rows at a time."""
    claimed = await claim(store, queue, 3)
    await store.complete("w1", [(c.authority, complete({}), None) for c in claimed])
    await store.step_get(claimed[0].request_id, "x")
    assert await store.prune_requests(Status.COMPLETED) == 0
    assert await store.prune_requests(Status.FAILED, older_seconds=-1) == 0
    assert await store.prune_requests(Status.COMPLETED, older_seconds=-1, limit=2) == 2
    assert queue.value("SELECT count(*) FROM ai_results") == 1
    assert queue.value("SELECT count(*) FROM ai_attempts") == 1
    for table in ("request_events", "llm_calls", "workers", "audit_log"):
        assert await store.prune(table) == 0


async def test_words_go_with_their_request(store: Store, queue: Queue) -> None:
    """The bill of a call stays when its request goes; what was sent and answered does not, since
    nobody could find it any more for the client whom it is about."""
    claimed = await claim(store, queue, 2)
    await store.complete("w1", [(c.authority, complete({}), None) for c in claimed])
    for one in claimed:
        queue.rows(
            "INSERT INTO ai_llm_calls (request_id, call_hash, n, try, token, fence, worker_id,"
            " task_type, model, status, cost_state, cost_usd, finished_at, prompt, response)"
            " VALUES (%s, 'h', 1, 1, gen_random_uuid(), 1, 'w1', 'work', 'm', 'done', 'exact', 2,"
            " now(), '{}', '{}')",
            one.request_id,
        )
    assert await store.prune_requests(Status.COMPLETED, older_seconds=-1, limit=1) == 1
    told = "SELECT cost_usd, prompt, response FROM ai_llm_calls ORDER BY prompt NULLS FIRST"
    assert [tuple(row.values()) for row in queue.rows(told)] == [(2, None, None), (2, {}, {})]


async def test_budgets_of_requests_go_with_them(store: Store, queue: Queue) -> None:
    """What was counted for one request goes with it, also where nothing could be afforded; limits
    and the other counts stay."""
    [claimed] = await claim(store, queue)
    await store.complete("w1", [(claimed.authority, complete({}), None)])
    own, day = f"request:{claimed.request_id}:work", "2020-01-01"
    queue.rows(
        "INSERT INTO ai_budgets (scope, period) SELECT s, 'request' FROM unnest(%s::text[]) s"
        " UNION VALUES ('request:0:work', 'request'), ('global', 'day'), ('global', %s)",
        [own, f"request:{claimed.request_id}", f"request:{claimed.request_id}:poor"],
        day,
    )
    queue.rows("INSERT INTO ai_agents (type, name, description) VALUES ('poor', 'Poor', '')")
    queue.rows(
        "INSERT INTO ai_llm_calls (request_id, call_hash, n, try, token, fence, worker_id,"
        " task_type, model, status, cost_state, finished_at, scopes, periods) VALUES (%s, 'h', 1,"
        " 1, gen_random_uuid(), 1, 'w1', 'work', 'm', 'done', 'none', now(), %s, %s)",
        claimed.request_id,
        [own, "global"],
        ["request", day],
    )
    assert await store.prune_requests(Status.COMPLETED, older_seconds=-1) == 1
    left = "SELECT scope, period FROM ai_budgets ORDER BY scope, period"
    assert [(row["scope"], row["period"]) for row in queue.rows(left)] == [
        ("global", day),
        ("global", "day"),
        ("request:0:work", "request"),
    ]
    assert await store.prune("budgets", older_seconds=-1) == 2
    assert [row["period"] for row in queue.rows(left)] == ["day"]


async def test_workers_can_be_asked_to_drain(store: Store, queue: Queue) -> None:
    """A wish to drain, written by a person, reaches the worker with its next sign of life."""
    seen: dict[str, Any] = {"version": "1", "host": "h", "pid": 1, "concurrency": 5}
    assert not await store.worker_upsert("w1", **seen, running=0, state="starting")
    queue.rows("UPDATE ai_workers SET drain_requested_at = now()")
    assert await store.worker_upsert("w1", **seen, running=2, state="ready")
    await store.worker_stop("w1")
    assert queue.value("SELECT state FROM ai_workers") == "stopped"


async def test_the_bell(store: Store, database: str) -> None:
    """Whoever sleeps behind the doorbell is rung; nobody else costs a notification."""
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as listener:
        await listener.execute("LISTEN ai_requests")
        await store.ring()
        slot = await doorbell_lock(listener, load())
        assert slot == 0
        await store.ring()
        notes = [note async for note in listener.notifies(timeout=10, stop_after=1)]
        assert len(notes) == 1
        await doorbell_unlock(listener, load(), slot)
        await store.ring()
        assert [note async for note in listener.notifies(timeout=0.2)] == []


async def test_the_bell_behind_producers(database: str, queue: Queue) -> None:
    """A sleeper that finds every slot shared by producers in flight waits for them to commit."""
    async with (
        await psycopg.AsyncConnection.connect(database, autocommit=True) as listener,
        await psycopg.AsyncConnection.connect(database, autocommit=True) as other,
    ):
        queue.rows("BEGIN")
        queue.rows("SELECT ai_ring()")
        await listener.execute("SET lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            await doorbell_lock(listener, load())
        queue.rows("COMMIT")
        assert await doorbell_lock(listener, load()) == 0
        assert await doorbell_lock(other, load()) == 1
