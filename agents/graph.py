"""Runs an agent's LangGraph graph inside an attempt.

There is no checkpointer. A graph that died runs again from START, and what it had already bought
or computed comes back from the journal: cheaper than saving state after every node, and safe when
the code changes in between. So nodes keep whatever objects they like in the state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

from langgraph.errors import GraphDrained
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import RunControl

from agents.base import AgentError, BaseAgent, Drained, Result, RunContext

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

RECURSION_LIMIT = 50
"""Most steps of one run. LangGraph's own default is above ten thousand."""

_compiled: dict[type[BaseAgent[Any, Any]], CompiledStateGraph[Any, Any, Any, Any]] = {}


def chain(state: type[Any], nodes: Sequence[Callable[..., Any]]) -> StateGraph[Any, Any, Any, Any]:
    """A graph that runs the nodes one after another, each under its function's name."""
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(state)
    for node in nodes:
        graph.add_node(node.__name__, node)
    for before, after in pairwise((START, *(node.__name__ for node in nodes), END)):
        graph.add_edge(before, after)
    return graph


def compiled(agent: BaseAgent[Any, Any]) -> CompiledStateGraph[Any, Any, Any, Any]:
    """The agent's graph, compiled once per class."""
    graph = _compiled.get(type(agent))
    if graph is None:
        graph = _compiled[type(agent)] = agent.build_graph().compile(name=agent.type)
    return graph


async def run_graph(agent: BaseAgent[Any, Any], ctx: RunContext, inp: Any) -> Result[Any]:
    """The ``result`` that the graph leaves in its state, with progress told node by node.

    Raises whatever a node raises, Drained when the worker stops, AgentError when the graph ends
    without a result.
    """
    graph = compiled(agent)
    control = RunControl()
    ctx.on_drain(control.request_drain)
    nodes = max(1, len(graph.nodes) - 1)
    finished: set[str] = set()
    result: Result[Any] | None = None
    try:
        async for chunk in graph.astream(
            {"input": inp},
            {"recursion_limit": RECURSION_LIMIT},
            context=ctx,
            stream_mode="updates",
            version="v2",
            control=control,
        ):
            for node, update in cast("dict[str, Any]", chunk["data"]).items():
                finished.add(node)
                if isinstance(update, dict) and isinstance(update.get("result"), Result):
                    result = update["result"]
                await ctx.progress(node, min(99, 100 * len(finished) // nodes))
    except GraphDrained:
        raise Drained from None
    if result is None:
        raise AgentError(
            f"the graph of {agent.type} ended without a result",
            hint='its last node must return {"result": Result(...)}',
        )
    return result
