"""What became of a proposed time: was it booked, and was the session kept?

A nightly look at proposals whose time is over fills in `accepted_session_id` and `outcome`; from
these an admin reads how often proposals are taken, and whether `p_attend` keeps its word. The
judgement here is pure; who reads the rows and writes them back decides when.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

PATIENCE = timedelta(days=7)
"""How long a session may stay unclosed after its time before nobody waits for it any longer."""

_CLOSED: dict[str, Literal["completed", "no_show", "cancelled"]] = {
    "completed": "completed",
    "no_show": "no_show",
    "cancelled": "cancelled",
}


@dataclass(frozen=True, slots=True)
class Proposed:
    """A row of ai_schedule_suggestions. start: wall time. session_id: the session a move is of."""

    client_id: int
    trainer_id: int | None
    start: datetime
    session_id: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A session of the main app. start: wall time; status: a folded word."""

    id: int
    client_id: int | None
    trainer_id: int | None
    start: datetime
    status: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """outcome None: the session was booked, and nobody ever noted what became of it."""

    accepted_session_id: int | None
    outcome: Literal["completed", "no_show", "cancelled", "not_taken"] | None


def judge(proposed: Proposed, sessions: Iterable[Held], now: datetime) -> Outcome | None:
    """What became of a proposal; None if it is too early to say. now: wall time.

    A proposal was taken if the client has a session that starts exactly then, with that trainer
    where one was named; a move, if the booked session itself was moved there. A cancelled session
    counts only if no other is there.
    """
    there = [
        session
        for session in sessions
        if session.client_id == proposed.client_id
        and session.start == proposed.start
        and proposed.trainer_id in (None, session.trainer_id)
        and proposed.session_id in (None, session.id)
    ]
    best = min(there, key=lambda s: (s.status == "cancelled", s.id), default=None)
    if now < proposed.start:
        return None
    if best is None:
        return Outcome(None, "not_taken")
    outcome = _CLOSED.get(best.status)
    if outcome is None and now < proposed.start + PATIENCE:
        return None
    return Outcome(best.id, outcome)
