"""Leases: who still has a request, and what happens when nobody does."""

import psycopg
import pytest

from tests.sql.driver import LEASE_SECONDS, Queue, another


def key(row: dict[str, int]) -> tuple[int, int]:
    return (row["id"], row["fence"])


def test_renewal_keeps_a_request(queue: Queue) -> None:
    """A worker that renews in time keeps its requests, however long they take."""
    queue.insert()
    [row] = queue.claim()
    for _ in range(5):
        queue.advance(LEASE_SECONDS - 1)
        assert queue.beat("w1", [key(row)]) == {key(row): False}
        assert queue.reap() == []


def test_renewal_tells_of_a_cancel(queue: Queue) -> None:
    """The heartbeat learns which of its requests are to stop."""
    queue.insert_many(2)
    one, two = queue.claim()
    queue.run("request_cancel", request_id=two["id"])
    assert queue.beat("w1", [key(one), key(two)]) == {key(one): False, key(two): True}


def test_what_is_not_ours_is_not_renewed(queue: Queue) -> None:
    """An attempt that ended, or belongs to another worker or fence, is missing from the answer."""
    queue.insert_many(3)
    ended, stranger, mine = queue.claim("w1")
    queue.finish("w1", ended)
    assert queue.beat("w2", [key(stranger)]) == {}
    asked = [key(ended), (stranger["id"], 9), key(mine), (999_999, 1)]
    assert queue.beat("w1", asked) == {key(mine): False}


def test_a_stranger_keeps_no_lease_alive(queue: Queue) -> None:
    """A worker that never had the attempt neither prolongs its lease nor makes it a new one."""
    queue.insert()
    [row] = queue.claim("w1")
    queue.advance(LEASE_SECONDS - 1)
    assert queue.beat("w2", [key(row)]) == {}
    queue.lose_leases()
    assert queue.beat("w2", [key(row)]) == {}
    assert queue.leases() == []
    assert queue.beat("w1", [key(row)]) == {key(row): False}
    queue.advance(LEASE_SECONDS - 1)
    queue.beat("w2", [key(row)])
    queue.advance(2)
    assert [rescued["worker_id"] for rescued in queue.reap()] == ["w1"]


def test_a_renewal_that_comes_late_is_in_time(queue: Queue) -> None:
    """A lease that ran out but was not yet reaped is renewed: the work lives."""
    queue.insert()
    [row] = queue.claim()
    queue.advance(LEASE_SECONDS * 2)
    assert queue.beat("w1", [key(row)]) == {key(row): False}
    assert queue.reap() == []


def test_a_crash_of_the_server_kills_no_work(queue: Queue) -> None:
    """Leases that a crash emptied come back with the heartbeat; the reaper grants them time."""
    queue.insert_many(2)
    rows = queue.claim("w1")
    queue.lose_leases()
    assert queue.beat("w1", [key(rows[0])]) == {key(rows[0]): False}
    assert queue.reap() == []
    assert len(queue.leases()) == 2
    queue.advance(LEASE_SECONDS + 1)
    queue.beat("w1", [key(rows[0])])
    assert [row["id"] for row in queue.reap()] == [rows[1]["id"]]


def test_renewal_waits_for_nobody(queue: Queue, database: str) -> None:
    """Rows that other transactions hold cost the heartbeat no time and no authority."""
    queue.insert_many(2)
    rows = [key(row) for row in queue.claim("w1")]
    queue.rows("SET statement_timeout = '5s'")
    with another(database) as other:
        other.rows("BEGIN")
        other.rows("SELECT FROM ai_leases FOR UPDATE")
        other.rows("SELECT FROM ai_requests FOR UPDATE")
        assert queue.beat("w1", rows) == dict.fromkeys(rows, False)
        other.rows("ROLLBACK")


def test_renewal_survives_a_locked_table(queue: Queue, database: str) -> None:
    """While somebody locks ai_requests whole, the leases are renewed all the same."""
    queue.insert()
    [row] = queue.claim()
    queue.advance(LEASE_SECONDS - 1)
    with another(database) as admin:
        admin.rows("BEGIN")
        admin.rows("LOCK TABLE ai_requests")
        assert queue.beat("w1", [key(row)]) == {key(row): False}
        assert queue.beat("w2", [key(row)]) == {}
        admin.rows("ROLLBACK")
    queue.advance(2)
    assert queue.reap() == []


def test_the_dead_are_rescued(queue: Queue) -> None:
    """A request whose worker fell silent runs again, and counts what it lost."""
    queue.insert()
    [row] = queue.claim("w1")
    queue.advance(LEASE_SECONDS + 1)

    [rescued] = queue.reap()

    assert (rescued["id"], rescued["worker_id"], rescued["status"]) == (row["id"], "w1", "pending")
    request = queue.request(row["id"])
    assert (request["lost_count"], request["attempt"], request["error"]["code"]) == (1, 1, "lost")
    assert queue.attempt(row)["outcome"] == "lost"
    assert queue.leases() == []
    assert queue.beat("w1", [key(row)]) == {}
    assert queue.claim("w2")[0]["fence"] == 2


def test_a_killer_is_stopped(queue: Queue) -> None:
    """A request that loses worker after worker fails as lost, even if attempts are given back."""
    request_id = queue.insert()
    for lost in range(1, 6):
        queue.rows("UPDATE ai_requests SET attempt = 0")
        queue.claim()
        queue.advance(LEASE_SECONDS + 1)
        [rescued] = queue.reap()
        assert rescued["status"] == ("failed" if lost == 5 else "pending")
    assert queue.request(request_id)["error"]["code"] == "lost"


@pytest.mark.parametrize("place", [0, 2, 4])
def test_a_killers_neighbours_outlive_it(place: int, queue: Queue) -> None:
    """Requests that lost their worker together twice run apart: one that kills its worker each
    time takes no other with it for good."""
    ids = [queue.insert() for _ in range(5)]
    at_once = []
    while {queue.status(request_id) for request_id in ids} & {"pending", "running"}:
        rows = queue.claim()
        at_once.append(len(rows))
        if ids[place] in {row["id"] for row in rows}:
            queue.advance(LEASE_SECONDS + 1)
            queue.reap()
        else:
            for row in rows:
                assert queue.finish("w1", row) == "accepted"
            queue.advance(1)
    assert at_once[:3] == [5, 5, 1]
    assert queue.request(ids.pop(place))["error"]["code"] == "lost"
    assert {queue.status(request_id) for request_id in ids} == {"completed"}


def test_attempts_count_when_lost(queue: Queue) -> None:
    """A request whose last attempt is lost fails."""
    queue.insert()
    for status in ("pending", "pending", "failed"):
        queue.claim()
        queue.advance(LEASE_SECONDS + 1)
        assert queue.reap()[0]["status"] == status


def test_on_lost_fail(queue: Queue) -> None:
    """An agent whose work must not run twice fails when its worker is lost."""
    queue.control("work", on_lost="fail")
    queue.insert()
    queue.claim()
    queue.advance(LEASE_SECONDS + 1)
    assert queue.reap()[0]["status"] == "failed"


def test_a_lost_request_obeys_its_cancel(queue: Queue) -> None:
    """A lost request that was to stop is cancelled rather than run again."""
    request_id = queue.insert()
    queue.claim()
    queue.run("request_cancel", request_id=request_id)
    queue.advance(LEASE_SECONDS + 1)
    assert queue.reap()[0]["status"] == "cancelled"
    assert queue.request(request_id)["error"] is None


def test_a_clock_that_jumps_forward(queue: Queue) -> None:
    """Told that the clock jumped, the reaper starts every lease anew and rescues nobody."""
    queue.insert_many(3)
    queue.claim()
    queue.advance(3600)
    assert queue.reap(extend=True) == []
    assert queue.reap() == []
    queue.advance(LEASE_SECONDS + 1)
    assert len(queue.reap()) == 3


def test_a_clock_that_jumps_back(queue: Queue) -> None:
    """A lease from before the clock was set back is clamped to one lease time."""
    queue.insert()
    queue.advance(3600)
    queue.claim()
    queue.advance(-3600)
    assert queue.reap() == []
    queue.advance(LEASE_SECONDS + 1)
    assert len(queue.reap()) == 1


def test_a_lease_of_nobody_goes(queue: Queue) -> None:
    """A lease without a running request does not hold a slot for ever."""
    queue.rows("INSERT INTO ai_leases VALUES (1, 1, 'work', '', 'w1', now())")
    queue.advance(1)
    queue.reap()
    assert queue.leases() == []


def test_one_reaper_at_a_time(queue: Queue, database: str) -> None:
    """Daemons that reap at the same time do not queue for it."""
    queue.insert()
    queue.claim()
    queue.advance(LEASE_SECONDS + 1)
    with another(database) as other:
        other.now = queue.now
        other.rows("BEGIN")
        assert len(other.reap()) == 1
        assert queue.reap() == []
        other.rows("COMMIT")


def test_a_held_request_is_rescued_later(queue: Queue, database: str) -> None:
    """The reaper does not wait for a row that the main app holds."""
    request_id = queue.insert()
    queue.claim()
    queue.advance(LEASE_SECONDS + 1)
    queue.rows("SET statement_timeout = '5s'")
    with another(database) as app:
        app.rows("BEGIN")
        app.run("request_cancel", request_id=request_id)
        assert queue.reap() == []
        app.rows("COMMIT")
    assert queue.reap()[0]["status"] == "cancelled"


def test_renewal_is_one_transaction_on_any_connection(queue: Queue, database: str) -> None:
    """The heartbeat's renewal is durable also on a connection that is not in autocommit."""
    from daemon.statements import load
    from daemon.store import lease_renew

    queue.insert()
    [row] = queue.claim("w1")
    before = queue.leases()[0]["expires_at"]
    with psycopg.connect(database) as heart:
        assert lease_renew(heart, load(), "w1", [key(row)], 60.0) == {key(row): False}
        assert heart.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert queue.leases()[0]["expires_at"] > before


@pytest.mark.parametrize("sleepers", [1, 8, 9])
def test_doorbell_slots(database: str, sleepers: int) -> None:
    """Eight daemons may sleep behind the doorbell; a ninth learns that it has to poll."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        slots = [
            stack.enter_context(another(database)).run("doorbell_try")[0]["slot"]
            for _ in range(sleepers)
        ]
        assert slots == [0, 1, 2, 3, 4, 5, 6, 7, None][:sleepers]
        free = stack.enter_context(another(database)).run("doorbell_free")[0]["slot"]
        assert free == (None if sleepers >= 8 else sleepers)
