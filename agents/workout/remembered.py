"""What earlier answers teach the next plan: which exercises were liked, and how far the client is.

An opinion leans a choice and never decides it. Words are added up, older ones count less, and the
sum is shrunk towards nothing, so that one thumb moves an exercise a little, ten move it as far as
a wish typed by hand, and none ever moves a rule.

The last plan says where the client stands: the week its days have brought them to, if anything
was trained since. Hard workouts (by the client's own ratings) hold progress back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from statistics import mean

from agents.crm import DoneBefore, Opinion, PlanBefore
from agents.crm.history import TrainingHistory
from agents.crm.rows import WorkoutLogRow
from agents.workout.exercises.catalogue import find
from agents.workout.profile import Profile, Standing

MOST_WEIGHT = 3.0
"""As much as a wish of the request weighs."""
SHRINK = 2.0
HALF_LIFE_DAYS = 120.0
HARD_RATING, RATINGS = 8.5, 4
_WORTH = {"helpful": 1.0, "not_helpful": -1.0, "incorrect": -2.0}
_DELOAD_BELOW = 0.7
_PAUSE_WEEKS = 2


@dataclass(frozen=True, slots=True)
class Memory:
    """What was read. opinions: newest first. plan: the last one that was taken up."""

    opinions: tuple[Opinion, ...] = ()
    plan: PlanBefore | None = None


def recall(
    profile: Profile, memory: Memory, history: TrainingHistory | None, as_of: datetime
) -> Profile:
    """`profile` with what is remembered of this client. as_of: with a zone."""
    liking = weights(memory.opinions, as_of)
    standing = _standing(memory.plan, history, as_of)
    known = profile.continuity
    if standing is not None:
        known = frozenset(standing.done)
    disliked = {key for key, weight in liking.items() if weight < 0}
    return replace(profile, opinions=liking, before=standing, continuity=known - disliked)


def weights(opinions: Iterable[Opinion], as_of: datetime) -> dict[str, float]:
    """Exercise key -> weight of -3 to 3, without what belongs to no exercise of the catalogue."""
    sums: dict[str, float] = {}
    for opinion in opinions:
        exercise = find(str(opinion.about))
        if exercise is None:
            continue
        age_days = max(0.0, (as_of - opinion.said_at).total_seconds() / 86_400)
        worth = _WORTH[opinion.verdict] * 0.5 ** (age_days / HALF_LIFE_DAYS)
        sums[exercise.key] = sums.get(exercise.key, 0.0) + worth
    shrunk = {key: MOST_WEIGHT * s / (abs(s) + SHRINK) for key, s in sums.items()}
    return {key: round(weight, 2) for key, weight in sorted(shrunk.items()) if round(weight, 2)}


def _standing(
    plan: PlanBefore | None, history: TrainingHistory | None, as_of: datetime
) -> Standing | None:
    if plan is None or not plan.weeks:
        return None
    lived = max(1, (as_of - plan.made_at).days // 7)
    done = plan.weeks[: min(lived, len(plan.weeks))]
    trained = _trained(history, plan.made_at)
    hard = _hard(history, plan.made_at)
    paused = lived - len(plan.weeks) >= _PAUSE_WEEKS
    return Standing(
        since=plan.made_at.astimezone(UTC).date().isoformat(),
        weeks_done=len(done),
        done={item.key: _reached(item) for item in _fullest(done)},
        weeks_running=0 if paused or not trained else _running(done),
        trained=trained,
        hard=hard,
        paused=paused,
    )


def _reached(item: DoneBefore) -> tuple[int, int | None]:
    return item.reps, item.hold


def _fullest(weeks: tuple[tuple[DoneBefore, ...], ...]) -> tuple[DoneBefore, ...]:
    """The newest week that was not a lighter one: that is where the client stands."""
    for place in range(len(weeks) - 1, 0, -1):
        if not _lighter(weeks[place - 1], weeks[place]):
            return weeks[place]
    return weeks[0]


def _running(weeks: tuple[tuple[DoneBefore, ...], ...]) -> int:
    """Build weeks since the last lighter one."""
    for place in range(len(weeks) - 1, 0, -1):
        if _lighter(weeks[place - 1], weeks[place]):
            return len(weeks) - 1 - place
    return len(weeks)


def _lighter(before: Iterable[DoneBefore], week: Iterable[DoneBefore]) -> bool:
    return sum(i.sets for i in week) < _DELOAD_BELOW * sum(i.sets for i in before)


def _trained(history: TrainingHistory | None, since: datetime) -> bool:
    """Whether anything shows that the client trained since; without any tables nobody can say."""
    if history is None:
        return True
    start = since.astimezone(UTC).replace(tzinfo=None)
    sessions = [s for s in history.sessions if s.status == "completed" and s.start >= start]
    return bool(sessions or _logged(history, since))


def _logged(history: TrainingHistory, since: datetime) -> list[WorkoutLogRow]:
    start = since.astimezone(UTC).replace(tzinfo=None)
    return [log for log in history.logs if log.completed_at and log.completed_at >= start]


def _hard(history: TrainingHistory | None, since: datetime) -> bool:
    """Whether the newest workouts of the plan, which earlier ones say nothing about, were hard."""
    logs = _logged(history, since) if history else []
    ratings = [log.difficulty_rating for log in logs if log.difficulty_rating][:RATINGS]
    return len(ratings) == RATINGS and mean(ratings) >= HARD_RATING


def fingerprint(memory: Memory) -> Mapping[str, object]:
    """What of it an answer depends on, as plain values."""
    plan = memory.plan
    return {
        "opinions": [[o.verdict, o.said_at.isoformat(), str(o.about)] for o in memory.opinions],
        "plan": None if plan is None else [plan.made_at.isoformat(), repr(plan.weeks)],
    }
