"""A backlog gives way to others who write to the database."""

from __future__ import annotations

import pytest

from daemon.neighbours import BUSY_COMMITS, REST, REST_SECONDS, SMOOTH_SECONDS, Neighbours

CLAIM_SECONDS = 0.005


def beside(commits_per_second: float, seconds: float = 5.0) -> Neighbours:
    """What a daemon knows that has claimed fifty times a second beside so many commits."""
    neighbours = Neighbours()
    for number in range(int(seconds * 50) + 1):
        now = number / 50
        neighbours.claimed(now, int(1000 + now * commits_per_second))
    return neighbours


@pytest.mark.parametrize("commits_per_second", [0, 100, 0.9 * BUSY_COMMITS])
def test_nobody_is_given_way_to_who_is_not_there(commits_per_second: float) -> None:
    """Its own commits, and an app's everyday, do not slow it down."""
    neighbours = beside(commits_per_second)
    assert neighbours.rest_seconds(CLAIM_SECONDS) == 0.0
    assert neighbours.pause_seconds(0.02) == 0.02


def test_it_takes_a_tenth_of_the_time_beside_others() -> None:
    """Beside many commits it rests after each claim as many times as long as the claim took, and
    looks in vain seldom; never longer than a quarter of a second."""
    neighbours = beside(3 * BUSY_COMMITS)
    assert neighbours.rest_seconds(CLAIM_SECONDS) == REST * CLAIM_SECONDS
    assert neighbours.rest_seconds(60.0) == REST_SECONDS
    assert neighbours.pause_seconds(0.02) == REST_SECONDS
    assert neighbours.pause_seconds(1.0) == 1.0


def test_when_others_are_gone_it_goes_on_at_once() -> None:
    """The first claims after a flood bring it back to its own pace."""
    neighbours = beside(3 * BUSY_COMMITS, seconds=5.0)
    so_far = int(1000 + 5.0 * 3 * BUSY_COMMITS)
    neighbours.claimed(5.0 + SMOOTH_SECONDS, so_far + 10)
    neighbours.claimed(5.0 + 2 * SMOOTH_SECONDS, so_far + 20)
    assert neighbours.rest_seconds(CLAIM_SECONDS) == 0.0


def test_a_moment_decides_nothing() -> None:
    """A single burst between two claims is not a rate."""
    neighbours = beside(10.0)
    neighbours.claimed(5.0 + SMOOTH_SECONDS / 10, 1000 + 5 * 10 + 200)
    assert neighbours.rest_seconds(CLAIM_SECONDS) == 0.0


def test_another_server_begins_anew() -> None:
    """A restored server, or one of another cluster, counts from another number."""
    neighbours = beside(3 * BUSY_COMMITS)
    neighbours.claimed(6.0, 3)
    assert neighbours.rest_seconds(CLAIM_SECONDS) == 0.0
    neighbours.claimed(7.0, 4)
    assert neighbours.rest_seconds(CLAIM_SECONDS) == 0.0
