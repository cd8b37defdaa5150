"""How much is claimed ahead follows how fast slots change hands."""

from __future__ import annotations

import pytest

from daemon.turnover import RECENT_SECONDS, Turnover


@pytest.mark.parametrize("rate", [10.0, 1_000.0, 20_000.0])
def test_it_counts_what_ends_within_a_moment(rate: float) -> None:
    """At a steady pace it comes to as many as end in RECENT_SECONDS, in steps of one."""
    turnover = Turnover()
    for number in range(int(rate) + 1):
        turnover.ended(number / rate)
    assert turnover.recent(1.0) == pytest.approx(rate * RECENT_SECONDS, abs=1.0)


def test_what_stands_still_fades() -> None:
    """Ten moments after the last end nothing is claimed ahead, however many there were."""
    turnover = Turnover()
    for _ in range(1_000):
        turnover.ended(5.0)
    assert turnover.recent(5.0) == 1_000
    assert turnover.recent(5.0 + 10 * RECENT_SECONDS) < 1


def test_nothing_has_ended_yet() -> None:
    """A worker that has just started claims for its slots only."""
    assert Turnover().recent(1e9) == 0
