"""Tiny agents for tests of the daemon: they echo, sleep, fail and misbehave on demand."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

from pydantic import BaseModel, Field

from agents.base import AgentError, AgentInput, BaseAgent, Result, RunContext


class Said(BaseModel):
    said: str
    attempt: int = 0
    data_warnings: list[str] = Field(default_factory=list)


class Words(AgentInput):
    text: str = ""


class Seconds(AgentInput):
    seconds: float = 60.0


class Echo(BaseAgent[Words, Said]):
    """Answers with what it was told."""

    type = "test_echo"
    name = "Echo"
    description = "Answers with what it was told."
    Input = Words
    Output = Said

    async def execute(self, ctx: RunContext, inp: Words) -> Result[Said]:
        return Result(Said(said=inp.text))


class Sleep(BaseAgent[Seconds, Said]):
    """Takes its time, and lets itself be interrupted."""

    type = "test_sleep"
    name = "Sleep"
    description = "Takes its time."
    Input = Seconds
    Output = Said

    async def execute(self, ctx: RunContext, inp: Seconds) -> Result[Said]:
        await ctx.progress("sleeping", 0)
        await asyncio.sleep(inp.seconds)
        return Result(Said(said="rested"))


class Block(BaseAgent[Seconds, Said]):
    """Blocks the event loop, as a careless library would."""

    type = "test_block"
    name = "Block"
    description = "Blocks the event loop."
    Input = Seconds
    Output = Said

    async def execute(self, ctx: RunContext, inp: Seconds) -> Result[Said]:
        time.sleep(inp.seconds)  # noqa: ASYNC251 - the point of it
        return Result(Said(said="unblocked"))


class Crash(BaseAgent[Words, Said]):
    """Ends in the way ``text`` names: error, fatal, exit, kill, recurse; stray: a task of its own
    fails that nobody awaits."""

    type = "test_crash"
    name = "Crash"
    description = "Ends badly."
    Input = Words
    Output = Said

    async def execute(self, ctx: RunContext, inp: Words) -> Result[Said]:
        match inp.text:
            case "error":
                raise RuntimeError("secret-of-a-client")
            case "fatal":
                raise NotToBeHelped("there is no way")
            case "exit":
                sys.exit(3)
            case "kill":
                os._exit(9)
            case "recurse":
                _recurse()
            case "stray":
                await asyncio.wait({asyncio.create_task(_fail_unseen())})
        return Result(Said(said="alive"))


class Stubborn(BaseAgent[Seconds, Said]):
    """Refuses to be cancelled."""

    type = "test_stubborn"
    name = "Stubborn"
    description = "Refuses to be cancelled."
    timeout_seconds = 1.0
    Input = Seconds
    Output = Said

    async def execute(self, ctx: RunContext, inp: Seconds) -> Result[Said]:
        end = time.monotonic() + inp.seconds
        while (left := end - time.monotonic()) > 0:
            try:
                await asyncio.sleep(left)
            except asyncio.CancelledError:
                continue
        return Result(Said(said="at last"))


class NotToBeHelped(AgentError):
    retryable = False


async def _fail_unseen() -> None:
    raise RuntimeError("secret-of-a-client")


def _recurse() -> Any:
    return _recurse()


CATALOG = {
    agent.type: f"tests.kit.agents:{agent.__name__}"
    for agent in (Echo, Sleep, Block, Crash, Stubborn)
}
