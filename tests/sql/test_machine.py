"""Daemons, people and accidents in any order, against a model of what must be true.

The model knows nothing of SQL: it keeps each request as the documentation describes it. After
every step the whole queue is compared with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.sql.driver import LEASE_SECONDS, Queue

WORKERS = ("w1", "w2", "w3")
CONCURRENCY = {"a": 3, "b": 2}
EVERYBODY = 4
PER_KEY = 2
LOST_CAP = 3
LEASE = timedelta(seconds=LEASE_SECONDS)
APART = LEASE / 6
"""Between those that lost a worker together, and not for the first time."""
TERMINAL = {"completed", "failed", "cancelled", "expired"}
GIVEN_BACK = {"snoozed", "released", "waiting", "refused"}
RUNS_AGAIN = {"retry", "snoozed", "released", "waiting"}
OUTCOMES = ("completed", "retry", *sorted(GIVEN_BACK), "failed", "cancelled")
TABLES = (
    "ai_requests, ai_results, ai_attempts, ai_approvals, ai_leases, ai_lease_epoch, ai_control"
)


@dataclass
class Attempt:
    worker: str
    outcome: str | None = None


@dataclass
class Request:
    task_type: str
    key: str
    run_after: datetime
    expires_at: datetime | None
    status: str = "pending"
    attempt: int = 0
    lost: int = 0
    fence: int = 0
    cancel: bool = False
    open_question: bool = False
    answered: bool = False
    attempts: dict[int, Attempt] = field(default_factory=dict)
    result_by: int | None = None


@dataclass
class Lease:
    fence: int
    worker: str
    expires_at: datetime


class QueueMachine(RuleBasedStateMachine):
    queue: Queue

    def __init__(self) -> None:
        super().__init__()
        self.queue.now = None
        self.queue.rows(f"TRUNCATE {TABLES}")
        self.queue.control("*", concurrency=EVERYBODY)
        for task_type, concurrency in CONCURRENCY.items():
            self.queue.control(task_type, concurrency=concurrency, per_key=PER_KEY)
        # Triggers stamp the real clock: everything they make due is due on ours.
        self.queue.advance(86_400)
        self.requests: dict[int, Request] = {}
        self.leases: dict[int, Lease] = {}
        self.epoch = False
        self.undone_to = 0
        self.undone: set[tuple[int, int, str]] = set()
        """Request, fence and worker of claims that a crash undid: he does not know yet."""

    @property
    def now(self) -> datetime:
        assert self.queue.now is not None
        return self.queue.now

    # --- the main app and people ------------------------------------------------------------

    @rule(
        task_type=st.sampled_from(sorted(CONCURRENCY)),
        key=st.sampled_from(["", "x", "y"]),
        count=st.integers(1, 4),
        priority=st.integers(-1, 1),
        delay=st.sampled_from([0, 0, 0, 50]),
        expires=st.sampled_from([None, None, 20]),
    )
    def insert(
        self,
        task_type: str,
        key: str,
        count: int,
        priority: int,
        delay: int,
        expires: int | None,
    ) -> None:
        run_after = self.now + timedelta(seconds=delay)
        expires_at = None if expires is None else self.now + timedelta(seconds=expires)
        for _ in range(count):
            request_id = self.queue.insert(
                task_type,
                fair_key=key,
                priority=priority,
                run_after=run_after,
                expires_at=expires_at,
            )
            self.requests[request_id] = Request(task_type, key, run_after, expires_at)

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        request_id, request = self.pick(data)
        self.queue.run("request_cancel", request_id=request_id)
        request.cancel = request.cancel or request.status not in TERMINAL

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        request_id, request = self.pick(data)
        reopened = request.status in {"failed", "cancelled", "expired"}
        assert self.queue.retry(request_id) == reopened
        if reopened:
            request.status, request.run_after = "pending", self.now
            request.attempt = request.lost = 0
            request.cancel = False
            if request.expires_at is not None and request.expires_at <= self.now:
                request.expires_at = None

    @precondition(lambda self: any(r.open_question for r in self.requests.values()))
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        asked = [i for i, r in self.requests.items() if r.open_question]
        request_id = data.draw(st.sampled_from(asked))
        self.queue.answer(request_id)
        request = self.requests[request_id]
        request.open_question, request.answered = False, True
        if request.status == "waiting":
            request.status = "pending"
            request.run_after = self.now - timedelta(days=1)

    # --- daemons ----------------------------------------------------------------------------

    @rule(
        worker=st.sampled_from(WORKERS),
        slots=st.integers(1, 6),
        types=st.sampled_from([("a",), ("a", "b"), ("a", "b")]),
    )
    def claim(self, worker: str, slots: int, types: tuple[str, ...]) -> None:
        self.adopt()
        room = self.room(slots, types)
        rows = self.queue.claim_all(worker, slots, types=types)
        assert len(rows) == room
        for row in rows:
            request = self.requests[row["id"]]
            assert self.claimable(request) and request.task_type in types
            request.status = "running"
            request.attempt += 1
            request.fence += self.step(row["id"])
            assert (row["fence"], row["attempt"]) == (request.fence, request.attempt)
            assert (row["id"], row["fence"]) not in {(i, fence) for i, fence, _ in self.undone}
            request.attempts[request.fence] = Attempt(worker)
            self.leases[row["id"]] = Lease(request.fence, worker, self.now + LEASE)

    @precondition(lambda self: any(r.status == "running" for r in self.requests.values()))
    @rule(data=st.data())
    def ask(self, data: st.DataObject) -> None:
        running = [i for i, r in self.requests.items() if r.status == "running" and not r.answered]
        if running:
            request_id = data.draw(st.sampled_from(running))
            if not self.requests[request_id].open_question:
                self.queue.ask(request_id)
                self.requests[request_id].open_question = True

    @rule(worker=st.sampled_from(WORKERS))
    def beat(self, worker: str) -> None:
        keys = [
            (request_id, fence)
            for request_id, request in self.requests.items()
            for fence, attempt in request.attempts.items()
            if attempt.worker == worker
        ]
        keys += [(i, fence) for i, fence, name in self.undone if name == worker]
        expected = {
            (i, f): self.requests[i].cancel
            for i, f in keys
            if self.requests[i].status == "running" and self.requests[i].fence == f
        }
        assert self.queue.beat(worker, keys) == expected
        for request_id, fence in expected:
            self.leases[request_id] = Lease(fence, worker, self.now + LEASE)

    @precondition(lambda self: any(r.attempts for r in self.requests.values()))
    @rule(
        data=st.data(),
        outcome=st.sampled_from(["completed", *OUTCOMES]),
        delay=st.sampled_from([0, 20]),
    )
    def complete(self, data: st.DataObject, outcome: str, delay: int) -> None:
        """The newest attempts of one worker end."""
        self.end(data, outcome, delay, newest=True)

    @precondition(lambda self: any(len(r.attempts) > 1 for r in self.requests.values()))
    @rule(data=st.data(), outcome=st.sampled_from(["completed", *OUTCOMES]))
    def complete_late(self, data: st.DataObject, outcome: str) -> None:
        """A zombie wakes up, or a batch is sent again long after."""
        self.end(data, outcome, 0, newest=False)

    @precondition(lambda self: any(r.attempts for r in self.requests.values()))
    @rule(data=st.data(), worker=st.sampled_from(WORKERS))
    def complete_foreign(self, data: st.DataObject, worker: str) -> None:
        """A worker ends what may never have been its own."""
        key = data.draw(st.sampled_from(self.attempts()))
        verdict = self.queue.finish(worker, key)
        assert verdict == self.ended(worker, key, "completed", 0)

    def end(self, data: st.DataObject, outcome: str, delay: int, *, newest: bool) -> None:
        request_id, fence = data.draw(st.sampled_from(self.attempts(newest)))
        name = self.requests[request_id].attempts[fence].worker
        mine = [
            (i, fence)
            for i, fence in self.attempts(newest)
            if self.requests[i].attempts[fence].worker == name
        ]
        chosen = data.draw(st.lists(st.sampled_from(mine), min_size=1, max_size=3, unique=True))
        ends = [self.queue.end(key, outcome, delay_seconds=delay) for key in chosen]
        verdicts = self.queue.complete(name, *ends)
        assert verdicts == {key: self.ended(name, key, outcome, delay) for key in chosen}
        # An unknown commit: the same again changes nothing.
        again = self.queue.complete(name, *ends)
        assert "accepted" not in again.values()

    @rule(extend=st.booleans())
    def reap(self, extend: bool) -> None:
        self.reap_now(extend=extend)

    def reap_now(self, *, extend: bool) -> None:
        rows = self.queue.reap(extend=extend, max_lost=LOST_CAP)
        for lease in self.leases.values():
            if extend or lease.expires_at > self.now + 2 * LEASE:
                lease.expires_at = self.now + LEASE
        self.grant()
        dead = [] if extend else [i for i, x in self.leases.items() if x.expires_at < self.now]
        assert sorted(row["id"] for row in rows) == sorted(dead)
        again = 0
        for request_id in sorted(dead):
            del self.leases[request_id]
            request = self.requests[request_id]
            request.lost += 1
            request.attempts[request.fence].outcome = "lost"
            if request.cancel:
                request.status = "cancelled"
            elif request.lost >= LOST_CAP or request.attempt >= 3:
                request.status = "failed"
            else:
                request.status = "pending"
                if request.lost > 1:
                    request.run_after = self.now + APART * again
                    again += 1

    @rule()
    def sweep(self) -> None:
        self.queue.sweep()
        for request in self.requests.values():
            if request.status in {"pending", "waiting"} and request.cancel:
                request.status = "cancelled"
            elif (
                request.status == "pending"
                and request.expires_at is not None
                and request.expires_at <= self.now
            ):
                request.status = "expired"

    # --- accidents --------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([10, 21, 31, -100]))
    def clock(self, seconds: int) -> None:
        self.queue.advance(seconds)

    @precondition(lambda self: self.leases)
    @rule()
    def silence(self) -> None:
        """Nobody renews for a lease time, and the reaper passes."""
        self.queue.advance(LEASE_SECONDS + 1)
        self.reap_now(extend=False)

    @rule()
    def crash(self) -> None:
        self.queue.lose_leases()
        self.leases.clear()
        self.epoch = False

    @rule(
        worker=st.sampled_from(WORKERS),
        slots=st.integers(1, 6),
        types=st.sampled_from([("a",), ("a", "b")]),
    )
    def crash_after_claim(self, worker: str, slots: int, types: tuple[str, ...]) -> None:
        """The claim was on its way to the disk; what waits for it there is not undone."""
        if self.can_be_undone(types, slots):
            for row in self.queue.claim_all(worker, slots, types=types):
                self.undone.add((row["id"], row["fence"], worker))
                self.queue.undo(row, self.requests[row["id"]].fence)
        self.crash()

    @precondition(lambda self: self.undone)
    @rule(data=st.data(), outcome=st.sampled_from(OUTCOMES))
    def complete_undone(self, data: st.DataObject, outcome: str) -> None:
        """Whoever ran it is a stranger to it, even where he is the one who runs it again."""
        request_id, fence, worker = data.draw(st.sampled_from(sorted(self.undone)))
        assert self.queue.finish(worker, (request_id, fence), outcome) == "foreign"

    # --- what must be true ------------------------------------------------------------------

    @invariant()
    def same_as_the_model(self) -> None:
        """Statuses, fences, attempts, the one accepted result, and leases of running requests."""
        rows = self.queue.rows(
            "SELECT r.*, l.fence AS leased, l.worker_id, l.expires_at AS lease_ends,"
            " (SELECT count(*) FROM ai_attempts a WHERE a.request_id = r.id) AS tries,"
            " (SELECT s.result -> 'by' FROM ai_results s WHERE s.request_id = r.id) AS result_by"
            " FROM ai_requests r FULL JOIN ai_leases l ON l.request_id = r.id"
        )
        columns = ("status", "attempt", "lost_count", "fence", "tries", "result_by")
        assert {r["id"]: tuple(r[c] for c in columns) for r in rows} == {
            i: (r.status, r.attempt, r.lost, r.fence, len(r.attempts), r.result_by)
            for i, r in self.requests.items()
        }
        leases = {
            r["id"]: Lease(r["leased"], r["worker_id"], r["lease_ends"])
            for r in rows
            if r["leased"] is not None
        }
        assert leases == self.leases
        assert all(self.requests[i].status == "running" for i in leases)

    @invariant()
    def within_limits(self) -> None:
        running = [r for r in self.requests.values() if r.status == "running"]
        assert len(running) <= EVERYBODY
        for task_type, most in CONCURRENCY.items():
            assert sum(r.task_type == task_type for r in running) <= most
            for key in ("x", "y"):
                assert sum((r.task_type, r.key) == (task_type, key) for r in running) <= PER_KEY

    # --- the model's own rules --------------------------------------------------------------

    def attempts(self, newest: bool = False) -> list[tuple[int, int]]:
        """Every attempt; newest: the last one of each request that has not ended."""
        if newest:
            alive = {i: r for i, r in self.requests.items() if r.status not in TERMINAL}
            found = [(i, max(r.attempts)) for i, r in alive.items() if r.attempts]
            if found:
                return found
        return [(i, fence) for i, r in self.requests.items() for fence in r.attempts]

    def pick(self, data: st.DataObject) -> tuple[int, Request]:
        request_id = data.draw(st.sampled_from(sorted(self.requests)))
        return request_id, self.requests[request_id]

    def grant(self) -> None:
        """Every running request without a lease gets one, for its worker."""
        for request_id, r in self.requests.items():
            if r.status == "running" and request_id not in self.leases:
                worker = r.attempts[r.fence].worker
                self.leases[request_id] = Lease(r.fence, worker, self.now + LEASE)

    def adopt(self) -> None:
        if not self.epoch:
            self.grant()
            self.epoch = True
            self.undone_to = max(self.requests, default=0)

    def step(self, request_id: int) -> int:
        """How much a claim raises the fence."""
        return 2 if request_id <= self.undone_to else 1

    def can_be_undone(self, types: tuple[str, ...], slots: int) -> bool:
        """Whether a claim would take nothing but requests whose claim waits for no disk."""
        self.adopt()
        due = [i for i, r in self.requests.items() if self.claimable(r) and r.task_type in types]
        return all(request_id > self.undone_to for request_id in due)

    def claimable(self, r: Request) -> bool:
        alive = r.expires_at is None or r.expires_at > self.now
        return r.status == "pending" and r.run_after <= self.now and not r.cancel and alive

    def room(self, slots: int, types: tuple[str, ...]) -> int:
        """How many requests a claim must find, by the limits."""
        found = 0
        for task_type in types:
            mine = [r for r in self.requests.values() if r.task_type == task_type]
            running = sum(r.status == "running" for r in mine)
            startable = 0
            for key in ("", "x", "y"):
                due = sum(self.claimable(r) for r in mine if r.key == key)
                busy = sum(r.status == "running" for r in mine if r.key == key)
                startable += due if key == "" else min(due, PER_KEY - busy)
            found += min(startable, CONCURRENCY[task_type] - running)
        everybody = sum(r.status == "running" for r in self.requests.values())
        return max(0, min(slots, found, EVERYBODY - everybody))

    def ended(self, worker: str, key: tuple[int, int], outcome: str, delay: int) -> str:
        """The verdict on one end, and what it does to the request."""
        request_id, fence = key
        request = self.requests[request_id]
        attempt = request.attempts.get(fence)
        if attempt is None or attempt.worker != worker:
            refused = outcome == "refused" and request.status == "failed"
            return "repeated" if refused and fence == request.fence else "foreign"
        current = fence == request.fence
        running = current and request.status == "running" and attempt.outcome is None
        late = (
            current
            and request.status == "pending"
            and attempt.outcome == "lost"
            and outcome == "completed"
            and not request.cancel
        )
        if not (running or late):
            had = attempt.outcome
            if had in (None, "lost"):
                attempt.outcome = "superseded"
            return "repeated" if had == outcome else "superseded"
        self.leases.pop(request_id, None)
        attempt.outcome = outcome
        if outcome == "refused":
            del request.attempts[fence]
        if outcome in GIVEN_BACK:
            request.attempt -= 1
        request.status = self.next_status(request, outcome)
        if request.status == "pending":
            request.run_after = self.now + timedelta(seconds=delay)
        if request.status == "completed":
            request.result_by = fence
        return "accepted"

    def next_status(self, request: Request, outcome: str) -> str:
        if outcome in RUNS_AGAIN:
            if request.cancel:
                return "cancelled"
            if outcome == "retry" and request.attempt >= 3:
                return "failed"
            return "waiting" if outcome == "waiting" and request.open_question else "pending"
        return {"refused": "failed"}.get(outcome, outcome)


@pytest.mark.timeout(300)
def test_any_order_of_events(queue: Queue) -> None:
    """Whatever daemons, people and crashes do in whatever order: one result, exact limits."""
    machine: Any = type("Machine", (QueueMachine,), {"queue": queue})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
