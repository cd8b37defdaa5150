"""Who waits for whom, seen in pg_stat_activity: the order of locks that the store promises."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest

from tests.kit.signals import until
from tests.sql.driver import LEASE_SECONDS, Queue, another


def waits(queue: Queue, pid: int) -> str | None:
    """What a backend waits for in the lock manager, if it does."""
    row = queue.rows(
        "SELECT wait_event FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'", pid
    )
    return str(row[0]["wait_event"]) if row else None


def test_a_claim_waits_only_for_a_claim(queue: Queue, database: str) -> None:
    """Two claims queue for one advisory lock, and the second then counts what the first took."""
    queue.control("work", concurrency=3)
    queue.insert_many(10)
    with another(database) as first, another(database) as second, ThreadPoolExecutor(1) as pool:
        first.rows("BEGIN")
        assert len(first.claim("w1", slots=2)) == 2
        claimed = pool.submit(second.claim, "w2", 5)
        assert until(lambda: waits(queue, second.connection.info.backend_pid)) == "advisory"
        first.rows("COMMIT")
        assert len(claimed.result(timeout=10)) == 1


@pytest.mark.parametrize(
    "act",
    [
        lambda q: q.claim("w2"),
        lambda q: q.beat("w1", [(1, 1), (2, 1)]),
        lambda q: q.reap(),
        lambda q: q.sweep(),
        lambda q: q.run("request_refuse", refusals="[]"),
        lambda q: q.run(
            "prune_requests",
            status="completed",
            older_seconds=-9,
            limit=9,
            after_at=None,
            after_id=None,
        ),
    ],
    ids=["claim", "beat", "reap", "sweep", "refuse", "prune"],
)
def test_who_never_waits_for_a_row(
    queue: Queue, database: str, act: Callable[[Queue], object]
) -> None:
    """With every request and lease held by somebody, these go round them and return."""
    queue.insert_many(4)
    rows = queue.claim("w1", slots=2)
    queue.finish("w1", rows[0])
    queue.rows("UPDATE ai_requests SET cancel_requested_at = now() WHERE status = 'pending'")
    queue.advance(LEASE_SECONDS + 1)
    with another(database) as holder:
        holder.rows("BEGIN")
        holder.rows("SELECT FROM ai_requests FOR UPDATE")
        holder.rows("SELECT FROM ai_leases FOR UPDATE")
        queue.rows("SET lock_timeout = '100ms'")
        act(queue)
        holder.rows("ROLLBACK")


def test_a_renewal_under_way_saves_its_request(queue: Queue, database: str) -> None:
    """The reaper that meets a renewal waits for it, looks again, and leaves the request alone."""
    queue.insert()
    [row] = queue.claim("w1")
    queue.advance(LEASE_SECONDS + 1)
    with (
        another(database) as heart,
        another(database) as reaper,
        ThreadPoolExecutor(1) as pool,
    ):
        heart.now = reaper.now = queue.now
        heart.rows("BEGIN")
        heart.beat("w1", [(row["id"], row["fence"])])
        rescued = pool.submit(reaper.reap)
        until(lambda: waits(queue, reaper.connection.info.backend_pid))
        heart.rows("COMMIT")
        assert rescued.result(timeout=10) == []
    assert queue.status(row["id"]) == "running"
    assert len(queue.leases()) == 1


def test_adoption_waits_for_what_is_ending(queue: Queue, database: str) -> None:
    """After a crash, a request that ends while it is being adopted gets no lease of nobody's."""
    queue.insert()
    [row] = queue.claim("w1")
    queue.lose_leases()
    with (
        another(database) as worker,
        another(database) as claimer,
        ThreadPoolExecutor(1) as pool,
    ):
        worker.rows("BEGIN")
        assert worker.finish("w1", row) == "accepted"
        claimed = pool.submit(claimer.claim, "w2")
        until(lambda: waits(queue, claimer.connection.info.backend_pid))
        worker.rows("COMMIT")
        assert claimed.result(timeout=10) == []
    assert queue.leases() == []


def test_intake_wakes_whoever_stepped_round_it(queue: Queue, database: str) -> None:
    """A daemon that went to sleep over a request which intake held just then is woken for it."""
    with another(database) as sleeper, another(database) as intake:
        sleeper.rows("LISTEN ai_requests")
        request_id = queue.insert()
        intake.rows("BEGIN")
        assert intake.run("request_mark_checked", ids=[request_id]) == [{"id": request_id}]
        assert sleeper.claim() == []
        locking = "SELECT pg_advisory_lock(hashtext('ai_doorbell:public'), 7)"
        with ThreadPoolExecutor(1) as pool:
            asleep = pool.submit(sleeper.rows, locking)
            until(lambda: waits(queue, sleeper.connection.info.backend_pid))
            intake.rows("COMMIT")
            asleep.result(timeout=10)
        assert [row["id"] for row in sleeper.claim()] == [request_id]

        later = queue.insert()
        assert list(sleeper.connection.notifies(timeout=10, stop_after=1))
        intake.rows("BEGIN")
        intake.run("request_mark_checked", ids=[later])
        assert sleeper.claim() == []
        intake.rows("COMMIT")
        assert list(sleeper.connection.notifies(timeout=10, stop_after=1))
        assert [row["id"] for row in sleeper.claim()] == [later]


def test_a_zombie_wakes_whoever_stepped_round_it(queue: Queue, database: str) -> None:
    """A late end that does not count leaves nobody asleep over the request that it held."""
    request_id = queue.insert()
    [row] = queue.claim("w1")
    queue.advance(LEASE_SECONDS + 1)
    queue.reap()
    with another(database) as zombie, another(database) as sleeper:
        sleeper.rows("LISTEN ai_requests")
        sleeper.rows("SELECT pg_advisory_lock(hashtext('ai_doorbell:public'), 0)")
        zombie.rows("BEGIN")
        assert zombie.finish("w1", row, "retry") == "superseded"
        assert sleeper.claim() == []
        zombie.rows("COMMIT")
        assert list(sleeper.connection.notifies(timeout=10, stop_after=1))
        assert [row["id"] for row in sleeper.claim("w2")] == [request_id]


def test_completion_locks_in_order(queue: Queue, database: str) -> None:
    """Completion takes its requests from the lowest id up, however they are listed."""
    queue.insert_many(3)
    low, middle, high = sorted(queue.claim("w1"), key=lambda row: int(row["id"]))
    with (
        another(database) as app,
        another(database) as worker,
        ThreadPoolExecutor(1) as pool,
    ):
        app.rows("BEGIN")
        app.rows("SELECT FROM ai_requests WHERE id = %s FOR UPDATE", middle["id"])
        ends = [worker.end(row) for row in (high, middle, low)]
        done = pool.submit(worker.complete, "w1", *ends)
        until(lambda: waits(queue, worker.connection.info.backend_pid))
        free = "SELECT id FROM ai_requests WHERE id = ANY (%s) FOR UPDATE SKIP LOCKED"
        ids = [low["id"], middle["id"], high["id"]]
        assert [row["id"] for row in queue.rows(free, ids)] == [high["id"]]
        app.rows("ROLLBACK")
        assert set(done.result(timeout=10).values()) == {"accepted"}


def test_a_person_who_answers_blocks_no_sweep(queue: Queue, database: str) -> None:
    """The sweep passes over a question that somebody is answering, and over its request."""
    request_id = queue.insert()
    queue.ask(request_id, expires_at=queue.value("SELECT now()"))
    [row] = queue.claim()
    queue.finish("w1", row, "waiting")
    queue.advance(1)
    queue.rows("SET lock_timeout = '100ms'")
    with another(database) as person:
        person.rows("BEGIN")
        person.answer(request_id)
        assert queue.sweep() == []
        person.rows("COMMIT")
    assert queue.status(request_id) == "pending"


@pytest.mark.timeout(300)
def test_a_probe_ends_beside_a_success(queue: Queue, database: str) -> None:
    """A probe that failed and a call that succeeded tell the breaker at once, and neither is
    chosen to die: both lock '*' before the model."""
    probe, other = str(uuid.uuid4()), str(uuid.uuid4())
    queue.rows(
        "INSERT INTO ai_provider_state (model, state, opened_until, failures, prober)"
        " SELECT m, 'half_open', now() + interval '1 minute', 3, %s"
        " FROM unnest('{*,m}'::text[]) AS m",
        probe,
    )
    told = "SELECT ai_call_breaker_v1('m', %s, jsonb_build_object('event', %s::text,"
    told += " 'seconds', 30, 'threshold', 5, 'reason', 'x'), now())"
    with (
        another(database) as holder,
        another(database) as ok,
        another(database) as failure,
        ThreadPoolExecutor(2) as pool,
    ):
        holder.rows("BEGIN")
        holder.rows("SELECT FROM ai_provider_state WHERE model = '*' FOR UPDATE")
        ends = []
        for side, token, event in ((ok, other, "ok"), (failure, probe, "failure")):
            ends.append(pool.submit(side.rows, told, token, event))
            until(partial(waits, queue, side.connection.info.backend_pid))
        holder.rows("COMMIT")
        for end in ends:
            end.result(timeout=20)


def test_no_deadlock(queue: Queue, database: str) -> None:
    """Everything at once, on few rows: nobody deadlocks, and nothing is left behind."""
    queue.control("work", per_key=3)
    for key in "abc":
        queue.insert_many(20, fair_key=key)
    stop = threading.Event()

    def daemon(number: int) -> None:
        chance = random.Random(number)
        name = f"w{number}"
        with another(database) as mine:
            mine.rows("SET deadlock_timeout = '50ms'")
            mine.now = queue.now
            while not stop.is_set():
                rows = mine.claim(name, slots=5)
                mine.beat(name, [(row["id"], row["fence"]) for row in rows])
                chance.shuffle(rows)
                outcomes = ["completed", "retry", "released", "waiting"]
                ends = [mine.end(row, chance.choice(outcomes)) for row in rows[1:]]
                if chance.random() < 0.3:
                    mine.reap(extend=True)
                mine.complete(name, *ends)
                for row in rows[1:2]:
                    mine.run("request_cancel", request_id=row["id"])
                mine.sweep()
                mine.advance(LEASE_SECONDS / 3)
                mine.reap()
                left = mine.value("SELECT count(*) FROM ai_requests WHERE finished_at IS NULL")
                if not left:
                    stop.set()

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(daemon, number) for number in range(4)]
        try:
            for job in jobs:
                job.result(timeout=200)
        finally:
            stop.set()

    assert queue.rows("SELECT FROM ai_requests WHERE finished_at IS NULL") == []
    results = queue.value("SELECT count(*) FROM ai_results")
    completed = queue.value("SELECT count(*) FROM ai_requests WHERE status = 'completed'")
    assert results == completed


def test_deadlock_is_an_error_here(queue: Queue, database: str) -> None:
    """The test above would see a deadlock: two transactions that cross are told."""
    queue.insert_many(2)
    low, high = (row["id"] for row in queue.rows("SELECT id FROM ai_requests ORDER BY id"))
    lock = "SELECT FROM ai_requests WHERE id = %s FOR UPDATE"
    with another(database) as one, another(database) as two, ThreadPoolExecutor(1) as pool:
        one.rows("SET deadlock_timeout = '50ms'")
        one.rows("BEGIN")
        two.rows("BEGIN")
        one.rows(lock, low)
        two.rows(lock, high)
        crossing = pool.submit(one.rows, lock, high)
        until(lambda: waits(queue, one.connection.info.backend_pid))
        with pytest.raises(psycopg.errors.DeadlockDetected):
            two.rows("SET deadlock_timeout = '10ms'")
            two.rows(lock, low)
            crossing.result(timeout=10)
