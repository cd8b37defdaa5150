"""An agent that asks a person and says what they answered; no model is needed."""

from __future__ import annotations

from agents.base import AgentInput, BaseAgent, Result, RunContext
from tests.kit.agents import Said


class Asks(BaseAgent[AgentInput, Said]):
    type = "test_ask"
    name = "Ask"
    description = "Asks a person."
    Input = AgentInput
    Output = Said

    async def execute(self, ctx: RunContext, inp: AgentInput) -> Result[Said]:
        answer = await ctx.ask("publish", {"text": "Shall it be published?"})
        return Result(Said(said=str(answer.get("note", ""))))
