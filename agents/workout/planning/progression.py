"""From one week to a plan: what changes from week to week, and when to take it easier.

Exercises and sets stay; effort climbs. Repetitions (or seconds) rise a step a week while the
session's minutes allow; at the top the load goes up and repetitions start again, or a bodyweight
exercise gives way to its harder variant. After five build weeks (six for beginners) comes a week
with about half the sets and clearly less effort, and then the climb goes on where it stopped.

Nobody logs loads in the main app, so a step of load is an event ("add 2.5 % or 5 %"), not a
number of kilograms.

Sources: ACSM 2009 (steps), doi 10.1186/s40798-023-00633-0 (lighter weeks), WHO 2020 (cardio).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from agents.workout.exercises.exercise import Exercise
from agents.workout.planning.problem import (
    FEWEST_EXERCISES,
    Draft,
    Item,
    Option,
    Problem,
    build_weeks,
    option_for,
)
from agents.workout.planning.schemes import BLOCK_ORDER
from agents.workout.planning.session_time import RAMP_SET_SECONDS, exercise_seconds
from agents.workout.profile import Profile

Event = Literal["load_up", "variant_up"]
_HOLD_STEP_SECONDS = 5
_LOAD_UP_EVERY_WEEKS = 2
_RPE_RISES_FROM = 2
_DELOAD_RPE_STEP = 2.0
_DELOAD_SHARE = 0.5
_CARDIO_STEP_MINUTES = 15
_CARDIO_MOST = 300
_EXPECTING = frozenset({"pregnancy", "pregnancy_complication"})
_CARDIO_START, _CARDIO_GENTLE_START = 150, 90
_LOADABLE = frozenset(
    {"barbell", "dumbbells", "kettlebell", "machine", "cable", "bands", "medicine_ball", "other"}
)


@dataclass(frozen=True, slots=True)
class Prescription:
    """One exercise of one session. hold: seconds of a timed set, else None (then reps count)."""

    option: Option
    sets: int
    reps: int
    hold: int | None
    rest: int
    ramp_sets: int
    rpe: float
    event: Event | None = None

    @property
    def exercise(self) -> Exercise:
        """The exercise's facts."""
        return self.option.exercise

    @property
    def seconds(self) -> int:
        """Seconds it takes, setting up and changing over included."""
        return exercise_seconds(
            self.exercise,
            sets=self.sets,
            reps=self.reps,
            hold=self.hold,
            rest=self.rest,
            ramp_sets=self.ramp_sets,
        )


@dataclass(frozen=True, slots=True)
class Session:
    """One training day, Monday 1, in the order it is done."""

    weekday: int
    exercises: tuple[Prescription, ...]
    cardio_minutes: int


@dataclass(frozen=True, slots=True)
class Week:
    """One week. cardio_target: minutes in the week, None where the goal asks for none."""

    number: int
    phase: Literal["build", "deload"]
    sessions: tuple[Session, ...]
    cardio_target: int | None


def periodise(
    problem: Problem, draft: Draft, harder: Callable[[Exercise], Exercise | None]
) -> tuple[Week, ...]:
    """All weeks of the plan, `profile.weeks` long.

    harder: the allowed harder variant of an exercise, or None.
    """
    profile = problem.profile
    longest = build_weeks(profile.level)
    weeks: list[Week] = []
    last_build = _first_week(problem, draft)
    # A plan never begins with a lighter week: it would be lighter than nothing.
    running = min(profile.weeks_running, longest - 1)
    for number in range(1, profile.weeks + 1):
        if running == longest:
            weeks.append(_lighter(last_build, number))
            running = 0
            continue
        if weeks:
            last_build = _next_build(problem, last_build, number, running, harder)
        weeks.append(last_build)
        running += 1
    return tuple(weeks)


def is_loadable(exercise: Exercise) -> bool:
    """Whether its load can be raised, so that an event may say so."""
    return not exercise.own_weight and not _LOADABLE.isdisjoint(exercise.equipment)


def holds_steady(profile: Profile) -> bool:
    """Whether a plan's weeks are all alike but for lighter ones."""
    return not _EXPECTING.isdisjoint(profile.conditions)


def cardio_start(profile: Profile) -> int | None:
    """Weekly minutes of cardio to start with; None where the goal asks for none."""
    if profile.goal not in ("weight_loss", "endurance"):
        return None
    eased = profile.gentle or bool(profile.conditions)
    start = _CARDIO_GENTLE_START if eased else _CARDIO_START
    return start + 30 if "more_cardio" in profile.adaptations else start


def _first_week(problem: Problem, draft: Draft) -> Week:
    rpe = problem.scheme.rpe
    sessions = []
    for weekday, items, minutes in zip(
        problem.weekdays, draft.days, draft.cardio_minutes, strict=True
    ):
        ordered = sorted(items, key=_place)
        spare = problem.budget_seconds - 60 * minutes - sum(item.seconds for item in items)
        entries = []
        for item in ordered:
            ramp, spare = _ramp_sets(problem, item, spare)
            dose = item.dose
            entry = Prescription(
                item.option, item.sets, dose.reps, dose.hold, dose.rest, ramp, rpe
            )
            going_on = _going_on(problem, entry)
            more = going_on.seconds - entry.seconds
            if more <= spare:
                entry, spare = going_on, spare - more
            entries.append(entry)
        sessions.append(Session(weekday, tuple(entries), minutes))
    return Week(1, "build", tuple(sessions), cardio_start(problem.profile))


def _going_on(problem: Problem, entry: Prescription) -> Prescription:
    """`entry` from where the last plan ended: its repetitions, or more load once they are full."""
    before = problem.profile.before
    if holds_steady(problem.profile):
        return entry
    if before is None or not before.progresses or entry.exercise.key not in before.done:
        return entry
    reps, hold = before.done[entry.exercise.key]
    if entry.hold is not None:
        longest = problem.scheme.hold[1]
        return replace(entry, hold=max(entry.hold, min(hold or 0, longest)))
    top = problem.scheme.column(entry.exercise).top
    if reps >= top and is_loadable(entry.exercise):
        return replace(entry, event="load_up")
    return replace(entry, reps=max(entry.reps, min(reps, top)))


def _place(item: Item) -> tuple[int, bool, int, bool, int, str]:
    """Blocks in order; inside a block what needs fresh legs and a fresh head comes first, loaded
    work before unloaded, and carries last: they tire the grip that lifts and pulls need.

    Source: ACSM 2009 (large muscles before small, high intensity before low).
    """
    exercise = item.option.exercise
    return (
        BLOCK_ORDER[item.option.block],
        exercise.pattern == "carry",
        -(exercise.axial + exercise.level),
        not is_loadable(exercise),
        -len(exercise.prim) * 2 - len(exercise.sec),
        exercise.key,
    )


def _ramp_sets(problem: Problem, item: Item, spare: int) -> tuple[int, int]:
    """Lighter sets before a heavy lift, if the minutes are there: (sets, seconds left)."""
    exercise = item.option.exercise
    heavy = exercise.compound and is_loadable(exercise) and "barbell" in exercise.equipment
    if problem.profile.goal not in ("strength", "hypertrophy") or not heavy:
        return 0, spare
    wanted = 2 if problem.profile.goal == "strength" else 1
    given = max(0, min(wanted, spare // RAMP_SET_SECONDS))
    return given, spare - given * RAMP_SET_SECONDS


def _next_build(
    problem: Problem,
    before: Week,
    number: int,
    running: int,
    harder: Callable[[Exercise], Exercise | None],
) -> Week:
    rpe = problem.scheme.rpe
    if running >= _RPE_RISES_FROM and not holds_steady(problem.profile):
        rpe = min(problem.scheme.rpe_cap, rpe + 1)
    variants = _variants(problem, before, harder)
    sessions = []
    for session in before.sessions:
        spare = (
            problem.budget_seconds
            - 60 * session.cardio_minutes
            - sum(entry.seconds for entry in session.exercises)
        )
        entries = []
        for entry in session.exercises:
            grown = _grown(problem, entry, number, spare, variants)
            spare -= grown.seconds - entry.seconds
            entries.append(replace(grown, rpe=rpe))
        sessions.append(replace(session, exercises=tuple(entries)))
    return Week(number, "build", tuple(sessions), _more_cardio(problem.profile, before))


def _more_cardio(profile: Profile, before: Week) -> int | None:
    target = before.cardio_target
    if target is None or "slow_down" in profile.adaptations or holds_steady(profile):
        return target
    step = min(_CARDIO_STEP_MINUTES, target // 5) // 5 * 5
    return max(target, min(_CARDIO_MOST, target + step))


def _grown(
    problem: Problem, entry: Prescription, number: int, spare: int, variants: Mapping[str, Option]
) -> Prescription:
    """`entry` a week later: more repetitions, more load, a harder variant, or as it was.

    In pregnancy it stays as it was: the body changes each week, and the same work grows harder by
    itself. Source: ACOG Committee Opinion 804.
    """
    if holds_steady(problem.profile):
        return replace(entry, event=None)
    column = problem.scheme.column(entry.exercise)
    if entry.hold is not None:
        longer = replace(entry, hold=entry.hold + _HOLD_STEP_SECONDS, event=None)
        room = entry.hold + _HOLD_STEP_SECONDS <= problem.scheme.hold[1]
    else:
        longer = replace(entry, reps=entry.reps + 1, event=None)
        room = entry.reps < column.top
    if room and longer.seconds - entry.seconds <= spare:
        return longer
    same = replace(entry, event=None)
    if is_loadable(entry.exercise) and entry.hold is None:
        start = min(entry.reps, entry.option.usual.reps)
        if start < entry.reps or number % _LOAD_UP_EVERY_WEEKS:
            return replace(entry, reps=start, event="load_up")
        return same
    variant = variants.get(entry.exercise.key)
    if variant is None or room:
        return same
    dose = variant.tight
    swapped = replace(entry, option=variant, reps=dose.reps, hold=dose.hold, event="variant_up")
    return swapped if swapped.seconds - entry.seconds <= spare else same


def _variants(
    problem: Problem, before: Week, harder: Callable[[Exercise], Exercise | None]
) -> Mapping[str, Option]:
    """Exercises of the week that may give way everywhere at once to a harder variant.

    Only to one that trains the same muscles in the same pattern and place and is not in the week
    yet, so that no sum and no session rule can change.
    """
    here: dict[str, list[Prescription]] = {}
    for session in before.sessions:
        for entry in session.exercises:
            here.setdefault(entry.exercise.key, []).append(entry)
    found: dict[str, Option] = {}
    for key, entries in here.items():
        exercise = harder(entries[0].exercise)
        taken = {*here, *(option.key for option in found.values())}
        if exercise is None or exercise.key in taken or exercise.impact > 1:
            continue
        new = option_for(exercise, problem.scheme)
        ready = all(_at_top(problem, entry) for entry in entries)
        if ready and _likeness(new) == _likeness(entries[0].option):
            found[key] = new
    return found


def _likeness(option: Option) -> tuple[object, ...]:
    exercise = option.exercise
    shape = (exercise.measure, exercise.compound, exercise.unilateral)
    return (option.halves, option.majors, option.slots, option.block, shape)


def _at_top(problem: Problem, entry: Prescription) -> bool:
    if entry.hold is not None:
        return entry.hold + _HOLD_STEP_SECONDS > problem.scheme.hold[1]
    return entry.reps >= problem.scheme.column(entry.exercise).top


def _lighter(before: Week, number: int) -> Week:
    """About half the sets at clearly less effort; every exercise but isolation stays."""
    kept = [list(session.exercises) for session in before.sessions]
    total = sum(entry.sets for day in kept for entry in day)
    target = round(_DELOAD_SHARE * total)
    for day in kept:
        _drop_isolation(day, kept, target)
    sets = {(d, i): 1 for d, day in enumerate(kept) for i in range(len(day))}
    _share_out(kept, sets, target - len(sets))
    sessions = tuple(
        replace(
            session,
            exercises=tuple(
                replace(
                    entry,
                    sets=sets[d, i],
                    ramp_sets=0,
                    rpe=max(1.0, entry.rpe - _DELOAD_RPE_STEP),
                    event=None,
                )
                for i, entry in enumerate(kept[d])
            ),
        )
        for d, session in enumerate(before.sessions)
    )
    return Week(number, "deload", sessions, before.cardio_target)


def _share_out(
    days: Sequence[Sequence[Prescription]], sets: dict[tuple[int, int], int], left: int
) -> None:
    """Add `left` sets, one per exercise and round. Pulls come first and pushes never pass them,
    so that halving cannot tip the balance of the two."""
    group = {(d, i): days[d][i].exercise.group for d, i in sets}
    pulls = sum(now for cell, now in sets.items() if group[cell] == "pull")
    pushes = sum(now for cell, now in sets.items() if group[cell] == "push")
    order = sorted(sets, key=lambda cell: (group[cell] != "pull", *cell))
    grew = True
    while left > 0 and grew:
        grew = False
        for d, i in order:
            push, pull = group[d, i] == "push", group[d, i] == "pull"
            tips = (push and pulls and pushes >= pulls) or (
                pull and pushes and 4 * (pulls + 1) > 6 * pushes + 8
            )
            if left > 0 and sets[d, i] < days[d][i].sets and not tips:
                sets[d, i] += 1
                pushes += push
                pulls += pull
                left -= 1
                grew = True


def _drop_isolation(
    day: list[Prescription], days: Sequence[Sequence[Prescription]], target: int
) -> None:
    """Take isolation out of `day`, the last first, while one set each would still be too many."""
    for place in range(len(day) - 1, -1, -1):
        if sum(len(other) for other in days) <= target or len(day) <= FEWEST_EXERCISES:
            return
        if day[place].option.droppable:
            del day[place]
