"""The end of an attempt: what is written, what is not, and who is told."""

import json
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.sql.driver import LEASE_SECONDS, Queue, another


def lose(queue: Queue) -> None:
    """Let every lease run out and the reaper find it."""
    queue.advance(LEASE_SECONDS + 1)
    queue.reap()


def call(queue: Queue, row: dict[str, Any], cost_usd: str | None, worker: str = "w1") -> None:
    """One paid model call of an attempt; cost None: a model without a price."""
    state = "unpriced" if cost_usd is None else "exact"
    queue.rows(
        "INSERT INTO ai_llm_calls (request_id, call_hash, n, try, token, fence, worker_id,"
        " task_type, model, status, input_tokens, output_tokens, cost_usd, cost_state,"
        " finished_at) SELECT %s, sha256(random()::text::bytea), 1, 1, gen_random_uuid(), %s, %s,"
        " 'work', 'm', 'done', 100, 20, %s, %s, now()",
        row["id"],
        row["fence"],
        worker,
        cost_usd,
        state,
    )


def test_a_result_is_one_transaction(queue: Queue, database: str) -> None:
    """Result, status and the notification of the main app appear together, the lease is gone."""
    request_id = queue.insert()
    with another(database) as app:
        app.rows("LISTEN ai_results")
        [row] = queue.claim()
        verdict = queue.finish("w1", row, result={"answer": 42}, mode="full", agent_version=3)
        note = next(app.connection.notifies(timeout=10, stop_after=1))

    assert verdict == "accepted"
    assert json.loads(note.payload) == {"id": request_id, "status": "completed"}
    assert note.payload == f'{{"id": {request_id}, "status": "completed"}}'
    result = queue.rows("SELECT * FROM ai_results")[0]
    assert (result["request_id"], result["mode"]) == (request_id, "full")
    assert result["result"] == {"answer": 42}
    request = queue.request(request_id)
    assert (request["status"], request["mode"], request["agent_version"]) == (
        "completed",
        "full",
        3,
    )
    assert (request["attempt"], request["cost_usd"]) == (1, 0)
    assert queue.attempt(row)["outcome"] == "completed"
    assert queue.leases() == []


@pytest.mark.parametrize("outcome", ["completed", "retry", "snoozed", "released", "refused"])
def test_sent_twice(queue: Queue, outcome: str) -> None:
    """After an unknown commit the same end may be sent again, and changes nothing."""
    queue.insert()
    [row] = queue.claim()
    end = {"delay_seconds": 60}
    assert queue.finish("w1", row, outcome, **end) == "accepted"
    before = queue.request(row["id"])
    assert queue.finish("w1", row, outcome, **end) == "repeated"
    assert queue.request(row["id"]) == before


def test_a_zombie_cannot_overwrite(queue: Queue) -> None:
    """A worker that lost its lease cannot overwrite the next one's result; what it did is kept."""
    request_id = queue.insert()
    [old] = queue.claim("w1")
    call(queue, old, "0.25")
    lose(queue)
    [new] = queue.claim("w2")

    assert queue.finish("w1", old, result="late") == "superseded"
    assert queue.finish("w2", new, result="right") == "accepted"
    assert queue.finish("w1", old, result="later") == "superseded"

    assert queue.value("SELECT result FROM ai_results") == "right"
    kept = queue.attempt(old)
    assert (kept["outcome"], kept["output"]) == ("superseded", "late")
    assert (kept["cost_usd"], kept["input_tokens"]) == (Decimal("0.25"), 100)
    assert queue.request(request_id)["cost_usd"] == Decimal("0.25")


def test_a_stranger_is_told(queue: Queue) -> None:
    """A worker that never had the attempt, as after a failover that lost the claim, is foreign."""
    queue.insert()
    [row] = queue.claim("w2")
    assert queue.finish("w1", row) == "foreign"
    assert queue.finish("w2", (row["id"], 7)) == "foreign"
    assert queue.finish("w2", (999_999, 1)) == "foreign"
    assert queue.status(row["id"]) == "running"


def test_a_late_result_counts(queue: Queue) -> None:
    """A result of a lost attempt that nobody superseded was paid for, and is accepted."""
    queue.insert()
    [row] = queue.claim("w1")
    lose(queue)
    assert queue.status(row["id"]) == "pending"
    assert queue.finish("w1", row) == "accepted"
    assert queue.status(row["id"]) == "completed"
    assert queue.attempt(row)["outcome"] == "completed"
    assert queue.claim("w2") == []


def test_an_older_late_result_does_not_count(queue: Queue) -> None:
    """Of two lost attempts only the last one's result may still come."""
    queue.insert()
    [first] = queue.claim("w1")
    lose(queue)
    [second] = queue.claim("w2")
    lose(queue)
    assert queue.finish("w1", first) == "superseded"
    assert queue.finish("w2", second) == "accepted"


@pytest.mark.parametrize("outcome", ["retry", "failed", "released"])
def test_only_a_late_result_counts(queue: Queue, outcome: str) -> None:
    """A late failure changes nothing: the request is already on its way again."""
    queue.insert()
    [row] = queue.claim("w1")
    lose(queue)
    assert queue.finish("w1", row, outcome) == "superseded"
    assert queue.status(row["id"]) == "pending"


def test_a_late_result_does_not_undo_a_cancel(queue: Queue) -> None:
    """Once a cancel was asked for, a lost attempt's result no longer counts."""
    queue.insert()
    [row] = queue.claim("w1")
    lose(queue)
    queue.run("request_cancel", request_id=row["id"])
    assert queue.finish("w1", row) == "superseded"
    queue.sweep()
    assert queue.status(row["id"]) == "cancelled"


@pytest.mark.parametrize(
    ("outcome", "status", "attempt"),
    [
        ("completed", "completed", 1),
        ("retry", "pending", 1),
        ("snoozed", "pending", 0),
        ("released", "pending", 0),
        ("waiting", "waiting", 0),
        ("failed", "failed", 1),
        ("refused", "failed", 0),
        ("cancelled", "cancelled", 1),
    ],
)
def test_outcomes(queue: Queue, outcome: str, status: str, attempt: int) -> None:
    """Each outcome leads to its status; only what really used an attempt counts as one."""
    request_id = queue.insert()
    queue.ask(request_id)
    [row] = queue.claim()
    assert queue.finish("w1", row, outcome, delay_seconds=60) == "accepted"
    request = queue.request(request_id)
    assert (request["status"], request["attempt"], request["fence"]) == (status, attempt, 1)
    assert queue.leases() == []


def test_a_refusal_leaves_no_attempt(queue: Queue) -> None:
    """Bad input found at the claim costs no attempt, not even a row of one."""
    queue.insert()
    [row] = queue.claim()
    queue.finish("w1", row, "refused", error={"code": "invalid_input", "message": "m"})
    assert queue.rows("SELECT * FROM ai_attempts") == []
    assert queue.request(row["id"])["error"]["code"] == "invalid_input"


def test_a_delay_holds(queue: Queue) -> None:
    """A retry runs again after its delay and not before."""
    queue.insert()
    [row] = queue.claim()
    queue.advance(0)
    queue.finish("w1", row, "retry", delay_seconds=60)
    queue.advance(59)
    assert queue.claim() == []
    queue.advance(2)
    assert queue.claim()[0]["fence"] == 2


def test_attempts_are_used_up(queue: Queue) -> None:
    """The third failed attempt is the last: the request fails with its own error."""
    request_id = queue.insert()
    for status in ("pending", "pending", "failed"):
        [row] = queue.claim()
        queue.finish("w1", row, "retry", delay_seconds=0)
        assert queue.status(request_id) == status
    assert queue.request(request_id)["error"]["message"] == "retry"


@pytest.mark.parametrize("outcome", ["retry", "snoozed", "released", "waiting", "cancelled"])
def test_a_cancel_ends_what_would_run_again(queue: Queue, outcome: str) -> None:
    """A request that is to stop does not come back, however its attempt ended."""
    request_id = queue.insert()
    queue.ask(request_id)
    [row] = queue.claim()
    queue.run("request_cancel", request_id=request_id)
    assert queue.finish("w1", row, outcome) == "accepted"
    assert queue.status(request_id) == "cancelled"


def test_a_finished_result_wins_over_a_cancel(queue: Queue) -> None:
    """A cancel that comes while the result is already there costs nobody the result."""
    request_id = queue.insert()
    [row] = queue.claim()
    queue.run("request_cancel", request_id=request_id)
    queue.finish("w1", row)
    assert queue.status(request_id) == "completed"


def test_waiting_without_an_open_question(queue: Queue) -> None:
    """An attempt that suspends after its answer came runs again at once."""
    request_id = queue.insert()
    queue.ask(request_id)
    [row] = queue.claim()
    queue.answer(request_id)
    queue.finish("w1", row, "waiting")
    assert queue.status(request_id) == "pending"
    assert [again["fence"] for again in queue.claim()] == [2]


def test_costs_are_summed(queue: Queue) -> None:
    """An attempt costs its own calls, a request all of its attempts' calls."""
    request_id = queue.insert()
    [first] = queue.claim()
    call(queue, first, "0.10")
    queue.finish("w1", first, "retry")
    [second] = queue.claim()
    call(queue, second, "0.02")
    call(queue, second, "0.03")
    queue.finish("w1", second)

    assert queue.attempt(first)["cost_usd"] == Decimal("0.10")
    assert queue.attempt(second)["cost_usd"] == Decimal("0.05")
    assert queue.attempt(second)["output_tokens"] == 40
    assert queue.request(request_id)["cost_usd"] == Decimal("0.15")


def test_an_unknown_price_is_not_zero(queue: Queue) -> None:
    """When all money went to a model without a price, the request's cost is unknown, not 0."""
    request_id = queue.insert()
    [row] = queue.claim()
    call(queue, row, None)
    queue.finish("w1", row)
    assert queue.request(request_id)["cost_usd"] is None


def test_a_batch(queue: Queue) -> None:
    """Many ends go in one call, each with its own verdict, also two of one request."""
    queue.insert_many(3)
    rows = queue.claim("w1")
    lose(queue)
    [again] = queue.claim("w1", slots=1)
    ends = [queue.end(row) for row in rows] + [queue.end(again), queue.end(again)]

    verdicts = queue.complete("w1", *ends)

    expected = {(row["id"], row["fence"]): "accepted" for row in [*rows, again]}
    expected[again["id"], 1] = "superseded"
    assert verdicts == expected


def test_who_sleeps_is_rung(queue: Queue, database: str) -> None:
    """What becomes claimable now wakes a sleeping daemon; what is due later does not."""
    queue.insert_many(2)
    now, later = queue.claim()
    with another(database) as sleeper:
        sleeper.rows("LISTEN ai_requests")
        assert sleeper.run("doorbell_try")[0]["slot"] == 0
        queue.finish("w1", later, "retry", delay_seconds=60)
        assert list(sleeper.connection.notifies(timeout=0.2)) == []
        queue.finish("w1", now, "released")
        assert [n.channel for n in sleeper.connection.notifies(timeout=10, stop_after=1)] == [
            "ai_requests"
        ]


def test_an_unknown_outcome_is_refused(queue: Queue) -> None:
    """A word that is no outcome changes nothing."""
    queue.insert()
    [row] = queue.claim()
    with pytest.raises(psycopg.errors.CheckViolation):
        queue.finish("w1", row, "sideways")
    assert queue.status(row["id"]) == "running"
