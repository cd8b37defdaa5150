"""Intake is no load of its own beside the main app's inserts, and tells who is refused at once."""

from __future__ import annotations

import psycopg
import pytest

from daemon.intake import BATCH, Intake
from daemon.registry import Registry
from tests.kit.agents import CATALOG
from tests.kit.parts import parts
from tests.kit.worker import insert, settings


@pytest.mark.parametrize(("task_type", "rests"), [("test_echo", True), ("nobody", False)])
async def test_a_full_batch_that_was_fine_is_followed_by_a_rest(
    task_type: str, rests: bool, database: str, aconnection: psycopg.AsyncConnection
) -> None:
    """After a full batch it rests before the next, but not where all were refused, however many
    there are, and not after what was left."""
    async with parts(database) as p:
        registry = Registry(p.store, settings(database), CATALOG)
        await registry.start()
        intake = Intake(p.store, registry)
        await insert(aconnection, task_type, BATCH + 5)
        assert await intake.check_once() == BATCH
        assert (intake.rest_seconds > 0) is rests
        assert await intake.check_once() == 5
        assert intake.rest_seconds == 0
        assert await intake.check_once() == 0
