"""What /metrics counts is what the queue holds, however a request ended."""

from __future__ import annotations

from collections import Counter
from typing import Any

import psycopg
import pytest

from daemon import telemetry
from daemon.service import Daemon
from tests.kit.signals import eventually
from tests.kit.worker import count, insert, running

FAILED = "SELECT count(*) FROM ai_requests WHERE status = 'failed'"


def counted(daemon: Daemon) -> dict[str, int]:
    """Ends so far, by outcome."""
    found: Counter[str] = Counter()
    for family in daemon.meters.registry.collect():
        for sample in family.samples:
            if sample.name == "ai_requests_total":
                found[sample.labels["outcome"]] += int(sample.value)
    return dict(+found)


async def test_every_failure_is_counted(
    database: str, aconnection: psycopg.AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an agent gives up, after its last attempt or at once, and what nobody answers: all of
    them failed, and the share of failures that alarms is made of these two outcomes. The last
    attempt's end is that of the request's trace too."""
    traced: list[Any] = []
    monkeypatch.setattr(telemetry, "ended", lambda *given: traced.append(given[2]))
    async with running(database) as daemon:
        await insert(aconnection, "test_echo", 3, text="fine")
        await insert(aconnection, "test_crash", 1, text="fatal")
        await insert(aconnection, "test_crash", 1, text="error")
        await insert(aconnection, "test_echo", 1, text=None)
        await insert(aconnection, "nobody", 2)

        async def all_failed() -> bool:
            # Without its pauses between the attempts.
            await aconnection.execute(
                "UPDATE ai_requests SET run_after = now() WHERE status = 'pending'"
            )
            await aconnection.execute("NOTIFY ai_requests")
            ends = counted(daemon)
            return ends.get("failed", 0) + ends.get("refused", 0) == 5

        await eventually(all_failed, 30.0, what="five failures are counted")
        assert counted(daemon) == {"completed": 3, "retry": 2, "failed": 2, "refused": 3}
        assert await count(aconnection, FAILED) == 5
    assert [(one["ai.task_type"], one["ai.attempt"], one["outcome"]) for one in traced] == [
        ("test_crash", 3, "failed")
    ]
