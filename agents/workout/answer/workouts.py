"""Turns a built plan into the answer's weeks, workouts, cards and facts of exercises.

No decision is made here. What the planner chose gets names, ids of the main app, words and the
minutes that a page shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from agents.workout.answer import sentences
from agents.workout.answer.models import (
    Cardio,
    DrillItem,
    Load,
    PlannedExercise,
    PlanWeek,
    Recommendation,
    TemplateRow,
    WeeklyCardio,
    Workout,
)
from agents.workout.exercises.exercise import Exercise
from agents.workout.planning import gentle
from agents.workout.planning.plan import Built
from agents.workout.planning.progression import Prescription, Session, Week, is_loadable
from agents.workout.planning.schemes import block_of
from agents.workout.planning.session_time import COOLDOWN_SECONDS, exercise_seconds, whole_minutes
from agents.workout.profile import LEVELS, Limits, Profile
from agents.workout.wishes import says

_CARD_ORDER = ("knee_dominant", "push", "pull", "hinge", "core")
_LOWER = frozenset({"quads", "hamstrings", "glutes", "calves", "adductors"})
_UPPER = frozenset({"chest", "back", "shoulders", "biceps", "triceps", "forearms"})
_CARDIO_RPE = (5.0, 6.0, 6.0)
_RESERVE_SHARE, _MAXIMUM_SHARE = (0.40, 0.60), (0.64, 0.76)

Words = Callable[[Exercise], str]


@dataclass(frozen=True, slots=True)
class Pages:
    """What needs the main app and the request: ids by key, and the reason to show."""

    request_id: int
    exercise_ids: Mapping[str, int]
    reason: Words


def weeks(built: Built, pages: Pages) -> list[PlanWeek]:
    """All weeks with their workouts."""
    return [_week(built, week, pages) for week in built.weeks]


def _week(built: Built, week: Week, pages: Pages) -> PlanWeek:
    inside = sum(session.cardio_minutes for session in week.sessions)
    cardio = None
    if week.cardio_target is not None:
        cardio = WeeklyCardio(
            target_minutes=week.cardio_target,
            in_session_minutes=inside,
            outside_minutes=max(0, week.cardio_target - inside),
        )
    titles = _titles(week.sessions)
    workouts = [
        _workout(built, session, day, title, pages)
        for day, (session, title) in enumerate(zip(week.sessions, titles, strict=True), start=1)
    ]
    return PlanWeek(week=week.number, phase=week.phase, weekly_cardio=cardio, workouts=workouts)


def _titles(sessions: Sequence[Session]) -> list[str]:
    names = [_region(session) for session in sessions]
    titles: list[str] = []
    for place, name in enumerate(names):
        if names.count(name) == 1:
            titles.append(name)
        else:
            titles.append(f"{name} {'ABCDEF'[names[:place].count(name)]}")
    return titles


def _region(session: Session) -> str:
    lower = upper = 0
    for entry in session.exercises:
        muscles = set(entry.exercise.prim)
        lower += entry.sets * bool(muscles & _LOWER)
        upper += entry.sets * bool(muscles & _UPPER)
    if lower > 3 * upper:
        return "Mostly lower body" if upper else "Lower body"
    if upper > 3 * lower:
        return "Mostly upper body" if lower else "Upper body"
    return "Full body"


def _workout(built: Built, session: Session, day: int, title: str, pages: Pages) -> Workout:
    warm, cool = drills(built.profile, built.limits)
    seconds = (
        sum(item.seconds for item in (*warm, *cool))
        + 60 * session.cardio_minutes
        + sum(entry.seconds for entry in session.exercises)
    )
    lines = [
        _line(built, entry, order, pages) for order, entry in enumerate(session.exercises, start=1)
    ]
    return Workout(
        day=day,
        weekday=session.weekday,
        title=title,
        estimated_minutes=whole_minutes(seconds),
        template_rows=_template_rows(lines),
        warmup=warm,
        cooldown=cool,
        cardio=_cardio(built, session, day),
        exercises=lines,
    )


def drills(profile: Profile, limits: Limits) -> tuple[list[DrillItem], list[DrillItem]]:
    """(warm-up, cool-down) of every session, without what the client avoids."""

    def allowed(name: str) -> bool:
        return not any(says(name, wish) for wish in profile.avoid)

    warm = gentle.warmup(profile, limits, allowed)
    cool = gentle.cooldown(profile, allowed)
    return (
        [DrillItem.model_validate(asdict(drill)) for drill in warm],
        [DrillItem.model_validate(asdict(drill)) for drill in cool],
    )


def _line(built: Built, entry: Prescription, order: int, pages: Pages) -> PlannedExercise:
    exercise = entry.exercise
    column = built.problem.scheme.column(exercise)
    low, high = sentences.reps_span(entry, column)
    loadable = is_loadable(exercise)
    return PlannedExercise(
        key=exercise.key,
        exercise=exercise.name,
        exercise_id=pages.exercise_ids.get(exercise.key),
        order=order,
        block=entry.option.block,
        sets=entry.sets,
        reps=entry.reps,
        duration_seconds=entry.hold,
        rest_seconds=entry.rest,
        ramp_sets=entry.ramp_sets,
        rpe=entry.rpe,
        load=Load(type="rpe", value=entry.rpe) if loadable else Load(type="bodyweight", value=0),
        reps_range=None if entry.hold is not None else f"{low}-{high}",
        notes=sentences.notes(entry, column),
        difficulty=LEVELS[exercise.level],
        reason=pages.reason(exercise),
        progress_event=entry.event,
    )


def _template_rows(lines: Iterable[PlannedExercise]) -> list[TemplateRow]:
    return [
        TemplateRow(
            exercise_id=line.exercise_id,
            order=line.order,
            sets=line.sets,
            reps=str(line.reps),
            duration_seconds=line.duration_seconds,
            rest_seconds=line.rest_seconds,
            weight="bodyweight" if line.load.type == "bodyweight" else f"RPE {line.rpe:g}",
            notes=line.notes,
        )
        for line in lines
        if line.exercise_id is not None
    ]


def _cardio(built: Built, session: Session, day: int) -> Cardio | None:
    if not session.cardio_minutes or not built.cardio:
        return None
    choices = built.cardio[:3]
    exercise = choices[(day - 1) % len(choices)]
    low, high = _heart_rate(built.profile, built.limits)
    return Cardio(
        type=exercise.name,
        minutes=session.cardio_minutes,
        rpe=min(_CARDIO_RPE[built.profile.level], built.problem.scheme.rpe_cap),
        impact=exercise.impact,
        hr_low=low,
        hr_high=high,
    )


def _heart_rate(profile: Profile, limits: Limits) -> tuple[int | None, int | None]:
    """Beats per minute of moderate cardio: by reserve where a resting rate is known (Karvonen),
    else as shares of the highest rate, 208 - 0.7 * age."""
    if profile.age is None or not limits.heart_rate:
        return None, None
    highest = 208 - 0.7 * profile.age
    resting = profile.resting_heart_rate
    if resting is not None and 35 <= resting <= 100:
        low, high = (resting + share * (highest - resting) for share in _RESERVE_SHARE)
    else:
        low, high = (share * highest for share in _MAXIMUM_SHARE)
    return round(low), round(high)


def recommendations(built: Built, pages: Pages) -> list[Recommendation]:
    """Up to `count` exercises of the first week: focus first, then one of each movement.

    Each as in its fullest session.
    """
    fullest: dict[str, Prescription] = {}
    for session in built.weeks[0].sessions:
        for entry in session.exercises:
            key = entry.exercise.key
            if key not in fullest or entry.sets > fullest[key].sets:
                fullest[key] = entry
    focus = set(built.profile.focus)
    seen: dict[str | None, int] = {}
    ranked = []
    for place, entry in enumerate(fullest.values()):
        exercise = entry.exercise
        group = exercise.group
        again = seen.get(group, 0)
        seen[group] = again + 1
        rank = _CARD_ORDER.index(group) if group in _CARD_ORDER else len(_CARD_ORDER)
        ranked.append((again if group else again + 1, not focus & set(exercise.prim), rank, place))
    order = sorted(range(len(ranked)), key=lambda i: ranked[i])
    entries = list(fullest.values())
    return [
        _card(entries[i], number, pages)
        for number, i in enumerate(order[: built.profile.count], start=1)
    ]


def _card(entry: Prescription, number: int, pages: Pages) -> Recommendation:
    exercise = entry.exercise
    return Recommendation(
        id=f"{pages.request_id}-{number}",
        exercise=exercise.name,
        exercise_id=pages.exercise_ids.get(exercise.key),
        key=exercise.key,
        sets=entry.sets,
        reps=entry.reps,
        rest_seconds=entry.rest,
        rpe=entry.rpe,
        difficulty=LEVELS[exercise.level],
        reason=pages.reason(exercise),
        display=sentences.display(entry.sets, entry.reps, entry.hold, entry.rest, entry.rpe),
    )


def gentle_weeks(profile: Profile, safe: gentle.SafeMinimum, pages: Pages) -> list[PlanWeek]:
    """The safe minimum, the same every week."""
    workouts = [
        _gentle_workout(profile, safe.limits, session, day, pages)
        for day, session in enumerate(safe.sessions, start=1)
    ]
    return [
        PlanWeek(week=number, phase="build", weekly_cardio=None, workouts=workouts)
        for number in range(1, profile.weeks + 1)
    ]


def _gentle_workout(
    profile: Profile, limits: Limits, session: gentle.GentleSession, day: int, pages: Pages
) -> Workout:
    warm, cool = drills(profile, limits)
    seconds = sum(item.seconds for item in warm) + COOLDOWN_SECONDS
    lines = []
    for order, item in enumerate(session.items, start=1):
        seconds += exercise_seconds(item.exercise, sets=1, reps=1, hold=item.seconds, rest=0)
        lines.append(_gentle_line(item, order, pages))
    return Workout(
        day=day,
        weekday=session.weekday,
        title="Gentle movement",
        estimated_minutes=whole_minutes(seconds),
        template_rows=_template_rows(lines),
        warmup=warm,
        cooldown=cool,
        cardio=None,
        exercises=lines,
    )


def _gentle_line(item: gentle.GentleItem, order: int, pages: Pages) -> PlannedExercise:
    exercise = item.exercise
    return PlannedExercise(
        key=exercise.key,
        exercise=exercise.name,
        exercise_id=pages.exercise_ids.get(exercise.key),
        order=order,
        block=block_of(exercise),
        sets=1,
        reps=1,
        duration_seconds=item.seconds,
        rest_seconds=0,
        ramp_sets=0,
        rpe=gentle.GENTLE_RPE,
        load=Load(type="bodyweight", value=0),
        reps_range=None,
        notes=f"{sentences.lasting(item.seconds)} at an easy effort; you can talk throughout.",
        difficulty=LEVELS[exercise.level],
        reason=pages.reason(exercise),
    )


def gentle_cards(profile: Profile, safe: gentle.SafeMinimum, pages: Pages) -> list[Recommendation]:
    """Cards of the safe minimum: what its sessions hold, each once, filled up to three."""
    items: dict[str, gentle.GentleItem] = {}
    for session in safe.sessions:
        for item in session.items:
            items.setdefault(item.exercise.key, item)
    for item in safe.others:
        if len(items) < gentle.FEWEST_SHOWN:
            items.setdefault(item.exercise.key, item)
    return [
        Recommendation(
            id=f"{pages.request_id}-{number}",
            exercise=item.exercise.name,
            exercise_id=pages.exercise_ids.get(item.exercise.key),
            key=item.exercise.key,
            sets=1,
            reps=1,
            rest_seconds=0,
            rpe=gentle.GENTLE_RPE,
            difficulty=LEVELS[item.exercise.level],
            reason=pages.reason(item.exercise),
            display=sentences.display(1, 1, item.seconds, 0, gentle.GENTLE_RPE),
        )
        for number, item in enumerate(list(items.values())[: profile.count], start=1)
    ]


def facts(
    weeks_: Iterable[PlanWeek],
    cards: Iterable[Recommendation],
    library: Mapping[str, Exercise],
) -> dict[str, dict[str, object]]:
    """Facts of every exercise that is shown, by key, sorted."""
    keys = {
        line.key for week in weeks_ for workout in week.workouts for line in workout.exercises
    } | {card.key for card in cards}
    return {key: library[key].facts() for key in sorted(keys)}
