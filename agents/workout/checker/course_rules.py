"""Rules about the course of weeks: steps of load and volume, deloads, no loss on the way.

Build weeks are compared with the build week before them; a deload in between is skipped, since
coming back from it to where one was is no jump. An exercise is followed by its key on the same
weekday; when a harder variant replaces it, by its pattern.
"""

from __future__ import annotations

from collections.abc import Iterator

from . import tables
from .view import Entry, Plan, Week

Finding = tuple[str, str]
Place = tuple[int | None, str]


def places(week: Week) -> dict[Place, Entry]:
    """(weekday, key) -> entry."""
    return {(s.weekday, entry.key): entry for s in week.sessions for entry in s.entries}


def mean_rpe(week: Week) -> float:
    """Mean RPE of the week's strength exercises, 0 without any."""
    rpes = [entry.rpe for entry in week.strength]
    return sum(rpes) / len(rpes) if rpes else 0.0


def load_step(plan: Plan) -> Iterator[Finding]:
    """A load in kg or %1RM rises by at most 5 % (upper body) or 10 % (lower body), in kg also by
    2.5 kg; the week's mean RPE by at most 1.

    Lower body is a squat, lunge or hinge, or an exercise whose primary muscles are all in the
    legs. Source: ACSM 2009.
    """
    for before, week in plan.build_steps():
        if mean_rpe(week) > mean_rpe(before) + 1 + 1e-6:
            yield week.where, f"mean RPE {mean_rpe(before):.1f} -> {mean_rpe(week):.1f}"
        old = places(before)
        for place, entry in places(week).items():
            past = old.get(place)
            if past is None or past.load_type != entry.load_type:
                continue
            if entry.load_type not in ("kg", "pct_1rm"):
                continue
            most = past.load_value * (1.10 if entry.lower else 1.05)
            most = max(most, past.load_value + 2.5) if entry.load_type == "kg" else most
            if entry.load_value > most + 1e-6:
                yield entry.where, f"load {past.load_value:g} -> {entry.load_value:g}"


def volume_step(plan: Plan) -> Iterator[Finding]:
    """A muscle's weekly sets rise by at most 20 % or 2 sets. Source: ACSM 2009."""
    for before, week in plan.build_steps():
        for muscle, sets in sorted(week.volume.items()):
            past = before.volume.get(muscle, 0.0)
            if sets > past + max(2.0, 0.2 * past) + 1e-6:
                yield week.where, f"{muscle} {past:g} -> {sets:g} sets"


def deload(plan: Plan) -> Iterator[Finding]:
    """At most 5 build weeks running (beginners 6), then a week with 35-65 % of the sets and each
    RPE lower by 2 (never asked below 3).

    Sets are cut first and isolation exercises second: every other exercise stays, none is new.
    A plan does not begin with a deload. Source: doi 10.1186/s40798-023-00633-0.
    """
    running, last = 0, None
    for week in plan.weeks:
        if week.phase == "build":
            running, last = running + 1, week
            if running > tables.BUILD_WEEKS_RUNNING[plan.level]:
                yield week.where, f"is the {running}th build week running"
            continue
        running = 0
        if last is None:
            yield week.where, "is a deload with no build week before it"
        else:
            yield from _lighter(last, week)


def _lighter(before: Week, week: Week) -> Iterator[Finding]:
    if before.sets and not 0.35 <= week.sets / before.sets <= 0.65:
        yield week.where, f"has {week.sets} of {before.sets} sets; expected 35 to 65 %"
    old, new = places(before), places(week)
    for place, past in old.items():
        if past.strength and past.block != "isolation" and place not in new:
            yield week.where, f"drops {past.key}, which is no isolation exercise"
    for place, entry in new.items():
        known = old.get(place)
        if known is None:
            yield entry.where, f"{entry.key} is new in a deload"
        elif entry.strength and entry.rpe > max(known.rpe - 2, tables.GENTLE_RPE):
            yield entry.where, f"rpe {known.rpe:g} -> {entry.rpe:g}; expected 2 less"


def progression_monotone(plan: Plan) -> Iterator[Finding]:
    """From build week to build week no strength exercise loses sets, reps or seconds, unless its
    load, RPE or variant rises.

    A kg or %1RM load must rise in its number, an RPE load may rise by the event load_up, a
    bodyweight exercise only by variant_up. An exercise may vanish only when one of its pattern
    with the event variant_up stands in its place. Source: ACSM.
    """
    for before, week in plan.build_steps():
        new = places(week)
        for (weekday, key), past in places(before).items():
            if not past.strength:
                continue
            entry = new.get((weekday, key))
            if entry is not None:
                yield from _loss(past, entry)
            elif not _replaced(weekday, past, new):
                yield week.where, f"{key} vanishes from weekday {weekday}"


def _loss(past: Entry, entry: Entry) -> Iterator[Finding]:
    if _harder(past, entry):
        return
    for name, was, now in (
        ("sets", past.sets, entry.sets),
        ("reps", past.reps, entry.reps),
        ("seconds", past.hold or 0, entry.hold or 0),
    ):
        if now < was:
            yield entry.where, f"{name} {was:g} -> {now:g} with no harder load, RPE or variant"


def _harder(past: Entry, entry: Entry) -> bool:
    if entry.rpe > past.rpe or entry.event == "variant_up":
        return True
    if entry.load_type in ("kg", "pct_1rm") and entry.load_type == past.load_type:
        return entry.load_value > past.load_value
    return entry.event == "load_up" and entry.load_type != "bodyweight"


def _replaced(weekday: int | None, past: Entry, new: dict[Place, Entry]) -> bool:
    return any(
        place[0] == weekday
        and entry.event == "variant_up"
        and entry.fact.pattern == past.fact.pattern
        for place, entry in new.items()
    )
