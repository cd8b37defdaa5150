"""Puts the finished answer together, and its typed row.

`compose` takes every part as it stands and decides nothing about training; the same parts give the
same JSON but for `provenance`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agents.workout import checker, phrases, render
from agents.workout.build import Built
from agents.workout.conditions import restrictions
from agents.workout.conflict import Conflict
from agents.workout.exercise import Exercise
from agents.workout.facts_read import Facts
from agents.workout.gentle import GentleSession, safe_minimum, spare_items
from agents.workout.model import WorkoutRequest
from agents.workout.plan import (
    ConflictOut,
    Constraints,
    Evidence,
    LlmUsed,
    PlanWeek,
    Provenance,
    Recommendation,
    WorkoutPlan,
)
from agents.workout.profile import Profile
from agents.workout.screening import Screening
from agents.workout.selection import limits_for, select
from agents.workout.words import Kept

ALGORITHM = "cp-sat and seeded polishing"
VERSION = "1"
_LONGEST_SPAN_WORDS = 8
_NEEDS_CLEARANCE = "needs_clearance"
# What a quoted span may not hold: whoever reads the answer should see a complaint, not a command.
_COMMAND = re.compile(
    r"\b(ignore|instruction\w*|system|prompt|rules?|cleared|must|always|never|password)\b|[<>{}`]",
    re.IGNORECASE,
)

Outcome = Built | Conflict | tuple[GentleSession, ...]


@dataclass(frozen=True, slots=True)
class ModelPart:
    """What the model had to do with the answer."""

    used: bool = False
    model: str | None = None
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """All that an answer is made of. changed: the plan that a conflict's change would give.
    started: monotonic seconds."""

    request: WorkoutRequest
    facts: Facts
    profile: Profile
    screening: Screening
    outcome: Outcome
    changed: Built | None
    words: Kept
    llm: ModelPart
    started: float


def pages(request_id: int, facts: Facts, profile: Profile, words: Kept) -> render.Pages:
    """Ids and reasons for rendering: the model's reason where there is one, else the template."""

    def reason(exercise: Exercise) -> str:
        return words.reasons.get(exercise.key) or phrases.reason(exercise, profile)

    return render.Pages(request_id, facts.library.exercise_ids, reason)


def weeks_of(built: Built, shown: render.Pages) -> list[PlanWeek]:
    """The plan's weeks as JSON models."""
    return render.weeks(built, shown)


def offers(built: Built, most: int) -> list[Exercise]:
    """Allowed exercises that the plan does not use, well-known ones first."""
    used = {item.option.key for item in built.draft.items()}
    rest = [o.exercise for o in built.problem.options if o.key not in used]
    return sorted(rest, key=lambda e: (not e.staple, e.key))[:most]


def compose(parts: Parts, request_id: int) -> WorkoutPlan:
    """The whole answer."""
    profile, outcome = parts.profile, parts.outcome
    shown = pages(request_id, parts.facts, profile, parts.words)
    rules = restrictions(profile.conditions)
    library = parts.facts.library.exercises
    built = outcome if isinstance(outcome, Built) else None
    weeks: list[PlanWeek] = []
    if isinstance(outcome, Built):
        status = "relaxed" if outcome.relaxed else "ok"
        weeks = render.weeks(outcome, shown)
        cards = render.recommendations(outcome, shown)
    elif isinstance(outcome, Conflict):
        status = "infeasible"
        cards = _conflict_cards(parts, shown)
    else:
        status = _NEEDS_CLEARANCE
        limits = limits_for(profile, rules)
        weeks = render.gentle_weeks(profile, limits, outcome, shown)
        allowed = select(profile, rules, library.values()).allowed.values()
        cards = render.gentle_cards(profile, outcome, spare_items(limits, allowed), shown)
    for card in cards:
        card.tip = parts.words.tips.get(card.key)
    chosen = select(profile, rules, library.values())
    excluded = sum(reason == "contra_flag" for reason in chosen.excluded.values())
    given_up = [_relaxed_name(item.id, item.target) for item in built.relaxed] if built else []
    deloads = [week.week for week in weeks if week.phase == "deload"]
    summary = phrases.summary(profile, status, given_up, profile.weeks)
    if parts.words.summary and built is not None:
        summary = f"{summary} {parts.words.summary}"
    return WorkoutPlan.model_validate(
        {
            "status": status,
            "kind": profile.kind,
            "client_id": profile.client_id,
            "duration_weeks": profile.duration_weeks,
            "focus_areas": list(profile.focus_areas),
            "recommendations": cards,
            "weeks": weeks,
            "exercise_facts": render.facts(weeks, cards, library),
            "profile": render.profile_out(profile),
            "screening": render.screening_out(
                rules, _evidence(parts.screening), excluded, parts.screening.stopped_by
            ),
            "constraints": _constraints(outcome),
            "quality": render.quality_out(built),
            "weekly_volume": render.volume_out(built),
            "progression_rules": (
                phrases.progression_rules(profile, deloads) if built is not None else []
            ),
            "summary": summary,
            "disclaimer": phrases.DISCLAIMER,
            "data_warnings": _warnings(parts),
            "provenance": _provenance(parts),
        }
    )


def _relaxed_name(rule: str, target: str) -> str:
    name = target.replace("_", " ")
    return {
        "days": "the number of days",
        "patterns": f"the {name} pattern",
        "vol_min": f"the weekly least for {name}",
    }[rule]


def _conflict_cards(parts: Parts, shown: render.Pages) -> list[Recommendation]:
    """Cards of the plan that the change allows; gentle movement where there is none."""
    if parts.changed is not None:
        return render.recommendations(parts.changed, shown)
    profile = parts.profile
    rules = restrictions(profile.conditions)
    library = parts.facts.library.exercises.values()
    allowed = select(profile, rules, library).allowed.values()
    limits = limits_for(profile, rules)
    sessions = safe_minimum(profile, limits, allowed)
    return render.gentle_cards(profile, sessions, spare_items(limits, allowed), shown)


def _constraints(outcome: Outcome) -> Constraints:
    if isinstance(outcome, Built):
        return render.constraints_out(checker.RULES, outcome)
    if isinstance(outcome, Conflict):
        conflict = ConflictOut(
            ids=list(outcome.rules),
            why=outcome.why,
            suggestion=outcome.suggestion,
            change=dict(outcome.change),
        )
        return render.constraints_out(checker.RULES, conflict=conflict)
    return render.constraints_out(tuple(checker.SAFE_RULES))


def _evidence(screening: Screening) -> list[Evidence]:
    return [
        Evidence(
            code=found.code,
            span=_quotable(found.code, found.span),
            source=found.source,
            by=found.by,
            verdict=found.verdict,
            date=found.noted.isoformat() if found.noted else None,
        )
        for found in screening.evidence
    ]


def _quotable(code: str, span: str) -> str:
    """The span, or nothing where it is no complaint but a longer text or a command."""
    long = len(span.split()) > _LONGEST_SPAN_WORDS
    if code == "other_condition" or long or _COMMAND.search(span):
        return ""
    return span


def _warnings(parts: Parts) -> list[str]:
    texts = [*parts.facts.warnings, *parts.screening.warnings]
    dropped = parts.screening.dropped
    if dropped:
        texts.append(f"model_conditions_dropped: {dropped} had no span in the client's texts")
    return list(dict.fromkeys(texts))


def _provenance(parts: Parts) -> Provenance:
    return Provenance(
        algorithm=ALGORITHM,
        version=VERSION,
        input_sha256=parts.facts.input_sha256,
        llm=LlmUsed(used=parts.llm.used, model=parts.llm.model, dropped=list(parts.llm.dropped)),
        elapsed_ms=round(1000 * (time.monotonic() - parts.started)),
        generated_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )


def plan_row(
    output: WorkoutPlan, trainer_id: int | None, solve_ms: int | None
) -> Mapping[str, Any]:
    """The row for `ai_workout_plans`, its items nested under `items`."""
    profile, constraints = output.profile, output.constraints
    return {
        "client_id": output.client_id,
        "trainer_id": trainer_id,
        "status": output.status,
        "llm_used": output.provenance.llm.used,
        "kind": output.kind,
        "goal": profile.goal,
        "fitness_level": profile.level,
        "sessions_per_week": profile.sessions_per_week,
        "minutes": profile.minutes,
        "weeks": len(output.weeks),
        "constraints_passed": len(constraints.passed),
        "relaxed": [f"{item.id}:{item.target}" for item in constraints.relaxed],
        "conditions": output.screening.conditions,
        "excluded_count": output.screening.excluded_count,
        "needs_clearance": output.screening.clearance.required,
        "quality_score": output.quality.score,
        "minimal": constraints.minimal,
        "solve_ms": solve_ms,
        "plan": output.model_dump(mode="json", include={"weeks", "recommendations", "summary"}),
        "items": _items(output.weeks),
    }


def _items(weeks: Sequence[PlanWeek]) -> list[dict[str, Any]]:
    return [
        {
            "week": week.week,
            "day": workout.day,
            "ord": line.order,
            "key": line.key,
            "exercise_id": line.exercise_id,
            "exercise": line.exercise,
            "sets": line.sets,
            "reps": line.reps,
            "duration_seconds": line.duration_seconds,
            "rest_seconds": line.rest_seconds,
            "rpe": line.rpe,
        }
        for week in weeks
        for workout in week.workouts
        for line in workout.exercises
    ]
