"""Agents that need the model or a person, for tests of money and of questions to people."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from pydantic import BaseModel, Field

from agents.base import AgentConfig, AgentInput, BaseAgent, ConfigType, LLMUse, Result, RunContext

SYSTEM = "Write one plain sentence about the topic."


class Sentence(BaseModel):
    text: str = Field(max_length=200)


class Topic(AgentInput):
    topic: str = "rest"
    seconds: float = 3600.0


class Draft(BaseModel):
    text: str | None
    decision: str
    data_warnings: list[str] = Field(default_factory=list)


async def _ask(ctx: RunContext, name: str, topic: str) -> str | None:
    answer = await ctx.llm.ask(Sentence, name=name, system=SYSTEM, data={"topic": topic})
    return answer.value.text if answer.value else None


class Writer(BaseAgent[Topic, Draft]):
    """Asks the model once; without it, says nothing."""

    type = "test_writer"
    name = "Writer"
    description = "Writes a sentence."
    Input = Topic
    Output = Draft
    Config: ClassVar[ConfigType] = AgentConfig
    llm = LLMUse(max_calls=6, max_usd=Decimal("0.05"))

    async def execute(self, ctx: RunContext, inp: Topic) -> Result[Draft]:
        return Result(Draft(text=await _ask(ctx, "test_writer", inp.topic), decision="written"))


class Publisher(BaseAgent[Topic, Draft]):
    """Asks the model, then a person whether to publish, then the model again."""

    type = "test_publisher"
    name = "Publisher"
    description = "Writes, asks a person, and publishes."
    Input = Topic
    Output = Draft

    async def execute(self, ctx: RunContext, inp: Topic) -> Result[Draft]:
        text = await _ask(ctx, "test_draft", inp.topic)
        answer = await ctx.ask("publish", {"text": text}, expires_seconds=inp.seconds)
        title = await _ask(ctx, "test_title", str(answer.get("title", inp.topic)))
        return Result(Draft(text=f"{title}: {text}", decision=str(answer["decision"])))


class Secretive(BaseAgent[Topic, Draft]):
    """Tells the model a secret, sends its first answer back, and shows nobody what it said."""

    type = "test_secretive"
    name = "Secretive"
    description = "Keeps a secret."
    Input = Topic
    Output = Draft

    async def execute(self, ctx: RunContext, inp: Topic) -> Result[Draft]:
        for text in ("the-secret-that-was-answered", "anything"):
            data = {"text": text, "of": "the-secret-that-was-sent"}
            await ctx.llm.ask(Sentence, name="test_secret", system=SYSTEM, data=data)
        return Result(Draft(text=None, decision="kept"))


CATALOG = {
    agent.type: f"tests.kit.model_agents:{agent.__name__}"
    for agent in (Writer, Publisher, Secretive)
}
