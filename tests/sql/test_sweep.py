"""Requests that end, or go on, without an attempt: cancels, expiry, answers, retry, intake."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from itertools import product

import psycopg
import pytest

from daemon.model import TRANSITIONS, Status
from tests.sql.driver import LEASE_SECONDS, Queue, another

RACES = 600


def waiting(queue: Queue, key: str = "ok") -> int:
    """A request that waits for a person."""
    request_id = queue.insert()
    queue.ask(request_id, key)
    [row] = queue.claim()
    queue.finish("w1", row, "waiting")
    assert queue.status(request_id) == "waiting"
    return request_id


def test_a_cancel_of_what_does_not_run(queue: Queue, database: str) -> None:
    """Pending and waiting requests are cancelled by the sweep, and the main app is told."""
    held = waiting(queue)
    pending = queue.insert(run_after="2100-01-01")
    with another(database) as app:
        app.rows("LISTEN ai_results")
        for request_id in (held, pending):
            assert queue.run("request_cancel", request_id=request_id)
        assert sorted(row["id"] for row in queue.sweep()) == sorted([held, pending])
        notes = [json.loads(n.payload) for n in app.connection.notifies(timeout=10, stop_after=2)]
    assert {note["status"] for note in notes} == {"cancelled"}
    assert queue.status(held) == queue.status(pending) == "cancelled"
    assert queue.run("request_cancel", request_id=held) == []


def test_expiry(queue: Queue) -> None:
    """A request whose time is over is not started any more; one that runs may end."""
    fresh = queue.insert()
    tried = queue.insert()
    rows = {row["id"]: row for row in queue.claim()}
    queue.finish("w1", rows[tried], "retry", delay_seconds=0)
    queue.rows("UPDATE ai_requests SET expires_at = now()")
    queue.advance(1)
    assert queue.claim() == []
    assert [(row["id"], row["status"]) for row in queue.sweep()] == [(tried, "expired")]
    assert queue.finish("w1", rows[fresh]) == "accepted"


def test_who_waits_for_a_person_does_not_expire(queue: Queue) -> None:
    """A waiting request has no time limit but its question's; back in the queue it has."""
    request_id = waiting(queue)
    queue.rows("UPDATE ai_requests SET expires_at = now()")
    queue.advance(1)
    assert queue.sweep() == []
    assert queue.status(request_id) == "waiting"
    queue.answer(request_id)
    assert [row["status"] for row in queue.sweep()] == ["expired"]


def test_cancelled_in_time_is_not_expired(queue: Queue) -> None:
    """What was cancelled and is overdue as well ends as somebody wanted it: cancelled."""
    request_id = queue.insert(expires_at="2000-01-01")
    queue.run("request_cancel", request_id=request_id)
    assert [row["status"] for row in queue.sweep()] == ["cancelled"]
    assert queue.sweep() == []


RELUCTANT = """
    CREATE FUNCTION app_keeps() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF new.input_data ? 'keep'
            AND (new.status <> old.status OR new.checked <> old.checked)
        THEN
            RAISE 'Jane Roe is pregnant' USING ERRCODE = '{state}';
        END IF;
        RETURN new;
    END $$;
    CREATE TRIGGER app_keeps {when} UPDATE ON ai_requests
        FOR EACH ROW EXECUTE FUNCTION app_keeps();
"""


@pytest.mark.parametrize("state", ["P0001", "42501", "42P01"])
@pytest.mark.parametrize("when", ["BEFORE", "AFTER"])
def test_what_may_not_end_holds_up_nobody(queue: Queue, when: str, state: str) -> None:
    """Of requests to cancel, to expire, to answer and to look at again, a trigger of the app's
    keeps one each: the others go their way, and the refused are named, without its words."""
    kept: list[int] = []
    others: list[int] = []
    for held, found in (({"keep": 1}, kept), ({}, others), ({}, others)):
        asked = waiting(queue, "q")
        queue.rows("UPDATE ai_approvals SET expires_at = now() WHERE request_id = %s", asked)
        later = {"input_data": json.dumps(held), "run_after": "2100-01-01"}
        found += [
            asked,
            queue.insert(**later),
            queue.insert(expires_at="2000-01-01", **later),
            queue.insert("gone", **later),
        ]
        queue.rows("UPDATE ai_requests SET input_data = %s WHERE id = %s", json.dumps(held), asked)
        queue.rows("UPDATE ai_requests SET cancel_requested_at = now() WHERE id = %s", found[-3])
    queue.rows("UPDATE ai_requests SET checked = true WHERE task_type = 'gone'")
    queue.rows(RELUCTANT.format(when=when, state=state))
    queue.advance(1)
    swept = queue.sweep()
    answered, cancelled, expired, unseen = (others[n::4] for n in range(4))
    ended = {row["id"]: row["status"] for row in swept if row["status"]}
    assert ended == (
        dict.fromkeys(answered, "pending")
        | dict.fromkeys(cancelled, "cancelled")
        | dict.fromkeys(expired, "expired")
    )
    refused = {row["id"]: row["refusal"] for row in swept if row["refusal"]}
    assert refused == dict.fromkeys(kept, f"SQLSTATE {state}, by app_keeps")
    assert [queue.request(one)["checked"] for one in unseen] == [False, False]
    assert queue.sweep(past=kept) == []


def test_an_answer_sends_the_request_on(queue: Queue) -> None:
    """Once the last open question is answered, the request runs again, with a new fence."""
    request_id = waiting(queue)
    queue.ask(request_id, "second")
    queue.answer(request_id)
    assert queue.status(request_id) == "waiting"
    queue.answer(request_id, "second")
    assert queue.status(request_id) == "pending"
    [row] = queue.claim()
    assert (row["fence"], row["attempt"]) == (2, 1)


def test_an_overdue_question_is_answered(queue: Queue) -> None:
    """A question nobody answered in time is answered `timeout`, and the request goes on."""
    request_id = waiting(queue)
    queue.advance(60)
    assert queue.now is not None
    queue.rows("UPDATE ai_approvals SET expires_at = %s", queue.now - timedelta(seconds=1))
    assert [(row["id"], row["status"]) for row in queue.sweep()] == [(request_id, "pending")]
    [approval] = queue.rows("SELECT * FROM ai_approvals WHERE request_id = %s", request_id)
    assert approval["answer"] == {"decision": "timeout"}
    assert approval["decided_by"] == "timeout"


def test_a_question_may_be_overdue_before_its_attempt_suspends(queue: Queue) -> None:
    """A question that times out while its attempt still runs sends the request on all the same."""
    request_id = queue.insert()
    [row] = queue.claim()
    queue.ask(request_id, expires_at=queue.value("SELECT now()"))
    queue.advance(1)
    assert queue.sweep() == []
    assert queue.status(request_id) == "running"
    assert queue.finish("w1", row, "waiting") == "accepted"
    assert queue.status(request_id) == "pending"


def test_answers_race_suspension(queue: Queue, database: str) -> None:
    """An answer that comes while the attempt suspends is never lost."""
    queue.control("work", concurrency=RACES)
    queue.insert_many(RACES)
    rows = queue.claim_all(slots=RACES)
    for row in rows:
        queue.ask(row["id"])
    lanes = 4
    together = threading.Barrier(2 * lanes)

    def suspend(lane: int) -> None:
        with another(database) as worker:
            for row in rows[lane::lanes]:
                together.wait()
                worker.finish("w1", row, "waiting")

    def answer(lane: int) -> None:
        with another(database) as person:
            for row in rows[lane::lanes]:
                together.wait()
                person.answer(row["id"])

    with ThreadPoolExecutor(2 * lanes) as pool:
        jobs = [pool.submit(job, lane) for job in (suspend, answer) for lane in range(lanes)]
        for job in jobs:
            job.result()

    assert queue.rows("SELECT DISTINCT status FROM ai_requests") == [{"status": "pending"}]


@pytest.mark.parametrize("ending", ["failed", "cancelled", "expired"])
def test_retry(queue: Queue, ending: str) -> None:
    """Retry reopens what ended badly, clears what would end it again, and keeps the fence."""
    request_id = queue.insert(expires_at="2100-01-01")
    [row] = queue.claim()
    if ending == "failed":
        queue.finish("w1", row, "failed")
    else:
        queue.finish("w1", row, "released")
        column = "cancel_requested_at" if ending == "cancelled" else "expires_at"
        queue.rows(f"UPDATE ai_requests SET {column} = now()")
        queue.sweep()
    assert queue.status(request_id) == ending

    assert queue.retry(request_id, "user:3") is True

    request = queue.request(request_id)
    assert (request["status"], request["attempt"], request["fence"]) == ("pending", 0, 1)
    assert (request["error"], request["cancel_requested_at"], request["finished_at"]) == (
        None,
        None,
        None,
    )
    assert (request["expires_at"] is None) == (ending == "expired")
    audit = queue.rows("SELECT * FROM ai_audit_log")[0]
    assert (audit["actor"], audit["target"]) == ("user:3", f"request:{request_id}")
    assert audit["before"]["status"] == ending
    assert queue.claim()[0]["fence"] == 2


def test_retry_reopens_nothing_else(queue: Queue) -> None:
    """A result is final, and what is on its way needs no retry."""
    request_id = queue.insert()
    assert queue.value("SELECT ai_retry(%s)", request_id) is False
    [row] = queue.claim()
    assert queue.value("SELECT ai_retry(%s)", request_id) is False
    queue.finish("w1", row)
    assert queue.value("SELECT ai_retry(%s)", request_id) is False
    assert queue.rows("SELECT * FROM ai_audit_log") == []


def test_retry_asks_again(queue: Queue) -> None:
    """A retried request asks the question again that had timed out; answers of people stay."""
    request_id = waiting(queue)
    queue.answer(request_id)
    queue.ask(request_id, "late", queue.value("SELECT now()"))
    queue.advance(1)
    queue.sweep()
    [row] = queue.claim()
    queue.finish("w1", row, "failed")
    queue.retry(request_id)
    assert queue.rows("SELECT key FROM ai_approvals") == [{"key": "ok"}]


def test_a_zombie_of_an_earlier_life(queue: Queue) -> None:
    """An attempt from before a retry cannot end the one after it."""
    request_id = queue.insert()
    [old] = queue.claim("w1")
    queue.run("request_cancel", request_id=request_id)
    queue.advance(LEASE_SECONDS + 1)
    queue.reap()
    queue.retry(request_id)
    [new] = queue.claim("w2")
    assert queue.finish("w1", old) == "superseded"
    assert queue.finish("w2", new) == "accepted"


def test_refusal_is_guarded(queue: Queue, database: str) -> None:
    """Intake fails only what no attempt has touched, and tells the main app."""
    bad, running = queue.insert("nonsense"), queue.insert()
    queue.claim()
    error = {"code": "unknown_task_type", "message": "100% wrong", "hint": "", "retryable": False}
    refusals = json.dumps([{"id": i, "error": error} for i in (bad, running, 999_999)])
    with another(database) as app:
        app.rows("LISTEN ai_results")
        assert [row["id"] for row in queue.run("request_refuse", refusals=refusals)] == [bad]
        [note] = app.connection.notifies(timeout=10, stop_after=1)
    assert note.payload == f'{{"id": {bad}, "status": "failed"}}'
    request = queue.request(bad)
    assert (request["status"], request["attempt"], request["error"]) == ("failed", 0, error)
    assert queue.status(running) == "running"


def test_transitions(queue: Queue) -> None:
    """The database knows the same state machine as the code, pair by pair."""
    request_id = queue.insert()
    stamp = (
        "UPDATE ai_requests SET status = %s, started_at = now(), finished_at = CASE WHEN %s IN"
        " ('completed', 'failed', 'cancelled', 'expired') THEN now() END WHERE id = %s"
    )
    allowed: dict[Status, set[Status]] = {}
    for before, after in product(Status, Status):
        queue.rows("ALTER TABLE ai_requests DISABLE TRIGGER ai_transition")
        queue.rows(stamp, before, before, request_id)
        queue.rows("ALTER TABLE ai_requests ENABLE TRIGGER ai_transition")
        with suppress(psycopg.errors.CheckViolation):
            queue.rows(stamp, after, after, request_id)
            allowed.setdefault(before, set()).add(after)
    assert allowed == {status: after | {status} for status, after in TRANSITIONS.items()}


@pytest.mark.parametrize(
    "change",
    [
        "status = 'lost'",
        "status = 'completed'",
        "status = 'completed', mode = 'guessed', started_at = now(), finished_at = now()",
        "finished_at = now()",
        "status = 'running', started_at = NULL",
        "mode = 'guessed'",
    ],
)
def test_contradictions(queue: Queue, change: str) -> None:
    """Nobody's update leaves a request whose status, mode, start and end contradict each other."""
    request_id = queue.insert()
    with pytest.raises(psycopg.errors.CheckViolation):
        queue.rows(f"UPDATE ai_requests SET {change} WHERE id = %s", request_id)
    assert queue.status(request_id) == "pending"


def test_an_end_stays_an_end(queue: Queue) -> None:
    """Nobody's update takes the moment of its end from a request, or makes up how it ended."""
    request_id = queue.insert()
    queue.finish("w1", queue.claim()[0])
    for change in ("finished_at = NULL", "mode = 'guessed'"):
        with pytest.raises(psycopg.errors.CheckViolation, match="do not fit"):
            queue.rows(f"UPDATE ai_requests SET {change} WHERE id = %s", request_id)
