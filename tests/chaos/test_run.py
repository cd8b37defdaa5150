"""A short chaos run, another one each time."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from rich.console import Console

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
