"""A primary that is lost under load, and the standby that takes over."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest
from rich.console import Console

from tests.chaos.failover import perform
from tests.chaos.run import Plan

without = Path(os.environ.get("POSTGRES_FOLDER") or "/nonexistent", "bin", "pg_basebackup")


@pytest.mark.skipif(
    "POSTGRES_FOLDER" in os.environ and not without.exists(),
    reason=f"{without} does not exist: a complete installation has it, here it is left out",
)
@pytest.mark.database
@pytest.mark.random_seed
@pytest.mark.timeout(240)
def test_promotions_under_load(tmp_path: Path) -> None:
    """Primaries stop at once, are killed, and come back for a moment: what was confirmed is there
    and ends once, nothing is bought twice, and the listeners hear again without polling."""
    plan = Plan(
        seconds=6.0,
        requests=100,
        seed=secrets.randbelow(10**6),
        daemons=2,
        pause_seconds=0.5,
        quiet_rounds=2,
    )
    report = perform(plan, Console(quiet=True), tmp_path)
    assert report.facts["promotions"] == sum(report.deeds.values()) >= 2
    assert report.facts["ends listened for"] > 0
    assert report.violations == [], f"make failover SEED={plan.seed}"
