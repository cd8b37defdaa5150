"""Puts the finished answer together.

`answer_of` takes every part as it stands and decides nothing about training; the same parts give
the same JSON but for `provenance`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from agents.answer import LlmUsed, Provenance
from agents.workout import checker
from agents.workout.answer import sentences, workouts
from agents.workout.answer.continuity import continuity, told
from agents.workout.answer.model_words import Kept
from agents.workout.answer.models import (
    ClearanceOut,
    ConflictOut,
    Constraints,
    Evidence,
    PlanWeek,
    ProfileOut,
    Quality,
    Recommendation,
    RelaxedOut,
    ScreeningOut,
    WorkoutPlan,
)
from agents.workout.client import Facts
from agents.workout.exercises.exercise import EQUIPMENT, MUSCLES, Exercise
from agents.workout.planning.allowed import select
from agents.workout.planning.conflict import Conflict
from agents.workout.planning.gentle import SafeMinimum, safe_minimum
from agents.workout.planning.plan import Built
from agents.workout.planning.rationale import rationales
from agents.workout.profile import LEVELS, Profile
from agents.workout.request import WorkoutRequest
from agents.workout.screening.conditions import Restrictions, restrictions
from agents.workout.screening.screen import Screening

ALGORITHM = "cp-sat and seeded polishing"
VERSION = "1"
_LONGEST_SPAN_WORDS = 8
_NEEDS_CLEARANCE = "needs_clearance"
# What a quoted span may not hold: whoever reads the answer should see a complaint, not a command.
_COMMAND = re.compile(
    r"\b(ignore|instruction\w*|system|prompt|rules?|cleared|must|always|never|password)\b|[<>{}`]",
    re.IGNORECASE,
)

# Where the wishes to avoid things leave a stopped client nothing gentle to do.
_UNAVOIDABLE = ConflictOut(
    ids=["clearance", "avoid_list"],
    why="Until somebody clears the client only walking, mobility and balance are possible, and "
    "what is avoided leaves less than three such exercises.",
    suggestion="Ask a professional for clearance, or allow gentle movement again.",
    change={"avoid_exercises_left": 0},
)

Outcome = Built | Conflict | SafeMinimum


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


def pages(
    request_id: int, facts: Facts, profile: Profile, words: Kept, built: Built | None = None
) -> workouts.Pages:
    """Ids and reasons for rendering: the model's reason where there is one, else the template.

    built: the plan whose choices the reasons explain.
    """
    why = {}
    if built is not None:
        rules = restrictions(built.profile.conditions)
        why = rationales(built, rules, facts.library.exercises)

    def reason(exercise: Exercise) -> str:
        said = words.reasons.get(exercise.key)
        return said or sentences.reason(exercise, profile, why.get(exercise.key))

    return workouts.Pages(request_id, facts.library.exercise_ids, reason)


def offers(built: Built, most: int) -> list[Exercise]:
    """Allowed exercises that the plan does not use, well-known ones first."""
    used = {item.option.key for item in built.draft.items()}
    rest = [o.exercise for o in built.problem.options if o.key not in used]
    return sorted(rest, key=lambda e: (not e.staple, e.key))[:most]


def answer_of(parts: Parts, request_id: int) -> WorkoutPlan:
    """The whole answer."""
    profile, outcome = parts.profile, parts.outcome
    told_of = outcome if isinstance(outcome, Built) else parts.changed
    shown = pages(request_id, parts.facts, profile, parts.words, told_of)
    rules = restrictions(profile.conditions)
    library = parts.facts.library.exercises
    built = outcome if isinstance(outcome, Built) else None
    weeks: list[PlanWeek] = []
    if isinstance(outcome, Built):
        status = "relaxed" if outcome.relaxed else "ok"
        weeks = workouts.weeks(outcome, shown)
        cards = workouts.recommendations(outcome, shown)
    elif isinstance(outcome, Conflict):
        status = "infeasible"
        cards = _conflict_cards(parts, shown)
    else:
        status = _NEEDS_CLEARANCE
        weeks = workouts.gentle_weeks(profile, outcome, shown) if outcome.sessions else []
        cards = workouts.gentle_cards(profile, outcome, shown)
    for card in cards:
        card.tip = parts.words.tips.get(card.key)
    chosen = select(profile, rules, library.values())
    excluded = sum(reason == "contra_flag" for reason in chosen.excluded.values())
    given_up = sentences.given_up(built.relaxed) if built else []
    deloads = [week.week for week in weeks if week.phase == "deload"]
    stopped_by = parts.screening.stopped_by
    summary = sentences.summary(
        profile,
        status,
        given_up,
        profile.weeks,
        stopped_by=stopped_by,
        excluded=excluded,
        told=parts.facts.warnings,
        longest=max(
            (day.estimated_minutes for week in weeks for day in week.workouts), default=None
        ),
    )
    before = continuity(built, library) if built is not None else None
    if before is not None:
        summary = f"{summary} {told(before)}".strip()
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
            "exercise_facts": workouts.facts(weeks, cards, library),
            "profile": _profile(profile),
            "screening": _screening(rules, _evidence(parts.screening), excluded, stopped_by),
            "constraints": _constraints(outcome),
            "quality": _quality(built),
            "weekly_volume": _volume(built),
            "continuity": before,
            "progression_rules": (
                sentences.progression_rules(
                    profile, deloads, [item.option.exercise for item in built.draft.items()]
                )
                if built is not None
                else []
            ),
            "summary": summary,
            "disclaimer": sentences.DISCLAIMER,
            "data_warnings": _warnings(parts),
            "provenance": _provenance(parts, used=_stands(parts, weeks, cards)),
        }
    )


def _conflict_cards(parts: Parts, shown: workouts.Pages) -> list[Recommendation]:
    """Cards of the plan that the change allows; gentle movement where there is none."""
    if parts.changed is not None:
        return workouts.recommendations(parts.changed, shown)
    rules = restrictions(parts.profile.conditions)
    library = parts.facts.library.exercises.values()
    return workouts.gentle_cards(parts.profile, safe_minimum(parts.profile, rules, library), shown)


def _constraints(outcome: Outcome) -> Constraints:
    if isinstance(outcome, Built):
        return _ruled(checker.RULES, outcome)
    if isinstance(outcome, Conflict):
        conflict = ConflictOut(
            ids=list(outcome.rules),
            why=outcome.why,
            suggestion=outcome.suggestion,
            change=dict(outcome.change),
        )
        return _ruled(checker.RULES, conflict=conflict)
    if outcome.despite_wishes:
        return _ruled(tuple(checker.SAFE_RULES), conflict=_UNAVOIDABLE)
    return _ruled(tuple(checker.SAFE_RULES))


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


def _stands(parts: Parts, weeks: Sequence[PlanWeek], cards: Sequence[Recommendation]) -> bool:
    """Whether anything that the model said stands in the answer: a sentence, a condition."""
    shown = {card.key for card in cards}
    shown |= {line.key for week in weeks for day in week.workouts for line in day.exercises}
    summed_up = bool(parts.words.summary) and isinstance(parts.outcome, Built)
    found = any(item.by == "llm" for item in parts.screening.evidence)
    worded = not shown.isdisjoint(parts.words.reasons) or any(card.tip for card in cards)
    return parts.llm.used and (worded or summed_up or found)


def _provenance(parts: Parts, *, used: bool) -> Provenance:
    return Provenance(
        algorithm=ALGORITHM,
        version=VERSION,
        input_sha256=parts.facts.input_sha256,
        llm=LlmUsed(used=used, model=parts.llm.model, dropped=list(parts.llm.dropped)),
        elapsed_ms=round(1000 * (time.monotonic() - parts.started)),
        generated_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )


def _profile(profile: Profile) -> ProfileOut:
    """The client as planned for, with the wishes as they were."""
    return ProfileOut(
        goal=profile.goal,
        level=LEVELS[profile.level],
        minutes=profile.minutes,
        sessions_per_week=profile.sessions_per_week,
        duration_weeks=profile.duration_weeks,
        equipment=[item for item in EQUIPMENT if item in profile.equipment],
        age=profile.age,
        sources=dict(sorted(profile.sources.items())),
    )


def _screening(
    restrictions: Restrictions,
    evidence: Sequence[Evidence],
    excluded: int,
    reasons: Sequence[str],
) -> ScreeningOut:
    """What health said, and whether somebody must agree first."""
    return ScreeningOut(
        conditions=list(restrictions.codes),
        evidence=list(evidence),
        excluded_count=excluded,
        clearance=ClearanceOut(required=bool(reasons), reasons=list(reasons)),
        notes=list(restrictions.notes),
    )


def _ruled(
    rules: Sequence[str],
    built: Built | None = None,
    conflict: ConflictOut | None = None,
) -> Constraints:
    """The rules as they ended. rules: all that were checked."""
    relaxed = [RelaxedOut(**asdict(item)) for item in built.relaxed] if built else []
    given_up = {item.id for item in relaxed}
    return Constraints(
        passed=[] if conflict else [rule for rule in rules if rule not in given_up],
        failed=[],
        relaxed=relaxed,
        conflict=[conflict] if conflict else [],
        minimal=built.minimal if built else True,
    )


def _quality(built: Built | None) -> Quality:
    """Points of the plan; none where no plan was made."""
    if built is None:
        return Quality(score=0.0, parts={})
    return Quality(score=built.quality, parts=dict(built.parts))


def _volume(built: Built | None) -> dict[str, int | float]:
    """Weekly sets by muscle, in the order of the vocabulary."""
    if built is None:
        return {}
    return {m: built.weekly_volume[m] for m in MUSCLES if m in built.weekly_volume}
