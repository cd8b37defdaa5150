"""The claimer looks when there is a reason to, and not oftener."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from daemon import lifecycle, neighbours
from daemon.service import Daemon
from daemon.store.work import WorkStore
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
        run = daemon._claimer._runner.run

        async def noted(claimed: Any, lease: Any) -> Any:
            ran.append(claimed.authority.fence)
            return await run(claimed, lease)

        daemon._claimer._runner.run = noted  # type: ignore[method-assign]
        [request_id] = await insert(aconnection, "test_echo", text="a")
        rescued = "SELECT count(*) FROM ai_attempts WHERE request_id = %s AND outcome = 'lost'"
        await eventually(lambda: count(aconnection, rescued, request_id), 30)
        late.set()
        row = await becomes(aconnection, request_id, "completed", 30)
    assert (ran, row["fence"]) == ([2], 2)


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
        await eventually(lambda: daemon.listener.lying, what="asleep")
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
    database: str, aconnection: Connection
) -> None:
    """An end that waits for its commit takes no slot, and no more ends wait than there are slots:
    then nothing is claimed until one is written."""
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
        assert claimer.free == 0
        pending = "SELECT count(*) FROM ai_requests WHERE status = 'pending'"
        assert await count(aconnection, pending) == 3
        written.set()
        ends = [await becomes(aconnection, request_id, "completed") for request_id in ids]
    assert [row["fence"] for row in ends] == [1] * 7


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
