"""Intake is no load of its own beside the main app's inserts."""

from __future__ import annotations

import psycopg

from daemon.intake import BATCH, Intake
from daemon.registry import Registry
from daemon.settings import Settings
from tests.kit.parts import parts
from tests.kit.worker import insert


async def test_a_full_batch_is_followed_by_a_rest(
    database: str, aconnection: psycopg.AsyncConnection
) -> None:
    """After a full batch it rests before the next, and after what was left it does not."""
    async with parts(database) as p:
        intake = Intake(p.store, Registry(p.store, Settings(), {}))
        await insert(aconnection, "nobody", BATCH + 5)
        assert await intake.check_once() == BATCH
        assert intake.rest_seconds > 0
        assert await intake.check_once() == 5
        assert intake.rest_seconds == 0
        assert await intake.check_once() == 0
