"""Weeks solved: the best there is, and the same each time."""

import itertools
import random
from collections.abc import Sequence

from agents.scheduling.solver import Option, greedy, solve

HOUR = 60


def random_week(dice: random.Random) -> tuple[list[Option], list[int]]:
    """A few clients and times, small enough to try everything."""
    wants = [dice.randrange(1, 3) for _ in range(3)]
    options = []
    for _ in range(9):
        want = dice.randrange(3)
        first = dice.randrange(8) * 30
        options.append(Option(want, want, first, first + HOUR, dice.random()))
    return options, wants


def allowed(chosen: Sequence[Option], wants: Sequence[int], gap: int) -> bool:
    """Whether a choice breaks nothing, told pair by pair."""
    if any(sum(o.want == want for o in chosen) > number for want, number in enumerate(wants)):
        return False
    return all(
        (one.end <= other.first or other.end <= one.first)
        and (one.client != other.client or abs(one.first - other.first) >= gap)
        for one, other in itertools.combinations(chosen, 2)
    )


def test_the_best_of_all_weeks() -> None:
    """Trying every choice finds none that places more, or as many with more value."""
    for seed in range(25):
        dice = random.Random(seed)
        options, wants = random_week(dice)
        gap = dice.choice((0, 90, 150))
        chosen, proved = solve(options, wants, gap=gap)
        best = max(
            (len(choice), round(sum(o.value for o in choice), 3))
            for size in range(len(options) + 1)
            for choice in itertools.combinations(options, size)
            if allowed(choice, wants, gap)
        )
        picked = [options[index] for index in chosen]
        assert proved
        assert allowed(picked, wants, gap)
        assert (len(picked), round(sum(o.value for o in picked), 3)) == best


def test_the_greedy_start_breaks_nothing() -> None:
    """Even the answer that the search starts from is a sound week."""
    for seed in range(50):
        options, wants = random_week(random.Random(seed))
        chosen = greedy(options, wants, gap=90)
        assert allowed([options[index] for index in chosen], wants, 90)


def test_no_more_moves_than_asked_for() -> None:
    """Without filling, only the value counts, and never more options than allowed."""
    options = [Option(n, n, n * HOUR, (n + 1) * HOUR, 0.1 * (n + 1)) for n in range(6)]
    assert solve(options, [1] * 6, gap=0, most=2, fill=False)[0] == [4, 5]
    assert solve(options, [1] * 6, gap=0, most=0, fill=False)[0] == []


def test_the_same_week_twice() -> None:
    """Equal questions get equal answers."""
    options, wants = random_week(random.Random(7))
    assert solve(options, wants, gap=90) == solve(options, wants, gap=90)
    assert solve([], [], gap=90) == ([], True)
