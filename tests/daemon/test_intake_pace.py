"""Intake is no load of its own beside the main app's inserts, and tells who is refused at once."""

from __future__ import annotations

import psycopg

from daemon.intake import BATCH, Intake
from daemon.registry import Registry
from tests.kit.agents import CATALOG
from tests.kit.parts import parts
from tests.kit.worker import insert, settings


async def test_a_full_batch_is_followed_by_a_rest(
    database: str, aconnection: psycopg.AsyncConnection
) -> None:
    """After a full batch it rests before the next, and after what was left it does not."""
    async with parts(database) as p:
        registry = Registry(p.store, settings(database), CATALOG)
        await registry.start()
        intake = Intake(p.store, registry)
        await insert(aconnection, "test_echo", BATCH + 5)
        assert await intake.check_once() == BATCH
        assert intake.rest_seconds > 0
        assert await intake.check_once() == 5
        assert intake.rest_seconds == 0
        assert await intake.check_once() == 0


async def test_refusals_are_not_kept_waiting(
    database: str, aconnection: psycopg.AsyncConnection
) -> None:
    """Between two batches that are refused there is no rest, however many there are."""
    async with parts(database) as p:
        registry = Registry(p.store, settings(database), CATALOG)
        await registry.start()
        intake = Intake(p.store, registry)
        await insert(aconnection, "nobody", BATCH + 5)
        assert await intake.check_once() == BATCH
        assert intake.rest_seconds == 0
        assert await intake.check_once() == 5
