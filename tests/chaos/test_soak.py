"""A few seconds of a soak: what runs for an hour is run through once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.soak import chart, page
from tests.soak.million import Round, grind, load, save
from tests.soak.probe import Sample
from tests.soak.run import Plan, Recording, perform


@pytest.mark.database
@pytest.mark.timeout(240)
@pytest.mark.skipif(sys.platform != "linux", reason="measures processes in /proc, as Linux has it")
def test_short_soak(tmp_path: Path) -> None:
    """All agents, all users and every measurement for some seconds: no promise is broken, what is
    old is pruned, and the page has it all."""
    ticks: list[Sample] = []
    plan = Plan(seconds=5.0, rate=5.0, pause_seconds=0.5, daemons=1, clients=8)
    recording = perform(plan, ticks.append, tmp_path / "recording.json")
    assert recording.violations == []
    assert recording == Recording.load(tmp_path / "recording.json")
    assert len(ticks) >= 3
    assert recording.counts["ended as completed"] > 5
    assert recording.counts["pruned calls"] > 0
    assert min(recording.counts[name] for name in ("pages", "streams", "model calls")) > 0
    keys = {"memory_mb", "handles", "threads", "children_mb", "cpu_seconds", "health_ms"}
    assert {f"daemon 1/{key}" for key in keys} <= ticks[0].keys()
    assert ticks[0]["server/sessions"] > 2
    assert ticks[0]["server/session_mb"] > 2
    assert ticks[0]["table/ai_requests"] > 0
    verdicts = page.verdicts_of(recording)
    assert "daemon 1: memory, MB" in page.write(recording, verdicts)
    assert chart.draw(verdicts, plan.seconds).count("<polyline") > 8


async def test_a_few_rounds_of_the_million(database: str, tmp_path: Path) -> None:
    """Requests go through all statements and are pruned: what is kept is what a round has."""
    told: list[Round] = []
    rounds = await grind(database, 1000, told.append)
    assert rounds == told
    assert [one.requests for one in rounds] == [100 * n for n in range(1, 11)]
    assert {one.kept for one in rounds[1:]} <= {100, 200}
    assert rounds[-1].tables_mb > rounds[0].tables_mb > 0
    save(rounds, tmp_path / "million.json")
    assert load(tmp_path / "million.json") == rounds
