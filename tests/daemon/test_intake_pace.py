"""Intake is no load of its own beside the main app's inserts, and tells who is refused at once."""

from __future__ import annotations

import psycopg
import pytest

from daemon.intake import BATCH, Intake
from daemon.meters import Meters
from daemon.registry import Registry
from tests.kit.agents import CATALOG
from tests.kit.parts import parts
from tests.kit.worker import becomes, count, insert, settings


@pytest.mark.parametrize(("task_type", "rests"), [("test_echo", True), ("nobody", False)])
async def test_a_look_at_what_was_fine_is_followed_by_a_rest(
    task_type: str, rests: bool, database: str, aconnection: psycopg.AsyncConnection
) -> None:
    """After requests that were fine it rests, full batch or not: whoever inserts without a pause
    does not make it look without one. Where all were refused it does not rest."""
    async with parts(database) as p:
        registry = Registry(p.store, settings(database), CATALOG)
        await registry.start()
        intake = Intake(p.store, registry, Meters())
        await insert(aconnection, task_type, BATCH + 5)
        assert await intake.check_once() == BATCH
        full = intake.rest_seconds
        assert await intake.check_once() == 5
        few = intake.rest_seconds
        assert (full > 0, few > 0) == (rests, rests)
        assert await intake.check_once() == 0


async def test_the_newest_are_told_before_a_backlog_has_been_seen(
    database: str, aconnection: psycopg.AsyncConnection
) -> None:
    """However many came before it, a request that nobody answers is refused with the second
    batch; and the oldest of a flood that nobody answers with the first."""
    async with parts(database) as p:
        registry = Registry(p.store, settings(database), CATALOG)
        await registry.start()
        intake = Intake(p.store, registry, Meters())
        [oldest] = await insert(aconnection, "nobody", 1)
        await insert(aconnection, "test_echo", 3 * BATCH)
        [newest] = await insert(aconnection, "nobody", 1)
        for request_id in (oldest, newest):
            assert await intake.check_once() == BATCH
            assert (await becomes(aconnection, request_id, "failed"))["attempt"] == 0
        while await intake.check_once():
            pass
        unseen = "SELECT count(*) FROM ai_requests WHERE status = 'pending' AND NOT checked"
        assert await count(aconnection, unseen) == 0
