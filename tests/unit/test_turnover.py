"""How much is claimed ahead follows how fast slots change hands, agent by agent."""

from __future__ import annotations

import pytest

from daemon.turnover import RECENT_SECONDS, Turnover


def passed(turnover: Turnover, name: str, rate: float) -> None:
    """A second of attempts that end as they begin, at an even pace."""
    for number in range(int(rate) + 1):
        turnover.began(name)
        turnover.ended(name, number / rate)


@pytest.mark.parametrize("rate", [100.0, 1_000.0, 20_000.0])
def test_it_counts_what_ends_within_a_moment(rate: float) -> None:
    """At a steady pace it comes to as many as end in RECENT_SECONDS."""
    turnover = Turnover()
    passed(turnover, "quick", rate)
    assert turnover.soon(1.0) == pytest.approx(rate * RECENT_SECONDS, rel=0.02, abs=1.0)
    assert turnover.quick(1.0) == ["quick"]


def test_what_stands_still_fades() -> None:
    """Ten moments after the last end nothing is claimed ahead, however many there were."""
    turnover = Turnover()
    passed(turnover, "quick", 20_000.0)
    assert turnover.soon(1.0) > 900
    assert (turnover.soon(1.0 + 10 * RECENT_SECONDS), turnover.quick(2.0)) == (0, [])


def test_a_slow_agent_is_not_claimed_ahead() -> None:
    """Of which more run than end within a moment; beside it a quick one is."""
    turnover = Turnover()
    for _ in range(20):
        turnover.began("slow")
    passed(turnover, "quick", 1_000.0)
    for _ in range(5):
        turnover.ended("slow", 1.0)
    assert turnover.quick(1.0) == ["quick"]
    assert turnover.soon(1.0) == pytest.approx(50, abs=1)


def test_nothing_has_ended_yet() -> None:
    """A worker that has just started claims for its slots only."""
    turnover = Turnover()
    turnover.began("new")
    assert (turnover.soon(1e9), turnover.quick(1e9)) == (0, [])
