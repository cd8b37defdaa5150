"""Puts the finished answer together, and its typed rows.

Everything is decided before: `compose` only writes it down, and the same parts give the same JSON
but for `provenance`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from agents.answer import LlmUsed, Provenance
from agents.scheduling import ics
from agents.scheduling.attendance import Chance, Seen
from agents.scheduling.choose import Ranked, by_part, record, tallies, when
from agents.scheduling.facts import Facts
from agents.scheduling.model import ScheduleRequest
from agents.scheduling.output import (
    ConflictOut,
    Constraints,
    Expected,
    Move,
    Placement,
    Reason,
    Schedule,
    Suggestion,
    Summary,
    Tally,
    Unplaced,
    Week,
)
from agents.scheduling.preferences import Preference
from agents.scheduling.slots import Candidates, Conflict, Slot
from agents.scheduling.week import Moved, WeekPlan
from agents.scheduling.words import Said, template

ALGORITHM = "hierarchical logit and cp-sat"
VERSION = "1"
MOST_SHOWN = 5
FEW_SESSIONS = 3

_RULES = {
    "trainer_busy": ("the trainer is booked", "free one of the trainer's bookings"),
    "client_busy": ("the client has other sessions", "move one of the client's sessions"),
    "travel": ("there is no time to travel between places", "choose the place of the neighbours"),
    "availability": ("the hours given leave no room", "open more hours or shorten the session"),
    "notice": ("the times left are too soon", "accept shorter notice"),
    "gap": ("other sessions of the client are too near", "accept a smaller gap"),
    "blackout": ("the days are closed", "open one of the closed days"),
    "clock_change": ("the clocks skip the time", "choose another time"),
    "full": (
        "the other sessions asked for take the times left",
        "open more hours or ask for fewer sessions",
    ),
    "past": ("the week is over", "ask for a week to come"),
    "demand": ("nothing is booked that could move", "name the sessions wanted in demand"),
}


@dataclass(frozen=True, slots=True)
class ModelPart:
    """What the model had to do with the answer."""

    used: bool = False
    model: str | None = None
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """All that an answer is made of. ranked: of a client, best first; week: of a trainer.

    conflicts: rules in the way. later: whether there are free times beyond the horizon. together:
    how many of `ranked` can be booked together. started: monotonic seconds.
    """

    request: ScheduleRequest
    facts: Facts
    started: float
    ranked: tuple[Ranked, ...] = ()
    together: int = 1
    week: WeekPlan | None = None
    blocked: int = 0
    conflicts: tuple[Conflict, ...] = ()
    later: bool = False
    sentences: Mapping[str, str] = field(default_factory=dict)
    llm: ModelPart = ModelPart()
    calendar: bool = True
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """One suggestion before it is written: a slot, its chance, and what is said about it."""

    key: str
    kind: str
    slot: Slot
    chance: Chance
    said: Said
    basis: int
    client_id: int | None
    moved: Moved | None = None


def proposals(parts: Parts) -> list[Proposal]:
    """Everything that is proposed, in order; a week's may be more than are shown."""
    facts, found = parts.facts, []
    gym = [s for s in facts.seen if s.closed]
    known = Counter(s.client_id for s in gym)
    if parts.week is None:
        own = facts.closed(facts.client_id or 0)
        others = by_part(s for s in gym if s.client_id != facts.client_id)
        for index, item in enumerate(parts.ranked, 1):
            here = (item.slot.start, item.slot.minutes)
            wish = facts.wishes.met(*here) if item.wish > 0 else None
            refused = facts.wishes.refused(*here)
            said = Said(
                item.slot,
                _percent(item.chance.p),
                record(own, others, item.slot),
                wish.label() if wish else None,
                cold=len(own) < FEW_SESSIONS,
                known=len(own),
                lean=item.lean,
                near=0 < item.wish < 1,
                refused=refused.label() if refused else None,
            )
            found.append(
                Proposal(
                    f"s{index}", "slot", item.slot, item.chance, said, len(own), facts.client_id
                )
            )
        return found
    for place in parts.week.placed:
        said = Said(place.slot, _percent(place.chance.p), client_id=place.client_id)
        basis = known[place.client_id]
        key = f"s{len(found) + 1}"
        found.append(
            Proposal(key, "placement", place.slot, place.chance, said, basis, place.client_id)
        )
    for move in parts.week.moved:
        client_id = move.booking.client_id or 0
        said = Said(
            move.slot,
            _percent(move.chance.p),
            client_id=client_id,
            gain_percent=_percent(move.chance.p) - _percent(move.before.p),
            instead_of=when(Slot(move.booking.start, move.booking.minutes, 0, 0)),
        )
        basis = known[client_id]
        key = f"s{len(found) + 1}"
        found.append(Proposal(key, "move", move.slot, move.chance, said, basis, client_id, move))
    return found


def unmet(facts: Facts, found: Candidates) -> list[str]:
    """Warnings for wishes that no free slot meets, each with what is in the way."""
    wishes, free = facts.wishes, [(slot.start, slot.minutes) for slot in found.free]
    said = [
        f"preference_unmet: {wish.label()}: {_in_the_way(wish, facts, found)}"
        for wish in wishes.likes
        if not any(wish.fits(*slot) > 0 and wishes.refused(*slot) is None for slot in free)
    ]
    if len(said) > MOST_SHOWN:
        said[MOST_SHOWN:] = [f"preference_unmet: {len(said) - MOST_SHOWN} more of them"]
    if free and all(wishes.refused(*slot) is not None for slot in free):
        said.append(
            "preference_unmet: every free time is one to avoid; ask with other availability, a "
            "longer horizon_days or fewer refusals"
        )
    return said


def _in_the_way(wish: Preference, facts: Facts, found: Candidates) -> str:
    if any(wish.fits(slot.start) > 0 for slot in found.free):
        return "refused as well"
    if wish.dates is not None and wish.dates[0] > facts.days[-1]:
        return f"after the {len(facts.days) - 1} days of horizon_days"
    rules = Counter(
        rule
        for start, broken in found.broken.items()
        if wish.fits(start) > 0
        for rule in sorted(broken)
    )
    if not rules:
        return "outside the hours in which a session can lie"
    return "; ".join(_RULES[rule][0] for rule, _ in rules.most_common(2))


def _percent(p: float) -> int:
    return round(100 * p)


def status(parts: Parts) -> str:
    """ok, cold_start or infeasible."""
    if parts.week is not None:
        nothing = bool(parts.week.missing) and not parts.week.placed
        return "infeasible" if nothing else "ok"
    if not parts.ranked:
        return "infeasible"
    few = len(parts.facts.closed(parts.facts.client_id or 0)) < FEW_SESSIONS
    return "cold_start" if few else "ok"


def compose(parts: Parts, request_id: int) -> Schedule:
    """The whole answer."""
    facts = parts.facts
    every = proposals(parts)
    shown = [_suggestion(p, parts, request_id, n) for n, p in enumerate(every[:MOST_SHOWN], 1)]
    return Schedule(
        status=status(parts),
        suggestions=shown,
        week=_week(parts) if parts.week is not None else None,
        attendance_summary=_summary(parts),
        blocked_count=parts.week.blocked if parts.week is not None else parts.blocked,
        constraints=Constraints(conflict=_conflicts(parts)),
        ics=_calendar(parts, every, request_id) if parts.calendar else None,
        data_warnings=list(dict.fromkeys((*facts.warnings, *parts.warnings))),
        provenance=Provenance(
            algorithm=ALGORITHM,
            version=VERSION,
            input_sha256=facts.input_sha256,
            llm=LlmUsed(
                used=bool(parts.sentences),
                model=parts.llm.model,
                dropped=list(parts.llm.dropped),
            ),
            elapsed_ms=round(1000 * (time.monotonic() - parts.started)),
            generated_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        ),
    )


def _suggestion(item: Proposal, parts: Parts, request_id: int, number: int) -> Suggestion:
    facts = parts.facts
    return Suggestion(
        id=f"{request_id}-{number}",
        suggestion=parts.sentences.get(item.key) or template(item.said),
        priority=number,
        start=item.slot.start.isoformat(),
        duration_minutes=item.slot.minutes,
        timezone=facts.time_zone,
        start_utc=facts.clock.utc_text(item.slot.start),
        p_attend=item.chance.p,
        p_lo=item.chance.low,
        p_hi=item.chance.high,
        reasons=_reasons(item.said),
        basis_sessions=item.basis,
    )


def _reasons(said: Said) -> list[Reason]:
    found = [Reason(code="likely_percent", value=said.percent)]
    if said.record is not None:
        code = "gym_kept" if said.record.by == "gym" else "kept_here"
        found.append(Reason(code=code, value=f"{said.record.kept} of {said.record.n}"))
    if said.wish is not None:
        found.append(
            Reason(code="nearly_preferred" if said.near else "preferred", value=said.wish)
        )
    if said.refused is not None:
        found.append(Reason(code="refused", value=said.refused))
    if said.lean:
        liked = "found helpful" if said.lean > 0 else "found not helpful"
        found.append(Reason(code="feedback", value=f"times like this were {liked}"))
    if said.client_id is not None:
        found.append(Reason(code="client_id", value=said.client_id))
    if said.gain_percent is not None:
        found.append(Reason(code="gain_percent", value=said.gain_percent))
    if said.instead_of is not None:
        found.append(Reason(code="instead_of", value=said.instead_of))
    return found


def _week(parts: Parts) -> Week:
    plan, facts = parts.week, parts.facts
    assert plan is not None
    return Week(
        placements=[
            Placement(
                client_id=p.client_id,
                start=p.slot.start.isoformat(),
                duration_minutes=p.slot.minutes,
                start_utc=facts.clock.utc_text(p.slot.start),
                p_attend=p.chance.p,
            )
            for p in plan.placed
        ],
        moves=[
            Move(
                session_id=m.booking.id,
                from_=m.booking.start.isoformat(),
                to=m.slot.start.isoformat(),
                gain=m.gain,
            )
            for m in plan.moved
        ],
        unplaced=[
            Unplaced(client_id=m.client_id, missing=m.number, why=_why(m.rules))
            for m in plan.missing
        ],
        expected_attendance=Expected(before=round(plan.before, 2), after=round(plan.after, 2)),
    )


def _why(rules: Sequence[str]) -> str:
    said = "; ".join(f"{rule}: {_RULES[rule][0]}" for rule in rules if rule in _RULES)
    return said or ", ".join(rules)


def _conflicts(parts: Parts) -> list[ConflictOut]:
    found = [
        ConflictOut(
            ids=list(c.rules), why=_why(c.rules), suggestion=_cure(c.rules, later=parts.later)
        )
        for c in parts.conflicts
    ]
    missing = parts.week.missing if parts.week is not None else []
    found += [
        ConflictOut(ids=list(rules), why=_why(rules), suggestion=_cure(rules, later=False))
        for rules in dict.fromkeys(m.rules for m in missing)
    ]
    return found


def _cure(rules: Sequence[str], *, later: bool) -> str:
    cures = [_RULES[rule][1] for rule in rules if rule in _RULES]
    if later:
        cures.append("or look further ahead: there are free times beyond the horizon")
    text = "; ".join(cures) or "ask the trainer in person"
    return text[0].upper() + text[1:] + "."


def _summary(parts: Parts) -> Summary:
    """Of the client; in a week, of the clients in it."""
    closed: list[Seen]
    if parts.week is None:
        closed = parts.facts.closed(parts.facts.client_id or 0)
    else:
        clients = {b.client_id for b in parts.facts.movable}
        clients |= {d.client_id for d in parts.request.demand}
        closed = [s for s in parts.facts.seen if s.closed and s.client_id in clients]
    parts_of_day, by_weekday = tallies(closed)
    return Summary(
        by_daypart=_tallies(parts_of_day), by_weekday=_tallies(by_weekday), n=len(closed)
    )


def _tallies(counts: Mapping[str, tuple[int, int]]) -> dict[str, Tally]:
    return {
        name: Tally(n=n, kept=kept, rate=round(kept / n, 4) if n else None)
        for name, (n, kept) in counts.items()
    }


def _calendar(parts: Parts, every: Sequence[Proposal], request_id: int) -> str | None:
    clock = parts.facts.clock
    return ics.text(
        (
            ics.Event(
                uid=f"{request_id}-{number}@fitnesscrm-ai",
                start=clock.utc(item.slot.start),
                minutes=item.slot.minutes,
                summary="Proposed training session",
                description=template(item.said),
            )
            for number, item in enumerate(every, 1)
        ),
        parts.facts.as_of,
    )


def facts_json(parts: Parts) -> dict[str, Any]:
    """What the independent checker compares the answer with."""
    facts, request, rules = parts.facts, parts.request, parts.facts.rules
    demand: dict[int, int] = {}
    for item in request.demand:
        demand[item.client_id] = demand.get(item.client_id, 0) + item.sessions
    return {
        "timezone": facts.time_zone,
        "as_of": facts.as_of.isoformat(),
        "client_id": facts.client_id,
        "trainer_id": facts.trainer_id,
        "bookings": [
            {
                "id": b.id,
                "trainer_id": b.trainer_id,
                "client_id": b.client_id,
                "start": b.start.isoformat(),
                "minutes": b.minutes,
                "status": b.status,
                "location": b.location,
                "online": b.online,
            }
            for b in facts.bookings
        ],
        "hours": [
            {
                "weekday": w.weekday,
                "date": w.on.isoformat() if w.on else None,
                "start": w.start,
                "end": w.end,
            }
            for w in rules.windows
        ],
        "notice_hours": 24 if request.min_notice_hours is None else request.min_notice_hours,
        "gap_hours": rules.gap / 60,
        "buffer_minutes": rules.buffer,
        "blackout": [day.isoformat() for day in rules.blackout],
        "location": rules.location,
        "online": rules.online,
        "together": parts.together,
        "week_start": facts.days[0].isoformat(),
        "demand": demand,
        "pinned": list(request.pinned),
        "max_moves": 3 if request.max_moves is None else request.max_moves,
    }


def rows(parts: Parts, output: Schedule) -> list[dict[str, Any]]:
    """A row per slot, placement or move for `ai_schedule_suggestions`, in the answer's order."""
    facts = parts.facts
    return [
        {
            "client_id": item.client_id,
            "trainer_id": facts.trainer_id,
            "status": output.status,
            "llm_used": output.provenance.llm.used,
            "kind": item.kind,
            "rank": number,
            "slot_start_utc": facts.clock.utc_text(item.slot.start),
            "slot_local": item.slot.start.isoformat(),
            "tz": facts.time_zone,
            "duration_minutes": item.slot.minutes,
            "p_attend": item.chance.p,
            "p_lo": item.chance.low,
            "p_hi": item.chance.high,
            "basis_sessions": item.basis,
            "session_id": item.moved.booking.id if item.moved else None,
            "gain": item.moved.gain if item.moved else None,
        }
        for number, item in enumerate(proposals(parts), 1)
    ]
