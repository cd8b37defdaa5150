"""What became of a proposed time: was it booked, and was the session kept?

A nightly look at proposals without an outcome fills in `accepted_session_id` as soon as a session
is booked, and `outcome` when its time is over; from these an admin reads how often proposals are
taken, and whether `p_attend` keeps its word. The judgement here is pure; who reads the rows and
writes them back decides when.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

NEAR = timedelta(minutes=15)
"""How far from the proposed time a session may start and still count as that proposal's."""

PATIENCE = timedelta(days=7)
"""How long a session may stay unclosed after its time before nobody waits for it any longer."""

End = Literal["completed", "no_show", "cancelled", "unrecorded", "not_taken"]

_CLOSED: dict[str, End] = {
    "completed": "completed",
    "no_show": "no_show",
    "cancelled": "cancelled",
}


@dataclass(frozen=True, slots=True)
class Proposed:
    """A row of ai_schedule_suggestions. start: wall time; made: UTC without a zone.

    session_id: of a move, what was booked.
    """

    client_id: int
    trainer_id: int | None
    start: datetime
    made: datetime
    session_id: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A session of the main app. start: wall time; status: a folded word.

    booked: when its row was made, UTC without a zone. None everywhere: nobody knows.
    """

    id: int
    client_id: int | None
    trainer_id: int | None
    start: datetime
    status: str
    booked: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """accepted_session_id: what was booked. outcome None: booked, to come or not closed yet."""

    accepted_session_id: int | None
    outcome: End | None


def judge(proposed: Proposed, sessions: Iterable[Held], now: datetime) -> Outcome | None:
    """What became of a proposal; None if there is nothing to say yet. now: wall time.

    A proposal was taken if the client has a session that starts within 15 minutes of it, with that
    trainer where one was named, and made after it; a move, if the booked session itself was moved
    there. A cancelled session counts only if no other is there. What was not closed a week after
    its time is `unrecorded`.
    """
    there = [session for session in sessions if _takes(session, proposed)]
    if not there:
        return None if now < proposed.start else Outcome(None, "not_taken")
    best = min(there, key=lambda s: (s.status == "cancelled", abs(s.start - proposed.start), s.id))
    # Before its time a session can be cancelled and another booked, or the other way round.
    if now < max(best.start, proposed.start):
        return Outcome(best.id, None)
    closed = _CLOSED.get(best.status)
    if closed is None and now >= best.start + PATIENCE:
        closed = "unrecorded"
    return Outcome(best.id, closed)


def _takes(session: Held, proposed: Proposed) -> bool:
    if session.client_id != proposed.client_id or abs(session.start - proposed.start) > NEAR:
        return False
    if proposed.session_id is not None:
        return session.id == proposed.session_id
    if None not in (proposed.trainer_id, session.trainer_id) and (
        proposed.trainer_id != session.trainer_id
    ):
        return False
    return session.booked is None or session.booked >= proposed.made
