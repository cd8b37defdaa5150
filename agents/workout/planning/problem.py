"""The planner's working shapes: what may be chosen, and what has been chosen for one week.

An :class:`Option` is an exercise with everything about it that a rule asks worked out beforehand,
since polishing asks thousands of times. A :class:`Draft` is one week: for each training day a list
of :class:`Item`. A :class:`Problem` is all that both are measured against.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from agents.workout.exercises.exercise import MAJOR_MUSCLES, PATTERN_GROUPS, Exercise
from agents.workout.planning.schemes import (
    STEADY_HOLD_SECONDS,
    STRENGTH_PATTERNS_NOT,
    Scheme,
    block_of,
    scheme_for,
)
from agents.workout.planning.session_time import (
    CHANGE_OVER_SECONDS,
    COOLDOWN_SECONDS,
    RAMP_SET_SECONDS,
    set_seconds,
)
from agents.workout.planning.volume import MUSCLE_INDEX, floor_halves, halves_per_set
from agents.workout.profile import Limits, Profile

MISSING_PATTERN_COST = 20
FEWEST_EXERCISES, MOST_EXERCISES = 2, 9
# A page shows three recommendations, so the week must hold three exercises.
FEWEST_DISTINCT = 3
CONTACTS_PER_EXERCISE, CONTACTS_PER_WEEK = 100, 300
MOST_SESSIONS_OF_ONE = 2
FAST_BARBELL_REPS = 6
"""Most repetitions of a set with which a plan for a flying barbell begins: technique tires before
muscles do. Source: NSCA, Essentials, loads and repetitions for power (at most 5 to 6)."""

MOST_PULL_UPS = 12
# Lowering the whole body slowly tires and aches long before that.
MOST_SLOW_LOWERINGS = 6
SLOW_LOWERING_SECONDS = 8
# Who has two arms rows and presses the own body with both.
_FOR_ONE_ARM = frozenset({"one_arm_doorway_row", "one_arm_wall_push_up"})
_FIRST_GRIP = "pull_up_bar_hang"
"""Most repetitions with which a plan may begin for who lifts the whole body by the arms. Twenty or
so are full marks in the Marines' fitness test (MCO 6100.13A): no plan asks for them in passing."""

# Training days of a week, Monday 1, spread so that as few as possible follow one another.
WEEKDAYS: Mapping[int, tuple[int, ...]] = {
    1: (3,),
    2: (1, 4),
    3: (1, 3, 5),
    4: (1, 2, 4, 6),
    5: (1, 2, 3, 5, 6),
    6: (1, 2, 3, 4, 5, 6),
}


@dataclass(frozen=True, slots=True)
class Dose:
    """How one exercise is done. hold: seconds of a timed set, else None; rest, work in seconds."""

    reps: int
    hold: int | None
    rest: int
    work: int


@dataclass(frozen=True, slots=True)
class Option:
    """An exercise this client may do.

    halves: (muscle, halves per set). majors: bit per major muscle trained as primary. slots: at
    most one exercise of a session may hold each. contacts: landings of one set, 0 unless a jump.
    least: the shortest dose the rules allow; tight: the shortest a coach would write; usual: the
    one a session with time gets.
    """

    exercise: Exercise
    block: str
    halves: tuple[tuple[int, int], ...]
    majors: int
    group: str | None
    slots: tuple[str, ...]
    slot_set: frozenset[str]
    contacts: int
    most_sets: int
    least: Dose
    tight: Dose
    usual: Dose

    @property
    def key(self) -> str:
        """The exercise's key."""
        return self.exercise.key

    @property
    def droppable(self) -> bool:
        """Whether a lighter week may leave it out: isolation that no movement pattern needs."""
        return self.block == "isolation" and self.group is None

    def fixed(self, dose: Dose) -> int:
        """Seconds that do not depend on the number of sets."""
        return self.exercise.setup_seconds + CHANGE_OVER_SECONDS - dose.rest


@dataclass(frozen=True, slots=True)
class Item:
    """One prescribed exercise of a day."""

    option: Option
    sets: int
    dose: Dose
    ramp_sets: int = 0

    @property
    def seconds(self) -> int:
        """Seconds it takes, setting up and changing over included."""
        return (
            self.option.fixed(self.dose)
            + self.sets * (self.dose.work + self.dose.rest)
            + RAMP_SET_SECONDS * self.ramp_sets
        )


@dataclass(frozen=True, slots=True)
class Draft:
    """One week. days: items by training day; cardio_minutes: in each session."""

    days: tuple[tuple[Item, ...], ...]
    cardio_minutes: tuple[int, ...]

    def items(self) -> Iterable[Item]:
        """All items, day by day."""
        return (item for day in self.days for item in day)


@dataclass(frozen=True)
class Problem:
    """What to plan for. without: names of rules left out, only to find out which one hinders.

    distinct: at least so many different exercises in the week.
    """

    profile: Profile
    limits: Limits
    scheme: Scheme
    options: tuple[Option, ...]
    without: frozenset[str] = frozenset()
    distinct: int = FEWEST_DISTINCT

    @cached_property
    def weekdays(self) -> tuple[int, ...]:
        """Training days, Monday 1."""
        return WEEKDAYS[self.profile.days]

    @cached_property
    def neighbours(self) -> tuple[tuple[int, int], ...]:
        """Indexes of training days that follow one another, Sunday and Monday included."""
        days = self.weekdays
        return tuple(
            (i, j)
            for i, first in enumerate(days)
            for j, second in enumerate(days)
            if second == first % 7 + 1
        )

    @property
    def budget_seconds(self) -> int:
        """Seconds of one session for exercises and cardio."""
        return 60 * self.profile.minutes - self.limits.warmup_seconds - COOLDOWN_SECONDS

    @property
    def needs_deload(self) -> bool:
        """Whether the plan is long enough to hold a lighter week."""
        return self.profile.weeks + self.profile.weeks_running > build_weeks(self.profile.level)

    @cached_property
    def both_ways(self) -> bool:
        """Whether this client can both push and pull, so that the two must balance."""
        return {"push", "pull"} <= {option.group for option in self.options}


def build_weeks(level: int) -> int:
    """Most build weeks in a row. Source: doi 10.1186/s40798-023-00633-0."""
    return 6 if level == 0 else 5


def problem_for(profile: Profile, limits: Limits, exercises: Iterable[Exercise]) -> Problem:
    """The planning problem of this client over `exercises` they may do.

    Whose pulls must match their pushes gets no push where no pull is left.
    """
    scheme = scheme_for(profile, limits)
    options = [
        option_for(exercise, scheme)
        for exercise in exercises
        if _suits(exercise, limits, scheme) and _meant_for(exercise, profile)
    ]
    kept = sorted((o for o in options if o.most_sets >= scheme.sets[0]), key=lambda o: o.key)
    if limits.pull_first and not any(option.group == "pull" for option in kept):
        kept = [option for option in kept if option.group != "push"]
    return Problem(profile, limits, scheme, tuple(kept))


def _suits(exercise: Exercise, limits: Limits, scheme: Scheme) -> bool:
    """Whether a week of strength may hold it, at this client's repetitions."""
    if exercise.pattern in STRENGTH_PATTERNS_NOT:
        return False
    if exercise.impact >= 2 and not (limits.jumps and exercise.measure == "reps"):
        return False
    start = scheme.column(exercise).start
    if exercise.pattern == "power" and "barbell" in exercise.equipment:
        return start <= FAST_BARBELL_REPS
    hanging = exercise.position == "hanging" and exercise.pattern == "v_pull"
    if hanging and exercise.seconds_per_rep >= SLOW_LOWERING_SECONDS:
        return start <= MOST_SLOW_LOWERINGS
    return start <= MOST_PULL_UPS or "bands" in exercise.equipment or not hanging


def _meant_for(exercise: Exercise, profile: Profile) -> bool:
    if exercise.key == _FIRST_GRIP:
        return profile.level == 0
    return exercise.key not in _FOR_ONE_ARM or "one_arm" in profile.conditions


def option_for(exercise: Exercise, scheme: Scheme) -> Option:
    """`exercise` with its doses under `scheme`."""
    column = scheme.column(exercise)
    least = _dose(exercise, scheme.hold[0], column.reps[0], column.rest[0])
    tight = _dose(exercise, min(STEADY_HOLD_SECONDS, scheme.hold[1]), column.floor, column.rest[0])
    usual = _dose(exercise, min(30, scheme.hold[1]), column.start, column.usual_rest)
    contacts = most_contacts(exercise, column.top)
    most = scheme.sets[1]
    return Option(
        exercise=exercise,
        block=block_of(exercise),
        halves=halves_per_set(exercise),
        majors=sum(1 << i for i, muscle in enumerate(MAJOR_MUSCLES) if muscle in exercise.prim),
        group=exercise.group,
        slots=slots_of(exercise),
        slot_set=frozenset(slots_of(exercise)),
        contacts=contacts,
        most_sets=min(most, CONTACTS_PER_EXERCISE // contacts) if contacts else most,
        least=least,
        tight=tight,
        usual=usual,
    )


def slots_of(exercise: Exercise) -> tuple[str, ...]:
    """What at most one exercise per session may be: its pattern; isolation also each muscle."""
    if block_of(exercise) == "isolation":
        return (exercise.pattern, *(f"alone:{muscle}" for muscle in exercise.prim))
    return (exercise.pattern,)


def most_contacts(exercise: Exercise, reps: int) -> int:
    """Landings of one set of `reps` jumps; 0 for everything that is no jump."""
    if exercise.impact < 2:
        return 0
    return reps * (2 if exercise.unilateral else 1)


def _dose(exercise: Exercise, hold: int, reps: int, rest: int) -> Dose:
    timed = exercise.measure == "seconds"
    dose = Dose(1 if timed else reps, hold if timed else None, rest, 0)
    return replace(dose, work=set_seconds(exercise, dose.reps, dose.hold))


def missing_patterns(items: Iterable[Item]) -> list[str]:
    """Pattern groups that no item of the week belongs to, in their usual order."""
    present = {item.option.group for item in items}
    return [group for group in PATTERN_GROUPS if group not in present]


def shortfalls(problem: Problem, items: Sequence[Item]) -> dict[str, int]:
    """Halves that each major muscle lacks to its weekly least; only muscles that lack any."""
    sums = dict.fromkeys(MAJOR_MUSCLES, 0)
    for item in items:
        for index, halves in item.option.halves:
            for muscle in MAJOR_MUSCLES:
                if MUSCLE_INDEX[muscle] == index:
                    sums[muscle] += halves * item.sets
    least = floor_halves(problem.profile.level)
    return {muscle: least - got for muscle, got in sums.items() if got < least}


def relaxation_cost(problem: Problem, draft: Draft) -> int:
    """What the draft gives up: 20 per missing pattern, 1 per half set short."""
    items = tuple(draft.items())
    missing = len(missing_patterns(items))
    return MISSING_PATTERN_COST * missing + sum(shortfalls(problem, items).values())
