"""What the handlers share, and what the API's rows look like from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents.health.checks import CheckResult
from daemon.web.access import Principal
from daemon.web.actions import Actions
from daemon.web.answers import Raw
from daemon.web.api.models import Telling
from daemon.web.hub import Hub
from daemon.web.privacy import redact
from daemon.web.reader import Reader
from daemon.web.shown import loads

if TYPE_CHECKING:
    from daemon.registry import Registry

Json = Any
Row = Mapping[str, Any]
MOST_NAMED = 20
"""Unknown fields that an answer names."""


@dataclass(frozen=True)
class Parts:
    """reader: what is read. actions: what is changed. hub: who waits. stop: set at the end.

    latest: the newest result of each health check, from memory.
    """

    reader: Reader
    actions: Actions
    hub: Hub
    registry: Registry
    stop: asyncio.Event
    latest: Callable[[], Sequence[CheckResult]] = tuple


def shown(text: str | None, who: Principal) -> Json:
    """JSON of the database as its reader may see it: word for word, or redacted."""
    if text is None:
        return {}
    return redact(loads(text), who.role) if who.role == "viewer" else Raw(text)


def ignored(sent: Telling) -> list[str]:
    """Names of what was sent and is not known."""
    return [name[:60] for name in sent.model_extra or ()][:MOST_NAMED]


def execution(row: Row, who: Principal) -> dict[str, Json]:
    """A request as ``models.Execution``."""
    error = row["error"]
    started, ended = row["started_at"], row["finished_at"]
    took = (ended - started).total_seconds() if started and ended else None
    return {
        "id": row["id"],
        "agent_id": row["agent_id"],
        "task_type": row["task_type"],
        "status": row["status"],
        "mode": row["mode"],
        "degraded_reason": row["degraded_reason"],
        "attempt": row["attempt"],
        "input_data": shown(row["input_text"], who),
        "output_data": shown(row["result_text"], who),
        "truncated": row["input_text"] is None or (row["answered"] and row["result_text"] is None),
        "error_message": str(error.get("message", "")) if isinstance(error, dict) else None,
        "error": error if isinstance(error, dict) else None,
        "execution_time": took if took is None else max(0.0, took),
        "cost_usd": row["cost_usd"],
        "requested_by": row["requested_by"],
        "created_at": row["created_at"],
        "started_at": started,
        "completed_at": ended,
    }


def agent(row: Row) -> dict[str, Json]:
    """An agent as ``models.Agent``."""
    return dict(row)
