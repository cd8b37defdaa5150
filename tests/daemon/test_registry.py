"""The registry: what it knows of the agents' rows."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import psycopg
import pytest
from pydantic import model_validator

from agents.base import AgentConfig
from daemon.registry import Registry
from daemon.store import AgentRow
from tests.kit.agents import CATALOG, Echo
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


async def test_a_config_that_nobody_can_walk_through_is_its_agents_trouble(
    database: str, aconnection: psycopg.AsyncConnection[Any]
) -> None:
    """However deeply a row's config is nested, every other agent is read."""
    deep = '{"a":' * 4000 + "1" + "}" * 4000
    await aconnection.execute(
        "INSERT INTO ai_agents (name, type, config) VALUES ('Deep', 'test_deep', %s::jsonb)",
        (deep,),
    )
    async with parts(database) as p:
        registry = Registry(p.store, settings(database), CATALOG)
        await registry.start()
        state = registry.state("test_deep")
        assert state is not None
        assert not state.here
        assert "test_echo" in registry.claimable()


async def test_a_validator_that_breaks_takes_out_its_agent_alone(
    database: str, aconnection: psycopg.AsyncConnection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in one agent's Config is that agent's problem, told in its row."""

    class Brittle(AgentConfig):
        @model_validator(mode="before")
        @classmethod
        def _break(cls, value: Any) -> Any:
            return value["missing"]

    monkeypatch.setattr(Echo, "Config", Brittle)
    async with parts(database) as p:
        registry = Registry(p.store, settings(database), CATALOG)
        await registry.start()
        state = registry.state("test_echo")
        assert state is not None
        assert "KeyError in tests/daemon/test_registry.py" in (state.problem or "")
        assert registry.state("test_sleep") is not None


async def test_a_registry_that_cannot_look_costs_no_attempt(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is away for a moment before an attempt begins is waited for in it."""
    away = psycopg.OperationalError("the server closed the connection")
    async with parts(database) as p:
        registry = Registry(p.store, settings(database), CATALOG)
        await registry.start()
        failures = {name: deque([away]) for name in ("agents_list", "agent_version")}

        def flaky(name: str) -> None:
            look = getattr(p.store, name)

            async def read(*about: Any) -> Any:
                if failures[name]:
                    raise failures[name].popleft()
                return await look(*about)

            monkeypatch.setattr(p.store, name, read)

        for name in failures:
            flaky(name)
        await registry.catch_up("test_echo", 99)  # newer than what it has read
        assert await registry.pinned("test_echo", 98) is not None
        assert not any(failures.values())
