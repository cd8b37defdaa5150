"""Rule schema: the answer has the agreed keys, types and ranges, and its parts agree.

Extra keys are allowed, missing or mistyped ones are not. The tables below read like the format
itself: key -> what it must be.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from . import tables
from .view import (
    NUMBERS,
    Json,
    Plan,
    Session,
    as_list,
    as_map,
    as_number,
    as_text,
    as_whole,
    as_words,
    believable_age,
    fold_equipment,
)

Finding = tuple[str, str]
RELAXABLE = ("days", "vol_min", "patterns")
LONGEST_BUILT_WEEKS = 16
MARKUP = re.compile(r"</?[a-z!]|```|\*\*|\]\(|https?://|^#+ ", re.IGNORECASE | re.MULTILINE)
MISSING = object()
PLAIN_KEYS = ("reason", "notes", "exercise")


class Kind(NamedTuple):
    """What a value must be, in words and as a test."""

    wanted: str
    fits: Callable[[object], bool]


def _is_number(value: object) -> bool:
    return isinstance(value, NUMBERS) and not isinstance(value, bool) and math.isfinite(value)


def whole(low: int, high: int) -> Kind:
    """A whole number from `low` to `high`."""
    return Kind(
        f"a whole number from {low} to {high}",
        lambda v: isinstance(v, int) and not isinstance(v, bool) and low <= v <= high,
    )


def number(low: float, high: float) -> Kind:
    """A finite number from `low` to `high`."""
    return Kind(
        f"a number from {low:g} to {high:g}",
        lambda v: isinstance(v, NUMBERS) and not isinstance(v, bool) and low <= v <= high,
    )


def one_of(*words: str) -> Kind:
    """One of a closed list of words."""
    return Kind("one of " + ", ".join(words), lambda v: isinstance(v, str) and v in words)


def maybe(kind: Kind) -> Kind:
    """Null, or `kind`."""
    return Kind(f"null or {kind.wanted}", lambda v: v is None or kind.fits(v))


def some_of(words: frozenset[str]) -> Kind:
    """A list of words, all from a closed list."""
    return Kind(
        "a list of known words",
        lambda v: isinstance(v, list) and all(isinstance(w, str) and w in words for w in v),
    )


TEXT = Kind("a non-empty text", lambda v: isinstance(v, str) and bool(v.strip()))
ANY_TEXT = Kind("a text", lambda v: isinstance(v, str))
FLAG = Kind("true or false", lambda v: isinstance(v, bool))
LIST = Kind("a list", lambda v: isinstance(v, list))
OBJECT = Kind("an object", lambda v: isinstance(v, Mapping))
GRADE = whole(0, 2)
RPE = number(1, 10)
MUSCLES = some_of(tables.MUSCLES)
GEAR = some_of(tables.EQUIPMENT | tables.ALWAYS_THERE)

ANSWER = {
    "status": one_of(*tables.STATUSES),
    "kind": one_of("plan", "recommendations"),
    "client_id": whole(1, 2**63 - 1),
    "duration_weeks": whole(1, 52),
    "focus_areas": LIST,
    "recommendations": LIST,
    "weeks": LIST,
    "exercise_facts": OBJECT,
    "profile": OBJECT,
    "screening": OBJECT,
    "constraints": OBJECT,
    "quality": OBJECT,
    "weekly_volume": OBJECT,
    "progression_rules": LIST,
    "summary": TEXT,
    "disclaimer": TEXT,
}
ENVELOPE = {
    "source": one_of("ai_orchestrator"),
    "data_warnings": LIST,
    "provenance": OBJECT,
}
PROVENANCE = {
    "algorithm": TEXT,
    "version": TEXT,
    "input_sha256": TEXT,
    "llm": OBJECT,
    "elapsed_ms": number(0, math.inf),
    "generated_at": TEXT,
}
PROFILE = {
    "goal": one_of(*tables.GOALS),
    "level": one_of(*tables.LEVELS),
    "minutes": whole(10, 120),
    "sessions_per_week": whole(1, 7),
    "duration_weeks": whole(1, 52),
    "equipment": LIST,
    "age": maybe(whole(4, 110)),
    "sources": OBJECT,
}
SCREENING = {
    "conditions": LIST,
    "evidence": LIST,
    "excluded_count": whole(0, 100_000),
    "clearance": OBJECT,
}
EVIDENCE = {
    "code": TEXT,
    "span": ANY_TEXT,
    "source": TEXT,
    "by": one_of("lexicon", "llm"),
    "verdict": TEXT,
}
CONSTRAINTS = {
    "passed": LIST,
    "failed": LIST,
    "relaxed": LIST,
    "conflict": LIST,
    "minimal": FLAG,
}
RECOMMENDATION = {
    "id": TEXT,
    "exercise": TEXT,
    "sets": whole(1, 10),
    "reps": whole(1, 100),
    "reason": TEXT,
    "difficulty": one_of(*tables.LEVELS),
    "source": one_of("ai_orchestrator"),
    "key": TEXT,
    "exercise_id": maybe(whole(1, 2**63 - 1)),
    "rest_seconds": whole(0, 600),
    "rpe": RPE,
    "display": TEXT,
}
WEEK = {
    "week": whole(1, LONGEST_BUILT_WEEKS),
    "phase": one_of(*tables.PHASES),
    "weekly_cardio": maybe(OBJECT),
    "workouts": LIST,
}
WEEKLY_CARDIO = {
    "target_minutes": number(0, 10_000),
    "in_session_minutes": number(0, 10_000),
    "outside_minutes": number(0, 10_000),
}
WORKOUT = {
    "day": whole(1, 7),
    "weekday": whole(1, 7),
    "title": TEXT,
    "estimated_minutes": whole(1, 600),
    "template_rows": LIST,
    "warmup": LIST,
    "cooldown": LIST,
    "cardio": maybe(OBJECT),
    "exercises": LIST,
}
WARMUP = {"name": TEXT, "seconds": number(0, 3_600)}
CARDIO = {"type": TEXT, "minutes": number(1, 120), "impact": GRADE}
ENTRY = {
    "key": TEXT,
    "exercise": TEXT,
    "exercise_id": maybe(whole(1, 2**63 - 1)),
    "order": whole(1, 50),
    "block": one_of(*tables.BLOCKS),
    "sets": whole(1, 10),
    "reps": whole(1, 100),
    "duration_seconds": maybe(whole(1, 7_200)),
    "rest_seconds": whole(0, 600),
    "ramp_sets": whole(0, 10),
    "rpe": RPE,
    "load": OBJECT,
    "notes": maybe(ANY_TEXT),
    "difficulty": one_of(*tables.LEVELS),
    "reason": TEXT,
}
LOAD_TYPE = one_of("rpe", "pct_1rm", "kg", "bodyweight")
FACT = {
    "name": TEXT,
    "pattern": one_of(*sorted(tables.PATTERNS)),
    "prim": MUSCLES,
    "sec": MUSCLES,
    "equipment": GEAR,
    "needs": GEAR,
    "level": GRADE,
    "compound": FLAG,
    "unilateral": FLAG,
    "impact": GRADE,
    "axial": GRADE,
    "position": one_of(*sorted(tables.POSITIONS)),
    "joint_stress": OBJECT,
    "valsalva": GRADE,
    "fall_risk": GRADE,
    "flags": some_of(tables.FLAGS),
    "measure": one_of("reps", "seconds"),
    "seconds_per_rep": number(2, 8),
    "setup_seconds": number(15, 600),
    "instructions": LIST,
    "cues": LIST,
}


def compare(where: str, value: object, spec: Mapping[str, Kind]) -> list[Finding]:
    """What `value` lacks of `spec`."""
    given = as_map(value)
    found = []
    for key, (wanted, fits) in spec.items():
        item = given.get(key, MISSING)
        if item is MISSING:
            found.append((where, f"{key} is missing; expected {wanted}"))
        elif not fits(item):
            found.append((f"{where}.{key}", f"is {_shown(item)}; expected {wanted}"))
    return found


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _each(where: str, value: object, spec: Mapping[str, Kind]) -> Iterator[Finding]:
    for i, item in enumerate(as_list(value)):
        yield from compare(f"{where}[{i}]", item, spec)


def answer_shape(plan: Plan) -> Iterator[Finding]:
    """Top level, envelope, profile, screening, constraints, recommendations."""
    result = plan.result
    yield from compare("result", result, ANSWER)
    if plan.envelope:
        yield from compare("result", result, ENVELOPE)
        yield from compare("provenance", result.get("provenance"), PROVENANCE)
    if "workout_optimization" in result:
        yield "workout_optimization", "the main app would read this key instead of the answer"
    yield from compare("profile", result.get("profile"), PROFILE)
    yield from compare("screening", plan.screened, SCREENING)
    yield from _each("screening.evidence", plan.screened.get("evidence"), EVIDENCE)
    yield from compare("constraints", plan.constraints, CONSTRAINTS)
    yield from _each("recommendations", result.get("recommendations"), RECOMMENDATION)
    for key, value in as_map(result.get("exercise_facts")).items():
        yield from compare(f"exercise_facts.{key}", value, FACT)
        stress = as_map(as_map(value).get("joint_stress"))
        for joint, degree in stress.items():
            if joint not in tables.JOINTS or not whole(0, 3).fits(degree):
                yield f"exercise_facts.{key}.joint_stress", f"{joint} {_shown(degree)} is unknown"


def weeks_shape(plan: Plan) -> Iterator[Finding]:
    """Weeks, workouts and exercises: types, numbering, rising weekdays."""
    for i, week in enumerate(plan.weeks):
        raw = as_map(as_list(plan.result.get("weeks"))[i])
        yield from compare(week.where, raw, WEEK)
        if raw.get("weekly_cardio") is not None:
            yield from compare(f"{week.where}.weekly_cardio", week.cardio, WEEKLY_CARDIO)
        if raw.get("week") != i + 1:
            yield week.where, f"week is {_shown(raw.get('week'))}; expected {i + 1}"
        yield from _numbering(week.where, week.sessions)
        for session in week.sessions:
            yield from workout_shape(session)


def _numbering(where: str, sessions: tuple[Session, ...]) -> Iterator[Finding]:
    days = [session.raw.get("day") for session in sessions]
    if days != list(range(1, len(days) + 1)):
        yield where, f"days are numbered {_shown(days)}; expected 1, 2, 3, ..."
    weekdays = [session.weekday or 0 for session in sessions]
    if any(a >= b for a, b in pairwise(weekdays)):
        yield where, f"weekdays are {_shown(weekdays)}; expected rising ones"


def workout_shape(session: Session) -> Iterator[Finding]:
    """One workout and its exercises, cardio, warm-up and rows for the main app."""
    yield from compare(session.where, session.raw, WORKOUT)
    yield from _each(f"{session.where}.warmup", session.warmup, WARMUP)
    yield from _each(f"{session.where}.cooldown", session.cooldown, WARMUP)
    if session.raw.get("cardio") is not None:
        yield from compare(f"{session.where}.cardio", session.cardio, CARDIO)
    for entry in session.entries:
        yield from compare(entry.where, entry.raw, ENTRY)
        if not LOAD_TYPE.fits(as_map(entry.raw.get("load")).get("type")):
            yield f"{entry.where}.load.type", f"expected {LOAD_TYPE.wanted}"
        if entry.event and entry.event not in ("load_up", "variant_up"):
            yield f"{entry.where}.progress_event", "expected load_up or variant_up"
        if entry.raw.get("difficulty") != tables.LEVELS[min(2, max(0, entry.fact.level))]:
            yield f"{entry.where}.difficulty", "does not name the level of the exercise"
    sets = {as_whole(e.raw.get("exercise_id")): e.sets for e in session.entries}
    for i, item in enumerate(as_list(session.raw.get("template_rows"))):
        row = as_map(item)
        chosen = as_whole(row.get("exercise_id"))
        if chosen is None or sets.get(chosen) != row.get("sets"):
            yield f"{session.where}.template_rows[{i}]", "matches no exercise of this workout"


def plain_text(plan: Plan) -> Iterator[Finding]:
    """Texts a client reads hold no markup."""
    for key in ("summary", "disclaimer"):
        if MARKUP.search(as_text(plan.result.get(key))):
            yield key, "holds markup; expected plain text"
    for where, item in plan.recommendations:
        if MARKUP.search(as_text(item.get("reason"))):
            yield f"{where}.reason", "holds markup; expected plain text"
    clean: set[str] = set()
    for entry in plan.entries():
        for key in PLAIN_KEYS:
            text = as_text(entry.raw.get(key))
            if text not in clean and MARKUP.search(text):
                yield f"{entry.where}.{key}", "holds markup; expected plain text"
            clean.add(text)


def status_agrees(plan: Plan, rule_names: tuple[str, ...]) -> Iterator[Finding]:
    """Status, relaxations and conflicts tell one story; only known rules are named."""
    constraints = plan.constraints
    relaxed = [as_map(item) for item in as_list(constraints.get("relaxed"))]
    conflict = [as_map(item) for item in as_list(constraints.get("conflict"))]
    if bool(relaxed) != (plan.status == "relaxed") and plan.trains:
        yield "status", f"is {plan.status} with {len(relaxed)} relaxed rules"
    # A stop may add that the wishes leave nothing gentle to do; nothing else may give way to it.
    told = [] if plan.status == "needs_clearance" and _only_wishes(conflict) else conflict
    if bool(told) != (plan.status == "infeasible"):
        yield "constraints.conflict", f"{len(conflict)} conflicts with status {plan.status}"
    if as_list(constraints.get("failed")):
        yield "constraints.failed", "is not empty; a plan that fails a rule may not leave"
    for name in as_words(constraints.get("passed")) - set(rule_names):
        yield "constraints.passed", f"names {name}, which is no rule"
    for i, item in enumerate(relaxed):
        if item.get("id") not in RELAXABLE:
            yield f"constraints.relaxed[{i}]", f"{_shown(item.get('id'))} may not be relaxed"
        if not as_text(item.get("why")) or not as_text(item.get("suggestion")):
            yield f"constraints.relaxed[{i}]", "lacks why or suggestion"
    for i, item in enumerate(conflict):
        ids = as_list(item.get("ids"))
        if not ids or any(name not in rule_names for name in ids):
            yield f"constraints.conflict[{i}].ids", "expected the names of rules"
        if not as_text(item.get("why")) or not as_text(item.get("suggestion")):
            yield f"constraints.conflict[{i}]", "lacks why or suggestion"


def _only_wishes(conflict: list[Json]) -> bool:
    return all(as_list(item.get("ids")) == ["clearance", "avoid_list"] for item in conflict)


def wishes_kept(plan: Plan) -> Iterator[Finding]:
    """The profile repeats what the request wished, and the counts follow it."""
    asked, profile = plan.request, as_map(plan.result.get("profile"))
    same = (
        ("time_per_session", "minutes"),
        ("sessions_per_week", "sessions_per_week"),
        ("duration_weeks", "duration_weeks"),
    )
    for wish, kept in same:
        given = as_whole(asked.get(wish))
        if given is not None and given != profile.get(kept):
            yield f"profile.{kept}", f"is {_shown(profile.get(kept))}; the request said {given}"
    age = believable_age(asked.get("age"))
    if age is not None and profile.get("age") != age:
        yield "profile.age", f"is {_shown(profile.get('age'))}; the request said {age}"
    known = tables.EQUIPMENT | tables.ALWAYS_THERE | {"gym"}
    for word in sorted(as_words(profile.get("equipment"))):
        if fold_equipment(word) not in known:
            yield "profile.equipment", f"{_shown(word)} is no equipment id"
    yield from _counts(plan, as_whole(profile.get("duration_weeks")) or 0)


def _counts(plan: Plan, wished_weeks: int) -> Iterator[Finding]:
    count = len(plan.recommendations)
    wished = as_whole(plan.request.get("count"))
    first = plan.weeks[0].entries() if plan.weeks else ()
    if wished is not None and 3 <= wished <= 5 and plan.trains:
        # A short week may hold fewer exercises than were asked for; then all of them are shown.
        possible = min(wished, max(3, len({entry.key for entry in first})))
        if count != possible:
            yield "recommendations", f"{count} items; the request said {wished}"
    if not 3 <= count <= 5:
        yield "recommendations", f"{count} items; expected 3 to 5"
    ids = [item.get("id") for _, item in plan.recommendations]
    if len({str(name) for name in ids}) != len(ids):
        yield "recommendations", "two items share an id"
    keys = [item.get("key") for _, item in plan.recommendations]
    if len({str(key) for key in keys}) != len(keys):
        yield "recommendations", "two items are the same exercise"
    built = min(wished_weeks, LONGEST_BUILT_WEEKS)
    if plan.trains and len(plan.weeks) != built:
        yield "weeks", f"{len(plan.weeks)} weeks; expected {built}"
    if plan.result.get("duration_weeks") not in (wished_weeks, built):
        yield "duration_weeks", f"disagrees with the profile's {wished_weeks}"
    if wished_weeks > built and plan.envelope and not as_list(plan.result.get("data_warnings")):
        yield "data_warnings", f"says nothing about {wished_weeks} weeks cut to {built}"


def volume_told(plan: Plan) -> Iterator[Finding]:
    """weekly_volume, where it gives a plain number, is the volume of some build week."""
    if not plan.trains:
        return
    for muscle, told in as_map(plan.result.get("weekly_volume")).items():
        seen = {week.volume.get(muscle, 0.0) for week in plan.builds}
        if _is_number(told) and seen and as_number(told) not in seen:
            yield f"weekly_volume.{muscle}", f"is {_shown(told)}; measured {sorted(seen)}"
