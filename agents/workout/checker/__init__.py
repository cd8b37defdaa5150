"""Checks a finished workout answer against every hard rule, knowing nothing of how it was made.

The planner builds answers that should be safe; this package decides whether they are. It reads
the plain JSON that a client would get, plus what the caller had wished, and derives every rule
anew from its own tables. Planner, catalogue and screening share no line with it, on purpose: a
mistake would have to be made twice, in the same way, to pass.

`check` runs one small pure function per rule. A training plan must keep all of them. An answer
that stops for a medical clearance, or that says the wishes cannot be met, may only hold walking,
mobility and balance at RPE <= 3, and the rules about volume, progression and frequency do not
apply to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from . import (
    course_rules,
    grounded,
    health_rules,
    offer_rules,
    session_rules,
    shape,
    week_rules,
)
from .grounded import numbers_grounded, survey
from .view import Plan, read_plan

__all__ = ["RULES", "Violation", "check", "numbers_grounded", "survey"]

Finding = tuple[str, str]
Rule = Callable[[Plan], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: its id, where in the answer (a path), and value against expectation."""

    rule: str
    where: str
    message: str


def schema(plan: Plan) -> Iterator[Finding]:
    """Keys, types, ranges, numbering; status and relaxations agree; wishes are repeated."""
    yield from shape.answer_shape(plan)
    yield from shape.weeks_shape(plan)
    yield from shape.plain_text(plan)
    yield from shape.status_agrees(plan, RULES)
    yield from shape.wishes_kept(plan)
    yield from shape.volume_told(plan)
    for where in plan.survey.infinite:
        yield where, "is NaN or infinite; JSON has neither"


def grounded_prose(plan: Plan) -> Iterator[Finding]:
    """Every numeral in prose occurs in the structured answer."""
    seen = plan.survey
    clean: set[str] = set()
    for where, text in seen.prose:
        if text in clean:
            continue
        missing = list(grounded.ungrounded(text, seen.numbers))
        if missing:
            yield where, f"says {', '.join(missing)}, found nowhere in the answer"
        else:
            clean.add(text)


SAFE_RULES: dict[str, Rule] = {
    "schema": schema,
    "known_exercise": offer_rules.known_exercise,
    "equipment": offer_rules.equipment,
    "level": offer_rules.level,
    "contra_flag": health_rules.contra_flag,
    "clearance": health_rules.clearance,
    "avoid_list": offer_rules.avoid_list,
    "intensity": health_rules.intensity,
    "impact_ramp": health_rules.impact_ramp,
    "balance65": health_rules.balance65,
    "instructions": offer_rules.instructions,
    "facts_honest": offer_rules.facts_honest,
    "numbers_grounded": grounded_prose,
    "time_max": session_rules.time_max,
    "dup": session_rules.dup,
    "order": session_rules.order,
    "warmup_cooldown": session_rules.warmup_cooldown,
    "rest_day": week_rules.rest_day,
}
TRAINING_RULES: dict[str, Rule] = {
    "days": week_rules.days,
    "rest_rules": session_rules.rest_rules,
    "rep_scheme": session_rules.rep_scheme,
    "session_cap": session_rules.session_cap,
    "count": session_rules.count,
    "vol_max": week_rules.vol_max,
    "vol_min": week_rules.vol_min,
    "recovery48": week_rules.recovery48,
    "patterns": week_rules.patterns,
    "push_pull": week_rules.push_pull,
    "cardio_dose": week_rules.cardio_dose,
    "load_step": course_rules.load_step,
    "volume_step": course_rules.volume_step,
    "deload": course_rules.deload,
    "progression_monotone": course_rules.progression_monotone,
}
RULES: tuple[str, ...] = (*SAFE_RULES, *TRAINING_RULES)


def check(
    result: Mapping[str, object],
    *,
    request: Mapping[str, object] | None = None,
    trusted_facts: Mapping[str, object] | None = None,
    envelope: bool = True,
) -> list[Violation]:
    """All violations of a workout answer, in the order of RULES; empty when it may leave.

    result: the answer's JSON. request: the input it answers (wishes, age, clearance, as_of).
    trusted_facts: {key: facts} of the catalogue, compared field by field. envelope: False for an
    answer that does not carry `source`, `data_warnings` and `provenance` yet. Raises nothing on
    malformed answers: what cannot be read is a violation of the schema.
    """
    plan = read_plan(result, request, trusted_facts, envelope=envelope)
    rules = {**SAFE_RULES, **TRAINING_RULES} if plan.trains else SAFE_RULES
    return [
        Violation(name, where, message)
        for name, rule in rules.items()
        for where, message in rule(plan)
    ]
