"""A short chaos run, another one each time."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from rich.console import Console

from tests.chaos.begun import SLOTS, begun_twice, too_many_at_once
from tests.chaos.run import Plan, perform


@pytest.mark.database
@pytest.mark.random_seed
@pytest.mark.timeout(240)
def test_short_chaos(tmp_path: Path) -> None:
    """Kills, zombies, cut networks, crashes and changes of mind for a quarter of a minute: every
    request ends once, no limit or budget is exceeded, no wake-up is lost without polling."""
    plan = Plan(
        seconds=12.0,
        requests=250,
        seed=secrets.randbelow(10**6),
        pause_seconds=0.6,
        quiet_rounds=10,
    )
    report = perform(plan, Console(quiet=True), tmp_path)
    assert sum(report.deeds.values()) > 5
    assert report.facts["ends listened for"] > 0
    assert report.violations == [], f"make chaos SEED={plan.seed}"


def test_the_record_of_what_began_is_read(tmp_path: Path) -> None:
    """A fence that began twice, and an agent that began without a free slot, are found."""
    file = tmp_path / "begun"
    file.write_text(f"1 1 1\n1 2 {SLOTS}\n2 1 {SLOTS + 1}\n1 2 1\n")
    assert begun_twice(file) == ["request 1, fence 2: 2 times"]
    assert too_many_at_once(file) == [f"request 2, fence 1: {SLOTS + 1} at once"]
