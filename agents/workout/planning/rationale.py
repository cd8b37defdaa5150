"""Why each exercise stands in a week: what it gives, what it spares, and what it won against.

Nothing is made up afterwards. The best other exercise of the same movement is put in its place,
the week is scored again, and the part of the score that falls furthest is what decided between
the two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from agents.workout.exercises.exercise import MUSCLES, Exercise
from agents.workout.planning.plan import Built
from agents.workout.planning.problem import Draft, Item, Option
from agents.workout.planning.score import Appeal, Totals, score
from agents.workout.screening.conditions import Restrictions

_NEARLY_NOTHING = 0.02


@dataclass(frozen=True, slots=True)
class Rationale:
    """muscle: the one it gives most to; share: of that muscle's sets in the week. alone: no other
    exercise of the week is of its movement group. spares: (an exercise it stands in for, the
    condition that rules that one out). over: the best other choice, decided_by: the part of the
    score that speaks against that one; None where nothing but the other rules did."""

    muscle: str | None = None
    share: float = 0.0
    alone: bool = False
    spares: tuple[Exercise, str] | None = None
    over: Exercise | None = None
    decided_by: str | None = None


def rationales(
    built: Built, restrictions: Restrictions, library: Mapping[str, Exercise]
) -> dict[str, Rationale]:
    """Exercise key -> why, for each exercise of the plan's first week."""
    problem, draft = built.problem, built.draft
    appeal = Appeal(problem, cardio=bool(built.cardio), weights={})
    parts = _parts(draft, appeal)
    weekly = _halves(draft)
    groups = Counter(
        group for group in {i.option.key: i.option.group for i in draft.items()}.values()
    )
    used = {item.option.key for item in draft.items()}
    ruled_out = _ruled_out(built, restrictions, library)
    told: set[str] = set()
    named: set[str] = set()
    found: dict[str, Rationale] = {}
    for item in draft.items():
        option = item.option
        if option.key in found:
            continue
        muscle, share = _gives(draft, option, weekly)
        rivals = [o for o in problem.options if o.key not in used and _alike(o, option)]
        # Another rival for each, where there is one: the same name again would tell nothing new.
        fresh = [o for o in rivals if o.key not in named]
        over, decided = _against(draft, option, fresh or rivals, appeal, parts)
        if over is not None:
            named.add(over.key)
        spares = next(
            (
                pair
                for pair in ruled_out.get(option.exercise.pattern, ())
                if pair[0].key not in told
            ),
            None,
        )
        if spares is not None:
            told.add(spares[0].key)
        found[option.key] = Rationale(
            muscle, share, groups[option.group] == 1 and option.group is not None, spares, over,
            decided,
        )  # fmt: skip
    return found


def _alike(other: Option, option: Option) -> bool:
    return other.exercise.pattern == option.exercise.pattern and other.block == option.block


def _ruled_out(
    built: Built, restrictions: Restrictions, library: Mapping[str, Exercise]
) -> dict[str, list[tuple[Exercise, str]]]:
    """Pattern -> well-known exercises that a condition alone keeps from this client."""
    found: dict[str, list[tuple[Exercise, str]]] = {}
    for key, reason in built.selection.excluded.items():
        exercise = library[key]
        possible = exercise.requires <= built.profile.equipment
        if reason != "contra_flag" or not possible or exercise.level > built.profile.level:
            continue
        why = restrictions.forbids(exercise)
        if why is not None and exercise.staple:
            found.setdefault(exercise.pattern, []).append((exercise, why.partition(":")[0]))
    return found


def _halves(draft: Draft) -> Counter[int]:
    weekly: Counter[int] = Counter()
    for item in draft.items():
        for muscle, halves in item.option.halves:
            weekly[muscle] += halves * item.sets
    return weekly


def _gives(draft: Draft, option: Option, weekly: Counter[int]) -> tuple[str | None, float]:
    """(the primary muscle of whose week it gives the largest share, that share)."""
    sets = sum(item.sets for item in draft.items() if item.option is option)
    shares = [
        (halves * sets / weekly[muscle], -muscle)
        for muscle, halves in option.halves
        if halves == 2 and weekly[muscle]
    ]
    if not shares:
        return None, 0.0
    share, place = max(shares)
    return MUSCLES[-place], share


def _against(
    draft: Draft,
    option: Option,
    rivals: list[Option],
    appeal: Appeal,
    parts: Mapping[str, float],
) -> tuple[Exercise | None, str | None]:
    """(the best of `rivals`, the part of the score that is lower with it)."""
    best: tuple[float, str, Option, dict[str, float]] | None = None
    for rival in rivals:
        other = _parts(_swapped(draft, option, rival), appeal)
        key = (sum(other.values()), rival.key)
        if best is None or key > best[:2]:
            best = (*key, rival, other)
    if best is None:
        return None, None
    _, _, rival, other = best
    loss, part = max((parts[name] - other[name], name) for name in parts)
    return rival.exercise, part if loss > _NEARLY_NOTHING else None


def _swapped(draft: Draft, option: Option, rival: Option) -> Draft:
    def swap(item: Item) -> Item:
        if item.option is not option:
            return item
        dose = rival.usual if item.dose is option.usual else rival.tight
        return replace(item, option=rival, dose=dose, sets=min(item.sets, rival.most_sets))

    return replace(draft, days=tuple(tuple(swap(item) for item in day) for day in draft.days))


def _parts(draft: Draft, appeal: Appeal) -> dict[str, float]:
    totals = Totals(list(draft.cardio_minutes), len(MUSCLES))
    for day, items in enumerate(draft.days):
        for item in items:
            for muscle, halves in item.option.halves:
                totals.halves[muscle] += halves * item.sets
            totals.count(day, item, +1, appeal)
    return score(totals, appeal)[1]
