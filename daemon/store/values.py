"""What the store gives back: rows as small immutable values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from daemon.errors import ServiceError
from daemon.model import Authority, Claimed, Json, Outcome, Status

Key = tuple[int, int]
"""(request_id, fence): one attempt."""

Verdict = Literal["accepted", "repeated", "foreign", "superseded", "poison"]
"""What became of an attempt's end.

accepted: written. repeated: it was written before; an unknown commit did commit. superseded: the
request has gone on without this attempt, whose output and cost are kept beside it. foreign: this
worker never had the attempt. poison: the database refuses the row, even as a failure; the lease
runs out and the reaper takes over.
"""

INPUT_LIMIT_BYTES = 1024 * 1024
"""Largest ``input_data`` that is read; a larger one is refused unread as ``input_too_large``."""


class InputTooLarge(ServiceError):
    """``input_data`` is larger than we read. ``size_bytes``: its size, as JSON text or stored;
    None where only its numbers, written out, would be too long."""

    def __init__(self, size_bytes: int | None) -> None:
        size = "too many digits" if size_bytes is None else f"{size_bytes} bytes"
        super().__init__(
            f"input_data has {size}; at most {INPUT_LIMIT_BYTES} bytes are read",
            hint="send ids and let the agent read the rows itself",
        )
        self.size_bytes = size_bytes


class Finished(NamedTuple):
    """An attempt's end. agent_version: None keeps the pinned one."""

    authority: Authority
    outcome: Outcome
    agent_version: int | None = None

    @property
    def key(self) -> Key:
        return (self.authority.request_id, self.authority.fence)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one claim took, and what it left.

    due: some request is due all the same (of another type, locked, or held back by a limit).
    unchecked: some is for intake to look at. next_due_seconds: until the next one becomes due or
    the next paused agent resumes; None: none will. transactions: so many have written on this
    server so far, anybody's. asynchronous: a crash of the server may undo it, and nothing is
    lost by that; otherwise some request might be one of which no attempt may begin twice.
    refused: by id, why the database did not let a request start; see
    :func:`daemon.database.refusal`.
    """

    requests: list[Claimed]
    due: bool
    unchecked: bool
    next_due_seconds: float | None
    transactions: int
    asynchronous: bool
    refused: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A pending request that intake has not seen.

    known: some row of ai_agents answers the type; enabled: and is switched on. input_data is None
    when too large (see size_bytes) and may be anything jsonb holds, an array too.
    """

    request_id: int
    task_type: str
    known: bool
    enabled: bool
    size_bytes: int | None
    input_data: Json | None

    @property
    def too_large(self) -> bool:
        return self.size_bytes is None or self.size_bytes > INPUT_LIMIT_BYTES


@dataclass(frozen=True, slots=True)
class Rescued:
    """An attempt whose lease ran out, and what its request became."""

    request_id: int
    fence: int
    task_type: str
    worker_id: str
    status: Status


@dataclass(frozen=True, slots=True)
class Swept:
    """A request that ended, or goes on, without an attempt."""

    request_id: int
    task_type: str
    status: Status


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep ended, and in how many seconds the next request or question is overdue.

    That is as of before the sweep, so 0 or less with what was swept; None where nothing is known
    to end by itself. refused: by id, why the database did not let a request end; see
    :func:`daemon.database.refusal`.
    """

    swept: list[Swept]
    ends_in_seconds: float | None
    refused: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Approval:
    """A question to a person. decided: ``answer`` counts, be it a person's or the timeout's."""

    key: str
    decided: bool
    answer: Json | None
    decided_by: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """One progress row. percent: 0 to 100, or None."""

    authority: Authority
    node: str
    percent: int | None
    message: str = ""


@dataclass(frozen=True, slots=True)
class AgentRow:
    """A row of ai_agents that is not archived."""

    agent_id: int
    name: str
    type: str
    enabled: bool
    config: Mapping[str, Json]
    version: int
    problem: str | None


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A row of ai_schedules. updated_at: when its times were edited; no earlier slot counts.

    answered: an agent of this type is in use.
    """

    name: str
    task_type: str
    trigger: str
    time_zone: str
    misfire: Literal["latest", "skip"]
    misfire_grace_seconds: int
    for_each: Literal["active_clients"] | None
    last_slot: datetime | None
    enabled: bool
    problem: str | None
    updated_at: datetime
    answered: bool


@dataclass(frozen=True, slots=True)
class Load:
    """How full the queue is. pending: by type, each counted up to ``PENDING_CAP``.

    oldest_pending_seconds: how long the request that is due longest has waited, 0.0 without one.
    """

    pending: Mapping[str, int] = field(default_factory=dict)
    running: Mapping[str, int] = field(default_factory=dict)
    waiting: int = 0
    oldest_pending_seconds: float = 0.0


PENDING_CAP = 10_000
"""Pending requests of one type are counted up to here: a scrape must not read a long backlog."""
