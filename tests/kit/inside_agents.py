"""Agents that run others inside a request, and others that end in every way, for tests of that."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import BaseModel, Field

from agents.base import AgentError, AgentInput, BaseAgent, Result, RunContext


class Said(BaseModel):
    said: str
    data_warnings: list[str] = Field(default_factory=list)


class Way(AgentInput):
    """end: in which way the inner agent ends."""

    end: str = "well"
    number: int = Field(default=1, ge=1, le=9)


class Inner(BaseAgent[Way, Said]):
    """Ends as it is told."""

    type = "test_inner"
    name = "Inner"
    description = "Ends as it is told."
    Input = Way
    Output = Said
    timeout_seconds = 0.5

    async def execute(self, ctx: RunContext, inp: Way) -> Result[Said]:
        await ctx.progress("half", 50)
        match inp.end:
            case "error":
                raise AgentError("chosen", hint="a hint")
            case "bug":
                raise RuntimeError("secret-of-a-client")
            case "exit":
                raise SystemExit(3)
            case "late":
                await asyncio.sleep(60)
            case "timeout":
                raise TimeoutError
        return Result(Said(said="inner"))


class Outer(BaseAgent[Way, Said]):
    """Runs the inner agent twice, and says what came of the first."""

    type = "test_outer"
    name = "Outer"
    description = "Runs another agent."
    Input = Way
    Output = Said
    runs = ("test_inner",)

    async def execute(self, ctx: RunContext, inp: Way) -> Result[Said]:
        try:
            first = str((await ctx.run("test_inner", inp.model_dump(), until_percent=40))["said"])
        except AgentError as error:
            first = f"{error.code}: {error.message}"
        await ctx.run("test_inner", {}, until_percent=90)
        return Result(Said(said=first))


class Elsewhere(BaseAgent[Way, Said]):
    """Runs an agent that nobody has."""

    type = "test_elsewhere"
    name = "Elsewhere"
    description = "Runs an agent that nobody has."
    Input = Way
    Output = Said

    async def execute(self, ctx: RunContext, inp: Way) -> Result[Said]:
        try:
            await ctx.run("test_nobody", {})
        except AgentError as error:
            return Result(Said(said=error.code))
        return Result(Said(said="found"))


class Waiting(BaseAgent[Way, Said]):
    """Runs an inner agent that never ends by itself."""

    type = "test_waiting"
    name = "Waiting"
    description = "Waits inside."
    Input = Way
    Output = Said

    async def execute(self, ctx: RunContext, inp: Way) -> Result[Said]:
        return Result(Said(said=str(await ctx.run("test_sleep", {"seconds": 60}))))


CATALOG: dict[str, Any] = {
    agent.type: f"tests.kit.inside_agents:{agent.__name__}"
    for agent in (Inner, Outer, Elsewhere, Waiting)
} | {"test_sleep": "tests.kit.agents:Sleep"}
