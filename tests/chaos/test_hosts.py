"""Several machines and a network between them that breaks."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from rich.console import Console

from tests.chaos import hosts
from tests.chaos.network import missing
from tests.chaos.run import Plan

pytestmark = pytest.mark.skipif(bool(why := missing()), reason=str(why))


@pytest.mark.database
@pytest.mark.random_seed
@pytest.mark.timeout(240)
def test_daemons_on_hosts_of_their_own(tmp_path: Path) -> None:
    """Hosts that are cut off, fall silent, go deaf or lose their power, and a database that is
    cut off, over slow and lossy cables: every request ends once, nothing is bought twice, what is
    given up is given up in time, and all come back by themselves."""
    plan = Plan(
        seconds=5.0,
        requests=60,
        seed=secrets.randbelow(10**6),
        lease_seconds=3.0,
        pause_seconds=1.0,
        quiet_rounds=3,
    )
    report = hosts.perform(plan, Console(quiet=True), tmp_path)
    assert len(report.deeds) == 6
    assert report.facts["ends listened for"] > 0
    assert report.violations == [], f"make chaos ARGS=--hosts SEED={plan.seed}"
