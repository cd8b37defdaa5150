"""The journal with requests that run, for tests of its statements alone."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from psycopg_pool import AsyncConnectionPool

from daemon import statements
from daemon.llm.journal import Entry, Journal, Limit, Settlement
from daemon.llm.pricing import Cost
from daemon.llm.wire import digest
from daemon.model import Authority

CENT = Decimal("0.01")


class Ledger:
    """A journal and requests that run, on one database."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self.pool = pool
        self.journal = Journal(pool, statements.load())

    async def request(self, worker: str = "w1", **columns: Any) -> Authority:
        names = "".join(f", {name}" for name in columns)
        values = ", %s" * len(columns)
        row = await self.one(
            f"INSERT INTO ai_requests (task_type{names}) VALUES ('x'{values}) RETURNING id",
            *columns.values(),
        )
        return await self.claim(Authority(row[0], 0, worker), worker)

    async def claim(self, before: Authority, worker: str) -> Authority:
        """The next attempt of a request: the lease of the one before ran out."""
        await self.run(
            "UPDATE ai_requests SET status = 'pending' WHERE id = %s AND status = 'running'",
            before.request_id,
        )
        row = await self.one(
            "WITH q AS (UPDATE ai_requests SET status = 'running', fence = fence + 1,"
            " started_at = now() WHERE id = %s RETURNING id, fence)"
            " INSERT INTO ai_attempts (request_id, fence, attempt, worker_id, started_at)"
            " SELECT id, fence, 1, %s, now() FROM q RETURNING fence",
            before.request_id,
            worker,
        )
        return Authority(before.request_id, row[0], worker)

    async def one(self, query: str, *values: Any) -> Sequence[Any]:
        rows = await self.all(query, *values)
        return rows[0]

    async def all(self, query: str, *values: Any) -> list[Sequence[Any]]:
        async with self.pool.connection() as connection:
            cursor = await connection.execute(query, values)
            return list(await cursor.fetchall())

    async def run(self, query: str, *values: Any) -> None:
        async with self.pool.connection() as connection:
            await connection.execute(query, values or None)

    async def statuses(self, request_id: int) -> list[tuple[str, str]]:
        rows = await self.all(
            "SELECT status, cost_state FROM ai_llm_calls WHERE request_id = %s ORDER BY id",
            request_id,
        )
        return [tuple(row) for row in rows]

    async def money(self, scope: str = "global") -> tuple[Any, Any, Any]:
        """spent, reserved, uncertain of the scope's day."""
        row = await self.one(
            "SELECT spent_usd, reserved_usd, uncertain_usd FROM ai_budgets"
            " WHERE scope = %s AND length(period) IN (7, 10) ORDER BY length(period) DESC LIMIT 1",
            scope,
        )
        return row[0], row[1], row[2]

    async def differences(self) -> list[Any]:
        return await self.all(
            "SELECT * FROM ai_budget_check WHERE spent_difference_usd <> 0"
            " OR reserved_difference_usd <> 0 OR uncertain_difference_usd <> 0"
        )


def entry(authority: Authority, what: str = "a", **changes: Any) -> Entry:
    made = Entry(
        authority=authority,
        hashes=[digest(what)],
        question=digest(f"the question of {what}"),
        n=1,
        token=uuid.uuid4(),
        task_type="x",
        name="words",
        model="m",
        prompt={"messages": []},
        prompt_bytes=2,
        tokens=100,
        usd=CENT,
        limits=[Limit("agent:x", "day"), Limit("global", "day"), Limit("global", "month")],
    )
    return replace(made, **changes)


def answered(usd: Decimal = CENT, text: str = "yes") -> Settlement:
    return Settlement(
        "done", Cost("exact", usd, usd), response={"text": text}, returned_model="m-2026"
    )
