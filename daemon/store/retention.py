"""Old rows go, a few at a time, so that no table grows for ever.

Each call deletes at most ``limit`` rows and skips what somebody holds. A request goes together
with its result, attempts, steps, events, approvals and budgets of its own; ledger lines stay
longer, since they are the bill; so do typed rows: the next plan goes on from the last one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from daemon.model import Status
from daemon.store.executor import Executor

DAY_SECONDS = 86_400

REQUEST_SECONDS: Mapping[Status, int] = {
    Status.COMPLETED: 90 * DAY_SECONDS,
    Status.FAILED: 90 * DAY_SECONDS,
    Status.CANCELLED: 30 * DAY_SECONDS,
    Status.EXPIRED: 30 * DAY_SECONDS,
}
"""How long a request is kept after its end."""

TABLE_SECONDS: Mapping[str, int] = {
    "request_events": 14 * DAY_SECONDS,
    "llm_calls": 400 * DAY_SECONDS,
    "budgets": 400 * DAY_SECONDS,
    "workers": 7 * DAY_SECONDS,
    "audit_log": 400 * DAY_SECONDS,
    "hours": 400 * DAY_SECONDS,
    "call_hours": 400 * DAY_SECONDS,
    "sessions": 30 * DAY_SECONDS,
    "healing_actions": 400 * DAY_SECONDS,
    "alerts": 400 * DAY_SECONDS,
    "workout_plans": 400 * DAY_SECONDS,
    "progress_reports": 400 * DAY_SECONDS,
    "schedule_suggestions": 400 * DAY_SECONDS,
    "feedback": 400 * DAY_SECONDS,
    "code_suggestions": 400 * DAY_SECONDS,
    "system_health": 30 * DAY_SECONDS,
}
"""How long other rows are kept; each name has a statement ``sql/prune_<name>.sql``."""

BATCH = 500


Place = tuple[datetime, int]
"""Where a request stands among those that ended in the same way: its `finished_at`, its id."""


class RetentionStore(Executor):
    async def prune_requests(
        self,
        status: Status,
        *,
        older_seconds: float | None = None,
        after: Place | None = None,
        limit: int = BATCH,
    ) -> int:
        """Delete requests that ended as ``status`` long ago, the oldest ``after`` a place; returns
        how many."""
        row = await self._row("prune_requests", **_old(status, older_seconds, after), limit=limit)
        return int(row["pruned"]) if row else 0

    async def old_requests(
        self,
        status: Status,
        *,
        older_seconds: float | None = None,
        after: Place | None = None,
        limit: int = BATCH,
    ) -> list[Place]:
        """The places of those that :meth:`prune_requests` would delete, and of those in use."""
        rows = await self._rows("request_old", **_old(status, older_seconds, after), limit=limit)
        return [(row["finished_at"], row["id"]) for row in rows]

    async def prune(
        self, table: str, *, older_seconds: float | None = None, limit: int = BATCH
    ) -> int:
        """Delete old rows of a table named in ``TABLE_SECONDS``; returns how many."""
        row = await self._row(
            f"prune_{table}",
            older_seconds=TABLE_SECONDS[table] if older_seconds is None else older_seconds,
            limit=limit,
        )
        return int(row["pruned"]) if row else 0


def _old(status: Status, older_seconds: float | None, after: Place | None) -> dict[str, Any]:
    after_at, after_id = after or (None, None)
    return {
        "status": status.value,
        "older_seconds": REQUEST_SECONDS[status] if older_seconds is None else older_seconds,
        "after_at": after_at,
        "after_id": after_id,
    }
