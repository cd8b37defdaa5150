"""The answer's JSON, as strict models.

The main app reads the list `suggestions`; there is never a key `scheduling`, which it would read
first. `start` is naive wall time on the clock of `sessions.session_date`, ready to be booked, and
`start_utc` the same moment in UTC; `timezone` is how they agree.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from agents import answer
from agents.answer import Provenance

Status = Literal["ok", "cold_start", "infeasible"]
Chance = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Part(answer.Part):
    """Base of every part of the answer."""

    model_config = ConfigDict(serialize_by_alias=True)


class Reason(Part):
    """Why a slot is there.

    likely_percent: the chance that it is kept. kept_here: "9 of 10" of the client's own sessions
    at such times; gym_kept: of other clients'. preferred: the wish it meets, in our words;
    nearly_preferred: one within half an hour, or
    whose hours it exceeds. refused: what it should have avoided. feedback:
    how times like it were received. client_id: whose it is, in a week. gain_percent: what a
    move adds. instead_of: the booked start.
    """

    code: Literal[
        "likely_percent",
        "kept_here",
        "gym_kept",
        "preferred",
        "nearly_preferred",
        "refused",
        "feedback",
        "client_id",
        "gain_percent",
        "instead_of",
    ]
    value: int | str


class Suggestion(Part):
    """One slot. `id` comes back in feedback; `p_lo`, `p_hi` hold the chance in 8 of 10 cases."""

    id: str
    suggestion: str = Field(min_length=1, max_length=240)
    priority: int = Field(ge=1)
    source: Literal["ai_orchestrator"] = "ai_orchestrator"
    start: str
    duration_minutes: int = Field(ge=1)
    timezone: str
    start_utc: str
    p_attend: Chance
    p_lo: Chance
    p_hi: Chance
    reasons: list[Reason]
    basis_sessions: int = Field(ge=0)


class Placement(Part):
    """A new session of the week."""

    client_id: int
    start: str
    duration_minutes: int
    start_utc: str
    p_attend: Chance


class Move(Part):
    """A booked session that had better be at another time. from, to: wall time."""

    # `from` is a keyword here, and must be the key in the answer however it is dumped.
    model_config = ConfigDict(
        extra="forbid", allow_inf_nan=False, populate_by_name=True, serialize_by_alias=True
    )

    session_id: int | None
    from_: str = Field(alias="from", serialization_alias="from")
    to: str
    gain: Chance


class Unplaced(Part):
    """Sessions that found no time. why: the rules in the way."""

    client_id: int
    missing: int = Field(ge=1)
    why: str


class Expected(Part):
    """Sessions of the week that will probably be kept, before and after."""

    before: Number
    after: Number


class Week(Part):
    """A trainer's week."""

    placements: list[Placement]
    moves: list[Move]
    unplaced: list[Unplaced]
    expected_attendance: Expected


class Tally(Part):
    """Sessions with a known outcome, and how many were kept. rate is null without any."""

    n: int
    kept: int
    rate: Chance | None


class Summary(Part):
    """What the past says: of the client, in a week of the trainer. by_weekday: 1 = Monday."""

    by_daypart: dict[str, Tally]
    by_weekday: dict[str, Tally]
    n: int


class ConflictOut(Part):
    """Rules that together leave no time, and the cheapest way out."""

    ids: list[str]
    why: str
    suggestion: str


class Constraints(Part):
    """Rules that could not all be kept."""

    conflict: list[ConflictOut]


class Schedule(Part):
    """Times for a client, or a trainer's week. blocked_count: times that were ruled out. ics: the
    suggestions as a calendar file. p_attend: the chance that a session is kept, 0 to 1.
    """

    status: Status
    source: Literal["ai_orchestrator"] = "ai_orchestrator"
    suggestions: list[Suggestion] = Field(max_length=5)
    week: Week | None
    attendance_summary: Summary
    blocked_count: int
    constraints: Constraints
    ics: str | None
    data_warnings: list[str]
    provenance: Provenance
