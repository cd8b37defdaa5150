"""One client as the planner sees them, with every gap filled, and what health adds to the rules.

Free of names, notes and anything the database or the request looked like, so that the algorithms
depend on nothing else and the same profile always gives the same plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["plan", "recommendations"]
Goal = Literal["strength", "hypertrophy", "weight_loss", "endurance", "general"]
Level = Literal["beginner", "intermediate", "advanced"]
Adaptation = Literal["plateau_variety", "more_cardio", "slow_down", "ease_off"]

GOALS: tuple[Goal, ...] = ("strength", "hypertrophy", "weight_loss", "endurance", "general")
LEVELS: tuple[Level, ...] = ("beginner", "intermediate", "advanced")
MAX_BUILT_WEEKS = 16


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the last plan has brought the client.

    since: the day it was made, ISO. weeks_done: of its weeks, lived through. done: exercise key ->
    (reps, seconds of a timed set or None) in the last full week. weeks_running: build weeks since
    the last lighter one. trained: whether anything was trained since. hard: whether the client
    rates the workouts as very hard. paused: whether the plan ended long ago.
    """

    since: str
    weeks_done: int
    done: Mapping[str, tuple[int, int | None]] = field(default_factory=dict)
    weeks_running: int = 0
    trained: bool = True
    hard: bool = False
    paused: bool = False

    @property
    def progresses(self) -> bool:
        """Whether repetitions go on from where they were."""
        return self.trained and not self.hard and not self.paused


@dataclass(frozen=True, slots=True)
class Profile:
    """One client as the planner sees them; hashable in content, free of names and health texts.

    level: 0 beginner, 1 intermediate, 2 advanced. equipment: every id that is there, implied ones
    included. minutes: of one session, warm-up and cool-down included. weeks: to build, <= 16.
    focus: muscles asked for. focus_areas: the words for them that are known. avoid: wishes, each
    for names, keys and patterns. preferred, continuity: exercise keys. conditions: screened codes.
    opinions: exercise key -> -3 to 3, what feedback made of it. before: the last plan, if any.
    sources: where each value came from, by name of the field.
    """

    client_id: int
    kind: Kind
    goal: Goal
    level: int
    equipment: frozenset[str]
    minutes: int
    sessions_per_week: int
    weeks: int
    duration_weeks: int
    age: int | None = None
    focus: tuple[str, ...] = ()
    focus_areas: tuple[str, ...] = ()
    count: int = 5
    preferred: frozenset[str] = frozenset()
    avoid: tuple[str, ...] = ()
    continuity: frozenset[str] = frozenset()
    conditions: frozenset[str] = frozenset()
    resting_heart_rate: int | None = None
    adaptations: tuple[Adaptation, ...] = ()
    opinions: Mapping[str, float] = field(default_factory=dict)
    before: Standing | None = None
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def gentle(self) -> bool:
        """Beginners and clients of 65 and older: fewer sets, fewer days, less cardio to start."""
        return self.level == 0 or (self.age is not None and self.age >= 65)

    @property
    def young(self) -> bool:
        """Clients below 16: fewer days."""
        return self.age is not None and self.age < 16

    @property
    def weeks_running(self) -> int:
        """Build weeks that the client comes from without a lighter one."""
        return self.before.weeks_running if self.before is not None else 0

    @property
    def days(self) -> int:
        """Training days a week that the rules on rest days leave of the wish.

        Source for the young: NSCA 2009, two to three days a week that do not follow one another.
        """
        if self.young:
            return min(self.sessions_per_week, 3)
        return min(self.sessions_per_week, 5 if self.gentle else 6)


@dataclass(frozen=True, slots=True)
class Limits:
    """What conditions and age add to the scheme; the neutral value forbids nothing.

    reps: an allowed range or None. rpe: highest. max_sets: per exercise. max_hold_seconds: of one
    timed set. warmup_seconds: least. pull_first: weekly pull sets at least the push sets.
    jumps: whether impact 2 may be planned at all. heart_rate: whether zones may be given.
    """

    reps: tuple[int, int] | None = None
    rpe: float = 9.0
    max_sets: int = 99
    max_hold_seconds: int = 120
    warmup_seconds: int = 300
    pull_first: bool = False
    jumps: bool = False
    heart_rate: bool = False
    notes: tuple[str, ...] = ()
