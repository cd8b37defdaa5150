"""The claimer looks when there is a reason to, and not oftener."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from daemon import lifecycle, neighbours, refusals, runner, slots
from daemon.claimer import Claimer
from daemon.service import Daemon
from daemon.slots import MOST_AHEAD
from daemon.store.work import WorkStore
from daemon.turnover import Turnover
from tests.kit.signals import eventually
from tests.kit.worker import FOREVER, becomes, count, insert, running

Connection = psycopg.AsyncConnection[Any]


def looks(daemon: Daemon) -> dict[str, float]:
    """How often it has looked for work so far, by what made it."""
    return {
        sample.labels["source"]: sample.value
        for metric in daemon.meters.wakeups.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }


async def test_a_request_costs_one_look(database: str, aconnection: Connection) -> None:
    """A sleeping daemon looks once for a request that rings, and not again when it has ended."""
    async with running(database, poll_seconds=FOREVER) as daemon:
        [first] = await insert(aconnection, "test_echo", text="a")  # warm: caches, plans
        await becomes(aconnection, first, "completed")
        assert daemon._claimer is not None
        await eventually(lambda: daemon.listener.lying, what="asleep")
        claimed = daemon._claimer.signals.expect("claimed")  # the first one's is out already
        [second] = await insert(aconnection, "test_echo", text="b")
        await claimed
        before = looks(daemon)
        await becomes(aconnection, second, "completed")
        [third] = await insert(aconnection, "test_echo", text="c")
        await becomes(aconnection, third, "completed")
        after = looks(daemon)
    made = {source: after[source] - before.get(source, 0.0) for source in after}
    assert {source: number for source, number in made.items() if number} == {"hint": 1.0}


async def test_what_a_limit_held_back_starts_when_a_slot_is_free(
    database: str, aconnection: Connection
) -> None:
    """Requests beyond their agent's limit start one after the other, with nothing to ring for
    them and no poll."""
    await aconnection.execute(
        "INSERT INTO ai_control (task_type, concurrency) VALUES (%s, 1)", ["test_echo"]
    )
    async with running(database, poll_seconds=FOREVER):
        ids = await insert(aconnection, "test_echo", 4, text="x")
        for request_id in ids:
            await becomes(aconnection, request_id, "completed")


NO = (
    "CREATE FUNCTION app_no() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE 'Jane Roe is pregnant' USING ERRCODE = '42501'; END $$;"
    "CREATE {} ON ai_requests {} FOR EACH ROW"
    " WHEN (new.status = 'running' AND new.input_data ? 'keep') EXECUTE FUNCTION app_no()"
)
AT_ONCE = NO.format("TRIGGER app_no BEFORE UPDATE", "")
LATE = NO.format("CONSTRAINT TRIGGER app_no AFTER UPDATE", "DEFERRABLE INITIALLY DEFERRED")
CHECK = "ALTER TABLE ai_requests ADD CONSTRAINT app_no CHECK (NOT input_data ? 'keep') NOT VALID"


@pytest.mark.parametrize(
    "refuse", [AT_ONCE, LATE, CHECK], ids=["trigger", "at the commit", "constraint"]
)
async def test_what_the_app_does_not_let_start_holds_up_no_other(
    database: str, aconnection: Connection, capsys: pytest.CaptureFixture[str], refuse: str
) -> None:
    """Requests that a trigger or a constraint of the app's keeps from starting stay pending, are
    told once, without its words, and start when they may; the others are answered, the daemon
    lives on."""
    await aconnection.execute("INSERT INTO ai_control (task_type, concurrency) VALUES ('*', 3)")
    kept = await insert(aconnection, "test_echo", 5, text="a", keep=1)
    await aconnection.execute("UPDATE ai_requests SET priority = 5")
    await aconnection.execute(refuse.encode())
    async with running(database, poll_seconds=FOREVER) as daemon:
        for _ in range(2):
            for request_id in await insert(aconnection, "test_echo", 7, text="b"):
                await becomes(aconnection, request_id, "completed")
        pending = "SELECT count(*) FROM ai_requests WHERE status = 'pending'"
        assert await count(aconnection, pending) == len(kept)
        told = capsys.readouterr().out
        assert told.count("claim_refused") == 1
        assert "app_no" in told
        assert "Jane Roe" not in told
        await aconnection.execute(
            "ALTER TABLE ai_requests DROP CONSTRAINT app_no"
            if refuse == CHECK
            else "DROP TRIGGER app_no ON ai_requests"
        )
        assert daemon._claimer is not None
        daemon._claimer._refusals._since -= refusals.REST_SECONDS + 1
        await insert(aconnection, "test_echo", text="c")
        for request_id in kept:
            await becomes(aconnection, request_id, "completed")


async def test_a_claim_whose_answer_comes_too_late_is_not_run(
    database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the answer to a claim arrives after its lease has ended, somebody else may have the
    request: it is not begun, and answered once under the next claim."""
    late = asyncio.Event()
    ran = []
    claim = WorkStore.claim

    async def answered_late(*values: Any) -> Any:
        found = await claim(*values)
        if found.requests:
            await late.wait()
        return found

    # Before the start, so that no claim under way goes past it.
    monkeypatch.setattr(WorkStore, "claim", answered_late)
    async with running(database, poll_seconds=FOREVER, lease_seconds=3.0) as daemon:
        assert daemon._claimer is not None
        run = daemon._claimer.slots._runner.run

        async def noted(claimed: Any, lease: Any) -> Any:
            ran.append(claimed.authority.fence)
            return await run(claimed, lease)

        daemon._claimer.slots._runner.run = noted  # type: ignore[method-assign]
        [request_id] = await insert(aconnection, "test_echo", text="a")
        rescued = "SELECT count(*) FROM ai_attempts WHERE request_id = %s AND outcome = 'lost'"
        await eventually(lambda: count(aconnection, rescued, request_id), 30)
        late.set()
        row = await becomes(aconnection, request_id, "completed", 30)
    assert (ran, row["fence"]) == ([2], 2)


async def test_a_claim_whose_answer_is_lost_costs_no_attempt(
    database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the connection breaks after a claim's commit, what it took goes back into the queue:
    it has not begun, also where nothing may begin twice, and no worker was lost."""
    cut_off = 0
    tuples = WorkStore._tuples

    async def cut(self: Any, name: str, connection: Any, /, **values: Any) -> Any:
        nonlocal cut_off
        rows = await tuples(self, name, connection, **values)
        if name == "request_claim" and rows[0][0] is not None and cut_off < 3:
            cut_off += 1
            await connection.close()
            raise psycopg.OperationalError("the connection is lost")
        return rows

    monkeypatch.setattr(WorkStore, "_tuples", cut)
    await aconnection.execute(
        "INSERT INTO ai_control (task_type, on_lost) VALUES ('test_echo', 'fail')"
        " ON CONFLICT (task_type) DO UPDATE SET on_lost = 'fail'"
    )
    async with running(database, poll_seconds=FOREVER):
        ids = await insert(aconnection, "test_echo", 3, text="a")
        for request_id in ids:
            row = await becomes(aconnection, request_id, "completed")
            assert (row["attempt"], row["lost_count"]) == (1, 0)
    assert cut_off == 3


@pytest.mark.parametrize("answered", [True, False])
async def test_stop_reads_the_answer_to_a_claim(
    answered: bool, database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was claimed while it is told to stop is run, not left to its lease; and a claim that
    fails then is the last one."""
    monkeypatch.setattr(lifecycle, "CANCEL_AGAIN_SECONDS", FOREVER)
    inserted, claimed, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()
    claim = WorkStore.claim

    async def answered_late(*values: Any) -> Any:
        fails = inserted.is_set() and not answered
        found = None if fails else await claim(*values)
        if found is None or found.requests:
            claimed.set()
            await go_on.wait()
        if found is None:
            raise psycopg.OperationalError("the connection is lost")
        return found

    monkeypatch.setattr(WorkStore, "claim", answered_late)
    async with running(database, poll_seconds=FOREVER) as daemon:
        claimer = daemon._claimer
        assert claimer is not None
        # Not only in bed: the look that comes after that is over.
        await eventually(lambda: claimer.signals.counts["asleep"], what="asleep")
        inserted.set()
        [request_id] = await insert(aconnection, "test_echo", text="a")
        await claimed.wait()
        stopping = asyncio.create_task(claimer.stop())
        await eventually(lambda: claimer._stopping)
        go_on.set()
        await stopping
        status = "completed" if answered else "pending"
        row = await becomes(aconnection, request_id, status)
        assert row["attempt"] == int(answered)


async def test_agents_run_while_ends_wait_for_their_commit(
    database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An end that waits for its commit takes no slot, and no more ends wait than there are slots:
    then nothing is claimed until one is written."""
    monkeypatch.setattr(Turnover, "recent", lambda *_: 0.0)
    written = asyncio.Event()
    async with running(database, poll_seconds=FOREVER, worker_concurrency=2) as daemon:
        claimer, completer = daemon._claimer, daemon.completer
        assert claimer is not None
        complete = completer._store.complete

        async def written_late(*values: Any) -> Any:
            await written.wait()
            return await complete(*values)

        completer._store.complete = written_late  # type: ignore[method-assign, assignment]
        ids = await insert(aconnection, "test_echo", 7, text="a")
        await eventually(lambda: completer.waiting == 4, 30, what="twice as many as slots")
        assert claimer.slots.free == 0
        pending = "SELECT count(*) FROM ai_requests WHERE status = 'pending'"
        assert await count(aconnection, pending) == 3
        written.set()
        ends = [await becomes(aconnection, request_id, "completed") for request_id in ids]
    assert [row["fence"] for row in ends] == [1] * 7


async def test_slots_that_change_hands_quickly_are_claimed_for_ahead(
    database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backlog of short attempts is claimed before there are slots for it; no more agents run at
    once for that, and all of it ends."""
    running_now, most, ahead = 0, 0, 0
    run = runner.Runner.run

    async def counted(self: runner.Runner, claimed: Any, lease: Any) -> Any:
        nonlocal running_now, most
        running_now += 1
        most = max(most, running_now)
        outcome = await run(self, claimed, lease)
        running_now -= 1
        return outcome

    monkeypatch.setattr(runner.Runner, "run", counted)
    async with running(database, worker_concurrency=4) as daemon:
        begin_next = daemon._claimer.slots._begin_next  # type: ignore[union-attr]

        def noted() -> None:
            nonlocal ahead
            ahead = max(ahead, len(daemon._claimer.slots._ahead))  # type: ignore[union-attr]
            begin_next()

        daemon._claimer.slots._begin_next = noted  # type: ignore[union-attr, method-assign]
        await limit_to(aconnection, 1000)
        ids = await insert(aconnection, "test_echo", 200, text="a")
        ends = [await becomes(aconnection, request_id, "completed") for request_id in ids]
    assert [row["fence"] for row in ends] == [1] * 200
    assert (most, 0 < ahead <= 4 * MOST_AHEAD) == (4, True)


@pytest.mark.parametrize("drained", [False, True])
async def test_what_was_claimed_ahead_and_gets_no_slot_goes_back(
    drained: bool, database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When slots stop changing hands, what was claimed for them is given back, and burns no
    attempt; a worker that stops gives it back at once."""
    monkeypatch.setattr(slots, "GIVE_BACK_SECONDS", FOREVER if drained else 0.05)
    quick = True

    def recent(*_: object) -> float:
        """Six a moment, and none any more as soon as something is ahead: one claim is for it."""
        nonlocal quick
        quick = quick and not claimer.slots._ahead
        return 6.0 if quick else 0.0

    async with running(database, worker_concurrency=2) as daemon:
        claimer = await able_to_claim_ahead(daemon, aconnection)
        monkeypatch.setattr(Turnover, "recent", recent)
        ids = await insert(aconnection, "test_sleep", 8, seconds=60)
        if drained:
            await eventually(lambda: len(claimer.slots._ahead) == 6, what="six claimed ahead")
            stopping = asyncio.create_task(claimer.drain(FOREVER))
            await eventually(lambda: not claimer.slots._ahead)

        async def given_back() -> Any:
            """Not so before they are claimed: the claim raised the fence."""
            rows = await waiting(aconnection, ids, 6)
            return rows if rows and all(row["fence"] for row in rows) else None

        rows = await eventually(given_back, what="six given back")
        assert {(row["attempt"], row["fence"]) for row in rows} == {(0, 1)}
        await aconnection.execute("UPDATE ai_requests SET cancel_requested_at = now()")
        for request_id in ids:
            await becomes(aconnection, request_id, "cancelled")
        if drained:
            assert await stopping == 6
    released = "SELECT count(*) FROM ai_attempts WHERE outcome = 'released'"
    assert await count(aconnection, released) == 6


async def test_more_slots_are_for_what_waits_for_one(
    database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a worker that could not keep up may do more again, what it has claimed begins."""
    monkeypatch.setattr(slots, "GIVE_BACK_SECONDS", FOREVER)
    async with running(database, worker_concurrency=4) as daemon:
        claimer = await able_to_claim_ahead(daemon, aconnection)
        claimer.slots.limit = 2
        monkeypatch.setattr(Turnover, "recent", lambda *_: 0.0 if claimer.slots._ahead else 2.0)
        await insert(aconnection, "test_sleep", 4, seconds=60)
        await eventually(lambda: claimer.slots.running == 2 and len(claimer.slots._ahead) == 2)
        claimer.slots.limit = 4
        await eventually(lambda: claimer.slots.running == 4)
        await aconnection.execute("UPDATE ai_requests SET cancel_requested_at = now()")


@pytest.mark.parametrize("on_lost", ["retry", "fail"])
async def test_nothing_is_claimed_ahead_of_which_no_attempt_may_begin_twice(
    on_lost: str, database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With on_lost = 'fail' a worker that dies takes with it what it has claimed, so it claims no
    more than it runs."""
    monkeypatch.setattr(Turnover, "recent", lambda *_: 100.0)
    asked = slots_asked(monkeypatch)
    async with running(database, worker_concurrency=2) as daemon:
        assert daemon._claimer is not None
        await aconnection.execute(
            "UPDATE ai_control SET concurrency = 1000, on_lost = %s", [on_lost]
        )
        [warm] = await insert(aconnection, "test_echo", text="a")  # a claim tells whether it may
        await becomes(aconnection, warm, "completed")
        asked.clear()
        full = daemon._claimer.signals.expect("full")
        await insert(aconnection, "test_sleep", 20, seconds=60)
        await full
        assert max(asked) == (2 if on_lost == "fail" else 2 + 2 * MOST_AHEAD)
        await aconnection.execute("UPDATE ai_requests SET cancel_requested_at = now()")


async def test_what_a_claim_brought_ahead_and_must_not_wait_goes_back_at_once(
    database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that becomes on_lost = 'fail' meanwhile has only as much claimed as runs."""
    monkeypatch.setattr(slots, "GIVE_BACK_SECONDS", FOREVER)
    async with running(database, worker_concurrency=2) as daemon:
        await able_to_claim_ahead(daemon, aconnection)
        monkeypatch.setattr(Turnover, "recent", lambda *_: 6.0)
        async with aconnection.transaction():  # no claim comes in between, and learns of it
            await aconnection.execute("UPDATE ai_control SET on_lost = 'fail'")
            ids = await insert(aconnection, "test_sleep", 8, seconds=60)
        released = "SELECT count(*) FROM ai_attempts WHERE outcome = 'released'"
        await eventually(lambda: count(aconnection, released), what="what has no slot goes back")
        rows = await eventually(lambda: waiting(aconnection, ids, 6), what="all six did")
        assert {(row["attempt"], row["fence"]) for row in rows} == {(0, 1)}
        await aconnection.execute("UPDATE ai_requests SET cancel_requested_at = now()")


async def test_a_claim_is_for_as_many_as_there_was_room(
    database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room that is there at one moment and gone at the next asks for no impossible number."""
    changing = itertools.cycle((100.0, 0.0, 3.0))
    monkeypatch.setattr(Turnover, "recent", lambda *_: next(changing))
    asked = slots_asked(monkeypatch)
    async with running(database, worker_concurrency=4):
        await limit_to(aconnection, 1000)
        for request_id in await insert(aconnection, "test_echo", 200, text="a"):
            await becomes(aconnection, request_id, "completed", 30)
    assert min(asked) >= 1


async def test_what_no_agent_answers_is_refused_while_slots_change_hands(
    database: str, aconnection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No claim comes by a type that nobody answers: it is looked for however quick the others."""
    monkeypatch.setattr(Turnover, "recent", lambda *_: 100.0)
    async with running(database, worker_concurrency=2, poll_seconds=FOREVER):
        [request_id] = await insert(aconnection, "no_such_type")
        row = await becomes(aconnection, request_id, "failed")
    assert row["error"]["code"] == "unknown_task_type"


def slots_asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """For how many slots each claim from now on is."""
    asked: list[int] = []
    claim = WorkStore.claim

    async def noted(self: Any, worker_id: str, types: Any, slots: int, *more: Any) -> Any:
        asked.append(slots)
        return await claim(self, worker_id, types, slots, *more)

    monkeypatch.setattr(WorkStore, "claim", noted)
    return asked


async def able_to_claim_ahead(daemon: Daemon, connection: Connection) -> Claimer:
    """The claimer with every slot free, after a claim that told it that it may claim ahead."""
    claimer = daemon._claimer
    assert claimer is not None
    await limit_to(connection, 1000)
    [request_id] = await insert(connection, "test_echo", text="a")
    await becomes(connection, request_id, "completed")
    await eventually(lambda: not claimer.slots.attempts, what="its slot is free")
    return claimer


async def limit_to(connection: Connection, concurrency: int) -> None:
    """So many of each agent at once."""
    await connection.execute("UPDATE ai_control SET concurrency = %s", [concurrency])


async def waiting(connection: Connection, ids: list[int], wanted: int) -> Any:
    """The pending ones of these requests, once they are so many at one moment."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            "SELECT attempt, fence FROM ai_requests WHERE id = ANY (%s) AND status = 'pending'",
            [ids],
        )
        rows = await cursor.fetchall()
    return rows if len(rows) == wanted else None


@pytest.mark.parametrize(("busy_commits", "yields"), [(0.0, True), (1e9, False)])
async def test_a_backlog_gives_way_to_others_who_write(
    busy_commits: float,
    yields: bool,
    database: str,
    aconnection: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where others write much it rests between the claims of a backlog, and answers all of it;
    otherwise it does not rest. While it rests nobody has to ring for it."""
    monkeypatch.setattr(neighbours, "BUSY_COMMITS", busy_commits)
    async with running(database, poll_seconds=FOREVER, worker_concurrency=2) as daemon:
        rests: list[tuple[bool, bool]] = []
        monkeypatch.setattr(
            daemon.meters.yielded_seconds,
            "inc",
            lambda seconds: rests.append((seconds > 0, daemon.listener.lying)),
        )
        await eventually(lambda: daemon.listener.lying, what="asleep")
        ids = await insert(aconnection, "test_echo", 7, text="a")
        for request_id in ids:
            await becomes(aconnection, request_id, "completed")
    assert set(rests) == ({(True, False)} if yields else set())
