"""Rules about this client's health: what conditions forbid, when to stop, how hard it may be.

Each rule is a pure function of the plan that yields (where, message) findings. Where a source
leaves room, the docstring says which reading was taken; it is always the safer one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import timedelta

from . import tables
from .names import has_impact, plain_name, tags_of_name
from .offer_rules import offered
from .view import (
    Entry,
    Fact,
    Plan,
    Session,
    as_day,
    as_list,
    as_map,
    as_number,
    as_text,
    as_words,
    requested_codes,
)

Finding = tuple[str, str]
WALKING = re.compile(r"\b(walk\w*|march\w*|stroll\w*)\b")
CONTACT_SECONDS = 1.0
_ARMS = re.compile(r"\bseated\b.*\b(arms?|punch\w*)\b")
_LEANS = re.compile(r"\b(rest|put|place|lean)\b[^.]*\b(arm|hand)\b[^.]*\b(bench|chair|box)\b")
_ON_FEET = re.compile(r"\b(walk\w*|stand\w*|steps?|march\w*|hips?|legs?|foot|heel)\b")


def forbidden(row: tables.Condition, fact: Fact) -> list[str]:
    """Why `row` forbids an exercise; empty when it does not."""
    found = sorted(row.tags & fact.tags)
    for name in ("impact", "axial", "valsalva", "fall_risk"):
        if getattr(fact, name) >= getattr(row, name):
            found.append(f"{name} {getattr(fact, name)}")
    if row.joint and as_number(fact.stress.get(row.joint)) >= 2:
        found.append(f"{row.joint} stress")
    overhead = "overhead" in fact.tags or fact.pattern == "v_push"
    if row.barbell_overhead and "barbell" in fact.gear and overhead:
        found.append("barbell overhead")
    if row.loaded_jump and fact.impact and fact.gear & tables.IMPLEMENTS:
        found.append("loaded jump")
    if row.power and fact.pattern == "power":
        found.append("fast and forceful")
    if row.arms_only:
        found += _beyond_the_arms(fact)
    if row.one_hand and _two_handed(fact):
        found.append("two-handed")
    return found


def _two_handed(fact: Fact) -> bool:
    """Whether both hands hold, pull, press or bear the body; stretching leaves one out.

    A weight in one-sided work of the legs hangs from both hands, and a hand on a bench or chair
    bears the trunk.
    """
    if fact.tags & {"quadruped", "hanging", "inverted"}:
        return True
    if fact.pattern == "mobility":
        return False
    if fact.pattern in ("h_pull", "h_push") and _LEANS.search(_directions(fact)):
        return True
    sided = fact.sides == 2
    pushed = fact.pattern in ("h_push", "v_push", "h_pull", "v_pull")
    by_the_arm = pushed or fact.pattern == "carry" or fact.pattern.startswith("iso_")
    if fact.gear & (tables.IMPLEMENTS - {"machine", "cable", "bands"}) or "jump_rope" in fact.gear:
        return not (sided and by_the_arm)
    if not sided and (pushed or "bands" in fact.gear):
        return True
    strained = any(as_number(fact.stress.get(joint)) for joint in ("shoulder", "elbow", "wrist"))
    return strained and not (sided and by_the_arm)


def _directions(fact: Fact) -> str:
    return plain_name(" ".join(as_text(line) for line in as_list(fact.raw.get("instructions"))))


def _beyond_the_arms(fact: Fact) -> list[str]:
    """What an exercise asks beside the arms of somebody seated; hands do the stretching."""
    found = [] if "seated" in fact.tags else ["not seated"]
    muscles = fact.primary | (fact.secondary if fact.pattern == "cardio" else frozenset())
    standing = tables.LOWER_PATTERNS | {"carry", "power", "core_anti", "core_flex"}
    if fact.pattern != "mobility" and (fact.pattern in standing or muscles & tables.LOWER_MUSCLES):
        found.append("work of the legs")
    return found


def contra_flag(plan: Plan) -> Iterator[Finding]:
    """No exercise, drill or cardio breaks a row of the condition table.

    Every screened code counts, whatever its evidence, plus older_adult and youth by age, plus a
    requested condition that is a code word for word. An unknown code gets the row of
    other_condition, pregnancy without or with a trimester the row of a late one. A hold is any
    timed set that is not walking, mobility or balance, or is tagged isometric. Warm-up and
    cool-down drills that are exercises are judged by their tags, others by their names. The main
    app's own exercises (key app_...) are for clients without any condition.
    Sources: PMC10959113, ACOG 804, AHA 2023, doi 10.1249/MSS.0000000000002800.
    """
    yield from _screening_complete(plan)
    rows = plan.rules_of_conditions
    for where, fact in offered(plan):
        if rows and fact.key.startswith(tables.APP_KEY_PREFIX):
            yield where, f"{fact.key} has no tags judged by hand; not for any condition"
        for code, row in rows.items():
            for reason in forbidden(row, fact):
                yield where, f"{fact.key} is {reason}, forbidden for {code}"
    for entry in plan.entries():
        if entry.hold is None or not _is_hold(entry):
            continue
        for code, row in rows.items():
            if entry.hold > row.hold_seconds:
                yield entry.where, f"holds {entry.hold:g} s; {code} allows {row.hold_seconds}"
    by_name = {plain_name(fact.name): fact for fact in plan.facts.values()}
    for session in plan.sessions():
        yield from _drills(session, rows, by_name)
        impact = as_number(session.cardio.get("impact"))
        for code, row in rows.items():
            if session.cardio and impact >= row.impact:
                yield f"{session.where}.cardio", f"impact {impact:g} is forbidden for {code}"
            kind = plain_name(as_text(session.cardio.get("type")))
            if session.cardio and row.arms_only and not _ARMS.search(kind):
                yield f"{session.where}.cardio", f"{kind!r} is not done with the arms alone"


def _screening_complete(plan: Plan) -> Iterator[Finding]:
    """A named or evidenced condition may not vanish on the way to `conditions`."""
    screened = as_words(plan.screened.get("conditions"))
    for code in sorted(requested_codes(plan.request) - screened):
        yield "screening.conditions", f"lacks {code}, which the request names"
    for i, item in enumerate(as_list(plan.screened.get("evidence"))):
        found = as_map(item)
        if found.get("verdict") == "active" and found.get("code") not in screened:
            yield f"screening.evidence[{i}]", f"{found.get('code')} is active but not screened"


def _is_hold(entry: Entry) -> bool:
    gentle = entry.fact.pattern in tables.GENTLE_PATTERNS or entry.block == "cardio"
    return not gentle or "isometric" in entry.fact.tags


def _drills(
    session: Session, rows: dict[str, tables.Condition], by_name: dict[str, Fact]
) -> Iterator[Finding]:
    for part in ("warmup", "cooldown"):
        for i, drill in enumerate(session.warmup if part == "warmup" else session.cooldown):
            name = as_text(drill.get("name"))
            where = f"{session.where}.{part}[{i}]"
            fact = by_name.get(plain_name(name))
            for code, row in rows.items():
                if fact is not None:
                    reasons = forbidden(row, fact)
                else:
                    reasons = sorted(row.tags & tags_of_name(name))
                    reasons += ["impact"] if row.impact < 3 and has_impact(name) else []
                    if row.arms_only and _ON_FEET.search(plain_name(name)):
                        reasons.append("done on the feet")
                for reason in reasons:
                    yield where, f"{name!r} is {reason}, forbidden for {code}"


def clearance(plan: Plan) -> Iterator[Finding]:
    """A red flag stops everything but walking, mobility and balance at RPE <= 3, until cleared.

    Cleared: `cleared` is true, `by` is not empty, `date` is a day of the last 365 (measured from
    the request's as_of, else from generated_at; without either no clearance can be dated, so
    none counts). The codes of NEVER_LIFTED_IF_NEWER are lifted only where their evidence carries
    a `date` not newer than the clearance. A stop without a red flag is a violation as well.
    """
    open_flags = _open_red_flags(plan)
    required = as_map(plan.screened.get("clearance"))
    if open_flags and plan.status != "needs_clearance":
        yield "status", f"is {plan.status} in spite of {', '.join(open_flags)}"
    if not open_flags and plan.status == "needs_clearance":
        yield "status", "is needs_clearance without an open red flag"
    if bool(required.get("required")) != bool(open_flags):
        yield "screening.clearance.required", f"is {required.get('required')!r}"
    if open_flags and not as_list(required.get("reasons")):
        yield "screening.clearance.reasons", f"is empty; expected {', '.join(open_flags)}"
    if not plan.trains:
        yield from _only_gentle(plan)


def _open_red_flags(plan: Plan) -> list[str]:
    flags = sorted(plan.conditions & tables.RED_FLAGS)
    given = as_map(plan.request.get("clearance"))
    cleared_on = as_day(given.get("date"))
    provenance = as_map(plan.result.get("provenance"))
    today = as_day(plan.request.get("as_of")) or as_day(provenance.get("generated_at"))
    if given.get("cleared") is not True or not as_text(given.get("by")).strip():
        return flags
    if cleared_on is None or today is None:
        return flags
    if not timedelta(0) <= today - cleared_on <= timedelta(days=tables.CLEARANCE_DAYS):
        return flags
    evidence = [as_map(item) for item in as_list(plan.screened.get("evidence"))]

    def older(code: str) -> bool:
        active = [e for e in evidence if e.get("code") == code and e.get("verdict") == "active"]
        days = [as_day(item.get("date")) for item in active]
        return bool(days) and all(day is not None and day <= cleared_on for day in days)

    return [code for code in flags if code in tables.NEVER_LIFTED_IF_NEWER and not older(code)]


def _only_gentle(plan: Plan) -> Iterator[Finding]:
    for entry in plan.entries():
        if not _is_gentle(entry.fact):
            yield entry.where, f"{entry.key} is no walking, mobility or balance"
        if entry.rpe > tables.GENTLE_RPE:
            yield entry.where, f"rpe {entry.rpe:g} is above {tables.GENTLE_RPE:g}"
    for session in plan.sessions():
        cardio = session.cardio
        if not cardio:
            continue
        if not WALKING.search(plain_name(as_text(cardio.get("type")))):
            yield f"{session.where}.cardio", f"{cardio.get('type')!r} is no walking"
        if as_number(cardio.get("rpe"), 10.0) > tables.GENTLE_RPE:
            yield f"{session.where}.cardio", f"rpe is above {tables.GENTLE_RPE:g}"
    if plan.status != "needs_clearance":
        return
    for where, item in plan.recommendations:
        fact = plan.facts.get(as_text(item.get("key")))
        if fact is not None and not _is_gentle(fact):
            yield where, f"{fact.key} is no walking, mobility or balance"
        if as_number(item.get("rpe"), 10.0) > tables.GENTLE_RPE:
            yield where, f"rpe is above {tables.GENTLE_RPE:g}"


def _is_gentle(fact: Fact) -> bool:
    walking = fact.pattern == "cardio" and WALKING.search(plain_name(fact.name))
    return bool(walking) or fact.pattern in ("mobility", "balance")


def intensity(plan: Plan) -> Iterator[Finding]:
    """RPE <= 8 for beginners, 9 for others, less where a condition says so; a load in %1RM or kg
    only where that exercise's e1RM is known; an RPE load repeats the RPE. The caps hold for
    cardio too. Sources: ACSM, AHA 2023."""
    cap = min(
        [tables.RPE_CAPS[plan.level]] + [row.rpe for row in plan.rules_of_conditions.values()]
    )
    e1rm = as_map(as_map(plan.result.get("profile")).get("e1rm"))
    for entry in plan.entries():
        if entry.rpe > cap:
            yield entry.where, f"rpe {entry.rpe:g} is above {cap:g}"
        if entry.load_type == "rpe" and entry.load_value != entry.rpe:
            yield f"{entry.where}.load", f"{entry.load_value:g} differs from rpe {entry.rpe:g}"
        if entry.load_type in ("pct_1rm", "kg"):
            if not as_number(e1rm.get(entry.key)) and not as_number(e1rm.get(entry.name)):
                yield f"{entry.where}.load", f"{entry.load_type} without a known e1RM"
            if not 0 < entry.load_value <= (100 if entry.load_type == "pct_1rm" else 1_000):
                yield f"{entry.where}.load", f"{entry.load_value:g} is no {entry.load_type}"
    for session in plan.sessions():
        if as_number(session.cardio.get("rpe")) > cap:
            yield f"{session.where}.cardio", f"rpe is above {cap:g}"
    for where, item in plan.recommendations:
        if as_number(item.get("rpe")) > cap and plan.status == "infeasible":
            yield where, f"rpe is above {cap:g}"


def impact_ramp(plan: Plan) -> Iterator[Finding]:
    """Jumps only from level 1, with a known age under 65 and no joint, heart, blood pressure,
    bone or pregnancy code; <= 100 contacts per exercise and session, 300 a week.

    A timed jump counts a contact a second, a one-sided one both sides; cardio of impact 2 counts
    a contact a second as well. Joint codes are low_back, neck and shoulder too. Source: NSCA.
    """
    open_to_jumps = (
        plan.level >= 1
        and plan.age is not None
        and plan.age < 65
        and not plan.conditions & tables.NO_JUMP_CODES
        and not any(code.startswith("pregnan") for code in plan.conditions)
    )
    for week in plan.weeks:
        total = 0
        for where, contacts in _contacts(week.sessions):
            total += contacts
            if not open_to_jumps:
                yield where, "impact 2 is not open to this client"
            if contacts > tables.CONTACTS_PER_EXERCISE:
                yield where, f"{contacts} contacts; at most {tables.CONTACTS_PER_EXERCISE}"
        if total > tables.CONTACTS_PER_WEEK:
            yield week.where, f"{total} contacts; at most {tables.CONTACTS_PER_WEEK} a week"


def _contacts(sessions: tuple[Session, ...]) -> Iterator[tuple[str, int]]:
    for session in sessions:
        for entry in session.entries:
            if entry.fact.impact >= 2:
                once = entry.reps if entry.hold is None else entry.hold / CONTACT_SECONDS
                yield entry.where, math.ceil(entry.sets * once * entry.fact.sides)
        if as_number(session.cardio.get("impact")) >= 2:
            seconds = 60 * as_number(session.cardio.get("minutes"))
            yield f"{session.where}.cardio", math.ceil(seconds / CONTACT_SECONDS)


def balance65(plan: Plan) -> Iterator[Finding]:
    """From 65 on every session has a balance drill: an exercise of the pattern balance, or a
    warm-up or cool-down item of the kind balance. Deload weeks and safe minimums too.
    Source: WHO 2020."""
    if not plan.older:
        return
    for session in plan.sessions():
        drilled = any(entry.fact.pattern == "balance" for entry in session.entries)
        kinds = [drill.get("kind") for drill in (*session.warmup, *session.cooldown)]
        if not drilled and "balance" not in kinds:
            yield session.where, "has no balance drill"
