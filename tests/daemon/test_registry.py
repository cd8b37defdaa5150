"""The registry: what it knows of the agents' rows."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from daemon.registry import Registry
from daemon.store import AgentRow
from tests.kit.agents import CATALOG
from tests.kit.parts import parts
from tests.kit.worker import settings


async def test_slow_look_does_not_undo_a_later_one(
    database: str, aconnection: psycopg.AsyncConnection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two looks at the same time the registry keeps what the rows say at the end."""
    async with parts(database) as p:
        registry = Registry(p.store, settings(database), CATALOG)
        await registry.start()
        look = p.store.agents_list
        looked, changed = asyncio.Event(), asyncio.Event()

        async def slowly() -> list[AgentRow]:
            rows = await look()
            if not looked.is_set():
                looked.set()
                await changed.wait()
            return rows

        monkeypatch.setattr(p.store, "agents_list", slowly)
        slow = asyncio.create_task(registry.reload())
        await looked.wait()
        await aconnection.execute("UPDATE ai_agents SET enabled = false WHERE type = 'test_echo'")
        later = asyncio.create_task(registry.reload())
        await asyncio.wait({later}, timeout=0.5)  # as far as it comes while the first one looks
        changed.set()
        await asyncio.gather(slow, later)
        state = registry.state("test_echo")
        assert state is not None
        assert not state.enabled
