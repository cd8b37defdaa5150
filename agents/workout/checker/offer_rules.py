"""Rules about the exercises offered: known, possible, wished, explained, honestly tagged.

Each rule is a pure function of the plan that yields (where, message) findings. Where a source
leaves room, the docstring says which reading was taken; it is always the safer one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from . import tables
from .names import has_impact, name_slips, same_words, says
from .view import (
    Entry,
    Fact,
    Json,
    Plan,
    Session,
    as_list,
    as_map,
    as_text,
    as_wishes,
    as_words,
)

Finding = tuple[str, str]
MACHINE_CARDIO = re.compile(
    r"treadmill|elliptical|stationary|rower|rowing|cycl|bike|stair|ski erg"
)
ROPE_CARDIO = re.compile(r"rope|skipping")
AVOIDED_GROUPS = {
    **tables.PATTERN_GROUPS,
    "plyometric": frozenset({"power"}),
}


def known_exercise(plan: Plan) -> Iterator[Finding]:
    """Every exercise is in exercise_facts under its key and name; recommendations are exercises
    of the plan, with its numbers. Source: closed world of the catalogue.

    A safe minimum may recommend more walking, mobility and balance than its sessions hold.
    """
    prescribed: dict[str, list[Entry]] = {}
    for entry in plan.entries():
        prescribed.setdefault(entry.key, []).append(entry)
        if entry.key not in plan.facts:
            yield entry.where, f"key {entry.key!r} is not in exercise_facts"
        elif entry.name != entry.fact.name:
            yield entry.where, f"is called {entry.name!r}; the facts say {entry.fact.name!r}"
    for where, item in plan.recommendations:
        key = as_text(item.get("key"))
        fact = plan.facts.get(key)
        if fact is None or item.get("exercise") != fact.name:
            yield where, f"{key!r} {item.get('exercise')!r} is not in exercise_facts"
        same = [
            entry
            for entry in prescribed.get(key, [])
            if all(
                item.get(k) == entry.raw.get(k) for k in ("sets", "reps", "rest_seconds", "rpe")
            )
        ]
        if plan.trains and not same:
            yield where, f"{key!r} is not prescribed so in any week"


def offered(plan: Plan) -> Iterator[tuple[str, Fact]]:
    """(where, fact) of everything a client is shown: plan and recommendations, once per key."""
    seen: set[str] = set()
    for entry in plan.entries():
        if entry.key not in seen:
            seen.add(entry.key)
            yield entry.where, entry.fact
    for where, item in plan.recommendations:
        key = as_text(item.get("key"))
        if key not in seen and key in plan.facts:
            seen.add(key)
            yield where, plan.facts[key]


def _conflicting(plan: Plan, rule: str) -> bool:
    """Whether an answer without a plan names `rule` as what has to give; its recommendations then
    show the plan after that change."""
    listed = as_list(plan.constraints.get("conflict"))
    return not plan.trains and any(rule in as_words(as_map(item).get("ids")) for item in listed)


def equipment(plan: Plan) -> Iterator[Finding]:
    """Everything in `equipment` and `needs` is available, also for cardio in the session.

    "gym" is all; a machine or cable implies bench, box, pullup_bar and cardio_machine, and with
    a barbell a rack; mat, wall, chair and step are always there. Outdoor cardio needs nothing.
    """
    if _conflicting(plan, "equipment"):
        return
    for where, fact in offered(plan):
        missing = sorted(fact.gear - plan.equipment)
        if missing:
            yield where, f"{fact.key} needs {', '.join(missing)}, which is not available"
    for session in plan.sessions():
        kind = as_text(session.cardio.get("type")).lower().replace("_", " ")
        if "outdoor" in kind:
            continue
        if MACHINE_CARDIO.search(kind) and "cardio_machine" not in plan.equipment:
            yield f"{session.where}.cardio", f"{kind} needs a cardio_machine"
        if ROPE_CARDIO.search(kind) and "jump_rope" not in plan.equipment:
            yield f"{session.where}.cardio", f"{kind} needs a jump_rope"


def level(plan: Plan) -> Iterator[Finding]:
    """No exercise is harder than the client's level (0, 1, 2). Source: ACSM 2009.

    Where profile and request name different levels the lower one counts.
    """
    if _conflicting(plan, "level"):
        return
    for where, fact in offered(plan):
        if fact.level > plan.level:
            yield where, f"{fact.key} has level {fact.level}; the client's is {plan.level}"


def avoid_list(plan: Plan) -> Iterator[Finding]:
    """Nothing that the client asked to avoid: by key, by words of the name, by pattern.

    "squats" avoids every name with the word squat and the whole pattern squat; "push", "pull",
    "core" and "knee dominant" avoid their pattern groups; plural and -ing forms are folded.
    Cardio, warm-up and cool-down count too.
    """
    if _conflicting(plan, "avoid_list"):
        return
    wishes = as_wishes(plan.request.get("avoid_exercises"))
    for wish in wishes:
        patterns = _avoided_patterns(wish)
        for where, fact in offered(plan):
            named = says(fact.name, wish) or says(fact.key, wish)
            if named or fact.pattern in patterns:
                yield where, f"{fact.key} is avoided by {wish!r}"
        for session in plan.sessions():
            yield from _avoided_rest(session, wish, patterns)


def _avoided_patterns(wish: str) -> frozenset[str]:
    found = {pattern for pattern in tables.PATTERNS if same_words(pattern, wish)}
    for group, patterns in AVOIDED_GROUPS.items():
        found |= patterns if same_words(group, wish) else frozenset()
    return frozenset(found)


def _avoided_rest(session: Session, wish: str, patterns: frozenset[str]) -> Iterator[Finding]:
    if session.cardio and ("cardio" in patterns or says(_cardio_type(session.cardio), wish)):
        yield f"{session.where}.cardio", f"is avoided by {wish!r}"
    for part in ("warmup", "cooldown"):
        for i, drill in enumerate(session.warmup if part == "warmup" else session.cooldown):
            if says(as_text(drill.get("name")), wish):
                yield f"{session.where}.{part}[{i}]", f"is avoided by {wish!r}"


def _cardio_type(cardio: Json) -> str:
    return as_text(cardio.get("type")).replace("_", " ")


def instructions(plan: Plan) -> Iterator[Finding]:
    """Each exercise has three or more steps and a cue; each reason 1-240 characters."""
    for key, fact in plan.facts.items():
        for name, least in (("instructions", 3), ("cues", 1)):
            lines = [as_text(line).strip() for line in as_list(fact.raw.get(name))]
            if sum(1 for line in lines if line) < least:
                yield f"exercise_facts.{key}.{name}", f"expected {least} or more"
    reasons = [(entry.where, entry.raw.get("reason")) for entry in plan.entries()]
    reasons += [(where, item.get("reason")) for where, item in plan.recommendations]
    for where, reason in reasons:
        if not 1 <= len(as_text(reason).strip()) <= 240:
            yield f"{where}.reason", f"has {len(as_text(reason))} characters; expected 1 to 240"


def facts_honest(plan: Plan) -> Iterator[Finding]:
    """Tags agree with names (see `names`), with themselves and, where given, with the trusted
    facts field by field: a key that is not trusted is a lie, too.

    "Bench press" counts as supine at any incline; "lying leg curl" as prone. An exercise's block
    must fit its pattern, or its sets would escape the weekly volume. Cardio called running or
    jumping has impact.
    """
    for key, fact in plan.facts.items():
        where = f"exercise_facts.{key}"
        for slip in name_slips(fact):
            yield where, slip
        if fact.pattern.startswith("iso_") and fact.pattern[4:] not in fact.primary:
            yield where, f"pattern {fact.pattern} without that primary muscle"
        if not fact.primary and fact.pattern not in tables.GENTLE_PATTERNS:
            yield where, "trains no primary muscle"
        if plan.trusted is not None:
            yield from _untrusted(where, key, fact, plan.trusted)
    for entry in plan.entries():
        if entry.key in plan.facts and not _block_fits(entry):
            yield entry.where, f"block {entry.block} does not fit pattern {entry.fact.pattern}"
        if entry.key in plan.facts:
            timed = entry.fact.raw.get("measure") == "seconds"
            if timed != (entry.hold is not None):
                yield entry.where, f"is measured in {entry.fact.raw.get('measure')}"
    for session in plan.sessions():
        if has_impact(_cardio_type(session.cardio)) and not session.cardio.get("impact"):
            yield f"{session.where}.cardio", f"{session.cardio.get('type')!r} has impact"


def _untrusted(where: str, key: str, fact: Fact, trusted: Json) -> Iterator[Finding]:
    known = trusted.get(key)
    if known is None:
        yield where, "is not an exercise of the catalogue"
        return
    for name, value in as_map(known).items():
        if _comparable(fact.raw.get(name)) != _comparable(value):
            yield f"{where}.{name}", f"is {fact.raw.get(name)!r}; the catalogue says {value!r}"


def _comparable(value: object) -> object:
    if isinstance(value, list | tuple | set | frozenset):
        return sorted(map(str, value))
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if item}
    return value


def _block_fits(entry: Entry) -> bool:
    pattern = entry.fact.pattern
    if pattern in ("balance", "mobility"):
        return entry.block == "balance"
    if pattern in ("cardio", "power"):
        return entry.block == pattern
    if pattern.startswith("core_") or pattern == "iso_core":
        return entry.block == "core"
    if pattern == "carry":
        return entry.block in ("compound", "isolation", "core")
    return entry.block == ("compound" if entry.fact.compound else "isolation")
