"""Makes a safe week a good one: thousands of small seeded changes, none against a rule.

The solver stops at the first week that gives up the least; it does not know a popular exercise
from an odd one. Here the week is changed in place: a set more or less, or from one exercise to
another, another exercise, another day, a longer rest, some minutes of cardio. A change is tried
against every hard rule and against the price of what is given up, and is kept when the soft score
rises, or sometimes, early on, when it falls a little. Same week, same seed, same result.

This beats giving the solver ten times the time, because the score is no sum of independent terms.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from agents.workout.exercises.exercise import MUSCLES, PATTERN_GROUPS
from agents.workout.planning.problem import (
    CONTACTS_PER_WEEK,
    FEWEST_EXERCISES,
    MISSING_PATTERN_COST,
    MOST_EXERCISES,
    MOST_SESSIONS_OF_ONE,
    Draft,
    Item,
    Option,
    Problem,
)
from agents.workout.planning.score import Appeal, Totals, score
from agents.workout.planning.volume import (
    MAJOR_INDEXES,
    SESSION_CAP_HALVES,
    ceiling_halves,
    floor_halves,
)

MOVES = 4_000
_WARMTH = 0.6
"""Points that an early change may lose; falls to nothing over the moves."""
_CARDIO_STEP, _MOST_CARDIO = 5, 20
_GROUPS = tuple(PATTERN_GROUPS)

Undo = Callable[[], None]


def polish(
    problem: Problem,
    draft: Draft,
    *,
    seed: str,
    cardio: bool,
    weights: Mapping[str, int] | None = None,
    moves: int = MOVES,
) -> tuple[Draft, float, dict[str, float]]:
    """(best week found, its score of at most 100, the parts of the score).

    cardio: whether minutes of cardio may be put into the sessions. weights: key -> -3..3, wishes
    that are no rules. The week never breaks a rule the given one keeps, nor gives up more.
    """
    week = _Week(problem, draft, Appeal(problem, cardio=cardio, weights=weights or {}))
    rng = random.Random(seed)
    moves_left = moves if problem.options else 0
    best, best_score = week.freeze(), week.score()
    now = best_score
    for step in range(moves_left):
        undo = week.change(rng)
        if undo is None:
            continue
        trial = week.score()
        warmth = _WARMTH * (1 - step / moves_left)
        if trial >= now or (warmth > 0.01 and rng.random() < math.exp((trial - now) / warmth)):
            now = trial
            week.settle()
            if now > best_score + 1e-9:
                best, best_score = week.freeze(), now
        else:
            undo()
    final = _Week(problem, best, week.appeal)
    return best, round(best_score, 2), score(final.totals, final.appeal)[1]


class _Week:
    """The week under change, with every sum a rule asks about kept up to date."""

    def __init__(self, problem: Problem, draft: Draft, appeal: Appeal) -> None:
        self.problem = problem
        self.appeal = appeal
        self.days = [list(day) for day in draft.days]
        self.totals = Totals(list(draft.cardio_minutes), len(MUSCLES))
        self.by_day = [[0] * len(MUSCLES) for _ in self.days]
        self.next_to: list[list[int]] = [[] for _ in self.days]
        for first, second in problem.neighbours:
            self.next_to[first].append(second)
            self.next_to[second].append(first)
        level = problem.profile.level
        self.most, self.least = ceiling_halves(level), floor_halves(level)
        self.fewest_sets = problem.scheme.sets[0]
        self.kin: dict[str, list[Option]] = {}
        for option in problem.options:
            self.kin.setdefault(option.exercise.pattern, []).append(option)
        for day, items in enumerate(self.days):
            for item in items:
                self._count(day, item, +1)
        self.price = self._price()
        wanted = max(problem.distinct, problem.profile.count)
        self.distinct = min(wanted, len(self.totals.uses))
        self.most_idle = self.totals.idle_days

    def settle(self) -> None:
        """Take the last change for good: a day that got its main lift keeps one."""
        self.most_idle = min(self.most_idle, self.totals.idle_days)

    def freeze(self) -> Draft:
        """The week as it stands."""
        return Draft(tuple(tuple(day) for day in self.days), tuple(self.totals.cardio_minutes))

    def score(self) -> float:
        """Points of the week as it stands."""
        return score(self.totals, self.appeal)[0]

    def change(self, rng: random.Random) -> Undo | None:
        """Try one random change; returns how to undo it, or None if a rule refused it."""
        day = rng.randrange(len(self.days))
        items = self.days[day]
        kind = rng.random()
        if kind < 0.08 and self.appeal.cardio:
            return self._change_cardio(day, rng)
        if kind < 0.30 or not items:
            option = rng.choice(self.problem.options)
            return self._swap(day, None, self._fresh(option, rng))
        place = rng.randrange(len(items))
        old = items[place]
        if kind < 0.55:
            return self._swap(day, place, self._resized(old, rng))
        if kind < 0.66:
            return self._swap(day, place, self._redosed(old, rng))
        if kind < 0.72:
            return self._shift(day, place, rng)
        if kind < 0.91:
            near = rng.random() < 0.6
            pool = self.kin[old.option.exercise.pattern] if near else self.problem.options
            return self._swap(day, place, self._fresh(rng.choice(pool), rng, old.sets))
        if kind < 0.95:
            return self._move(day, place, rng.randrange(len(self.days)))
        return self._swap(day, place, None)

    def _fresh(self, option: Option, rng: random.Random, sets: int | None = None) -> Item:
        low, high = self.fewest_sets, option.most_sets
        count = rng.randint(low, high) if sets is None else min(max(sets, low), high)
        return Item(option, count, option.usual if rng.random() < 0.6 else option.tight)

    def _resized(self, item: Item, rng: random.Random) -> Item:
        sets = item.sets + (1 if rng.random() < 0.6 else -1)
        if not self.fewest_sets <= sets <= item.option.most_sets:
            return item
        return replace(item, sets=sets)

    def _redosed(self, item: Item, rng: random.Random) -> Item:
        option = item.option
        return replace(item, dose=rng.choice((option.usual, option.usual, option.tight)))

    def _change_cardio(self, day: int, rng: random.Random) -> Undo | None:
        minutes = self.totals.cardio_minutes
        old = minutes[day]
        new = old + (_CARDIO_STEP if rng.random() < 0.7 else -_CARDIO_STEP)
        if not 0 <= new <= _MOST_CARDIO:
            return None
        if self.totals.seconds[day] + 60 * new > self.problem.budget_seconds:
            return None
        minutes[day] = new

        def undo() -> None:
            minutes[day] = old

        return undo

    def _move(self, day: int, place: int, target: int) -> Undo | None:
        if target == day or len(self.days[day]) <= FEWEST_EXERCISES:
            return None
        item = self.days[day][place]
        return _both(
            self._swap(day, place, None, priced=False), lambda: self._swap(target, None, item)
        )

    def _shift(self, day: int, place: int, rng: random.Random) -> Undo | None:
        """A set goes from one exercise to another; with its last, the exercise goes."""
        taken = self.days[day][place]
        target = rng.randrange(len(self.days))
        given = rng.choice(self.days[target]) if self.days[target] else taken
        if given is taken or given.sets >= given.option.most_sets:
            return None
        less = replace(taken, sets=taken.sets - 1) if taken.sets > self.fewest_sets else None
        return _both(
            self._swap(day, place, less, priced=False),
            lambda: self._swap(
                target, self.days[target].index(given), replace(given, sets=given.sets + 1)
            ),
        )

    def _swap(
        self, day: int, place: int | None, new: Item | None, *, priced: bool = True
    ) -> Undo | None:
        """Put `new` in the place of the item there (None: add, or remove); None when refused."""
        items = self.days[day]
        old = None if place is None else items[place]
        if new == old or not self._fits(day, old, new):
            return None
        if old is not None:
            self._count(day, old, -1)
        if new is not None:
            self._count(day, new, +1)
        at = len(items) if place is None else place
        items[at : at + (old is not None)] = [] if new is None else [new]

        def undo() -> None:
            if new is not None:
                self._count(day, new, -1)
            if old is not None:
                self._count(day, old, +1)
            items[at : at + (new is not None)] = [] if old is None else [old]

        if not self._sums_hold(day) or (priced and self._price() > self.price):
            undo()
            return None
        return undo

    def _fits(self, day: int, old: Item | None, new: Item | None) -> bool:
        """Rules about the exercise and the session, asked before anything is changed."""
        items, totals = self.days[day], self.totals
        if new is None:
            return len(items) > FEWEST_EXERCISES
        if old is None and len(items) >= MOST_EXERCISES:
            return False
        seconds = totals.seconds[day] + new.seconds - (old.seconds if old else 0)
        if seconds + 60 * totals.cardio_minutes[day] > self.problem.budget_seconds:
            return False
        if old is not None and old.option is new.option:
            return True
        option = new.option
        if totals.uses.get(option.key, 0) >= MOST_SESSIONS_OF_ONE:
            return False
        for other in items:
            if other is not old and not other.option.slot_set.isdisjoint(option.slot_set):
                return False
        return all(
            not option.majors & item.option.majors
            for neighbour in self.next_to[day]
            for item in self.days[neighbour]
        )

    def _sums_hold(self, day: int) -> bool:
        """Rules about sums, asked after the change."""
        totals = self.totals
        if max(totals.halves) > self.most or max(self.by_day[day]) > SESSION_CAP_HALVES:
            return False
        if totals.contacts > CONTACTS_PER_WEEK or len(totals.uses) < self.distinct:
            return False
        if totals.idle_days > self.most_idle:
            return False
        if self.problem.both_ways:
            push, pull = totals.group_sets["push"], totals.group_sets["pull"]
            if 4 * push > 5 * pull + 8 or 4 * pull > 6 * push + 8:
                return False
            if self.problem.limits.pull_first and pull < push:
                return False
        if self.problem.needs_deload:
            kept = sum(
                max(FEWEST_EXERCISES, sum(not item.option.droppable for item in items))
                for items in self.days
            )
            return 20 * kept <= 13 * totals.sets
        return True

    def _price(self) -> int:
        totals, least = self.totals, self.least
        price = sum(least - totals.halves[m] for m in MAJOR_INDEXES if totals.halves[m] < least)
        missing = sum(not totals.group_items[group] for group in _GROUPS)
        return price + MISSING_PATTERN_COST * missing

    def _count(self, day: int, item: Item, sign: int) -> None:
        option, sets = item.option, sign * item.sets
        halves, by_day = self.totals.halves, self.by_day[day]
        for muscle, per_set in option.halves:
            halves[muscle] += per_set * sets
            by_day[muscle] += per_set * sets
        self.totals.count(day, item, sign, self.appeal)


def _both(first: Undo | None, change: Callable[[], Undo | None]) -> Undo | None:
    """Two changes as one: the first is taken back where a rule refuses the second."""
    if first is None:
        return None
    second = change()
    if second is None:
        first()
        return None

    def undo() -> None:
        second()
        first()

    return undo
