"""Places sessions in a week, or moves booked ones, so that the most are likely kept.

One model for both. An *option* is one session at one time: it belongs to a want (a client's
demand, or a booked session that may move), takes the trainer's time, and has a value. CP-SAT picks
options so that no two share the trainer's time, sessions of one client keep their distance, and no
want gets more than it asked for. Placing one more session always beats any gain elsewhere.

One worker, a fixed seed and a limit on deterministic time instead of the clock: the same week
gives the same answer on a slow machine. The search starts from a greedy answer and is never worse.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

SCALE = 100_000
"""Of values in whole numbers: chances have four digits, and a fifth decides between equals."""
DETERMINISTIC_SECONDS = 1.0
MOST_OPTIONS = 6_000


@dataclass(frozen=True, slots=True)
class Option:
    """One session at one time. want: index into the wants; client: whose distance it keeps.

    first, end: UTC minutes that the trainer is taken, any buffer included in `end`. value: 0-1.
    """

    want: int
    client: int
    first: int
    end: int
    value: float


def solve(
    options: Sequence[Option],
    wants: Sequence[int],
    *,
    gap: int,
    most: int | None = None,
    fill: bool = True,
) -> tuple[list[int], bool]:
    """(indices of the chosen options in order of time, whether no better choice exists).

    wants: most sessions per want. gap: least minutes from start to start of one client's sessions.
    most: at most so many options in all. fill: as many sessions as fit come first; otherwise only
    the sum of values counts.
    """
    if not options:
        return [], True
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    picked = [model.new_bool_var(f"o{index}") for index in range(len(options))]
    for want, number in enumerate(wants):
        mine = [picked[i] for i, option in enumerate(options) if option.want == want]
        if mine:
            model.add(sum(mine) <= number)
    for clique in _rivals(options, gap):
        model.add_at_most_one(picked[index] for index in clique)
    if most is not None:
        model.add(sum(picked) <= most)
    bonus = SCALE * (sum(wants) + 1) if fill else 0
    worth = [round(SCALE * option.value) + bonus for option in options]
    model.maximize(sum(w * x for w, x in zip(worth, picked, strict=True)))
    start = greedy(options, wants, gap=gap, most=most)
    for index, variable in enumerate(picked):
        model.add_hint(variable, index in start)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.max_deterministic_time = DETERMINISTIC_SECONDS
    solver.parameters.linearization_level = 2
    # The model is nothing but cliques, which presolve only chews on: without it half the time, and
    # large weeks find their best answer instead of spending the limit before the search begins.
    solver.parameters.cp_model_presolve = False
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return sorted(start, key=lambda index: options[index].first), False
    chosen = [index for index, variable in enumerate(picked) if solver.value(variable)]
    if sum(worth[index] for index in chosen) < sum(worth[index] for index in start):
        chosen = list(start)
    chosen.sort(key=lambda index: (options[index].first, options[index].want))
    return chosen, status == cp_model.OPTIMAL


def greedy(
    options: Sequence[Option], wants: Sequence[int], *, gap: int, most: int | None = None
) -> frozenset[int]:
    """A choice that breaks nothing: the best option first, then the best that still fits."""
    left = list(wants)
    taken: list[Option] = []
    chosen: set[int] = set()
    order = sorted(range(len(options)), key=lambda i: (-options[i].value, options[i].first, i))
    for index in order:
        option = options[index]
        if most is not None and len(chosen) >= most:
            break
        if left[option.want] and not any(_clash(option, other, gap) for other in taken):
            left[option.want] -= 1
            taken.append(option)
            chosen.add(index)
    return frozenset(chosen)


def _clash(one: Option, other: Option, gap: int) -> bool:
    if one.first < other.end and other.first < one.end:
        return True
    return one.client == other.client and abs(one.first - other.first) < gap


def _rivals(options: Sequence[Option], gap: int) -> Iterator[list[int]]:
    """Sets of options of which at most one can be chosen, covering every clash."""
    yield from _overlapping(
        [(option.first, option.end, index) for index, option in enumerate(options)]
    )
    by_client: defaultdict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for index, option in enumerate(options):
        by_client[option.client].append((option.first, option.first + gap, index))
    for spans in by_client.values():
        yield from _overlapping(spans)


def _overlapping(spans: Iterable[tuple[int, int, int]]) -> Iterator[list[int]]:
    """The largest sets of spans (first, end, index) that share a moment."""
    ordered = sorted(spans)
    active: list[tuple[int, int]] = []
    grown = False
    for place, (first, end, index) in enumerate(ordered):
        still = [item for item in active if item[0] > first]
        if len(still) < len(active):
            if grown and len(active) > 1:
                yield [item[1] for item in active]
            active = still
        active.append((end, index))
        grown = True
        if place == len(ordered) - 1 and len(active) > 1:
            yield [item[1] for item in active]
