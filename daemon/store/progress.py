"""What an attempt keeps while it runs: configuration, steps, progress, questions to people.

Every write carries the triple of :class:`daemon.model.Authority` and changes nothing for anybody
who lost it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daemon.errors import LeaseLost
from daemon.model import Authority, Json
from daemon.store.executor import Executor
from daemon.store.safe_json import dumps, loads
from daemon.store.values import Approval, Event


class ProgressStore(Executor):
    async def step_get(self, request_id: int, name: str) -> tuple[bool, Json]:
        """Whether the step was kept, and its value."""
        row = await self._row("step_get", request_id=request_id, name=name)
        return (False, None) if row is None else (True, loads(row["value_text"]))

    async def step_put(self, authority: Authority, name: str, value: Json) -> Json:
        """Keep a step's value; returns the kept one, which an earlier attempt may have put.

        Raises LeaseLost.
        """
        row = await self._row(
            "step_put",
            request_id=authority.request_id,
            fence=authority.fence,
            worker_id=authority.worker_id,
            name=name,
            value=dumps(value),
        )
        if row is None:
            raise _lost(authority)
        return loads(row["value_text"])

    async def events_put(self, events: Sequence[Event]) -> int:
        """Store progress, one NOTIFY ``ai_events`` for all; returns how many were still fenced."""
        if not events:
            return 0
        listed = [
            {
                "request_id": event.authority.request_id,
                "fence": event.authority.fence,
                "worker_id": event.authority.worker_id,
                "node": event.node,
                "percent": event.percent,
                "message": event.message,
            }
            for event in events
        ]
        row = await self._row("event_put", events=dumps(listed))
        return int(row["stored"]) if row else 0

    async def approval_put(
        self,
        authority: Authority,
        key: str,
        question: Json,
        *,
        expires_seconds: float | None = None,
    ) -> Approval:
        """Ask a person, once per key; returns the question as it stands, answered or not.

        Raises LeaseLost.
        """
        row = await self._row(
            "approval_put",
            request_id=authority.request_id,
            fence=authority.fence,
            worker_id=authority.worker_id,
            key=key,
            question=dumps(question),
            expires_seconds=expires_seconds,
        )
        if row is None:
            raise _lost(authority)
        return _approval(row)


def _approval(row: Mapping[str, Any]) -> Approval:
    return Approval(row["key"], row["decided"], row["answer"], row["decided_by"])


def _lost(authority: Authority) -> LeaseLost:
    return LeaseLost(f"request {authority.request_id} is not this worker's any more")
