"""Rules about one session: its length, its rests and repetitions, its order.

Each rule is a pure function of the plan that yields (where, message) findings.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from . import tables
from .view import Entry, Plan, Session, as_number, volume_of

Finding = tuple[str, str]
Range = tuple[int, int]


def drill_seconds(session: Session) -> tuple[float, float]:
    """Seconds of warm-up and of cool-down."""
    warmup = sum(as_number(drill.get("seconds")) for drill in session.warmup)
    return warmup, sum(as_number(drill.get("seconds")) for drill in session.cooldown)


def session_seconds(session: Session) -> float:
    """Length of a session: warm-up, cool-down, cardio, and per exercise set-up, a minute per
    ramp set, the working sets, the rests between them and a minute to move on."""
    total = sum(drill_seconds(session)) + 60 * as_number(session.cardio.get("minutes"))
    for entry in session.entries:
        total += entry.fact.setup_seconds + 60 * entry.ramp_sets + 60
        total += entry.sets * entry.work_seconds + max(0, entry.sets - 1) * entry.rest
    return total


def time_max(plan: Plan) -> Iterator[Finding]:
    """A session fits the wished minutes, and estimated_minutes is its length rounded up.

    Source: doi 10.1007/s40279-021-01490-1. Where profile and request differ, the shorter counts.
    """
    for session in plan.sessions():
        seconds = session_seconds(session)
        if seconds > 60 * plan.minutes + 1e-6:
            yield session.where, f"takes {seconds / 60:.1f} min of {plan.minutes:g}"
        told, real = session.raw.get("estimated_minutes"), math.ceil(seconds / 60 - 1e-9)
        if told != real:
            yield f"{session.where}.estimated_minutes", f"is {told!r}; measured {real}"


def allowed_reps(plan: Plan, entry: Entry) -> tuple[Range, bool]:
    """(lowest, highest) repetitions, and whether conditions replaced the scheme's range."""
    scheme = tables.SCHEMES[plan.goal]
    low, high = scheme.compound_reps if entry.fact.compound else scheme.other_reps
    if plan.goal == "strength" and plan.level == 0 and entry.fact.compound:
        low, high = tables.STRENGTH_BEGINNER_COMPOUND_REPS
    asked = [row.reps for row in plan.rules_of_conditions.values() if row.reps]
    if not asked:
        return (low, high), False
    safe_low, safe_high = max(low for low, _ in asked), min(high for _, high in asked)
    if max(low, safe_low) > min(high, safe_high):
        return (safe_low, safe_high), True
    return (max(low, safe_low), min(high, safe_high)), False


def rest_rules(plan: Plan) -> Iterator[Finding]:
    """Rest between sets lies in the scheme's range.

    Strength allows 30-300 s for those exercises, compound or other, whose repetitions a
    condition replaced; the rest of the plan keeps its range. Sources: ACSM 2009, 2026.
    """
    scheme = tables.SCHEMES.get(plan.goal)
    if scheme is None:
        return
    for entry in plan.entries():
        if not entry.strength:
            continue
        low, high = scheme.compound_rest if entry.fact.compound else scheme.other_rest
        if plan.goal == "strength" and allowed_reps(plan, entry)[1]:
            low, high = tables.STRENGTH_REST_WHEN_REPS_REPLACED
        if not low <= entry.rest <= high:
            yield entry.where, f"rests {entry.rest:g} s; expected {low} to {high}"


def rep_scheme(plan: Plan) -> Iterator[Finding]:
    """Sets and repetitions follow the goal, narrowed by conditions, which win if disjoint.

    A deload may go down to one set. Holds last 10-120 s and count one repetition. reps_range,
    where two numbers are given, holds `reps` and lies in the allowed range as well. The balance
    and cardio blocks have no scheme, but their holds do. Sources: ACSM 2009, 2026; NSCA 2019.
    """
    if plan.goal not in tables.SCHEMES:
        return
    for week in plan.weeks:
        for entry in week.entries():
            yield from _hold_length(entry)
            if not entry.strength:
                continue
            low, high = allowed_sets(plan)
            low = 1 if week.phase == "deload" else low
            if not low <= entry.sets <= high:
                yield entry.where, f"{entry.sets} sets; expected {low} to {high}"
            if entry.hold is None:
                yield from _counted_reps(plan, entry)


def allowed_sets(plan: Plan) -> Range:
    """(fewest, most) sets of a strength exercise in a build week."""
    low, high = tables.GENTLE_SETS if plan.gentle else tables.SCHEMES[plan.goal].sets
    return low, min([high] + [row.sets for row in plan.rules_of_conditions.values()])


def _hold_length(entry: Entry) -> Iterator[Finding]:
    if entry.hold is None or entry.block == "cardio":
        return
    low, high = tables.HOLD_SECONDS
    if not low <= entry.hold <= high:
        yield entry.where, f"holds {entry.hold:g} s; expected {low} to {high}"
    if entry.reps != 1:
        yield entry.where, f"{entry.reps} reps of a timed set; expected 1"


def _counted_reps(plan: Plan, entry: Entry) -> Iterator[Finding]:
    (low, high), _ = allowed_reps(plan, entry)
    if not low <= entry.reps <= high:
        yield entry.where, f"{entry.reps} reps; expected {low} to {high}"
    told = entry.raw.get("reps_range")
    ends = [int(part) for part in re.findall(r"\d+", told)] if isinstance(told, str) else told
    if not isinstance(ends, list) or len(ends) != 2 or not all(isinstance(e, int) for e in ends):
        return
    if not low <= ends[0] <= entry.reps <= ends[1] <= high:
        yield f"{entry.where}.reps_range", f"is {told!r}; expected {low} to {high}"


def session_cap(plan: Plan) -> Iterator[Finding]:
    """No muscle, minor ones included, gets more than 10 sets in one session (convention)."""
    for session in plan.sessions():
        for muscle, sets in sorted(volume_of(session.strength).items()):
            if sets > tables.SESSION_VOLUME_CAP:
                yield session.where, f"{sets:g} sets of {muscle}; at most 10"


def dup(plan: Plan) -> Iterator[Finding]:
    """An exercise occurs once a session and in at most 2 sessions a week; a session has one
    exercise per pattern, and one of the isolation block per primary muscle.

    Walking, mobility and other cardio may come every day, and several mobility drills may share
    a session; balance drills and strength exercises may not.
    """
    for week in plan.weeks:
        times: dict[str, int] = {}
        for session in week.sessions:
            keys: set[str] = set()
            patterns: set[str] = set()
            for entry in session.entries:
                if entry.key in keys:
                    yield entry.where, f"{entry.key} occurs twice in the session"
                keys.add(entry.key)
                if entry.fact.pattern in ("cardio", "mobility", ""):
                    continue
                alone = {entry.fact.pattern}
                if entry.block == "isolation":
                    alone |= {f"isolation of the {muscle}" for muscle in entry.fact.primary}
                for shared in sorted(alone & patterns) if plan.trains else ():
                    yield entry.where, f"a second {shared} in the session"
                patterns |= alone
                times[entry.key] = times.get(entry.key, 0) + 1
        for key, count in sorted(times.items()):
            if plan.trains and count > 2:
                yield week.where, f"{key} occurs in {count} sessions; at most 2"


def order(plan: Plan) -> Iterator[Finding]:
    """Blocks follow each other as listed (balance, power, compound, isolation, core, cardio) and
    `order` counts 1, 2, 3. Sources: ACSM, AHA."""
    for session in plan.sessions():
        numbers = [entry.order for entry in session.entries]
        if numbers != list(range(1, len(numbers) + 1)):
            yield session.where, f"order is {numbers}; expected 1, 2, 3, ..."
        blocks = [entry.block for entry in session.entries if entry.block in tables.BLOCKS]
        if blocks != sorted(blocks, key=tables.BLOCKS.index):
            yield session.where, f"blocks are {', '.join(blocks)}"


def count(plan: Plan) -> Iterator[Finding]:
    """A session has 2-9 strength exercises. Sources: ACSM, AHA."""
    for session in plan.sessions():
        number = len(session.strength)
        if not 2 <= number <= 9:
            yield session.where, f"{number} strength exercises; expected 2 to 9"


def warmup_cooldown(plan: Plan) -> Iterator[Finding]:
    """At least 300 s of warm-up (asthma, cardiac, stroke: 600) and 180 s of cool-down.
    Source: ACSM."""
    least = max([300] + [row.warmup_seconds for row in plan.rules_of_conditions.values()])
    for session in plan.sessions():
        warmup, cooldown = drill_seconds(session)
        if warmup < least:
            yield f"{session.where}.warmup", f"lasts {warmup:g} s; expected {least} or more"
        if cooldown < 180:
            yield f"{session.where}.cooldown", f"lasts {cooldown:g} s; expected 180 or more"
