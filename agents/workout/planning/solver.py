"""One week of training that breaks no rule and gives up as few wishes as possible.

The rules are written as a constraint model (CP-SAT): for each exercise and day, whether it is done
and for how many sets. Rules that keep people safe are constraints. The two that a short session or
a bare room can make impossible, weekly least volume and the five movement patterns, may be given
up at a price, and the price is minimised: 20 for a pattern, 1 for half a set. The answer says
whether that minimum was proved.

Most clients get a week that gives up nothing at comfortable doses, and the first search finds it.
Otherwise the shortest doses that the rules allow give the true minimum, and a last search asks for
doses a coach would write at that same price, because one repetition per set satisfies every rule
and helps nobody. One worker, a fixed seed and a deterministic time limit make the answer
depend on the problem alone, never on the machine's load.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from agents.workout.exercises.exercise import MAJOR_MUSCLES, MUSCLES, PATTERN_GROUPS
from agents.workout.planning.problem import (
    CONTACTS_PER_WEEK,
    FEWEST_EXERCISES,
    MISSING_PATTERN_COST,
    MOST_EXERCISES,
    MOST_SESSIONS_OF_ONE,
    Dose,
    Draft,
    Item,
    Option,
    Problem,
)
from agents.workout.planning.volume import (
    MAJOR_INDEXES,
    SESSION_CAP_HALVES,
    ceiling_halves,
    floor_halves,
)

if TYPE_CHECKING:
    from ortools.sat.python.cp_model import CpModel, IntVar, LinearExpr

# Three to four times as many real seconds on a slow core, and only for sessions so short that
# something must be given up. Twice as long gave up 6 % less. The quick searches only ask for more
# comfort at a known price, or for a week to begin with, and give up early.
DETERMINISTIC_SECONDS = 0.4
_QUICK_SECONDS = 0.08
_START_SECONDS = 0.15
_SEED = 20
_LOWER_BODY = frozenset({"quads", "hamstrings", "glutes"})
DoseName = Literal["least", "tight", "usual"]


@dataclass(frozen=True, slots=True)
class Solution:
    """A week, its price, and whether nothing cheaper exists."""

    draft: Draft
    cost: int
    minimal: bool


def plan_week(problem: Problem) -> Solution | None:
    """The cheapest week, or None when the rules leave no week at all.

    As many different exercises as the caller wants recommended, where that costs nothing.
    """
    varied = replace(problem, distinct=max(problem.distinct, problem.profile.count))
    free = _free_week(varied)
    if free is not None:
        return free
    best = _cheapest_week(problem)
    if best is None:
        return None
    wanted: list[DoseName] = ["tight"]
    if _distinct_exercises(best) < varied.distinct:
        wanted.append("least")
    for dose in wanted:
        nicer = solve(varied, dose, most_cost=best.cost, deterministic_seconds=_QUICK_SECONDS)
        if nicer is not None:
            return Solution(nicer.draft, nicer.cost, minimal=best.minimal)
    return best


def _free_week(problem: Problem) -> Solution | None:
    """A week that gives up nothing at comfortable doses, if a quick look finds one.

    Where training days follow one another, upper and lower body take turns: that settles which
    muscles rest when, on which a free search spends most of its time.
    """
    if not problem.neighbours:
        return solve(
            problem, "usual", most_cost=0, deterministic_seconds=_QUICK_SECONDS, mains=True
        )
    doses: tuple[DoseName, ...] = ("usual", "tight")
    for dose in doses:
        found = solve(
            problem,
            dose,
            most_cost=0,
            deterministic_seconds=_QUICK_SECONDS,
            in_turns=True,
            mains=True,
        )
        if found is not None:
            return found
    return None


def _cheapest_week(problem: Problem) -> Solution | None:
    """The week that gives up least at the shortest doses, or None when the rules leave none.

    The halves of the body in turns give a good week soon; the whole search begins with it.
    """
    start = None
    if problem.neighbours:
        start = solve(problem, "least", deterministic_seconds=_START_SECONDS, in_turns=True)
        if start is not None and start.cost == 0:
            return start
    found = solve(problem, "least", start=start)
    return found or (None if start is None else replace(start, minimal=False))


def _distinct_exercises(solution: Solution) -> int:
    return len({item.option.key for item in solution.draft.items()})


def solve(
    problem: Problem,
    dose: DoseName,
    *,
    most_cost: int | None = None,
    deterministic_seconds: float = DETERMINISTIC_SECONDS,
    in_turns: bool = False,
    mains: bool = False,
    start: Solution | None = None,
) -> Solution | None:
    """One search. most_cost: accept the first week at this price or below instead of minimising.
    in_turns: train the upper body on every other day of a run, the lower body on those between.
    mains: give each day a compound exercise for a major muscle. start: a week to begin with.

    Returns None when there is none, or none was found in time.
    """
    # 0.4 s and 86 MB: loaded by the first plan, not by the service's start.
    from ortools.sat.python import cp_model

    week = _Week(cp_model.CpModel(), problem, dose, in_turns=in_turns)
    cost = week.constrain()
    if mains:
        week.want_mains()
    if most_cost is None:
        week.model.minimize(cost)
    else:
        week.model.add(cost <= most_cost)
    if start is not None:
        week.begin_with(start.draft)
        week.model.add(cost <= start.cost)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = _SEED
    solver.parameters.max_deterministic_time = deterministic_seconds
    # The full linear relaxation proves short sessions, which the default leaves open (12 of 12
    # against 1 of 12 problems of 15 to 25 minutes).
    solver.parameters.linearization_level = 2
    status = solver.solve(week.model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    draft = week.draft({name: solver.value(var) for name, var in week.sets.items()})
    return Solution(draft, int(solver.value(cost)), minimal=status == cp_model.OPTIMAL)


def pruned(options: tuple[Option, ...], days: int) -> tuple[Option, ...]:
    """`options` without those that an equal but quicker one replaces in every plan.

    Equal means: the same pattern, muscles and landings, hence the same effect on every rule but
    time. A session holds one exercise per pattern and an exercise occurs in two sessions, so more
    than half as many as there are days are never needed.
    """
    alike: defaultdict[tuple[object, ...], list[Option]] = defaultdict(list)
    for option in options:
        traits = (option.slots, option.halves, option.majors, option.contacts, option.block)
        alike[traits].append(option)
    enough = -(-days // MOST_SESSIONS_OF_ONE)
    kept = [option for group in alike.values() for option in sorted(group, key=_slowness)[:enough]]
    return tuple(sorted(kept, key=lambda option: option.key))


def _slowness(option: Option) -> tuple[int, int, bool, str]:
    fixed = option.fixed(option.least)
    return (fixed, option.least.work, not option.exercise.staple, option.key)


class _Week:
    """The constraint model of one week under construction."""

    def __init__(
        self, model: CpModel, problem: Problem, dose: DoseName, *, in_turns: bool = False
    ) -> None:
        self.model = model
        self.problem = problem
        self.days = range(len(problem.weekdays))
        self.rested = _rested_in_turns(problem) if in_turns else [0] * len(self.days)
        self.options = _distinct(problem)
        self.doses: Mapping[str, Dose] = {o.key: getattr(o, dose) for o in self.options}
        self.done: dict[tuple[str, int], IntVar] = {}
        self.sets: dict[tuple[str, int], IntVar] = {}
        fewest = problem.scheme.sets[0]
        for option in self.options:
            for day in self.days:
                cell = (option.key, day)
                if option.majors & self.rested[day]:
                    self.done[cell] = self.sets[cell] = model.new_constant(0)
                    continue
                done = self.done[cell] = model.new_bool_var("")
                sets = self.sets[cell] = model.new_int_var(0, option.most_sets, "")
                model.add(sets >= fewest * done)
                model.add(sets <= option.most_sets * done)

    def constrain(self) -> LinearExpr:
        """Add every rule; returns the price of what is given up."""
        rules = {
            "time_max": self._time,
            "count": self._count,
            "dup": self._duplicates,
            "recovery48": self._recovery,
            "vol_max": self._weekly_volume,
            "session_cap": self._session_volume,
            "push_pull": self._balance,
            "deload": self._room_for_a_lighter_week,
        }
        for name, rule in rules.items():
            if name not in self.problem.without:
                rule()
        self._landings()
        self._order_alike_days()
        return self._price()

    def want_mains(self) -> None:
        """Each day trains a large muscle with several joints, where any such exercise may."""
        main = [o for o in self.options if o.majors and o.exercise.compound]
        for day in self.days:
            open_to = [self.done[o.key, day] for o in main if not o.majors & self.rested[day]]
            if open_to:
                self.model.add_bool_or(open_to)

    def begin_with(self, draft: Draft) -> None:
        """Hand the solver a whole week to improve on."""
        given = {
            (item.option.key, day): item.sets
            for day, items in enumerate(draft.days)
            for item in items
        }
        for cell, sets in self.sets.items():
            self.model.add_hint(sets, given.get(cell, 0))
            self.model.add_hint(self.done[cell], cell in given)

    def draft(self, sets: Mapping[tuple[str, int], int]) -> Draft:
        """The week that the solver found."""
        days = tuple(
            tuple(
                Item(option, sets[option.key, day], self.doses[option.key])
                for option in self.options
                if sets[option.key, day] > 0
            )
            for day in self.days
        )
        return Draft(days, (0,) * len(days))

    def _time(self) -> None:
        for day in self.days:
            self.model.add(
                sum(
                    option.fixed(self.doses[option.key]) * self.done[option.key, day]
                    + (self.doses[option.key].work + self.doses[option.key].rest)
                    * self.sets[option.key, day]
                    for option in self.options
                )
                <= self.problem.budget_seconds
            )

    def _count(self) -> None:
        for day in self.days:
            count = sum(self.done[option.key, day] for option in self.options)
            self.model.add(count >= FEWEST_EXERCISES)
            self.model.add(count <= MOST_EXERCISES)
        used = []
        for option in self.options:
            once = self.model.new_bool_var("")
            self.model.add(once <= sum(self.done[option.key, day] for day in self.days))
            used.append(once)
        self.model.add(sum(used) >= self.problem.distinct)

    def _duplicates(self) -> None:
        for option in self.options:
            if len(self.days) > MOST_SESSIONS_OF_ONE:
                self.model.add(
                    sum(self.done[option.key, day] for day in self.days) <= MOST_SESSIONS_OF_ONE
                )
        holders: defaultdict[str, list[str]] = defaultdict(list)
        for option in self.options:
            for slot in option.slots:
                holders[slot].append(option.key)
        for keys in holders.values():
            for day in self.days:
                if len(keys) > 1:
                    self.model.add_at_most_one(self.done[key, day] for key in keys)

    def _recovery(self) -> None:
        if not self.problem.neighbours:
            return
        for bit in range(len(MAJOR_MUSCLES)):
            keys = [option.key for option in self.options if option.majors >> bit & 1]
            trained = [self.model.new_bool_var("") for _ in self.days]
            for day in self.days:
                for key in keys:
                    self.model.add_implication(self.done[key, day], trained[day])
            for first, second in self.problem.neighbours:
                self.model.add_bool_or(trained[first].negated(), trained[second].negated())

    def _volume(self, muscle: int, days: range) -> LinearExpr | int:
        return sum(
            halves * self.sets[option.key, day]
            for option in self.options
            for index, halves in option.halves
            if index == muscle
            for day in days
        )

    def _weekly_volume(self) -> None:
        most = ceiling_halves(self.problem.profile.level)
        for muscle in range(len(MUSCLES)):
            volume = self._volume(muscle, self.days)
            if not isinstance(volume, int):
                self.model.add(volume <= most)

    def _session_volume(self) -> None:
        for muscle in range(len(MUSCLES)):
            for day in self.days:
                volume = self._volume(muscle, range(day, day + 1))
                if not isinstance(volume, int):
                    self.model.add(volume <= SESSION_CAP_HALVES)

    def _group_sets(self, group: str) -> LinearExpr | int:
        keys = [option.key for option in self.options if option.group == group]
        return sum(self.sets[key, day] for key in keys for day in self.days)

    def _balance(self) -> None:
        if not self.problem.both_ways:
            return
        push, pull = self._group_sets("push"), self._group_sets("pull")
        self.model.add(4 * push <= 5 * pull + 8)
        self.model.add(4 * pull <= 6 * push + 8)
        if self.problem.limits.pull_first:
            self.model.add(pull >= push)

    def _landings(self) -> None:
        jumps = [option for option in self.options if option.contacts]
        if jumps:
            self.model.add(
                sum(o.contacts * self.sets[o.key, day] for o in jumps for day in self.days)
                <= CONTACTS_PER_WEEK
            )

    def _order_alike_days(self) -> None:
        """Days without neighbours are interchangeable: look at one order of them only."""
        if self.problem.neighbours:
            return
        loads = [sum(self.sets[o.key, day] for o in self.options) for day in self.days]
        for busier, other in pairwise(loads):
            self.model.add(busier >= other)

    def _room_for_a_lighter_week(self) -> None:
        """A lighter week cuts sets to one, then isolation: that must reach 65 % of the sets."""
        if not self.problem.needs_deload:
            return
        kept = []
        for day in self.days:
            least = self.model.new_int_var(FEWEST_EXERCISES, MOST_EXERCISES, "")
            self.model.add(
                least >= sum(self.done[o.key, day] for o in self.options if not o.droppable)
            )
            kept.append(least)
        self.model.add(20 * sum(kept) <= 13 * sum(self.sets.values()))

    def _price(self) -> LinearExpr:
        from ortools.sat.python.cp_model import LinearExpr

        price = []
        for patterns in PATTERN_GROUPS.values():
            keys = [o.key for o in self.options if o.exercise.pattern in patterns]
            missing = self.model.new_bool_var("")
            self.model.add(
                sum(self.done[key, day] for key in keys for day in self.days) + missing >= 1
            )
            price.append(MISSING_PATTERN_COST * missing)
        least = floor_halves(self.problem.profile.level)
        for muscle in MAJOR_INDEXES:
            short = self.model.new_int_var(0, least, "")
            self.model.add(self._volume(muscle, self.days) + short >= least)
            price.append(short)
        return LinearExpr.sum(price)


def _rested_in_turns(problem: Problem) -> list[int]:
    """For each day the bits of the major muscles that rest when the halves of the body take turns.

    Over runs of days too, so that both halves get as many days as there are, or one less.
    """
    lower = sum(1 << i for i, muscle in enumerate(MAJOR_MUSCLES) if muscle in _LOWER_BODY)
    upper = (1 << len(MAJOR_MUSCLES)) - 1 - lower
    return [upper if day % 2 else lower for day in range(len(problem.weekdays))]


def _distinct(problem: Problem) -> tuple[Option, ...]:
    """Pruned by the least dose; the other doses only re-use what the minimum needs."""
    if "dup" in problem.without:
        return problem.options
    return pruned(problem.options, len(problem.weekdays))
