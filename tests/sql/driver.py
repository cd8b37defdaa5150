"""Plays daemons against the queue, statement by statement, at any hour of the database's clock."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

from daemon.statements import load

STATEMENTS = load()
LEASE_SECONDS = 30.0
Key = tuple[int, int]


class Queue:
    """The queue's statements on one autocommit connection.

    ``now`` is None for the database's own clock; :meth:`advance` fixes and moves it.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.now: datetime | None = None

    def run(self, name: str, /, **values: Any) -> list[DictRow]:
        """All rows of ``sql/<name>.sql``."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(STATEMENTS[name], values)
            return cursor.fetchall() if cursor.description else []

    def rows(self, sql: str, *values: Any) -> list[DictRow]:
        """All rows of a statement of the test's own."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(sql.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def value(self, sql: str, *values: Any) -> Any:
        """The first column of the first row."""
        return next(iter(self.rows(sql, *values)[0].values()))

    def advance(self, seconds: float) -> None:
        """Move the clock that all later calls are given."""
        now = self.now or self.value("SELECT clock_timestamp()")
        self.now = now + timedelta(seconds=seconds)

    def control(self, task_type: str, **columns: Any) -> None:
        """Set the limits of a type."""
        self.rows(
            "INSERT INTO ai_control (task_type) VALUES (%s) ON CONFLICT DO NOTHING", task_type
        )
        for column, value in columns.items():
            self.rows(
                f"UPDATE ai_control SET {column} = %s WHERE task_type = %s", value, task_type
            )

    def insert(self, task_type: str = "work", **columns: Any) -> int:
        """One request of the main app; returns its id."""
        columns = {"task_type": task_type, **columns}
        names = ", ".join(columns)
        marks = ", ".join(["%s"] * len(columns))
        sql = f"INSERT INTO ai_requests ({names}) VALUES ({marks}) RETURNING id"
        return int(self.value(sql, *columns.values()))

    def insert_many(self, count: int, task_type: str = "work", **columns: Any) -> None:
        """``count`` equal requests."""
        columns = {"task_type": task_type, **columns}
        names = ", ".join(columns)
        marks = ", ".join(["%s"] * len(columns))
        self.rows(
            f"INSERT INTO ai_requests ({names}) SELECT {marks} FROM generate_series(1, {count})",
            *columns.values(),
        )

    def claim(
        self,
        worker: str = "w1",
        slots: int = 10,
        types: Sequence[str] = ("work",),
        lease_seconds: float = LEASE_SECONDS,
        past: Sequence[int] | None = None,
    ) -> list[DictRow]:
        rows = self.run(
            "request_claim",
            worker_id=worker,
            types=list(types),
            slots=slots,
            lease_seconds=lease_seconds,
            past=None if past is None else list(past),
            now=self.now,
        )
        return [row for row in rows if row["id"] is not None]  # one tells only what is left

    def claim_all(self, worker: str = "w1", slots: int = 10, **more: Any) -> list[DictRow]:
        """Claim until nothing comes, as a daemon with ``slots`` free slots does."""
        found: list[DictRow] = []
        while len(found) < slots and (came := self.claim(worker, slots - len(found), **more)):
            found += came
        return found

    def beat(self, worker: str, keys: Sequence[Key]) -> dict[Key, bool]:
        rows = self.run(
            "lease_renew",
            worker_id=worker,
            ids=[request_id for request_id, _ in keys],
            fences=[fence for _, fence in keys],
            lease_seconds=LEASE_SECONDS,
            now=self.now,
        )
        return {(row["id"], row["fence"]): row["cancel"] for row in rows}

    def complete(self, worker: str, *ends: dict[str, Any]) -> dict[Key, str]:
        rows = self.run(
            "attempt_complete", worker_id=worker, outcomes=json.dumps(ends), now=self.now
        )
        return {(row["id"], row["fence"]): row["verdict"] for row in rows}

    def end(self, row: DictRow | Key, outcome: str = "completed", **more: Any) -> dict[str, Any]:
        """What :meth:`complete` takes, for a claimed row."""
        request_id, fence = row if isinstance(row, tuple) else (row["id"], row["fence"])
        extra: dict[str, Any] = {"result": {"by": fence}, "mode": "deterministic"}
        if outcome != "completed":
            extra = {"error": {"code": "agent_error", "message": outcome}}
        return {"id": request_id, "fence": fence, "outcome": outcome, **extra, **more}

    def finish(
        self, worker: str, row: DictRow | Key, outcome: str = "completed", **more: Any
    ) -> str:
        """End one attempt; returns the verdict."""
        end = self.end(row, outcome, **more)
        return self.complete(worker, end)[end["id"], end["fence"]]

    def reap(self, *, extend: bool = False, max_lost: int = 5, limit: int = 100) -> list[DictRow]:
        return self.run(
            "lease_reap",
            lease_seconds=LEASE_SECONDS,
            max_lost=max_lost,
            limit=limit,
            extend=extend,
            now=self.now,
        )

    def sweep(self, limit: int = 200, past: Sequence[int] = ()) -> list[DictRow]:
        rows = self.run("request_sweep", limit=limit, past=list(past), now=self.now)
        return [row for row in rows if row["id"] is not None]

    def retry(self, request_id: int, actor: str = "user:3") -> bool:
        [row] = self.run(
            "request_retry", request_id=request_id, actor=actor, channel="api", now=self.now
        )
        return bool(row["reopened"])

    def request(self, request_id: int) -> DictRow:
        return self.rows("SELECT * FROM ai_requests WHERE id = %s", request_id)[0]

    def status(self, request_id: int) -> str:
        return str(self.request(request_id)["status"])

    def attempt(self, row: DictRow | Key) -> DictRow:
        request_id, fence = row if isinstance(row, tuple) else (row["id"], row["fence"])
        sql = "SELECT * FROM ai_attempts WHERE request_id = %s AND fence = %s"
        return self.rows(sql, request_id, fence)[0]

    def leases(self) -> list[DictRow]:
        return self.rows("SELECT * FROM ai_leases ORDER BY request_id")

    def lose_leases(self) -> None:
        """What a crash of the server does to the unlogged tables."""
        self.rows("TRUNCATE ai_leases, ai_lease_epoch")

    def undo(self, row: DictRow, fence: int) -> None:
        """What a crash does to a claim that was on its way to the disk.

        fence: what it was before.
        """
        self.rows(
            "DELETE FROM ai_attempts WHERE request_id = %s AND fence = %s", row["id"], row["fence"]
        )
        self.rows(
            "UPDATE ai_requests SET status = 'pending', attempt = attempt - 1, fence = %s"
            " WHERE id = %s",
            fence,
            row["id"],
        )

    def ask(self, request_id: int, key: str = "ok", expires_at: datetime | None = None) -> None:
        self.rows(
            "INSERT INTO ai_approvals (request_id, key, question, expires_at)"
            " VALUES (%s, %s, '{}', %s)",
            request_id,
            key,
            expires_at,
        )

    def answer(self, request_id: int, key: str = "ok") -> bool:
        """Approve, as user:1; False if no such question was open."""
        rows = self.run(
            "approval_answer",
            request_id=request_id,
            key=key,
            answer='{"decision": "approve"}',
            decided_by="user:1",
            channel="sql",
        )
        return bool(rows and rows[0]["answered"])


@contextmanager
def another(dsn: str) -> Iterator[Queue]:
    """A second daemon, on a connection of its own."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield Queue(connection)
