"""The words of the queue as types: request, attempt, outcome, and which status may follow which.

No I/O. The same state machine stands in the guarded statements of ``sql/`` and in the trigger
``ai_transition``; a test walks every pair through all three.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, NamedTuple

Json = Any


class Status(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.EXPIRED})

TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.PENDING: frozenset(
        {Status.RUNNING, Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.EXPIRED}
    ),
    Status.RUNNING: frozenset(
        {Status.PENDING, Status.WAITING, Status.COMPLETED, Status.FAILED, Status.CANCELLED}
    ),
    Status.WAITING: frozenset({Status.PENDING, Status.CANCELLED}),
    Status.COMPLETED: frozenset(),
    Status.FAILED: frozenset({Status.PENDING}),
    Status.CANCELLED: frozenset({Status.PENDING}),
    Status.EXPIRED: frozenset({Status.PENDING}),
}
"""What may follow a status. pending → completed is a late result that nobody superseded."""

ERROR_CODES = frozenset(
    {
        "unknown_task_type",
        "invalid_input",
        "input_too_large",
        "client_not_found",
        "trainer_not_found",
        "not_assigned",
        "agent_disabled",
        "agent_misconfigured",
        "agent_error",
        "timeout",
        "lost",
        "budget_exhausted",
        "provider_unavailable",
        "provider_refused",
        "approval_rejected",
        "approval_expired",
    }
)
"""The closed, documented list of ``ai_requests.error.code``."""

Mode = Literal["full", "degraded", "deterministic"]
OnUnavailable = Literal["degrade", "wait", "fail"]


class Authority(NamedTuple):
    """Who may write for a request right now. All three must match, or the writer is a stranger."""

    request_id: int
    fence: int
    worker_id: str


class Claimed(NamedTuple):
    """A request this worker holds a lease on.

    ``input_data`` is None where it is large; otherwise it is ``input_bytes`` long as JSON text,
    where that is known. waited_seconds: from its insert to this claim, on the database's clock.
    """

    authority: Authority
    task_type: str
    attempt: int
    input_data: Json | None
    requested_by: str | None
    fair_key: str
    created_at_iso: str
    max_usd: Decimal | None
    on_unavailable: OnUnavailable | None
    agent_version: int | None
    input_bytes: int | None = None
    waited_seconds: float = 0.0

    @property
    def request_id(self) -> int:
        return self.authority.request_id


@dataclass(frozen=True, slots=True)
class Shortage:
    """A budget that has less left than the model call may cost for whose sake it was looked at."""

    scope: str
    period: str
    usd: Decimal

    @property
    def renews(self) -> str:
        """When there is money again, for people: ``2026-12-01 00:00 UTC``; empty for never."""
        try:
            first = date.fromisoformat(f"{self.period}-01"[:10])
        except ValueError:
            return ""
        whole_month = len(self.period) == len("2026-11")
        days = monthrange(first.year, first.month)[1] if whole_month else 1
        return f"{first + timedelta(days=days)} 00:00 UTC"

    def as_json(self) -> dict[str, Json]:
        return {"scope": self.scope, "period": self.period, "usd": str(self.usd)}


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """``ai_requests.error``: words for people, a code for machines, never a secret.

    shortage: what a request waits for that is put off for want of money.
    """

    code: str
    message: str
    hint: str = ""
    retryable: bool = False
    shortage: Shortage | None = None

    def as_json(self) -> dict[str, Json]:
        told: dict[str, Json] = {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "retryable": self.retryable,
        }
        return told if self.shortage is None else told | {"budget": self.shortage.as_json()}


@dataclass(frozen=True, slots=True)
class Complete:
    """The agent answered."""

    result: Mapping[str, Json]
    mode: Mode
    degraded_reason: str | None = None
    rows: Mapping[str, Sequence[Mapping[str, Json]]] = field(default_factory=dict)
    name: Literal["completed"] = "completed"


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again later; uses an attempt, and is a failure once they are used up."""

    error: ErrorInfo
    delay_seconds: float
    name: Literal["retry"] = "retry"


@dataclass(frozen=True, slots=True)
class Snooze:
    """Come back later through no fault of the request; the attempt is given back."""

    delay_seconds: float
    reason: str
    shortage: Shortage | None = None
    name: Literal["snoozed"] = "snoozed"


@dataclass(frozen=True, slots=True)
class Wait:
    """A person must answer first; the slot is freed, the attempt given back."""

    name: Literal["waiting"] = "waiting"


@dataclass(frozen=True, slots=True)
class Fail:
    """No attempt will help."""

    error: ErrorInfo
    name: Literal["failed"] = "failed"


@dataclass(frozen=True, slots=True)
class Refuse:
    """The claim was quicker than intake; the attempt is given back, the request fails."""

    error: ErrorInfo
    name: Literal["refused"] = "refused"


@dataclass(frozen=True, slots=True)
class Cancel:
    """Somebody asked to stop, and the attempt did."""

    name: Literal["cancelled"] = "cancelled"


@dataclass(frozen=True, slots=True)
class Release:
    """This worker drains: the request goes back at once, the attempt is given back."""

    name: Literal["released"] = "released"


@dataclass(frozen=True, slots=True)
class Lost:
    """The lease is gone. Nothing is written: whoever holds the fence decides."""

    name: Literal["lost"] = "lost"


Outcome = Complete | Retry | Snooze | Wait | Fail | Refuse | Cancel | Release | Lost
