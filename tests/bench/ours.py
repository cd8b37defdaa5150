"""This daemon as it is, with an agent that does nothing and one that asks a model three times."""

from __future__ import annotations

import os
from typing import Any

from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel
from typing_extensions import TypedDict

from agents.base import AgentInput, BaseAgent, LLMUse, Result, RunContext
from tests.bench.handler import handle

NODES = ("plan", "draft", "review")
SYSTEM = "Answer with one short word."


class Job(AgentInput):
    ts: float = 0.0
    hold: str = ""


class By(BaseModel):
    by: str


class Noop(BaseAgent[Job, By]):
    """Does nothing, or holds on."""

    type = "bench_noop"
    name = "Bench no-op"
    description = "Does nothing."
    timeout_seconds = 3600.0
    Input = Job
    Output = By

    async def execute(self, ctx: RunContext, inp: Job) -> Result[By]:
        return Result(By(by=await handle(inp.model_dump())))


class Word(BaseModel):
    word: str


class State(TypedDict, total=False):
    input: Job
    words: list[str]
    result: Result[By]


class Graph(BaseAgent[Job, By]):
    """Three nodes, one model call each."""

    type = "bench_graph"
    name = "Bench graph"
    description = "Asks a model three times."
    llm = LLMUse(max_calls=3, deadline_seconds=60.0)
    Input = Job
    Output = By

    def build_graph(self) -> StateGraph[Any, Any, Any, Any]:
        graph: StateGraph[Any, Any, Any, Any] = StateGraph(State)
        for name in NODES:
            graph.add_node(name, _asking(name))
        for before, after in zip((START, *NODES), (*NODES, END), strict=True):
            graph.add_edge(before, after)
        return graph


def _asking(name: str) -> Any:
    async def ask(state: State, runtime: Any) -> State:
        ctx: RunContext = runtime.context
        answer = await ctx.llm.ask(
            Word, name=name, system=SYSTEM, data={"ts": state["input"].ts, "node": name}
        )
        assert answer.value is not None, f"the model gave no answer: {answer.reason}"
        words = [*state.get("words", []), answer.value.word]
        if name == NODES[-1]:
            return {"words": words, "result": Result(By(by=" ".join(words)))}
        return {"words": words}

    return ask


CATALOG = {agent.type: f"tests.bench.ours:{agent.__name__}" for agent in (Noop, Graph)}


def serve(dsn: str, slots: int, *, everything: bool = False) -> None:
    """Run until killed. everything: with all the agents of the service loaded too."""
    from daemon.commands.run import serve as run

    os.environ |= {
        "DATABASE_URL": dsn,
        "PORT": os.environ.get("BENCH_PORT", "0"),
        "LOG_LEVEL": "ERROR",
        "WORKER_CONCURRENCY": str(slots),
    }
    catalog = dict(CATALOG)
    if everything:
        from agents.catalog import AGENTS

        catalog |= AGENTS
    raise SystemExit(run(catalog))
