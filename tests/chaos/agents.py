"""Agents for faults: each tells, in its answer, the fence under which it was made."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn, cast

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from agents.base import AgentInput, Answer, BaseAgent, LLMUse, Result, RunContext
from daemon.context import AttemptContext
from tests.kit.agents import CATALOG as PLAIN

SYSTEM = "Say something about the exercise in the data."


class Said(BaseModel):
    fence: int
    said: list[str] = Field(default_factory=list)


class Note(BaseModel):
    model_config = ConfigDict(extra="forbid")

    note: str = Field(max_length=400)


class Work(AgentInput):
    """seconds: how long it takes. calls: to the model. first_only: the time is taken by the
    request's first attempt alone. how: the manner, for agents that misbehave."""

    seconds: float = 0.0
    calls: int = 0
    first_only: bool = False
    how: str = ""


def fence_of(ctx: RunContext) -> int:
    """What no agent is told in earnest."""
    return cast("AttemptContext", ctx).claimed.authority.fence


async def ask(ctx: RunContext, number: int) -> Answer[Note]:
    """Question ``number`` of this request."""
    return await ctx.llm.ask(
        Note,
        name="chaos_note",
        system=SYSTEM,
        data={"request_id": ctx.request_id, "number": number},
        max_output_tokens=100,
    )


class Labour(BaseAgent[Work, Said]):
    """Looks something up, asks the model ``calls`` times, then takes its time."""

    type = "chaos_labour"
    name = "Labour"
    description = "Does everything an agent may do."
    Input = Work
    Output = Said
    llm = LLMUse(max_calls=20, deadline_seconds=60.0)

    async def execute(self, ctx: RunContext, inp: Work) -> Result[Said]:
        async def look() -> Any:
            return {"looked": ctx.request_id}

        await ctx.step("look", look)
        said = []
        for number in range(inp.calls):
            await ctx.progress("asking", 10 * (number + 1))
            answer = await ask(ctx, number)
            said.append(answer.value.note if answer.value else f"none: {answer.reason}")
        if inp.seconds and not (inp.first_only and fence_of(ctx) > 1):
            await self.wait(inp.seconds)
        return Result(Said(fence=fence_of(ctx), said=said))

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Deaf(Labour):
    """Holds the event loop while it takes its time."""

    type = "chaos_deaf"
    name = "Deaf"
    description = "Blocks the event loop."

    async def wait(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 - the point of it


class Held(Labour):
    """Takes its time until the test lets it go: ``gate`` is the test's own."""

    type = "chaos_held"
    name = "Held"
    description = "Waits for a sign."
    gate: ClassVar[asyncio.Event]

    async def wait(self, seconds: float) -> None:
        async with asyncio.timeout(seconds):
            await self.gate.wait()


class Thread(Labour):
    """Computes in a thread that nobody can stop."""

    type = "chaos_thread"
    name = "Thread"
    description = "Computes for long."

    async def execute(self, ctx: RunContext, inp: Work) -> Result[Said]:
        await ctx.compute(time.sleep, inp.seconds)
        return Result(Said(fence=fence_of(ctx)))


class State(TypedDict, total=False):
    input: Work
    result: Result[Said]
    steps: int


class Villain(BaseAgent[Work, Said]):
    """A graph whose node ends in the way ``how`` names."""

    type = "chaos_villain"
    name = "Villain"
    description = "Misbehaves inside a graph."
    timeout_seconds = 1.0
    Input = Work
    Output = Said

    def build_graph(self) -> StateGraph[Any, Any, Any, Any]:
        graph = StateGraph(State)
        graph.add_node("misbehave", _misbehave)
        graph.add_node("calculate", _calculate)
        graph.add_edge(START, "misbehave")
        graph.add_edge("misbehave", "calculate")
        graph.add_edge("calculate", END)
        return graph


class Steps(BaseAgent[Work, Said]):
    """A graph of many steps, each of ``seconds``."""

    type = "chaos_steps"
    name = "Steps"
    description = "Takes forty steps."
    Input = Work
    Output = Said

    def build_graph(self) -> StateGraph[Any, Any, Any, Any]:
        async def step(state: State) -> State:
            await asyncio.sleep(state["input"].seconds)
            return {"steps": state.get("steps", 0) + 1}

        graph = StateGraph(State)
        graph.add_node("step", step)
        graph.add_node("end", _end)
        graph.add_edge(START, "step")
        graph.add_conditional_edges(
            "step", lambda state: "end" if state["steps"] >= 40 else "step", ["step", "end"]
        )
        graph.add_edge("end", END)
        return graph


class Quit(BaseException):
    """What ``except Exception`` does not catch."""


def _recurse(depth: int = 0) -> int:
    return _recurse(depth + 1) + 1


SHIELD_SECONDS = 9.0
"""Longer than the deadline and its grace together."""


async def _shielded() -> None:
    end = time.monotonic() + SHIELD_SECONDS
    while time.monotonic() < end:
        try:
            await asyncio.shield(asyncio.sleep(end - time.monotonic()))
        except asyncio.CancelledError:
            continue


def _raise(error: BaseException) -> NoReturn:
    raise error


def _give_up() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


DEEDS: dict[str, Callable[[], object]] = {
    "exit": lambda: sys.exit(3),
    "recurse": _recurse,
    "interrupt": lambda: _raise(KeyboardInterrupt()),
    "generator exit": lambda: _raise(GeneratorExit()),
    "own base exception": lambda: _raise(Quit()),
    "cancelled error": lambda: _raise(asyncio.CancelledError()),
    "cancel oneself": _give_up,
    "memory": lambda: _raise(MemoryError()),
    "stop iteration": lambda: _raise(StopIteration()),
    "shield": lambda: None,
}
"""Ways to misbehave; each costs an attempt and nothing else."""


async def _misbehave(state: State) -> State:
    how = state["input"].how
    if how == "shield":
        await _shielded()
    if how in DEEDS:
        DEEDS[how]()
        await asyncio.sleep(0)
    return {}


def _calculate(state: State, runtime: Runtime[Any]) -> State:
    """A synchronous node: LangGraph runs it in a thread."""
    how = state["input"].how.removeprefix("thread: ")
    if how != state["input"].how:
        DEEDS[how]()
    return _end(state, runtime)


def _end(state: State, runtime: Runtime[Any]) -> State:
    return {"result": Result(Said(fence=fence_of(runtime.context)))}


class Rogue(Villain):
    """The same without a graph."""

    type = "chaos_rogue"
    name = "Rogue"
    description = "Misbehaves."

    async def execute(self, ctx: RunContext, inp: Work) -> Result[Said]:
        await _misbehave({"input": inp})
        return Result(Said(fence=fence_of(ctx)))


CATALOG = PLAIN | {
    agent.type: f"tests.chaos.agents:{agent.__name__}"
    for agent in (Labour, Deaf, Held, Thread, Villain, Steps, Rogue)
}
