"""Rules about a week: days, volume, recovery, balance of patterns, cardio.

Days, minimum volume and patterns may be relaxed, but only by the exact report of what is
missing: a report that measures differently, or reports what is not missing, is a violation too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from . import tables
from .view import Plan, Session, as_list, as_map, as_number, as_text

Finding = tuple[str, str]
Gaps = Mapping[str, tuple[float, float]]
CARDIO_GOALS = ("weight_loss", "endurance")
CARDIO_RANGE = (150, 420)
CARDIO_FROM_GENTLE = 60


def _reported(plan: Plan, rule: str) -> list[tuple[str, Mapping[str, object]]]:
    listed = enumerate(as_list(plan.constraints.get("relaxed")))
    return [
        (f"constraints.relaxed[{i}]", as_map(item))
        for i, item in listed
        if as_map(item).get("id") == rule
    ]


def _match(plan: Plan, rule: str, gaps: Gaps) -> Iterator[Finding]:
    """Compare measured gaps {target: (wanted, got)} with their reports."""
    left = dict(gaps)
    for where, item in _reported(plan, rule):
        target = as_text(item.get("target"))
        gap = left.pop(target, None)
        told = (as_number(item.get("wanted"), -1.0), as_number(item.get("got"), -1.0))
        if gap is None:
            yield where, f"{rule} {target!r} is reported but not missing"
        elif abs(gap[0] - told[0]) > 1e-6 or abs(gap[1] - told[1]) > 1e-6:
            yield where, f"{target}: wanted, got are {told}; measured {gap}"
    for target, (wanted, got) in left.items():
        yield "constraints.relaxed", f"{rule} {target}: got {got:g} of {wanted:g}, not reported"


def most_days(plan: Plan) -> int:
    """Sessions a week that rest_day allows."""
    if plan.age is not None and plan.age < tables.ADULT_FROM:
        return 3
    return 5 if plan.gentle else 6


def days(plan: Plan) -> Iterator[Finding]:
    """As many sessions as wished, in every week; fewer only where rest_day forces it.

    Relaxable, with any text as target: wanted is the wish, got the sessions of a week.
    """
    allowed = min(plan.wished_days, most_days(plan))
    counts = {len(week.sessions) for week in plan.weeks}
    for week in plan.weeks:
        number = len(week.sessions)
        if number != allowed:
            yield week.where, f"{number} sessions; expected {allowed}"
    reports = _reported(plan, "days")
    if counts == {plan.wished_days} or not counts:
        for where, _ in reports:
            yield where, "days are reported but not missing"
        return
    told = [(item.get("wanted"), item.get("got")) for _, item in reports]
    if told != [(plan.wished_days, min(counts))]:
        yield (
            "constraints.relaxed",
            f"days: reported {told}; measured {(plan.wished_days, min(counts))}",
        )


def vol_min(plan: Plan) -> Iterator[Finding]:
    """Every major muscle gets 4, 6 or 8 weekly sets (by level) in build weeks. Relaxable: target
    is the muscle, got its lowest build week.

    Sources: doi 10.1007/s40279-021-01490-1 and 10.1007/s40279-025-02344-w.
    """
    wanted = tables.VOLUME_FLOORS[plan.level]
    gaps = {}
    for muscle in tables.MAJORS:
        got = min((week.volume.get(muscle, 0.0) for week in plan.builds), default=wanted)
        if got < wanted:
            gaps[muscle] = (wanted, got)
    yield from _match(plan, "vol_min", gaps)


def vol_max(plan: Plan) -> Iterator[Finding]:
    """No muscle of the vocabulary gets more than 12, 18 or 24 weekly sets (by level).

    Source: doi 10.1007/s40279-025-02344-w.
    """
    cap = tables.VOLUME_CAPS[plan.level]
    for week in plan.weeks:
        for muscle, sets in sorted(week.volume.items()):
            if sets > cap:
                yield week.where, f"{sets:g} sets of {muscle}; at most {cap:g}"


def patterns(plan: Plan) -> Iterator[Finding]:
    """Each week has a knee-dominant, a hinge, a push, a pull and a core exercise. Relaxable:
    target is the group, wanted 1, got 0; missing in one week is missing.

    Source: doi 10.1007/s40279-021-01490-1.
    """
    gaps = {
        group: (1.0, 0.0)
        for group in tables.PATTERN_GROUPS
        if any(week.pattern_sets(group) == 0 for week in plan.weeks)
    }
    yield from _match(plan, "patterns", gaps)


def push_pull(plan: Plan) -> Iterator[Finding]:
    """Weekly sets: 4 push <= 5 pull + 8 and 4 pull <= 6 push + 8 (convention); a painful
    shoulder wants pull >= push. Free where one side is reported missing (impossible), but for
    the shoulder: without a pull it gets no push."""
    missing = {as_text(item.get("target")) for _, item in _reported(plan, "patterns")}
    for week in plan.weeks:
        push, pull = week.pattern_sets("push"), week.pattern_sets("pull")
        lopsided = 4 * push > 5 * pull + 8 or 4 * pull > 6 * push + 8
        if lopsided and not missing & {"push", "pull"}:
            yield week.where, f"{push} sets of push against {pull} of pull"
        if "shoulder" in plan.conditions and pull < push:
            yield week.where, f"{push} sets of push above {pull} of pull with a shoulder"


def _major_primaries(session: Session) -> frozenset[str]:
    primaries = [entry.fact.primary for entry in session.strength]
    return frozenset().union(*primaries) & frozenset(tables.MAJORS)


def recovery48(plan: Plan) -> Iterator[Finding]:
    """No major muscle is primary on consecutive days. Sunday meets the Monday of the next week
    and, as weeks repeat, of its own. Source: ACSM."""
    for i, week in enumerate(plan.weeks):
        following = plan.weeks[i + 1] if i + 1 < len(plan.weeks) else week
        mondays = [*week.sessions, *following.sessions]
        for session in week.sessions:
            if session.weekday == 7:
                nexts = [other for other in mondays if other.weekday == 1]
            else:
                nexts = [o for o in week.sessions if o.weekday == (session.weekday or 0) + 1]
            for other in nexts:
                shared = sorted(_major_primaries(session) & _major_primaries(other))
                if shared:
                    yield other.where, f"trains {', '.join(shared)} on consecutive days"


def rest_day(plan: Plan) -> Iterator[Finding]:
    """At most 6 sessions a week, 5 for beginners and from 65 on. Source: ACSM."""
    for week in plan.weeks:
        if len(week.sessions) > most_days(plan):
            yield week.where, f"{len(week.sessions)} sessions; at most {most_days(plan)}"


def cardio_dose(plan: Plan) -> Iterator[Finding]:
    """weight_loss and endurance: a target of 150-420 minutes every week (from 60 for beginners,
    from 65 years on, with any condition), met by in-session plus outside minutes.

    in_session_minutes is the sum of the sessions' cardio; timed exercises of the cardio block
    may be counted in. From week to week both target and total rise by at most 20 % or 15
    minutes, measured from the higher of the last week and the last build week. Each cardio has
    an RPE; a heart-rate zone needs a known age (at most 208 - 0.7 age) and no beta blocker.
    Source: WHO 2020.
    """
    for week in plan.weeks:
        yield from _weekly_sum(plan, week.where, week.cardio, week.sessions)
    for session in plan.sessions():
        if session.cardio:
            yield from _cardio_intensity(plan, session)
    base: tuple[float, float] | None = None
    for week in plan.weeks:
        dose = (as_number(week.cardio.get("target_minutes")), _done(week.cardio))
        if base is not None and base[1] > 0:
            for name, before, now in zip(("target", "total"), base, dose, strict=True):
                if now > max(1.2 * before, before + 15) + 1e-6:
                    yield f"{week.where}.weekly_cardio", f"{name} {before:g} -> {now:g} min"
        if base is None or week.phase == "build":
            base = dose
        else:
            base = (max(base[0], dose[0]), max(base[1], dose[1]))


def _done(cardio: Mapping[str, object]) -> float:
    return as_number(cardio.get("in_session_minutes")) + as_number(cardio.get("outside_minutes"))


def _weekly_sum(
    plan: Plan, where: str, cardio: Mapping[str, object], sessions: tuple[Session, ...]
) -> Iterator[Finding]:
    measured = sum(as_number(session.cardio.get("minutes")) for session in sessions)
    timed = sum(
        entry.sets * entry.work_seconds / 60
        for session in sessions
        for entry in session.entries
        if entry.block == "cardio"
    )
    if cardio:
        told = as_number(cardio.get("in_session_minutes"))
        if not measured - 1e-6 <= told <= measured + timed + 1e-6:
            yield f"{where}.weekly_cardio", f"in_session is {told:g}; measured {measured:g}"
        if _done(cardio) + 1e-6 < as_number(cardio.get("target_minutes")):
            yield f"{where}.weekly_cardio", "in-session and outside minutes miss the target"
    if plan.goal in CARDIO_GOALS:
        low, high = CARDIO_RANGE
        low = CARDIO_FROM_GENTLE if plan.gentle or plan.conditions else low
        target = as_number(cardio.get("target_minutes"))
        if not low <= target <= high:
            yield f"{where}.weekly_cardio", f"target {target:g} min; expected {low} to {high}"


def _cardio_intensity(plan: Plan, session: Session) -> Iterator[Finding]:
    cardio, where = session.cardio, f"{session.where}.cardio"
    if not 1 <= as_number(cardio.get("rpe")) <= 10:
        yield where, "has no RPE"
    low, high = cardio.get("hr_low"), cardio.get("hr_high")
    if low is None and high is None:
        return
    if plan.age is None or not tables.NO_PULSE_ZONES.isdisjoint(plan.conditions):
        yield where, "has a heart-rate zone without a known age or where the pulse misleads"
    elif not 40 <= as_number(low) < as_number(high) <= round(208 - 0.7 * plan.age):
        yield where, f"heart-rate zone {low!r} to {high!r} is not possible at age {plan.age}"
